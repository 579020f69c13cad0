/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/steer_private.h"

#include <string.h>

/* As dataplane/session has them. */
#define QUEUE_MAX     4096
#define QUEUE_MIN     256
#define QUEUE_TIME    (200 * MS)
#define TARGET        (20 * MS)
#define INTERVAL(rtt) (300 * MS + 2 * (rtt))
#define FLOW_HASH     UINT32_C(0x10001)

static size_t waiting(const struct sim_path *p)
{
	size_t bytes = p->urgent.bytes;

	for (unsigned i = 0; i < SIM_STEER_CLASSES; i++) {
		bytes += p->queue[i].bytes;
	}
	return bytes;
}

static size_t shared_pkts(const struct sim_world *w)
{
	size_t pkts = 0;

	for (unsigned i = 0; i < SIM_STEER_CLASSES; i++) {
		pkts += w->shared[i].pkts;
	}
	return pkts;
}

static size_t limit_for(uint64_t bps)
{
	size_t pkts = bps * (QUEUE_TIME / MS) / 8000 / SIM_STEER_INNER;

	return pkts < QUEUE_MIN   ? QUEUE_MIN
	       : pkts > QUEUE_MAX ? QUEUE_MAX
				  : pkts;
}

static void tell_queue(struct sim_path *p)
{
	size_t own = waiting(p);
	bool pulls = own == 0 && shared_pkts(p->world) > 0 && !p->refused;

	/* What it could take counts as one packet: it is not idle. */
	mpq_estimate_queued(&p->estimate, pulls ? 1 : own);
	for (unsigned i = 0; i < SIM_STEER_CLASSES; i++) {
		p->queue[i].config.limit_pkts = limit_for(p->estimate.rate_bps);
	}
}

static void view_path(struct sim_path *p)
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

static void check_choice(struct sim_world *w, const struct mpq_steer_choice *c)
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

/* In class 1 flows are short: they choose their path anew each second. */
static uint32_t hash_of(const struct sim_flow *f)
{
	return (f->index + 1) * FLOW_HASH +
	       (f->class == 1 ? (uint32_t)(f->world->now / MPQ_SECOND) : 0);
}

static void enqueue(struct sim_world *w, struct sim_queue *q,
		    const struct sim_wire *wire)
{
	struct mpq_packet *packet = mpq_packet_get(&w->pool);

	if (sim_holds(w->run, packet != NULL, w->now, "the pool is empty")) {
		memcpy(packet->data, wire, sizeof(*wire));
		packet->len_bytes = SIM_STEER_INNER;
		packet->flow = hash_of(&w->flow[wire->flow]);
		(void)sim_queue_push(q, packet, w->now);
	}
}

/* Sequence and clock belong together. */
static void number(struct sim_world *w, struct sim_wire *wire)
{
	struct mpq_header *h = &wire->header;

	h->sequence = w->sequence[h->class_id][h->lane]++ & MPQ_HEADER_MASK24;
	h->clock = mpq_header_clock(w->now);
	wire->numbered = true;
}

static void put_last(struct sim_queue *q, struct mpq_packet *p)
{
	p->next = NULL;
	if (q->tail == NULL) {
		q->head = p;
	} else {
		q->tail->next = p;
	}
	q->tail = p;
	q->pkts++;
	q->bytes += p->len_bytes;
}

/* In their order, and with their age. */
static void move_flow(struct sim_queue *q, uint32_t flow, struct sim_queue *to)
{
	struct mpq_packet *p = q->head, *next;

	q->head = q->tail = NULL;
	q->pkts = q->bytes = 0;
	q->decided = false;
	for (; p != NULL; p = next) {
		next = p->next;
		put_last(p->flow == flow ? to : q, p);
	}
}

/* What waits of a flow goes with it. */
void sim_steer_move(struct sim_world *w, const struct mpq_steer_event *e)
{
	struct sim_queue *shared = &w->shared[e->class];
	struct sim_path *to = &w->path[__builtin_ctz(e->to)];

	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		struct sim_path *p = &w->path[i];

		if (!p->exists || (e->kind != MPQ_STEER_SPREAD && p == to)) {
			continue;
		}
		move_flow(&p->queue[e->class], e->flow,
			  e->kind == MPQ_STEER_SPREAD ? shared
						      : &to->queue[e->class]);
		tell_queue(p);
	}
	if (e->kind != MPQ_STEER_SPREAD) {
		move_flow(shared, e->flow, &to->queue[e->class]);
		tell_queue(to);
	}
}

