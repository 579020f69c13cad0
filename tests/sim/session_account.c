/* SPDX-License-Identifier: Apache-2.0 */
/* What became of each packet, and what must hold of it. */
#include "tests/sim/session_world.h"

#include "dataplane/session_private.h"

#include <stdlib.h>
#include <string.h>

#define MS MPQ_MILLISECOND
/* A hole is given up by a timer, which the loop may be late for. */
#define LATE (2 * MS)
/* What is taken beside a flow that waits until that is no chance any more. */
#define PASSED_BYTES (24 * 1024)
#define PASSED_PKTS  4
#define SENT_ENOUGH  20 /* packets, of which one at least should come */
/* In a queue, at most: without a path a second, and twice that when it is
 * steered again and again. */
#define QUEUED_MAX (3 * MPQ_SECOND)

static struct sim_run *run_of(const struct session_end *end)
{
	return end->world->run;
}

static struct session_end *peer_of(const struct session_end *end)
{
	return &end->world->end[1 - end->index];
}

static uint8_t class_of(const struct session_end *from,
			const struct session_flow *f)
{
	uint8_t class_id = f->plan.dscp / 8;

	return class_id < from->session->policy.n_classes ? class_id : 0;
}

uint32_t session_account_sent(struct session_end *from, unsigned flow,
			      uint32_t number)
{
	struct session_flow *f = &from->world->flow[flow];
	struct session_record *r;

	if (from->n_records == from->room) {
		from->room = from->room > 0 ? 2 * from->room : 4096;
		from->record = realloc(from->record,
				       from->room * sizeof(*from->record));
		if (from->record == NULL) {
			abort();
		}
	}
	r = &from->record[from->n_records];
	*r = (struct session_record){.sent = from->world->now,
				     .arrived = MPQ_TIME_NEVER,
				     .number = number,
				     .flow = (uint8_t)flow};
	sim_trace(run_of(from), r->sent, "end %u: packet %u of flow %u",
		  from->index, number, flow);
	if (f->waits_since == MPQ_TIME_NEVER) {
		f->waits_since = from->world->now;
		f->waits_pkts = 0;
		f->passed_bytes = 0;
	}
	f->waits_pkts++;
	f->sent_up += from->session->up;
	f->class_id = class_of(from, f);
	return from->n_records++;
}

/* The packet of ours that it is, or NULL: somebody else's. */
static struct session_record *record_of(struct session_end *from,
					const uint8_t *data, size_t len)
{
	struct session_packet p;

	if (len < SESSION_LEAST) {
		return NULL;
	}
	memcpy(&p, data + SESSION_PACKET_HEAD, sizeof(p));
	return p.magic == SESSION_MAGIC && p.end == from->index &&
			       p.serial < from->n_records
		       ? &from->record[p.serial]
		       : NULL;
}

/* ---- starving ------------------------------------------------------------ */

static uint8_t priority_of(const struct session_end *from,
			   const struct session_flow *f)
{
	return from->session->policy.class[f->class_id].priority;
}

/* Nobody could take it, or its class asked for that. */
static bool may_wait(const struct session_end *from,
		     const struct session_flow *f)
{
	const struct mpq_session *s = from->session;

	return mpq_steer_may_take(s->steer, f->class_id) == 0 ||
	       s->policy.class[f->class_id].steer.rate_limit_bps > 0;
}

