/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/flow/codel.h"

static uint64_t square_root(uint64_t x)
{
	uint64_t root = 0;

	for (uint64_t bit = UINT64_C(1) << 31; bit != 0; bit >>= 1) {
		if ((root | bit) * (root | bit) <= x) {
			root |= bit;
		}
	}
	return root;
}

/* RFC 8289 §5.3: t + interval / sqrt(count), with 16 bits of fraction. */
static mpq_time control_law(const struct mpq_codel *c, mpq_duration interval,
			    mpq_time t)
{
	uint64_t root = square_root((uint64_t)c->count << 32);

	return t + (interval << 16) / root;
}

/* RFC 8289 §5.6, dodequeue(): has the head stood above the target for an
 * interval? */
static bool is_above(struct mpq_codel *c, mpq_duration interval, bool above,
		     mpq_time now)
{
	if (!above) {
		c->first_above = 0;
		return false;
	}
	if (c->first_above == 0) {
		c->first_above = now + interval;
		return false;
	}
	return now >= c->first_above;
}

/* Soon after the last time, the rate that was right then is where to start:
 * RFC 8289 §5.5. */
static void start(struct mpq_codel *c, mpq_duration interval, mpq_time now)
{
	uint32_t delta = c->count - c->last_count;
	mpq_duration since = mpq_time_elapsed(c->drop_next, now);

	c->dropping = true;
	c->count = delta > 1 && since < 16 * interval ? delta : 1;
	c->last_count = c->count;
	c->drop_next = control_law(c, interval, now);
}

bool mpq_codel_charges(struct mpq_codel *c, mpq_duration target,
		       mpq_duration interval, mpq_duration sojourn,
		       bool standing, mpq_time now)
{
	if (!is_above(c, interval, sojourn >= target && standing, now)) {
		c->dropping = false;
		return false;
	}
	if (!c->dropping) {
		start(c, interval, now);
		return true;
	}
	if (now < c->drop_next) {
		return false;
	}
	c->count++;
	c->drop_next = control_law(c, interval, c->drop_next);
	return true;
}

void mpq_codel_rest(struct mpq_codel *c)
{
	c->first_above = 0;
	c->dropping = false;
}
