/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two subscribed sockets (routing, nftables) and an eventfd hang on one epoll
 * descriptor, so that the event loop watches one thing. The eventfd keeps it
 * readable when mpq_reconcile_run() took notices in and nobody was told yet.
 */
#include "controlplane/netlink/monitor.h"

#include "controlplane/netlink/guard.h"
#include "controlplane/netlink/monitor-internal.h"
#include "controlplane/netlink/observed.h"
#include "controlplane/netlink/rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netconf.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MONITOR_SOCKET_BYTES     (4 << 20)
#define MONITOR_MESSAGE_BYTES    32768
#define MONITOR_REFRESH_ATTEMPTS 4

struct mpq_monitor {
	const struct mpq_monitor_events *events;
	void *context;

	struct mpq_rtnl rtnl; /* dumps, and reconcile's requests */
	struct mnl_socket *routing, *nftables;
	int epoll, untold; /* eventfd */

	struct mpq_observed observed;
	bool has_ipv6;
	bool overrun; /* notices were lost */
	bool guard_touched;
	uint64_t overruns;
};

static const int routing_groups[] = {
	RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR,  RTNLGRP_IPV6_IFADDR,
	RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,   RTNLGRP_IPV4_RULE,
	RTNLGRP_IPV6_RULE,  RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF,
};

static void enlarge(struct mnl_socket *s)
{
	int bytes = MONITOR_SOCKET_BYTES, fd = mnl_socket_get_fd(s);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) <
	    0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes,
				 sizeof(bytes));
	}
}

static int subscribe(struct mnl_socket **ret, int bus, const int *groups,
		     size_t n)
{
	struct mnl_socket *s =
		mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (s == NULL) {
		return -errno;
	}
	*ret = s; /* the monitor's from here, whatever follows */
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		return -errno;
	}
	enlarge(s);
	for (size_t i = 0; i < n; i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(s, NETLINK_ADD_MEMBERSHIP, &group,
					  sizeof(group)) < 0) {
			return -errno;
		}
	}
	return 0;
}

static int watch(struct mpq_monitor *m, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_sockets(struct mpq_monitor *m)
{
	const int nftables_group = NFNLGRP_NFTABLES;
	int r;

	r = mpq_rtnl_init(&m->rtnl);
	if (r == 0) {
		r = subscribe(&m->routing, NETLINK_ROUTE, routing_groups,
			      sizeof(routing_groups) /
				      sizeof(routing_groups[0]));
	}
	if (r == 0) {
		r = subscribe(&m->nftables, NETLINK_NETFILTER, &nftables_group,
			      1);
	}
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	m->untold = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r == 0 && (m->epoll < 0 || m->untold < 0)) {
		r = -errno;
	}
	return r;
}

static int watch_all(struct mpq_monitor *m)
{
	int r = watch(m, mnl_socket_get_fd(m->routing));

	if (r == 0) {
		r = watch(m, mnl_socket_get_fd(m->nftables));
	}
	return r == 0 ? watch(m, m->untold) : r;
}

static void take_dumped(void *context, const struct nlmsghdr *message)
{
	mpq_observed_take(context, message);
}

static int dump(struct mpq_monitor *m, struct mpq_observed *into, uint16_t type,
		const void *body, size_t bytes)
{
	char buf[MPQ_RTNL_REQUEST_BYTES];
	struct nlmsghdr *request =
		mpq_rtnl_request(buf, type, NLM_F_DUMP, body, bytes);

	return mpq_rtnl_dump(&m->rtnl, request, take_dumped, into);
}

/* All that there is of one address family. */
static int dump_family(struct mpq_monitor *m, struct mpq_observed *into,
		       uint8_t family)
{
	const struct ifaddrmsg address = {.ifa_family = family};
	const struct rtmsg route = {.rtm_family = family};
	const struct netconfmsg netconf = {.ncm_family = family};
	int r;

	r = dump(m, into, RTM_GETADDR, &address, sizeof(address));
	if (r == 0) {
		r = dump(m, into, RTM_GETROUTE, &route, sizeof(route));
	}
	if (r == 0) {
		/* fib_rule_hdr has rtmsg's shape */
		r = dump(m, into, RTM_GETRULE, &route, sizeof(route));
	}
	if (r == 0) {
		r = dump(m, into, RTM_GETNETCONF, &netconf, sizeof(netconf));
	}
	return r;
}

