/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/semantics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROOT            "/mpquic:mpquic"
#define PATH_TEXT_BYTES 256

/* What mpquic-data keeps for one tunnel. */
#define DESTINATIONS_MAX 32

static const char *path_at(char text[PATH_TEXT_BYTES], const char *list,
			   const char *name, const char *node)
{
	(void)snprintf(text, PATH_TEXT_BYTES, ROOT "/%s[name='%s']%s%s", list,
		       name, node[0] ? "/" : "", node);
	return text;
}

static int refuse_role(const struct mpq_config *c, const char *path,
		       const char *what, struct mpq_refusal *r)
{
	return mpq_refusal_set(r, path,
			       "%s is a setting of %s, and this end is %s.",
			       what, c->edge ? "a concentrator" : "an edge",
			       c->edge ? "an edge" : "a concentrator");
}

/* ---- addresses ---- */

static bool is_zero(const uint8_t *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (bytes[i]) {
			return false;
		}
	}
	return true;
}

/* Why a host cannot have this address, NULL: it can. */
static const char *unusable(uint8_t family, const uint8_t *a)
{
	if (is_zero(a, family == 4 ? 4 : 16)) {
		return "the unspecified address";
	}
	if (family == 4) {
		return a[0] == 127   ? "a loopback address"
		       : a[0] == 0   ? "an address of \"this network\""
		       : a[0] >= 240 ? "a reserved address"
		       : a[0] >= 224 ? "a multicast address"
				     : NULL;
	}
	if (is_zero(a, 15) && a[15] == 1) {
		return "the loopback address";
	}
	return a[0] == 0xff                            ? "a multicast address"
	       : a[0] == 0xfe && (a[1] & 0xc0) == 0x80 ? "a link-local address"
						       : NULL;
}

/* Are all bits after the prefix equal to `bit`? */
static bool host_bits_are(const struct mpq_prefix *p, int bit)
{
	unsigned width = p->family == 4 ? 32 : 128, i;

	for (i = p->length; i < width; i++) {
		if (((p->addr[i / 8] >> (7 - i % 8)) & 1) != bit) {
			return false;
		}
	}
	return true;
}

static bool overlap(const struct mpq_prefix *a, const struct mpq_prefix *b)
{
	return a->family == b->family &&
	       (mpq_prefix_contains(a, b->family, b->addr) ||
		mpq_prefix_contains(b, a->family, a->addr));
}

static int check_tunnel_address(const char *at, const struct mpq_prefix *p,
				struct mpq_refusal *r)
{
	unsigned width = p->family == 4 ? 32 : 128;
	char text[MPQ_PREFIX_TEXT_BYTES];
	const char *why = unusable(p->family, p->addr);

	if (p->length > width) {
		(void)mpq_refusal_set(r, at,
				      "the prefix length %u is too long for "
				      "an IPv%u address.",
				      p->length, p->family);
		return mpq_refusal_allow(r, "0..%u", width);
	}
	(void)mpq_prefix_format(p, text);
	if (why) {
		return mpq_refusal_set(r, at,
				       "%s is %s: no device can have it.", text,
				       why);
	}
	if (p->family == 4 && p->length < 31 && host_bits_are(p, 0)) {
		return mpq_refusal_set(r, at,
				       "%s is the network's own address, not "
				       "a host's.",
				       text);
	}
	if (p->family == 4 && p->length < 31 && host_bits_are(p, 1)) {
		return mpq_refusal_set(r, at,
				       "%s is the network's broadcast address, "
				       "not a host's.",
				       text);
	}
	return 0;
}

/* ---- paths ---- */

static int check_remote(const struct mpq_config_path *p, struct mpq_refusal *r)
{
	char at[PATH_TEXT_BYTES], text[INET6_ADDRSTRLEN];
	int af = p->address.sa.sa_family;
	const uint8_t *bytes =
		af == AF_INET ? (const uint8_t *)&p->address.in.sin_addr
			      : p->address.in6.sin6_addr.s6_addr;
	const char *why = unusable(af == AF_INET ? 4 : 6, bytes);

	if (!why) {
		return 0;
	}
	return mpq_refusal_set(
		r, path_at(at, "path", p->name, "remote/address"),
		"%s is %s: no concentrator can be reached there.",
		inet_ntop(af, bytes, text, sizeof(text)), why);
}

static int check_wan(const struct mpq_config *c,
		     const struct mpq_config_path *p, struct mpq_refusal *r)
{
	char at[PATH_TEXT_BYTES];

	(void)path_at(at, "path", p->name, "wan");
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
	char at[PATH_TEXT_BYTES];

	if (c->edge && !p->wan[0]) {
		return refuse_role(c, path_at(at, "path", p->name, "listen"),
				   "listen", r);
	}
	if (!c->edge && p->wan[0]) {
		return refuse_role(c, path_at(at, "path", p->name, "wan"),
				   "wan", r);
	}
	return 0;
}

