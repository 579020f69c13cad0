/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/semantics.h"

#include "controlplane/collisions.h"
#include "controlplane/host.h"
#include "controlplane/steering.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What mpquic-data keeps for one tunnel. */
#define DESTINATIONS_MAX 32

static int refuse_role(const struct mpq_config *c, const char *path,
		       const char *what, struct mpq_refusal *r)
{
	return mpq_refusal_set(r, path,
			       "%s is a setting of %s, and this end is %s.",
			       what, c->edge ? "a concentrator" : "an edge",
			       c->edge ? "an edge" : "a concentrator");
}

/* ---- paths ---- */

static int check_remote(const struct mpq_config_path *p, struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES], text[INET6_ADDRSTRLEN];
	int af = p->address.sa.sa_family;
	const uint8_t *bytes =
		af == AF_INET ? (const uint8_t *)&p->address.in.sin_addr
			      : p->address.in6.sin6_addr.s6_addr;
	const char *why = mpq_host_unusable(af == AF_INET ? 4 : 6, bytes);

	if (!why) {
		return 0;
	}
	return mpq_refusal_set(
		r, mpq_refusal_path(at, "path", p->name, "remote/address"),
		"%s is %s: no concentrator can be reached there.",
		inet_ntop(af, bytes, text, sizeof(text)), why);
}

static int check_wan(const struct mpq_config *c,
		     const struct mpq_config_path *p, struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];

	(void)mpq_refusal_path(at, "path", p->name, "wan");
	if (!strcmp(p->wan, "lo")) {
		return mpq_refusal_set(r, at, "the loopback device is no WAN.");
	}
	if (mpq_config_tunnel(c, p->wan)) {
		return mpq_refusal_set(r, at,
				       "%s is a tunnel of this configuration: "
				       "it cannot carry itself.",
				       p->wan);
	}
	return check_remote(p, r);
}

static int check_path_role(const struct mpq_config *c,
			   const struct mpq_config_path *p,
			   struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];

	if (c->edge && !p->wan[0]) {
		return refuse_role(c,
				   mpq_refusal_path(at, "path", p->name,
						    "listen"),
				   "listen", r);
	}
	if (!c->edge && p->wan[0]) {
		return refuse_role(c,
				   mpq_refusal_path(at, "path", p->name, "wan"),
				   "wan", r);
	}
	return 0;
}

static int check_paths(const struct mpq_config *c, struct mpq_refusal *r)
{
	const struct mpq_config_path *p;
	size_t i;
	int ret = 0;

	if (c->n_paths == 0) {
		return mpq_refusal_set(
			r, "/mpquic:mpquic/path", "there is no path: %s.",
			c->edge ? "an edge needs a WAN"
				: "a concentrator has to listen");
	}
	for (i = 0; i < c->n_paths && !ret; i++) {
		p = &c->paths[i];
		ret = check_path_role(c, p, r);
		if (!ret && c->edge) {
			ret = check_wan(c, p, r);
		}
	}
	return ret;
}

/* ---- peers ---- */

static int check_peers(const struct mpq_config *c, struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];

	if (c->edge && c->n_peers > 0) {
		return refuse_role(c,
				   mpq_refusal_path(at, "peer",
						    c->peers[0].name, ""),
				   "peer", r);
	}
	if (!c->edge && c->n_peers == 0) {
		return mpq_refusal_set(r, "/mpquic:mpquic/peer",
				       "there is no peer: a concentrator has "
				       "to know the edges that it serves.");
	}
	return 0;
}

/* ---- tunnels ---- */

static int check_edge_tunnel(const struct mpq_config *c,
			     const struct mpq_config_tunnel *t,
			     struct mpq_refusal *r)
{
	const char *foreign = t->peer[0]             ? "peer"
			      : t->remote_prefixes.n ? "remote-prefix"
			      : t->assign.n          ? "assign"
						     : NULL;
	char at[MPQ_REFUSAL_PATH_BYTES];
	size_t i, n = t->addresses.n;

	if (foreign) {
		return refuse_role(c,
				   mpq_refusal_path(at, "tunnel", t->name,
						    foreign),
				   foreign, r);
	}
	for (i = 0; i < t->n_lans; i++) {
		n += t->lans[i].prefixes.n;
	}
	if (n > DESTINATIONS_MAX) {
		(void)mpq_refusal_set(r,
				      mpq_refusal_path(at, "tunnel", t->name,
						       "lan"),
				      "the tunnel has %zu addresses and LAN "
				      "prefixes in all.",
				      n);
		return mpq_refusal_allow(r, "at most %u", DESTINATIONS_MAX);
	}
	return 0;
}

