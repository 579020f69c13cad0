/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/collisions.h"

#include "controlplane/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool overlap(const struct mpq_prefix *a, const struct mpq_prefix *b)
{
	return a->family == b->family &&
	       (mpq_prefix_contains(a, b->family, b->addr) ||
		mpq_prefix_contains(b, a->family, a->addr));
}

static bool is_any(const struct mpq_sockaddr *a)
{
	return a->sa.sa_family == AF_INET
		       ? a->in.sin_addr.s_addr == 0
		       : mpq_host_is_zero(a->in6.sin6_addr.s6_addr, 16);
}

/* '::' takes IPv4's ports too. */
static bool listeners_collide(const struct mpq_sockaddr *a,
			      const struct mpq_sockaddr *b)
{
	if (mpq_sockaddr_port(a) != mpq_sockaddr_port(b)) {
		return false;
	}
	if (a->sa.sa_family == b->sa.sa_family) {
		return is_any(a) || is_any(b) || mpq_sockaddr_equal(a, b);
	}
	return is_any(a->sa.sa_family == AF_INET6 ? a : b);
}

static int check_path_pair(const struct mpq_config_path *a,
			   const struct mpq_config_path *b,
			   struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];

	if (a->wan[0] && b->wan[0] && !strcmp(a->wan, b->wan) &&
	    mpq_sockaddr_equal(&a->address, &b->address)) {
		(void)mpq_refusal_set(
			r, mpq_refusal_path(at, "path", b->name, "remote/port"),
			"path %s already leads from %s to this address and "
			"port.",
			a->name, a->wan);
		return mpq_refusal_next(r, "give it another WAN, or another "
					   "port of the concentrator");
	}
	if (!a->wan[0] && !b->wan[0] &&
	    listeners_collide(&a->address, &b->address)) {
		return mpq_refusal_set(r,
				       mpq_refusal_path(at, "path", b->name,
							"listen/port"),
				       "port %u is already taken by path %s.",
				       mpq_sockaddr_port(&b->address), a->name);
	}
	return 0;
}

static bool share_pin(const struct mpq_config_strings *a,
		      const struct mpq_config_strings *b)
{
	size_t i, j;

	for (i = 0; i < a->n; i++) {
		for (j = 0; j < b->n; j++) {
			if (!strcmp(a->item[i], b->item[j])) {
				return true;
			}
		}
	}
	return false;
}

static int check_peer_pair(const struct mpq_config_peer *a,
			   const struct mpq_config_peer *b,
			   struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];

	if (a->certificate_name[0] &&
	    !strcasecmp(a->certificate_name, b->certificate_name)) {
		return mpq_refusal_set(
			r,
			mpq_refusal_path(at, "peer", b->name,
					 "certificate-name"),
			"%s is peer %s already: a certificate has to tell "
			"who is who.",
			b->certificate_name, a->name);
	}
	if (share_pin(&a->pins, &b->pins)) {
		return mpq_refusal_set(
			r, mpq_refusal_path(at, "peer", b->name, "spki-sha256"),
			"peer %s has the same public key.", a->name);
	}
	return 0;
}

/* The first prefix of `b` that overlaps one of `a`, NULL: none. */
static const struct mpq_prefix *
first_overlap(const struct mpq_config_prefixes *a,
	      const struct mpq_config_prefixes *b)
{
	size_t i, j;

	for (i = 0; i < b->n; i++) {
		for (j = 0; j < a->n; j++) {
			if (overlap(&a->item[j], &b->item[i])) {
				return &b->item[i];
			}
		}
	}
	return NULL;
}

static int check_prefixes_apart(const struct mpq_config_tunnel *a,
				const struct mpq_config_tunnel *b,
				const struct mpq_config_prefixes *of_a,
				const struct mpq_config_prefixes *of_b,
				const char *node, struct mpq_refusal *r)
{
	const struct mpq_prefix *both = first_overlap(of_a, of_b);
	char at[MPQ_REFUSAL_PATH_BYTES], text[MPQ_PREFIX_TEXT_BYTES];

	if (!both) {
		return 0;
	}
	return mpq_refusal_set(r, mpq_refusal_path(at, "tunnel", b->name, node),
			       "%s overlaps with what tunnel %s has: packets "
			       "would have two ways.",
			       mpq_prefix_format(both, text), a->name);
}

