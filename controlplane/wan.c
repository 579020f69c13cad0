/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/wan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
	[MPQ_WAN_NO_LINK] = "no-link",
	[MPQ_WAN_NO_CARRIER] = "no-carrier",
	[MPQ_WAN_NO_ADDRESS] = "no-address",
	[MPQ_WAN_READY] = "ready",
};

const char *mpq_wan_state_name(enum mpq_wan_state s)
{
	return names[s];
}

int mpq_wan_state_parse(const char *name, enum mpq_wan_state *ret)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(names[i], name)) {
			*ret = (enum mpq_wan_state)i;
			return 0;
		}
	}
	return -EINVAL;
}

__attribute__((format(printf, 3, 4))) static void
not_ready(struct mpq_wan *w, enum mpq_wan_state state, const char *reason, ...)
{
	va_list ap;

	w->state = state;
	va_start(ap, reason);
	(void)vsnprintf(w->reason, sizeof(w->reason), reason, ap);
	va_end(ap);
}

static const uint8_t *bytes_of(const struct mpq_sockaddr *a)
{
	return a->sa.sa_family == AF_INET ? (const uint8_t *)&a->in.sin_addr
					  : a->in6.sin6_addr.s6_addr;
}

/* A remote on the WAN's own network needs no gateway. */
static bool on_link(const struct mpq_wan_view *v,
		    const struct mpq_sockaddr *remote)
{
	return mpq_prefix_contains(&v->address->net,
				   remote->sa.sa_family == AF_INET ? 4 : 6,
				   bytes_of(remote));
}

static void be_ready(const struct mpq_wan_view *v, struct mpq_wan *w)
{
	w->state = MPQ_WAN_READY;
	w->index = v->link->index;
	(void)mpq_prefix_format(&v->address->local, w->address);
	w->address[strcspn(w->address, "/")] = '\0';
	if (v->gateway) {
		w->gateway = v->gateway->gateway;
	}
}

void mpq_wan_judge(const struct mpq_wan_view *v,
		   const struct mpq_sockaddr *remote, struct mpq_wan *ret)
{
	int family = remote->sa.sa_family == AF_INET ? 4 : 6;

	*ret = (struct mpq_wan){0};
	if (!v->link) {
		not_ready(ret, MPQ_WAN_NO_LINK,
			  "there is no device %s: the modem is unplugged, or "
			  "has another name",
			  v->name);
	} else if (!v->link->up) {
		not_ready(ret, MPQ_WAN_NO_CARRIER,
			  "%s is switched off (ip link set %s up)", v->name,
			  v->name);
	} else if (!v->link->carrier) {
		not_ready(ret, MPQ_WAN_NO_CARRIER,
			  "%s has no carrier: cable or radio", v->name);
	} else if (!v->address) {
		not_ready(ret, MPQ_WAN_NO_ADDRESS,
			  "%s has no IPv%d address yet (DHCP?)", v->name,
			  family);
	} else if (!v->gateway && !v->link->point_to_point &&
		   !on_link(v, remote)) {
		not_ready(ret, MPQ_WAN_NO_ADDRESS,
			  "%s has an address and no default route yet (DHCP?)",
			  v->name);
	} else {
		be_ready(v, ret);
	}
}

bool mpq_wan_same(const struct mpq_wan *a, const struct mpq_wan *b)
{
	return a->state == b->state && a->index == b->index &&
	       !strcmp(a->address, b->address) &&
	       a->gateway.family == b->gateway.family &&
	       !memcmp(a->gateway.addr, b->gateway.addr,
		       sizeof(a->gateway.addr));
}
