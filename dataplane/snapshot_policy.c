/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/snapshot_private.h"

#include <stdlib.h>
#include <string.h>

/* ---- classes ------------------------------------------------------------ */

static int path_of(const struct mpq_snapshot *s, const char *name)
{
	const struct mpq_snapshot_path *p = mpq_snapshot_path(s, name);

	return p != NULL ? (int)(p - s->paths) : -1;
}

/* The paths that member `key` names, by their places, each once. */
static size_t read_path_list(struct mpq_json_reader *r, struct json_object *o,
			     const char *key, const struct mpq_snapshot *s,
			     uint8_t places[MPQ_SNAPSHOT_PATHS],
			     uint64_t *ret_set)
{
	struct json_object *list = mpq_json_array_or_null(r, o, key);
	size_t n = list != NULL ? json_object_array_length(list) : 0, kept = 0;

	*ret_set = 0;
	for (size_t i = 0; i < n; i++) {
		const char *name = json_object_get_string(
			json_object_array_get_idx(list, i));
		int place = path_of(s, name != NULL ? name : "");

		if (place < 0) {
			mpq_json_fail(r, key, "there is no path \"%s\"",
				      name != NULL ? name : "null");
			return 0;
		}
		if ((*ret_set >> place & 1) != 0) {
			mpq_json_fail(r, key, "\"%s\" is there twice", name);
			return 0;
		}
		*ret_set |= UINT64_C(1) << place;
		places[kept++] = (uint8_t)place;
	}
	return kept;
}

static void read_class_paths(struct mpq_json_reader *r, struct json_object *o,
			     const struct mpq_snapshot *s,
			     struct mpq_snapshot_class *c)
{
	uint8_t unused[MPQ_SNAPSHOT_PATHS];
	uint64_t ordered;

	c->n_order = read_path_list(r, o, "order", s, c->order, &ordered);
	(void)read_path_list(r, o, "excluded", s, unused, &c->excluded);
	for (size_t i = 0; i < c->n_order; i++) {
		if ((c->excluded >> c->order[i] & 1) != 0) {
			mpq_json_fail(r, "excluded", "\"%s\" is in order, too",
				      s->paths[c->order[i]].name);
			return;
		}
	}
}

static void read_mode(struct mpq_json_reader *r, struct json_object *o,
		      struct mpq_steer_class_config *c)
{
	const char *mode =
		mpq_json_string_or(r, o, "mode", mpq_steer_mode_name(c->mode));

	if (mpq_steer_mode_parse(mode, &c->mode) < 0) {
		mpq_json_fail(r, "mode", "\"%s\" is unknown", mode);
	}
}

static mpq_duration read_us(struct mpq_json_reader *r, struct json_object *o,
			    const char *key, mpq_duration max,
			    mpq_duration fallback)
{
	return mpq_json_uint_or(r, o, key, 0, max / MPQ_MICROSECOND,
				fallback / MPQ_MICROSECOND) *
	       MPQ_MICROSECOND;
}

static void read_steering(struct mpq_json_reader *r, struct json_object *o,
			  struct mpq_steer_class_config *c)
{
	read_mode(r, o, c);
	c->avoid_metered =
		mpq_json_bool_or(r, o, "avoid-metered", c->avoid_metered);
	c->copies = (uint8_t)mpq_json_uint_or(r, o, "copies", 0,
					      MPQ_STEER_PATHS, c->copies);
	c->order_cap = read_us(r, o, "order-cap-us", MPQ_POLICY_ORDER_MAX,
			       c->order_cap);
	c->loss_max_ppm = (uint32_t)mpq_json_uint_or(r, o, "loss-max-ppm", 0,
						     MPQ_POLICY_LOSS_MAX_PPM,
						     c->loss_max_ppm);
	c->rtt_max =
		read_us(r, o, "rtt-max-us", MPQ_POLICY_RTT_MAX, c->rtt_max);
	c->rate_limit_bps =
		mpq_json_uint_or(r, o, "rate-limit-bps", 0,
				 MPQ_POLICY_RATE_MAX_BPS, c->rate_limit_bps);
}

