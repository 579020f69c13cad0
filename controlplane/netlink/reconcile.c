/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/reconcile.h"

#include "controlplane/netlink/expected.h"
#include "controlplane/netlink/guard.h"
#include "controlplane/netlink/monitor-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Another program that removes what we restore, and vice versa: ten times at
 * once, then twice a second, so that neither eats the machine. The guards hold
 * meanwhile. */
#define RECONCILE_RESTORES_MAX 10
#define RECONCILE_RESTORE_EACH (500 * MPQ_MILLISECOND)

#define RECONCILE_WHAT_BYTES 224

struct mpq_reconcile {
	struct mpq_monitor *monitor; /* borrowed */
	const struct mpq_reconcile_events *events;
	void *context;

	struct mpq_guard *guard;
	struct mpq_expected had; /* by the last run */

	/* of one run */
	int error;
	bool restored;

	/* Each run that restored something moves it ahead by one interval. */
	mpq_time restores_until;
	mpq_time deadline;
	uint64_t fingerprint; /* of what was desired last */
};

int mpq_reconcile_new(struct mpq_reconcile **ret, struct mpq_monitor *monitor,
		      const struct mpq_reconcile_events *events, void *context)
{
	struct mpq_reconcile *r = calloc(1, sizeof(*r));
	int error;

	if (r == NULL) {
		return -ENOMEM;
	}
	r->monitor = monitor;
	r->events = events;
	r->context = context;
	r->deadline = MPQ_TIME_NEVER;
	error = mpq_guard_new(&r->guard);
	if (error < 0) {
		mpq_reconcile_free(r);
		return error;
	}
	*ret = r;
	return 0;
}

void mpq_reconcile_free(struct mpq_reconcile *r)
{
	if (r == NULL) {
		return;
	}
	mpq_guard_free(r->guard);
	mpq_expected_finish(&r->had);
	free(r);
}

mpq_time mpq_reconcile_deadline(const struct mpq_reconcile *r)
{
	return r->deadline;
}

static void did(struct mpq_reconcile *r, bool had, const char *what)
{
	r->restored |= had;
	r->events->did(r->context,
		       had ? MPQ_RECONCILE_RESTORED : MPQ_RECONCILE_ADDED,
		       what);
}

static void failed(struct mpq_reconcile *r, const char *what, int error,
		   const char *reason)
{
	if (r->error == 0) {
		r->error = error;
	}
	r->events->failed(r->context, what, error,
			  reason[0] != '\0' ? reason : strerror(-error));
}

/* A device that went or was set down between our look and our request: its
 * notice is on the way, and another run with it. */
static bool overtaken(int error)
{
	return error == -ENODEV || error == -ENXIO || error == -ENETDOWN;
}

static void added(struct mpq_reconcile *r, int error, bool had,
		  const char *what)
{
	if (error == 0) {
		did(r, had, what);
	} else if (!overtaken(error)) {
		failed(r, what, error, mpq_monitor_rtnl(r->monitor)->reason);
	}
}

/* That it is gone already is as good. */
static void removed(struct mpq_reconcile *r, int error, const char *what)
{
	if (error == 0) {
		r->events->did(r->context, MPQ_RECONCILE_REMOVED, what);
	} else if (error != -ESRCH && error != -ENOENT &&
		   error != -EADDRNOTAVAIL && !overtaken(error)) {
		failed(r, what, error, mpq_monitor_rtnl(r->monitor)->reason);
	}
}

static void apply_guard(struct mpq_reconcile *r, const struct mpq_desired *d,
			bool keep)
{
	static const char what[] = "nftables table inet " MPQ_GUARD_TABLE;
	char reason[MPQ_GUARD_REASON_BYTES];
	int result;

	if (mpq_monitor_guard_touched(r->monitor)) {
		mpq_guard_doubt(r->guard);
	}
	result = mpq_guard_apply(r->guard, d, keep, reason);
	if (result < 0) {
		failed(r, what, result, reason);
	} else if (result == MPQ_GUARD_REMOVED) {
		r->events->did(r->context, MPQ_RECONCILE_REMOVED, what);
	} else if (result != MPQ_GUARD_SAME) {
		did(r, result == MPQ_GUARD_RESTORED, what);
	}
}

