/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/observed.h"

#include <errno.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Room for one more of a kind; NULL when there is none. */
static void *grow(struct mpq_observed *o, void *items, size_t n, size_t *cap,
		  size_t size)
{
	size_t more = *cap == 0 ? 16 : *cap * 2;
	void *bigger;

	if (n < *cap) {
		return items;
	}
	if (n >= MPQ_OBSERVED_MAX) {
		o->not_kept++;
		return NULL;
	}
	bigger = reallocarray(items, more, size);
	if (bigger == NULL) {
		o->not_kept++;
		return NULL;
	}
	*cap = more;
	return bigger;
}

void mpq_observed_finish(struct mpq_observed *o)
{
	free(o->links);
	free(o->addresses);
	free(o->routes);
	free(o->rules);
	free(o->changes);
	memset(o, 0, sizeof(*o));
}

static void note_name(struct mpq_observed *o, const char *name, unsigned what)
{
	struct mpq_observed_change *c;

	o->changed = true;
	for (size_t i = 0; i < o->n_changes; i++) {
		if (strcmp(o->changes[i].name, name) == 0) {
			o->changes[i].what |= what;
			return;
		}
	}
	c = grow(o, o->changes, o->n_changes, &o->cap_changes, sizeof(*c));
	if (c == NULL) {
		return;
	}
	o->changes = c;
	c += o->n_changes++;
	strcpy(c->name, name);
	c->what = what;
}

static void note_index(struct mpq_observed *o, unsigned index, unsigned what)
{
	const struct mpq_link *link = mpq_observed_link_at(o, index);

	o->changed = true;
	if (link != NULL) {
		note_name(o, link->name, what);
	}
}

const struct mpq_link *mpq_observed_link(const struct mpq_observed *o,
					 const char *name)
{
	for (size_t i = 0; i < o->n_links; i++) {
		if (strcmp(o->links[i].name, name) == 0) {
			return &o->links[i];
		}
	}
	return NULL;
}

static struct mpq_link *link_at(const struct mpq_observed *o, unsigned index)
{
	for (size_t i = 0; i < o->n_links; i++) {
		if (o->links[i].index == index) {
			return &o->links[i];
		}
	}
	return NULL;
}

const struct mpq_link *mpq_observed_link_at(const struct mpq_observed *o,
					    unsigned index)
{
	return link_at(o, index);
}

const struct mpq_address *mpq_observed_address(const struct mpq_observed *o,
					       unsigned index, uint8_t family)
{
	for (size_t i = 0; i < o->n_addresses; i++) {
		const struct mpq_address *a = &o->addresses[i];

		if (a->index == index && a->local.family == family &&
		    a->usable) {
			return a;
		}
	}
	return NULL;
}

/* Table main speaks for the WAN; what another program keeps in a table of its
 * own counts where main says nothing. */
static bool better_gateway(const struct mpq_route *a, const struct mpq_route *b)
{
	bool a_main = a->table == RT_TABLE_MAIN;
	bool b_main = b->table == RT_TABLE_MAIN;

	return a_main != b_main ? a_main : a->metric < b->metric;
}

const struct mpq_route *mpq_observed_gateway(const struct mpq_observed *o,
					     unsigned index, uint8_t family)
{
	const struct mpq_route *best = NULL;

	for (size_t i = 0; i < o->n_routes; i++) {
		const struct mpq_route *r = &o->routes[i];

		if (!r->ours && !r->unreachable && r->index == index &&
		    r->to.family == family && r->to.length == 0 &&
		    (best == NULL || better_gateway(r, best))) {
			best = r;
		}
	}
	return best;
}

/* IPv4's routes go with their device, without a notice. Asked of each notice
 * and not of changes only: a notice of a route may come late, after a dump that
 * had the device down already. */
static void doubt_routes(struct mpq_observed *o, unsigned index)
{
	for (size_t i = 0; i < o->n_routes; i++) {
		o->stale |= o->routes[i].index == index;
	}
}

static void forget_addresses(struct mpq_observed *o, unsigned index)
{
	size_t kept = 0;

	for (size_t i = 0; i < o->n_addresses; i++) {
		if (o->addresses[i].index != index) {
			o->addresses[kept++] = o->addresses[i];
		}
	}
	o->n_addresses = kept;
}

