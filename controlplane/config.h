/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as C sees it: read from a tree that the schema has accepted,
 * defaults filled in. Plain data; what the rest of the control plane decides
 * on. Order is the file's.
 */
#ifndef MPQ_CONTROLPLANE_CONFIG_H
#define MPQ_CONTROLPLANE_CONFIG_H

#include "common/certificate.h"
#include "common/prefix.h"
#include "common/sockaddr.h"

#include <json-c/json.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_CONFIG_NAME_BYTES 33
#define MPQ_CONFIG_HOST_BYTES 254
#define MPQ_CONFIG_PIN_BYTES  65

struct mpq_config_prefixes {
	struct mpq_prefix *item;
	size_t n;
};

struct mpq_config_strings {
	char **item;
	size_t n;
};

struct mpq_config_trust {
	char *certificate, *private_key; /* file names */
	struct mpq_config_strings authorities, revocation_lists; /* files */
	struct mpq_config_strings pins; /* 64 hexadecimal digits */
	enum mpq_certificate_profile profile;
	char cipher[20]; /* "auto", "aes-gcm", "chacha20-poly1305" */
};

struct mpq_config_peer {
	char name[MPQ_CONFIG_NAME_BYTES];
	char certificate_name[MPQ_CONFIG_HOST_BYTES]; /* or "" */
	struct mpq_config_strings pins;
};

struct mpq_config_path {
	char name[MPQ_CONFIG_NAME_BYTES];
	bool enabled;
	char wan[IFNAMSIZ];          /* "": a concentrator's listener */
	struct mpq_sockaddr address; /* remote, or listen */
	char server_name[MPQ_CONFIG_HOST_BYTES];
};

struct mpq_config_lan {
	char interface[IFNAMSIZ];
	struct mpq_config_prefixes prefixes;
};

struct mpq_config_tunnel {
	char name[IFNAMSIZ];
	bool enabled;
	char path[MPQ_CONFIG_NAME_BYTES];
	char peer[MPQ_CONFIG_NAME_BYTES];     /* or "" */
	struct mpq_config_prefixes addresses; /* with their host bits */
	uint16_t mtu_bytes;
	uint16_t queue_delay_ms;
	uint32_t table; /* 0: to be chosen */
	struct mpq_config_lan *lans;
	size_t n_lans;
	struct mpq_config_prefixes remote_prefixes, assign;
};

struct mpq_config {
	bool edge; /* else concentrator */
	char name[MPQ_CONFIG_NAME_BYTES];
	struct mpq_config_trust trust;
	struct mpq_config_peer *peers;
	size_t n_peers;
	struct mpq_config_path *paths;
	size_t n_paths;
	struct mpq_config_tunnel *tunnels;
	size_t n_tunnels;
};

/* From mpq_tree_json(tree, defaults = true). 0, -ENOMEM; -EPROTO when the JSON
 * is not what the schema promises. */
int mpq_config_new(struct mpq_config **ret, struct json_object *tree);
void mpq_config_free(struct mpq_config *c);

const struct mpq_config_path *mpq_config_path(const struct mpq_config *c,
					      const char *name);
const struct mpq_config_tunnel *mpq_config_tunnel(const struct mpq_config *c,
						  const char *name);
const struct mpq_config_peer *mpq_config_peer(const struct mpq_config *c,
					      const char *name);

#endif
