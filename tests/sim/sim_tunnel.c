/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real connections over modelled links: what a path lives through in the field,
 * in virtual time.
 */
#include "tests/sim/tunnel_world.h"

#include <stdlib.h>

#define MS MPQ_MILLISECOND
#define S  MPQ_SECOND

#define INNER 1380 /* bytes; the tunnels' default MTU */

static double ms(mpq_duration d)
{
	return (double)d / (double)MS;
}

/* A link of some length, and its tunnel with a packet each way all 20 ms. */
static struct tunnel_world *world_of(struct sim_run *run, mpq_duration delay)
{
	const struct sim_link_shape shape = {.rate_bps = 20000000,
					     .delay = delay,
					     .queue_bytes = 250000};

	return tunnel_world_new(run, &shape, INNER, 200, 20 * MS);
}

static mpq_duration some_delay(struct sim_run *run)
{
	struct sim_random r = {run->seed};

	return sim_random_range(&r, 2 * MS, 150 * MS);
}

static void connect_up(struct tunnel_world *w)
{
	tunnel_world_link(w, MPQ_LIFE_CONNECTING);
	sim_holds(w->run,
		  tunnel_world_until(w, tunnel_world_is_up, 10 * S) !=
			  MPQ_TIME_NEVER,
		  w->now, "not up within 10 s");
	tunnel_world_run(w, 5 * S);
	tunnel_world_count_anew(w);
}

/* Packets come both ways within `limit`, and stay intact. */
static void expect_traffic(struct tunnel_world *w, mpq_duration limit)
{
	mpq_duration taken;

	tunnel_world_count_anew(w);
	taken = tunnel_world_until(w, tunnel_world_carries, limit);
	sim_holds(w->run, taken != MPQ_TIME_NEVER, w->now,
		  "no traffic within %.0f ms: %s (%s), %llu up, %llu down",
		  ms(limit), mpq_life_state_name(w->life.state), w->life.reason,
		  (unsigned long long)w->concentrator.received,
		  (unsigned long long)w->edge.received);
	w->run->figure = taken > w->run->figure ? taken : w->run->figure;
	sim_holds(w->run, w->edge.corrupt + w->concentrator.corrupt == 0,
		  w->now, "corrupt packets came out");
}

static void first_connection(struct sim_run *run)
{
	mpq_duration delay = some_delay(run);
	struct tunnel_world *w = world_of(run, delay);

	tunnel_world_link(w, MPQ_LIFE_CONNECTING);
	/* Retry, handshake, settings and request: 4 round trips; the path's
	 * MTU one more. */
	expect_traffic(w, 2 * S + 3 * 2 * delay);
	sim_holds(run, w->life.dials == 1, w->now, "%u dials", w->life.dials);
	tunnel_world_free(w);
}

static void handshake_with_loss(struct sim_run *run)
{
	struct sim_link_shape shape = {.delay = 25 * MS, .loss_ppm = 300000};
	struct tunnel_world *w =
		tunnel_world_new(run, &shape, INNER, 200, 20 * MS);

	tunnel_world_link(w, MPQ_LIFE_CONNECTING);
	expect_traffic(w, 30 * S);
	tunnel_world_free(w);
}

static void outage(struct sim_run *run)
{
	static const mpq_duration lengths[] = {300 * MS, 1 * S,  2 * S,
					       5 * S,    20 * S, 40 * S};
	mpq_duration delay = some_delay(run);
	struct tunnel_world *w = world_of(run, delay);
	struct sim_link_shape up = w->up.shape, down = {.down = true};

	connect_up(w);
	tunnel_world_shape(w, &down);
	tunnel_world_run(w, lengths[run->seed % 6] + run->seed * 7 * MS);
	tunnel_world_shape(w, &up);
	expect_traffic(w, 2 * S + 3 * 2 * delay);
	tunnel_world_run(w, 5 * S);
	sim_holds(run, tunnel_world_is_up(w), w->now, "is %s 5 s later",
		  mpq_life_state_name(w->life.state));
	tunnel_world_free(w);
}

static void replug(struct sim_run *run)
{
	mpq_duration delay = some_delay(run);
	struct tunnel_world *w = world_of(run, delay);

	connect_up(w);
	tunnel_world_link(w, MPQ_LIFE_NO_LINK);
	sim_holds(run, w->life.state == MPQ_LIFE_NO_LINK, w->now, "is %s",
		  mpq_life_state_name(w->life.state));
	tunnel_world_run(w, run->seed * 531 * MS);
	tunnel_world_link(w, MPQ_LIFE_CONNECTING);
	expect_traffic(w, 2 * S + 3 * 2 * delay);
	tunnel_world_free(w);
}

