/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/config-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* As the model's; a test compares them. */
const struct mpq_config_class mpq_config_class_default = {
	.name = MPQ_CONFIG_CLASS_DEFAULT,
	.mode = "auto",
	.priority = 3,
	.order_cap_ms = 100,
	.repair_deadline_ms = 500,
	.loss_max_percent = 8,
};

/* ---- classes ---- */

static const char *mode_of(const char *name)
{
	static const char *const alias[][2] = {
		{"balanced", "load-balancing"},
		{"priority", "priority-based"},
		{"failover", "active-standby"},
	};
	size_t i;

	for (i = 0; i < sizeof(alias) / sizeof(alias[0]); i++) {
		if (!strcmp(alias[i][0], name)) {
			return alias[i][1];
		}
	}
	return name;
}

static uint16_t read_u16(struct mpq_json_reader *r, struct json_object *o,
			 const char *key)
{
	return (uint16_t)mpq_json_uint_or(r, o, key, 0, UINT16_MAX, 0);
}

static void read_class(struct mpq_json_reader *r, struct json_object *o,
		       struct mpq_config_class *k)
{
	mpq_config_read_copy(r, "name", k->name, sizeof(k->name),
			     mpq_json_string(r, o, "name"));
	mpq_config_read_copy(r, "steering-mode", k->mode, sizeof(k->mode),
			     mode_of(mpq_json_string(r, o, "steering-mode")));
	k->priority = (uint8_t)mpq_json_uint(r, o, "priority", 0, 7);
	mpq_config_read_strings(r, o, "prefer", &k->prefer);
	mpq_config_read_strings(r, o, "exclude", &k->exclude);
	k->avoid_metered = mpq_json_bool(r, o, "avoid-metered");
	k->copies = (uint8_t)mpq_json_uint_or(r, o, "copies", 2, 8, 0);
	k->order_cap_ms = read_u16(r, o, "order-cap");
	k->repair_deadline_ms = read_u16(r, o, "repair-deadline");
	k->loss_max_percent = (uint8_t)mpq_json_uint(r, o, "loss-max", 0, 100);
	k->rtt_max_ms = read_u16(r, o, "rtt-max");
	k->rate_limit_kbps = (uint32_t)mpq_json_uint_or(r, o, "rate-limit", 0,
							UINT32_MAX, 0);
}

void mpq_config_read_classes(struct mpq_json_reader *r, struct json_object *o,
			     struct mpq_config *c)
{
	struct json_object *array = mpq_json_array_or_null(r, o, "class");
	size_t i;

	c->classes = mpq_config_read_array(r, array, sizeof(*c->classes),
					   &c->n_classes);
	for (i = 0; i < c->n_classes; i++) {
		read_class(r, json_object_array_get_idx(array, i),
			   &c->classes[i]);
	}
}

/* ---- rules ---- */

struct number {
	const char *name;
	int value;
};

static int find(const struct number *names, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!strcmp(names[i].name, name)) {
			return names[i].value;
		}
	}
	return -ENOENT;
}

int mpq_config_protocol(const char *name)
{
	static const struct number names[] = {
		{"icmp", 1}, {"tcp", 6},     {"udp", 17},   {"gre", 47},
		{"esp", 50}, {"icmpv6", 58}, {"sctp", 132},
	};

	return find(names, sizeof(names) / sizeof(names[0]), name);
}

/* RFC 2474, 2597, 3246, 5865, 8622. */
int mpq_config_dscp(const char *name)
{
	static const struct number names[] = {
		{"le", 1},    {"cs0", 0},   {"cs1", 8},   {"cs2", 16},
		{"cs3", 24},  {"cs4", 32},  {"cs5", 40},  {"cs6", 48},
		{"cs7", 56},  {"af11", 10}, {"af12", 12}, {"af13", 14},
		{"af21", 18}, {"af22", 20}, {"af23", 22}, {"af31", 26},
		{"af32", 28}, {"af33", 30}, {"af41", 34}, {"af42", 36},
		{"af43", 38}, {"va", 44},   {"ef", 46},
	};

	return find(names, sizeof(names) / sizeof(names[0]), name);
}