static void check_starving(struct session_end *from,
			   const struct session_flow *served, size_t len)
{
	struct session_world *w = from->world;

	for (unsigned i = 0; i < w->flows; i++) {
		struct session_flow *f = &w->flow[i];
		mpq_duration waited;

		if (f == served || f->plan.end != from->index ||
		    f->waits_since == MPQ_TIME_NEVER) {
			continue;
		}
		if (may_wait(from, f) ||
		    priority_of(from, f) < priority_of(from, served)) {
			f->waits_since = w->now;
			f->passed_bytes = 0;
			continue;
		}
		f->passed_bytes += len;
		waited = w->now - f->waits_since;
		if (f->waits_pkts < PASSED_PKTS ||
		    f->passed_bytes < PASSED_BYTES) {
			continue;
		}
		f->waited_most =
			waited > f->waited_most ? waited : f->waited_most;
		sim_holds(w->run, waited <= w->starve_max || w->may_starve,
			  w->now,
			  "end %u: flow %u waits for %.0f ms with %u packets, "
			  "while %llu bytes of others were taken",
			  from->index, i, (double)waited / (double)MS,
			  f->waits_pkts, (unsigned long long)f->passed_bytes);
	}
}

static bool is_repaired(const struct mpq_policy_class *c)
{
	return c->repair_deadline > 0 && c->steer.mode != MPQ_STEER_REDUNDANT;
}

void session_account_taken(struct session_end *from, unsigned path,
			   const struct mpq_channel_offer *offer)
{
	struct session_world *w = from->world;
	struct session_record *r =
		record_of(from, offer->data, offer->data_bytes);
	struct session_flow *f;
	struct mpq_header h;

	/* A parity looks like the packets that it is of. */
	if (r == NULL ||
	    mpq_header_read(offer->head, offer->head_bytes, &h) < 0 ||
	    h.kind > MPQ_HEADER_AHEAD) {
		return;
	}
	f = &w->flow[r->flow];
	if (r->taken == 0) {
		sim_holds(w->run, w->now - r->sent <= QUEUED_MAX, w->now,
			  "end %u: packet %u of flow %u was queued for %.0f ms",
			  from->index, r->number, r->flow,
			  (double)(w->now - r->sent) / (double)MS);
	}
	sim_trace(w->run, w->now, "end %u: packet %u of flow %u leaves%s by %u",
		  from->index, r->number, r->flow, r->taken > 0 ? " again" : "",
		  path);
	r->taken += r->taken < UINT8_MAX;
	r->unkept |= h.kind == MPQ_HEADER_COPY ||
		     !is_repaired(&from->session->policy.class[h.class_id]);
	r->class_id = h.class_id;
	f->waits_since = MPQ_TIME_NEVER;
	check_starving(from, f, offer->data_bytes);
}

/* ---- delivery ------------------------------------------------------------ */

/* As order has it now. */
static mpq_duration hold_of(const struct session_end *to, unsigned class_id)
{
	const struct mpq_order_class *c = &to->session->order.classes[class_id];

	return c->cap > c->repair ? c->cap : c->cap > 0 ? c->repair : 0;
}

static void note_allowed(struct session_end *to)
{
	mpq_time now = to->world->now;

	if (now - to->allowed_since >= MPQ_SECOND) {
		memcpy(to->allowed[1], to->allowed[0], sizeof(to->allowed[0]));
		memset(to->allowed[0], 0, sizeof(to->allowed[0]));
		to->allowed_since = now;
	}
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		mpq_duration hold = hold_of(to, c);

		to->allowed[0][c] =
			hold > to->allowed[0][c] ? hold : to->allowed[0][c];
	}
}

static mpq_duration allowed(const struct session_end *to, unsigned class_id)
{
	mpq_duration a = to->allowed[0][class_id], b = to->allowed[1][class_id];

	return a > b ? a : b;
}

void session_account_arrives(struct session_end *to, const uint8_t *data,
			     size_t len)
{
	struct session_record *r;
	struct mpq_header h;

	if (mpq_header_read(data, len, &h) < 0 || !mpq_header_in_lane(&h)) {
		return;
	}
	r = record_of(peer_of(to), data + MPQ_HEADER_BYTES,
		      len - MPQ_HEADER_BYTES);
	if (r != NULL && r->arrived == MPQ_TIME_NEVER) {
		r->arrived = to->world->now;
		r->class_id = h.class_id;
	}
}