static bool is_any(const struct mpq_sockaddr *a)
{
	return a->sa.sa_family == AF_INET
		       ? a->in.sin_addr.s_addr == 0
		       : is_zero(a->in6.sin6_addr.s6_addr, 16);
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
	char at[PATH_TEXT_BYTES];

	if (a->wan[0] && b->wan[0] && !strcmp(a->wan, b->wan) &&
	    mpq_sockaddr_equal(&a->address, &b->address)) {
		return mpq_refusal_set(
			r, path_at(at, "path", b->name, "remote/port"),
			"path %s already leads from %s to this address and "
			"port.",
			a->name, a->wan);
	}
	if (!a->wan[0] && !b->wan[0] &&
	    listeners_collide(&a->address, &b->address)) {
		return mpq_refusal_set(r,
				       path_at(at, "path", b->name,
					       "listen/port"),
				       "port %u is already taken by path %s.",
				       mpq_sockaddr_port(&b->address), a->name);
	}
	return 0;
}

static int check_paths(const struct mpq_config *c, struct mpq_refusal *r)
{
	const struct mpq_config_path *p;
	size_t i, j;
	int ret = 0;

	if (c->n_paths == 0) {
		return mpq_refusal_set(
			r, ROOT "/path", "there is no path: %s.",
			c->edge ? "an edge needs a WAN"
				: "a concentrator has to listen");
	}
	for (i = 0; i < c->n_paths && !ret; i++) {
		p = &c->paths[i];
		ret = check_path_role(c, p, r);
		if (!ret && c->edge) {
			ret = check_wan(c, p, r);
		}
		for (j = 0; j < i && !ret; j++) {
			ret = check_path_pair(&c->paths[j], p, r);
		}
	}
	return ret;
}

/* ---- peers ---- */

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
	char at[PATH_TEXT_BYTES];

	if (a->certificate_name[0] &&
	    !strcasecmp(a->certificate_name, b->certificate_name)) {
		return mpq_refusal_set(
			r, path_at(at, "peer", b->name, "certificate-name"),
			"%s is peer %s already: a certificate has to tell "
			"who is who.",
			b->certificate_name, a->name);
	}
	if (share_pin(&a->pins, &b->pins)) {
		return mpq_refusal_set(
			r, path_at(at, "peer", b->name, "spki-sha256"),
			"peer %s has the same public key.", a->name);
	}
	return 0;
}

