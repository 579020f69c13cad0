/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/expected.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

static void *append(struct mpq_expected *e, void *items, size_t *n,
		    const void *item, size_t size)
{
	char *bigger = reallocarray(items, *n + 1, size);

	if (bigger == NULL) {
		e->failed = true;
		return items;
	}
	memcpy(bigger + *n * size, item, size);
	(*n)++;
	return bigger;
}

bool mpq_expected_has_link(const struct mpq_expected *e,
			   const struct mpq_expected_link *link)
{
	for (size_t i = 0; i < e->n_links; i++) {
		const struct mpq_expected_link *l = &e->links[i];

		if (l->link.index == link->link.index &&
		    l->what == link->what &&
		    mpq_link_differs(&l->link, &link->link, l->what) == 0) {
			return true;
		}
	}
	return false;
}

bool mpq_expected_has_address(const struct mpq_expected *e,
			      const struct mpq_address *address)
{
	for (size_t i = 0; i < e->n_addresses; i++) {
		if (mpq_address_equal(&e->addresses[i], address)) {
			return true;
		}
	}
	return false;
}

bool mpq_expected_has_rule(const struct mpq_expected *e,
			   const struct mpq_rule *rule)
{
	for (size_t i = 0; i < e->n_rules; i++) {
		if (mpq_rule_equal(&e->rules[i], rule)) {
			return true;
		}
	}
	return false;
}

bool mpq_expected_has_route(const struct mpq_expected *e,
			    const struct mpq_route *route)
{
	for (size_t i = 0; i < e->n_routes; i++) {
		if (mpq_route_equal(&e->routes[i], route)) {
			return true;
		}
	}
	return false;
}

static void add_link(struct mpq_expected *e, const struct mpq_expected_link *l)
{
	e->links = append(e, e->links, &e->n_links, l, sizeof(*l));
}

static void add_rule(struct mpq_expected *e, const struct mpq_rule *rule)
{
	e->rules = append(e, e->rules, &e->n_rules, rule, sizeof(*rule));
}

/* Two LANs of a tunnel, or two addresses in a subnet, ask for the same. */
static void add_route(struct mpq_expected *e, const struct mpq_route *route)
{
	for (size_t i = 0; i < e->n_routes; i++) {
		if (mpq_route_same_place(&e->routes[i], route)) {
			return;
		}
	}
	e->routes = append(e, e->routes, &e->n_routes, route, sizeof(*route));
}

/* The stricter of "all" and the device's own acts (0 none, 1 strict, 2 loose;
 * "strict" is the smaller number). */
#define RP_FILTER_NONE  0
#define RP_FILTER_LOOSE 2

/* Six WANs and one best default route: strict would drop what comes in by five
 * of them. Loose still wants some route back in table main, and drops the
 * peer's answers where the WANs' default routes stand in other tables. It
 * checks nothing where main has a default route, so none loses nothing; with
 * "all" at 1 only 2 on the device makes it loose. */
static uint8_t wan_rp_filter(const struct mpq_observed *o)
{
	return o->rp_filter == RP_FILTER_NONE ? RP_FILTER_NONE
					      : RP_FILTER_LOOSE;
}

static void add_addresses(struct mpq_expected *e,
			  const struct mpq_desired_tunnel *t, unsigned index,
			  bool ipv6)
{
	for (size_t i = 0; i < t->n_addresses; i++) {
		const struct mpq_address a = {
			.index = index,
			.local = t->addresses[i],
			.net = t->addresses[i],
			.usable = true,
		};

		if (a.local.family == 4 || ipv6) {
			e->addresses = append(e, e->addresses, &e->n_addresses,
					      &a, sizeof(a));
		}
	}
}

static void add_tunnel(struct mpq_expected *e,
		       const struct mpq_desired_tunnel *t,
		       const struct mpq_observed *o, bool ipv6)
{
	const struct mpq_link *is = mpq_observed_link(o, t->name);
	struct mpq_expected_link l = {
		.what = MPQ_LINK_MTU | MPQ_LINK_QUEUE_LENGTH | MPQ_LINK_UP |
			MPQ_LINK_ADDRESS_MODE | MPQ_LINK_FORWARDING |
			MPQ_LINK_RP_FILTER,
	};

	if (is == NULL) {
		return;
	}
	l.link = *is;
	l.link.mtu = t->mtu;
	l.link.queue_length = MPQ_EXPECTED_QUEUE_LENGTH;
	l.link.up = t->up;
	l.link.address_mode = IN6_ADDR_GEN_MODE_NONE;
	l.link.forwarding = true;
	l.link.rp_filter = RP_FILTER_LOOSE;
	add_link(e, &l);
	add_addresses(e, t, is->index, ipv6);
}