static int refresh(struct mpq_monitor *m)
{
	const struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
	struct mpq_observed fresh = {0};
	int r = dump(m, &fresh, RTM_GETLINK, &link, sizeof(link));

	if (r == 0) {
		r = dump_family(m, &fresh, AF_INET);
	}
	if (r == 0 && m->has_ipv6) {
		r = dump_family(m, &fresh, AF_INET6);
	}
	if (r == 0) {
		mpq_observed_replace(&m->observed, &fresh);
		m->overrun = false;
	}
	mpq_observed_finish(&fresh);
	return r;
}

/* nftables: is it about our table? Its name is attribute 1 of every object. */
static void take_nftables(struct mpq_monitor *m, const struct nlmsghdr *message)
{
	const struct nfgenmsg *body = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*body) ||
	    body->nfgen_family != NFPROTO_INET) {
		return;
	}
	mnl_attr_for_each(attr, message, sizeof(*body))
	{
		if (mnl_attr_get_type(attr) == 1 &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 &&
		    strcmp(mnl_attr_get_str(attr), MPQ_GUARD_TABLE) == 0) {
			m->guard_touched = true;
			m->observed.changed = true;
		}
	}
}

static void take_burst(struct mpq_monitor *m, struct mnl_socket *s,
		       const char *buf, int left)
{
	const struct nlmsghdr *h;

	for (h = (const struct nlmsghdr *)buf; mnl_nlmsg_ok(h, left);
	     h = mnl_nlmsg_next(h, &left)) {
		if (s == m->nftables) {
			take_nftables(m, h);
		} else {
			mpq_observed_take(&m->observed, h);
		}
	}
}

static void lost(struct mpq_monitor *m)
{
	m->overruns++;
	m->overrun = true;
	m->guard_touched = true;
}

static int drain(struct mpq_monitor *m, struct mnl_socket *s)
{
	char buf[MONITOR_MESSAGE_BYTES];

	for (;;) {
		ssize_t n = mnl_socket_recvfrom(s, buf, sizeof(buf));

		if (n >= 0) {
			take_burst(m, s, buf, (int)n);
		} else if (errno == ENOBUFS || errno == ENOSPC) {
			lost(m); /* ENOSPC: libmnl's word for truncated */
		} else if (errno != EINTR) {
			return errno == EAGAIN ? 0 : -errno;
		}
	}
}

static int drain_both(struct mpq_monitor *m)
{
	int r = drain(m, m->nftables);

	return r == 0 ? drain(m, m->routing) : r;
}

static int take_in(struct mpq_monitor *m)
{
	int r = drain_both(m);

	for (int i = 0; r == 0 && i < MONITOR_REFRESH_ATTEMPTS &&
			(m->overrun || m->observed.stale);
	     i++) {
		r = refresh(m);
		if (r == 0) {
			r = drain_both(m);
		}
	}
	return r;
}

int mpq_monitor_take_in(struct mpq_monitor *m)
{
	const uint64_t one = 1;
	int r = take_in(m);

	if (m->observed.changed) {
		(void)!write(m->untold, &one, sizeof(one));
	}
	return r;
}

static bool probe_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return false;
	}
	(void)close(fd);
	return true;
}

