/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/steer_world.h"

#include "tests/sim/steer_order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MS         MPQ_MILLISECOND
#define STEP       (100 * MPQ_MICROSECOND)
#define START      MPQ_SECOND
#define POOL       24000
#define KEPT       12000
#define QUEUE      2000
#define QUEUE_MIN  300
#define QUEUE_TIME (100 * MS)
#define TARGET     (20 * MS)
#define DEADLINE   (250 * MS)
#define REPAIR_MAX (200 * MS)
#define ACKS       32768
#define LAST       (500 * MS) /* the end is for what is on its way */
#define FLOW_HASH  UINT32_C(0x10001)
#define PROBE      UINT64_MAX /* a datagram without a packet */

const char *const sim_steer_traffics[SIM_TRAFFICS] = {"1 TCP CUBIC",
						      "1 TCP BBR",
						      "8 TCP CUBIC",
						      "1 QUIC-like", "UDP 0.8"};

struct wire { /* what is in a datagram */
	uint64_t id, seq, inner;
	mpq_time sent, bound;
	uint32_t flow, again;
};

struct acks { /* in flight back; in order */
	struct {
		mpq_time at;
		uint64_t id;
	} ring[ACKS];
	uint64_t head, tail;
};

struct path {
	struct world *world;
	unsigned index;
	bool exists;
	struct sim_link link;
	struct sim_transport transport;
	struct mpq_estimate estimate;
	struct mpq_queue queue, urgent;
	struct mpq_repair_item again[QUEUE]; /* of urgent's packets */
	uint64_t again_head, again_tail;
	struct acks acks;
	uint64_t copies;
	bool turn, refused;
};

struct flow {
	struct world *world;
	unsigned index;
	struct sim_transport transport;
	struct sim_order order;
	struct acks acks;
	uint64_t seq, payload, wasted;
};

struct world {
	struct sim_run *run;
	const struct sim_steer_setup *setup;
	struct sim_steer_result *result;
	mpq_time now, end;
	struct mpq_packet_pool pool;
	struct mpq_steer *steer;
	struct mpq_repair *repair;
	struct mpq_queue shared;
	struct path path[SIM_PROFILE_PATHS];
	struct flow flow[SIM_STEER_FLOWS];
	struct sim_order_clock clock;
	unsigned flows;
	mpq_steer_set out; /* paths whose silence was answered */
	mpq_time udp_next, last_delivery;
	uint64_t udp_sent, udp_delivered, footprint;
	uint32_t delays[SIM_STEER_DELAYS];
	uint64_t delivered;
};

static void put(void *owner, void *packet)
{
	struct world *w = owner;

	mpq_packet_put(&w->pool, packet);
}

static void changed(void *owner, const struct mpq_steer_event *e)
{
	struct world *w = owner;

	w->result->events++;
	w->result->spread += e->kind == MPQ_STEER_SPREAD;
	w->result->gathered += e->kind == MPQ_STEER_GATHERED;
	w->result->moved += e->kind == MPQ_STEER_PINNED;
	sim_trace(w->run, w->now,
		  "%s %s flow %x from %x to %x: %.1f; one %.1f all %.1f "
		  "Mbit/s, spread %.1f ms",
		  mpq_steer_kind_name(e->kind),
		  mpq_steer_reason_name(e->reason), (unsigned)e->flow, e->from,
		  e->to, (double)e->flow_bps / 1e6, (double)e->one_bps / 1e6,
		  (double)e->all_bps / 1e6, (double)e->delay_spread / 1e6);
}

static const struct mpq_repair_events repair_events = {put};
static const struct mpq_steer_events steer_events = {changed};

static void push_ack(struct acks *a, uint64_t id, mpq_time at)
{
	assert(a->tail - a->head < ACKS);
	if (a->tail > a->head) { /* the way back keeps order */
		mpq_time before = a->ring[(a->tail - 1) % ACKS].at;

		at = at > before ? at : before;
	}
	a->ring[a->tail % ACKS].at = at;
	a->ring[a->tail++ % ACKS].id = id;
}

