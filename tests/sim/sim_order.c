/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order over links of every kind, with thousands of seeds. order_world.c says
 * what holds in all of them; a scenario says how the links are, and what more
 * they promise.
 */
#include "tests/sim/order_world.h"

#define MS MPQ_MILLISECOND
#define S  MPQ_SECOND

static struct sim_random random_of(const struct sim_run *run)
{
	return (struct sim_random){run->seed ^ 0x04de4};
}

static mpq_duration some(struct sim_random *r, mpq_duration low,
			 mpq_duration high)
{
	return sim_random_range(r, low, high);
}

/* Two to six links of constant, different delay. */
static void plan_constant(struct order_plan *p, struct sim_random *r)
{
	order_plan_init(p, (unsigned)sim_random_range(r, 2, 6));
	for (unsigned i = 0; i < p->links; i++) {
		p->shapes[i].delay = some(r, 1 * MS, 90 * MS);
		p->weights[i] = (unsigned)sim_random_range(r, 1, 5);
	}
}

static void lose(struct order_plan *p, uint32_t ppm)
{
	for (unsigned i = 0; i < p->links; i++) {
		p->shapes[i].loss_ppm = ppm;
	}
}

static void keeps_order_on_constant_links(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	p.never_late = p.never_gives_up = true;
	p.wait_max = 90 * MS;
	order_world_run(run, &p, &r);
}

/* Knowing that a packet is lost never costs the order of one that is not. */
static void gives_up_only_what_is_lost(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	lose(&p, 20000);
	p.never_late = true;
	p.wait_max = 100 * MS;
	order_world_run(run, &p, &r);
}

static void waits_for_nothing_on_equal_links(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	order_plan_init(&p, 2);
	lose(&p, 10000);
	p.interval = 1 * MS;
	p.never_late = true;
	p.wait_max = 10 * MS;
	order_world_run(run, &p, &r);
}

static void waits_for_nothing_in_pinned_lanes(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	lose(&p, 20000);
	p.spread = ORDER_PINNED;
	p.packets = 3000;
	p.lanes = ORDER_LANES;
	p.never_late = true;
	p.wait_max = 100 * MS;
	order_world_run(run, &p, &r);
}

static void follows_flowlets(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	lose(&p, 10000);
	p.spread = ORDER_FLOWLETS;
	order_world_run(run, &p, &r);
}

/* 50/30 + 20/60 + 10/120, at a tenth of the packets' size and rate. */
static void plan_mixed(struct order_plan *p)
{
	static const uint64_t rates[] = {5000000, 2000000, 1000000};
	static const unsigned weights[] = {5, 2, 1};
	static const mpq_duration delays[] = {15 * MS, 30 * MS, 60 * MS};

	order_plan_init(p, 3);
	for (unsigned i = 0; i < p->links; i++) {
		p->shapes[i].rate_bps = rates[i];
		p->shapes[i].delay = delays[i];
		p->weights[i] = weights[i];
	}
	p->lanes = 1;
	p->packets = 3000;
	p->interval = 250 * MPQ_MICROSECOND; /* 0.9 of the sum */
}

static void carries_one_flow_over_mixed_links(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_mixed(&p);
	order_world_run(run, &p, &r);
}

static void carries_one_flow_over_mixed_lossy_links(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_mixed(&p);
	lose(&p, 10000);
	order_world_run(run, &p, &r);
}

static void waits_for_repairs_where_told(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_mixed(&p);
	lose(&p, 10000);
	p.repairs = true;
	p.class.repair = 180 * MS; /* 1.25 RTT of the longest, and a way */
	p.class.cap = 250 * MS;
	order_world_run(run, &p, &r);
}

static void takes_repairs_that_nobody_waits_for(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	lose(&p, 30000);
	p.repairs = true;
	order_world_run(run, &p, &r);
}

static void bears_jitter(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	lose(&p, 5000);
	for (unsigned i = 0; i < p.links; i++) {
		p.shapes[i].jitter = some(&r, 0, 30 * MS);
	}
	order_world_run(run, &p, &r);
}

static void bears_jitter_that_reorders(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	lose(&p, 5000);
	for (unsigned i = 0; i < p.links; i++) {
		p.shapes[i].jitter = some(&r, 0, 30 * MS);
		p.shapes[i].reorder = true;
	}
	order_world_run(run, &p, &r);
}