static uint64_t late_so_far(const struct mpq_session *s)
{
	uint64_t n = 0;

	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		n += s->order.counters[c].late;
	}
	return n;
}

static bool is_late(struct session_end *to)
{
	uint64_t late = late_so_far(to->session);
	bool now = late > to->late;

	to->late = late;
	to->lates += now;
	return now;
}

/* What did not come and comes out, a parity has made good. Since when it was
 * there, nobody knows; what it waited for, and those behind it, are held as
 * long. */
static void check_restored(struct session_end *to,
			   const struct session_record *r)
{
	const struct session_world *w = to->world;
	uint64_t restored = 0;

	for (unsigned i = 0; i < w->paths; i++) {
		restored += to->session->path[i].restored;
	}
	to->restored++;
	sim_holds(w->run, to->restored <= restored, w->now,
		  "end %u: packet %u of flow %u came out and never came, of "
		  "%llu, %llu were restored",
		  to->index, r->number, r->flow,
		  (unsigned long long)to->restored,
		  (unsigned long long)restored);
}

static void check_hold(struct session_end *to, const struct session_record *r)
{
	struct session_world *w = to->world;
	mpq_duration held = w->now - r->arrived;
	mpq_duration most = allowed(to, r->class_id);

	sim_holds(w->run, held <= most + w->grid + LATE, w->now,
		  "end %u: packet %u of flow %u was held for %.1f ms, allowed "
		  "are %.1f",
		  to->index, r->number, r->flow, (double)held / (double)MS,
		  (double)most / (double)MS);
}

/* Waited while its session began anew: what had overtaken it left in the one
 * before. */
static bool is_of_session_before(const struct session_end *to,
				 const struct session_record *r)
{
	return r->sent <= peer_of(to)->restarted;
}

static void check_order(struct session_end *to, struct session_flow *f,
			const struct session_record *r, bool late)
{
	struct session_world *w = to->world;
	bool ordered = to->session->order.classes[r->class_id].cap > 0 &&
		       w->now >= f->unordered && !w->hostile &&
		       !is_of_session_before(to, r);

	sim_holds(w->run, !late || !w->never_late, w->now,
		  "end %u: packet %u of flow %u is late", to->index, r->number,
		  r->flow);
	sim_holds(w->run, r->number >= f->highest || late || !ordered, w->now,
		  "end %u: packet %u of flow %u after %u", to->index, r->number,
		  r->flow, f->highest - 1);
	f->highest = r->number + 1 > f->highest ? r->number + 1 : f->highest;
}

void session_account_delivered(struct session_end *to, const uint8_t *data,
			       size_t len)
{
	struct session_world *w = to->world;
	struct session_record *r = record_of(peer_of(to), data, len);
	bool late = is_late(to);

	if (r == NULL) {
		sim_holds(w->run, w->hostile, w->now,
			  "end %u: something that nobody sent", to->index);
		return;
	}
	sim_trace(w->run, w->now, "end %u: packet %u of flow %u came%s",
		  to->index, r->number, r->flow, late ? ", late" : "");
	sim_holds(w->run, r->delivered++ == 0, w->now,
		  "end %u: packet %u of flow %u twice", to->index, r->number,
		  r->flow);
	if (r->arrived == MPQ_TIME_NEVER) {
		check_restored(to, r);
	} else {
		check_hold(to, r);
	}
	check_order(to, &w->flow[r->flow], r, late);
	w->flow[r->flow].delivered++;
	sim_histogram_add(w->run->durations, w->now - r->sent);
}

/* ---- bounds -------------------------------------------------------------- */

static void keep_counters(struct session_end *end)
{
	const struct mpq_session *s = end->session;

	if (s->repair == end->repair) {
		return;
	}
	if (end->repair != NULL) {
		end->restarted = end->world->now;
		sim_trace(run_of(end), end->world->now,
			  "end %u: the session begins anew", end->index);
	}
	end->repair = s->repair;
	end->late = 0;
}

