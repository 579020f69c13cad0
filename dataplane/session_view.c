/* SPDX-License-Identifier: Apache-2.0 */
/* What steering sees of a path: its queue, its connection, the peer's word. */
#include "dataplane/session_private.h"

/* A queue's length in time, at the rate of what empties it. */
#define QUEUE_TIME (200 * MPQ_MILLISECOND)
#define QUEUE_MIN  64  /* a burst */
#define QUEUE_NEW  256 /* at least, while that rate may be too low a guess */
#define QUEUE_MAX  4096
/* What cannot wait may come again so soon. */
#define GUARDED_FOR (3 * MPQ_SECOND)

size_t mpq_session_queue_limit(const struct mpq_session_path *m, mpq_time now)
{
	uint64_t bps = mpq_estimate_rate_bps(&m->estimate, now);
	uint64_t pkts = bps / 8 * (QUEUE_TIME / MPQ_MILLISECOND) / 1000 /
			MPQ_SESSION_PACKET;
	uint64_t least = mpq_estimate_is_proven(&m->estimate, now) ? QUEUE_MIN
								   : QUEUE_NEW;

	return pkts < least ? least : pkts > QUEUE_MAX ? QUEUE_MAX : pkts;
}

static bool has_shared(const struct mpq_session *s)
{
	for (size_t i = 0; i < s->policy.n_classes; i++) {
		if (s->shared[i].pkts > 0) {
			return true;
		}
	}
	return false;
}

void mpq_session_tell_queue(struct mpq_session_path *m)
{
	uint64_t bytes = m->urgent_bytes;

	for (size_t i = 0; i < m->session->policy.n_classes; i++) {
		bytes += m->own[i].bytes;
	}
	/* What it could take counts as one packet: it is not idle. */
	if (bytes == 0 && !m->refused && has_shared(m->session)) {
		bytes = 1;
	}
	mpq_estimate_queued(&m->estimate, bytes);
}

static bool is_told(const struct mpq_session_path *m, mpq_time now)
{
	return m->told_at != MPQ_TIME_NEVER &&
	       mpq_time_elapsed(m->told_at, now) <= MPQ_SECOND;
}

/* The peer's word for how much longer this way is than the shortest; without
 * it, half a round trip. */
static mpq_duration one_way_of(const struct mpq_session_path *m, mpq_time now)
{
	const struct mpq_session *s = m->session;
	mpq_duration least = MPQ_TIME_NEVER;

	if (!is_told(m, now)) {
		return 0;
	}
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_session_path *other = &s->path[i];
		mpq_duration rtt = other->estimate.view.rtt_smoothed;

		if (other->state == MPQ_SESSION_USED && rtt > 0 &&
		    is_told(other, now) &&
		    other->told.offset < MPQ_MILLISECOND) {
			least = mpq_time_min(least, rtt / 2);
		}
	}
	return least == MPQ_TIME_NEVER ? 0 : least + m->told.offset;
}

/* IP, UDP, QUIC, HTTP and our own. */
static uint32_t wire_bytes_of(const struct mpq_channel *ch,
			      const struct mpq_sockaddr *remote)
{
	return (remote->sa.sa_family == AF_INET6 ? 40 : 20) + 8 +
	       MPQ_CONN_OVERHEAD_BYTES + (uint32_t)ch->bonded_head_bytes +
	       MPQ_HEADER_BYTES;
}

size_t mpq_session_max_packet(const struct mpq_session_path *m)
{
	return mpq_channel_max_bonded(m->channel, MPQ_HEADER_BYTES);
}

/* While it is looked for, packets wait for that. */
static uint32_t max_bytes_of(const struct mpq_session_path *m)
{
	return mpq_channel_carries(m->channel)
		       ? (uint32_t)mpq_session_max_packet(m)
		       : 0;
}

void mpq_session_view(struct mpq_session_path *m, mpq_time now)
{
	struct mpq_estimate_view view;
	struct mpq_conn_info info;
	bool told;

	mpq_conn_info(m->channel->conn, &info);
	told = is_told(m, now);
	view = (struct mpq_estimate_view){
		.rtt_smoothed = info.rtt_smoothed,
		.rtt_min = info.rtt_min,
		.rtt_least = info.rtt_least,
		.rtt_variation = info.rtt_variation,
		.one_way = one_way_of(m, now),
		.queueing = told ? m->told.queueing : 0,
		.jitter = told ? m->told.jitter : 0,
		.cwnd_bytes = info.cwnd_bytes,
		.in_flight_bytes = info.in_flight_bytes,
		.wire_bytes = wire_bytes_of(m->channel, &info.remote),
		.max_bytes = max_bytes_of(m),
	};
	if (info.last_read != m->last_read) {
		m->last_read = info.last_read;
		mpq_estimate_answered(&m->estimate, info.last_read);
	}
	mpq_estimate_observe(&m->estimate, &view, now);
	mpq_conn_keep_short(m->channel->conn,
			    m->guarded != MPQ_TIME_NEVER &&
				    mpq_time_elapsed(m->guarded, now) <
					    GUARDED_FOR);
}
