/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds at every moment:
 *   - current and candidate are where life believes them to be, and an action
 *     never asks for one that is not there;
 *   - no dial while another is under way, or while the link is lost, the path
 *     held or disabled, and no two within `redial` unless an event allows it;
 *   - the state is what was told: disabled before held before the link's;
 *   - every state has a reason, and CHANGED is said exactly when one of them
 *     changed;
 *   - not up with a ready link means that a deadline is set, and expire()
 *     always moves it ahead;
 *   - with every obstacle gone it carries traffic within `bound`.
 */
#include "tests/sim/life_world.h"

#include <assert.h>
#include <string.h>

#define HANDSHAKE_STEPS   3
#define HANDSHAKE_TIMEOUT (10 * MPQ_SECOND)
#define IDLE_TIMEOUT      (30 * MPQ_SECOND)
#define INITIAL_TIMEOUT   (300 * MPQ_MILLISECOND)
#define WINDOW_PKTS       20

enum packet_kind {
	PACKET_HANDSHAKE,
	PACKET_DATA, /* and its acknowledgement */
	PACKET_REFUSAL,
	PACKET_RESET,
};

static const char *const obstacle_names[LIFE_OBSTACLE_KINDS] = {
	"link lost", "readdress", "hole",    "restart",    "amnesia",
	"refuse",    "hold",      "disable", "cannot dial"};

void life_world_init(struct life_world *w, struct sim_run *run,
		     mpq_duration rtt, mpq_duration traffic)
{
	memset(w, 0, sizeof(*w));
	w->run = run;
	w->random.state = run->seed;
	w->rtt = rtt;
	w->traffic = traffic;
	w->current = w->candidate = -1;
	w->clear_since = MPQ_TIME_NEVER;
	mpq_life_init(&w->life, &mpq_life_default, 0);
	life_world_add(w, LIFE_LINK_LOST, 0, MPQ_SECOND);
}

void life_world_add(struct life_world *w, enum life_obstacle_kind kind,
		    mpq_time from, mpq_duration duration)
{
	assert(w->n_obstacles < LIFE_OBSTACLES);
	w->obstacles[w->n_obstacles++] =
		(struct life_obstacle){.kind = kind,
				       .from = from,
				       .until = from + duration};
}

static bool link_ready(const struct life_world *w)
{
	return w->active[LIFE_LINK_LOST] == 0;
}

static bool allowed(const struct life_world *w)
{
	return link_ready(w) && w->active[LIFE_HOLD] == 0 &&
	       w->active[LIFE_DISABLE] == 0;
}

static bool peer_away(const struct life_world *w)
{
	return w->active[LIFE_RESTART] > 0 || w->active[LIFE_AMNESIA] > 0;
}

static struct life_connection *at(struct life_world *w, int slot)
{
	return slot < 0 ? NULL : &w->slot[slot];
}

bool life_world_works(const struct life_world *w)
{
	return w->life.state == MPQ_LIFE_UP && w->current >= 0 &&
	       w->known[w->slot[w->current].id];
}

/* ---- packets ------------------------------------------------------------- */

static void post(struct life_world *w, bool to_server, unsigned id,
		 enum packet_kind kind, unsigned step)
{
	if (!link_ready(w) || w->active[LIFE_HOLE] > 0 ||
	    sim_random_chance(&w->random, w->loss_ppm)) {
		return;
	}
	if (!sim_holds(w->run, w->n_packets < LIFE_PACKETS, w->now,
		       "too many packets under way")) {
		return;
	}
	w->packets[w->n_packets++] = (struct life_packet){
		.at = w->now + w->rtt / 2,
		.to_server = to_server,
		.id = id,
		.kind = kind,
		.step = step,
	};
}

static void client_send(struct life_world *w, struct life_connection *c)
{
	if (c->oldest_unanswered == MPQ_TIME_NEVER) {
		c->oldest_unanswered = w->now;
	}
	c->unacked++;
	if (c->next_timeout == MPQ_TIME_NEVER) {
		c->next_timeout =
			w->now + (c->step == 0 ? INITIAL_TIMEOUT : 3 * w->rtt);
	}
	post(w, true, c->id, c->established ? PACKET_DATA : PACKET_HANDSHAKE,
	     c->step);
}