void mpq_snapshot_read_class_item(struct mpq_json_reader *r,
				  struct json_object *o, struct mpq_snapshot *s,
				  size_t i)
{
	struct mpq_snapshot_class *c = &s->classes[i];
	struct mpq_policy_class *p = &c->policy;

	mpq_policy_class_init(p);
	mpq_snapshot_read_name(r, o, "name", p->name, sizeof(p->name));
	for (size_t j = 0; j < i; j++) {
		if (strcmp(s->classes[j].policy.name, p->name) == 0) {
			mpq_json_fail(r, "name", "\"%s\" is there twice",
				      p->name);
		}
	}
	read_steering(r, o, &p->steer);
	read_class_paths(r, o, s, c);
	p->priority = (uint8_t)mpq_json_uint_or(r, o, "priority", 0,
						MPQ_POLICY_PRIORITIES - 1,
						p->priority);
	p->repair_deadline = read_us(r, o, "repair-deadline-us",
				     MPQ_POLICY_REPAIR_MAX, p->repair_deadline);
}

static int class_of(const struct mpq_snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->n_classes; i++) {
		if (strcmp(s->classes[i].policy.name, name) == 0) {
			return (int)i;
		}
	}
	/* Without any classes there is still that one. */
	return strcmp(name, MPQ_POLICY_DEFAULT) == 0 && s->n_classes == 0 ? 0
									  : -1;
}

void mpq_snapshot_default_first(struct mpq_json_reader *r,
				struct mpq_snapshot *s)
{
	int at = class_of(s, MPQ_POLICY_DEFAULT);
	struct mpq_snapshot_class c;

	if (r->error[0] || at == 0) {
		return;
	}
	if (at < 0) {
		mpq_json_fail(r, "classes",
			      "there is no class \"" MPQ_POLICY_DEFAULT "\"");
		return;
	}
	c = s->classes[at];
	memmove(&s->classes[1], &s->classes[0], (size_t)at * sizeof(c));
	s->classes[0] = c;
}

uint8_t mpq_snapshot_read_class(struct mpq_json_reader *r,
				struct json_object *o, const char *key,
				const struct mpq_snapshot *s)
{
	const char *name = mpq_json_string_or(r, o, key, MPQ_POLICY_DEFAULT);
	int at = class_of(s, name);

	if (at < 0) {
		mpq_json_fail(r, key, "there is no class \"%s\"", name);
		return 0;
	}
	return (uint8_t)at;
}

/* ---- rules -------------------------------------------------------------- */

static void read_dscp(struct mpq_json_reader *r, struct json_object *o,
		      struct mpq_classify_rule *m)
{
	struct json_object *list = mpq_json_array_or_null(r, o, "dscp");
	size_t n = list != NULL ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		int64_t value = json_object_get_int64(item);

		if (!json_object_is_type(item, json_type_int) || value < 0 ||
		    value > 63) {
			mpq_json_fail(r, "dscp", "%s is not one of 0..63",
				      json_object_to_json_string(item));
			return;
		}
		m->dscp |= UINT64_C(1) << value;
	}
}

/* Digits; what follows them, or NULL: none, or no port. */
static const char *parse_port(const char *text, uint16_t *ret)
{
	size_t n = strspn(text, "0123456789");
	unsigned long value = strtoul(text, NULL, 10);

	if (n < 1 || n > 5 || value > UINT16_MAX) {
		return NULL;
	}
	*ret = (uint16_t)value;
	return text + n;
}

/* "80", "5000-5010". */
static bool parse_ports(const char *text, struct mpq_classify_ports *ret)
{
	const char *rest = parse_port(text, &ret->first);

	ret->last = ret->first;
	if (rest != NULL && *rest == '-') {
		rest = parse_port(rest + 1, &ret->last);
	}
	return rest != NULL && *rest == '\0' && ret->first <= ret->last;
}

static void read_ports(struct mpq_json_reader *r, struct json_object *o,
		       const char *key, struct mpq_classify_ports *out,
		       uint8_t *ret_n)
{
	struct json_object *list = mpq_json_array_or_null(r, o, key);
	size_t n = list != NULL ? json_object_array_length(list) : 0;

	if (n > MPQ_CLASSIFY_PORTS) {
		mpq_json_fail(r, key, "has more than %d entries",
			      MPQ_CLASSIFY_PORTS);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const char *text = json_object_get_string(
			json_object_array_get_idx(list, i));

		if (!parse_ports(text != NULL ? text : "", &out[i])) {
			mpq_json_fail(r, key, "\"%s\" is not a range of ports",
				      text != NULL ? text : "null");
			return;
		}
	}
	*ret_n = (uint8_t)n;
}

static void read_match_prefixes(struct mpq_json_reader *r,
				struct json_object *o, const char *key,
				struct mpq_prefix *out, uint8_t *ret_n)
{
	size_t n = 0;