static bool rule_observed(const struct mpq_observed *o,
			  const struct mpq_rule *rule)
{
	for (size_t i = 0; i < o->n_rules; i++) {
		if (mpq_rule_equal(&o->rules[i], rule)) {
			return true;
		}
	}
	return false;
}

static void add_rules(struct mpq_reconcile *r, const struct mpq_expected *e)
{
	const struct mpq_observed *o = mpq_monitor_observed(r->monitor);
	struct mpq_rtnl *rtnl = mpq_monitor_rtnl(r->monitor);

	for (size_t i = 0; i < e->n_rules; i++) {
		const struct mpq_rule *rule = &e->rules[i];
		char text[MPQ_RULE_TEXT_BYTES];

		if (!rule_observed(o, rule)) {
			added(r, mpq_rule_add(rtnl, rule),
			      mpq_expected_has_rule(&r->had, rule),
			      mpq_rule_format(rule, text));
		}
	}
}

static const char *device_name(const struct mpq_reconcile *r, unsigned index)
{
	const struct mpq_link *link = mpq_monitor_link_at(r->monitor, index);

	return link == NULL ? "(gone)" : link->name;
}

/* Is `route` there? *ret_place: something of ours stands in its place. */
static bool route_observed(const struct mpq_observed *o,
			   const struct mpq_route *route, bool *ret_place)
{
	*ret_place = false;
	for (size_t i = 0; i < o->n_routes; i++) {
		if (mpq_route_equal(&o->routes[i], route)) {
			return true;
		}
		*ret_place |= o->routes[i].ours &&
			      mpq_route_same_place(&o->routes[i], route);
	}
	return false;
}

static void add_routes(struct mpq_reconcile *r, const struct mpq_expected *e,
		       size_t from)
{
	const struct mpq_observed *o = mpq_monitor_observed(r->monitor);
	struct mpq_rtnl *rtnl = mpq_monitor_rtnl(r->monitor);

	for (size_t i = from; i < e->n_routes; i++) {
		const struct mpq_route *route = &e->routes[i];
		char text[MPQ_ROUTE_TEXT_BYTES];
		bool replace;

		if (!route_observed(o, route, &replace)) {
			added(r, mpq_route_add(rtnl, route, replace),
			      mpq_expected_has_route(&r->had, route),
			      mpq_route_format(route,
					       device_name(r, route->index),
					       text));
		}
	}
}