static void server_receive(struct life_world *w, const struct life_packet *p)
{
	if (peer_away(w)) {
		return;
	}
	if (p->kind == PACKET_HANDSHAKE && p->step == 0) {
		w->known[p->id] = true;
	}
	if (!w->known[p->id]) {
		if (w->tells_resets) {
			post(w, false, p->id, PACKET_RESET, 0);
		}
		return;
	}
	if (p->kind == PACKET_HANDSHAKE && p->step == HANDSHAKE_STEPS - 1 &&
	    w->active[LIFE_REFUSE] > 0) {
		w->known[p->id] = false;
		post(w, false, p->id, PACKET_REFUSAL, 0);
		return;
	}
	post(w, false, p->id, (enum packet_kind)p->kind, p->step);
}

/* ---- the composer: what path.c does with life ---------------------------- */

static void drop(struct life_world *w, int *slot)
{
	if (sim_holds(w->run, *slot >= 0, w->now,
		      "asks to drop what is not there")) {
		w->slot[*slot].used = false;
		*slot = -1;
	}
}

static void check_dial(struct life_world *w)
{
	sim_holds(w->run, w->candidate < 0, w->now, "dials twice at once");
	sim_holds(w->run, allowed(w), w->now,
		  "dials while that is not allowed");
	sim_holds(w->run,
		  w->may_dial_early ||
			  w->now - w->last_dial >= mpq_life_default.redial,
		  w->now, "dials again after %.3f s",
		  (double)(w->now - w->last_dial) / (double)MPQ_SECOND);
	w->last_dial = w->now;
	w->may_dial_early = false;
}

static bool dialled(struct life_world *w)
{
	int slot = w->current == 0 ? 1 : 0;
	struct life_connection *c = &w->slot[slot];

	check_dial(w);
	if (w->active[LIFE_CANNOT_DIAL] > 0) {
		return false;
	}
	*c = (struct life_connection){
		.used = true,
		.id = ++w->last_id,
		.created = w->now,
		.last_read = w->now,
		.oldest_unanswered = MPQ_TIME_NEVER,
		.next_traffic = MPQ_TIME_NEVER,
		.next_timeout = MPQ_TIME_NEVER,
	};
	sim_holds(w->run, c->id < LIFE_CONNECTIONS, w->now, "dials too often");
	w->candidate = slot;
	client_send(w, c);
	return !w->run->failed;
}

static void promote(struct life_world *w)
{
	struct life_connection *c = at(w, w->candidate);

	if (!sim_holds(w->run, c != NULL && c->established, w->now,
		       "promotes what is not established")) {
		return;
	}
	if (w->current >= 0) {
		w->slot[w->current].used = false;
	}
	w->current = w->candidate;
	w->candidate = -1;
}

static void act(struct life_world *w, unsigned actions)
{
	if (actions & MPQ_LIFE_DROP_CURRENT) {
		drop(w, &w->current);
	}
	if (actions & MPQ_LIFE_DROP_CANDIDATE) {
		drop(w, &w->candidate);
	}
	if (actions & MPQ_LIFE_PROMOTE) {
		promote(w);
	}
	if (actions & MPQ_LIFE_DIAL && !dialled(w)) {
		unsigned more =
			mpq_life_ended(&w->life, false, false,
				       "no socket to dial from", w->now);

		sim_holds(w->run, (more & ~(unsigned)MPQ_LIFE_CHANGED) == 0,
			  w->now, "asks for more after a dial that failed");
	}
	if (actions & MPQ_LIFE_PROBE && w->current >= 0) {
		client_send(w, at(w, w->current));
	}
}

/* ---- invariants ---------------------------------------------------------- */

/* Life as it was before a call. */
struct before {
	enum mpq_life_state state;
	char reason[256];
};

