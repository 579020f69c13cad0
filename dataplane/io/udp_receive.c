/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/io/udp.h"
#include "dataplane/io/udp_internal.h"

#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS         8
#define SLOT_BYTES    65536 /* a GRO bundle is one IP packet: it fits */
#define CONTROL_BYTES 192
#define ECN_BITS      0x03

/* ICMP errors read in one call: who forges them gets no more of our time. */
#define ERRORS_A_CALL 32

/* Slots are filled from the first on: memory that no burst ever reached is
 * never touched, so an idle path has a page or two of these 512 KiB. */
struct mpq_udp_arena {
	struct mmsghdr messages[SLOTS];
	struct iovec parts[SLOTS];
	struct mpq_sockaddr from[SLOTS];
	_Alignas(struct cmsghdr) uint8_t control[SLOTS][CONTROL_BYTES];
	uint8_t data[SLOTS][SLOT_BYTES];
};

struct mpq_udp_arena *mpq_udp_arena_new(void)
{
	struct mpq_udp_arena *a = calloc(1, sizeof(*a));

	for (int i = 0; a && i < SLOTS; i++) {
		struct msghdr *m = &a->messages[i].msg_hdr;

		a->parts[i].iov_base = a->data[i];
		a->parts[i].iov_len = SLOT_BYTES;
		m->msg_iov = &a->parts[i];
		m->msg_iovlen = 1;
		m->msg_name = &a->from[i].sa;
		m->msg_control = a->control[i];
	}
	return a;
}

void mpq_udp_arena_free(struct mpq_udp_arena *a)
{
	free(a);
}

static int read_messages(struct mpq_udp *u, unsigned slots)
{
	struct mpq_udp_arena *a = u->arena;
	int n;

	for (unsigned i = 0; i < slots; i++) {
		a->messages[i].msg_hdr.msg_namelen = sizeof(a->from[i].in6);
		a->messages[i].msg_hdr.msg_controllen = CONTROL_BYTES;
	}
	n = recvmmsg(u->fd, a->messages, slots, MSG_DONTWAIT, NULL);
	return n < 0 ? -errno : n;
}

static void take_ecn(struct mpq_udp_datagram *d, const struct cmsghdr *c)
{
	/* IP_TOS comes as one byte, IPV6_TCLASS as an int. */
	if (c->cmsg_len == CMSG_LEN(1)) {
		d->ecn = *CMSG_DATA(c) & ECN_BITS;
	} else {
		int value;

		memcpy(&value, CMSG_DATA(c), sizeof(value));
		d->ecn = (uint8_t)(value & ECN_BITS);
	}
}

static void take_local_v4(struct mpq_udp_datagram *d, const struct cmsghdr *c)
{
	struct in_pktinfo info;

	memcpy(&info, CMSG_DATA(c), sizeof(info));
	d->local.in.sin_addr = info.ipi_addr;
}

static void take_local_v6(struct mpq_udp_datagram *d, const struct cmsghdr *c)
{
	struct in6_pktinfo info;

	memcpy(&info, CMSG_DATA(c), sizeof(info));
	d->local.in6.sin6_addr = info.ipi6_addr;
}

/* Returns the bytes of one GRO segment, 0 when the message is one datagram. */
static size_t take_control(struct msghdr *m, struct mpq_udp_datagram *d)
{
	int segment = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&segment, CMSG_DATA(c), sizeof(segment));
		} else if (c->cmsg_level == IPPROTO_IP) {
			if (c->cmsg_type == IP_TOS) {
				take_ecn(d, c);
			} else if (c->cmsg_type == IP_PKTINFO) {
				take_local_v4(d, c);
			}
		} else if (c->cmsg_level == IPPROTO_IPV6) {
			if (c->cmsg_type == IPV6_TCLASS) {
				take_ecn(d, c);
			} else if (c->cmsg_type == IPV6_PKTINFO) {
				take_local_v6(d, c);
			}
		}
	}
	return segment > 0 ? (size_t)segment : 0;
}

static unsigned deliver(struct mpq_udp *u, unsigned slot, mpq_time now,
			void (*receive)(void *owner,
					const struct mpq_udp_datagram *d),
			void *owner)
{
	struct mpq_udp_arena *a = u->arena;
	struct mmsghdr *m = &a->messages[slot];
	struct mpq_udp_datagram d = {.received = now,
				     .local = u->local,
				     .remote = a->from[slot]};
	size_t left = m->msg_len, segment = take_control(&m->msg_hdr, &d);
	unsigned n = 0;

	d.remote.len = m->msg_hdr.msg_namelen;
	d.data = a->data[slot];
	u->bytes_in += left;
	do {
		d.len_bytes = segment && segment < left ? segment : left;
		receive(owner, &d);
		d.data += d.len_bytes;
		left -= d.len_bytes;
		n++;
	} while (left);
	u->packets_in += n;
	return n;
}

static int read_error(struct mpq_udp *u)
{
	_Alignas(struct cmsghdr) uint8_t control[512];
	uint8_t quoted[1];
	struct iovec part = {quoted, sizeof(quoted)};
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};

	if (recvmsg(u->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
		return -errno;
	}
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		bool v4 = c->cmsg_level == IPPROTO_IP &&
			  c->cmsg_type == IP_RECVERR;
		bool v6 = c->cmsg_level == IPPROTO_IPV6 &&
			  c->cmsg_type == IPV6_RECVERR;
		struct sock_extended_err e;

		if (v4 || v6) {
			memcpy(&e, CMSG_DATA(c), sizeof(e));
			u->last_error = (int)e.ee_errno;
		}
	}
	return 0;
}

/* A socket with something in its error queue counts as readable for ever. */
static void drain_errors(struct mpq_udp *u)
{
	for (int i = 0; i < ERRORS_A_CALL && !read_error(u); i++) {
	}
}

/* Nothing could be read: why? 0 or -errno of the socket itself. */
static int explain(struct mpq_udp *u, int error)
{
	bool none = error == EAGAIN || error == EINTR;

	if (!none) {
		u->last_error = error;
	}
	drain_errors(u);
	return mpq_udp_gone(error) ? -error : 0;
}

int mpq_udp_receive(struct mpq_udp *u, unsigned budget,
		    void (*receive)(void *owner,
				    const struct mpq_udp_datagram *d),
		    void *owner)
{
	unsigned n = 0;

	while (n < budget) {
		unsigned slots = budget - n < SLOTS ? budget - n : SLOTS;
		int got = read_messages(u, slots);
		mpq_time now = mpq_clock_now();

		if (got < 0) {
			return n ? (int)n : explain(u, -got);
		}
		u->receives++;
		for (int i = 0; i < got; i++) {
			n += deliver(u, (unsigned)i, now, receive, owner);
		}
		if ((unsigned)got < slots) {
			break;
		}
	}
	return (int)n;
}