/* An inner packet comes to the tunnel. */
void sim_steer_into_tunnel(struct sim_flow *f, uint64_t inner)
{
	struct sim_world *w = f->world;
	struct sim_wire wire = {.flow = f->index,
				.inner = inner,
				.sent = w->now};
	struct mpq_steer_choice choice;

	wire.header.class_id = (uint8_t)f->class;
	wire.header.lane = (uint8_t)(f->index + 1);
	w->result->sent++;
	if (mpq_steer_pick(w->steer, f->class, hash_of(f), SIM_STEER_INNER,
			   w->now, &choice) != 0) {
		return;
	}
	if (choice.shared) {
		enqueue(w, &w->shared[f->class], &wire);
		return;
	}
	if (f->class == 0) {
		check_choice(w, &choice);
	}
	if (choice.n > 1) { /* copies are one packet of the lane */
		wire.header.kind = MPQ_HEADER_COPY;
		number(w, &wire);
	}
	for (unsigned i = 0; i < choice.n; i++) {
		struct sim_path *p = &w->path[choice.path[i]];

		enqueue(w, &p->queue[f->class], &wire);
		tell_queue(p);
	}
}

static void onto_link(struct sim_path *p, const struct sim_wire *wire,
		      size_t len)
{
	static uint8_t data[SIM_LINK_MTU_BYTES];
	static const struct mpq_sockaddr nowhere;

	memcpy(data, wire, sizeof(*wire));
	p->bytes += len;
	sim_link_push(&p->link, &nowhere, &nowhere, 0, data, len,
		      p->world->now);
}

/* The header as it leaves; what is kept for a repair has its sequence. */
static void complete(struct sim_path *p, struct sim_wire *wire)
{
	struct sim_world *w = p->world;

	if (!wire->numbered) {
		number(w, wire);
	}
	if (wire->again > 0) {
		wire->header.kind = MPQ_HEADER_REPAIR;
		wire->header.clock = mpq_header_clock(w->now);
	}
	wire->header.path_sequence = p->sequence++;
}

static void send_packet(struct sim_path *p, struct mpq_packet *packet,
			struct mpq_repair_item *item)
{
	struct sim_world *w = p->world;
	size_t len = packet->len_bytes + SIM_STEER_OVERHEAD;
	struct sim_wire wire;

	sim_holds(w->run,
		  (w->setup->class.excluded & (mpq_steer_set)1 << p->index) ==
			  0,
		  w->now, "sent on path %u, which is excluded", p->index);
	memcpy(&wire, packet->data, sizeof(wire));
	wire.again = item->tries;
	complete(p, &wire);
	memcpy(packet->data, &wire, sizeof(wire));
	tell_queue(p);
	wire.id = sim_transport_sent(&p->transport, len, false, w->now);
	mpq_estimate_sent(&p->estimate, wire.id, packet->len_bytes, w->now);
	onto_link(p, &wire, len);
	item->packet = packet;
	item->class = wire.header.class_id;
	item->len_bytes = packet->len_bytes;
	if (w->setup->no_repair) {
		mpq_packet_put(&w->pool, packet);
	} else {
		mpq_repair_sent(w->repair, p->index, wire.id, item);
	}
}

/* The path's own queue and the shared one take turns. */
static struct mpq_packet *next_of_class(struct sim_path *p, unsigned class)
{
	struct sim_world *w = p->world;
	struct mpq_packet *packet;

	for (unsigned i = 0; i < 2; i++) {
		p->turn = !p->turn;
		if (p->turn) {
			if (sim_queue_peek(&p->queue[class], w->now) != NULL) {
				return sim_queue_pop(&p->queue[class], w->now);
			}
			continue;
		}
		packet = sim_queue_peek(&w->shared[class], w->now);
		if (packet == NULL) {
			continue;
		}
		if (mpq_steer_may_pull(w->steer, class, p->index,
				       w->shared[class].bytes,
				       packet->len_bytes)) {
			mpq_steer_pulled(w->steer, class, p->index,
					 packet->len_bytes, w->now);
			return sim_queue_pop(&w->shared[class], w->now);
		}
		p->refused = true;
	}
	return NULL;
}

static struct mpq_packet *next_packet(struct sim_path *p,
				      struct mpq_repair_item *item)
{
	struct mpq_packet *packet = NULL;

	p->refused = false;
	if (sim_queue_peek(&p->urgent, p->world->now) != NULL) {
		*item = p->again[p->again_head++ % SIM_STEER_URGENT];
		return sim_queue_pop(&p->urgent, p->world->now);
	}
	for (unsigned i = SIM_STEER_CLASSES; i > 0 && packet == NULL; i--) {
		packet = next_of_class(p, i - 1);
	}
	return packet;
}

static void send_path(struct sim_path *p)
{
	struct sim_world *w = p->world;

	while (sim_transport_may_send(&p->transport, w->now)) {
		struct mpq_repair_item item = {.deadline = w->now +
							   SIM_STEER_DEADLINE};
		struct mpq_packet *packet = next_packet(p, &item);

		tell_queue(p);
		if (packet == NULL) {
			sim_transport_idle(&p->transport);
			return;
		}
		send_packet(p, packet, &item);
	}
}