static struct before remember(const struct life_world *w)
{
	struct before b = {.state = w->life.state};

	memcpy(b.reason, w->life.reason, sizeof(b.reason));
	return b;
}

static enum mpq_life_state resting_state(const struct life_world *w)
{
	return w->active[LIFE_DISABLE] > 0 ? MPQ_LIFE_DISABLED
	       : w->active[LIFE_HOLD] > 0  ? MPQ_LIFE_HELD
					   : w->life.link;
}

static void check_state(struct life_world *w)
{
	const struct mpq_life *l = &w->life;

	sim_holds(w->run, l->reason[0] != '\0', w->now, "no reason for %s",
		  mpq_life_state_name(l->state));
	sim_holds(w->run, l->has_current == (w->current >= 0), w->now,
		  "wrong about the current connection");
	sim_holds(w->run, l->has_candidate == (w->candidate >= 0), w->now,
		  "wrong about the candidate");
	if (!allowed(w)) {
		sim_holds(w->run, l->state == resting_state(w), w->now,
			  "is %s instead of %s", mpq_life_state_name(l->state),
			  mpq_life_state_name(resting_state(w)));
		return;
	}
	sim_holds(w->run, l->state >= MPQ_LIFE_CONNECTING, w->now,
		  "is %s with a ready link", mpq_life_state_name(l->state));
	sim_holds(w->run,
		  l->state == MPQ_LIFE_UP ||
			  mpq_life_deadline(l) != MPQ_TIME_NEVER,
		  w->now, "waits for nothing while %s",
		  mpq_life_state_name(l->state));
}

/* A call of life is over: did it say what it changed? */
static void settle(struct life_world *w, const struct before *b,
		   unsigned actions)
{
	bool changed = b->state != w->life.state ||
		       strcmp(b->reason, w->life.reason) != 0;

	sim_holds(w->run, changed == ((actions & MPQ_LIFE_CHANGED) != 0),
		  w->now, "%s a change from %s (%s) to %s (%s)",
		  changed ? "hides" : "tells", mpq_life_state_name(b->state),
		  b->reason, mpq_life_state_name(w->life.state),
		  w->life.reason);
	if (changed) {
		w->changes++;
		sim_trace(w->run, w->now, "%s: %s",
			  mpq_life_state_name(w->life.state), w->life.reason);
	}
	act(w, actions);
	check_state(w);
}

#define LIFE(w, call)                                                          \
	do {                                                                   \
		struct before before_ = remember(w);                           \
		unsigned actions_ = (call);                                    \
		settle(w, &before_, actions_);                                 \
	} while (0)

static bool waits_out_a_refusal(const struct life_world *w)
{
	return w->life.state == MPQ_LIFE_REFUSED && w->candidate < 0;
}

static bool clear(const struct life_world *w)
{
	for (int i = 0; i < LIFE_OBSTACLE_KINDS; i++) {
		if (w->active[i] > 0) {
			return false;
		}
	}
	return !waits_out_a_refusal(w);
}

static void check_recovery(struct life_world *w)
{
	if (!clear(w)) {
		w->clear_since = MPQ_TIME_NEVER;
		return;
	}
	if (w->clear_since == MPQ_TIME_NEVER) {
		w->clear_since = w->now;
	}
	if (life_world_works(w)) {
		return;
	}
	sim_holds(w->run, w->now - w->clear_since <= w->bound, w->now,
		  "%s (%s) %.3f s after the last obstacle, rtt %.3f s",
		  mpq_life_state_name(w->life.state), w->life.reason,
		  (double)(w->now - w->clear_since) / (double)MPQ_SECOND,
		  (double)w->rtt / (double)MPQ_SECOND);
	if (w->now - w->clear_since > w->slowest) {
		w->slowest = w->now - w->clear_since;
	}
}

/* ---- what comes in ------------------------------------------------------- */