static void tell_queue(struct path *p)
{
	size_t limit = p->estimate.rate_bps * (QUEUE_TIME / MS) / 8000 /
		       SIM_STEER_INNER;

	struct world *w = p->world;
	bool pulls = p->queue.pkts + p->urgent.pkts == 0 &&
		     w->shared.pkts > 0 && !p->refused;

	/* What it could take counts as one packet: it is not idle. */
	mpq_estimate_queued(&p->estimate,
			    pulls ? 1 : p->queue.bytes + p->urgent.bytes);
	p->queue.config.limit_pkts = limit > QUEUE_MIN ? limit : QUEUE_MIN;
}

static void view_path(struct path *p)
{
	const struct sim_transport *t = &p->transport;
	const struct mpq_estimate_view view = {.rtt_smoothed = t->srtt,
					       .rtt_min = t->srtt > 0
								  ? t->min_rtt
								  : 0,
					       .rtt_variation = t->variation,
					       .cwnd_bytes = t->cwnd,
					       .in_flight_bytes = t->in_flight};

	mpq_estimate_observe(&p->estimate, &view, p->world->now);
}

/* An inner packet comes to the tunnel. */
static void check_choice(struct world *w, const struct mpq_steer_choice *c)
{
	mpq_steer_set seen = 0;

	for (unsigned i = 0; i < c->n; i++) {
		mpq_steer_set bit = (mpq_steer_set)1 << c->path[i];

		sim_holds(w->run,
			  (w->setup->paths & bit) != 0 &&
				  (w->setup->class.excluded & bit) == 0,
			  w->now, "path %u must not be used", c->path[i]);
		sim_holds(w->run, (seen & bit) == 0, w->now,
			  "two copies on path %u", c->path[i]);
		seen |= bit;
	}
	sim_holds(w->run,
		  c->n == 1 || (w->setup->class.mode == MPQ_STEER_REDUNDANT &&
				(w->setup->class.copies == 0 ||
				 c->n <= w->setup->class.copies)),
		  w->now, "%u copies", c->n);
}

static void enqueue(struct world *w, struct mpq_queue *q,
		    const struct wire *wire)
{
	struct mpq_packet *packet = mpq_packet_get(&w->pool);

	if (sim_holds(w->run, packet != NULL, w->now, "the pool is empty")) {
		memcpy(packet->data, wire, sizeof(*wire));
		packet->len_bytes = SIM_STEER_INNER;
		(void)mpq_queue_push(q, packet, w->now);
	}
}

static void into_tunnel(struct world *w, struct flow *f, uint64_t inner)
{
	struct wire wire = {.flow = f->index, .inner = inner, .sent = w->now};
	struct mpq_steer_choice choice;

	if (mpq_steer_pick(w->steer, 0, (f->index + 1) * FLOW_HASH,
			   SIM_STEER_INNER, w->now, &choice) != 0) {
		return;
	}
	w->result->sent++;
	if (choice.shared) {
		enqueue(w, &w->shared, &wire);
		return;
	}
	check_choice(w, &choice);
	/* Copies are one packet of the order; so it is numbered here. */
	wire.seq = choice.n > 1 ? ++f->seq : 0;
	for (unsigned i = 0; i < choice.n; i++) {
		struct path *p = &w->path[choice.path[i]];

		enqueue(w, &p->queue, &wire);
		p->copies += i > 0;
		tell_queue(p);
	}
}

static void onto_link(struct path *p, const struct wire *wire, size_t len)
{
	static uint8_t data[SIM_LINK_MTU_BYTES];
	static const struct mpq_sockaddr nowhere;

	memcpy(data, wire, sizeof(*wire));
	sim_link_push(&p->link, &nowhere, &nowhere, 0, data, len,
		      p->world->now);
}

static void send_packet(struct path *p, struct mpq_packet *packet,
			struct mpq_repair_item *item)
{
	struct world *w = p->world;
	size_t len = packet->len_bytes + SIM_STEER_OVERHEAD;
	struct wire wire;

