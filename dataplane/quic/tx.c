/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets out. One UDP payload a call: a packet of streams while they have
 * something to say, which is rare, else one with datagrams.
 */
#include "dataplane/quic/connection.h"

#include <assert.h>
#include <string.h>

#define STREAM_VECTORS 8

/* Where to put a packet, and what becomes of it. */
struct target {
	uint8_t *dest;
	size_t cap;
	ngtcp2_path path;
	ngtcp2_pkt_info info;
};

static void target_init(struct target *t, uint8_t *dest, size_t cap,
			struct mpq_conn_written *ret)
{
	*t = (struct target){
		.dest = dest,
		.cap = cap,
		.path = {.local = {.addr = &ret->local.sa},
			 .remote = {.addr = &ret->remote.sa}},
	};
}

/* That a probe of the MTU is lost does not mean that the peer is silent. */
static void note_sent(struct mpq_conn *c, size_t len, uint64_t before)
{
	uint64_t after = mpq_connection_in_flight(c);
	bool elicits = after > before;

	if (elicits && before == 0) {
		c->acknowledged = c->now;
	}
	c->flight_bytes += elicits ? after - before : 0;
	c->flight_pkts += elicits;
	if (mpq_connection_is_mtu_probe(c, len)) {
		mpq_connection_mtu_probed(c, len);
	} else if (elicits && c->oldest_unanswered == MPQ_TIME_NEVER) {
		c->oldest_unanswered = c->now;
	}
	if (elicits && c->ping_due) {
		c->ping_due = false;
		ngtcp2_conn_set_keep_alive_timeout(c->quic, c->keep_alive);
	}
}

static enum mpq_conn_wrote packet(struct mpq_conn *c, const struct target *t,
				  size_t len, struct mpq_conn_written *ret)
{
	ret->len_bytes = len;
	ret->ecn = (uint8_t)t->info.ecn;
	ret->local.len = t->path.local.addrlen;
	ret->remote.len = t->path.remote.addrlen;
	c->packets_out++;
	c->bytes_out += len;
	c->burst_bytes += len;
	return MPQ_CONN_PACKET;
}

/* `before`: bytes in flight before the packet of `len` bytes, if any. */
static enum mpq_conn_wrote sent(struct mpq_conn *c, const struct target *t,
				size_t len, uint64_t before,
				struct mpq_conn_written *ret)
{
	if (len == 0) {
		return MPQ_CONN_NOTHING;
	}
	note_sent(c, len, before);
	return packet(c, t, len, ret);
}

static enum mpq_conn_wrote write_close(struct mpq_conn *c, struct target *t,
				       struct mpq_conn_written *ret)
{
	ngtcp2_ssize n;

	bool due = c->close_due;

	c->close_due = false;
	/* A server that has read nothing has no key to write with. */
	if (!due || (c->server && c->last_read == MPQ_TIME_NEVER)) {
		return MPQ_CONN_OVER;
	}
	n = ngtcp2_conn_write_connection_close(c->quic, &t->path, &t->info,
					       t->dest, t->cap, &c->close,
					       mpq_connection_time(c));
	return n > 0 ? packet(c, t, (size_t)n, ret) : MPQ_CONN_OVER;
}

/* The library failed: say goodbye if there is something to say. */
static enum mpq_conn_wrote failed(struct mpq_conn *c, int error,
				  struct target *t,
				  struct mpq_conn_written *ret)
{
	c->gathering = false;
	(void)mpq_connection_fail(c, error);
	return write_close(c, t, ret);
}

static size_t to_vectors(ngtcp2_vec *to, const struct iovec *from, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		if (from[i].iov_len > 0) {
			to[count].base = from[i].iov_base;
			to[count++].len = from[i].iov_len;
		}
	}
	return count;
}

struct pulled {
	int64_t stream_id; /* -1: no stream has anything to write */
	bool fin;
	ngtcp2_vec vec[STREAM_VECTORS];
	size_t n;
};

static int pull(struct mpq_conn *c, struct pulled *p)
{
	struct iovec vec[STREAM_VECTORS];
	int n;

	p->stream_id = -1;
	p->fin = false;
	n = c->events->stream_pull(c->owner, &p->stream_id, &p->fin, vec,
				   STREAM_VECTORS);
	if (n < 0) {
		return NGTCP2_ERR_CALLBACK_FAILURE;
	}
	p->n = to_vectors(p->vec, vec, (size_t)n);
	return 0;
}

/* One write of what one stream has. WRITE_MORE: the packet has room for more.
 */