static void ended(struct life_world *w, struct life_connection *c, bool refused,
		  const char *reason)
{
	bool current = c == at(w, w->current);

	c->used = false;
	if (current) {
		w->current = -1;
	} else {
		w->candidate = -1;
	}
	LIFE(w, mpq_life_ended(&w->life, current, refused, reason, w->now));
}

static void advance(struct life_world *w, struct life_connection *c,
		    const struct life_packet *p)
{
	if (p->kind == PACKET_HANDSHAKE && p->step == c->step &&
	    !c->established) {
		c->established = ++c->step == HANDSHAKE_STEPS;
		client_send(w, c);
		if (c->established) {
			c->next_traffic = w->now + w->traffic;
		}
	}
}

static struct life_connection *find(struct life_world *w, unsigned id)
{
	for (int i = 0; i < 2; i++) {
		if (w->slot[i].used && w->slot[i].id == id) {
			return &w->slot[i];
		}
	}
	return NULL;
}

static void client_receive(struct life_world *w, const struct life_packet *p)
{
	struct life_connection *c = find(w, p->id);

	if (c == NULL) {
		return;
	}
	c->last_read = w->now;
	c->oldest_unanswered = MPQ_TIME_NEVER;
	c->next_timeout = MPQ_TIME_NEVER;
	c->unacked = c->timeouts = 0;
	switch (p->kind) {
	case PACKET_REFUSAL:
		ended(w, c, true, "the peer refuses us");
		break;
	case PACKET_RESET:
		ended(w, c, false, "the peer knows us no more");
		break;
	default:
		advance(w, c, p);
		break;
	}
}

static void deliver(struct life_world *w, size_t i)
{
	struct life_packet p = w->packets[i];

	w->packets[i] = w->packets[--w->n_packets];
	if (p.to_server) {
		server_receive(w, &p);
	} else {
		client_receive(w, &p);
	}
}

static void connection_timers(struct life_world *w, struct life_connection *c)
{
	if (c->used && c->next_timeout <= w->now) {
		c->timeouts++;
		c->next_timeout = MPQ_TIME_NEVER;
		client_send(w, c);
		c->next_timeout =
			w->now + ((c->step == 0 ? INITIAL_TIMEOUT : 3 * w->rtt)
				  << c->timeouts);
	}
	if (c->used && c->next_traffic <= w->now) {
		c->next_traffic = w->now + w->traffic;
		if (c->unacked < WINDOW_PKTS) {
			client_send(w, c);
		}
	}
	if (c->used && !c->established &&
	    w->now - c->created >= HANDSHAKE_TIMEOUT) {
		ended(w, c, false, "no handshake within 10 s");
	}
	if (c->used && c->established &&
	    w->now - c->last_read >= IDLE_TIMEOUT) {
		ended(w, c, false, "no answer for 30 s");
	}
}

static void tell_life(struct life_world *w)
{
	struct life_connection *c = at(w, w->candidate);

	if (c != NULL) {
		LIFE(w, mpq_life_observe_candidate(
				&w->life, c->last_read,
				c->step > 0 ? w->rtt : INITIAL_TIMEOUT / 3,
				w->now));
		c = at(w, w->candidate);
	}
	if (c != NULL && c->established) {
		LIFE(w, mpq_life_established(&w->life, w->now));
	}
	c = at(w, w->current);
	if (c != NULL) {
		LIFE(w, mpq_life_observe(&w->life, c->oldest_unanswered, w->rtt,
					 w->now));
	}
	if (mpq_life_deadline(&w->life) <= w->now) {
		LIFE(w, mpq_life_expire(&w->life, w->now));
		sim_holds(w->run, mpq_life_deadline(&w->life) > w->now, w->now,
			  "expire() leaves a deadline that is due");
	}
}

/* ---- obstacles ----------------------------------------------------------- */

