/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/copies.h"

#define KNOWN (UINT32_C(1) << 31) /* beside a sequence of 24 bits */
/* One that is further ahead is of long ago: sequences wrap. */
#define AHEAD 4096

void mpq_copies_heard(struct mpq_copies_class *class, unsigned path,
		      mpq_time now)
{
	for (unsigned i = 0; i < MPQ_DELAY_PATHS; i++) {
		class->behind[i] = i == path               ? 0
				   : class->behind[i] == 0 ? now
							   : class->behind[i];
	}
}

static bool is_behind(uint32_t sequence, uint32_t place)
{
	int32_t ahead = mpq_header_distance24(place, sequence);

	return (place & KNOWN) != 0 && ahead > 0 && ahead < AHEAD;
}

/* Further than what is known already, or that is of long ago. */
static void advance(uint32_t *place, uint32_t sequence)
{
	if (!is_behind(sequence, *place)) {
		*place = sequence | KNOWN;
	}
}

void mpq_copies_arrived(struct mpq_copies_lane *lane,
			const struct mpq_delay *delay, unsigned path,
			uint32_t sequence, mpq_time sent)
{
	struct mpq_copies_path *p = &lane->path[path];
	mpq_time passed = mpq_delay_passed(delay, path);

	if (p->seen != 0 && p->sent <= passed) {
		advance(&p->sure, p->seen);
		p->seen = 0;
	}
	if (sent <= passed) {
		advance(&p->sure, sequence);
	} else if (p->seen == 0) {
		/* Not the latest: with each one it would take longer. */
		p->seen = sequence | KNOWN;
		p->sent = sent;
	}
}

bool mpq_copies_passed(const struct mpq_copies_lane *lane,
		       const struct mpq_delay *delay, unsigned path,
		       uint32_t sequence)
{
	const struct mpq_copies_path *p = &lane->path[path];
	mpq_time passed = mpq_delay_passed(delay, path);

	return passed == MPQ_TIME_NEVER || is_behind(sequence, p->sure) ||
	       (p->sent <= passed && is_behind(sequence, p->seen));
}
