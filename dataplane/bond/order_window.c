/* SPDX-License-Identifier: Apache-2.0 */
/* What came of a lane, around the place where it is. */
#include "dataplane/bond/order_private.h"

static bool is_in(const struct mpq_order_lane *lane, uint32_t sequence)
{
	int32_t ahead = mpq_header_distance24(sequence, lane->next);

	return ahead >= -MPQ_ORDER_HALF && ahead < MPQ_ORDER_HALF;
}

static uint64_t *word_of(struct mpq_order *o, const struct mpq_order_lane *lane,
			 uint32_t sequence)
{
	return &o->windows[mpq_order_lane_id(o, lane)]
			  [sequence % MPQ_ORDER_WINDOW / 64];
}

bool mpq_order_window_marked(struct mpq_order *o,
			     const struct mpq_order_lane *lane,
			     uint32_t sequence)
{
	return is_in(lane, sequence) &&
	       (*word_of(o, lane, sequence) >> sequence % 64 & 1) != 0;
}

void mpq_order_window_mark(struct mpq_order *o,
			   const struct mpq_order_lane *lane, uint32_t sequence)
{
	*word_of(o, lane, sequence) |= UINT64_C(1) << sequence % 64;
}

static void clear_marks(struct mpq_order *o, const struct mpq_order_lane *lane,
			uint32_t from, uint32_t n)
{
	while (n > 0) {
		uint32_t first = from % 64;
		uint32_t bits = n < 64 - first ? n : 64 - first;
		uint64_t mask = UINT64_MAX >> (64 - bits) << first;

		*word_of(o, lane, from) &= ~mask;
		from += bits;
		n -= bits;
	}
}

void mpq_order_window_slide(struct mpq_order *o, struct mpq_order_lane *lane,
			    uint32_t sequence)
{
	uint32_t n = (sequence - lane->next) & MPQ_HEADER_MASK24;
	uint32_t clear = n < MPQ_ORDER_WINDOW ? n : MPQ_ORDER_WINDOW;

	clear_marks(o, lane, lane->next + n + MPQ_ORDER_HALF - clear, clear);
	lane->next = sequence & MPQ_HEADER_MASK24;
}

uint32_t mpq_order_window_head(struct mpq_order *o,
			       const struct mpq_order_lane *lane)
{
	uint32_t sequence = lane->next;
	uint64_t word = *word_of(o, lane, sequence) >> sequence % 64;

	while (word == 0) {
		sequence += 64 - sequence % 64;
		word = *word_of(o, lane, sequence);
	}
	return (sequence + (uint32_t)__builtin_ctzll(word)) & MPQ_HEADER_MASK24;
}