static void link_gone(struct mpq_observed *o, unsigned index)
{
	struct mpq_link *link = link_at(o, index);

	doubt_routes(o, index);
	forget_addresses(o, index);
	if (link != NULL) {
		note_name(o, link->name, MPQ_MONITOR_GONE);
		*link = o->links[--o->n_links];
	}
}

static bool link_same(const struct mpq_link *a, const struct mpq_link *b)
{
	return a->master == b->master && a->up == b->up &&
	       a->carrier == b->carrier && a->mtu == b->mtu &&
	       a->queue_length == b->queue_length &&
	       a->address_mode == b->address_mode &&
	       a->forwarding == b->forwarding && a->rp_filter == b->rp_filter;
}

static void link_appeared(struct mpq_observed *o, const struct mpq_link *link)
{
	struct mpq_link *links =
		grow(o, o->links, o->n_links, &o->cap_links, sizeof(*links));

	if (links == NULL) {
		return;
	}
	o->links = links;
	o->links[o->n_links++] = *link;
	note_name(o, link->name, MPQ_MONITOR_APPEARED);
}

static void take_link(struct mpq_observed *o, const struct nlmsghdr *message)
{
	const struct ifinfomsg *body = mnl_nlmsg_get_payload(message);
	struct mpq_link link, *known;

	/* A bridge tells of its ports in messages of its own family. */
	if (mpq_link_parse(message, &link) < 0 ||
	    body->ifi_family != AF_UNSPEC) {
		return;
	}
	if (message->nlmsg_type == RTM_DELLINK) {
		link_gone(o, link.index);
		return;
	}
	if (!link.up) {
		doubt_routes(o, link.index);
	}
	known = link_at(o, link.index);
	if (known == NULL) {
		link_appeared(o, &link);
		return;
	}
	if (strcmp(known->name, link.name) != 0) {
		note_name(o, known->name, MPQ_MONITOR_GONE);
		note_name(o, link.name, MPQ_MONITOR_APPEARED);
	} else if (!link_same(known, &link)) {
		note_name(o, link.name, MPQ_MONITOR_STATE);
	}
	*known = link;
}

static struct mpq_address *find_address(const struct mpq_observed *o,
					const struct mpq_address *a)
{
	for (size_t i = 0; i < o->n_addresses; i++) {
		if (mpq_address_equal(&o->addresses[i], a)) {
			return &o->addresses[i];
		}
	}
	return NULL;
}

static void add_address(struct mpq_observed *o, const struct mpq_address *a)
{
	struct mpq_address *addresses =
		grow(o, o->addresses, o->n_addresses, &o->cap_addresses,
		     sizeof(*addresses));

	if (addresses == NULL) {
		return;
	}
	o->addresses = addresses;
	o->addresses[o->n_addresses++] = *a;
	note_index(o, a->index, MPQ_MONITOR_ADDRESS);
}

void mpq_observed_assume_address(struct mpq_observed *o,
				 const struct mpq_address *a)
{
	if (find_address(o, a) == NULL) {
		add_address(o, a);
	}
}

static void remove_address(struct mpq_observed *o, struct mpq_address *known)
{
	struct mpq_address *end = &o->addresses[--o->n_addresses];

	note_index(o, known->index, MPQ_MONITOR_ADDRESS);
	/* Their order is the kernel's: primary addresses come first. */
	memmove(known, known + 1, (size_t)(end - known) * sizeof(*known));
}

static void take_address(struct mpq_observed *o, const struct nlmsghdr *message)
{
	struct mpq_address a, *known;

	if (mpq_address_parse(message, &a) < 0) {
		return;
	}
	known = find_address(o, &a);
	if (message->nlmsg_type == RTM_DELADDR) {
		o->stale |= a.local.family == 4;
		if (known != NULL) {
			remove_address(o, known);
		}
	} else if (known == NULL) {
		add_address(o, &a);
	} else if (known->usable != a.usable) {
		*known = a; /* IPv6: no duplicate found */
		note_index(o, a.index, MPQ_MONITOR_ADDRESS);
	}
}

static void note_route(struct mpq_observed *o, const struct mpq_route *r)
{
	if (r->ours) {
		o->changed = true;
	} else {
		note_index(o, r->index, MPQ_MONITOR_GATEWAY);
	}
}

static void remove_route(struct mpq_observed *o, size_t i)
{
	note_route(o, &o->routes[i]);
	o->routes[i] = o->routes[--o->n_routes];
}