static int check_peers(const struct mpq_config *c, struct mpq_refusal *r)
{
	char at[PATH_TEXT_BYTES];
	size_t i, j;
	int ret = 0;

	if (c->edge && c->n_peers > 0) {
		return refuse_role(c, path_at(at, "peer", c->peers[0].name, ""),
				   "peer", r);
	}
	if (!c->edge && c->n_peers == 0) {
		return mpq_refusal_set(r, ROOT "/peer",
				       "there is no peer: a concentrator has "
				       "to know the edges that it serves.");
	}
	for (i = 0; i < c->n_peers; i++) {
		for (j = 0; j < i && !ret; j++) {
			ret = check_peer_pair(&c->peers[j], &c->peers[i], r);
		}
	}
	return ret;
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
	char at[PATH_TEXT_BYTES];
	size_t i, n = t->addresses.n;

	if (foreign) {
		return refuse_role(c, path_at(at, "tunnel", t->name, foreign),
				   foreign, r);
	}
	for (i = 0; i < t->n_lans; i++) {
		n += t->lans[i].prefixes.n;
	}
	if (n > DESTINATIONS_MAX) {
		(void)mpq_refusal_set(r, path_at(at, "tunnel", t->name, "lan"),
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
	char at[PATH_TEXT_BYTES], text[MPQ_PREFIX_TEXT_BYTES];
	size_t i;

	for (i = 0; i < t->remote_prefixes.n; i++) {
		if (t->remote_prefixes.item[i].length > 0) {
			continue;
		}
		(void)mpq_prefix_format(&t->remote_prefixes.item[i], text);
		(void)mpq_refusal_set(
			r, path_at(at, "tunnel", t->name, "remote-prefix"),
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
	char at[PATH_TEXT_BYTES], text[MPQ_PREFIX_TEXT_BYTES];
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
				r, path_at(at, "tunnel", t->name, "assign"),
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
	char at[PATH_TEXT_BYTES];
	size_t i;
	int ret;

	if (t->n_lans > 0) {
		return refuse_role(c, path_at(at, "tunnel", t->name, "lan"),
				   "lan", r);
	}
	if (t->table) {
		return refuse_role(c, path_at(at, "tunnel", t->name, "table"),
				   "table", r);
	}
	if (!t->peer[0]) {
		(void)mpq_refusal_set(r, path_at(at, "tunnel", t->name, ""),
				      "a concentrator's tunnel needs a peer: "
				      "whose is it?");
		r->allowed[0] = '\0';
		for (i = 0; i < c->n_peers && i < 8; i++) {
			(void)strncat(r->allowed, i ? ", " : "",
				      sizeof(r->allowed) - strlen(r->allowed) -
					      1);
			(void)strncat(r->allowed, c->peers[i].name,
				      sizeof(r->allowed) - strlen(r->allowed) -
					      1);
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
	char at[PATH_TEXT_BYTES], node[64];
	size_t i;

	(void)snprintf(node, sizeof(node), "lan[interface='%s']",
		       lan->interface);
	(void)path_at(at, "tunnel", t->name, node);
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
	char at[PATH_TEXT_BYTES], node[80], text[MPQ_PREFIX_TEXT_BYTES];
	size_t i;
	int ret = 0;

	if (!strcmp(t->name, "lo") || !strcmp(t->name, "all") ||
	    !strcmp(t->name, "default")) {
		return mpq_refusal_set(r,
				       path_at(at, "tunnel", t->name, "name"),
				       "\"%s\" has a meaning of its own to the "
				       "kernel.",
				       t->name);
	}
	for (i = 0; i < t->addresses.n && !ret; i++) {
		(void)mpq_prefix_format(&t->addresses.item[i], text);
		text[strcspn(text, "/")] = '\0';
		(void)snprintf(node, sizeof(node), "address[ip='%s']", text);
		ret = check_tunnel_address(path_at(at, "tunnel", t->name, node),
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

/* ---- two tunnels ---- */

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
	char at[PATH_TEXT_BYTES], text[MPQ_PREFIX_TEXT_BYTES];

	if (!both) {
		return 0;
	}
	return mpq_refusal_set(r, path_at(at, "tunnel", b->name, node),
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
	char at[PATH_TEXT_BYTES], node[96];

	(void)snprintf(node, sizeof(node), "lan[interface='%s']",
		       lb->interface);
	if (!strcmp(la->interface, lb->interface)) {
		return mpq_refusal_set(r, path_at(at, "tunnel", b->name, node),
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

static int check_carriers_apart(const struct mpq_config *c,
				const struct mpq_config_tunnel *a,
				const struct mpq_config_tunnel *b,
				struct mpq_refusal *r)
{
	char at[PATH_TEXT_BYTES];

	if (strcmp(a->path, b->path) != 0) {
		return 0;
	}
	if (c->edge) {
		return mpq_refusal_set(r,
				       path_at(at, "tunnel", b->name, "path"),
				       "path %s carries tunnel %s already, and "
				       "a path carries one.",
				       b->path, a->name);
	}
	if (!strcmp(a->peer, b->peer)) {
		return mpq_refusal_set(r,
				       path_at(at, "tunnel", b->name, "path"),
				       "peer %s has tunnel %s on path %s "
				       "already: one a peer and listener.",
				       b->peer, a->name, b->path);
	}
	return 0;
}

static int check_tunnel_pair(const struct mpq_config *c,
			     const struct mpq_config_tunnel *a,
			     const struct mpq_config_tunnel *b,
			     struct mpq_refusal *r)
{
	char at[PATH_TEXT_BYTES];
	int ret = check_carriers_apart(c, a, b, r);

	if (!ret) {
		ret = check_prefixes_apart(a, b, &a->addresses, &b->addresses,
					   "address", r);
	}
	if (!ret && a->table && a->table == b->table) {
		ret = mpq_refusal_set(
			r, path_at(at, "tunnel", b->name, "table"),
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

static int check_tunnels(const struct mpq_config *c, struct mpq_refusal *r)
{
	size_t i, j;
	int ret = 0;

	for (i = 0; i < c->n_tunnels && !ret; i++) {
		ret = check_tunnel(c, &c->tunnels[i], r);
		for (j = 0; j < i && !ret; j++) {
			ret = check_tunnel_pair(c, &c->tunnels[j],
						&c->tunnels[i], r);
		}
	}
	return ret;
}

int mpq_semantics_check(const struct mpq_config *c, struct mpq_refusal *r)
{
	int ret = check_paths(c, r);

	if (!ret) {
		ret = check_peers(c, r);
	}
	return ret ? ret : check_tunnels(c, r);
}
