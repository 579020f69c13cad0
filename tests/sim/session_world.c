/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/session_world.h"

#include "dataplane/session_private.h"

#include <assert.h>
#include <string.h>

#define MS MPQ_MILLISECOND
#define S  MPQ_SECOND
/* After which traffic has ended, until all is at rest. */
#define REST        (3 * S)
#define REDIAL      (200 * MS)
#define DRAIN       (1 * S)
#define SILENT_MAX  (1500 * MS) /* until another connection is tried */
#define OVERDUE_MAX 64
#define WRITES_MAX  512 /* of a channel and turn */

static struct session_world world;
static struct mpq_packet_pool pools[SESSION_ENDS];

/* ---- channels ------------------------------------------------------------ */

static unsigned index_of(const struct session_end *end,
			 const struct session_channel *c)
{
	unsigned i = 0;

	while (end->channel[c->path][i] != c) {
		i++;
	}
	return i;
}

void session_world_remove(struct session_end *end, struct session_channel *c,
			  const char *reason)
{
	struct session_path *p = &end->world->path[c->path];

	mpq_session_withdraw(end->session, &c->channel, reason,
			     end->world->now);
	end->channel[c->path][index_of(end, c)] = NULL;
	if (p->up == c) {
		p->up = NULL;
	}
	session_channel_free(c);
	end->touched = true;
}

static void on_up(void *owner, struct session_channel *c)
{
	struct session_end *end = owner;

	end->world->path[c->path].up = c;
}

static void on_capsule(void *owner, struct session_channel *c,
		       const struct mpq_capsule *capsule)
{
	struct session_end *end = owner;

	if (mpq_session_capsule(end->session, &c->channel, capsule,
				end->world->now) < 0) {
		sim_holds(end->world->run, end->world->hostile, end->world->now,
			  "end %u: a capsule of type %#llx is malformed",
			  end->index, (unsigned long long)capsule->type);
		mpq_channel_close(&c->channel, "a malformed capsule");
	}
}

static void on_early(void *owner)
{
	struct session_end *end = owner;

	end->early_context++;
}

static void on_arrives(void *owner, struct session_channel *c,
		       const uint8_t *data, size_t len)
{
	(void)c;
	session_account_arrives(owner, data, len);
}

static void on_taken(void *owner, struct session_channel *c, uint64_t id,
		     const struct mpq_channel_offer *offer)
{
	(void)id;
	session_account_taken(owner, c->path, offer);
}

static const struct session_channel_events channel_events = {
	.up = on_up,
	.capsule = on_capsule,
	.early = on_early,
	.arrives = on_arrives,
	.taken = on_taken,
};

static struct session_channel *add_channel(struct session_end *end,
					   unsigned path, uint64_t number)
{
	struct session_channel **slot = end->channel[path];
	struct session_world *w = end->world;
	unsigned i = 0;

	while (i < SESSION_CHANNELS && slot[i] != NULL) {
		i++;
	}
	if (i == SESSION_CHANNELS) { /* the client knows it no more */
		i = 0;
		session_world_remove(end, slot[0], "too many connections");
	}
	slot[i] = session_channel_new(end->index == 1, number, &channel_events,
				      end, path, end->world->now);
	if (w->narrow[path].bytes > 0 &&
	    (w->narrow[path].always || sim_random_chance(&w->random, 500000))) {
		slot[i]->max_bytes = w->narrow[path].bytes;
	}
	return slot[i];
}

static struct session_channel *find_channel(const struct session_end *end,
					    unsigned path, uint64_t number)
{
	for (unsigned i = 0; i < SESSION_CHANNELS; i++) {
		struct session_channel *c = end->channel[path][i];

		if (c != NULL && c->conn.number == number) {
			return c;
		}
	}
	return NULL;
}

/* ---- what the sessions tell ---------------------------------------------- */

static void on_deliver(void *owner, const uint8_t *data, size_t len)
{
	struct session_end *end = owner;

	session_account_delivered(end, data, len);
	if (len >= SESSION_LEAST) {
		session_traffic_answer(end->world, data);
	}
}