static void bears_bursts_of_loss(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	for (unsigned i = 0; i < p.links; i++) {
		p.shapes[i].burst_ppm = 5000;
		p.shapes[i].burst_pkts = (unsigned)sim_random_range(&r, 2, 50);
	}
	p.never_late = true;
	order_world_run(run, &p, &r);
}

/* Every 15 s another delay, after an outage. */
static void hand_over(struct order_plan *p, struct sim_random *r, unsigned link,
		      mpq_time first)
{
	struct sim_link_shape shape = p->shapes[link];

	for (mpq_time at = first; at < 45 * S; at += 15 * S) {
		mpq_duration outage = some(r, 100 * MS, 250 * MS);

		shape.down = true;
		order_plan_change(p, at, link, &shape, 150 * MS);
		shape.down = false;
		shape.delay = some(r, 15 * MS, 40 * MS);
		order_plan_change(p, at + outage, link, &shape, 0);
	}
}

static void plan_leo(struct order_plan *p, struct sim_random *r)
{
	order_plan_init(p, 2);
	p->shapes[0].loss_ppm = 10000;
	p->shapes[1].delay = 30 * MS;
	p->shapes[1].jitter = 15 * MS;
	p->weights[0] = 3;
	p->lanes = ORDER_LANES;
	p->packets = 4000;
	p->interval = 4 * MS;
	hand_over(p, r, 0, some(r, 0, 14 * S));
}

static void bears_hand_overs(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_leo(&p, &r);
	order_world_run(run, &p, &r);
}

static void bears_paths_that_die_and_return(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct sim_link_shape shape;
	struct order_plan p;
	mpq_time at = 0;

	plan_constant(&p, &r);
	for (int i = 0; i < 10; i++) {
		unsigned link = (unsigned)sim_random_range(&r, 0, p.links - 1);

		shape = p.shapes[link];
		shape.down = true;
		at += some(&r, 10 * MS, 400 * MS);
		order_plan_change(&p, at, link, &shape, some(&r, 0, 300 * MS));
		shape.down = false;
		at += some(&r, 10 * MS, 400 * MS);
		order_plan_change(&p, at, link, &shape, 0);
	}
	p.packets = 2000;
	order_world_run(run, &p, &r);
}

/* 2 s of queue fill, and the rate walks. */
static void bears_bloat_and_decay(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct sim_link_shape shape;
	struct order_plan p;

	plan_mixed(&p);
	p.shapes[0].queue_bytes = 100000;
	p.shapes[1].queue_bytes = 500000;
	p.shapes[2].queue_bytes = 200000;
	for (unsigned i = 0; i < 10; i++) {
		shape = p.shapes[i % 3];
		shape.rate_bps = some(&r, 100000, 4000000);
		order_plan_change(&p, i * 50 * MS, i % 3, &shape, 0);
	}
	order_world_run(run, &p, &r);
}

static void loses_nothing_of_what_is_copied(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	order_plan_init(&p, 2);
	p.copies = 2;
	p.shapes[0].loss_ppm = 300000;
	p.shapes[0].delay = some(&r, 5 * MS, 60 * MS);
	p.shapes[1].delay = some(&r, 5 * MS, 60 * MS);
	p.never_late = p.never_gives_up = true;
	p.wait_max = 60 * MS;
	order_world_run(run, &p, &r);
}

static void copies_over_links_of_every_kind(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	lose(&p, 100000);
	p.copies = (unsigned)sim_random_range(&r, 2, p.links);
	p.shapes[1].jitter = 40 * MS;
	p.shapes[1].reorder = true;
	order_world_run(run, &p, &r);
}

/* Each link has all of them, a while after each other. */
static void plan_copies(struct order_plan *p, struct sim_random *r)
{
	plan_constant(p, r);
	p->copies = p->links;
	p->waits = 30 * MS;
	for (unsigned i = 0; i < p->links; i++) {
		p->shapes[i].loss_ppm =
			(uint32_t)sim_random_range(r, 0, 300000);
		p->shapes[i].jitter = some(r, 0, 30 * MS);
	}
	p->never_late = true;
}

static void copies_wait_for_one_another(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_copies(&p, &r);
	p.shapes[0].loss_ppm = 0;
	p.never_gives_up = true;
	order_world_run(run, &p, &r);
}

