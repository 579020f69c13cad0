/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/snapshot_private.h"

#include "common/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy(struct mpq_json_reader *r, const char *key, char *out,
		 size_t cap, const char *text)
{
	if (strlen(text) >= cap) {
		mpq_json_fail(r, key, "is longer than %zu characters", cap - 1);
		return;
	}
	(void)snprintf(out, cap, "%s", text);
}

void mpq_snapshot_read_name(struct mpq_json_reader *r, struct json_object *o,
			    const char *key, char *out, size_t cap)
{
	const char *text = mpq_json_string(r, o, key);

	if (!r->error[0] && text[0] == '\0') {
		mpq_json_fail(r, key, "is empty");
		return;
	}
	copy(r, key, out, cap, text);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void read_hex32(struct mpq_json_reader *r, const char *key,
		       const char *text, uint8_t out[32])
{
	for (size_t i = 0; i < 32; i++) {
		int high = text[0] ? hex_digit(text[0]) : -1;
		int low = high >= 0 ? hex_digit(text[1]) : -1;

		if (low < 0) {
			mpq_json_fail(r, key, "is not 64 hexadecimal digits");
			return;
		}
		out[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (text[0] != '\0') {
		mpq_json_fail(r, key, "is not 64 hexadecimal digits");
	}
}

static void read_pins(struct mpq_json_reader *r, struct json_object *o,
		      const char *key, uint8_t (*pins)[32], size_t *ret_n)
{
	struct json_object *list = mpq_json_array_or_null(r, o, key);
	size_t n = list != NULL ? json_object_array_length(list) : 0;

	if (n > MPQ_SNAPSHOT_PINS) {
		mpq_json_fail(r, key, "has more than %d entries",
			      MPQ_SNAPSHOT_PINS);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const char *text = json_object_get_string(
			json_object_array_get_idx(list, i));

		read_hex32(r, key, text != NULL ? text : "", pins[i]);
	}
	*ret_n = n;
}

void mpq_snapshot_read_prefixes(struct mpq_json_reader *r,
				struct json_object *o, const char *key,
				struct mpq_prefix *out, size_t max,
				size_t *ret_n)
{
	struct json_object *list = mpq_json_array_or_null(r, o, key);
	size_t n = list != NULL ? json_object_array_length(list) : 0;

	if (n > max) {
		mpq_json_fail(r, key, "has more than %zu entries", max);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const char *text = json_object_get_string(
			json_object_array_get_idx(list, i));

		if (mpq_prefix_parse(text != NULL ? text : "", &out[i]) < 0) {
			mpq_json_fail(r, key, "\"%s\" is not an IP prefix",
				      text != NULL ? text : "null");
			return;
		}
	}
	*ret_n = n;
}

static void read_own_prefixes(struct mpq_json_reader *r, struct json_object *o,
			      const char *key,
			      struct mpq_snapshot_prefixes *out)
{
	mpq_snapshot_read_prefixes(r, o, key, out->prefix,
				   MPQ_SNAPSHOT_PREFIXES, &out->n);
}

static void read_address(struct mpq_json_reader *r, struct json_object *o,
			 const char *address_key, const char *port_key,
			 struct mpq_sockaddr *out)
{
	const char *address = mpq_json_string(r, o, address_key);
	uint64_t port = mpq_json_uint(r, o, port_key, 1, 65535);

	if (r->error[0]) {
		return;
	}
	if (mpq_sockaddr_parse(address, (uint16_t)port, out) < 0) {
		mpq_json_fail(r, address_key, "\"%s\" is not an IP address",
			      address);
	}
}

static char *read_text(struct mpq_json_reader *r, struct json_object *o,
		       const char *key, bool mandatory)
{
	const char *text = mandatory ? mpq_json_string(r, o, key)
				     : mpq_json_string_or(r, o, key, NULL);
	char *result = text != NULL ? strdup(text) : NULL;

	if (text != NULL && result == NULL) {
		mpq_json_fail(r, key, "out of memory");
	}
	return result;
}

/* The place of the member in `names`, which ends with NULL; the first is for
 * none. */
static size_t read_choice(struct mpq_json_reader *r, struct json_object *o,
			  const char *key, const char *const *names)
{
	const char *text = mpq_json_string_or(r, o, key, names[0]);

	for (size_t i = 0; names[i] != NULL; i++) {
		if (strcmp(text, names[i]) == 0) {
			return i;
		}
	}
	mpq_json_fail(r, key, "\"%s\" is unknown", text);
	return 0;
}

static void read_trust(struct mpq_json_reader *r, struct json_object *o,
		       struct mpq_snapshot_trust *out)
{
	static const char *const profile_names[] = {"high", "medium", NULL};
	static const enum mpq_certificate_profile profiles[] = {
		MPQ_CERTIFICATE_HIGH, MPQ_CERTIFICATE_MEDIUM};
	static const char *const cipher_names[] = {"auto", "aes-gcm",
						   "chacha20-poly1305", NULL};
	static const enum mpq_tls_cipher ciphers[] = {MPQ_TLS_CIPHER_AUTO,
						      MPQ_TLS_CIPHER_AES,
						      MPQ_TLS_CIPHER_CHACHA};

	out->certificate_pem = read_text(r, o, "certificate-pem", true);
	out->private_key_pem = read_text(r, o, "private-key-pem", true);
	out->authority_pem = read_text(r, o, "authority-pem", false);
	out->crl_pem = read_text(r, o, "crl-pem", false);
	read_pins(r, o, "peer-pins", out->pins, &out->n_pins);
	if (out->authority_pem == NULL && out->n_pins == 0) {
		mpq_json_fail(r, "authority-pem",
			      "neither an authority nor a pin: there is no "
			      "way to skip verification");
	}
	out->profile = profiles[read_choice(r, o, "profile", profile_names)];
	out->cipher = ciphers[read_choice(r, o, "cipher", cipher_names)];
}

static void read_peer(struct mpq_json_reader *r, struct json_object *o,
		      struct mpq_snapshot *s, size_t i)
{
	struct mpq_snapshot_peer *peer = &s->peers[i];

	mpq_snapshot_read_name(r, o, "name", peer->name, sizeof(peer->name));
	copy(r, "certificate-name", peer->certificate_name,
	     sizeof(peer->certificate_name),
	     mpq_json_string_or(r, o, "certificate-name", ""));
	read_pins(r, o, "pins", peer->pins, &peer->n_pins);
	if (peer->certificate_name[0] == '\0' && peer->n_pins == 0) {
		mpq_json_fail(r, "certificate-name",
			      "neither a name nor a pin to know the peer by");
	}
}

static void read_path(struct mpq_json_reader *r, struct json_object *o,
		      struct mpq_snapshot *s, size_t i)
{
	struct mpq_snapshot_path *path = &s->paths[i];

	mpq_snapshot_read_name(r, o, "name", path->name, sizeof(path->name));
	path->enabled = mpq_json_bool_or(r, o, "enabled", true);
	path->metered = mpq_json_bool_or(r, o, "metered", false);
	if (s->edge) {
		mpq_snapshot_read_name(r, o, "wan", path->wan,
				       sizeof(path->wan));
		mpq_snapshot_read_name(r, o, "server-name", path->server_name,
				       sizeof(path->server_name));
		read_address(r, o, "remote-address", "remote-port",
			     &path->remote);
	} else {
		read_address(r, o, "listen-address", "listen-port",
			     &path->listen);
	}
	if (!r->error[0] && mpq_snapshot_path(s, path->name) != path) {
		mpq_json_fail(r, "name", "\"%s\" is there twice", path->name);
	}
}

static void add_path(struct mpq_json_reader *r, const struct mpq_snapshot *s,
		     struct mpq_snapshot_tunnel *t, const char *name)
{
	if (mpq_snapshot_path(s, name) == NULL) {
		mpq_json_fail(r, "paths", "there is no path \"%s\"", name);
		return;
	}
	if (mpq_snapshot_tunnel_path_index(t, name) >= 0) {
		mpq_json_fail(r, "paths", "\"%s\" is there twice", name);
		return;
	}
	copy(r, "paths", t->paths[t->n_paths], sizeof(t->paths[0]), name);
	t->n_paths++;
}

static void read_paths(struct mpq_json_reader *r, struct json_object *o,
		       const struct mpq_snapshot *s,
		       struct mpq_snapshot_tunnel *t)
{
	struct json_object *list = mpq_json_array(r, o, "paths");
	size_t n = list != NULL ? json_object_array_length(list) : 0;

	if (n < 1 || n > MPQ_SNAPSHOT_MEMBERS) {
		mpq_json_fail(r, "paths", "has %zu entries, not 1 to %d", n,
			      MPQ_SNAPSHOT_MEMBERS);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const char *name = json_object_get_string(
			json_object_array_get_idx(list, i));

		add_path(r, s, t, name != NULL ? name : "");
	}
}

/* Of the same peer, they may have no path in common. */
static void check_paths(struct mpq_json_reader *r,
			const struct mpq_snapshot_tunnel *t,
			const struct mpq_snapshot_tunnel *other)
{
	if (strcmp(other->peer, t->peer) != 0) {
		return;
	}
	for (size_t i = 0; i < t->n_paths; i++) {
		if (mpq_snapshot_tunnel_path_index(other, t->paths[i]) >= 0) {
			mpq_json_fail(r, "paths", "\"%s\" has \"%s\" already",
				      other->name, t->paths[i]);
		}
	}
}

/* Those before tunnel i are read: is its name, and its place on its paths,
 * still to have? */
static void check_place(struct mpq_json_reader *r, const struct mpq_snapshot *s,
			size_t i)
{
	const struct mpq_snapshot_tunnel *t = &s->tunnels[i];

	if (mpq_snapshot_tunnel(s, t->name) != t) {
		mpq_json_fail(r, "name", "\"%s\" is there twice", t->name);
	}
	for (const struct mpq_snapshot_tunnel *other = s->tunnels; other < t;
	     other++) {
		check_paths(r, t, other);
	}
}

static void read_tunnel(struct mpq_json_reader *r, struct json_object *o,
			struct mpq_snapshot *s, size_t i)
{
	struct mpq_snapshot_tunnel *t = &s->tunnels[i];

	mpq_snapshot_read_name(r, o, "name", t->name, sizeof(t->name));
	t->enabled = mpq_json_bool_or(r, o, "enabled", true);
	read_paths(r, o, s, t);
	if (s->edge) {
		t->default_class =
			mpq_snapshot_read_class(r, o, "default-class", s);
	} else {
		mpq_snapshot_read_name(r, o, "peer", t->peer, sizeof(t->peer));
		t->accept_policy =
			mpq_json_bool_or(r, o, "accept-policy", true);
	}
	t->mtu_bytes = (uint16_t)mpq_json_uint(r, o, "mtu", 1280, 1500);
	t->queue_delay =
		mpq_json_uint_or(r, o, "queue-delay-us", 1000, 1000000, 15000) *
		MPQ_MICROSECOND;
	read_own_prefixes(r, o, "addresses", &t->addresses);
	read_own_prefixes(r, o, "lan-prefixes", &t->lan);
	read_own_prefixes(r, o, "remote-prefixes", &t->remote);
	read_own_prefixes(r, o, "assign", &t->assign);
	if (!r->error[0]) {
		check_place(r, s, i);
	}
	if (!r->error[0] && s->edge && t->n_paths > 1) {
		mpq_snapshot_check_policy(r, s, t);
	}
}

/* Reads the array `key` of at most `max` objects, each by `read`. */
static void read_list(struct mpq_json_reader *r, struct json_object *o,
		      const char *key, size_t max, size_t item_bytes,
		      void **ret_items, size_t *ret_n, struct mpq_snapshot *s,
		      void (*read)(struct mpq_json_reader *,
				   struct json_object *, struct mpq_snapshot *,
				   size_t))
{
	struct json_object *list = mpq_json_array_or_null(r, o, key);
	size_t n = list != NULL ? json_object_array_length(list) : 0;

	if (n > max) {
		mpq_json_fail(r, key, "has more than %zu entries", max);
		return;
	}
	*ret_items = calloc(n + 1, item_bytes);
	if (*ret_items == NULL) {
		mpq_json_fail(r, key, "out of memory");
		return;
	}
	*ret_n = n;
	for (size_t i = 0; i < n && !r->error[0]; i++) {
		(void)snprintf(r->at, sizeof(r->at), "%s/%zu", key, i);
		read(r, json_object_array_get_idx(list, i), s, i);
	}
	if (!r->error[0]) {
		r->at[0] = '\0';
	}
}

static void read_all(struct mpq_json_reader *r, struct json_object *o,
		     struct mpq_snapshot *s)
{
	const char *role = mpq_json_string(r, o, "role");
	struct json_object *trust = mpq_json_object(r, o, "trust");

	s->generation = mpq_json_uint(r, o, "generation", 1, UINT64_MAX);
	s->edge = strcmp(role, "edge") == 0;
	if (!s->edge && strcmp(role, "concentrator") != 0) {
		mpq_json_fail(r, "role",
			      "\"%s\" is neither edge nor "
			      "concentrator",
			      role);
	}
	read_hex32(r, "secret", mpq_json_string(r, o, "secret"), s->secret);
	if (r->error[0]) {
		return;
	}
	read_trust(r, trust, &s->trust);
	read_list(r, o, "peers", MPQ_SNAPSHOT_PEERS, sizeof(*s->peers),
		  (void **)&s->peers, &s->n_peers, s, read_peer);
	read_list(r, o, "paths", MPQ_SNAPSHOT_PATHS, sizeof(*s->paths),
		  (void **)&s->paths, &s->n_paths, s, read_path);
	read_list(r, o, "classes", MPQ_POLICY_CLASSES, sizeof(*s->classes),
		  (void **)&s->classes, &s->n_classes, s,
		  mpq_snapshot_read_class_item);
	mpq_snapshot_default_first(r, s);
	read_list(r, o, "rules", MPQ_CLASSIFY_RULES, sizeof(*s->rules),
		  (void **)&s->rules, &s->n_rules, s, mpq_snapshot_read_rule);
	read_list(r, o, "tunnels", MPQ_SNAPSHOT_TUNNELS, sizeof(*s->tunnels),
		  (void **)&s->tunnels, &s->n_tunnels, s, read_tunnel);
}

int mpq_snapshot_parse(struct mpq_snapshot **ret, struct json_object *object,
		       char at[128], char message[256])
{
	struct mpq_json_reader r = {0};
	struct mpq_snapshot *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		at[0] = '\0';
		(void)snprintf(message, 256, "out of memory");
		return -ENOMEM;
	}
	read_all(&r, object, s);
	if (r.error[0]) {
		(void)snprintf(at, 128, "%s", r.at);
		(void)snprintf(message, 256, "%s", r.error);
		mpq_snapshot_free(s);
		return -EINVAL;
	}
	*ret = s;
	return 0;
}