static void add_route(struct mpq_observed *o, const struct mpq_route *r)
{
	struct mpq_route *routes = grow(o, o->routes, o->n_routes,
					&o->cap_routes, sizeof(*routes));

	if (routes == NULL) {
		return;
	}
	o->routes = routes;
	o->routes[o->n_routes++] = *r;
	note_route(o, r);
}

/* NLM_F_REPLACE in a notice: it took the place of the one before, for which
 * there is no notice. */
static void take_new_route(struct mpq_observed *o, const struct mpq_route *r,
			   bool replaces)
{
	bool known = false;

	for (size_t i = 0; i < o->n_routes;) {
		if (mpq_route_equal(&o->routes[i], r)) {
			known = true;
		} else if (replaces && mpq_route_same_place(&o->routes[i], r)) {
			remove_route(o, i);
			continue;
		}
		i++;
	}
	if (!known && (r->ours || r->to.length == 0)) {
		add_route(o, r);
	}
}

static void take_route(struct mpq_observed *o, const struct nlmsghdr *message)
{
	struct mpq_route r;

	if (mpq_route_parse(message, &r) < 0) {
		return;
	}
	if (message->nlmsg_type == RTM_NEWROUTE) {
		take_new_route(o, &r, message->nlmsg_flags & NLM_F_REPLACE);
		return;
	}
	for (size_t i = 0; i < o->n_routes; i++) {
		if (mpq_route_equal(&o->routes[i], &r)) {
			remove_route(o, i);
			return;
		}
	}
}

static void add_rule(struct mpq_observed *o, const struct mpq_rule *rule)
{
	struct mpq_rule *rules =
		grow(o, o->rules, o->n_rules, &o->cap_rules, sizeof(*rules));

	if (rules == NULL) {
		return;
	}
	o->rules = rules;
	o->rules[o->n_rules++] = *rule;
	o->changed = true;
}

static void take_rule(struct mpq_observed *o, const struct nlmsghdr *message)
{
	bool gone = message->nlmsg_type == RTM_DELRULE;
	struct mpq_rule rule;

	if (mpq_rule_parse(message, &rule) < 0 || !rule.ours) {
		return;
	}
	for (size_t i = 0; i < o->n_rules; i++) {
		if (!mpq_rule_equal(&o->rules[i], &rule)) {
			continue;
		}
		if (gone) {
			o->rules[i] = o->rules[--o->n_rules];
			o->changed = true;
		}
		return;
	}
	if (!gone) {
		add_rule(o, &rule);
	}
}

struct netconf {
	int32_t index;
	int64_t forwarding, rp_filter; /* -1: not said */
};

static void parse_netconf(const struct nlmsghdr *message, struct netconf *ret)
{
	const struct nlattr *attr;

	*ret = (struct netconf){0, -1, -1};
	/* The body is one byte, padded. */
	mnl_attr_for_each(attr, message, sizeof(struct netconfmsg))
	{
		if (mnl_attr_get_payload_len(attr) < sizeof(uint32_t)) {
			continue;
		}
		switch (mnl_attr_get_type(attr)) {
		case NETCONFA_IFINDEX:
			ret->index = (int32_t)mpq_rtnl_u32(attr);
			break;
		case NETCONFA_FORWARDING:
			ret->forwarding = (int32_t)mpq_rtnl_u32(attr);
			break;
		case NETCONFA_RP_FILTER:
			ret->rp_filter = (int32_t)mpq_rtnl_u32(attr);
			break;
		}
	}
}

static void take_netconf_all(struct mpq_observed *o, uint8_t family,
			     const struct netconf *conf)
{
	bool *forwarding =
		family == AF_INET ? &o->forwarding4 : &o->forwarding6;

	if (conf->forwarding >= 0) {
		*forwarding = conf->forwarding != 0;
		o->changed = true;
	}
	if (family == AF_INET && conf->rp_filter >= 0) {
		o->rp_filter = (uint8_t)conf->rp_filter;
		o->changed = true;
	}
}

static void take_netconf_link(struct mpq_observed *o, struct mpq_link *link,
			      const struct netconf *conf)
{
	struct mpq_link before = *link;

	if (conf->forwarding >= 0) {
		link->forwarding = conf->forwarding != 0;
	}
	if (conf->rp_filter >= 0) {
		link->rp_filter = (uint8_t)conf->rp_filter;
	}
	if (!link_same(&before, link)) {
		note_name(o, link->name, MPQ_MONITOR_STATE);
	}
}

