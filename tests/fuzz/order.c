/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: three bytes, how much may be held, what the classes are (see classes)
 * and how many paths there are; then records of six bytes, which are datagrams
 * that arrive, or classes that change. Header, delay and order together, in
 * virtual time.
 */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "dataplane/bond/order.h"

#define CLASSES 3 /* and one that there is not */
#define LANES   2 /* used of each */
#define RECORDS 4096
#define RECORD  6
#define WINDOW  (MPQ_ORDER_WINDOW / 2)
#define START   (1000 * MPQ_SECOND)
/* A lane's first sequence, with room for what comes before it. */
#define FIRST (UINT64_C(1) << 40)

struct packet {
	bool out; /* delivered or dropped */
	mpq_time arrived;
	uint8_t class_id, lane;
	uint32_t sequence;
};

/* A lane as it should be: sequences without their wrapping. */
struct lane {
	uint64_t next;
	mpq_time touched;
};

struct world {
	struct mpq_delay delay;
	struct mpq_order order;
	struct mpq_order_class class[CLASSES];
	mpq_duration wait_max; /* that any class ever allowed */
	struct packet packet[RECORDS];
	struct lane lane[CLASSES][LANES];
	uint64_t delivered[RECORDS]; /* lane and sequence in one */
	size_t n_packets, n_delivered, n_dropped;
	unsigned paths;
	uint32_t sequence[CLASSES + 1][LANES], clock;
	uint16_t path_sequence[MPQ_DELAY_PATHS];
	mpq_time now;
};

static struct packet *take(struct world *w, void *packet)
{
	struct packet *p = packet;

	FUZZ_HOLDS(p >= w->packet && p < w->packet + w->n_packets);
	FUZZ_HOLDS(!p->out);
	p->out = true;
	return p;
}

/* Nothing is delivered twice; next only grows. */
static void on_deliver(void *user, void *packet, bool late)
{
	struct world *w = user;
	struct packet *p = take(w, packet);
	struct lane *lane = &w->lane[p->class_id][p->lane];
	int32_t ahead =
		mpq_header_distance24(p->sequence,
				      (uint32_t)lane->next & MPQ_HEADER_MASK24);
	uint64_t at = lane->next + (uint64_t)(int64_t)ahead;
	uint64_t key;

	if (ahead < -WINDOW) { /* only what was silent goes on there */
		FUZZ_HOLDS(w->now - lane->touched >= MPQ_ORDER_FORGET);
		at += MPQ_HEADER_MASK24 + 1;
	}
	FUZZ_HOLDS(!late || at < lane->next);
	FUZZ_HOLDS(late || at >= lane->next || w->class[p->class_id].cap == 0);
	FUZZ_HOLDS(w->now - p->arrived <= w->wait_max);
	key = at * CLASSES * LANES + p->class_id * LANES + p->lane;
	for (size_t i = 0; i < w->n_delivered; i++) {
		FUZZ_HOLDS(w->delivered[i] != key);
	}
	w->delivered[w->n_delivered++] = key;
	lane->next = at >= lane->next ? at + 1 : lane->next;
	lane->touched = p->arrived > lane->touched ? p->arrived : lane->touched;
}

static void on_drop(void *user, void *packet, enum mpq_order_drop why)
{
	struct world *w = user;
	struct packet *p = take(w, packet);

	FUZZ_HOLDS((why == MPQ_ORDER_UNKNOWN_CLASS) ==
		   (p->class_id == CLASSES));
	w->n_dropped++;
}

static void check_path(const struct world *w, unsigned path)
{
	const struct mpq_delay *d = &w->delay;

	FUZZ_HOLDS(d->paths[path].received <= d->paths[path].expected);
	FUZZ_HOLDS(mpq_delay_loss_ppm(d, path) <= 1000000);
	FUZZ_HOLDS(d->paths[path].reorder <= MPQ_SECOND);
	FUZZ_HOLDS(mpq_delay_offset(d, path, w->now) <= INT64_MAX);
	FUZZ_HOLDS(mpq_delay_queueing(d, path) <= INT64_MAX);
}

static void check(const struct world *w)
{
	const struct mpq_held *h = &w->order.held;

	FUZZ_HOLDS(h->pkts <= h->max_pkts && h->bytes <= h->max_bytes);
	FUZZ_HOLDS(w->n_packets == w->n_delivered + w->n_dropped + h->pkts);
	FUZZ_HOLDS((h->pkts == 0) == (w->order.due.entries == 0));
	FUZZ_HOLDS(mpq_order_deadline(&w->order) > w->now);
	for (unsigned i = 0; i < w->paths; i++) {
		check_path(w, i);
	}
}

/* As an event loop does it: nothing that is due is left for later. */
static void pass(struct world *w, mpq_duration time)
{
	mpq_time until = w->now + time;
	mpq_time due;

	if (time == 0) { /* still the same batch */
		return;
	}
	mpq_order_expire(&w->order, w->now);
	while ((due = mpq_order_deadline(&w->order)) <= until) {
		FUZZ_HOLDS(due > w->now);
		w->now = due;
		mpq_order_expire(&w->order, w->now);
		check(w);
	}
	w->now = until;
}

