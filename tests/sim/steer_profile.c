/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/steer_profile.h"

#define MS       MPQ_MILLISECOND
#define QUEUE_MS 100

#define PATH(rate, rtt, ...)                                                   \
	{                                                                      \
		.mbps = (rate), .rtt_ms = (rtt), ##__VA_ARGS__                 \
	}
#define LEO(rate)                                                              \
	PATH(rate, 55, .loss_percent = 1, .kind = SIM_LEO, .queue_ms = 60)
#define LTE(rate) PATH(rate, 60, .jitter_ms = 15, .queue_ms = 200)

const struct sim_profile sim_profiles[SIM_PROFILES + SIM_PROFILE_MORE] = {
	{"1: 2 x 20/40", 2, {PATH(20, 40), PATH(20, 40)}},
	{"2: 6 x 20/40",
	 6,
	 {PATH(20, 40), PATH(20, 40), PATH(20, 40), PATH(20, 40), PATH(20, 40),
	  PATH(20, 40)}},
	{"3: 2 x 100/25", 2, {PATH(100, 25), PATH(100, 25)}},
	{"4: 300/10 + 80/30", 2, {PATH(300, 10), PATH(80, 30)}},
	{"5: 50/30 + 20/60 + 10/120",
	 3,
	 {PATH(50, 30), PATH(20, 60), PATH(10, 120)}},
	{"6: 2 x 20/40, 1 % loss",
	 2,
	 {PATH(20, 40, .loss_percent = 1), PATH(20, 40, .loss_percent = 1)}},
	{"7: 2 x 50/40, 1 % on one",
	 2,
	 {PATH(50, 40), PATH(50, 40, .loss_percent = 1)}},
	{"8: 2 x 50/20, jitter 10",
	 2,
	 {PATH(50, 20), PATH(50, 20, .jitter_ms = 10)}},
	{"9: 50/20 + 50/80", 2, {PATH(50, 20), PATH(50, 80)}},
	{"10: 50/30 + 5/30", 2, {PATH(50, 30), PATH(5, 30)}},
	{"11: 50/30 + 50/300", 2, {PATH(50, 30), PATH(50, 300)}},
	{"12: LEO 100 + LTE 30/60", 2, {LEO(100), LTE(30)}},
	{"13: two LEO", 2, {LEO(100), LEO(100)}},
	{"14: two LTE, rate 5-40",
	 2,
	 {PATH(20, 60, .jitter_ms = 20, .queue_ms = 500, .kind = SIM_WALK),
	  PATH(20, 60, .jitter_ms = 20, .queue_ms = 500, .kind = SIM_WALK)}},
	{"15: 300/8 + LTE 30/60", 2, {PATH(300, 8), LTE(30)}},
	{"16: 20/40 bloated + 20/40",
	 2,
	 {PATH(20, 40, .queue_ms = 2000), PATH(20, 40, .queue_ms = 50)}},
	{"17: 2 x 20/40, bursts 5 % on one",
	 2,
	 {PATH(20, 40), PATH(20, 40, .burst_percent = 5)}},
	{"18: 20/40 + 20/40 with 30 % loss",
	 2,
	 {PATH(20, 40), PATH(20, 40, .loss_percent = 30)}},
	{"19: 200/40 + 50/60", 2, {PATH(200, 40), PATH(50, 60)}},
	{"20: 20/40 + one that decays",
	 2,
	 {PATH(20, 40), PATH(20, 40, .kind = SIM_DECAY)}},
	{"5 with 1 % loss on each",
	 3,
	 {PATH(50, 30, .loss_percent = 1), PATH(20, 60, .loss_percent = 1),
	  PATH(10, 120, .loss_percent = 1)}},
	{"120/40 alone", 1, {PATH(120, 40)}},
};

