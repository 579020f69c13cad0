/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as mpquic-control sends it, whole, each time
 * (common/southbound.h, "S"): read from JSON into plain structures, checked
 * here once more so that nothing behind has to doubt it. No I/O.
 */
#ifndef MPQ_DATAPLANE_SNAPSHOT_H
#define MPQ_DATAPLANE_SNAPSHOT_H

#include "common/certificate.h"
#include "common/clock.h"
#include "common/prefix.h"
#include "common/sockaddr.h"
#include "dataplane/policy.h"
#include "dataplane/quic/tls.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#define MPQ_SNAPSHOT_NAME_BYTES 33
#define MPQ_SNAPSHOT_PATHS      64
#define MPQ_SNAPSHOT_TUNNELS    1024
#define MPQ_SNAPSHOT_PEERS      512
#define MPQ_SNAPSHOT_PINS       8
#define MPQ_SNAPSHOT_PREFIXES   32
#define MPQ_SNAPSHOT_MEMBERS    MPQ_STEER_PATHS /* paths of a tunnel */

struct mpq_snapshot_prefixes {
	struct mpq_prefix prefix[MPQ_SNAPSHOT_PREFIXES];
	size_t n;
};

struct mpq_snapshot_peer {
	char name[MPQ_SNAPSHOT_NAME_BYTES];
	char certificate_name[MPQ_CERTIFICATE_NAME_BYTES]; /* "": by pin only */
	uint8_t pins[MPQ_SNAPSHOT_PINS][32];
	size_t n_pins;
};

struct mpq_snapshot_path {
	char name[MPQ_SNAPSHOT_NAME_BYTES];
	bool enabled;
	bool metered;               /* edge */
	char wan[16];               /* edge */
	char server_name[256];      /* edge */
	struct mpq_sockaddr remote; /* edge */
	struct mpq_sockaddr listen; /* concentrator */
};

/* A class, whose paths are not yet those of one tunnel: numbers are places in
 * mpq_snapshot.paths. */
struct mpq_snapshot_class {
	struct mpq_policy_class policy; /* without order and excluded */
	uint8_t order[MPQ_SNAPSHOT_PATHS];
	size_t n_order;
	uint64_t excluded; /* bit i: paths[i] */
};

struct mpq_snapshot_rule {
	char name[MPQ_SNAPSHOT_NAME_BYTES];
	struct mpq_classify_rule match;
};

struct mpq_snapshot_tunnel {
	char name[16];
	bool enabled;
	/* In the order of the configuration: the edge's Path IDs. */
	char paths[MPQ_SNAPSHOT_MEMBERS][MPQ_SNAPSHOT_NAME_BYTES];
	size_t n_paths;                     /* >= 1; more: it is bonded */
	char peer[MPQ_SNAPSHOT_NAME_BYTES]; /* concentrator */
	uint8_t default_class;              /* edge: of what no rule matches */
	bool accept_policy; /* concentrator: the edge's holds down here, too */
	uint16_t mtu_bytes;
	mpq_duration queue_delay;
	struct mpq_snapshot_prefixes addresses, lan, remote, assign;
};

struct mpq_snapshot_trust {
	char *certificate_pem, *private_key_pem, *authority_pem, *crl_pem;
	uint8_t pins[MPQ_SNAPSHOT_PINS][32];
	size_t n_pins;
	enum mpq_certificate_profile profile;
	enum mpq_tls_cipher cipher;
};

struct mpq_snapshot {
	uint64_t generation;
	bool edge; /* or concentrator */
	uint8_t secret[32];
	struct mpq_snapshot_trust trust;
	struct mpq_snapshot_peer *peers;
	struct mpq_snapshot_path *paths;
	struct mpq_snapshot_class *classes; /* the first is "default" */
	struct mpq_snapshot_rule *rules;
	struct mpq_snapshot_tunnel *tunnels;
	size_t n_peers, n_paths, n_classes, n_rules, n_tunnels;
};

/* 0; -errno with where and why in `at` and `message`. */
int mpq_snapshot_parse(struct mpq_snapshot **ret, struct json_object *object,
		       char at[128], char message[256]);
void mpq_snapshot_free(struct mpq_snapshot *s);

/* Borrowed; NULL: none of that name. */
const struct mpq_snapshot_path *mpq_snapshot_path(const struct mpq_snapshot *s,
						  const char *name);
const struct mpq_snapshot_tunnel *
mpq_snapshot_tunnel(const struct mpq_snapshot *s, const char *name);
/* The edge's tunnel over this path. */
const struct mpq_snapshot_tunnel *
mpq_snapshot_tunnel_of(const struct mpq_snapshot *s, const char *path);
/* The place of a path in the tunnel's list; -1: it is not one of them. */
int mpq_snapshot_tunnel_path_index(const struct mpq_snapshot_tunnel *t,
				   const char *path);
/* What holds for this tunnel: all classes and rules, with paths by their place
 * in its list, and without those that it does not have. Ready to
 * classify. */
void mpq_snapshot_policy(const struct mpq_snapshot *s,
			 const struct mpq_snapshot_tunnel *t,
			 struct mpq_policy *ret);
/* Who is this? By certificate name or pin. */
const struct mpq_snapshot_peer *
mpq_snapshot_identify(const struct mpq_snapshot *s,
		      const struct mpq_certificate_identity *identity);

bool mpq_snapshot_trust_equal(const struct mpq_snapshot_trust *a,
			      const struct mpq_snapshot_trust *b);
/* Do both let in the same peers? What we present may differ. */
bool mpq_snapshot_trusts_same(const struct mpq_snapshot_trust *a,
			      const struct mpq_snapshot_trust *b);
/* Is it the same end of the same wire? (enabled may differ) */
bool mpq_snapshot_path_equal(const struct mpq_snapshot_path *a,
			     const struct mpq_snapshot_path *b);

#endif