static ngtcp2_ssize write_stream(struct mpq_conn *c, struct target *t,
				 const struct pulled *p)
{
	uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_MORE |
			 (p->fin ? NGTCP2_WRITE_STREAM_FLAG_FIN : 0);
	ngtcp2_ssize taken;
	ngtcp2_ssize n =
		ngtcp2_conn_writev_stream(c->quic, &t->path, &t->info, t->dest,
					  t->cap, &taken, flags, p->stream_id,
					  p->vec, p->n, mpq_connection_time(c));

	if ((n >= 0 || n == NGTCP2_ERR_WRITE_MORE) && taken >= 0 &&
	    c->events->stream_wrote(c->owner, p->stream_id, (size_t)taken)) {
		return NGTCP2_ERR_CALLBACK_FAILURE;
	}
	return n;
}

/* Writes what streams have, into one packet. A stream that may not go on is
 * said so, and is not pulled again. *ret_done: there is nothing more to pull,
 * and a packet under way (c->gathering) waits for its end. */
static enum mpq_conn_wrote write_streams(struct mpq_conn *c, struct target *t,
					 struct mpq_conn_written *ret,
					 bool *ret_done)
{
	uint64_t before = mpq_connection_in_flight(c);
	struct pulled p;

	for (;;) {
		ngtcp2_ssize n = pull(c, &p);

		if (n == 0 && p.stream_id < 0) {
			*ret_done = true;
			return MPQ_CONN_NOTHING;
		}
		n = n ? n : write_stream(c, t, &p);
		switch (n) {
		case NGTCP2_ERR_WRITE_MORE:
			c->gathering = true;
			continue;
		case NGTCP2_ERR_STREAM_DATA_BLOCKED:
		case NGTCP2_ERR_STREAM_SHUT_WR:
		case NGTCP2_ERR_STREAM_NOT_FOUND:
			c->events->stream_blocked(c->owner, p.stream_id);
			continue;
		default:
			break;
		}
		c->gathering = false;
		return n < 0 ? failed(c, (int)n, t, ret)
			     : sent(c, t, (size_t)n, before, ret);
	}
}

/* Whatever the library itself has to send. */
static ngtcp2_ssize write_control(struct mpq_conn *c, struct target *t)
{
	return ngtcp2_conn_writev_stream(c->quic, &t->path, &t->info, t->dest,
					 t->cap, NULL, 0, -1, NULL, 0,
					 mpq_connection_time(c));
}

static ngtcp2_ssize write_datagram(struct mpq_conn *c, struct target *t,
				   const struct mpq_conn_datagram *datagram,
				   bool more, int *ret_accepted)
{
	ngtcp2_vec vec[3];
	size_t n = to_vectors(vec, datagram->vec, datagram->n);

	return ngtcp2_conn_writev_datagram(
		c->quic, &t->path, &t->info, t->dest, t->cap, ret_accepted,
		more ? NGTCP2_WRITE_DATAGRAM_FLAG_MORE : 0, datagram->id, vec,
		n, mpq_connection_time(c));
}

static size_t datagram_len(const struct mpq_conn_datagram *datagram)
{
	size_t len = 0;

	for (size_t i = 0; i < datagram->n; i++) {
		len += datagram->vec[i].iov_len;
	}
	return len;
}

/* Can `datagram` go to the library? It must have bytes (of none the library
 * makes an assertion) and not be larger than any packet can be now, or it would
 * wait for ever. */
static bool fit_to_write(const struct mpq_conn *c,
			 const struct mpq_conn_datagram *datagram, size_t len,
			 struct mpq_conn_written *ret)
{
	if (!datagram || !c->established) {
		return false;
	}
	ret->accepted = len == 0;
	ret->too_big = len > mpq_conn_max_datagram(c);
	return !ret->accepted && !ret->too_big;
}

/* Is as much under way as is of use, or is it too early for more? */
static bool is_full(struct mpq_conn *c, uint64_t in_flight_bytes)
{
	if (c->gathering) {
		return false;
	}
	if (c->window.next > c->now) {
		c->paced = true;
		return true;
	}
	return in_flight_bytes >= mpq_window_bytes(&c->window);
}

static enum mpq_conn_wrote
write_packet(struct mpq_conn *c, struct target *t,
	     const struct mpq_conn_datagram *datagram, bool more,
	     struct mpq_conn_written *ret)
{
	size_t len = datagram ? datagram_len(datagram) : 0;
	uint64_t before = mpq_connection_in_flight(c);
	mpq_duration later = 0;
	ngtcp2_ssize n;
	int accepted = 0;