static int check_remote_prefixes(const struct mpq_config_tunnel *t,
				 struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES], text[MPQ_PREFIX_TEXT_BYTES];
	size_t i;

	for (i = 0; i < t->remote_prefixes.n; i++) {
		if (t->remote_prefixes.item[i].length > 0) {
			continue;
		}
		(void)mpq_prefix_format(&t->remote_prefixes.item[i], text);
		(void)mpq_refusal_set(
			r,
			mpq_refusal_path(at, "tunnel", t->name,
					 "remote-prefix"),
			"%s is everything: the concentrator's own traffic "
			"would go into the tunnel.",
			text);
		return mpq_refusal_next(r, "name the site's own prefixes");
	}
	return 0;
}

static int check_assign(const struct mpq_config_tunnel *t,
			struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES], text[MPQ_PREFIX_TEXT_BYTES];
	const struct mpq_prefix *own;
	size_t i, j;

	for (i = 0; i < t->assign.n; i++) {
		for (j = 0; j < t->addresses.n; j++) {
			own = &t->addresses.item[j];
			if (!mpq_prefix_contains(&t->assign.item[i],
						 own->family, own->addr)) {
				continue;
			}
			(void)mpq_prefix_format(&t->assign.item[i], text);
			return mpq_refusal_set(
				r,
				mpq_refusal_path(at, "tunnel", t->name,
						 "assign"),
				"%s holds this end's own address: it cannot "
				"be the edge's too.",
				text);
		}
	}
	return 0;
}

static int check_concentrator_tunnel(const struct mpq_config *c,
				     const struct mpq_config_tunnel *t,
				     struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];
	size_t i;
	int ret;

	if (t->n_lans > 0) {
		return refuse_role(c,
				   mpq_refusal_path(at, "tunnel", t->name,
						    "lan"),
				   "lan", r);
	}
	if (t->table) {
		return refuse_role(c,
				   mpq_refusal_path(at, "tunnel", t->name,
						    "table"),
				   "table", r);
	}
	if (!t->peer[0]) {
		(void)mpq_refusal_set(r,
				      mpq_refusal_path(at, "tunnel", t->name,
						       ""),
				      "a concentrator's tunnel needs a peer: "
				      "whose is it?");
		for (i = 0; i < c->n_peers && i < 8; i++) {
			mpq_refusal_also(r, "%s", c->peers[i].name);
		}
		return -EINVAL;
	}
	ret = check_remote_prefixes(t, r);
	return ret ? ret : check_assign(t, r);
}

static int check_lan(const struct mpq_config *c,
		     const struct mpq_config_tunnel *t,
		     const struct mpq_config_lan *lan, struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES], node[64];
	size_t i;

	(void)snprintf(node, sizeof(node), "lan[interface='%s']",
		       lan->interface);
	(void)mpq_refusal_path(at, "tunnel", t->name, node);
	if (!strcmp(lan->interface, "lo")) {
		return mpq_refusal_set(r, at, "the loopback device is no LAN.");
	}
	if (mpq_config_tunnel(c, lan->interface)) {
		return mpq_refusal_set(r, at,
				       "%s is a tunnel of this configuration, "
				       "not a LAN.",
				       lan->interface);
	}
	for (i = 0; i < c->n_paths; i++) {
		if (!strcmp(c->paths[i].wan, lan->interface)) {
			return mpq_refusal_set(
				r, at,
				"%s is the WAN of path %s: it cannot be a LAN "
				"as well.",
				lan->interface, c->paths[i].name);
		}
	}
	return 0;
}

static int check_tunnel(const struct mpq_config *c,
			const struct mpq_config_tunnel *t,
			struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES], node[80], text[MPQ_PREFIX_TEXT_BYTES];
	size_t i;
	int ret = 0;

	if (!strcmp(t->name, "lo") || !strcmp(t->name, "all") ||
	    !strcmp(t->name, "default")) {
		return mpq_refusal_set(r,
				       mpq_refusal_path(at, "tunnel", t->name,
							"name"),
				       "\"%s\" has a meaning of its own to the "
				       "kernel.",
				       t->name);
	}
	for (i = 0; i < t->addresses.n && !ret; i++) {
		(void)mpq_prefix_format(&t->addresses.item[i], text);
		text[strcspn(text, "/")] = '\0';
		(void)snprintf(node, sizeof(node), "address[ip='%s']", text);
		ret = mpq_host_check(mpq_refusal_path(at, "tunnel", t->name,
						      node),
				     &t->addresses.item[i], r);
	}
	if (!ret) {
		ret = c->edge ? check_edge_tunnel(c, t, r)
			      : check_concentrator_tunnel(c, t, r);
	}
	for (i = 0; i < t->n_lans && !ret; i++) {
		ret = check_lan(c, t, &t->lans[i], r);
	}
	return ret;
}

int mpq_semantics_check(const struct mpq_config *c, struct mpq_refusal *r)
{
	int ret = check_paths(c, r);
	size_t i;

	if (!ret) {
		ret = check_peers(c, r);
	}
	for (i = 0; i < c->n_tunnels && !ret; i++) {
		ret = check_tunnel(c, &c->tunnels[i], r);
	}
	if (!ret) {
		ret = mpq_collisions_check(c, r);
	}
	return ret ? ret : mpq_steering_check(c, r);
}
