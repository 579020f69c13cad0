/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/order_world.h"

#include <stdlib.h>
#include <string.h>

#define MS MPQ_MILLISECOND
#define S  MPQ_SECOND
/* After which the sender begins, and the plan's changes. */
#define JOINING (200 * MS)

struct packet { /* its address is what order is given */
	uint8_t lane;
	uint32_t number; /* in its lane, without wrapping */
	unsigned sent_on;
	mpq_time sent, arrived; /* NEVER: it has not */
	unsigned arrivals, delivered, dropped;
	bool repaired;
};

struct departure { /* from the sender's queue */
	mpq_time at;
	struct mpq_header header;
	uint32_t index; /* of the packet */
};

struct world {
	struct sim_run *run;
	const struct order_plan *plan;
	struct sim_random *random;
	mpq_time start, now, next_send;
	struct sim_link links[ORDER_LINKS];
	uint16_t path_sequence[ORDER_LINKS];
	int credit[ORDER_LINKS];
	mpq_time avoid_from[ORDER_LINKS]; /* NEVER: not */
	unsigned pinned[ORDER_LANES];
	uint32_t sent[ORDER_LANES];     /* packets */
	uint32_t expected[ORDER_LANES]; /* none before it comes in order */
	struct packet *packets;
	unsigned n_packets, checked;
	mpq_duration wait[ORDER_LINKS]; /* of copies, now */
	mpq_time asleep;                /* until then nothing is read */
	struct departure *queues[ORDER_LINKS];
	unsigned queued[ORDER_LINKS], departed[ORDER_LINKS];
	unsigned next_change;
	struct mpq_delay delay;
	struct mpq_order order;
};

void order_plan_init(struct order_plan *p, unsigned links)
{
	memset(p, 0, sizeof(*p));
	p->links = links;
	for (unsigned i = 0; i < links; i++) {
		p->shapes[i].delay = 20 * MS;
		p->weights[i] = 1;
	}
	p->packets = 1000;
	p->lanes = 4;
	p->burst = 4;
	p->copies = 1;
	p->interval = 2 * MS;
	p->class.cap = 200 * MS;
	p->held_pkts = 4096;
	p->held_bytes = 4096 * 1500;
}

void order_plan_change(struct order_plan *p, mpq_duration at, unsigned link,
		       const struct sim_link_shape *shape, mpq_duration noticed)
{
	if (p->n_changes == SIM_LINK_CHANGES) {
		abort();
	}
	p->changes[p->n_changes].at = at;
	p->changes[p->n_changes].link = link;
	p->changes[p->n_changes].shape = *shape;
	p->changes[p->n_changes++].noticed = noticed;
}

static mpq_time senders_clock(const struct world *w)
{
	mpq_duration run = w->now - w->start;

	return w->plan->clock + run +
	       (mpq_time)((int64_t)run / 1000000 * w->plan->drift_ppm);
}

/* What order delivered. */

static void check_wait(struct world *w, const struct packet *p)
{
	mpq_duration wait = w->now - p->arrived;
	const struct mpq_order_class *c = &w->plan->class;
	mpq_duration most = w->plan->wait_max > 0 ? w->plan->wait_max
			    : c->cap > c->repair  ? c->cap
						  : c->repair;

	sim_histogram_add(w->run->durations, wait);
	sim_holds(w->run, wait <= most + w->plan->stall, w->now,
		  "packet %u of lane %u waited for %.3f ms", p->number, p->lane,
		  (double)wait / (double)MS);
	sim_holds(w->run, wait == 0 || !w->plan->never_waits, w->now,
		  "packet %u of lane %u waited", p->number, p->lane);
}