static void add_other_link(struct mpq_expected *e, const char *name,
			   const struct mpq_observed *o, unsigned what)
{
	const struct mpq_link *is = mpq_observed_link(o, name);
	struct mpq_expected_link l = {.what = what};

	if (is == NULL) {
		return;
	}
	l.link = *is;
	l.link.forwarding = true;
	l.link.rp_filter = wan_rp_filter(o);
	add_link(e, &l);
}

static void add_fence(struct mpq_expected *e, uint32_t table,
		      const struct mpq_prefix *to)
{
	const struct mpq_route fence = {
		.table = table,
		.metric = MPQ_ROUTE_METRIC_FENCE,
		.to = *to,
		.unreachable = true,
		.ours = true,
	};

	add_route(e, &fence);
}

/* A table, with its fence, that `rule` (all but its family) leads to. */
static void add_table(struct mpq_expected *e, struct mpq_rule rule, bool ipv6)
{
	const struct mpq_prefix any4 = {.family = 4}, any6 = {.family = 6};

	rule.ours = true;
	rule.family = 4;
	add_rule(e, &rule);
	add_fence(e, rule.table, &any4);
	if (ipv6) {
		rule.family = 6;
		add_rule(e, &rule);
		add_fence(e, rule.table, &any6);
	}
}

static void add_lan(struct mpq_expected *e, const struct mpq_desired_lan *lan,
		    const struct mpq_observed *o, bool ipv6)
{
	struct mpq_rule rule = {
		.priority = MPQ_RULE_PRIORITY_LAN,
		.table = lan->table,
	};

	assert(strlen(lan->interface) < sizeof(rule.interface));
	strcpy(rule.interface, lan->interface);
	add_table(e, rule, ipv6);
	add_other_link(e, lan->interface, o, MPQ_LINK_FORWARDING);
}

static void add_wan(struct mpq_expected *e, const struct mpq_desired_wan *wan,
		    const struct mpq_observed *o, bool ipv6)
{
	const struct mpq_rule rule = {
		.priority = MPQ_RULE_PRIORITY_WAN,
		.table = wan->table,
		.mark = wan->mark,
	};

	add_table(e, rule, ipv6);
	add_other_link(e, wan->interface, o, MPQ_LINK_RP_FILTER);
}

static struct mpq_prefix masked(const struct mpq_prefix *p)
{
	struct mpq_prefix m = *p;
	unsigned bits = p->family == 4 ? 32 : 128;

	for (unsigned i = p->length; i < bits; i++) {
		m.addr[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
	}
	return m;
}

int mpq_expected_init(struct mpq_expected *ret, const struct mpq_desired *d,
		      const struct mpq_observed *o, bool ipv6)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < d->n_tunnels; i++) {
		add_tunnel(ret, &d->tunnels[i], o, ipv6);
	}
	for (size_t i = 0; i < d->n_lans; i++) {
		add_lan(ret, &d->lans[i], o, ipv6);
	}
	for (size_t i = 0; i < d->n_wans; i++) {
		add_wan(ret, &d->wans[i], o, ipv6);
	}
	for (size_t i = 0; i < d->n_remotes; i++) {
		const struct mpq_prefix to = masked(&d->remotes[i].prefix);

		if (to.family == 4 || ipv6) {
			add_fence(ret, RT_TABLE_MAIN, &to);
		}
	}
	return ret->failed ? -ENOMEM : 0;
}

void mpq_expected_finish(struct mpq_expected *e)
{
	free(e->links);
	free(e->addresses);
	free(e->rules);
	free(e->routes);
	memset(e, 0, sizeof(*e));
}

static const struct mpq_desired_tunnel *find_tunnel(const struct mpq_desired *d,
						    const char *name)
{
	for (size_t i = 0; i < d->n_tunnels; i++) {
		if (strcmp(d->tunnels[i].name, name) == 0) {
			return &d->tunnels[i];
		}
	}
	return NULL;
}