static int number_of(struct mpq_json_reader *r, const char *key,
		     struct json_object *v, int (*named)(const char *name))
{
	int n = json_object_is_type(v, json_type_string)
			? named(json_object_get_string(v))
			: json_object_get_int(v);

	if (n < 0) {
		mpq_json_fail(r, key, "has no number");
		return 0;
	}
	return n;
}

static uint64_t read_dscp(struct mpq_json_reader *r, struct json_object *o)
{
	struct json_object *array = mpq_json_array_or_null(r, o, "dscp");
	size_t i, n = array ? json_object_array_length(array) : 0;
	uint64_t set = 0;

	for (i = 0; i < n; i++) {
		set |= 1ULL << (number_of(r, "dscp",
					  json_object_array_get_idx(array, i),
					  mpq_config_dscp) &
				63);
	}
	return set;
}

static void read_rule(struct mpq_json_reader *r, struct json_object *o,
		      struct mpq_config_rule *u)
{
	struct json_object *protocol = NULL;

	mpq_config_read_copy(r, "name", u->name, sizeof(u->name),
			     mpq_json_string(r, o, "name"));
	u->enabled = mpq_json_bool(r, o, "enabled");
	mpq_config_read_copy(r, "class", u->class, sizeof(u->class),
			     mpq_json_string(r, o, "class"));
	u->dscp = read_dscp(r, o);
	u->protocol = json_object_object_get_ex(o, "protocol", &protocol)
			      ? number_of(r, "protocol", protocol,
					  mpq_config_protocol)
			      : MPQ_CONFIG_ANY;
	mpq_config_read_copy(r, "lan-interface", u->lan, sizeof(u->lan),
			     mpq_json_string_or(r, o, "lan-interface", ""));
	mpq_config_read_prefixes(r, o, "source", &u->source);
	mpq_config_read_prefixes(r, o, "destination", &u->destination);
	mpq_config_read_strings(r, o, "source-port", &u->source_ports);
	mpq_config_read_strings(r, o, "destination-port",
				&u->destination_ports);
}

void mpq_config_read_rules(struct mpq_json_reader *r, struct json_object *o,
			   struct mpq_config *c)
{
	struct json_object *array = mpq_json_array_or_null(r, o, "rule");
	size_t i;

	c->rules =
		mpq_config_read_array(r, array, sizeof(*c->rules), &c->n_rules);
	for (i = 0; i < c->n_rules; i++) {
		read_rule(r, json_object_array_get_idx(array, i), &c->rules[i]);
	}
}

/* ---- */

void mpq_config_steering_finish(struct mpq_config *c)
{
	size_t i;

	for (i = 0; i < c->n_classes; i++) {
		mpq_config_strings_finish(&c->classes[i].prefer);
		mpq_config_strings_finish(&c->classes[i].exclude);
	}
	for (i = 0; i < c->n_rules; i++) {
		free(c->rules[i].source.item);
		free(c->rules[i].destination.item);
		mpq_config_strings_finish(&c->rules[i].source_ports);
		mpq_config_strings_finish(&c->rules[i].destination_ports);
	}
	free(c->classes);
	free(c->rules);
}

const struct mpq_config_class *mpq_config_class(const struct mpq_config *c,
						const char *name)
{
	size_t i;

	for (i = 0; i < c->n_classes; i++) {
		if (!strcmp(c->classes[i].name, name)) {
			return &c->classes[i];
		}
	}
	return strcmp(name, MPQ_CONFIG_CLASS_DEFAULT)
		       ? NULL
		       : &mpq_config_class_default;
}

const struct mpq_config_lan *
mpq_config_lan(const struct mpq_config *c, const char *interface,
	       const struct mpq_config_tunnel **ret_tunnel)
{
	size_t i, j;

	for (i = 0; i < c->n_tunnels; i++) {
		for (j = 0; j < c->tunnels[i].n_lans; j++) {
			if (strcmp(c->tunnels[i].lans[j].interface,
				   interface) != 0) {
				continue;
			}
			if (ret_tunnel) {
				*ret_tunnel = &c->tunnels[i];
			}
			return &c->tunnels[i].lans[j];
		}
	}
	return NULL;
}