static void deliver(void *user, void *packet, bool late)
{
	struct world *w = user;
	struct packet *p = packet;

	sim_trace(w->run, w->now, "lane %u: %u%s", p->lane, p->number,
		  late ? " late" : "");
	sim_holds(w->run, p->delivered++ == 0, w->now,
		  "packet %u of lane %u twice", p->number, p->lane);
	check_wait(w, p);
	if (late) {
		sim_holds(w->run, !w->plan->never_late, w->now,
			  "packet %u of lane %u late", p->number, p->lane);
		sim_holds(w->run, w->now == p->arrived, w->now,
			  "packet %u of lane %u held although late", p->number,
			  p->lane);
	} else if (w->plan->class.cap > 0) {
		sim_holds(w->run, p->number >= w->expected[p->lane], w->now,
			  "packet %u of lane %u after %u", p->number, p->lane,
			  w->expected[p->lane] - 1);
		w->expected[p->lane] = p->number + 1;
	}
}

static void drop(void *user, void *packet, enum mpq_order_drop why)
{
	struct world *w = user;
	struct packet *p = packet;

	sim_trace(w->run, w->now, "lane %u: %u dropped", p->lane, p->number);
	p->dropped++;
	sim_holds(w->run, why == MPQ_ORDER_DUPLICATE, w->now,
		  "packet %u of lane %u dropped for reason %d", p->number,
		  p->lane, (int)why);
	sim_holds(w->run, p->arrivals > 1, w->now,
		  "packet %u of lane %u dropped, and it came once", p->number,
		  p->lane);
}

static const struct mpq_order_events events = {deliver, drop};

/* The sender. */

static bool avoided(const struct world *w, unsigned link)
{
	return w->avoid_from[link] <= w->now || w->plan->weights[link] == 0;
}

/* Smooth weighted round robin, over the links that are thought to work. */
static unsigned by_weight(struct world *w)
{
	unsigned best = ORDER_LINKS;
	int sum = 0;

	for (unsigned i = 0; i < w->plan->links; i++) {
		if (avoided(w, i)) {
			continue;
		}
		w->credit[i] += (int)w->plan->weights[i];
		sum += (int)w->plan->weights[i];
		best = best == ORDER_LINKS || w->credit[i] > w->credit[best]
			       ? i
			       : best;
	}
	if (best == ORDER_LINKS) {
		return 0;
	}
	w->credit[best] -= sum;
	return best;
}

static unsigned choose(struct world *w, unsigned lane)
{
	switch (w->plan->spread) {
	case ORDER_FLOWLETS:
		if (sim_random_chance(w->random, 20000)) {
			w->pinned[lane] = by_weight(w);
		}
		return w->pinned[lane];
	case ORDER_PINNED:
		return w->pinned[lane];
	default:
		return by_weight(w);
	}
}

static void depart(struct world *w, struct mpq_header *header, uint32_t index,
		   unsigned link)
{
	static const struct mpq_sockaddr nobody;
	uint8_t data[160] = {0};

	header->path_sequence = w->path_sequence[link]++;
	mpq_header_write(data, header);
	memcpy(data + MPQ_HEADER_BYTES, &index, sizeof(index));
	sim_link_push(&w->links[link], &nobody, &nobody, 0, data,
		      sim_random_range(w->random, 20, sizeof(data)), w->now);
}

static mpq_time next_departure(const struct world *w, unsigned link)
{
	return w->departed[link] < w->queued[link]
		       ? w->queues[link][w->departed[link]].at
		       : MPQ_TIME_NEVER;
}

static void depart_due(struct world *w)
{
	for (unsigned i = 0; i < w->plan->links; i++) {
		while (next_departure(w, i) <= w->now) {
			struct departure *d = &w->queues[i][w->departed[i]++];

			if (d->header.kind == MPQ_HEADER_COPY ||
			    w->plan->ahead > 0) {
				d->header.clock =
					mpq_header_clock(senders_clock(w));
			}
			depart(w, &d->header, d->index, i);
		}
	}
}

/* Not before the one that waits there already. */
static mpq_duration behind_last(const struct world *w, unsigned link,
				mpq_duration wait)
{
	const struct departure *last =
		&w->queues[link][w->queued[link] - (w->queued[link] > 0)];

	return last->at > w->now + wait ? last->at - w->now : wait;
}