static void trace_queues(const struct session_end *end)
{
	const struct session_world *w = end->world;
	const struct mpq_session *s = end->session;

	for (unsigned i = 0; w->run->trace && i < w->paths; i++) {
		const struct mpq_session_path *m = &s->path[i];

		for (unsigned c = 0; c < s->policy.n_classes; c++) {
			sim_trace(w->run, w->now,
				  "end %u: path %u %s, class %u: %zu of its "
				  "own, %zu shared, window %llu of %llu",
				  end->index, i,
				  mpq_session_member_state_name(m->state), c,
				  m->own[c].pkts, s->shared[c].pkts,
				  (unsigned long long)
					  m->estimate.view.in_flight_bytes,
				  (unsigned long long)
					  m->estimate.view.cwnd_bytes);
		}
	}
}

/* Nobody is served: who waits, waits for a path. */
static void wait_for_a_path(struct session_end *end)
{
	struct session_world *w = end->world;

	for (unsigned i = 0; i < w->flows; i++) {
		struct session_flow *f = &w->flow[i];

		if (f->plan.end == end->index &&
		    f->waits_since != MPQ_TIME_NEVER) {
			f->waits_since = w->now;
			f->passed_bytes = 0;
		}
	}
}

void session_account_turn(struct session_end *end)
{
	struct session_world *w = end->world;
	const struct mpq_session *s = end->session;
	size_t queued = mpq_session_queued(s), held = s->order.held.pkts;
	size_t used = s->pool->size_pkts - s->pool->free_pkts;

	keep_counters(end);
	note_allowed(end);
	trace_queues(end);
	if (!mpq_session_is_up(s)) {
		wait_for_a_path(end);
	}
	end->held_most = held > end->held_most ? held : end->held_most;
	end->queued_most =
		queued > end->queued_most ? queued : end->queued_most;
	end->used_most = used > end->used_most ? used : end->used_most;
	sim_holds(w->run,
		  held <= s->order.config.held_pkts &&
			  s->order.held.bytes <= s->order.config.held_bytes,
		  w->now, "end %u holds %zu packets", end->index, held);
	/* The last one may have been copied. */
	sim_holds(w->run, queued <= s->pool->size_pkts / 2 + SESSION_PATHS,
		  w->now, "end %u queues %zu of %zu packets", end->index,
		  queued, s->pool->size_pkts);
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		sim_holds(w->run, s->path[i].urgent_pkts <= MPQ_SESSION_URGENT,
			  w->now, "end %u: too much is urgent", end->index);
		sim_holds(w->run, w->hostile || !s->path[i].parities_ignored,
			  w->now, "end %u: a parity was ignored", end->index);
	}
}

/* ---- the end ------------------------------------------------------------- */

struct losses { /* packets */
	uint64_t queue, way, receiver;
};

static uint64_t dropped_of(const struct mpq_fair *q)
{
	return q->dropped_full + q->dropped_delay;
}

/* Why a sender dropped what it had not sent. */
static uint64_t queue_reasons(const struct session_end *from)
{
	const struct mpq_session *s = from->session;
	uint64_t n = from->too_big;

	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		n += dropped_of(&s->shared[c]) + s->class[c].over_rate +
		     s->class[c].copies_gone;
		for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
			n += dropped_of(&s->path[i].own[c]);
		}
	}
	return n;
}

/* Why it did not repair what was lost. */
static uint64_t repair_reasons(const struct session_end *from)
{
	const struct mpq_session *s = from->session;
	const struct mpq_repair_counters *r = mpq_repair_counters(s->repair);
	uint64_t n = r->expired + r->given_up + r->overflow +
		     s->counters.unrepaired + peer_of(from)->early_context +
		     from->too_big_again;

	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		n += s->class[c].expired;
	}
	return n;
}

static uint64_t receiver_reasons(const struct session_end *to)
{
	const struct mpq_session *s = to->session;
	uint64_t n = s->counters.no_buffer + s->counters.malformed +
		     s->order.unknown_class;

	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		n += s->order.counters[c].out_of_window;
	}
	return n;
}

