/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/snapshot.h"

#include "controlplane/snapshot-steering.h"

#include <arpa/inet.h>
#include <string.h>

static void add_string(struct json_object *o, const char *key, const char *v)
{
	json_object_object_add(o, key, json_object_new_string(v));
}

static void add_int(struct json_object *o, const char *key, int64_t v)
{
	json_object_object_add(o, key, json_object_new_int64(v));
}

static void add_bool(struct json_object *o, const char *key, bool v)
{
	json_object_object_add(o, key, json_object_new_boolean(v));
}

struct json_object *mpq_snapshot_strings(const struct mpq_config_strings *s)
{
	struct json_object *a = json_object_new_array();
	size_t i;

	for (i = 0; i < s->n; i++) {
		json_object_array_add(a, json_object_new_string(s->item[i]));
	}
	return a;
}

static void add_prefixes(struct json_object *array,
			 const struct mpq_config_prefixes *p)
{
	char text[MPQ_PREFIX_TEXT_BYTES];
	size_t i;

	for (i = 0; i < p->n; i++) {
		json_object_array_add(array,
				      json_object_new_string(
					      mpq_prefix_format(&p->item[i],
								text)));
	}
}

struct json_object *mpq_snapshot_prefixes(const struct mpq_config_prefixes *p)
{
	struct json_object *a = json_object_new_array();

	add_prefixes(a, p);
	return a;
}

static struct json_object *trust(const struct mpq_config_trust *t,
				 const struct mpq_material *m)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "certificate-pem", m->certificate_pem);
	add_string(o, "private-key-pem", m->private_key_pem);
	if (m->authority_pem) {
		add_string(o, "authority-pem", m->authority_pem);
	}
	if (m->crl_pem) {
		add_string(o, "crl-pem", m->crl_pem);
	}
	json_object_object_add(o, "peer-pins", mpq_snapshot_strings(&t->pins));
	add_string(o, "profile",
		   t->profile == MPQ_CERTIFICATE_HIGH ? "high" : "medium");
	add_string(o, "cipher", t->cipher);
	return o;
}

static struct json_object *peer(const struct mpq_config_peer *p)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "name", p->name);
	if (p->certificate_name[0]) {
		add_string(o, "certificate-name", p->certificate_name);
	}
	json_object_object_add(o, "pins", mpq_snapshot_strings(&p->pins));
	return o;
}

static void add_address(struct json_object *o, const char *address_key,
			const char *port_key, const struct mpq_sockaddr *a)
{
	char text[INET6_ADDRSTRLEN];
	const void *bytes = a->sa.sa_family == AF_INET
				    ? (const void *)&a->in.sin_addr
				    : (const void *)&a->in6.sin6_addr;

	(void)inet_ntop(a->sa.sa_family, bytes, text, sizeof(text));
	add_string(o, address_key, text);
	add_int(o, port_key, mpq_sockaddr_port(a));
}

static struct json_object *path(const struct mpq_config_path *p)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "name", p->name);
	add_bool(o, "enabled", p->enabled);
	if (p->wan[0]) {
		add_bool(o, "metered", p->metered);
		add_string(o, "wan", p->wan);
		add_address(o, "remote-address", "remote-port", &p->address);
		add_string(o, "server-name", p->server_name);
	} else {
		add_address(o, "listen-address", "listen-port", &p->address);
	}
	return o;
}

static void add_hosts(struct json_object *array,
		      const struct mpq_config_prefixes *addresses)
{
	struct mpq_prefix host;
	struct mpq_config_prefixes one = {.item = &host, .n = 1};
	size_t i;

	for (i = 0; i < addresses->n; i++) {
		host = addresses->item[i];
		host.length = host.family == 4 ? 32 : 128;
		add_prefixes(array, &one);
	}
}

/* Where the tunnel may deliver: empty means anywhere, so one LAN that names no
 * prefixes opens it; the device's own addresses always belong to it. */
static struct json_object *lan_prefixes(const struct mpq_config_tunnel *t)
{
	struct json_object *a = json_object_new_array();
	size_t i;

