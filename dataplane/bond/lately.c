/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/lately.h"

#include <string.h>

#define SLOT     MPQ_SECOND
#define SLOT_MAX (4 * MPQ_SECOND) /* of a path that is only probed .. */
#define SLOT_MIN 20               /* .. or that brought fewer datagrams */
#define PAUSE    (10 * MPQ_SECOND)

void mpq_lately_init(struct mpq_lately *l, mpq_time now)
{
	memset(l, 0, sizeof(*l));
	l->since = l->passed = now;
}

static void begin_slot(struct mpq_lately *l, uint64_t expected,
		       uint64_t received, mpq_time now)
{
	l->mark[l->oldest].expected = expected;
	l->mark[l->oldest].received = received;
	l->oldest = (l->oldest + 1) % MPQ_LATELY_SLOTS;
	l->since = now;
}

void mpq_lately_pass(struct mpq_lately *l, uint64_t expected, uint64_t received,
		     mpq_time now)
{
	unsigned newest = (l->oldest + MPQ_LATELY_SLOTS - 1) % MPQ_LATELY_SLOTS;
	mpq_duration age = mpq_time_elapsed(l->since, now);

	if (mpq_time_elapsed(l->passed, now) >= PAUSE) {
		for (int i = 0; i < MPQ_LATELY_SLOTS; i++) {
			begin_slot(l, expected, received, now);
		}
	} else if (age >= SLOT_MAX ||
		   (age >= SLOT &&
		    expected - l->mark[newest].expected >= SLOT_MIN)) {
		begin_slot(l, expected, received, now);
	}
	l->passed = now;
}

uint32_t mpq_lately_ppm(const struct mpq_lately *l, uint64_t expected,
			uint64_t received)
{
	uint64_t all = expected - l->mark[l->oldest].expected;
	uint64_t came = received - l->mark[l->oldest].received;

	/* What comes late may be counted after the slot of its loss. */
	return came < all ? (uint32_t)((all - came) * 1000000 / all) : 0;
}
