/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/steering-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What mpquic-data keeps, and what it takes to tell it to the concentrator: one
 * capsule. Nothing is reckoned here as shorter than it is there; a test
 * compares. */
#define CLASSES_MAX      8
#define POLICY_MAX_BYTES 4096
#define POLICY_BYTES     32 /* beside classes and rules */
#define CLASS_BYTES      80 /* beside its name */
#define RULE_BYTES       32 /* beside its name, prefixes and ports */
#define IPV4_BYTES       6
#define IPV6_BYTES       18
#define PORTS_BYTES      4

static int refuse_role(const struct mpq_config *c, const char *path,
		       const char *what, struct mpq_refusal *r)
{
	return mpq_refusal_set(r, path,
			       "%s is a setting of %s, and this end is %s.",
			       what, c->edge ? "a concentrator" : "an edge",
			       c->edge ? "an edge" : "a concentrator");
}

static void allow_classes(const struct mpq_config *c, struct mpq_refusal *r)
{
	size_t i;

	mpq_refusal_also(r, "%s", MPQ_CONFIG_CLASS_DEFAULT);
	for (i = 0; i < c->n_classes; i++) {
		if (strcmp(c->classes[i].name, MPQ_CONFIG_CLASS_DEFAULT) != 0) {
			mpq_refusal_also(r, "%s", c->classes[i].name);
		}
	}
}

int mpq_steering_check_class(const struct mpq_config *c, const char *at,
			     const char *name, struct mpq_refusal *r)
{
	if (mpq_config_class(c, name)) {
		return 0;
	}
	(void)mpq_refusal_set(r, at, "there is no class named \"%s\".", name);
	allow_classes(c, r);
	return -EINVAL;
}

/* ---- the concentrator has none of it ---- */

static int check_concentrator(const struct mpq_config *c, struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];
	const char *list = c->n_classes > 0 ? "class" : "rule", *name;
	size_t i;

	if (c->n_classes > 0 || c->n_rules > 0) {
		name = c->n_classes > 0 ? c->classes[0].name : c->rules[0].name;
		(void)refuse_role(c, mpq_refusal_path(at, list, name, ""), list,
				  r);
		return mpq_refusal_next(r, "leave it to the edges: they tell "
					   "theirs, and tunnel/accept-policy "
					   "takes them");
	}
	for (i = 0; i < c->n_paths; i++) {
		if (c->paths[i].metered) {
			return refuse_role(c,
					   mpq_refusal_path(at, "path",
							    c->paths[i].name,
							    "metered"),
					   "metered", r);
		}
	}
	for (i = 0; i < c->n_tunnels; i++) {
		if (strcmp(c->tunnels[i].default_class,
			   MPQ_CONFIG_CLASS_DEFAULT) != 0) {
			return refuse_role(c,
					   mpq_refusal_path(at, "tunnel",
							    c->tunnels[i].name,
							    "default-class"),
					   "default-class", r);
		}
	}
	return 0;
}

/* ---- tunnels ---- */

static int check_tunnels(const struct mpq_config *c, struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];
	const struct mpq_config_tunnel *t;
	size_t i;
	int ret = 0;

	for (i = 0; i < c->n_tunnels && !ret; i++) {
		t = &c->tunnels[i];
		if (!t->accept_policy) {
			return refuse_role(c,
					   mpq_refusal_path(at, "tunnel",
							    t->name,
							    "accept-policy"),
					   "accept-policy", r);
		}
		ret = mpq_steering_check_class(
			c,
			mpq_refusal_path(at, "tunnel", t->name,
					 "default-class"),
			t->default_class, r);
	}
	return ret;
}

/* ---- classes ---- */

static int check_count(const struct mpq_config *c, struct mpq_refusal *r)
{
	size_t i;

	for (i = 0; i < c->n_classes; i++) {
		if (!strcmp(c->classes[i].name, MPQ_CONFIG_CLASS_DEFAULT)) {
			return 0;
		}
	}
	if (c->n_classes < CLASSES_MAX) {
		return 0;
	}
	(void)mpq_refusal_set(r, "/mpquic:mpquic/class",
			      "there are %zu classes here, and \"%s\" is "
			      "always one more.",
			      c->n_classes, MPQ_CONFIG_CLASS_DEFAULT);
	return mpq_refusal_allow(r, "%d in all", CLASSES_MAX);
}