static void describe_link(const struct mpq_expected_link *l, unsigned what,
			  char text[RECONCILE_WHAT_BYTES])
{
	int n = snprintf(text, RECONCILE_WHAT_BYTES, "link %s", l->link.name);
	const struct {
		unsigned what;
		const char *text;
	} words[] = {
		{MPQ_LINK_UP, l->link.up ? " up" : " down"},
		{MPQ_LINK_MTU, " mtu"},
		{MPQ_LINK_QUEUE_LENGTH, " txqueuelen"},
		{MPQ_LINK_ADDRESS_MODE, " addrgenmode"},
		{MPQ_LINK_FORWARDING, " forwarding"},
		{MPQ_LINK_RP_FILTER, " rp_filter"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (what & words[i].what) {
			n += snprintf(text + n,
				      (size_t)(RECONCILE_WHAT_BYTES - n), "%s",
				      words[i].text);
		}
	}
}

static void set_link(struct mpq_reconcile *r, const struct mpq_expected_link *l,
		     unsigned which)
{
	const struct mpq_link *is =
		mpq_monitor_link_at(r->monitor, l->link.index);
	char text[RECONCILE_WHAT_BYTES];
	unsigned what;

	if (is == NULL) {
		return;
	}
	what = mpq_link_differs(is, &l->link, l->what & which);
	if (what == 0) {
		return;
	}
	describe_link(l, what, text);
	added(r, mpq_link_set(mpq_monitor_rtnl(r->monitor), &l->link, what),
	      mpq_expected_has_link(&r->had, l), text);
	(void)mpq_monitor_reread(r->monitor, l->link.index);
}

static void describe_address(const struct mpq_reconcile *r,
			     const struct mpq_address *a,
			     char text[RECONCILE_WHAT_BYTES])
{
	char prefix[MPQ_PREFIX_TEXT_BYTES];

	(void)snprintf(text, RECONCILE_WHAT_BYTES, "address %s dev %s",
		       mpq_prefix_format(&a->local, prefix),
		       device_name(r, a->index));
}

static void delete_address(struct mpq_reconcile *r, const struct mpq_address *a)
{
	char text[RECONCILE_WHAT_BYTES];

	describe_address(r, a, text);
	removed(r, mpq_address_delete(mpq_monitor_rtnl(r->monitor), a), text);
}

static bool same_host(const struct mpq_address *a, const struct mpq_address *b)
{
	return a->index == b->index && a->local.family == b->local.family &&
	       memcmp(a->local.addr, b->local.addr,
		      a->local.family == 4 ? 4 : 16) == 0;
}

/* Is it there? IPv6 has an address once: with another length it goes first. */
static bool address_in_place(struct mpq_reconcile *r,
			     const struct mpq_address *a)
{
	const struct mpq_observed *o = mpq_monitor_observed(r->monitor);

	for (size_t i = 0; i < o->n_addresses; i++) {
		const struct mpq_address *is = &o->addresses[i];

		if (mpq_address_equal(is, a)) {
			return true;
		}
		if (a->local.family == 6 && same_host(is, a)) {
			delete_address(r, is);
		}
	}
	return false;
}

static void add_address(struct mpq_reconcile *r, const struct mpq_address *a)
{
	char text[RECONCILE_WHAT_BYTES];
	int error = mpq_address_add(mpq_monitor_rtnl(r->monitor), a);

	if (error == 0) {
		mpq_monitor_assume_address(r->monitor, a);
	}
	describe_address(r, a, text);
	added(r, error, mpq_expected_has_address(&r->had, a), text);
}

static void add_addresses(struct mpq_reconcile *r, const struct mpq_expected *e)
{
	for (size_t i = 0; i < e->n_addresses; i++) {
		if (!address_in_place(r, &e->addresses[i])) {
			add_address(r, &e->addresses[i]);
		}
	}
}

/* Up comes last: before, the kernel would give it an address of its own. Down
 * comes first: it takes IPv6's addresses away. */
static void set_links(struct mpq_reconcile *r, const struct mpq_expected *e)
{
	for (size_t i = 0; i < e->n_links; i++) {
		const struct mpq_expected_link *l = &e->links[i];

		set_link(r, l, l->link.up ? ~(unsigned)MPQ_LINK_UP : ~0u);
	}
	(void)mpq_monitor_take_in(r->monitor);
	add_addresses(r, e);
	for (size_t i = 0; i < e->n_links; i++) {
		set_link(r, &e->links[i], MPQ_LINK_UP);
	}
}

static void remove_routes(struct mpq_reconcile *r, const struct mpq_expected *e,
			  bool fences)
{
	const struct mpq_observed *o = mpq_monitor_observed(r->monitor);

	for (size_t i = 0; i < o->n_routes; i++) {
		const struct mpq_route *route = &o->routes[i];
		char text[MPQ_ROUTE_TEXT_BYTES];

		if (!route->ours || route->unreachable != fences ||
		    mpq_expected_has_route(e, route)) {
			continue;
		}
		removed(r,
			mpq_route_delete(mpq_monitor_rtnl(r->monitor), route),
			mpq_route_format(route, device_name(r, route->index),
					 text));
	}
}

static void remove_rules(struct mpq_reconcile *r, const struct mpq_expected *e)
{
	const struct mpq_observed *o = mpq_monitor_observed(r->monitor);

	for (size_t i = 0; i < o->n_rules; i++) {
		const struct mpq_rule *rule = &o->rules[i];
		char text[MPQ_RULE_TEXT_BYTES];

		if (!mpq_expected_has_rule(e, rule)) {
			removed(r,
				mpq_rule_delete(mpq_monitor_rtnl(r->monitor),
						rule),
				mpq_rule_format(rule, text));
		}
	}
}

static bool is_link_local(const struct mpq_address *a)
{
	return a->local.family == 6 && a->local.addr[0] == 0xfe &&
	       (a->local.addr[1] & 0xc0) == 0x80;
}

/* The tunnels are ours alone: an address that is not desired would be one
 * without a guard. */
static void remove_addresses(struct mpq_reconcile *r,
			     const struct mpq_desired *d,
			     const struct mpq_expected *e)
{
	const struct mpq_observed *o = mpq_monitor_observed(r->monitor);

	for (size_t i = 0; i < d->n_tunnels; i++) {
		const struct mpq_link *link =
			mpq_monitor_link(r->monitor, d->tunnels[i].name);

		for (size_t k = 0; link != NULL && k < o->n_addresses; k++) {
			const struct mpq_address *a = &o->addresses[k];

			if (a->index == link->index && !is_link_local(a) &&
			    !mpq_expected_has_address(e, a)) {
				delete_address(r, a);
			}
		}
	}
}

static int bring_routes(struct mpq_reconcile *r, const struct mpq_desired *d,
			struct mpq_expected *e, bool ipv6)
{
	const size_t fences = e->n_routes;
	int error = mpq_monitor_take_in(r->monitor);

	if (error == 0) {
		error = mpq_expected_add_routes(
			e, d, mpq_monitor_observed(r->monitor), ipv6);
	}
	if (error < 0) {
		return error;
	}
	add_routes(r, e, fences);
	return mpq_monitor_take_in(r->monitor);
}

static int bring(struct mpq_reconcile *r, const struct mpq_desired *d,
		 struct mpq_expected *e, bool ipv6)
{
	int error =
		mpq_expected_init(e, d, mpq_monitor_observed(r->monitor), ipv6);

	if (error < 0) {
		return error;
	}
	apply_guard(r, d, true);
	add_rules(r, e);
	add_routes(r, e, 0); /* only the fences yet */
	set_links(r, e);
	error = bring_routes(r, d, e, ipv6);
	if (error < 0) {
		return error;
	}
	remove_routes(r, e, false);
	remove_rules(r, e);
	remove_routes(r, e, true);
	remove_addresses(r, d, e);
	apply_guard(r, d, false);
	return r->error;
}

static void count_restore(struct mpq_reconcile *r, mpq_time now)
{
	if (r->restored) {
		if (r->restores_until < now) {
			r->restores_until = now;
		}
		r->restores_until += RECONCILE_RESTORE_EACH;
	}
}

/* What is newly desired is never put off. */
static bool too_often(struct mpq_reconcile *r, const struct mpq_desired *d,
		      mpq_time now)
{
	const mpq_duration burst =
		RECONCILE_RESTORES_MAX * RECONCILE_RESTORE_EACH;
	uint64_t fingerprint = mpq_desired_fingerprint(d);
	bool same = fingerprint == r->fingerprint;

	r->fingerprint = fingerprint;
	r->deadline = MPQ_TIME_NEVER;
	if (!same || r->restores_until <= now + burst) {
		return false;
	}
	r->deadline = r->restores_until - burst;
	return true;
}

int mpq_reconcile_run(struct mpq_reconcile *r, const struct mpq_desired *d,
		      mpq_time now)
{
	bool ipv6 = mpq_monitor_has_ipv6(r->monitor);
	char reason[MPQ_DESIRED_REASON_BYTES];
	struct mpq_expected e = {0};
	int error;

	if (mpq_desired_check(d, reason) < 0) {
		return -EINVAL;
	}
	if (too_often(r, d, now)) {
		return MPQ_RECONCILE_LATER;
	}
	r->error = 0;
	r->restored = false;
	error = mpq_monitor_take_in(r->monitor);
	if (error == 0) {
		error = bring(r, d, &e, ipv6);
	}
	count_restore(r, now);
	mpq_expected_finish(&r->had);
	r->had = e;
	return error;
}

int mpq_reconcile_counters(struct mpq_reconcile *r,
			   void (*each)(void *context,
					const struct mpq_guard_counter *c),
			   void *context)
{
	return mpq_guard_read_counters(r->guard, each, context);
}
