/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/config.h"

#include "controlplane/config-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mpq_config_read_copy(struct mpq_json_reader *r, const char *key, char *ret,
			  size_t cap, const char *value)
{
	if (strlen(value) >= cap) {
		mpq_json_fail(r, key, "longer than %zu bytes", cap - 1);
		return;
	}
	memcpy(ret, value, strlen(value) + 1);
}

void *mpq_config_read_array(struct mpq_json_reader *r,
			    struct json_object *array, size_t size,
			    size_t *ret_n)
{
	size_t n = array ? json_object_array_length(array) : 0;
	void *items = NULL;

	if (n > 0) {
		items = calloc(n, size);
		if (!items) {
			mpq_json_fail(r, "", "out of memory");
			n = 0;
		}
	}
	*ret_n = n;
	return items;
}

static char *string_new(struct mpq_json_reader *r, const char *value)
{
	char *s = strdup(value);

	if (!s) {
		mpq_json_fail(r, "", "out of memory");
	}
	return s;
}

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	(void)json_object_object_get_ex(o, key, &v);
	return v;
}

void mpq_config_read_strings(struct mpq_json_reader *r, struct json_object *o,
			     const char *key, struct mpq_config_strings *ret)
{
	struct json_object *array = mpq_json_array_or_null(r, o, key);
	size_t i;

	ret->item =
		mpq_config_read_array(r, array, sizeof(*ret->item), &ret->n);
	for (i = 0; i < ret->n; i++) {
		ret->item[i] =
			string_new(r, json_object_get_string(
					      json_object_array_get_idx(array,
									i)));
	}
}

void mpq_config_read_prefixes(struct mpq_json_reader *r, struct json_object *o,
			      const char *key, struct mpq_config_prefixes *ret)
{
	struct json_object *array = mpq_json_array_or_null(r, o, key);
	size_t i;

	ret->item =
		mpq_config_read_array(r, array, sizeof(*ret->item), &ret->n);
	for (i = 0; i < ret->n; i++) {
		if (mpq_prefix_parse(json_object_get_string(
					     json_object_array_get_idx(array,
								       i)),
				     &ret->item[i])) {
			mpq_json_fail(r, key, "entry %zu is no prefix", i);
		}
	}
}

static void read_trust(struct mpq_json_reader *r, struct json_object *o,
		       struct mpq_config_trust *t)
{
	t->certificate = string_new(r, mpq_json_string(r, o, "certificate"));
	t->private_key = string_new(r, mpq_json_string(r, o, "private-key"));
	mpq_config_read_strings(r, o, "authority", &t->authorities);
	mpq_config_read_strings(r, o, "revocation-list", &t->revocation_lists);
	mpq_config_read_strings(r, o, "peer-pin", &t->pins);
	t->profile = strcmp(mpq_json_string(r, o, "security-profile"), "medium")
			     ? MPQ_CERTIFICATE_HIGH
			     : MPQ_CERTIFICATE_MEDIUM;
	mpq_config_read_copy(r, "cipher-preference", t->cipher,
			     sizeof(t->cipher),
			     mpq_json_string(r, o, "cipher-preference"));
}

static void read_peer(struct mpq_json_reader *r, struct json_object *o,
		      struct mpq_config_peer *p)
{
	mpq_config_read_copy(r, "name", p->name, sizeof(p->name),
			     mpq_json_string(r, o, "name"));
	mpq_config_read_copy(r, "certificate-name", p->certificate_name,
			     sizeof(p->certificate_name),
			     mpq_json_string_or(r, o, "certificate-name", ""));
	mpq_config_read_strings(r, o, "spki-sha256", &p->pins);
}

static void read_address(struct mpq_json_reader *r, struct json_object *o,
			 struct mpq_sockaddr *ret)
{
	const char *address = mpq_json_string(r, o, "address");
	uint16_t port = (uint16_t)mpq_json_uint(r, o, "port", 1, 65535);

	if (!r->error[0] && mpq_sockaddr_parse(address, port, ret)) {
		mpq_json_fail(r, "address", "%s is no address", address);
	}
}

