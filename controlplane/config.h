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
	bool enabled, metered;
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
	struct mpq_config_strings paths;  /* at least one */
	char peer[MPQ_CONFIG_NAME_BYTES]; /* or "" */
	char default_class[MPQ_CONFIG_NAME_BYTES];
	bool accept_policy;
	struct mpq_config_prefixes addresses; /* with their host bits */
	uint16_t mtu_bytes;
	uint16_t queue_delay_ms;
	uint32_t table; /* 0: to be chosen */
	struct mpq_config_lan *lans;
	size_t n_lans;
	struct mpq_config_prefixes remote_prefixes, assign;
};

/* What traffic wants. */
struct mpq_config_class {
	char name[MPQ_CONFIG_NAME_BYTES];
	char mode[20]; /* never one of the aliases */
	uint8_t priority;
	struct mpq_config_strings prefer, exclude; /* paths */
	bool avoid_metered;
	uint8_t copies; /* 0: not said */
	uint16_t order_cap_ms, repair_deadline_ms;
	uint8_t loss_max_percent; /* 0: no limit */
	uint16_t rtt_max_ms;      /* 0: no limit */
	uint32_t rate_limit_kbps; /* 0: no limit */
};

struct mpq_config_rule {
	char name[MPQ_CONFIG_NAME_BYTES];
	bool enabled;
	char class[MPQ_CONFIG_NAME_BYTES];
	uint64_t dscp;      /* bit i: code point i; 0: all */
	int protocol;       /* MPQ_CONFIG_ANY, or a number */
	char lan[IFNAMSIZ]; /* or "" */
	struct mpq_config_prefixes source, destination;
	struct mpq_config_strings source_ports, destination_ports;
};
#define MPQ_CONFIG_ANY (-1)

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
	struct mpq_config_class *classes; /* those that are listed */
	size_t n_classes;
	struct mpq_config_rule *rules;
	size_t n_rules;
};

/* The class that is there without being listed. */
#define MPQ_CONFIG_CLASS_DEFAULT "default"
extern const struct mpq_config_class mpq_config_class_default;

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
/* Of "default" that of the model, when it is not listed. */
const struct mpq_config_class *mpq_config_class(const struct mpq_config *c,
						const char *name);
/* The tunnel's LAN of this interface; *ret_tunnel (may be NULL): whose. */
const struct mpq_config_lan *
mpq_config_lan(const struct mpq_config *c, const char *interface,
	       const struct mpq_config_tunnel **ret_tunnel);

/* As the model names them: "tcp", "ef". -ENOENT: no such name. */
int mpq_config_protocol(const char *name);
int mpq_config_dscp(const char *name);

bool mpq_config_has(const struct mpq_config_strings *s, const char *value);

#endif
