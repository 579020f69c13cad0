/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/jitter.h"

#include <stdbool.h>
#include <string.h>

/* Each is compared with one of LAG before, so these overlap: more of them, and
 * so a mean that is less by chance. */
#define SLOT   (10 * MPQ_MILLISECOND)
#define SETTLE (50 * MPQ_MILLISECOND) /* how far one is overtaken */
#define PAUSE  (10 * MPQ_SECOND)      /* clocks drift apart */
#define SPAN   (5 * MPQ_SECOND)       /* over which the mean is */
#define MOST   (16 * MPQ_SECOND)      /* of a liar's difference */
#define ONE    65536

enum {
	COMPARED_MAX = 1000,
};

void mpq_jitter_init(struct mpq_jitter *j)
{
	memset(j, 0, sizeof(*j));
}

static struct mpq_jitter_sample *sample_of(struct mpq_jitter *j,
					   uint32_t number)
{
	return &j->sample[number % MPQ_JITTER_SAMPLES];
}

/* Does the ring still have it? */
static bool is_known(const struct mpq_jitter *j, uint32_t number)
{
	return number < j->samples && j->samples - number <= MPQ_JITTER_SAMPLES;
}

/* Over all there was at first, over SPAN later. */
static void take(struct mpq_jitter *j, mpq_duration difference,
		 mpq_duration time)
{
	int64_t part = (int64_t)(time * ONE / (time + SPAN));
	int64_t first = ONE / (int64_t)++j->compared;
	int64_t change;

	difference = difference < MOST ? difference : MOST;
	change = (int64_t)difference - (int64_t)j->mean;
	part = part > first ? part : first;
	j->compared -= j->compared == COMPARED_MAX;
	j->mean = (mpq_duration)((int64_t)j->mean + change * part / ONE);
}

/* With the youngest of those that left LAG before. */
static void settle(struct mpq_jitter *j, uint32_t number)
{
	const struct mpq_jitter_sample *own = sample_of(j, number);

	for (uint32_t i = number - 1; is_known(j, i); i--) {
		const struct mpq_jitter_sample *other = sample_of(j, i);
		int64_t change = own->transit - other->transit;

		if (own->sent - other->sent >= MPQ_JITTER_LAG) {
			take(j, (mpq_duration)(change < 0 ? -change : change),
			     own->sent - sample_of(j, number - 1)->sent);
			return;
		}
	}
}

static void append(struct mpq_jitter *j, const struct mpq_jitter_sample *own)
{
	*sample_of(j, j->samples++) = *own;
	while (is_known(j, j->settled) &&
	       own->sent - sample_of(j, j->settled)->sent >= SETTLE) {
		settle(j, j->settled++);
	}
}

/* Many leave at once, in a burst. */
static bool left_before(const struct mpq_jitter_sample *a,
			const struct mpq_jitter_sample *b)
{
	return a->sent < b->sent ||
	       (a->sent == b->sent &&
		(int16_t)(uint16_t)(a->sequence - b->sequence) < 0);
}

/* Which of a slot comes first is no matter of chance: the quickest does. So the
 * first to leave stands for it, whenever it comes. */
static void overtaken(struct mpq_jitter *j, const struct mpq_jitter_sample *own)
{
	for (uint32_t i = j->samples - 1; is_known(j, i) && i >= j->settled;
	     i--) {
		struct mpq_jitter_sample *s = sample_of(j, i);

		if (s->sent / SLOT == own->sent / SLOT && left_before(own, s)) {
			*s = *own;
		}
	}
}

void mpq_jitter_arrived(struct mpq_jitter *j, mpq_time sent, uint16_t sequence,
			int64_t transit)
{
	const struct mpq_jitter_sample own = {.sent = sent,
					      .transit = transit,
					      .sequence = sequence};
	mpq_time last = sample_of(j, j->samples - 1)->sent;

	if (j->samples == 0 || j->samples == UINT32_MAX ||
	    (sent < last ? last - sent : sent - last) >= PAUSE) {
		j->samples = j->settled = 0;
		append(j, &own);
	} else if (sent / SLOT > last / SLOT) {
		append(j, &own);
	} else {
		overtaken(j, &own);
	}
}