/* A queue that grows and shrinks, and keeps its order. */
static mpq_duration wait_of(struct world *w, unsigned link)
{
	if (sim_random_chance(w->random, 50000)) {
		w->wait[link] = sim_random_range(w->random, 0, w->plan->waits);
	}
	return behind_last(w, link, w->wait[link]);
}

static bool is_fastest(const struct world *w, unsigned link)
{
	for (unsigned i = 0; i < w->plan->links; i++) {
		if (w->plan->shapes[i].delay < w->plan->shapes[link].delay) {
			return false;
		}
	}
	return true;
}

/* So that it comes when what the slowest link takes now does. */
static mpq_duration wait_for_slower(struct world *w, unsigned link)
{
	mpq_duration slowest = 0, late = 0;

	for (unsigned i = 0; i < w->plan->links; i++) {
		slowest = w->plan->shapes[i].delay > slowest
				  ? w->plan->shapes[i].delay
				  : slowest;
	}
	if (is_fastest(w, link)) {
		late = sim_random_range(w->random, 0, w->plan->ahead);
	}
	return behind_last(w, link,
			   slowest - w->plan->shapes[link].delay + late);
}

static bool waits(const struct world *w, const struct mpq_header *header)
{
	if (w->plan->ahead > 0) {
		return header->kind == MPQ_HEADER_DATA ||
		       header->kind == MPQ_HEADER_AHEAD;
	}
	return header->kind == MPQ_HEADER_COPY
		       ? w->plan->waits > 0
		       : w->plan->queue > 0 &&
				 header->kind == MPQ_HEADER_DATA &&
				 header->lane > 0;
}

static void push(struct world *w, struct mpq_header *header, uint32_t index,
		 unsigned link)
{
	mpq_duration queued;

	header->clock = mpq_header_clock(senders_clock(w));
	if (!waits(w, header)) {
		depart(w, header, index, link);
		return;
	}
	queued = w->plan->ahead > 0                ? wait_for_slower(w, link)
		 : header->kind == MPQ_HEADER_COPY ? wait_of(w, link)
						   : w->plan->queue;
	w->queues[link][w->queued[link]++] =
		(struct departure){w->now + queued, *header, index};
}

static void put_on_link(struct world *w, const struct packet *p,
			enum mpq_header_kind kind, unsigned link)
{
	struct mpq_header header = {
		.kind = kind,
		.lane = p->lane,
		.sequence = w->plan->first_sequence + p->number,
	};

	push(w, &header, (uint32_t)(p - w->packets), link);
	sim_trace(w->run, w->now, "lane %u: %u sent on %u", p->lane, p->number,
		  link);
}

static enum mpq_header_kind kind_on(const struct world *w, unsigned link)
{
	return w->plan->copies > 1                          ? MPQ_HEADER_COPY
	       : w->plan->ahead > 0 && !is_fastest(w, link) ? MPQ_HEADER_AHEAD
							    : MPQ_HEADER_DATA;
}

static void send_packet(struct world *w)
{
	uint8_t lane =
		(uint8_t)sim_random_range(w->random, 0, w->plan->lanes - 1);
	struct packet *p = &w->packets[w->n_packets++];
	unsigned link = choose(w, lane);

	*p = (struct packet){
		.lane = lane,
		.number = w->sent[lane]++,
		.sent_on = link,
		.sent = w->now,
		.arrived = MPQ_TIME_NEVER,
	};
	put_on_link(w, p, kind_on(w, link), link);
	for (unsigned i = 1; i < w->plan->copies; i++) {
		put_on_link(w, p, MPQ_HEADER_COPY, (link + i) % w->plan->links);
	}
}