static void read_path(struct mpq_json_reader *r, struct json_object *o,
		      struct mpq_config_path *p)
{
	struct json_object *remote = member(o, "remote"),
			   *listen = member(o, "listen");

	mpq_config_read_copy(r, "name", p->name, sizeof(p->name),
			     mpq_json_string(r, o, "name"));
	p->enabled = mpq_json_bool(r, o, "enabled");
	p->metered = mpq_json_bool(r, o, "metered");
	mpq_config_read_copy(r, "wan", p->wan, sizeof(p->wan),
			     mpq_json_string_or(r, o, "wan", ""));
	if (remote) {
		read_address(r, remote, &p->address);
		mpq_config_read_copy(r, "server-name", p->server_name,
				     sizeof(p->server_name),
				     mpq_json_string(r, remote, "server-name"));
	} else if (listen) {
		read_address(r, listen, &p->address);
	}
}

/* {"ip": "10.200.1.1", "prefix-length": 30} */
static void read_addresses(struct mpq_json_reader *r, struct json_object *o,
			   struct mpq_config_prefixes *ret)
{
	struct json_object *array = mpq_json_array_or_null(r, o, "address"),
			   *entry;
	size_t i;

	ret->item =
		mpq_config_read_array(r, array, sizeof(*ret->item), &ret->n);
	for (i = 0; i < ret->n; i++) {
		entry = json_object_array_get_idx(array, i);
		if (mpq_prefix_parse(mpq_json_string(r, entry, "ip"),
				     &ret->item[i])) {
			mpq_json_fail(r, "ip", "is no address");
		}
		ret->item[i].length =
			(uint8_t)mpq_json_uint(r, entry, "prefix-length", 0,
					       128);
	}
}

static void read_lans(struct mpq_json_reader *r, struct json_object *o,
		      struct mpq_config_tunnel *t)
{
	struct json_object *array = mpq_json_array_or_null(r, o, "lan"), *entry;
	size_t i;

	t->lans = mpq_config_read_array(r, array, sizeof(*t->lans), &t->n_lans);
	for (i = 0; i < t->n_lans; i++) {
		entry = json_object_array_get_idx(array, i);
		mpq_config_read_copy(r, "interface", t->lans[i].interface,
				     sizeof(t->lans[i].interface),
				     mpq_json_string(r, entry, "interface"));
		mpq_config_read_prefixes(r, entry, "prefix",
					 &t->lans[i].prefixes);
	}
}

static void read_tunnel(struct mpq_json_reader *r, struct json_object *o,
			struct mpq_config_tunnel *t)
{
	mpq_config_read_copy(r, "name", t->name, sizeof(t->name),
			     mpq_json_string(r, o, "name"));
	t->enabled = mpq_json_bool(r, o, "enabled");
	mpq_config_read_strings(r, o, "path", &t->paths);
	mpq_config_read_copy(r, "peer", t->peer, sizeof(t->peer),
			     mpq_json_string_or(r, o, "peer", ""));
	read_addresses(r, o, &t->addresses);
	mpq_config_read_copy(r, "default-class", t->default_class,
			     sizeof(t->default_class),
			     mpq_json_string_or(r, o, "default-class",
						MPQ_CONFIG_CLASS_DEFAULT));
	t->accept_policy = mpq_json_bool(r, o, "accept-policy");
	t->mtu_bytes = (uint16_t)mpq_json_uint(r, o, "mtu", 0, UINT16_MAX);
	t->queue_delay_ms =
		(uint16_t)mpq_json_uint(r, o, "queue-delay", 0, UINT16_MAX);
	t->table = (uint32_t)mpq_json_uint_or(r, o, "table", 0, UINT32_MAX, 0);
	read_lans(r, o, t);
	mpq_config_read_prefixes(r, o, "remote-prefix", &t->remote_prefixes);
	mpq_config_read_prefixes(r, o, "assign", &t->assign);
}

static void read_lists(struct mpq_json_reader *r, struct json_object *o,
		       struct mpq_config *c)
{
	struct json_object *peers = mpq_json_array_or_null(r, o, "peer"),
			   *paths = mpq_json_array_or_null(r, o, "path"),
			   *tunnels = mpq_json_array_or_null(r, o, "tunnel");
	size_t i;