	sim_holds(w->run,
		  (w->setup->class.excluded & (mpq_steer_set)1 << p->index) ==
			  0,
		  w->now, "sent on path %u, which is excluded", p->index);
	memcpy(&wire, packet->data, sizeof(wire));
	tell_queue(p);
	wire.again = item->tries;
	if (wire.seq == 0) {
		wire.seq = ++w->flow[wire.flow].seq;
	}
	if (wire.again == 0) {
		wire.bound = w->now;
	}
	memcpy(packet->data, &wire, sizeof(wire));
	wire.id = sim_transport_sent(
		&p->transport, len,
		p->queue.pkts + p->urgent.pkts + w->shared.pkts == 0, w->now);
	mpq_estimate_sent(&p->estimate, wire.id, packet->len_bytes, w->now);
	onto_link(p, &wire, len);
	item->packet = packet;
	item->len_bytes = packet->len_bytes;
	if (w->setup->no_repair) {
		mpq_packet_put(&w->pool, packet);
	} else {
		mpq_repair_sent(w->repair, p->index, wire.id, item);
	}
}

/* The path's own queue and the shared one take turns. */
static struct mpq_packet *next_packet(struct path *p,
				      struct mpq_repair_item *item)
{
	struct world *w = p->world;
	struct mpq_packet *packet;

	p->refused = false;
	if (mpq_queue_peek(&p->urgent, w->now) != NULL) {
		*item = p->again[p->again_head++ % QUEUE];
		return mpq_queue_pop(&p->urgent, w->now);
	}
	for (unsigned i = 0; i < 2; i++) {
		p->turn = !p->turn;
		if (p->turn) {
			packet = mpq_queue_peek(&p->queue, w->now);
			if (packet != NULL) {
				return mpq_queue_pop(&p->queue, w->now);
			}
			continue;
		}
		packet = mpq_queue_peek(&w->shared, w->now);
		if (packet != NULL &&
		    mpq_steer_may_pull(w->steer, 0, p->index, w->shared.bytes,
				       w->now)) {
			mpq_steer_pulled(w->steer, 0, p->index,
					 packet->len_bytes, w->now);
			return mpq_queue_pop(&w->shared, w->now);
		}
		p->refused = true;
	}
	return NULL;
}

static void send_path(struct path *p)
{
	struct world *w = p->world;

	while (sim_transport_may_send(&p->transport, w->now)) {
		struct mpq_repair_item item = {.deadline = w->now + DEADLINE};
		struct mpq_packet *packet = next_packet(p, &item);

		tell_queue(p);
		if (packet == NULL) {
			return;
		}
		send_packet(p, packet, &item);
	}
}

static void send_probe(struct path *p)
{
	struct wire wire = {.inner = PROBE};

	wire.id = sim_transport_sent(&p->transport, 100, true, p->world->now);
	onto_link(p, &wire, 100);
}

static void outer_lost(void *owner, uint64_t id, mpq_time now)
{
	struct path *p = owner;

	mpq_estimate_lost(&p->estimate, id, now);
	mpq_repair_lost(p->world->repair, p->index, id, now);
}

static void take_outer_acks(struct path *p)
{
	struct world *w = p->world;
	struct acks *a = &p->acks;
	bool any = false;

	while (a->head < a->tail && a->ring[a->head % ACKS].at <= w->now) {
		uint64_t id = a->ring[a->head++ % ACKS].id;

		(void)sim_transport_acked(&p->transport, id, w->now);
		view_path(p);
		mpq_estimate_acked(&p->estimate, id, w->now);
		mpq_repair_acked(w->repair, p->index, id);
		any = true;
	}
	if (any) {
		sim_transport_detect(&p->transport, w->now);
		view_path(p);
		w->out &= ~((mpq_steer_set)1 << p->index);
	}
	if (sim_transport_expire(&p->transport, w->now)) {
		send_probe(p);
	}
}

/* Silent paths give back what they have, in flight and in their queues. */
static void answer_silence(struct world *w)
{
	mpq_steer_set silent = mpq_steer_silent(w->steer) & ~w->out;

	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		if ((silent & (mpq_steer_set)1 << i) != 0) {
			mpq_repair_path_out(w->repair, i, w->now);
			w->out |= (mpq_steer_set)1 << i;
		}
	}
}

static void send_repairs(struct world *w)
{
	struct mpq_repair_item item;

	while (mpq_repair_next(w->repair, w->now, &item)) {
		int to = mpq_steer_repair(w->steer, 0, item.path,
					  item.len_bytes, w->now);
		struct path *p;

		if (to < 0 || w->path[to].urgent.pkts >= QUEUE) {
			mpq_packet_put(&w->pool, item.packet);
			continue;
		}
		p = &w->path[to];
		p->again[p->again_tail++ % QUEUE] = item;
		(void)mpq_queue_push(&p->urgent, item.packet, w->now);
		w->result->repaired++;
		tell_queue(p);
	}
}

