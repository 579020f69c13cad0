/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/steering-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RULE_PREFIXES 8 /* that mpquic-data keeps */
#define TCP           6
#define UDP           17

static int check_ports(const struct mpq_config_rule *u, const char *node,
		       const struct mpq_config_strings *ports,
		       struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];
	const char *dash;
	unsigned long first, last;
	size_t i;

	(void)mpq_refusal_path(at, "rule", u->name, node);
	if (ports->n > 0 && u->protocol != MPQ_CONFIG_ANY &&
	    u->protocol != TCP && u->protocol != UDP) {
		(void)mpq_refusal_set(r, at, "only TCP and UDP have ports.");
		return mpq_refusal_next(r, "make the protocol tcp or udp, or "
					   "leave it out for both");
	}
	for (i = 0; i < ports->n; i++) {
		dash = strchr(ports->item[i], '-');
		first = strtoul(ports->item[i], NULL, 10);
		last = dash ? strtoul(dash + 1, NULL, 10) : first;
		if (last > UINT16_MAX || first > last) {
			(void)mpq_refusal_set(r, at,
					      "\"%s\" is no range of ports.",
					      ports->item[i]);
			return mpq_refusal_allow(r, "a first and a last port, "
						    "0 to 65535");
		}
	}
	return 0;
}

static int refuse_lan(const struct mpq_config *c, const char *at,
		      const char *name, struct mpq_refusal *r)
{
	size_t i, j;

	(void)mpq_refusal_set(r, at, "%s is no LAN of a tunnel.", name);
	for (i = 0; i < c->n_tunnels; i++) {
		for (j = 0; j < c->tunnels[i].n_lans; j++) {
			mpq_refusal_also(r, "%s",
					 c->tunnels[i].lans[j].interface);
		}
	}
	return -EINVAL;
}

static int check_lan(const struct mpq_config *c,
		     const struct mpq_config_rule *u, struct mpq_refusal *r)
{
	const struct mpq_config_tunnel *t = NULL;
	const struct mpq_config_lan *lan;
	char at[MPQ_REFUSAL_PATH_BYTES];

	(void)mpq_refusal_path(at, "rule", u->name, "lan-interface");
	if (!u->lan[0]) {
		return 0;
	}
	lan = mpq_config_lan(c, u->lan, &t);
	if (!lan) {
		return refuse_lan(c, at, u->lan, r);
	}
	if (u->source.n > 0) {
		(void)mpq_refusal_set(r, at,
				      "the rule names sources as well, which "
				      "tell the LAN already.");
		return mpq_refusal_next(r, "take one of the two away");
	}
	if (lan->prefixes.n == 0) {
		(void)mpq_refusal_set(r, at,
				      "%s is told by its prefixes, and none is "
				      "configured.",
				      u->lan);
		return mpq_refusal_next(r,
					"give tunnel[name='%s']/"
					"lan[interface='%s'] its prefixes",
					t->name, u->lan);
	}
	if (lan->prefixes.n > RULE_PREFIXES) {
		(void)mpq_refusal_set(r, at,
				      "%s has %zu prefixes, more than a rule "
				      "holds.",
				      u->lan, lan->prefixes.n);
		return mpq_refusal_allow(r, "at most %d", RULE_PREFIXES);
	}
	return 0;
}

static bool has_family(const struct mpq_config_prefixes *p, uint8_t family)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (p->item[i].family == family) {
			return true;
		}
	}
	return p->n == 0;
}

const struct mpq_config_prefixes *
mpq_steering_sources(const struct mpq_config *c,
		     const struct mpq_config_rule *u)
{
	return u->lan[0] ? &mpq_config_lan(c, u->lan, NULL)->prefixes
			 : &u->source;
}

static int check_families(const struct mpq_config *c,
			  const struct mpq_config_rule *u,
			  struct mpq_refusal *r)
{
	const struct mpq_config_prefixes *from = mpq_steering_sources(c, u),
					 *to = &u->destination;
	char at[MPQ_REFUSAL_PATH_BYTES];

	if ((has_family(from, 4) && has_family(to, 4)) ||
	    (has_family(from, 6) && has_family(to, 6))) {
		return 0;
	}
	return mpq_refusal_set(
		r, mpq_refusal_path(at, "rule", u->name, "destination"),
		"sources are of one IP version here and destinations of the "
		"other: no packet can match.");
}

int mpq_steering_check_rule(const struct mpq_config *c,
			    const struct mpq_config_rule *u,
			    struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];
	int ret = mpq_steering_check_class(
		c, mpq_refusal_path(at, "rule", u->name, "class"), u->class, r);

	if (!ret) {
		ret = check_ports(u, "source-port", &u->source_ports, r);
	}
	if (!ret) {
		ret = check_ports(u, "destination-port", &u->destination_ports,
				  r);
	}
	if (!ret) {
		ret = check_lan(c, u, r);
	}
	return ret ? ret : check_families(c, u, r);
}
