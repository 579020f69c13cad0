/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: records of eight bytes: what happens, to which path and class, and how
 * much. Paths come and go, are measured, acknowledge and lose; packets of a few
 * flows are steered meanwhile, by whatever policy, in virtual time.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "dataplane/bond/steer.h"

#define RECORD  8
#define START   (1000 * MPQ_SECOND)
#define CLASSES 2

struct world {
	struct mpq_steer *steer;
	struct mpq_estimate estimate[MPQ_STEER_PATHS];
	uint64_t sent[MPQ_STEER_PATHS], queued[MPQ_STEER_PATHS];
	mpq_steer_set there, usable, excluded[CLASSES];
	mpq_time now;
};

struct record {
	unsigned what, path, class;
	uint8_t byte[4];
	uint32_t number; /* the same */
};

static mpq_steer_set bit(unsigned path)
{
	return (mpq_steer_set)1 << path;
}

static bool has(mpq_steer_set set, unsigned path)
{
	return path < MPQ_STEER_PATHS && (set & bit(path)) != 0;
}

static void on_changed(void *owner, const struct mpq_steer_event *e)
{
	const struct world *w = owner;

	FUZZ_HOLDS(e->kind < MPQ_STEER_KINDS && e->reason < MPQ_STEER_REASONS);
	FUZZ_HOLDS(e->class < MPQ_STEER_CLASSES && e->at <= w->now);
	FUZZ_HOLDS((e->to & ~(mpq_steer_set)0xff) == 0);
}

static void set_path(struct world *w, const struct record *r)
{
	unsigned i = r->path;
	bool is_new = !has(w->there, i);

	if (r->byte[0] % 4 == 0) {
		w->there &= ~bit(i);
		w->usable &= ~bit(i);
		w->queued[i] = 0;
		mpq_steer_path(w->steer, i, NULL, false, false, w->now);
		return;
	}
	if (is_new || r->byte[0] % 4 == 1) {
		mpq_steer_path(w->steer, i, NULL, false, false, w->now);
		mpq_estimate_init(&w->estimate[i], w->now);
		w->queued[i] = 0;
	}
	w->there |= bit(i);
	w->usable = r->byte[1] % 4 ? w->usable | bit(i) : w->usable & ~bit(i);
	mpq_steer_path(w->steer, i, &w->estimate[i], has(w->usable, i),
		       r->byte[2] % 4 == 0, w->now);
}

static void observe(struct world *w, const struct record *r)
{
	const struct mpq_estimate_view view = {
		.rtt_smoothed = r->byte[0] * 2 * MPQ_MILLISECOND,
		.rtt_min = r->byte[1] * MPQ_MILLISECOND,
		.rtt_variation = r->byte[2] * MPQ_MILLISECOND,
		.one_way = r->byte[3] * MPQ_MILLISECOND,
		.cwnd_bytes = (uint64_t)r->byte[1] << (r->byte[2] % 24),
		.in_flight_bytes = (uint64_t)r->byte[3] << (r->byte[0] % 24),
		.max_bytes = r->byte[3] % 4 == 0 ? 300 + r->byte[2] * 4u : 0,
	};

	mpq_estimate_observe(&w->estimate[r->path], &view, w->now);
}

static void send(struct world *w, unsigned path, size_t len)
{
	w->queued[path] += len;
	mpq_estimate_queued(&w->estimate[path], w->queued[path]);
}

/* The connection takes what waits in the path's queue. */
static void take(struct world *w, unsigned path)
{
	while (w->queued[path] > 0) {
		uint64_t len = w->queued[path] < 1400 ? w->queued[path] : 1400;

		w->queued[path] -= len;
		mpq_estimate_queued(&w->estimate[path], w->queued[path]);
		mpq_estimate_sent(&w->estimate[path], w->sent[path]++,
				  (size_t)len, w->now);
	}
}

static bool fits(const struct world *w, unsigned path, size_t len)
{
	uint32_t most = w->estimate[path].view.max_bytes;

	return most == 0 || len <= most;
}

static void check_choice(const struct world *w, unsigned class, size_t len,
			 const struct mpq_steer_choice *c)
{
	mpq_steer_set fitting = mpq_steer_fitting(w->steer, class, len);
	mpq_steer_set seen = 0;

	FUZZ_HOLDS(c->shared ? c->n == 0
			     : c->n >= 1 && c->n <= MPQ_STEER_PATHS);
	for (unsigned i = 0; i < c->n; i++) {
		FUZZ_HOLDS(has(w->usable, c->path[i]));
		FUZZ_HOLDS(!has(w->excluded[class], c->path[i]));
		FUZZ_HOLDS(!has(seen, c->path[i]));
		FUZZ_HOLDS(fitting == 0 || fits(w, c->path[i], len));
		seen |= bit(c->path[i]);
	}
}