static struct sim_link_shape shape_of(const struct sim_profile_path *p)
{
	double queue_ms = p->queue_ms > 0 ? p->queue_ms : QUEUE_MS;
	struct sim_link_shape s = {
		.rate_bps = (uint64_t)(p->mbps * 1e6),
		.delay = (mpq_duration)(p->rtt_ms * 1e6 / 2),
		.jitter = (mpq_duration)(p->jitter_ms * 1e6),
		.wander = (mpq_duration)(p->wander_ms * 1e6),
		.loss_ppm = (uint32_t)(p->loss_percent * 1e4),
		.burst_ppm = (uint32_t)(p->burst_percent * 1e4 / 20),
		.burst_pkts = 20,
		.queue_bytes = (size_t)(p->mbps * 1e6 / 8 * queue_ms / 1e3)};

	s.queue_bytes = s.queue_bytes > 15000 ? s.queue_bytes : 15000;
	return s;
}

/* Every 15 s another satellite: an outage, another way, another rate. */
static void hand_overs(struct sim_link *l, struct sim_link_shape s,
		       mpq_time start, mpq_duration time)
{
	uint64_t rate = s.rate_bps;
	mpq_time at = start + sim_random_range(&l->random, 1, 14) * MPQ_SECOND;

	for (; at < start + time; at += 15 * MPQ_SECOND) {
		s.down = true;
		sim_link_schedule(l, at, &s);
		s.down = false;
		s.delay = sim_random_range(&l->random, 15, 40) * MS;
		s.rate_bps = rate / 100 * sim_random_range(&l->random, 60, 100);
		sim_link_schedule(l,
				  at + sim_random_range(&l->random, 100, 250) *
						  MS,
				  &s);
		s.burst_ppm = 10000;
		s.burst_pkts = 3;
		sim_link_schedule(l, at + 260 * MS, &s);
		s.burst_ppm = 0;
		sim_link_schedule(l, at + 1000 * MS, &s);
	}
}

static void walk(struct sim_link *l, struct sim_link_shape s, mpq_time start,
		 mpq_duration time)
{
	uint64_t mbps = 20;

	for (mpq_time at = start; at < start + time; at += 500 * MS) {
		mbps += sim_random_range(&l->random, 0, 8);
		mbps = mbps > 44 ? 40 : mbps > 9 ? mbps - 4 : 5;
		s.rate_bps = mbps * 1000000;
		sim_link_schedule(l, at, &s);
	}
}

static void decay(struct sim_link *l, struct sim_link_shape s, mpq_time start,
		  mpq_duration time)
{
	uint64_t rate = s.rate_bps;
	mpq_duration step = time / 40;

	for (unsigned i = 10; i <= 30; i++) {
		s.rate_bps = i < 30 ? s.rate_bps * 5 / 8 : rate;
		s.rate_bps = s.rate_bps > 10000 ? s.rate_bps : 10000;
		sim_link_schedule(l, start + i * step, &s);
	}
}

void sim_profile_link(const struct sim_profile *p, unsigned i,
		      struct sim_link *link, uint64_t seed, mpq_time start,
		      mpq_duration time)
{
	struct sim_link_shape s = shape_of(&p->path[i]);

	sim_link_init(link, &s, seed * 31 + i, 0);
	switch (p->path[i].kind) {
	case SIM_LEO:
		hand_overs(link, s, start, time);
		break;
	case SIM_WALK:
		walk(link, s, start, time);
		break;
	case SIM_DECAY:
		decay(link, s, start, time);
		break;
	case SIM_STEADY:
		break;
	}
}

double sim_profile_mbps(const struct sim_profile *p, unsigned i,
			const struct sim_link *link, mpq_time start,
			mpq_duration time)
{
	double bits = 0, rate = p->path[i].mbps * 1e6;
	mpq_time from = start;

	for (size_t k = 0; k < link->n_changes; k++) {
		mpq_time at = link->changes[k].at;

		at = at > from ? at : from;
		at = at < start + time ? at : start + time;
		bits += rate * (double)(at - from) / 1e9;
		rate = link->changes[k].shape.down
			       ? 0
			       : (double)link->changes[k].shape.rate_bps;
		from = at;
	}
	bits += rate * (double)(start + time - from) / 1e9;
	return bits / ((double)time / 1e9) / 1e6;
}