int mpq_monitor_new(struct mpq_monitor **ret,
		    const struct mpq_monitor_events *events, void *context)
{
	struct mpq_monitor *m = calloc(1, sizeof(*m));
	int r;

	if (m == NULL) {
		return -ENOMEM;
	}
	m->events = events;
	m->context = context;
	m->has_ipv6 = probe_ipv6();
	m->epoll = m->untold = -1;
	m->guard_touched = true;
	r = open_sockets(m);
	if (r == 0) {
		r = watch_all(m);
	}
	if (r == 0) {
		r = refresh(m);
	}
	if (r == 0) {
		r = mpq_monitor_take_in(m);
	}
	if (r < 0) {
		mpq_monitor_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

static void close_one(int fd)
{
	if (fd >= 0) {
		(void)close(fd);
	}
}

void mpq_monitor_free(struct mpq_monitor *m)
{
	if (m == NULL) {
		return;
	}
	mpq_observed_finish(&m->observed);
	mpq_rtnl_finish(&m->rtnl);
	if (m->routing != NULL) {
		(void)mnl_socket_close(m->routing);
	}
	if (m->nftables != NULL) {
		(void)mnl_socket_close(m->nftables);
	}
	close_one(m->epoll);
	close_one(m->untold);
	free(m);
}

int mpq_monitor_fd(const struct mpq_monitor *m)
{
	return m->epoll;
}

int mpq_monitor_read(struct mpq_monitor *m)
{
	struct mpq_observed_change *changes;
	uint64_t count;
	bool changed;
	size_t n;
	int r = take_in(m);

	(void)!read(m->untold, &count, sizeof(count));
	/* Out before they are told: what a handler causes counts again. */
	n = mpq_observed_take_changes(&m->observed, &changes, &changed);
	for (size_t i = 0; i < n; i++) {
		m->events->link(m->context, changes[i].name,
				mpq_monitor_link(m, changes[i].name),
				changes[i].what);
	}
	free(changes);
	if (changed) {
		m->events->changed(m->context);
	}
	return r;
}

const struct mpq_link *mpq_monitor_link(const struct mpq_monitor *m,
					const char *name)
{
	return mpq_observed_link(&m->observed, name);
}

const struct mpq_link *mpq_monitor_link_at(const struct mpq_monitor *m,
					   unsigned index)
{
	return mpq_observed_link_at(&m->observed, index);
}

const struct mpq_address *mpq_monitor_address(const struct mpq_monitor *m,
					      unsigned index, uint8_t family)
{
	return mpq_observed_address(&m->observed, index, family);
}

const struct mpq_route *mpq_monitor_gateway(const struct mpq_monitor *m,
					    unsigned index, uint8_t family)
{
	return mpq_observed_gateway(&m->observed, index, family);
}

bool mpq_monitor_forwarding(const struct mpq_monitor *m, uint8_t family)
{
	return family == 4 ? m->observed.forwarding4 : m->observed.forwarding6;
}

bool mpq_monitor_has_ipv6(const struct mpq_monitor *m)
{
	return m->has_ipv6;
}

uint64_t mpq_monitor_overruns(const struct mpq_monitor *m)
{
	return m->overruns;
}

uint64_t mpq_monitor_not_kept(const struct mpq_monitor *m)
{
	return m->observed.not_kept;
}

const struct mpq_observed *mpq_monitor_observed(const struct mpq_monitor *m)
{
	return &m->observed;
}

struct mpq_rtnl *mpq_monitor_rtnl(struct mpq_monitor *m)
{
	return &m->rtnl;
}

bool mpq_monitor_guard_touched(struct mpq_monitor *m)
{
	bool touched = m->guard_touched;

	m->guard_touched = false;
	return touched;
}

int mpq_monitor_reread(struct mpq_monitor *m, unsigned index)
{
	const struct ifinfomsg body = {.ifi_index = (int)index};
	char buf[MPQ_RTNL_REQUEST_BYTES];
	struct nlmsghdr *request =
		mpq_rtnl_request(buf, RTM_GETLINK, 0, &body, sizeof(body));

	return mpq_rtnl_dump(&m->rtnl, request, take_dumped, &m->observed);
}

void mpq_monitor_assume_address(struct mpq_monitor *m,
				const struct mpq_address *a)
{
	mpq_observed_assume_address(&m->observed, a);
}