/* The tunnel's other end. */
static void arrive(struct path *p, const struct sim_link_packet *packet)
{
	struct world *w = p->world;
	struct sim_order_packet out;
	struct wire wire;

	memcpy(&wire, packet->data, sizeof(wire));
	if (!p->link.shape.down) {
		push_ack(&p->acks, wire.id, w->now + p->link.shape.delay + MS);
	}
	if (wire.inner == PROBE) {
		return;
	}
	if (wire.again == 0 && wire.bound > w->clock.passed[p->index]) {
		w->clock.passed[p->index] = wire.bound;
		w->clock.seen[p->index] = w->now;
	}
	out = (struct sim_order_packet){.seq = wire.seq,
					.inner = wire.inner,
					.sent = wire.sent,
					.bound = wire.bound,
					.arrived = w->now};
	sim_order_arrived(&w->flow[wire.flow].order, &out, w->now);
}

static mpq_duration way_back(const struct world *w)
{
	mpq_duration least = MPQ_SECOND;

	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		const struct path *p = &w->path[i];

		if (p->exists && !p->link.shape.down &&
		    p->link.shape.delay < least) {
			least = p->link.shape.delay;
		}
	}
	return least;
}

static void deliver(void *owner, const struct sim_order_packet *packet)
{
	struct flow *f = owner;
	struct world *w = f->world;
	uint64_t bucket = (w->now - packet->sent) / (MS / 4);
	mpq_duration gap = w->now - w->last_delivery;

	w->delays[bucket < SIM_STEER_DELAYS ? bucket : SIM_STEER_DELAYS - 1]++;
	w->delivered++;
	if (w->setup->dead_at > 0 && w->now > w->setup->dead_at + START &&
	    gap > w->result->gap) {
		w->result->gap = gap;
	}
	w->last_delivery = w->now;
	if (w->setup->traffic == SIM_UDP) {
		w->udp_delivered++;
		f->payload += SIM_STEER_INNER;
		return;
	}
	push_ack(&f->acks, packet->inner, w->now + way_back(w) + MS);
}

static void take_inner_acks(struct flow *f)
{
	struct world *w = f->world;
	struct acks *a = &f->acks;
	bool any = false;

	while (a->head < a->tail && a->ring[a->head % ACKS].at <= w->now) {
		if (sim_transport_acked(&f->transport,
					a->ring[a->head++ % ACKS].id, w->now)) {
			f->payload += SIM_STEER_PAYLOAD;
		}
		any = true;
	}
	if (any) {
		sim_transport_detect(&f->transport, w->now);
	}
}

static void run_flow(struct flow *f)
{
	struct world *w = f->world;

	if (w->setup->traffic == SIM_UDP) {
		mpq_duration gap = (mpq_duration)(SIM_STEER_INNER * 8e3 /
						  w->setup->udp_mbps);

		for (; w->udp_next <= w->now && w->now + LAST < w->end;
		     w->udp_next += gap) {
			into_tunnel(w, f, w->udp_sent++);
		}
		return;
	}
	take_inner_acks(f);
	if (sim_transport_expire(&f->transport, w->now)) {
		into_tunnel(w, f,
			    sim_transport_sent(&f->transport, SIM_STEER_INNER,
					       false, w->now));
	}
	while (sim_transport_may_send(&f->transport, w->now)) {
		into_tunnel(w, f,
			    sim_transport_sent(&f->transport, SIM_STEER_INNER,
					       false, w->now));
	}
}

static void run_path(struct path *p)
{
	struct world *w = p->world;
	const struct sim_link_packet *packet;

	while ((packet = sim_link_pop(&p->link, w->now)) != NULL) {
		arrive(p, packet);
	}
	take_outer_acks(p);
}

static void size_shared(struct world *w)
{
	uint64_t bps = 0;

	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		bps += w->path[i].estimate.rate_bps;
	}
	bps = bps * (QUEUE_TIME / MS) / 8000 / SIM_STEER_INNER;
	w->shared.config.limit_pkts = bps > QUEUE_MIN ? bps : QUEUE_MIN;
}