static void send_burst(struct world *w)
{
	uint64_t n = sim_random_range(w->random, 1, w->plan->burst);

	while (n-- > 0 && w->n_packets < w->plan->packets) {
		send_packet(w);
	}
	w->next_send =
		w->n_packets < w->plan->packets
			? w->now + sim_random_range(w->random, 0,
						    2 * w->plan->interval)
			: MPQ_TIME_NEVER;
}

/* When the sender hears what became of the oldest it has not heard of. */
static mpq_time next_report(const struct world *w)
{
	const struct packet *p = &w->packets[w->checked];

	if (!w->plan->repairs || w->checked == w->n_packets) {
		return MPQ_TIME_NEVER;
	}
	return p->sent + w->plan->shapes[p->sent_on].delay * 5 / 2 + 2 * MS;
}

static void repair(struct world *w)
{
	struct packet *p = &w->packets[w->checked++];

	if (p->arrived == MPQ_TIME_NEVER) {
		p->repaired = true;
		put_on_link(w, p, MPQ_HEADER_REPAIR, by_weight(w));
	}
}

/* The receiver. */

static void arrive(struct world *w, unsigned link,
		   const struct sim_link_packet *arrival)
{
	struct mpq_header header = {0};
	struct packet *p;
	uint32_t index;
	mpq_time sent;

	(void)mpq_header_read(arrival->data, arrival->len, &header);
	sent = mpq_delay_arrived(&w->delay, link, &header, w->now);
	if (!mpq_header_in_lane(&header)) {
		return;
	}
	memcpy(&index, arrival->data + MPQ_HEADER_BYTES, sizeof(index));
	p = &w->packets[index];
	p->arrived = mpq_time_min(p->arrived, w->now);
	p->arrivals++;
	mpq_order_arrived(&w->order, &header, link, sent, p, arrival->len,
			  w->now);
}

static mpq_time next_arrival(const struct world *w)
{
	mpq_time at = MPQ_TIME_NEVER;

	for (unsigned i = 0; i < w->plan->links; i++) {
		at = mpq_time_min(at, sim_link_deadline(&w->links[i]));
	}
	return mpq_time_min(at, mpq_order_deadline(&w->order));
}

/* Whether something else is run first. */
static bool is_stalled(struct world *w)
{
	if (w->now >= w->asleep && next_arrival(w) <= w->now &&
	    sim_random_chance(w->random, w->plan->stall_ppm)) {
		w->asleep =
			w->now + sim_random_range(w->random, 1, w->plan->stall);
	}
	return w->now < w->asleep;
}

static void receive(struct world *w)
{
	for (unsigned i = 0; i < w->plan->links; i++) {
		const struct sim_link_packet *p;

		while ((p = sim_link_pop(&w->links[i], w->now)) != NULL) {
			arrive(w, i, p);
		}
	}
	mpq_order_expire(&w->order, w->now);
	sim_holds(w->run, mpq_order_deadline(&w->order) > w->now, w->now,
		  "due work is not done");
	sim_holds(w->run,
		  w->order.held.pkts <= w->plan->held_pkts &&
			  w->order.held.bytes <= w->plan->held_bytes,
		  w->now, "%zu packets of %zu bytes held", w->order.held.pkts,
		  w->order.held.bytes);
}

static mpq_time next_change(const struct world *w)
{
	return w->next_change < w->plan->n_changes
		       ? w->start + JOINING +
				 w->plan->changes[w->next_change].at
		       : MPQ_TIME_NEVER;
}

static void change_links(struct world *w)
{
	while (next_change(w) <= w->now) {
		unsigned i = w->next_change++;
		unsigned link = w->plan->changes[i].link;

		sim_link_set(&w->links[link], &w->plan->changes[i].shape,
			     w->now);
		w->avoid_from[link] =
			w->plan->changes[i].shape.down
				? w->now + w->plan->changes[i].noticed
				: MPQ_TIME_NEVER;
	}
}

/* Time. */