	c->peers =
		mpq_config_read_array(r, peers, sizeof(*c->peers), &c->n_peers);
	for (i = 0; i < c->n_peers; i++) {
		read_peer(r, json_object_array_get_idx(peers, i), &c->peers[i]);
	}
	c->paths =
		mpq_config_read_array(r, paths, sizeof(*c->paths), &c->n_paths);
	for (i = 0; i < c->n_paths; i++) {
		read_path(r, json_object_array_get_idx(paths, i), &c->paths[i]);
	}
	c->tunnels = mpq_config_read_array(r, tunnels, sizeof(*c->tunnels),
					   &c->n_tunnels);
	for (i = 0; i < c->n_tunnels; i++) {
		read_tunnel(r, json_object_array_get_idx(tunnels, i),
			    &c->tunnels[i]);
	}
	mpq_config_read_classes(r, o, c);
	mpq_config_read_rules(r, o, c);
}

int mpq_config_new(struct mpq_config **ret, struct json_object *tree)
{
	struct mpq_json_reader r = {0};
	struct json_object *o = mpq_json_object(&r, tree, "mpquic:mpquic"),
			   *local = mpq_json_object(&r, o, "local");
	struct mpq_config *c = calloc(1, sizeof(*c));

	if (!c) {
		return -ENOMEM;
	}
	c->edge = !strcmp(mpq_json_string(&r, local, "role"), "edge");
	mpq_config_read_copy(&r, "name", c->name, sizeof(c->name),
			     mpq_json_string_or(&r, local, "name", ""));
	read_trust(&r, mpq_json_object(&r, o, "trust"), &c->trust);
	read_lists(&r, o, c);
	if (r.error[0]) {
		mpq_config_free(c);
		return strstr(r.error, "out of memory") ? -ENOMEM : -EPROTO;
	}
	*ret = c;
	return 0;
}

void mpq_config_strings_finish(struct mpq_config_strings *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		free(s->item[i]);
	}
	free(s->item);
}

static void tunnel_finish(struct mpq_config_tunnel *t)
{
	size_t i;

	for (i = 0; i < t->n_lans; i++) {
		free(t->lans[i].prefixes.item);
	}
	mpq_config_strings_finish(&t->paths);
	free(t->lans);
	free(t->addresses.item);
	free(t->remote_prefixes.item);
	free(t->assign.item);
}

void mpq_config_free(struct mpq_config *c)
{
	size_t i;

	if (!c) {
		return;
	}
	free(c->trust.certificate);
	free(c->trust.private_key);
	mpq_config_strings_finish(&c->trust.authorities);
	mpq_config_strings_finish(&c->trust.revocation_lists);
	mpq_config_strings_finish(&c->trust.pins);
	for (i = 0; i < c->n_peers; i++) {
		mpq_config_strings_finish(&c->peers[i].pins);
	}
	for (i = 0; i < c->n_tunnels; i++) {
		tunnel_finish(&c->tunnels[i]);
	}
	mpq_config_steering_finish(c);
	free(c->peers);
	free(c->paths);
	free(c->tunnels);
	free(c);
}

bool mpq_config_has(const struct mpq_config_strings *s, const char *value)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (!strcmp(s->item[i], value)) {
			return true;
		}
	}
	return false;
}

const struct mpq_config_path *mpq_config_path(const struct mpq_config *c,
					      const char *name)
{
	size_t i;

	for (i = 0; i < c->n_paths; i++) {
		if (!strcmp(c->paths[i].name, name)) {
			return &c->paths[i];
		}
	}
	return NULL;
}

const struct mpq_config_tunnel *mpq_config_tunnel(const struct mpq_config *c,
						  const char *name)
{
	size_t i;

	for (i = 0; i < c->n_tunnels; i++) {
		if (!strcmp(c->tunnels[i].name, name)) {
			return &c->tunnels[i];
		}
	}
	return NULL;
}

const struct mpq_config_peer *mpq_config_peer(const struct mpq_config *c,
					      const char *name)
{
	size_t i;

	for (i = 0; i < c->n_peers; i++) {
		if (!strcmp(c->peers[i].name, name)) {
			return &c->peers[i];
		}
	}
	return NULL;
}