static void on_too_big(void *owner, const struct mpq_packet *p, size_t limit)
{
	struct session_end *end = owner;

	(void)limit;
	sim_holds(end->world->run, !end->world->never_big, end->world->now,
		  "too large for all paths");
	if (p->kind == MPQ_HEADER_REPAIR) {
		end->too_big_again++;
	} else {
		end->too_big++;
	}
}

static void on_changed(void *owner, const char *reason)
{
	struct session_end *end = owner;

	sim_trace(end->world->run, end->world->now, "end %u: up or down: %s",
		  end->index, reason);
}

static void on_member(void *owner, unsigned path,
		      enum mpq_session_member_state was, const char *reason,
		      mpq_duration gap)
{
	struct session_end *end = owner;

	(void)gap;
	sim_trace(end->world->run, end->world->now,
		  "end %u: path %u was %s, is %s: %s", end->index, path,
		  mpq_session_member_state_name(was),
		  mpq_session_member_state_name(end->session->path[path].state),
		  reason);
}

static void on_steered(void *owner, const struct mpq_steer_event *event)
{
	struct session_end *end = owner;

	sim_trace(end->world->run, end->world->now,
		  "end %u: class %u, flow %08x %s for %s, %#x to %#x",
		  end->index, event->class, event->flow,
		  mpq_steer_kind_name(event->kind),
		  mpq_steer_reason_name(event->reason), event->from, event->to);
}

static void on_touched(void *owner)
{
	struct session_end *end = owner;

	end->touched = true;
}

static const struct mpq_session_events session_events = {
	.touched = on_touched,
	.deliver = on_deliver,
	.too_big = on_too_big,
	.changed = on_changed,
	.member = on_member,
	.steered = on_steered,
};

/* ---- the client's paths -------------------------------------------------- */

void session_world_dial(struct session_world *w, unsigned path)
{
	w->path[path].dial_at = MPQ_TIME_NEVER;
	(void)add_channel(&w->end[0], path, ++w->next_number);
	w->end[0].touched = true;
}

static unsigned count_channels(const struct session_end *end, unsigned path)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SESSION_CHANNELS; i++) {
		n += end->channel[path][i] != NULL;
	}
	return n;
}

static void close_others(struct session_world *w, unsigned path,
			 const struct mpq_channel *up,
			 const struct mpq_channel *last)
{
	for (unsigned i = 0; i < SESSION_CHANNELS; i++) {
		struct session_channel *c = w->end[0].channel[path][i];

		if (c != NULL && &c->channel != up && &c->channel != last &&
		    c->channel.up) {
			mpq_channel_close(&c->channel, "a newer one is up");
		}
	}
}

/* The one that is up carries the path, at once or when it has joined; those
 * before it are done with. */
static void offer(struct session_world *w, unsigned path)
{
	struct session_channel *up = w->path[path].up;
	struct mpq_session *s = w->end[0].session;

	if (mpq_session_replace(s, path, &up->channel, w->now)) {
		w->path[path].up = NULL;
		mpq_session_offer(s, path, &up->channel, w->now);
		close_others(w, path, &up->channel, s->path[path].last);
	}
}

/* What was under way on it has come. */
static void end_last(struct session_world *w, const struct mpq_session_path *m)
{
	if (m->last != NULL && w->now - m->joined >= DRAIN) {
		mpq_channel_close(m->last, "a newer one took over");
	}
}

static void follow_path(struct session_world *w, unsigned i)
{
	const struct mpq_session_path *m = &w->end[0].session->path[i];
	struct session_path *p = &w->path[i];
	unsigned channels = count_channels(&w->end[0], i);

	if (p->up != NULL) {
		offer(w, i);
	}
	end_last(w, m);
	if (p->gone) {
		return;
	}
	if (channels == 0 && p->dial_at == MPQ_TIME_NEVER) {
		p->dial_at = w->now + REDIAL;
	}
	if (m->state == MPQ_SESSION_SILENT && channels == 1 &&
	    w->now - m->since >= SILENT_MAX) {
		session_world_dial(w, i);
	}
	if (p->dial_at <= w->now) {
		session_world_dial(w, i);
	}
}

/* ---- links --------------------------------------------------------------- */

