/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a byte, how many are kept at most; then records of three bytes:
 * packets are sent, acknowledged, lost, given back and sent again elsewhere,
 * and their paths go, in any order.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "dataplane/bond/repair.h"

#define RECORD  3
#define PACKETS 4096
#define PATHS   3

struct packet {
	enum {
		UNUSED,
		KEPT,
		OURS, /* given back */
		DONE,
	} state;
};

struct world {
	struct mpq_repair *repair;
	struct packet packet[PACKETS];
	struct mpq_repair_item ours[PACKETS]; /* given back, a queue */
	size_t n_packets, first, n_ours, kept, limit;
	uint64_t id[PATHS];
	mpq_time now;
};

static void on_released(void *owner, void *packet)
{
	struct world *w = owner;
	struct packet *p = packet;

	FUZZ_HOLDS(p->state == KEPT);
	p->state = DONE;
	w->kept--;
}

static void send(struct world *w, unsigned path,
		 const struct mpq_repair_item *item)
{
	struct packet *p = item->packet;

	p->state = KEPT;
	w->kept++;
	mpq_repair_sent(w->repair, path, w->id[path]++, item);
}

static void send_first(struct world *w, unsigned path, uint8_t byte)
{
	const struct mpq_repair_item item = {
		.packet = &w->packet[w->n_packets],
		.deadline = w->now + byte % 8 * MPQ_MILLISECOND,
		.len_bytes = 1000,
	};

	if (w->n_packets < PACKETS) {
		w->n_packets++;
		send(w, path, &item);
	}
}

static void send_again(struct world *w, unsigned path)
{
	if (w->n_ours > 0) {
		const struct mpq_repair_item item = w->ours[w->first];

		w->first = (w->first + 1) % PACKETS;
		w->n_ours--;
		send(w, path, &item);
	}
}

/* What was sent first comes first; none comes too late. */
static void take_due(struct world *w, unsigned most)
{
	struct mpq_repair_item item;
	uint64_t order = 0;

	for (; most > 0 && mpq_repair_next(w->repair, w->now, &item); most--) {
		struct packet *p = item.packet;

		FUZZ_HOLDS(p->state == KEPT && item.order > order);
		FUZZ_HOLDS(item.deadline >= w->now);
		FUZZ_HOLDS(item.tries <= MPQ_REPAIR_TRIES_MAX);
		FUZZ_HOLDS(item.losses <= MPQ_REPAIR_LOSSES_MAX);
		order = item.order;
		p->state = OURS;
		w->kept--;
		w->ours[(w->first + w->n_ours++) % PACKETS] = item;
	}
}

static void play(struct world *w, const uint8_t *r)
{
	unsigned path = r[1] % PATHS;
	uint64_t id = w->id[path] - r[2];

	switch (r[0] % 12) {
	case 0:
	case 1:
		send_first(w, path, r[2]);
		break;
	case 2:
		for (unsigned i = 0; i < r[2]; i++) {
			send_first(w, (path + i) % PATHS, 7);
		}
		break;
	case 3:
	case 4:
		mpq_repair_acked(w->repair, path, id);
		break;
	case 5:
	case 6:
		mpq_repair_lost(w->repair, path, id, w->now);
		break;
	case 7:
		mpq_repair_path_out(w->repair, path, w->now);
		break;
	case 8:
		mpq_repair_path_reset(w->repair, path, w->now);
		w->id[path] = r[2] % 2 ? w->id[path] : 0;
		break;
	case 9:
		take_due(w, r[2]);
		break;
	case 10:
		send_again(w, path);
		break;
	default:
		w->now += r[2] * 100 * MPQ_MICROSECOND;
		break;
	}
	FUZZ_HOLDS(mpq_repair_held_pkts(w->repair) == w->kept);
	FUZZ_HOLDS(w->kept <= w->limit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mpq_repair_events events = {on_released};
	static struct world w;

	if (size < 1 || size > 6000) {
		return 0;
	}
	memset(&w, 0, sizeof(w));
	w.now = MPQ_SECOND;
	w.limit = 1 + data[0];
	w.repair = mpq_repair_new(w.limit, &events, &w);
	FUZZ_HOLDS(w.repair != NULL);
	for (size--, data++; size >= RECORD; size -= RECORD, data += RECORD) {
		play(&w, data);
	}
	mpq_repair_free(w.repair);
	FUZZ_HOLDS(w.kept == 0);
	return 0;
}
