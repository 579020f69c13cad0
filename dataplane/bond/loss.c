/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/loss.h"

#include <stdbool.h>
#include <string.h>

enum {
	FLAG_LARGE = 1,
	FLAG_LOST = 2
};

void mpq_loss_init(struct mpq_loss *l)
{
	memset(l, 0, sizeof(*l));
	l->large_lost_first = MPQ_TIME_NEVER;
	mpq_lately_init(&l->lately, 0);
}

static size_t slot_of(uint64_t id)
{
	return id % MPQ_LOSS_REMEMBERED;
}

/* The flags of a datagram that is still remembered, else NULL. */
static uint8_t *flags_of(struct mpq_loss *l, uint64_t id)
{
	return l->id[slot_of(id)] == id + 1 ? &l->flags[slot_of(id)] : NULL;
}

void mpq_loss_sent(struct mpq_loss *l, uint64_t id, size_t len_bytes)
{
	l->id[slot_of(id)] = id + 1;
	l->flags[slot_of(id)] =
		len_bytes >= MPQ_LOSS_LARGE_BYTES ? FLAG_LARGE : 0;
}

/* What is to be expected: all whose fate is known. */
static uint64_t expected(const struct mpq_loss *l)
{
	return l->acked + l->lost - l->spurious;
}

static void pass(struct mpq_loss *l, mpq_time now)
{
	mpq_lately_pass(&l->lately, expected(l), l->acked, now);
}

static void large_lost(struct mpq_loss *l, mpq_time now)
{
	if (l->large_losses++ == 0) {
		l->large_lost_first = now;
	}
	l->large_lost_last = now;
}

void mpq_loss_lost(struct mpq_loss *l, uint64_t id, mpq_time now)
{
	uint8_t *flags = flags_of(l, id);

	pass(l, now);
	l->lost++;
	if (flags != NULL) {
		*flags |= FLAG_LOST;
		if (*flags & FLAG_LARGE) {
			large_lost(l, now);
		}
	}
}

void mpq_loss_acked(struct mpq_loss *l, uint64_t id, mpq_time now)
{
	uint8_t *flags = flags_of(l, id);

	pass(l, now);
	l->acked++;
	if (flags != NULL) {
		l->spurious += (*flags & FLAG_LOST) != 0;
		*flags &= (uint8_t)~FLAG_LOST;
		if (*flags & FLAG_LARGE) {
			l->large_losses = 0;
			l->large_lost_first = MPQ_TIME_NEVER;
		}
	}
}

uint32_t mpq_loss_ppm(const struct mpq_loss *l)
{
	return mpq_lately_ppm(&l->lately, expected(l), l->acked);
}

mpq_time mpq_loss_stalled_since(const struct mpq_loss *l)
{
	bool row =
		l->large_losses >= MPQ_LOSS_STALL_LOSSES &&
		l->large_lost_last - l->large_lost_first >= MPQ_LOSS_STALL_SPAN;

	return row ? l->large_lost_first : MPQ_TIME_NEVER;
}
