/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which members want a fresh connection. BBR takes what is in flight as it
 * loses a packet for what the path can hold. On a path that loses, and on which
 * little is sent for a while, that is next to nothing, and from there it grows
 * so slowly that the next flow has a third of the path. A fresh connection has
 * not learnt that; dialled while little is sent, it costs nobody anything. Nor
 * does it know that the path is too narrow, when that is long ago.
 */
#include "dataplane/session_private.h"

#define AFTER     (1 * MPQ_SECOND)   /* a loss or ProbeRTT is over then */
#define SINCE     (10 * MPQ_SECOND)  /* it joined: each costs a handshake */
#define APART     (5 * MPQ_SECOND)   /* .. and is tried out then */
#define TOLD      (1 * MPQ_SECOND)   /* ago, at most */
#define MOST_KEPT (600 * MPQ_SECOND) /* of what the path has carried */
#define NARROW    (600 * MPQ_SECOND) /* as RFC 8899's PMTU_RAISE_TIMER */

enum {
	SHRUNK_PERCENT = 80, /* of what the path holds, the window does not */
	LITTLE_PERCENT = 20, /* .. and no more was in flight as that began */
	LITTLE_PART = 8,     /* of the most it carried, the other way */
};

/* In flight when the path carried the most. */
static uint64_t fits_bytes(const struct mpq_estimate *e)
{
	return e->most.bps / 8 * (e->view.rtt_min / MPQ_MICROSECOND) /
	       (MPQ_SECOND / MPQ_MICROSECOND);
}

static bool is_shrunk(const struct mpq_session_path *m, mpq_time now)
{
	const struct mpq_estimate *e = &m->estimate;

	return m->state == MPQ_SESSION_USED &&
	       e->proven != MPQ_TIME_NEVER && /* this one did fill the path */
	       mpq_time_elapsed(e->most.at, now) < MOST_KEPT &&
	       mpq_estimate_loss_ppm(e, now) > 0 &&
	       e->view.cwnd_bytes * 100 < fits_bytes(e) * SHRUNK_PERCENT;
}

/* A path that has become slower has such a window, too; but it is full then. */
static bool has_little_in_flight(const struct mpq_estimate *e)
{
	return e->view.in_flight_bytes * 100 < fits_bytes(e) * LITTLE_PERCENT;
}

void mpq_session_watch_windows(struct mpq_session *s, mpq_time now)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *m = &s->path[i];

		if (!is_shrunk(m, now)) {
			m->shrunk = MPQ_TIME_NEVER;
		} else if (m->shrunk == MPQ_TIME_NEVER &&
			   has_little_in_flight(&m->estimate)) {
			m->shrunk = now;
		}
	}
}

static bool may_go(const struct mpq_session_path *m, mpq_time now)
{
	return mpq_time_elapsed(m->joined, now) >= SINCE &&
	       mpq_session_others_carry(m);
}

/* The search for its MTU found less than it is to carry: the path does not, or
 * losses ended it too early, or the way is another one now. The library
 * searches once, a fresh connection anew. */
static bool is_narrow(const struct mpq_session_path *m, mpq_time now)
{
	return m->state == MPQ_SESSION_USED && mpq_session_others_carry(m) &&
	       mpq_channel_carries(m->channel) &&
	       mpq_session_max_packet(m) + MPQ_HEADER_BYTES <
		       m->channel->wanted_bytes &&
	       mpq_time_elapsed(m->joined, now) >= NARROW;
}

static bool is_worn_out(const struct mpq_session_path *m, mpq_time now)
{
	return m->shrunk != MPQ_TIME_NEVER &&
	       mpq_time_elapsed(m->shrunk, now) >= AFTER &&
	       m->rate_in_bps * LITTLE_PART < m->estimate.most.bps &&
	       may_go(m, now);
}

bool mpq_session_is_worn(const struct mpq_session_path *m, mpq_time now)
{
	return is_worn_out(m, now) || is_narrow(m, now);
}

/* The peer's end is; only we can dial. */
static bool is_told_so(const struct mpq_session_path *m, mpq_time now)
{
	return m->told_at != MPQ_TIME_NEVER && m->told.renew &&
	       mpq_time_elapsed(m->told_at, now) < TOLD && may_go(m, now);
}

bool mpq_session_wants_renewal(const struct mpq_session *s,
			       const struct mpq_channel *ch, mpq_time now)
{
	const struct mpq_session_path *m = mpq_session_path_of(s, ch);

	/* While one joins, the others stand in for it. */
	return m != NULL && s->client &&
	       (s->renewed == MPQ_TIME_NEVER ||
		mpq_time_elapsed(s->renewed, now) >= APART) &&
	       (mpq_session_is_worn(m, now) || is_told_so(m, now));
}

void mpq_session_renews(struct mpq_session *s, mpq_time now)
{
	s->renewed = now;
}