static int check_copies(const struct mpq_config_class *k, struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];

	if (!k->copies || !strcmp(k->mode, "redundant")) {
		return 0;
	}
	(void)mpq_refusal_set(r,
			      mpq_refusal_path(at, "class", k->name, "copies"),
			      "only a class of steering-mode redundant sends "
			      "copies, and this one's is %s.",
			      k->mode);
	return mpq_refusal_next(r, "take it away, or make the class redundant");
}

static int check_preferred(const struct mpq_config_class *k,
			   struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];
	size_t i;

	for (i = 0; i < k->exclude.n; i++) {
		if (!mpq_config_has(&k->prefer, k->exclude.item[i])) {
			continue;
		}
		(void)mpq_refusal_set(r,
				      mpq_refusal_path(at, "class", k->name,
						       "exclude"),
				      "path %s is preferred by this class, and "
				      "excluded from it.",
				      k->exclude.item[i]);
		return mpq_refusal_next(r, "take it from one of the two");
	}
	return 0;
}

static bool excludes_all(const struct mpq_config_class *k,
			 const struct mpq_config_tunnel *t)
{
	size_t i;

	for (i = 0; i < t->paths.n; i++) {
		if (!mpq_config_has(&k->exclude, t->paths.item[i])) {
			return false;
		}
	}
	return true;
}

/* A tunnel of one path has no choice to make, so no class has a say there. */
static int check_excluded(const struct mpq_config *c,
			  const struct mpq_config_class *k,
			  struct mpq_refusal *r)
{
	char at[MPQ_REFUSAL_PATH_BYTES];
	size_t i;

	for (i = 0; i < c->n_tunnels; i++) {
		if (c->tunnels[i].paths.n < 2 ||
		    !excludes_all(k, &c->tunnels[i])) {
			continue;
		}
		(void)mpq_refusal_set(r,
				      mpq_refusal_path(at, "class", k->name,
						       "exclude"),
				      "all paths of tunnel %s are excluded: "
				      "traffic of this class could not leave.",
				      c->tunnels[i].name);
		return mpq_refusal_next(r, "leave it one of them");
	}
	return 0;
}

static int check_class(const struct mpq_config *c,
		       const struct mpq_config_class *k, struct mpq_refusal *r)
{
	int ret = check_copies(k, r);

	if (!ret) {
		ret = check_preferred(k, r);
	}
	return ret ? ret : check_excluded(c, k, r);
}

/* ---- all of it has to be told to the concentrator ---- */

static size_t prefixes_bytes(const struct mpq_config_prefixes *p)
{
	size_t i, n = 0;

	for (i = 0; i < p->n; i++) {
		n += p->item[i].family == 4 ? IPV4_BYTES : IPV6_BYTES;
	}
	return n;
}

static size_t rule_bytes(const struct mpq_config *c,
			 const struct mpq_config_rule *u)
{
	return RULE_BYTES + strlen(u->name) +
	       prefixes_bytes(mpq_steering_sources(c, u)) +
	       prefixes_bytes(&u->destination) +
	       (u->source_ports.n + u->destination_ports.n) * PORTS_BYTES;
}

static int check_size(const struct mpq_config *c, struct mpq_refusal *r)
{
	size_t i, n = POLICY_BYTES + CLASS_BYTES +
		      strlen(MPQ_CONFIG_CLASS_DEFAULT);

	for (i = 0; i < c->n_classes; i++) {
		n += CLASS_BYTES + strlen(c->classes[i].name);
	}
	for (i = 0; i < c->n_rules; i++) {
		n += c->rules[i].enabled ? rule_bytes(c, &c->rules[i]) : 0;
	}
	if (n <= POLICY_MAX_BYTES) {
		return 0;
	}
	(void)mpq_refusal_set(r, "/mpquic:mpquic/rule",
			      "classes and rules are %zu bytes in all, more "
			      "than can be told to the concentrator at once.",
			      n);
	(void)mpq_refusal_allow(r, "at most %d", POLICY_MAX_BYTES);
	return mpq_refusal_next(r, "make prefixes wider, names shorter, or "
				   "rules fewer");
}

int mpq_steering_check(const struct mpq_config *c, struct mpq_refusal *r)
{
	size_t i;
	int ret;

	if (!c->edge) {
		return check_concentrator(c, r);
	}
	ret = check_count(c, r);
	for (i = 0; i < c->n_classes && !ret; i++) {
		ret = check_class(c, &c->classes[i], r);
	}
	for (i = 0; i < c->n_rules && !ret; i++) {
		ret = mpq_steering_check_rule(c, &c->rules[i], r);
	}
	if (!ret) {
		ret = check_tunnels(c, r);
	}
	return ret ? ret : check_size(c, r);
}
