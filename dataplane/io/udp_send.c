/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/io/udp.h"
#include "dataplane/io/udp_internal.h"

#include <assert.h>
#include <netinet/udp.h>
#include <string.h>

/* A GSO send is one IP packet until the kernel cuts it: below 64 KiB with its
 * headers. */
#define GSO_BYTES 65000

/* Addressing of a batch: the same for each of its packets. */
struct envelope {
	struct msghdr head;
	struct iovec whole; /* for a send that the kernel cuts */
	_Alignas(struct cmsghdr) uint8_t
		control[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
			CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t))];
};

static void put(struct envelope *e, int level, int type, const void *value,
		size_t len)
{
	struct cmsghdr *c = (void *)(e->control + e->head.msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), value, len);
	e->head.msg_control = e->control;
	e->head.msg_controllen += CMSG_SPACE(len);
}

static void put_source(struct envelope *e, const struct mpq_sockaddr *local)
{
	if (local->sa.sa_family == AF_INET) {
		struct in_pktinfo info = {.ipi_spec_dst = local->in.sin_addr};

		put(e, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else {
		/* For an IPv4-mapped peer the kernel takes a mapped source. */
		struct in6_pktinfo info = {.ipi6_addr = local->in6.sin6_addr};

		put(e, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

static bool is_v4(const struct mpq_sockaddr *a)
{
	return a->sa.sa_family == AF_INET ||
	       IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr);
}

static void put_ecn(struct envelope *e, const struct mpq_udp *u)
{
	int value;

	if (is_v4(&u->batch_remote)) {
		value = u->tos | u->batch_ecn;
		put(e, IPPROTO_IP, IP_TOS, &value, sizeof(value));
	} else {
		value = u->tclass | u->batch_ecn;
		put(e, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof(value));
	}
}

static bool is_chosen(const struct mpq_sockaddr *local)
{
	if (!local->len) {
		return false;
	}
	return local->sa.sa_family == AF_INET
		       ? local->in.sin_addr.s_addr != INADDR_ANY
		       : !IN6_IS_ADDR_UNSPECIFIED(&local->in6.sin6_addr);
}

static void address(struct envelope *e, struct mpq_udp *u)
{
	e->head = (struct msghdr){.msg_name = &u->batch_remote.sa,
				  .msg_namelen = u->batch_remote.len};
	if (u->wildcard && is_chosen(&u->batch_local)) {
		put_source(e, &u->batch_local);
	}
	if (u->batch_ecn) {
		put_ecn(e, u);
	}
}

static void count_sent(struct mpq_udp *u, unsigned packets, size_t bytes)
{
	u->sends++;
	u->packets_out += packets;
	u->bytes_out += bytes;
}

static void count_lost(struct mpq_udp *u, int error, unsigned packets)
{
	if (error == EAGAIN || error == ENOBUFS) {
		u->send_full += packets;
		return;
	}
	if (error == EMSGSIZE) {
		u->send_too_long += packets;
		return;
	}
	u->send_errors += packets;
	u->last_error = error;
	if (mpq_udp_gone(error)) {
		u->fate = -error;
	}
}

/* With IP_RECVERR a send reports, and clears, the ICMP error of an earlier
 * packet, and sends nothing. */
static bool may_be_of_earlier(int error)
{
	return error == ECONNREFUSED || error == EHOSTUNREACH ||
	       error == ENETUNREACH || error == EHOSTDOWN ||
	       error == ENOPROTOOPT || error == EACCES;
}

static int send_segmented(struct mpq_udp *u, struct envelope *e)
{
	const size_t plain_bytes = e->head.msg_controllen;
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	int r = 0;

	put(e, IPPROTO_UDP, UDP_SEGMENT, &u->segment_bytes,
	    sizeof(u->segment_bytes));
	e->whole = (struct iovec){u->batch, u->batch_bytes};
	e->head.msg_iov = &e->whole;
	e->head.msg_iovlen = 1;
	if (sendmsg(u->fd, &e->head, flags) < 0 &&
	    (!may_be_of_earlier(errno) ||
	     sendmsg(u->fd, &e->head, flags) < 0)) {
		r = -errno;
	}
	e->head.msg_controllen = plain_bytes;
	return r;
}

static unsigned cut(struct mpq_udp *u, const struct envelope *e,
		    struct mmsghdr *messages, struct iovec *parts)
{
	size_t offset = 0;
	unsigned n;

	for (n = 0; n < u->batch_packets; n++) {
		size_t left = u->batch_bytes - offset;
		size_t len = left < u->segment_bytes ? left : u->segment_bytes;

		parts[n] = (struct iovec){u->batch + offset, len};
		messages[n] = (struct mmsghdr){.msg_hdr = e->head};
		messages[n].msg_hdr.msg_iov = &parts[n];
		messages[n].msg_hdr.msg_iovlen = 1;
		offset += len;
	}
	return n;
}

/* Sends from messages[0] on. The number that went; at least one, or -errno of
 * the first. */
static int send_some(struct mpq_udp *u, struct mmsghdr *messages, unsigned n)
{
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	size_t bytes = 0;
	int r = sendmmsg(u->fd, messages, n, flags);

	if (r < 0 && may_be_of_earlier(errno)) {
		r = sendmmsg(u->fd, messages, n, flags);
	}
	if (r < 0) {
		return -errno;
	}
	for (int i = 0; i < r; i++) {
		bytes += messages[i].msg_hdr.msg_iov->iov_len;
	}
	count_sent(u, (unsigned)r, bytes);
	return r;
}

/* Sends the packets of the batch as they are. Whether the first one, which has
 * the full length, went. */
static bool send_each(struct mpq_udp *u, const struct envelope *e)
{
	struct mmsghdr messages[MPQ_UDP_GSO_MAX];
	struct iovec parts[MPQ_UDP_GSO_MAX];
	unsigned n = cut(u, e, messages, parts), done = 0;
	bool first = false;

	while (done < n) {
		int r = send_some(u, messages + done, n - done);

		if (r > 0) {
			first = first || done == 0;
			done += (unsigned)r;
		} else if (r == -EAGAIN || r == -ENOBUFS) {
			count_lost(u, -r, n - done);
			break;
		} else {
			count_lost(u, -r, 1);
			done++;
		}
	}
	return first;
}

/* EIO: the device cannot checksum what it would have to cut. The other two may
 * also mean that the packets are above its MTU, and then GSO is not to blame:
 * a plain send of a full one tells. */
static void send_refused(struct mpq_udp *u, const struct envelope *e, int error)
{
	if (send_each(u, e) || error == EIO) {
		u->gso = false;
	}
}

static void send_batch(struct mpq_udp *u)
{
	struct envelope e;
	int r;

	if (!u->batch_packets) {
		return;
	}
	address(&e, u);
	if (u->batch_packets == 1 || !u->gso) {
		(void)send_each(u, &e);
	} else {
		r = send_segmented(u, &e);
		if (!r) {
			count_sent(u, u->batch_packets, u->batch_bytes);
		} else if (r == -EIO || r == -EINVAL || r == -EMSGSIZE) {
			send_refused(u, &e, -r);
		} else {
			count_lost(u, -r, u->batch_packets);
		}
	}
	u->batch_packets = 0;
	u->batch_bytes = 0;
}

/* Bytes, not meaning: a false "no" merely ends a batch. */
static bool same(const struct mpq_sockaddr *a, const struct mpq_sockaddr *b)
{
	return a->len == b->len && !memcmp(&a->sa, &b->sa, a->len);
}

static bool may_join(const struct mpq_udp *u, size_t len, uint8_t ecn,
		     const struct mpq_sockaddr *local,
		     const struct mpq_sockaddr *remote)
{
	return len <= u->segment_bytes && u->batch_bytes + len <= GSO_BYTES &&
	       ecn == u->batch_ecn && same(remote, &u->batch_remote) &&
	       (!u->wildcard || same(local, &u->batch_local));
}

uint8_t *mpq_udp_reserve(struct mpq_udp *u, size_t cap)
{
	assert(cap <= MPQ_UDP_BATCH_BYTES);
	if (u->batch_bytes + cap > MPQ_UDP_BATCH_BYTES) {
		send_batch(u);
	}
	return u->batch + u->batch_bytes;
}

void mpq_udp_commit(struct mpq_udp *u, size_t len, uint8_t ecn,
		    const struct mpq_sockaddr *local,
		    const struct mpq_sockaddr *remote)
{
	const uint8_t *packet = u->batch + u->batch_bytes;

	assert(u->batch_bytes + len <= MPQ_UDP_BATCH_BYTES);
	if (u->batch_packets && !may_join(u, len, ecn, local, remote)) {
		send_batch(u);
		memmove(u->batch, packet, len);
	}
	if (!u->batch_packets) {
		u->segment_bytes = (uint16_t)len;
		u->batch_ecn = ecn;
		u->batch_local = *local;
		u->batch_remote = *remote;
	}
	u->batch_bytes += len;
	u->batch_packets++;
	if (len < u->segment_bytes || u->batch_packets >= u->gso_max ||
	    u->batch_packets >= MPQ_UDP_GSO_MAX) {
		send_batch(u);
	}
}

int mpq_udp_flush(struct mpq_udp *u)
{
	int r;

	send_batch(u);
	r = u->fate;
	u->fate = 0;
	return r;
}