static void take_netconf(struct mpq_observed *o, const struct nlmsghdr *message)
{
	const struct netconfmsg *body = mnl_nlmsg_get_payload(message);
	struct mpq_link *link;
	struct netconf conf;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*body)) {
		return;
	}
	parse_netconf(message, &conf);
	if (conf.index == NETCONFA_IFINDEX_ALL) {
		take_netconf_all(o, body->ncm_family, &conf);
	} else if (conf.index > 0 && body->ncm_family == AF_INET) {
		link = link_at(o, (unsigned)conf.index);
		if (link != NULL) {
			take_netconf_link(o, link, &conf);
		}
	}
}

void mpq_observed_take(struct mpq_observed *o, const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		take_link(o, message);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		take_address(o, message);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		take_route(o, message);
		break;
	case RTM_NEWRULE:
	case RTM_DELRULE:
		take_rule(o, message);
		break;
	case RTM_NEWNETCONF:
		take_netconf(o, message);
		break;
	}
}

size_t mpq_observed_take_changes(struct mpq_observed *o,
				 struct mpq_observed_change **ret,
				 bool *ret_changed)
{
	size_t n = o->n_changes;

	*ret = o->changes;
	*ret_changed = o->changed;
	o->changes = NULL;
	o->n_changes = o->cap_changes = 0;
	o->changed = false;
	return n;
}

static bool addresses_within(const struct mpq_observed *a, unsigned index,
			     const struct mpq_observed *b)
{
	for (size_t i = 0; i < a->n_addresses; i++) {
		const struct mpq_address *mine = &a->addresses[i], *other;

		other = mine->index == index ? find_address(b, mine) : mine;
		if (other == NULL || other->usable != mine->usable) {
			return false;
		}
	}
	return true;
}

static bool gateway_same(const struct mpq_observed *a,
			 const struct mpq_observed *b, unsigned index,
			 uint8_t family)
{
	const struct mpq_route *x = mpq_observed_gateway(a, index, family);
	const struct mpq_route *y = mpq_observed_gateway(b, index, family);

	return x == y || (x != NULL && y != NULL && mpq_route_equal(x, y));
}

static unsigned compare_link(const struct mpq_observed *old,
			     const struct mpq_link *was,
			     const struct mpq_observed *fresh)
{
	const struct mpq_link *is = mpq_observed_link(fresh, was->name);
	unsigned index = was->index, what = 0;

	if (is == NULL) {
		return MPQ_MONITOR_GONE;
	}
	if (is->index != index) {
		return MPQ_MONITOR_APPEARED;
	}
	if (!link_same(was, is)) {
		what |= MPQ_MONITOR_STATE;
	}
	if (!addresses_within(old, index, fresh) ||
	    !addresses_within(fresh, index, old)) {
		what |= MPQ_MONITOR_ADDRESS;
	}
	if (!gateway_same(old, fresh, index, 4) ||
	    !gateway_same(old, fresh, index, 6)) {
		what |= MPQ_MONITOR_GATEWAY;
	}
	return what;
}

static void note_differences(struct mpq_observed *o,
			     const struct mpq_observed *fresh)
{
	for (size_t i = 0; i < o->n_links; i++) {
		unsigned what = compare_link(o, &o->links[i], fresh);

		if (what != 0) {
			note_name(o, o->links[i].name, what);
		}
	}
	for (size_t i = 0; i < fresh->n_links; i++) {
		if (mpq_observed_link(o, fresh->links[i].name) == NULL) {
			note_name(o, fresh->links[i].name,
				  MPQ_MONITOR_APPEARED);
		}
	}
}

void mpq_observed_replace(struct mpq_observed *o, struct mpq_observed *fresh)
{
	note_differences(o, fresh);
	free(fresh->changes); /* of a comparison with nothing */
	fresh->changes = o->changes;
	fresh->n_changes = o->n_changes;
	fresh->cap_changes = o->cap_changes;
	o->changes = NULL;
	fresh->changed = true;
	fresh->stale = false;
	fresh->not_kept += o->not_kept;
	mpq_observed_finish(o);
	*o = *fresh;
	memset(fresh, 0, sizeof(*fresh));
}
