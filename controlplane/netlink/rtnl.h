/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A netlink socket for requests: one message out, one acknowledgement or one
 * dump back, in that order, synchronous (the kernel answers within the call).
 * Every request is acknowledged; a refusal is -errno, with the kernel's own
 * sentence (extended acknowledgement) beside it when it gave one. What comes
 * unasked is the monitor's (monitor.h), not read here.
 */
#ifndef MPQ_NETLINK_RTNL_H
#define MPQ_NETLINK_RTNL_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_RTNL_REASON_BYTES 160

/* Our mark on routes, rules and addresses (rtm_protocol, FRA_PROTOCOL,
 * IFA_PROTO): 98 is free in the kernel's list and in iproute2's rt_protos. */
#define MPQ_RTNL_PROTOCOL 98

struct mpq_rtnl {
	struct mnl_socket *socket;
	unsigned portid;
	uint32_t sequence;
	char reason[MPQ_RTNL_REASON_BYTES]; /* of the last refusal */
};

/* 0 or -errno. */
int mpq_rtnl_init(struct mpq_rtnl *r);
void mpq_rtnl_finish(struct mpq_rtnl *r);

/* Starts a request in `buf` (of at least MPQ_RTNL_REQUEST_BYTES). The returned
 * header is extended with mnl_attr_put. */
#define MPQ_RTNL_REQUEST_BYTES 1024
struct nlmsghdr *mpq_rtnl_request(void *buf, uint16_t type, uint16_t flags,
				  const void *body, size_t body_bytes);

/* Sends it with NLM_F_ACK and waits for the answer: 0, or the kernel's -errno
 * with r->reason. */
int mpq_rtnl_do(struct mpq_rtnl *r, struct nlmsghdr *request);

/* Sends a request that is answered by messages (NLM_F_DUMP for many) and hands
 * each to `each`. A dump that the kernel says changed meanwhile
 * (NLM_F_DUMP_INTR) is begun anew: an object may be handed twice, and one that
 * went meanwhile was handed too. 0 or -errno. */
int mpq_rtnl_dump(struct mpq_rtnl *r, struct nlmsghdr *request,
		  void (*each)(void *context, const struct nlmsghdr *message),
		  void *context);

/* An attribute's value; 0 when it is too short to have one. */
uint32_t mpq_rtnl_u32(const struct nlattr *attr);
uint8_t mpq_rtnl_u8(const struct nlattr *attr);

/* Copies an attribute's text. 0, or -EINVAL when it is none or does not fit;
 * ret is untouched then. */
int mpq_rtnl_text(const struct nlattr *attr, char *ret, size_t size);

#endif