/* Of classes whose losses nobody repairs; what was under way when all paths
 * were gone is over with the session. */
static bool is_excused(const struct session_end *from,
		       const struct session_record *r)
{
	return !from->world->never_lost &&
	       (r->unkept || from->world->renumbers ||
		r->sent <= from->restarted ||
		r->sent <= peer_of(from)->restarted);
}

static struct losses count_losses(const struct session_end *from)
{
	struct losses l = {0};

	for (uint32_t i = 0; i < from->n_records; i++) {
		const struct session_record *r = &from->record[i];

		if (r->delivered > 0) {
			continue;
		}
		if (r->taken == 0) {
			l.queue++;
		} else if (is_excused(from, r)) {
			continue;
		} else if (r->arrived == MPQ_TIME_NEVER) {
			l.way++;
		} else {
			l.receiver++;
		}
	}
	return l;
}

static void check_losses(struct session_end *from)
{
	struct session_world *w = from->world;
	struct losses l = count_losses(from);

	/* Counters of a class are gone with it. */
	sim_holds(w->run, w->renumbers || l.queue <= queue_reasons(from),
		  w->now,
		  "end %u: %llu packets were never sent, %llu have a reason",
		  from->index, (unsigned long long)l.queue,
		  (unsigned long long)queue_reasons(from));
	sim_holds(w->run, l.way <= repair_reasons(from), w->now,
		  "end %u: %llu packets were lost on the way, %llu have a "
		  "reason",
		  from->index, (unsigned long long)l.way,
		  (unsigned long long)repair_reasons(from));
	sim_holds(w->run, l.receiver <= receiver_reasons(peer_of(from)), w->now,
		  "end %u: %llu packets came and were not delivered, %llu "
		  "have a reason",
		  from->index, (unsigned long long)l.receiver,
		  (unsigned long long)receiver_reasons(peer_of(from)));
	sim_holds(w->run, !w->never_lost || l.queue + l.way + l.receiver == 0,
		  w->now, "end %u: %llu + %llu + %llu packets were lost",
		  from->index, (unsigned long long)l.queue,
		  (unsigned long long)l.way, (unsigned long long)l.receiver);
}

static void check_empty(struct session_end *end)
{
	struct session_world *w = end->world;
	const struct mpq_session *s = end->session;
	size_t urgent = 0;

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		urgent += s->path[i].urgent_pkts;
	}
	sim_holds(w->run, s->pool->free_pkts == s->pool->size_pkts, w->now,
		  "end %u: %zu buffers are in use at rest: %zu queued, %zu "
		  "held, %zu kept for repair, %zu urgent",
		  end->index, s->pool->size_pkts - s->pool->free_pkts,
		  mpq_session_queued(s), s->order.held.pkts,
		  mpq_repair_held_pkts(s->repair), urgent);
}

/* Priorities are strict. */
static bool has_higher(const struct session_world *w,
		       const struct session_flow *f)
{
	const struct session_end *from = &w->end[f->plan.end];

	for (unsigned i = 0; i < w->flows; i++) {
		if (w->flow[i].plan.end == f->plan.end &&
		    priority_of(from, &w->flow[i]) > priority_of(from, f)) {
			return true;
		}
	}
	return false;
}

void session_account_end(struct session_world *w)
{
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		check_empty(&w->end[e]);
		check_losses(&w->end[e]);
	}
	for (unsigned i = 0; i < w->flows; i++) {
		mpq_duration most = w->flow[i].waited_most;

		w->run->figure = most > w->run->figure ? most : w->run->figure;
		sim_holds(w->run,
			  w->flow[i].delivered > 0 || w->may_starve ||
				  w->flow[i].sent_up < SENT_ENOUGH ||
				  has_higher(w, &w->flow[i]),
			  w->now, "nothing came of flow %u", i);
	}
}