static void restart(struct sim_run *run)
{
	mpq_duration delay = some_delay(run);
	struct tunnel_world *w = world_of(run, delay);

	connect_up(w);
	tunnel_world_kill_concentrator(w);
	tunnel_world_run(w, run->seed * 97 * MS);
	tunnel_world_start_concentrator(w);
	expect_traffic(w, 2 * S + 3 * 2 * delay);
	tunnel_world_free(w);
}

static void rebinding(struct sim_run *run)
{
	mpq_duration delay = some_delay(run);
	struct tunnel_world *w = world_of(run, delay);
	unsigned dials, changes;

	connect_up(w);
	dials = w->life.dials;
	changes = w->state_changes;
	tunnel_world_rebind(w);
	tunnel_world_run(w, 5 * S);
	/* The next packet up tells the new port, what was under way down is
	 * lost: a gap of a round trip, and nobody dials. */
	sim_holds(run, w->life.dials == dials && w->state_changes == changes,
		  w->now, "%u dials, %u changes after a rebinding",
		  w->life.dials - dials, w->state_changes - changes);
	sim_holds(run, w->edge.longest_gap <= 2 * delay + 100 * MS, w->now,
		  "nothing came down for %.0f ms, rtt %.0f ms",
		  ms(w->edge.longest_gap), ms(2 * delay));
	run->figure = w->edge.longest_gap;
	sim_holds(run, w->concentrator.longest_gap <= 100 * MS, w->now,
		  "nothing came up for %.0f ms",
		  ms(w->concentrator.longest_gap));
	tunnel_world_free(w);
}

/* The link's MTU, IPv4 header and all, by the seed: 1280 to 1500. */
static void mtu(struct sim_run *run)
{
	size_t wire = 1280 + (run->seed * 44) % 221, udp = wire - 28;
	const struct sim_link_shape shape = {.rate_bps = 20000000,
					     .delay = 20 * MS,
					     .mtu_bytes = udp};
	struct tunnel_world *w =
		tunnel_world_new(run, &shape, 1500, 1, 20 * MS);
	size_t found;

	w->edge.size_bytes = w->concentrator.size_bytes = 1200;
	tunnel_world_link(w, MPQ_LIFE_CONNECTING);
	expect_traffic(w, 30 * S);
	tunnel_world_run(w, 30 * S);
	sim_holds(run, w->current >= 0, w->now, "is %s",
		  mpq_life_state_name(w->life.state));
	if (w->current >= 0) {
		found = mpq_channel_max_packet(w->slot[w->current].channel);
		sim_holds(run, found <= udp - 30, w->now,
			  "believes in %zu bytes of %zu", found, udp - 30);
		/* No step between the sizes that are tried is larger. */
		sim_holds(run, found + 60 >= udp - 30, w->now,
			  "found %zu bytes only of %zu", found, udp - 30);
	}
	sim_holds(run, w->life.dials == 1, w->now, "%u dials", w->life.dials);
	tunnel_world_free(w);
}

/* Small packets pass before and after, large ones do not any more: the library
 * notices nothing (see bond/loss). */
static void shrinking_mtu(struct sim_run *run)
{
	struct tunnel_world *w = world_of(run, 20 * MS);
	struct sim_link_shape shape = w->up.shape;
	size_t before;

	w->edge.size_bytes = w->concentrator.size_bytes = 1100;
	connect_up(w);
	before = mpq_channel_max_packet(w->slot[w->current].channel);
	shape.mtu_bytes = 1300 - run->seed;
	tunnel_world_shape(w, &shape);
	w->edge.size_bytes = w->concentrator.size_bytes = 1350;
	tunnel_world_run(w, 5 * S);
	sim_holds(run,
		  before >= 1350 && w->current >= 0 &&
			  mpq_channel_max_packet(w->slot[w->current].channel) <
				  1300,
		  w->now, "still believes in %zu bytes", before);
	sim_holds(run, w->edge.out.too_big > 0, w->now, "tells no sender");
	w->edge.size_bytes = w->concentrator.size_bytes = 1100;
	expect_traffic(w, 1 * S);
	sim_holds(run, w->life.dials >= 2 && w->life.dials <= 4, w->now,
		  "%u dials", w->life.dials);
	tunnel_world_free(w);
}

