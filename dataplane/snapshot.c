/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/snapshot.h"

#include <stdlib.h>
#include <string.h>

void mpq_snapshot_free(struct mpq_snapshot *s)
{
	if (s == NULL) {
		return;
	}
	if (s->trust.private_key_pem != NULL) {
		explicit_bzero(s->trust.private_key_pem,
			       strlen(s->trust.private_key_pem));
	}
	free(s->trust.certificate_pem);
	free(s->trust.private_key_pem);
	free(s->trust.authority_pem);
	free(s->trust.crl_pem);
	free(s->peers);
	free(s->paths);
	free(s->classes);
	free(s->rules);
	free(s->tunnels);
	explicit_bzero(s->secret, sizeof(s->secret));
	free(s);
}

const struct mpq_snapshot_path *mpq_snapshot_path(const struct mpq_snapshot *s,
						  const char *name)
{
	for (size_t i = 0; i < s->n_paths; i++) {
		if (strcmp(s->paths[i].name, name) == 0) {
			return &s->paths[i];
		}
	}
	return NULL;
}

const struct mpq_snapshot_tunnel *
mpq_snapshot_tunnel(const struct mpq_snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->n_tunnels; i++) {
		if (strcmp(s->tunnels[i].name, name) == 0) {
			return &s->tunnels[i];
		}
	}
	return NULL;
}

const struct mpq_snapshot_tunnel *
mpq_snapshot_tunnel_of(const struct mpq_snapshot *s, const char *path)
{
	for (size_t i = 0; i < s->n_tunnels; i++) {
		if (mpq_snapshot_tunnel_path_index(&s->tunnels[i], path) >= 0) {
			return &s->tunnels[i];
		}
	}
	return NULL;
}

int mpq_snapshot_tunnel_path_index(const struct mpq_snapshot_tunnel *t,
				   const char *path)
{
	for (size_t i = 0; i < t->n_paths; i++) {
		if (strcmp(t->paths[i], path) == 0) {
			return (int)i;
		}
	}
	return -1;
}

static bool is_peer(const struct mpq_snapshot_peer *peer,
		    const struct mpq_certificate_identity *identity)
{
	if (peer->certificate_name[0] != '\0' &&
	    !mpq_certificate_has_name(identity, peer->certificate_name)) {
		return false;
	}
	for (size_t i = 0; i < peer->n_pins; i++) {
		if (memcmp(peer->pins[i], identity->spki_sha256, 32) == 0) {
			return true;
		}
	}
	return peer->n_pins == 0;
}

const struct mpq_snapshot_peer *
mpq_snapshot_identify(const struct mpq_snapshot *s,
		      const struct mpq_certificate_identity *identity)
{
	for (size_t i = 0; i < s->n_peers; i++) {
		if (is_peer(&s->peers[i], identity)) {
			return &s->peers[i];
		}
	}
	return NULL;
}

static bool text_equal(const char *a, const char *b)
{
	return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

bool mpq_snapshot_trusts_same(const struct mpq_snapshot_trust *a,
			      const struct mpq_snapshot_trust *b)
{
	return text_equal(a->authority_pem, b->authority_pem) &&
	       text_equal(a->crl_pem, b->crl_pem) && a->n_pins == b->n_pins &&
	       memcmp(a->pins, b->pins, a->n_pins * sizeof(a->pins[0])) == 0 &&
	       a->profile == b->profile;
}

bool mpq_snapshot_trust_equal(const struct mpq_snapshot_trust *a,
			      const struct mpq_snapshot_trust *b)
{
	return text_equal(a->certificate_pem, b->certificate_pem) &&
	       text_equal(a->private_key_pem, b->private_key_pem) &&
	       mpq_snapshot_trusts_same(a, b) && a->cipher == b->cipher;
}

bool mpq_snapshot_path_equal(const struct mpq_snapshot_path *a,
			     const struct mpq_snapshot_path *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->wan, b->wan) == 0 &&
	       strcmp(a->server_name, b->server_name) == 0 &&
	       (a->remote.len == 0 ||
		mpq_sockaddr_equal(&a->remote, &b->remote)) &&
	       (a->listen.len == 0 ||
		mpq_sockaddr_equal(&a->listen, &b->listen));
}