static void receive(struct session_end *to, unsigned path, const uint8_t *data,
		    size_t len)
{
	bool hello;
	uint64_t number = session_channel_number(data, len, &hello);
	struct session_channel *c = find_channel(to, path, number);

	if (c == NULL && hello && to->index == 1) {
		c = add_channel(to, path, number);
	}
	if (c != NULL) {
		session_channel_read(c, data, len, to->world->now);
		to->touched = true;
	}
}

static void receive_all(struct session_world *w)
{
	for (unsigned i = 0; i < w->paths; i++) {
		for (unsigned e = 0; e < SESSION_ENDS; e++) {
			struct sim_link *l = &w->link[i][1 - e];
			const struct sim_link_packet *p;

			if (sim_link_deadline(l) > w->now) {
				continue;
			}
			while ((p = sim_link_pop(l, w->now)) != NULL) {
				receive(&w->end[e], i, p->data, p->len);
			}
		}
	}
}

static void write_channel(struct session_end *end, struct session_channel *c)
{
	static const struct mpq_sockaddr nobody;
	struct session_world *w = end->world;
	const struct mpq_channel_source *source;
	uint8_t packet[SESSION_CHANNEL_MAX_BYTES];
	unsigned writes = 0;
	void *owner = NULL;
	size_t n;

	if (!c->channel.dirty && session_channel_deadline(c) > w->now &&
	    !mpq_session_waits(end->session, &c->channel)) {
		return;
	}
	source = mpq_session_source(end->session, &c->channel, &owner);
	while ((n = session_channel_write(c, source, owner, packet, w->now)) >
		       0 &&
	       ++writes < WRITES_MAX) {
		sim_link_push(&w->link[c->path][end->index], &nobody, &nobody,
			      0, packet, n, w->now);
	}
	sim_holds(w->run, writes < WRITES_MAX, w->now,
		  "end %u: path %u writes without end", end->index, c->path);
}

/* ---- time ---------------------------------------------------------------- */

static void expire_channels(struct session_end *end)
{
	for (unsigned i = 0; i < end->world->paths; i++) {
		for (unsigned k = 0; k < SESSION_CHANNELS; k++) {
			struct session_channel *c = end->channel[i][k];

			if (c != NULL &&
			    session_channel_deadline(c) <= end->world->now) {
				session_channel_expire(c, end->world->now);
				end->touched = true;
			}
		}
	}
}

static void write_all(struct session_end *end)
{
	for (unsigned i = 0; i < end->world->paths; i++) {
		for (unsigned k = 0; k < SESSION_CHANNELS; k++) {
			struct session_channel *c = end->channel[i][k];

			if (c == NULL) {
				continue;
			}
			write_channel(end, c);
			if (c->channel.over) {
				session_world_remove(end, c, "it is over");
			}
		}
	}
}

static void turn(struct session_end *end)
{
	struct session_world *w = end->world;

	expire_channels(end);
	if (!end->touched && mpq_session_deadline(end->session) > w->now) {
		return;
	}
	end->touched = false;
	mpq_session_turn(end->session, w->now);
	write_all(end);
	session_account_turn(end);
	end->overdue = mpq_session_deadline(end->session) <= w->now
			       ? end->overdue + 1
			       : 0;
	sim_holds(w->run, end->overdue < OVERDUE_MAX, w->now,
		  "end %u: what is due is not done", end->index);
}

static mpq_time channels_deadline(const struct session_end *end)
{
	mpq_time due = MPQ_TIME_NEVER;

	for (unsigned i = 0; i < end->world->paths; i++) {
		for (unsigned k = 0; k < SESSION_CHANNELS; k++) {
			const struct session_channel *c = end->channel[i][k];

			if (c != NULL) {
				due = mpq_time_min(due,
						   session_channel_deadline(c));
			}
		}
	}
	return due;
}

static mpq_time next_time(const struct session_world *w)
{
	mpq_time at =
		mpq_time_min(session_trouble_next(w), session_traffic_next(w));

	for (unsigned i = 0; i < w->paths; i++) {
		at = mpq_time_min(at, w->path[i].dial_at);
		for (unsigned e = 0; e < SESSION_ENDS; e++) {
			at = mpq_time_min(at,
					  sim_link_deadline(&w->link[i][e]));
		}
	}
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		at = mpq_time_min(at, channels_deadline(&w->end[e]));
		at = mpq_time_min(at, w->end[e].touched
					      ? w->now
					      : mpq_session_deadline(
							w->end[e].session));
	}
	at = at > w->now ? at : w->now + 1;
	return (at + w->grid - 1) / w->grid * w->grid;
}