static void set_link(struct life_world *w)
{
	static const enum mpq_life_state lost[] = {MPQ_LIFE_NO_LINK,
						   MPQ_LIFE_NO_CARRIER,
						   MPQ_LIFE_NO_ADDRESS};

	w->n_packets = 0;
	w->may_dial_early = true;
	if (link_ready(w)) {
		LIFE(w, mpq_life_link(&w->life, MPQ_LIFE_CONNECTING, NULL,
				      w->now));
	} else {
		LIFE(w, mpq_life_link(&w->life,
				      lost[sim_random_range(&w->random, 0, 2)],
				      NULL, w->now));
	}
}

static void set_held(struct life_world *w)
{
	w->may_dial_early = true;
	if (w->active[LIFE_HOLD] > 0) {
		LIFE(w, mpq_life_hold(&w->life, MPQ_TIME_NEVER, w->now));
	} else {
		LIFE(w, mpq_life_release(&w->life, w->now));
	}
}

static void apply(struct life_world *w, enum life_obstacle_kind kind)
{
	w->events++;
	w->clear_since = MPQ_TIME_NEVER; /* it begins anew */
	switch (kind) {
	case LIFE_LINK_LOST:
	case LIFE_READDRESS:
		set_link(w);
		break;
	case LIFE_RESTART:
	case LIFE_AMNESIA:
		memset(w->known, 0, sizeof(w->known));
		w->tells_resets = kind == LIFE_RESTART;
		break;
	case LIFE_HOLD:
		set_held(w);
		break;
	case LIFE_DISABLE:
		w->may_dial_early = true;
		LIFE(w, mpq_life_enable(&w->life, w->active[LIFE_DISABLE] == 0,
					w->now));
		break;
	default:
		break;
	}
}

static void obstacles(struct life_world *w)
{
	for (size_t i = 0; i < w->n_obstacles; i++) {
		struct life_obstacle *o = &w->obstacles[i];

		if (o->from <= w->now) {
			o->from = MPQ_TIME_NEVER;
			w->active[o->kind]++;
			sim_trace(w->run, w->now, "%s begins",
				  obstacle_names[o->kind]);
			apply(w, o->kind);
		}
		if (o->until <= w->now) {
			o->until = MPQ_TIME_NEVER;
			w->active[o->kind]--;
			sim_trace(w->run, w->now, "%s ends",
				  obstacle_names[o->kind]);
			apply(w, o->kind);
		}
	}
}

/* ---- time ---------------------------------------------------------------- */

static mpq_time next_event(const struct life_world *w)
{
	mpq_time next = mpq_life_deadline(&w->life);

	for (size_t i = 0; i < w->n_obstacles; i++) {
		next = mpq_time_min(next, w->obstacles[i].from);
		next = mpq_time_min(next, w->obstacles[i].until);
	}
	for (size_t i = 0; i < w->n_packets; i++) {
		next = mpq_time_min(next, w->packets[i].at);
	}
	for (int i = 0; i < 2; i++) {
		const struct life_connection *c = &w->slot[i];

		if (c->used) {
			next = mpq_time_min(next, c->next_timeout);
			next = mpq_time_min(next, c->next_traffic);
			next = mpq_time_min(
				next, c->established
					      ? c->last_read + IDLE_TIMEOUT
					      : c->created + HANDSHAKE_TIMEOUT);
		}
	}
	if (w->clear_since != MPQ_TIME_NEVER && !life_world_works(w)) {
		next = mpq_time_min(next, w->clear_since + w->bound + 1);
	}
	return next;
}

static void turn(struct life_world *w)
{
	obstacles(w);
	for (size_t i = 0; i < w->n_packets;) {
		if (w->packets[i].at <= w->now) {
			deliver(w, i);
			i = 0; /* the list may have been emptied */
		} else {
			i++;
		}
	}
	connection_timers(w, &w->slot[0]);
	connection_timers(w, &w->slot[1]);
	tell_life(w);
	check_recovery(w);
}

void life_world_run(struct life_world *w, mpq_time end)
{
	w->end = end;
	while (!w->run->failed) {
		mpq_time next = next_event(w);

		if (next > end) {
			w->now = end;
			return;
		}
		w->now = next > w->now ? next : w->now;
		turn(w);
	}
}