static void add_into_tunnel(struct mpq_expected *e, const struct mpq_desired *d,
			    const char *name, uint32_t table,
			    const struct mpq_prefix *to,
			    const struct mpq_observed *o)
{
	const struct mpq_desired_tunnel *t = find_tunnel(d, name);
	const struct mpq_link *link = mpq_observed_link(o, name);
	struct mpq_route route = {
		.table = table,
		.metric = MPQ_ROUTE_METRIC,
		.to = *to,
		.ours = true,
	};

	assert(t != NULL); /* mpq_desired_check() */
	if (t->up && link != NULL && link->up) {
		route.index = link->index;
		add_route(e, &route);
	}
}

/* A tunnel carries the families that it has addresses of; with none at all,
 * IPv4. */
static bool carries(const struct mpq_desired_tunnel *t, uint8_t family)
{
	for (size_t i = 0; i < t->n_addresses; i++) {
		if (t->addresses[i].family == family) {
			return true;
		}
	}
	return t->n_addresses == 0 && family == 4;
}

static void add_lan_route(struct mpq_expected *e, const struct mpq_desired *d,
			  const struct mpq_desired_lan *lan,
			  const struct mpq_observed *o, uint8_t family)
{
	const struct mpq_prefix any = {.family = family};

	if (carries(find_tunnel(d, lan->tunnel), family)) {
		add_into_tunnel(e, d, lan->tunnel, lan->table, &any, o);
	}
}

/* What is on the WAN's own link, as main has it too. */
static void add_wan_nets(struct mpq_expected *e,
			 const struct mpq_desired_wan *wan, unsigned index,
			 const struct mpq_observed *o, uint8_t family)
{
	for (size_t i = 0; i < o->n_addresses; i++) {
		const struct mpq_address *a = &o->addresses[i];
		struct mpq_route route = {
			.table = wan->table,
			.metric = MPQ_ROUTE_METRIC,
			.to = masked(&a->net),
			.index = index,
			.ours = true,
		};
		bool host = a->net.length == (family == 4 ? 32 : 128);

		if (a->index == index && a->net.family == family && a->usable &&
		    a->net.length != 0 &&
		    !(host && mpq_prefix_equal(&a->net, &a->local))) {
			add_route(e, &route);
		}
	}
}

static void add_wan_default(struct mpq_expected *e,
			    const struct mpq_desired_wan *wan,
			    const struct mpq_link *link,
			    const struct mpq_observed *o, uint8_t family)
{
	const struct mpq_route *learnt =
		mpq_observed_gateway(o, link->index, family);
	struct mpq_route route = {
		.table = wan->table,
		.metric = MPQ_ROUTE_METRIC,
		.to = {.family = family},
		.index = link->index,
		.ours = true,
	};

	if (learnt == NULL && !link->point_to_point) {
		return;
	}
	if (learnt != NULL) {
		route.gateway = learnt->gateway;
	}
	add_route(e, &route);
}

static void add_wan_routes(struct mpq_expected *e,
			   const struct mpq_desired_wan *wan,
			   const struct mpq_observed *o, uint8_t family)
{
	const struct mpq_link *link = mpq_observed_link(o, wan->interface);

	if (link == NULL || !link->up ||
	    mpq_observed_address(o, link->index, family) == NULL) {
		return;
	}
	add_wan_default(e, wan, link, o, family);
	add_wan_nets(e, wan, link->index, o, family);
}

static void add_family(struct mpq_expected *e, const struct mpq_desired *d,
		       const struct mpq_observed *o, uint8_t family)
{
	for (size_t i = 0; i < d->n_lans; i++) {
		add_lan_route(e, d, &d->lans[i], o, family);
	}
	for (size_t i = 0; i < d->n_wans; i++) {
		add_wan_routes(e, &d->wans[i], o, family);
	}
	for (size_t i = 0; i < d->n_remotes; i++) {
		const struct mpq_desired_remote *r = &d->remotes[i];
		const struct mpq_prefix to = masked(&r->prefix);

		if (to.family == family) {
			add_into_tunnel(e, d, r->tunnel, RT_TABLE_MAIN, &to, o);
		}
	}
}

int mpq_expected_add_routes(struct mpq_expected *e, const struct mpq_desired *d,
			    const struct mpq_observed *o, bool ipv6)
{
	add_family(e, d, o, 4);
	if (ipv6) {
		add_family(e, d, o, 6);
	}
	return e->failed ? -ENOMEM : 0;
}