static void pick(struct world *w, const struct record *r)
{
	for (unsigned k = 0; k < 1 + r->byte[0] % 32u; k++) {
		size_t len = 40 + r->byte[1] * 5u;
		struct mpq_steer_choice c;
		int rc = mpq_steer_pick(w->steer, r->class,
					r->byte[2] % 5u * 12345, len, w->now,
					&c);

		if (rc == MPQ_STEER_SEND) {
			check_choice(w, r->class, len, &c);
		} else if (rc == MPQ_STEER_NO_PATH) {
			FUZZ_HOLDS((w->usable & ~w->excluded[r->class]) == 0);
		}
		for (unsigned i = 0; rc == MPQ_STEER_SEND && i < c.n; i++) {
			send(w, c.path[i], len);
		}
	}
}

static void pull(struct world *w, const struct record *r)
{
	if (has(w->usable, r->path) &&
	    mpq_steer_may_pull(w->steer, r->class, r->path, r->number % 1000000,
			       r->number % 1500)) {
		FUZZ_HOLDS(!has(w->excluded[r->class], r->path));
		mpq_steer_pulled(w->steer, r->class, r->path, 1000, w->now);
		send(w, r->path, 1000);
	}
}

static void repair(struct world *w, const struct record *r)
{
	int to = mpq_steer_repair(w->steer, r->class, r->path, 1000, w->now);

	FUZZ_HOLDS(to == -ENETUNREACH || has(w->usable, (unsigned)to));
	FUZZ_HOLDS(to < 0 || !has(w->excluded[r->class], (unsigned)to));
}

static void configure(struct world *w, const struct record *r)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;

	c.mode = (enum mpq_steer_mode)(r->byte[0] % MPQ_STEER_MODES);
	c.n_order = r->byte[1] % 3;
	c.order[0] = r->byte[1] >> 2 & 7;
	c.order[1] = r->byte[1] >> 5 & 7;
	c.excluded = r->byte[2];
	c.copies = r->byte[3] % 9;
	c.avoid_metered = r->byte[0] >> 7;
	c.order_cap = r->byte[3] * 4 * MPQ_MILLISECOND;
	c.loss_max_ppm = r->byte[0] & 0x40 ? r->byte[3] * 1000u : 0;
	c.rtt_max = r->byte[0] & 0x20 ? r->byte[3] * MPQ_MILLISECOND : 0;
	c.rate_limit_bps = r->byte[0] & 0x10 ? r->byte[3] * 100000u : 0;
	if (mpq_steer_configure(w->steer, r->class, &c, w->now) == 0) {
		w->excluded[r->class] = c.excluded;
	}
}

static void hear(struct world *w, const struct record *r)
{
	struct mpq_estimate *e = &w->estimate[r->path];
	uint64_t sent = w->sent[r->path];
	uint64_t id = sent - r->byte[0] % (sent + 1);

	mpq_estimate_answered(e, w->now);
	for (uint64_t i = id; i < sent && i < id + r->byte[1]; i++) {
		if (r->byte[2] > 0 && i % r->byte[2] == 0) {
			mpq_estimate_lost(e, i, w->now);
		} else {
			mpq_estimate_acked(e, i, w->now);
		}
	}
}

static void pass(struct world *w, const struct record *r)
{
	static const mpq_duration unit[] = {10 * MPQ_MICROSECOND,
					    MPQ_MILLISECOND,
					    20 * MPQ_MILLISECOND, MPQ_SECOND};

	w->now += r->byte[0] % 64 * unit[r->byte[0] / 64];
	mpq_steer_expire(w->steer, w->now);
	FUZZ_HOLDS(mpq_steer_deadline(w->steer) > w->now);
}

static void check(const struct world *w)
{
	FUZZ_HOLDS((mpq_steer_silent(w->steer) & ~w->there) == 0);
	for (unsigned c = 0; c < CLASSES; c++) {
		FUZZ_HOLDS(mpq_steer_delay_spread(w->steer, c) <
			   100 * MPQ_SECOND);
	}
}

static void play(struct world *w, const uint8_t *data)
{
	const struct record r = {
		.what = data[0] % 16,
		.path = data[1] % MPQ_STEER_PATHS,
		.class = data[1] >> 3 & (CLASSES - 1),
		.byte = {data[4], data[5], data[6], data[7]},
		.number = (uint32_t)data[4] << 16 | (uint32_t)data[5] << 8 |
			  data[6],
	};

	if (r.what < 2) {
		set_path(w, &r);
	} else if (r.what < 4) {
		configure(w, &r);
	} else if (r.what < 7) {
		pick(w, &r);
	} else if (r.what < 8) {
		repair(w, &r);
	} else if (r.what < 10) {
		pull(w, &r);
	} else if (r.what < 12) {
		pass(w, &r);
	} else if (!has(w->there, r.path)) {
		return;
	} else if (r.what < 13) {
		observe(w, &r);
	} else if (r.what < 14) {
		take(w, r.path);
	} else {
		hear(w, &r);
	}
	check(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mpq_steer_events events = {on_changed};
	static struct world w;

	if (size > 2000 * RECORD) {
		return 0;
	}
	memset(&w, 0, sizeof(w));
	w.now = START;
	w.steer = mpq_steer_new(&events, &w, w.now);
	FUZZ_HOLDS(w.steer != NULL);
	for (; size >= RECORD; size -= RECORD, data += RECORD) {
		play(&w, data);
	}
	mpq_steer_free(w.steer);
	return 0;
}
