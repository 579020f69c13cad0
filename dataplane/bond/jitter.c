/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/jitter.h"

#include <stdbool.h>
#include <string.h>

/* Each is compared with one of LAG before, so these overlap: more of them, and
 * so a mean that is less by chance. */
#define SPACING (10 * MPQ_MILLISECOND)
#define PAUSE   (10 * MPQ_SECOND) /* clocks drift apart */
#define SPAN    (5 * MPQ_SECOND)  /* over which the mean is */

#define MOST (16 * MPQ_SECOND) /* of a liar's difference */
#define ONE  65536

enum {
	COMPARED_MAX = 1000,
};

void mpq_jitter_init(struct mpq_jitter *j)
{
	memset(j, 0, sizeof(*j));
}

static size_t slot_of(uint64_t number)
{
	return number % MPQ_JITTER_SAMPLES;
}

/* The youngest of those that left LAG before `sent`; negative: none. */
static int other_of(const struct mpq_jitter *j, mpq_time sent)
{
	for (uint64_t i = 1; i <= MPQ_JITTER_SAMPLES && i <= j->samples; i++) {
		size_t k = slot_of(j->samples - i);

		if (sent - j->sample[k].sent >= MPQ_JITTER_LAG) {
			return (int)k;
		}
	}
	return -1;
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

static void compare(struct mpq_jitter *j, mpq_time sent, int64_t transit)
{
	int k = other_of(j, sent);
	int64_t change;

	if (k < 0) {
		return;
	}
	change = transit - j->sample[k].transit;
	take(j, (mpq_duration)(change < 0 ? -change : change),
	     sent - j->sample[slot_of(j->samples - 1)].sent);
}

void mpq_jitter_arrived(struct mpq_jitter *j, mpq_time sent, int64_t transit)
{
	mpq_time last = j->sample[slot_of(j->samples - 1)].sent;

	if (j->samples > 0 && sent < last + SPACING && sent + PAUSE > last) {
		return; /* too soon, or overtaken */
	}
	if (j->samples > 0 && sent > last && sent - last < PAUSE) {
		compare(j, sent, transit);
	} else {
		j->samples = 0;
	}
	j->sample[slot_of(j->samples)].sent = sent;
	j->sample[slot_of(j->samples)].transit = transit;
	j->samples++;
}