	mpq_snapshot_read_prefixes(r, o, key, out, MPQ_CLASSIFY_PREFIXES, &n);
	*ret_n = (uint8_t)n;
}

static int16_t read_protocol(struct mpq_json_reader *r, struct json_object *o)
{
	uint64_t value = mpq_json_uint_or(r, o, "protocol", 0, 255, 256);

	return value > 255 ? MPQ_CLASSIFY_ANY : (int16_t)value;
}

void mpq_snapshot_read_rule(struct mpq_json_reader *r, struct json_object *o,
			    struct mpq_snapshot *s, size_t i)
{
	struct mpq_snapshot_rule *rule = &s->rules[i];
	struct mpq_classify_rule *m = &rule->match;

	mpq_snapshot_read_name(r, o, "name", rule->name, sizeof(rule->name));
	(void)mpq_json_string(r, o, "class");
	m->class_id = mpq_snapshot_read_class(r, o, "class", s);
	m->protocol = read_protocol(r, o);
	read_dscp(r, o, m);
	read_match_prefixes(r, o, "source", m->source, &m->sources);
	read_match_prefixes(r, o, "destination", m->destination,
			    &m->destinations);
	read_ports(r, o, "source-ports", m->source_port, &m->source_ports);
	read_ports(r, o, "destination-ports", m->destination_port,
		   &m->destination_ports);
	for (size_t j = 0; j < i; j++) {
		if (strcmp(s->rules[j].name, rule->name) == 0) {
			mpq_json_fail(r, "name", "\"%s\" is there twice",
				      rule->name);
		}
	}
}

/* ---- of one tunnel ------------------------------------------------------ */

/* Its own number of one of the snapshot's paths; -1: not its path. */
static int own_path(const struct mpq_snapshot *s,
		    const struct mpq_snapshot_tunnel *t, size_t place)
{
	return mpq_snapshot_tunnel_path_index(t, s->paths[place].name);
}

static void make_class(const struct mpq_snapshot *s,
		       const struct mpq_snapshot_tunnel *t,
		       const struct mpq_snapshot_class *from,
		       struct mpq_policy_class *ret)
{
	*ret = from->policy;
	for (size_t i = 0; i < from->n_order; i++) {
		int own = own_path(s, t, from->order[i]);

		if (own >= 0) {
			ret->steer.order[ret->steer.n_order++] = (uint8_t)own;
		}
	}
	for (size_t i = 0; i < s->n_paths; i++) {
		int own =
			(from->excluded >> i & 1) != 0 ? own_path(s, t, i) : -1;

		ret->steer.excluded |= own >= 0 ? UINT32_C(1) << own : 0;
	}
}

void mpq_snapshot_policy(const struct mpq_snapshot *s,
			 const struct mpq_snapshot_tunnel *t,
			 struct mpq_policy *ret)
{
	mpq_policy_init(ret);
	for (size_t i = 0; i < s->n_classes; i++) {
		make_class(s, t, &s->classes[i], &ret->class[i]);
	}
	ret->n_classes = s->n_classes > 0 ? s->n_classes : 1;
	for (size_t i = 0; i < s->n_rules; i++) {
		memcpy(ret->rule_name[i], s->rules[i].name,
		       sizeof(ret->rule_name[i]));
		ret->classify.rule[i] = s->rules[i].match;
	}
	for (size_t i = 0; i < s->n_paths; i++) {
		int own = s->paths[i].metered ? own_path(s, t, i) : -1;

		ret->metered |= own >= 0 ? UINT32_C(1) << own : 0;
	}
	ret->classify.n_rules = s->n_rules;
	ret->classify.fallback = t->default_class;
	mpq_classify_compile(&ret->classify);
}

void mpq_snapshot_check_policy(struct mpq_json_reader *r,
			       const struct mpq_snapshot *s,
			       const struct mpq_snapshot_tunnel *t)
{
	uint8_t out[MPQ_POLICY_MAX_BYTES];
	struct mpq_policy policy;

	mpq_snapshot_policy(s, t, &policy);
	if (mpq_policy_write(&policy, out, sizeof(out)) < 0) {
		mpq_json_fail(r, "",
			      "classes and rules are more than fits into %d "
			      "bytes for the peer: take fewer rules, prefixes "
			      "or shorter names",
			      MPQ_POLICY_MAX_BYTES);
	}
}