/* Times from nothing to a little more than it takes to forget a lane; most are
 * short. */
static mpq_duration duration(uint8_t byte)
{
	static const mpq_duration unit[] = {16 * MPQ_MICROSECOND,
					    1 * MPQ_MILLISECOND,
					    20 * MPQ_MILLISECOND,
					    200 * MPQ_MILLISECOND};

	return (byte & 0x3f) * unit[byte >> 6];
}

static void set_class(struct world *w, unsigned class_id, uint8_t byte)
{
	struct mpq_order_class *class = &w->class[class_id];

	class->cap = (byte & 0xf) * 20 * MPQ_MILLISECOND;
	class->repair = (byte >> 4) * 10 * MPQ_MILLISECOND;
	w->wait_max = class->cap > w->wait_max ? class->cap : w->wait_max;
	if (class->cap > 0 && class->repair > w->wait_max) {
		w->wait_max = class->repair;
	}
	mpq_order_set_class(&w->order, class_id, class);
}

/* Small steps of either sign, or such that go beyond any window. */
static uint32_t step(uint8_t byte, unsigned shift)
{
	int8_t small = (int8_t)byte;

	return (uint32_t)(byte & 1 ? small / 2 : small * (1 << shift));
}

static struct mpq_header header_of(struct world *w, const uint8_t *r,
				   unsigned path)
{
	static const uint8_t kinds[] = {MPQ_HEADER_DATA, MPQ_HEADER_PROBE,
					MPQ_HEADER_REPAIR, MPQ_HEADER_AHEAD};
	struct mpq_header header = {
		.kind = kinds[r[0] >> 4 & 3],
		.class_id = r[0] >> 6,
		.lane = r[0] >> 3 & 1,
	};
	uint32_t *sequence = &w->sequence[header.class_id][header.lane];

	*sequence = (*sequence + step(r[2], 14)) & MPQ_HEADER_MASK24;
	w->clock = (w->clock + step(r[3], 16)) & MPQ_HEADER_MASK24;
	w->path_sequence[path] += (uint16_t)step(r[4], 8);
	header.sequence = *sequence;
	header.clock = w->clock;
	header.path_sequence = w->path_sequence[path];
	return header;
}

static void arrive(struct world *w, const uint8_t *r)
{
	unsigned path = (r[0] & 7) % w->paths;
	struct mpq_header header = header_of(w, r, path);
	struct packet *p = &w->packet[w->n_packets];
	mpq_time sent = mpq_delay_arrived(&w->delay, path, &header, w->now);

	if (mpq_header_in_lane(&header)) {
		*p = (struct packet){
			.arrived = w->now,
			.class_id = header.class_id,
			.lane = header.lane,
			.sequence = header.sequence,
		};
		w->n_packets++;
		mpq_order_arrived(&w->order, &header, path, sent, p,
				  20 + r[5] * 5, w->now);
	}
}

/* A record whose last byte is 255 is no datagram. */
static void play(struct world *w, const uint8_t *r)
{
	pass(w, duration(r[1]));
	if (r[5] != 255) {
		arrive(w, r);
	} else if (r[0] & 1) {
		mpq_delay_forget(&w->delay, (r[0] >> 1) % w->paths);
	} else {
		set_class(w, (r[0] >> 1) % CLASSES, r[2]);
	}
	if (r[0] != 0xff) { /* in a batch, it is not called in between */
		mpq_order_expire(&w->order, w->now);
		check(w);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mpq_order_events events = {on_deliver, on_drop};
	static struct world w;
	struct mpq_order_config config = {.classes = CLASSES, .seed = 42};

	if (size < 3 || size > 3 + RECORD * RECORDS) {
		return 0;
	}
	memset(&w, 0, sizeof(w));
	w.now = START;
	w.paths = data[2] % MPQ_DELAY_PATHS + 1;
	config.held_pkts = 1 + data[0] % 64;
	config.held_bytes = 500 * (1 + data[0] / 64) * config.held_pkts / 2;
	mpq_delay_init(&w.delay);
	FUZZ_HOLDS(mpq_order_init(&w.order, &config, &w.delay, &events, &w) ==
		   0);
	for (unsigned i = 0; i < CLASSES; i++) {
		set_class(&w, i, (uint8_t)(data[1] * (i + 1)));
		for (unsigned j = 0; j < LANES; j++) {
			w.lane[i][j].next = FIRST;
		}
	}
	for (size = (size - 3) / RECORD, data += 3; size > 0;
	     size--, data += RECORD) {
		play(&w, data);
	}
	mpq_order_finish(&w.order);
	FUZZ_HOLDS(w.n_packets == w.n_delivered + w.n_dropped);
	return 0;
}