static mpq_time next_event(const struct world *w)
{
	mpq_time at = mpq_time_min(w->next_send, next_report(w));

	at = mpq_time_min(at, next_change(w));
	for (unsigned i = 0; i < w->plan->links; i++) {
		at = mpq_time_min(at, next_departure(w, i));
	}
	return mpq_time_min(at,
			    w->now < w->asleep ? w->asleep : next_arrival(w));
}

static void step(struct world *w)
{
	change_links(w);
	if (!is_stalled(w)) {
		receive(w);
	}
	depart_due(w);
	while (next_report(w) <= w->now) {
		repair(w);
	}
	if (w->next_send <= w->now) {
		send_burst(w);
	}
}

static void check_end(struct world *w)
{
	const struct mpq_order_counters *c = &w->order.counters[0];

	sim_holds(w->run, w->order.held.pkts == 0, w->now,
		  "%zu packets are held for ever", w->order.held.pkts);
	for (unsigned i = 0; i < w->n_packets; i++) {
		const struct packet *p = &w->packets[i];

		sim_holds(w->run, p->delivered == (p->arrivals > 0), w->now,
			  "packet %u of lane %u came %u times, and out %u",
			  p->number, p->lane, p->arrivals, p->delivered);
		sim_holds(w->run, p->delivered + p->dropped == p->arrivals,
			  w->now, "packet %u of lane %u leaked", p->number,
			  p->lane);
	}
	sim_holds(w->run,
		  !w->plan->never_gives_up ||
			  c->released_early + c->released_timeout +
					  c->released_cap ==
				  0,
		  w->now, "a hole was given up");
}

/* A path has shown that it works before it is used. */
static void join(struct world *w, unsigned link)
{
	struct mpq_header probe = {.kind = MPQ_HEADER_PROBE};
	struct sim_link_shape clean = w->plan->shapes[link];

	clean.loss_ppm = clean.burst_ppm = 0;
	sim_link_init(&w->links[link], &clean, sim_random_next(w->random),
		      w->now);
	sim_link_schedule(&w->links[link], w->now + JOINING,
			  &w->plan->shapes[link]);
	w->avoid_from[link] = MPQ_TIME_NEVER;
	w->queues[link] = calloc(w->plan->packets, sizeof(struct departure));
	if (w->queues[link] == NULL) {
		abort();
	}
	w->path_sequence[link] = (uint16_t)sim_random_next(w->random);
	push(w, &probe, 0, link);
}

static void start(struct world *w)
{
	const struct mpq_order_config config = {
		.classes = 1,
		.held_pkts = w->plan->held_pkts,
		.held_bytes = w->plan->held_bytes,
		.seed = sim_random_next(w->random),
	};

	w->start = w->now = sim_random_range(w->random, 20 * S, 1000 * S);
	w->next_send = w->now + JOINING;
	mpq_delay_init(&w->delay);
	w->packets = calloc(w->plan->packets, sizeof(*w->packets));
	if (w->packets == NULL ||
	    mpq_order_init(&w->order, &config, &w->delay, &events, w) < 0) {
		abort();
	}
	mpq_order_set_class(&w->order, 0, &w->plan->class);
	for (unsigned i = 0; i < w->plan->links; i++) {
		join(w, i);
	}
	for (unsigned i = 0; i < w->plan->lanes; i++) {
		w->pinned[i] = by_weight(w);
	}
}

void order_world_run(struct sim_run *run, const struct order_plan *plan,
		     struct sim_random *random)
{
	struct world *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		abort();
	}
	w->run = run;
	w->plan = plan;
	w->random = random;
	start(w);
	while (w->now != MPQ_TIME_NEVER && !run->failed) {
		step(w);
		w->now = next_event(w);
	}
	w->now = w->now == MPQ_TIME_NEVER ? w->start : w->now;
	check_end(w);
	mpq_order_finish(&w->order);
	for (unsigned i = 0; i < plan->links; i++) {
		sim_link_finish(&w->links[i]);
		free(w->queues[i]);
	}
	free(w->packets);
	free(w);
}