static void step(struct session_world *w)
{
	session_trouble_happen(w);
	receive_all(w);
	session_traffic_send(w);
	for (unsigned i = 0; i < w->paths; i++) {
		follow_path(w, i);
	}
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		turn(&w->end[e]);
	}
	w->steps++;
}

/* ---- begin and end ------------------------------------------------------- */

struct session_world *session_world_begin(struct sim_run *run, unsigned paths)
{
	struct session_world *w = &world;
	struct session_record *record[SESSION_ENDS] = {w->end[0].record,
						       w->end[1].record};
	uint32_t room[SESSION_ENDS] = {w->end[0].room, w->end[1].room};

	memset(w, 0, sizeof(*w));
	w->run = run;
	w->random.state = run->seed * UINT64_C(0x9e3779b97f4a7c15);
	w->paths = paths;
	w->grid = 50 * MPQ_MICROSECOND;
	w->pool_pkts = SESSION_POOL;
	w->starve_max = 2000 * MS;
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		w->end[e].world = w;
		w->end[e].index = e;
		w->end[e].record = record[e];
		w->end[e].room = room[e];
	}
	session_channel_seed(&w->random);
	w->now = w->start =
		sim_random_range(&w->random, 20 * S, 1000 * S) / MS * MS;
	return w;
}

struct session_flow_plan *session_world_flow(struct session_world *w)
{
	assert(w->flows < SESSION_FLOWS);
	return &w->flow[w->flows++].plan;
}

void session_world_event(struct session_world *w, const struct session_event *e)
{
	unsigned i = w->events++;

	assert(w->events <= SESSION_EVENTS);
	for (; i > 0 && w->event[i - 1].at > e->at; i--) {
		w->event[i] = w->event[i - 1];
	}
	w->event[i] = *e;
}

static void start(struct session_world *w)
{
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		if (mpq_packet_pool_init(&pools[e], w->pool_pkts) < 0) {
			assert(false);
		}
		w->end[e].session =
			mpq_session_new(e == 0, &session_events, &w->end[e],
					&pools[e], sim_random_next(&w->random),
					w->now);
		assert(w->end[e].session != NULL);
		mpq_session_configure(w->end[e].session, &w->policy[0], true,
				      SESSION_QUEUE_DELAY, w->now);
	}
	for (unsigned i = 0; i < w->paths; i++) {
		w->path[i].dial_at =
			w->now + sim_random_range(&w->random, 0, 20 * MS);
	}
	for (unsigned i = 0; i < w->flows; i++) {
		struct session_flow *f = &w->flow[i];

		f->next = f->answered_at = w->start + f->plan.start;
		f->window = f->plan.window;
		f->waits_since = MPQ_TIME_NEVER;
	}
}

static void finish(struct session_world *w)
{
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		struct session_end *end = &w->end[e];

		for (unsigned i = 0; i < w->paths; i++) {
			for (unsigned k = 0; k < SESSION_CHANNELS; k++) {
				session_channel_free(end->channel[i][k]);
			}
			sim_link_finish(&w->link[i][e]);
		}
		/* Its channels are gone, which it need not touch. */
		for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
			struct mpq_session_path *m = &end->session->path[i];

			m->channel = m->next.channel = m->last = NULL;
		}
		mpq_session_free(end->session);
		if (w->run->failed) { /* some may be missing: that is told */
			pools[e].free_pkts = pools[e].size_pkts;
		}
		mpq_packet_pool_finish(&pools[e]);
	}
}

void session_world_run(struct session_world *w)
{
	start(w);
	while (w->now < w->start + w->length && !w->run->failed) {
		step(w);
		w->now = next_time(w);
	}
	while (w->now < w->start + w->length + REST && !w->run->failed) {
		step(w);
		w->now = next_time(w);
	}
	if (!w->run->failed) {
		session_account_end(w);
	}
	finish(w);
}