static void send_probe(struct sim_path *p)
{
	struct sim_wire wire = {.probe = true};

	wire.id = sim_transport_sent(&p->transport, 100, true, p->world->now);
	onto_link(p, &wire, 100);
}

static void lost(void *owner, uint64_t id, mpq_time now)
{
	struct sim_path *p = owner;

	mpq_estimate_lost(&p->estimate, id, now);
	mpq_repair_lost(p->world->repair, p->index, id, now);
}

void sim_steer_take_acks(struct sim_path *p)
{
	struct sim_world *w = p->world;
	bool any = false, more;
	uint64_t id;

	while (sim_steer_pop_ack(&p->acks, w->now, &id, &more)) {
		p->transport.merged = more;
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

/* Silent paths give back what they have in flight. */
static void answer_silence(struct sim_world *w)
{
	mpq_steer_set silent = mpq_steer_silent(w->steer) & ~w->out;

	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		if ((silent & (mpq_steer_set)1 << i) != 0) {
			mpq_repair_path_out(w->repair, i, w->now);
			w->out |= (mpq_steer_set)1 << i;
		}
	}
}

static void send_repairs(struct sim_world *w)
{
	struct mpq_repair_item item;

	while (mpq_repair_next(w->repair, w->now, &item)) {
		int to = mpq_steer_repair(w->steer, item.class, item.path,
					  item.len_bytes, w->now);
		struct sim_path *p;

		if (to < 0 || w->path[to].urgent.pkts >= SIM_STEER_URGENT) {
			mpq_packet_put(&w->pool, item.packet);
			continue;
		}
		p = &w->path[to];
		p->again[p->again_tail++ % SIM_STEER_URGENT] = item;
		(void)sim_queue_push(&p->urgent, item.packet, w->now);
		w->result->repaired++;
		tell_queue(p);
	}
}

static void set_queues(struct sim_world *w)
{
	mpq_duration worst = 0;
	uint64_t bps = 0;

	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		struct sim_path *p = &w->path[i];
		mpq_duration rtt = p->transport.srtt;

		bps += p->estimate.rate_bps;
		worst = rtt > worst ? rtt : worst;
		for (unsigned k = 0; k < SIM_STEER_CLASSES; k++) {
			p->queue[k].config.interval = INTERVAL(rtt);
		}
	}
	for (unsigned i = 0; i < SIM_STEER_CLASSES; i++) {
		struct mpq_fair_config *c = &w->shared[i].config;

		c->limit_pkts = limit_for(bps);
		c->target = TARGET + mpq_steer_delay_spread(w->steer, i);
		c->interval = INTERVAL(worst);
	}
}

void sim_steer_send(struct sim_world *w)
{
	answer_silence(w);
	set_queues(w);
	send_repairs(w);
	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		if (w->path[i].exists) {
			send_path(&w->path[i]);
		}
	}
}

void sim_steer_path_init(struct sim_world *w, unsigned i)
{
	const struct mpq_fair_config codel = {.limit_pkts = QUEUE_MIN,
					      .target = TARGET};
	const struct mpq_fair_config plain = {.limit_pkts = SIM_STEER_URGENT};
	struct sim_path *p = &w->path[i];

	p->world = w;
	p->index = i;
	p->exists = (w->setup->paths & (mpq_steer_set)1 << i) != 0;
	if (!p->exists) {
		return;
	}
	sim_profile_link(w->setup->profile, i, &p->link, w->run->seed,
			 w->count_from, w->setup->time);
	w->result->link_mbps += sim_profile_mbps(w->setup->profile, i, &p->link,
						 w->count_from, w->setup->time);
	sim_transport_init(&p->transport, SIM_TRANSPORT_BBR, true,
			   SIM_STEER_START);
	p->transport.on_lost = lost;
	p->transport.owner = p;
	/* The handshake has shown the round trip. */
	p->transport.srtt = p->transport.min_rtt = 2 * p->link.shape.delay + MS;
	p->transport.min_rtt_at = SIM_STEER_START;
	p->transport.variation = p->transport.srtt / 4;
	mpq_estimate_init(&p->estimate, SIM_STEER_START);
	view_path(p);
	for (unsigned k = 0; k < SIM_STEER_CLASSES; k++) {
		sim_queue_init(&p->queue[k], &w->pool, &codel);
	}
	sim_queue_init(&p->urgent, &w->pool, &plain);
	mpq_steer_path(w->steer, i, &p->estimate, true, false, SIM_STEER_START);
}

void sim_steer_path_finish(struct sim_path *p)
{
	for (unsigned i = 0; i < SIM_STEER_CLASSES; i++) {
		(void)sim_queue_clear(&p->queue[i]);
	}
	(void)sim_queue_clear(&p->urgent);
	sim_link_finish(&p->link);
}
