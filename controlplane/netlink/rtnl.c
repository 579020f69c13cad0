/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/rtnl.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define RTNL_DUMP_ATTEMPTS 8

/* The kernel fills up to 32 KiB a message of a dump when given the room. */
#define RTNL_ANSWER_BYTES 32768

static void enable(struct mpq_rtnl *r, int option)
{
	int on = 1;

	/* Each is a comfort that an older kernel may lack. */
	(void)mnl_socket_setsockopt(r->socket, option, &on, sizeof(on));
}

int mpq_rtnl_init(struct mpq_rtnl *r)
{
	memset(r, 0, sizeof(*r));
	r->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (r->socket == NULL) {
		return -errno;
	}
	if (mnl_socket_bind(r->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int error = -errno;

		mpq_rtnl_finish(r);
		return error;
	}
	r->portid = mnl_socket_get_portid(r->socket);
	enable(r, NETLINK_EXT_ACK);
	enable(r, NETLINK_CAP_ACK);
	enable(r, NETLINK_GET_STRICT_CHK);
	return 0;
}

void mpq_rtnl_finish(struct mpq_rtnl *r)
{
	if (r->socket != NULL) {
		(void)mnl_socket_close(r->socket);
		r->socket = NULL;
	}
}

struct nlmsghdr *mpq_rtnl_request(void *buf, uint16_t type, uint16_t flags,
				  const void *body, size_t body_bytes)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);

	assert(NLMSG_SPACE(body_bytes) <= MPQ_RTNL_REQUEST_BYTES);
	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(mnl_nlmsg_put_extra_header(request, body_bytes), body,
	       body_bytes);
	return request;
}

static int send_request(struct mpq_rtnl *r, struct nlmsghdr *request)
{
	r->reason[0] = '\0';
	request->nlmsg_seq = ++r->sequence;
	if (mnl_socket_sendto(r->socket, request, request->nlmsg_len) < 0) {
		return -errno;
	}
	return 0;
}

/* The sentence of an extended acknowledgement (NETLINK_CAP_ACK: the refused
 * request is not repeated before it). */
static void keep_reason(struct mpq_rtnl *r, const struct nlmsghdr *answer)
{
	size_t offset = MNL_NLMSG_HDRLEN + sizeof(struct nlmsgerr);
	const struct nlattr *attr;

	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS) ||
	    !(answer->nlmsg_flags & NLM_F_CAPPED)) {
		return;
	}
	mnl_attr_for_each(attr, answer, offset - MNL_NLMSG_HDRLEN)
	{
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG) {
			(void)mpq_rtnl_text(attr, r->reason, sizeof(r->reason));
		}
	}
}

struct answer {
	void (*each)(void *context, const struct nlmsghdr *message);
	void *context;
	bool done;
	bool interrupted;
	int error;
};

/* NLMSG_ERROR and NLMSG_DONE both begin with an error number. */
static void take_end(struct mpq_rtnl *r, const struct nlmsghdr *m,
		     struct answer *a)
{
	a->done = true;
	if (mnl_nlmsg_get_payload_len(m) >= sizeof(int)) {
		a->error = *(const int *)mnl_nlmsg_get_payload(m);
	}
	if (m->nlmsg_type == NLMSG_ERROR && a->error != 0) {
		keep_reason(r, m);
	}
}

static void take_answer(struct mpq_rtnl *r, const struct nlmsghdr *m,
			struct answer *a)
{
	if (m->nlmsg_seq != r->sequence || m->nlmsg_pid != r->portid) {
		return; /* of an earlier request that was given up */
	}
	if (m->nlmsg_flags & NLM_F_DUMP_INTR) {
		a->interrupted = true;
	}
	if (m->nlmsg_type == NLMSG_ERROR || m->nlmsg_type == NLMSG_DONE) {
		take_end(r, m, a);
	} else if (m->nlmsg_type >= NLMSG_MIN_TYPE && a->each != NULL) {
		a->each(a->context, m);
	}
}

static int receive_answer(struct mpq_rtnl *r, struct answer *a)
{
	char buf[RTNL_ANSWER_BYTES];
	const struct nlmsghdr *m;
	ssize_t received;
	int left;

	received = mnl_socket_recvfrom(r->socket, buf, sizeof(buf));
	if (received < 0) {
		return errno == EINTR ? 0 : -errno;
	}
	left = (int)received;
	for (m = (const struct nlmsghdr *)buf; mnl_nlmsg_ok(m, left);
	     m = mnl_nlmsg_next(m, &left)) {
		take_answer(r, m, a);
	}
	return 0;
}

static int receive_all(struct mpq_rtnl *r, struct answer *a)
{
	while (!a->done) {
		int error = receive_answer(r, a);

		if (error < 0) {
			return error;
		}
	}
	return a->error;
}

int mpq_rtnl_do(struct mpq_rtnl *r, struct nlmsghdr *request)
{
	struct answer a = {0};
	int error;

	request->nlmsg_flags |= NLM_F_ACK;
	error = send_request(r, request);
	return error < 0 ? error : receive_all(r, &a);
}

int mpq_rtnl_dump(struct mpq_rtnl *r, struct nlmsghdr *request,
		  void (*each)(void *context, const struct nlmsghdr *message),
		  void *context)
{
	/* A request for one object is answered by that and then, as asked
	 * here, by an acknowledgement; a dump by NLMSG_DONE of itself. */
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP) {
		request->nlmsg_flags |= NLM_F_ACK;
	}
	for (int i = 0; i < RTNL_DUMP_ATTEMPTS; i++) {
		struct answer a = {.each = each, .context = context};
		int error;

		error = send_request(r, request);
		if (error == 0) {
			error = receive_all(r, &a);
		}
		if (error < 0 || !a.interrupted) {
			return error;
		}
	}
	return -EAGAIN;
}

uint32_t mpq_rtnl_u32(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) < sizeof(uint32_t)
		       ? 0
		       : mnl_attr_get_u32(attr);
}

uint8_t mpq_rtnl_u8(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) < sizeof(uint8_t)
		       ? 0
		       : mnl_attr_get_u8(attr);
}

int mpq_rtnl_text(const struct nlattr *attr, char *ret, size_t size)
{
	size_t n = mnl_attr_get_payload_len(attr);

	if (n == 0 || n > size ||
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0) {
		return -EINVAL;
	}
	memcpy(ret, mnl_attr_get_str(attr), n);
	return 0;
}