static void init_path(struct world *w, unsigned i)
{
	const struct mpq_queue_config codel = {.limit_pkts = QUEUE,
					       .target = TARGET,
					       .interval = 200 * MS};
	const struct mpq_queue_config plain = {.limit_pkts = QUEUE};
	struct path *p = &w->path[i];

	p->world = w;
	p->index = i;
	p->exists = (w->setup->paths & (mpq_steer_set)1 << i) != 0;
	if (!p->exists) {
		return;
	}
	sim_profile_link(w->setup->profile, i, &p->link, w->run->seed, START,
			 w->setup->time);
	w->result->link_mbps += sim_profile_mbps(w->setup->profile, i, &p->link,
						 START, w->setup->time);
	sim_transport_init(&p->transport, SIM_TRANSPORT_BBR, true, START);
	p->transport.on_lost = outer_lost;
	p->transport.owner = p;
	/* The handshake has shown the round trip. */
	p->transport.srtt = p->transport.min_rtt = 2 * p->link.shape.delay + MS;
	p->transport.min_rtt_at = START;
	p->transport.variation = p->transport.srtt / 4;
	mpq_estimate_init(&p->estimate, START);
	view_path(p);
	mpq_queue_init(&p->queue, &w->pool, &codel);
	mpq_queue_init(&p->urgent, &w->pool, &plain);
	mpq_steer_path(w->steer, i, &p->estimate, true, false, START);
}

/* Until a repair should have come: noticed after a round trip, and sent. */
static mpq_duration repair_time(const struct world *w)
{
	double worst = 0;

	for (unsigned i = 0; i < w->setup->profile->paths; i++) {
		double rtt = w->setup->profile->path[i].rtt_ms +
			     w->setup->profile->path[i].jitter_ms;

		worst = w->path[i].exists && rtt > worst ? rtt : worst;
	}
	worst = worst * 1.25 + 20;
	return w->setup->no_repair ? 0
	       : worst < 200       ? (mpq_duration)(worst * 1e6)
				   : REPAIR_MAX;
}

static void init_flow(struct world *w, unsigned i)
{
	static const enum sim_transport_kind kinds[SIM_TRAFFICS] = {
		SIM_TRANSPORT_CUBIC, SIM_TRANSPORT_BBR, SIM_TRANSPORT_CUBIC,
		SIM_TRANSPORT_QUIC, SIM_TRANSPORT_CUBIC};
	struct flow *f = &w->flow[i];

	f->world = w;
	f->index = i;
	sim_transport_init(&f->transport, kinds[w->setup->traffic], false,
			   START);
	sim_order_init(&f->order, &w->clock, w->setup->class.order_cap,
		       repair_time(w));
	f->order.deliver = deliver;
	f->order.owner = f;
}

static struct world *world_new(struct sim_run *run,
			       const struct sim_steer_setup *setup,
			       struct sim_steer_result *result)
{
	struct world *w = calloc(1, sizeof(*w));

	if (w == NULL || mpq_packet_pool_init(&w->pool, POOL) != 0) {
		abort();
	}
	*result = (struct sim_steer_result){0};
	w->run = run;
	w->setup = setup;
	w->result = result;
	w->now = w->udp_next = w->last_delivery = START;
	w->end = START + setup->time;
	w->steer = mpq_steer_new(&steer_events, w, START);
	w->repair = mpq_repair_new(KEPT, &repair_events, w);
	assert(w->steer != NULL && w->repair != NULL);
	w->footprint = mpq_steer_footprint_bytes(w->steer) +
		       mpq_repair_footprint_bytes(w->repair);
	(void)mpq_steer_configure(w->steer, 0, &setup->class, START);
	mpq_queue_init(&w->shared, &w->pool,
		       &(struct mpq_queue_config){.limit_pkts = QUEUE,
						  .target = TARGET,
						  .interval = 200 * MS});
	for (unsigned i = 0; i < setup->profile->paths; i++) {
		init_path(w, i);
	}
	w->flows = setup->traffic == SIM_TCP_8 ? SIM_STEER_FLOWS : 1;
	for (unsigned i = 0; i < w->flows; i++) {
		init_flow(w, i);
	}
	return w;
}