static void copies_are_given_up_only_when_all_are_lost(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_copies(&p, &r);
	order_world_run(run, &p, &r);
}

static void copies_to_some_of_the_links(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_copies(&p, &r);
	p.copies = (unsigned)sim_random_range(&r, 2, p.links);
	order_world_run(run, &p, &r);
}

static void copies_to_who_is_not_run_for_a_while(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_copies(&p, &r);
	p.stall = 40 * MS;
	p.stall_ppm = 20000;
	order_world_run(run, &p, &r);
}

/* Nobody goes round it, and what the others lose meanwhile is not late. */
static void copies_while_a_link_dies_and_returns(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct sim_link_shape shape;
	struct order_plan p;
	mpq_time at = 0;

	plan_copies(&p, &r);
	for (int i = 0; i < 10; i++) {
		shape = p.shapes[0];
		shape.down = true;
		at += some(&r, 10 * MS, 400 * MS);
		order_plan_change(&p, at, 0, &shape, 0);
		shape.down = false;
		at += some(&r, 10 * MS, 250 * MS);
		order_plan_change(&p, at, 0, &shape, 0);
	}
	p.packets = 2000;
	order_world_run(run, &p, &r);
}

/* What a slower link takes left before those that precede it, by the faster
 * ones' queues: it is waited for these, and for no more than they may be late.
 */
static void plan_ahead(struct order_plan *p, struct sim_random *r)
{
	plan_constant(p, r);
	p->ahead = 9 * MS;
	p->never_late = true;
}

static void what_leaves_ahead_waits_for_those_before_it(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_ahead(&p, &r);
	p.never_gives_up = true;
	p.wait_max = 9 * MS + MS;
	order_world_run(run, &p, &r);
}

static void gives_up_only_what_is_lost_of_what_leaves_ahead(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_ahead(&p, &r);
	lose(&p, 20000);
	order_world_run(run, &p, &r);
}

/* Clocks then go back on a path: once that was seen, it is waited for. */
static void bears_a_sender_that_sends_small_ones_first(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	lose(&p, 10000);
	p.queue = some(&r, 1 * MS, 20 * MS);
	order_world_run(run, &p, &r);
}

static void keeps_to_a_low_cap(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	lose(&p, 10000);
	p.class.cap = some(&r, 1, 10 * MS);
	order_world_run(run, &p, &r);
}

static void holds_nothing_without_order(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	lose(&p, 10000);
	p.copies = (unsigned)sim_random_range(&r, 1, 2);
	p.class.cap = 0;
	p.never_waits = true;
	order_world_run(run, &p, &r);
}

static void keeps_to_its_room(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	lose(&p, 50000);
	p.interval = 500 * MPQ_MICROSECOND;
	p.lanes = (unsigned)sim_random_range(&r, 1, ORDER_LANES);
	p.held_pkts = sim_random_range(&r, 1, 20);
	p.held_bytes = sim_random_range(&r, 50, 3000);
	order_world_run(run, &p, &r);
}

static void wraps_everything(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	lose(&p, 10000);
	p.first_sequence =
		MPQ_HEADER_MASK24 - (uint32_t)sim_random_range(&r, 0, 300);
	p.clock = (MPQ_HEADER_MASK24 + 1) * MPQ_HEADER_TICK -
		  some(&r, 1 * MS, 1 * S);
	order_world_run(run, &p, &r);
}

static void bears_clocks_that_drift(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	lose(&p, 10000);
	p.drift_ppm = (int32_t)sim_random_range(&r, 0, 200) - 100;
	p.clock = some(&r, 0, 1000 * S);
	p.interval = 300 * MS; /* and pauses */
	p.packets = 500;
	p.never_late = true;
	order_world_run(run, &p, &r);
}

