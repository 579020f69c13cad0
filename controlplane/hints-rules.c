/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that no packet can match, or only others' packets. */
#include "controlplane/hints-internal.h"
#include "controlplane/refusal.h"
#include "controlplane/steering-internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- does one cover another? ---- */

static bool covers_prefix(const struct mpq_prefix *a,
			  const struct mpq_prefix *b)
{
	return a->length <= b->length &&
	       mpq_prefix_contains(a, b->family, b->addr);
}

static bool covers_prefixes(const struct mpq_config_prefixes *a,
			    const struct mpq_config_prefixes *b)
{
	if (a->n == 0) {
		return true;
	}
	for (size_t i = 0; i < b->n; i++) {
		size_t k = 0;

		while (k < a->n && !covers_prefix(&a->item[k], &b->item[i])) {
			k++;
		}
		if (k == a->n) {
			return false;
		}
	}
	return b->n > 0;
}

static void read_ports(const char *text, unsigned long *ret_first,
		       unsigned long *ret_last)
{
	const char *dash = strchr(text, '-');

	*ret_first = strtoul(text, NULL, 10);
	*ret_last = dash != NULL ? strtoul(dash + 1, NULL, 10) : *ret_first;
}

static bool covers_range(const struct mpq_config_strings *a, const char *range)
{
	unsigned long first, last, from, to;

	read_ports(range, &first, &last);
	for (size_t i = 0; i < a->n; i++) {
		read_ports(a->item[i], &from, &to);
		if (from <= first && last <= to) {
			return true;
		}
	}
	return false;
}

static bool covers_ports(const struct mpq_config_strings *a,
			 const struct mpq_config_strings *b)
{
	if (a->n == 0) {
		return true;
	}
	for (size_t i = 0; i < b->n; i++) {
		if (!covers_range(a, b->item[i])) {
			return false;
		}
	}
	return b->n > 0;
}

/* Each packet that b matches, a matches; each part taken by itself, so some
 * that are covered by several parts together are not found. */
static bool covers(const struct mpq_config *c, const struct mpq_config_rule *a,
		   const struct mpq_config_rule *b)
{
	return (a->dscp == 0 || (b->dscp != 0 && (b->dscp & ~a->dscp) == 0)) &&
	       (a->protocol == MPQ_CONFIG_ANY || a->protocol == b->protocol) &&
	       covers_prefixes(mpq_steering_sources(c, a),
			       mpq_steering_sources(c, b)) &&
	       covers_prefixes(&a->destination, &b->destination) &&
	       covers_ports(&a->source_ports, &b->source_ports) &&
	       covers_ports(&a->destination_ports, &b->destination_ports);
}

/* ---- */

static void look_for_cover(const struct mpq_config *c, size_t i,
			   struct json_object *list)
{
	const struct mpq_config_rule *u = &c->rules[i];
	char at[MPQ_REFUSAL_PATH_BYTES];

	for (size_t k = 0; k < i; k++) {
		if (c->rules[k].enabled && covers(c, &c->rules[k], u)) {
			mpq_hints_add(list,
				      mpq_refusal_path(at, "rule", u->name, ""),
				      "it never matches: rule %s stands before "
				      "it and takes all of that.",
				      c->rules[k].name);
			return;
		}
	}
}

static void look_at_lan(const struct mpq_config *c,
			const struct mpq_config_rule *u,
			struct json_object *list)
{
	const struct mpq_config_tunnel *t = NULL;
	char at[MPQ_REFUSAL_PATH_BYTES];

	if (u->lan[0] == '\0' || mpq_config_lan(c, u->lan, &t) == NULL) {
		return;
	}
	(void)mpq_refusal_path(at, "rule", u->name, "lan-interface");
	if (!t->enabled) {
		mpq_hints_add(list, at,
			      "%s is a LAN of tunnel %s, which is disabled: "
			      "nothing comes from there.",
			      u->lan, t->name);
	} else if (t->paths.n < 2) {
		mpq_hints_add(list, at,
			      "%s is a LAN of tunnel %s, which has one path: "
			      "that takes all, whatever its class.",
			      u->lan, t->name);
	}
}

void mpq_hints_look_at_rules(const struct mpq_config *c,
			     struct json_object *list)
{
	for (size_t i = 0; i < c->n_rules; i++) {
		if (c->rules[i].enabled) {
			look_for_cover(c, i, list);
			look_at_lan(c, &c->rules[i], list);
		}
	}
}