static void bulk(struct sim_run *run)
{
	const struct sim_link_shape shape = {.rate_bps = 10000000,
					     .delay = 20 * MS,
					     .loss_ppm =
						     run->seed % 2 ? 0 : 5000,
					     .queue_bytes = 100000};
	struct tunnel_world *w = tunnel_world_new(run, &shape, INNER, 1300,
						  1 * MS); /* 10.4 Mbit/s */
	double rate;

	w->concentrator.interval = 20 * MS;
	connect_up(w);
	tunnel_world_run(w, 20 * S);
	rate = (double)w->concentrator.bytes * 8 / 20;
	sim_trace(run, w->now, "%.2f Mbit/s up", rate / 1e6);
	/* Of 9.8 that fit; with loss the library's BBR is a matter of luck. */
	sim_holds(run, rate >= (shape.loss_ppm == 0 ? 8e6 : 6e6), w->now,
		  "%.2f Mbit/s of 10 with loss %u ppm", rate / 1e6,
		  shape.loss_ppm);
	sim_holds(run, w->life.dials == 1, w->now, "%u dials", w->life.dials);
	tunnel_world_free(w);
}

static void refusal(struct sim_run *run)
{
	mpq_duration delay = some_delay(run);
	struct tunnel_world *w = world_of(run, delay);

	w->refuse_status = 403;
	tunnel_world_link(w, MPQ_LIFE_CONNECTING);
	tunnel_world_run(w, 60 * S);
	sim_holds(run, w->life.state == MPQ_LIFE_REFUSED, w->now, "is %s: %s",
		  mpq_life_state_name(w->life.state), w->life.reason);
	/* at 0, 2, 6, 14, 30 s */
	sim_holds(run, w->life.dials >= 4 && w->life.dials <= 6, w->now,
		  "%u dials", w->life.dials);
	w->refuse_status = 0;
	expect_traffic(w, 66 * S);
	tunnel_world_free(w);
}

static void happen(struct tunnel_world *w, struct sim_random *r)
{
	struct sim_link_shape shape = {
		.rate_bps = sim_random_range(r, 2000000, 50000000),
		.delay = sim_random_range(r, 2 * MS, 150 * MS),
		.jitter = sim_random_range(r, 0, 20 * MS),
		.reorder = sim_random_chance(r, 300000),
		.loss_ppm = (uint32_t)sim_random_range(r, 0, 10000),
		.queue_bytes = 100000};

	switch (sim_random_range(r, 0, 4)) {
	case 0:
		tunnel_world_rebind(w);
		break;
	case 1:
		tunnel_world_link(w, MPQ_LIFE_NO_CARRIER);
		tunnel_world_run(w, sim_random_range(r, 0, 5 * S));
		tunnel_world_link(w, MPQ_LIFE_CONNECTING);
		break;
	case 2:
		tunnel_world_kill_concentrator(w);
		tunnel_world_run(w, sim_random_range(r, 0, 5 * S));
		tunnel_world_start_concentrator(w);
		break;
	case 3:
		shape.down = true;
		tunnel_world_shape(w, &shape);
		tunnel_world_run(w, sim_random_range(r, 0, 20 * S));
		shape.down = false;
		/* fall through */
	default:
		tunnel_world_shape(w, &shape);
		break;
	}
}

/* One thing after the other, in no order, sometimes before the last one is
 * over. */
static void everything(struct sim_run *run)
{
	struct tunnel_world *w = world_of(run, 20 * MS);
	struct sim_random r = {run->seed};

	connect_up(w);
	for (int i = 0; i < 10; i++) {
		happen(w, &r);
		tunnel_world_run(w, sim_random_range(&r, 0, 10 * S));
	}
	/* With loss it may need a second dial. */
	expect_traffic(w, 4 * S + 3 * 2 * w->up.shape.delay);
	tunnel_world_free(w);
}

int main(int argc, char **argv)
{
	static const char first[] = "time to the first packets both ways";
	static const char back[] = "time until packets come both ways again";
	const struct sim_scenario scenarios[] = {
		{"connects_within_its_round_trips", first_connection, 20,
		 first},
		{"connects_while_every_third_packet_is_lost",
		 handshake_with_loss, 30, first},
		{"comes_back_after_a_silent_outage", outage, 60, back},
		{"comes_back_with_another_address", replug, 20, back},
		{"comes_back_when_the_concentrator_restarts", restart, 20,
		 back},
		{"goes_on_when_a_nat_moves_it", rebinding, 20,
		 "gap in what comes down"},
		{"finds_the_size_that_fits", mtu, 12, first},
		{"comes_back_when_the_link_narrows", shrinking_mtu, 8, back},
		{"fills_its_link", bulk, 4, NULL},
		{"waits_out_a_refusal", refusal, 4, back},
		{"comes_back_from_everything", everything, 40, back},
	};

	return sim_scenarios(argc, argv, scenarios,
			     sizeof(scenarios) / sizeof(scenarios[0]));
}