static int check_lan_pair(const struct mpq_config_tunnel *a,
			  const struct mpq_config_tunnel *b,
			  const struct mpq_config_lan *la,
			  const struct mpq_config_lan *lb,
			  struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES], node[96];

	(void)snprintf(node, sizeof(node), "lan[interface='%s']",
		       lb->interface);
	if (!strcmp(la->interface, lb->interface)) {
		return mpq_refusal_set(r,
				       mpq_refusal_path(at, "tunnel", b->name,
							node),
				       "%s is a LAN of tunnel %s already.",
				       lb->interface, a->name);
	}
	(void)strncat(node, "/prefix", sizeof(node) - strlen(node) - 1);
	return check_prefixes_apart(a, b, &la->prefixes, &lb->prefixes, node,
				    r);
}

static int check_lans_apart(const struct mpq_config_tunnel *a,
			    const struct mpq_config_tunnel *b,
			    struct mpq_refusal *r)
{
	size_t i, j;
	int ret = 0;

	for (i = 0; i < a->n_lans; i++) {
		for (j = 0; j < b->n_lans && !ret; j++) {
			ret = check_lan_pair(a, b, &a->lans[i], &b->lans[j], r);
		}
	}
	return ret;
}

/* A path, or listener, that both have; NULL: none. */
static const char *shared_path(const struct mpq_config_tunnel *a,
			       const struct mpq_config_tunnel *b)
{
	size_t i;

	for (i = 0; i < b->paths.n; i++) {
		if (mpq_config_has(&a->paths, b->paths.item[i])) {
			return b->paths.item[i];
		}
	}
	return NULL;
}

static int check_carriers_apart(const struct mpq_config *c,
				const struct mpq_config_tunnel *a,
				const struct mpq_config_tunnel *b,
				struct mpq_refusal *r)
{
	const char *both = shared_path(a, b);
	char at[MPQ_REFUSAL_PATH_BYTES];

	if (!both) {
		return 0;
	}
	if (c->edge) {
		(void)mpq_refusal_set(r,
				      mpq_refusal_path(at, "tunnel", b->name,
						       "path"),
				      "path %s carries tunnel %s already, and "
				      "a path carries one.",
				      both, a->name);
		return mpq_refusal_next(r, "add a path with the same wan and "
					   "another port of the concentrator");
	}
	if (!strcmp(a->peer, b->peer)) {
		return mpq_refusal_set(r,
				       mpq_refusal_path(at, "tunnel", b->name,
							"path"),
				       "peer %s has tunnel %s on path %s "
				       "already: one a peer and listener.",
				       b->peer, a->name, both);
	}
	return 0;
}

static int check_tunnel_pair(const struct mpq_config *c,
			     const struct mpq_config_tunnel *a,
			     const struct mpq_config_tunnel *b,
			     struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];
	int ret = check_carriers_apart(c, a, b, r);

	if (!ret) {
		ret = check_prefixes_apart(a, b, &a->addresses, &b->addresses,
					   "address", r);
	}
	if (!ret && a->table && a->table == b->table) {
		ret = mpq_refusal_set(
			r, mpq_refusal_path(at, "tunnel", b->name, "table"),
			"routing table %u is tunnel %s's already.", b->table,
			a->name);
	}
	if (!ret) {
		ret = check_lans_apart(a, b, r);
	}
	if (!ret) {
		ret = check_prefixes_apart(a, b, &a->remote_prefixes,
					   &b->remote_prefixes, "remote-prefix",
					   r);
	}
	if (!ret) {
		ret = check_prefixes_apart(a, b, &a->assign, &b->assign,
					   "assign", r);
	}
	return ret;
}

int mpq_collisions_check(const struct mpq_config *c, struct mpq_refusal *r)
{
	size_t i, j;
	int ret = 0;

	for (i = 1; i < c->n_paths; i++) {
		for (j = 0; j < i && !ret; j++) {
			ret = check_path_pair(&c->paths[j], &c->paths[i], r);
		}
	}
	for (i = 1; i < c->n_peers; i++) {
		for (j = 0; j < i && !ret; j++) {
			ret = check_peer_pair(&c->peers[j], &c->peers[i], r);
		}
	}
	for (i = 1; i < c->n_tunnels; i++) {
		for (j = 0; j < i && !ret; j++) {
			ret = check_tunnel_pair(c, &c->tunnels[j],
						&c->tunnels[i], r);
		}
	}
	return ret;
}