static void bears_everything_at_once(struct sim_run *run)
{
	struct sim_random r = random_of(run);
	struct order_plan p;

	plan_constant(&p, &r);
	for (unsigned i = 0; i < p.links; i++) {
		struct sim_link_shape *s = &p.shapes[i];

		s->loss_ppm = (uint32_t)sim_random_range(&r, 0, 50000);
		s->burst_ppm = (uint32_t)sim_random_range(&r, 0, 5000);
		s->burst_pkts = 10;
		s->jitter = some(&r, 0, 20 * MS);
		s->reorder = sim_random_chance(&r, 500000);
		s->rate_bps = some(&r, 100000, 5000000);
		s->queue_bytes = 20000;
	}
	hand_over(&p, &r, 0, some(&r, 0, 1 * S));
	p.spread = (enum order_spread)sim_random_range(&r, 0, 2);
	p.copies = sim_random_chance(&r, 200000) ? 2 : 1;
	p.repairs = sim_random_chance(&r, 500000);
	p.class.repair = p.repairs ? some(&r, 0, 200 * MS) : 0;
	p.class.cap = some(&r, 0, 300 * MS);
	p.held_pkts = sim_random_range(&r, 10, 1000);
	p.drift_ppm = 50;
	order_world_run(run, &p, &r);
}

#define ADDED "order adds"

int main(int argc, char **argv)
{
	static const struct sim_scenario scenarios[] = {
		{"keeps order on constant links", keeps_order_on_constant_links,
		 500, NULL, ADDED},
		{"gives up only what is lost", gives_up_only_what_is_lost, 500,
		 NULL, ADDED},
		{"waits for nothing on equal links",
		 waits_for_nothing_on_equal_links, 500, NULL, ADDED},
		{"waits for nothing in pinned lanes",
		 waits_for_nothing_in_pinned_lanes, 500, NULL, ADDED},
		{"follows flowlets", follows_flowlets, 500, NULL, ADDED},
		{"carries one flow over mixed links",
		 carries_one_flow_over_mixed_links, 500, NULL, ADDED},
		{"carries one flow over mixed lossy links",
		 carries_one_flow_over_mixed_lossy_links, 500, NULL, ADDED},
		{"waits for repairs where told", waits_for_repairs_where_told,
		 500, NULL, ADDED},
		{"takes repairs that nobody waits for",
		 takes_repairs_that_nobody_waits_for, 500, NULL, ADDED},
		{"bears jitter", bears_jitter, 500, NULL, ADDED},
		{"bears jitter that reorders", bears_jitter_that_reorders, 500,
		 NULL, ADDED},
		{"bears bursts of loss", bears_bursts_of_loss, 500, NULL,
		 ADDED},
		{"bears hand-overs", bears_hand_overs, 500, NULL, ADDED},
		{"bears paths that die and return",
		 bears_paths_that_die_and_return, 500, NULL, ADDED},
		{"bears bloat and decay", bears_bloat_and_decay, 500, NULL,
		 ADDED},
		{"loses nothing of what is copied",
		 loses_nothing_of_what_is_copied, 500, NULL, ADDED},
		{"copies over links of every kind",
		 copies_over_links_of_every_kind, 500, NULL, ADDED},
		{"copies wait for one another", copies_wait_for_one_another,
		 500, NULL, ADDED},
		{"copies are given up only when all are lost",
		 copies_are_given_up_only_when_all_are_lost, 500, NULL, ADDED},
		{"copies to some of the links", copies_to_some_of_the_links,
		 500, NULL, ADDED},
		{"copies to who is not run for a while",
		 copies_to_who_is_not_run_for_a_while, 500, NULL, ADDED},
		{"copies while a link dies and returns",
		 copies_while_a_link_dies_and_returns, 500, NULL, ADDED},
		{"what leaves ahead waits for those before it",
		 what_leaves_ahead_waits_for_those_before_it, 500, NULL, ADDED},
		{"gives up only what is lost of what leaves ahead",
		 gives_up_only_what_is_lost_of_what_leaves_ahead, 500, NULL,
		 ADDED},
		{"bears a sender that sends small ones first",
		 bears_a_sender_that_sends_small_ones_first, 500, NULL, ADDED},
		{"keeps to a low cap", keeps_to_a_low_cap, 500, NULL, ADDED},
		{"holds nothing without order", holds_nothing_without_order,
		 500, NULL, ADDED},
		{"keeps to its room", keeps_to_its_room, 500, NULL, ADDED},
		{"wraps everything", wraps_everything, 500, NULL, ADDED},
		{"bears clocks that drift", bears_clocks_that_drift, 500, NULL,
		 ADDED},
		{"bears everything at once", bears_everything_at_once, 500,
		 NULL, ADDED},
	};

	return sim_scenarios(argc, argv, scenarios,
			     sizeof(scenarios) / sizeof(scenarios[0]));
}