	for (i = 0; i < t->n_lans; i++) {
		if (t->lans[i].prefixes.n == 0) {
			return a;
		}
	}
	for (i = 0; i < t->n_lans; i++) {
		add_prefixes(a, &t->lans[i].prefixes);
	}
	if (t->n_lans > 0) {
		add_hosts(a, &t->addresses);
	}
	return a;
}

static struct json_object *tunnel(const struct mpq_config *c,
				  const struct mpq_config_tunnel *t)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "name", t->name);
	add_bool(o, "enabled", t->enabled);
	json_object_object_add(o, "paths", mpq_snapshot_strings(&t->paths));
	if (c->edge) {
		add_string(o, "default-class", t->default_class);
	} else {
		add_string(o, "peer", t->peer);
		add_bool(o, "accept-policy", t->accept_policy);
	}
	add_int(o, "mtu", t->mtu_bytes);
	add_int(o, "queue-delay-us", (int64_t)t->queue_delay_ms * 1000);
	json_object_object_add(o, "addresses",
			       mpq_snapshot_prefixes(&t->addresses));
	json_object_object_add(o, "lan-prefixes", lan_prefixes(t));
	json_object_object_add(o, "remote-prefixes",
			       mpq_snapshot_prefixes(&t->remote_prefixes));
	json_object_object_add(o, "assign", mpq_snapshot_prefixes(&t->assign));
	return o;
}

struct json_object *mpq_snapshot_new(const struct mpq_config *c,
				     const struct mpq_material *m,
				     uint32_t generation, const char *secret)
{
	struct json_object *s = json_object_new_object(),
			   *peers = json_object_new_array(),
			   *paths = json_object_new_array(),
			   *tunnels = json_object_new_array();
	size_t i;

	add_int(s, "generation", generation);
	add_string(s, "role", c->edge ? "edge" : "concentrator");
	add_string(s, "secret", secret);
	json_object_object_add(s, "trust", trust(&c->trust, m));
	for (i = 0; i < c->n_peers; i++) {
		json_object_array_add(peers, peer(&c->peers[i]));
	}
	for (i = 0; i < c->n_paths; i++) {
		json_object_array_add(paths, path(&c->paths[i]));
	}
	for (i = 0; i < c->n_tunnels; i++) {
		json_object_array_add(tunnels, tunnel(c, &c->tunnels[i]));
	}
	json_object_object_add(s, "peers", peers);
	json_object_object_add(s, "paths", paths);
	if (c->edge) {
		json_object_object_add(s, "classes", mpq_snapshot_classes(c));
		json_object_object_add(s, "rules", mpq_snapshot_rules(c));
	}
	json_object_object_add(s, "tunnels", tunnels);
	return s;
}

bool mpq_snapshot_lacks(struct json_object *lacking, const char *kind,
			const char *name)
{
	size_t i, n = lacking ? json_object_array_length(lacking) : 0;
	struct json_object *v;

	for (i = 0; i < n; i++) {
		if (json_object_object_get_ex(json_object_array_get_idx(lacking,
									i),
					      kind, &v) &&
		    !strcmp(json_object_get_string(v), name)) {
			return true;
		}
	}
	return false;
}

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	(void)json_object_object_get_ex(o, key, &v);
	return v;
}

static bool lacks(struct json_object *lacking, const char *kind,
		  struct json_object *entry)
{
	return mpq_snapshot_lacks(lacking, kind,
				  json_object_get_string(
					  member(entry, "name")));
}

void mpq_snapshot_leave_out(struct json_object *snapshot,
			    struct json_object *lacking)
{
	struct json_object *tunnels = member(snapshot, "tunnels"),
			   *paths = member(snapshot, "paths"), *o;
	size_t i;

	for (i = json_object_array_length(tunnels); i > 0; i--) {
		o = json_object_array_get_idx(tunnels, i - 1);
		if (lacks(lacking, "tunnel", o)) {
			(void)json_object_array_del_idx(tunnels, i - 1, 1);
		}
	}
	for (i = 0; i < json_object_array_length(paths); i++) {
		o = json_object_array_get_idx(paths, i);
		if (lacks(lacking, "path", o)) {
			add_bool(o, "enabled", false);
		}
	}
}