static void finish(struct world *w)
{
	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		struct path *p = &w->path[i];

		if (p->exists) {
			(void)mpq_queue_clear(&p->queue);
			(void)mpq_queue_clear(&p->urgent);
			sim_link_finish(&p->link);
		}
	}
	(void)mpq_queue_clear(&w->shared);
	mpq_repair_free(w->repair);
	mpq_steer_free(w->steer);
	sim_holds(w->run, w->pool.free_pkts == POOL, w->now,
		  "%zu packets leaked", POOL - w->pool.free_pkts);
	mpq_packet_pool_finish(&w->pool);
	free(w);
}

static double percentile_ms(const struct world *w, double part)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < SIM_STEER_DELAYS; i++) {
		seen += w->delays[i];
		if ((double)seen >= part * (double)w->delivered) {
			return i / 4.0;
		}
	}
	return SIM_STEER_DELAYS / 4.0;
}

static void summarize(struct world *w)
{
	struct sim_steer_result *r = w->result;
	uint64_t payload = 0;

	for (unsigned i = 0; i < w->flows; i++) {
		struct flow *f = &w->flow[i];

		payload += f->payload;
		r->late += f->order.late;
		r->duplicates += f->order.duplicates;
		r->held_max = f->order.held_max > r->held_max
				      ? f->order.held_max
				      : r->held_max;
		sim_holds(w->run, f->payload > 0, w->now,
			  "flow %u got nothing through", i);
	}
	r->mbps = (double)payload * 8e3 / (double)w->setup->time;
	r->udp_lost = w->udp_sent > 0 ? 1 - (double)w->udp_delivered /
							(double)w->udp_sent
				      : 0;
	r->p99_ms = percentile_ms(w, 0.99);
	sim_holds(w->run,
		  w->footprint == mpq_steer_footprint_bytes(w->steer) +
					  mpq_repair_footprint_bytes(w->repair),
		  w->now, "memory grew");
}

static void kill_and_revive(struct world *w)
{
	const struct sim_steer_setup *s = w->setup;
	struct sim_link *l = &w->path[s->dead].link;
	bool dead = s->dead_at > 0 && w->now >= START + s->dead_at &&
		    (s->back_at == 0 || w->now < START + s->back_at);

	if (s->dead_at > 0 && l->shape.down != dead) {
		struct sim_link_shape shape = l->shape;

		shape.down = dead;
		sim_link_set(l, &shape, w->now);
	}
}

static void trace_paths(const struct world *w)
{
	if ((w->now - START) % (100 * MS) != 0) {
		return;
	}
	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		const struct path *p = &w->path[i];
		const struct sim_transport *t = &p->transport;

		if (!p->exists) {
			continue;
		}
		sim_trace(w->run, w->now,
			  "path %u: rate %.1f in flight %llu of %llu rtt %.1f "
			  "queue %zu link %zu lost %llu; flow: %llu of %llu "
			  "held %llu",
			  i, (double)p->estimate.rate_bps / 1e6,
			  (unsigned long long)t->in_flight,
			  (unsigned long long)t->cwnd, (double)t->srtt / 1e6,
			  p->queue.pkts, p->link.queued_bytes,
			  (unsigned long long)p->estimate.lost,
			  (unsigned long long)w->flow[0].transport.in_flight,
			  (unsigned long long)w->flow[0].transport.cwnd,
			  (unsigned long long)w->flow[0].order.n_held);
	}
}

/* A step is 0.1 ms: links keep their own, exact time. */
void sim_steer_run(struct sim_run *run, const struct sim_steer_setup *setup,
		   struct sim_steer_result *ret)
{
	struct world *w = world_new(run, setup, ret);

	for (; w->now < w->end && !run->failed; w->now += STEP) {
		kill_and_revive(w);
		for (unsigned i = 0; i < setup->profile->paths; i++) {
			if (w->path[i].exists) {
				run_path(&w->path[i]);
			}
		}
		trace_paths(w);
		mpq_steer_expire(w->steer, w->now);
		answer_silence(w);
		size_shared(w);
		send_repairs(w);
		for (unsigned i = 0; i < w->flows; i++) {
			sim_order_expire(&w->flow[i].order, w->now);
			run_flow(&w->flow[i]);
		}
		for (unsigned i = 0; i < setup->profile->paths; i++) {
			if (w->path[i].exists) {
				send_path(&w->path[i]);
			}
		}
	}
	summarize(w);
	finish(w);
}