	if (fit_to_write(c, datagram, len, ret) && !is_full(c, before)) {
		if (!c->gathering) {
			later = mpq_window_later(&c->window, c->now);
			c->said = c->said > c->now + later ? c->said
							   : c->now + later;
		}
		/* Company is worth waiting for by half a packet. */
		n = write_datagram(c, t, datagram,
				   more && len <= mpq_conn_max_datagram(c) / 2,
				   &accepted);
		ret->accepted = accepted;
		if (later > 0 && accepted) {
			mpq_window_was_later(&c->window, c->now);
		}
	} else {
		n = write_control(c, t);
	}
	if (datagram && !ret->accepted && !ret->too_big) {
		mpq_window_was_full(&c->window, c->now);
	}
	c->gathering = n == NGTCP2_ERR_WRITE_MORE;
	if (c->gathering) {
		return MPQ_CONN_MORE;
	}
	if (n < 0) {
		return failed(c, (int)n, t, ret);
	}
	return sent(c, t, (size_t)n, before, ret);
}

/* Before the handshake is done there are only a few packets, and none should
 * wait. */
static bool burst_is_over(struct mpq_conn *c)
{
	bool over = c->established && !c->gathering &&
		    c->burst_bytes >= mpq_window_quantum_bytes(&c->window);

	c->paced |= over;
	return over;
}

enum mpq_conn_wrote mpq_conn_write(struct mpq_conn *c, uint8_t *dest,
				   size_t cap,
				   const struct mpq_conn_datagram *datagram,
				   bool more, struct mpq_conn_written *ret,
				   mpq_time now)
{
	enum mpq_conn_wrote wrote;
	struct target t;
	bool done = false;

	assert(cap >= c->max_udp_bytes);
	mpq_connection_update_time(c, now);
	c->paced = c->paced && c->window.next > c->now;
	target_init(&t, dest, mpq_connection_room(c), ret);
	ret->len_bytes = 0;
	ret->accepted = ret->too_big = false;
	if (c->end.layer != MPQ_CONN_OPEN) {
		return write_close(c, &t, ret);
	}
	if (burst_is_over(c)) {
		return MPQ_CONN_NOTHING;
	}
	if (c->pull_due && c->established && !c->gathering &&
	    c->events->stream_pull) {
		wrote = write_streams(c, &t, ret, &done);
		if (!done) {
			return wrote;
		}
	}
	c->pull_due = c->pull_due && !done;
	return write_packet(c, &t, datagram, more, ret);
}

static void observe(struct mpq_conn *c)
{
	ngtcp2_conn_info info;
	uint64_t each =
		c->flight_pkts > 0 ? c->flight_bytes / c->flight_pkts : 0;
	struct mpq_window_view view;
	uint64_t gone;

	ngtcp2_conn_get_conn_info(c->quic, &info);
	/* The library does not say how long those are it lost. */
	gone = info.bytes_in_flight + each * c->lost_pkts;
	view = (struct mpq_window_view){
		.rtt_latest = info.latest_rtt,
		.rtt_smoothed = info.smoothed_rtt,
		.rtt_variation = info.rttvar,
		.rtt_min = info.min_rtt == UINT64_MAX ? 0 : info.min_rtt,
		.delivered_bytes =
			c->flight_bytes > gone ? c->flight_bytes - gone : 0,
		.in_flight_bytes = info.bytes_in_flight,
		.cwnd_bytes = info.cwnd,
		.sent_pkts = c->flight_pkts,
		.lost_pkts = c->lost_pkts,
		.acked_pkts = c->acked_pkts,
	};
	mpq_window_observe(&c->window, &view, c->now);
}

void mpq_conn_burst_end(struct mpq_conn *c, mpq_time now)
{
	assert(!c->gathering);
	mpq_connection_update_time(c, now);
	mpq_window_sent(&c->window, c->burst_bytes, c->now);
	c->burst_bytes = 0;
	c->pull_due = true;
	if (c->end.layer == MPQ_CONN_OPEN) {
		observe(c);
	}
}

void mpq_conn_keep_short(struct mpq_conn *c, bool keep)
{
	mpq_window_keep_short(&c->window, keep);
}

void mpq_conn_ping(struct mpq_conn *c, mpq_time now)
{
	mpq_connection_update_time(c, now);
	if (c->end.layer == MPQ_CONN_OPEN && c->established) {
		/* The library sends a PING when nothing has been sent for that
		 * long; a nanosecond has passed always. */
		c->ping_due = true;
		ngtcp2_conn_set_keep_alive_timeout(c->quic, 1);
	}
}
