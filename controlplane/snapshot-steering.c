/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/snapshot-steering.h"

#include <string.h>

static void add_string(struct json_object *o, const char *key, const char *v)
{
	json_object_object_add(o, key, json_object_new_string(v));
}

static void add_int(struct json_object *o, const char *key, int64_t v)
{
	json_object_object_add(o, key, json_object_new_int64(v));
}

static struct json_object *class(const struct mpq_config_class *k)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "name", k->name);
	add_string(o, "mode", k->mode);
	add_int(o, "priority", k->priority);
	json_object_object_add(o, "order", mpq_snapshot_strings(&k->prefer));
	json_object_object_add(o, "excluded",
			       mpq_snapshot_strings(&k->exclude));
	json_object_object_add(o, "avoid-metered",
			       json_object_new_boolean(k->avoid_metered));
	add_int(o, "copies", k->copies);
	add_int(o, "order-cap-us", k->order_cap_ms * 1000);
	add_int(o, "repair-deadline-us", k->repair_deadline_ms * 1000);
	add_int(o, "loss-max-ppm", k->loss_max_percent * 10000);
	add_int(o, "rtt-max-us", k->rtt_max_ms * 1000);
	add_int(o, "rate-limit-bps", (int64_t)k->rate_limit_kbps * 1000);
	return o;
}

struct json_object *mpq_snapshot_classes(const struct mpq_config *c)
{
	struct json_object *a = json_object_new_array();
	size_t i;

	json_object_array_add(
		a, class(mpq_config_class(c, MPQ_CONFIG_CLASS_DEFAULT)));
	for (i = 0; i < c->n_classes; i++) {
		if (strcmp(c->classes[i].name, MPQ_CONFIG_CLASS_DEFAULT) != 0) {
			json_object_array_add(a, class(&c->classes[i]));
		}
	}
	return a;
}

static struct json_object *dscp(uint64_t set)
{
	struct json_object *a = json_object_new_array();
	int i;

	for (i = 0; i < 64; i++) {
		if (set >> i & 1) {
			json_object_array_add(a, json_object_new_int(i));
		}
	}
	return a;
}

static struct json_object *rule(const struct mpq_config *c,
				const struct mpq_config_rule *u)
{
	const struct mpq_config_lan *lan =
		u->lan[0] ? mpq_config_lan(c, u->lan, NULL) : NULL;
	struct json_object *o = json_object_new_object();

	add_string(o, "name", u->name);
	add_string(o, "class", u->class);
	json_object_object_add(o, "dscp", dscp(u->dscp));
	if (u->protocol != MPQ_CONFIG_ANY) {
		add_int(o, "protocol", u->protocol);
	}
	json_object_object_add(o, "source",
			       mpq_snapshot_prefixes(lan ? &lan->prefixes
							 : &u->source));
	json_object_object_add(o, "destination",
			       mpq_snapshot_prefixes(&u->destination));
	json_object_object_add(o, "source-ports",
			       mpq_snapshot_strings(&u->source_ports));
	json_object_object_add(o, "destination-ports",
			       mpq_snapshot_strings(&u->destination_ports));
	return o;
}

struct json_object *mpq_snapshot_rules(const struct mpq_config *c)
{
	struct json_object *a = json_object_new_array();
	size_t i;

	for (i = 0; i < c->n_rules; i++) {
		if (c->rules[i].enabled) {
			json_object_array_add(a, rule(c, &c->rules[i]));
		}
	}
	return a;
}
