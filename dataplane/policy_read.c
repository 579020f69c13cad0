/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/policy.h"

#include "dataplane/flow/bytes.h"
#include "dataplane/policy_wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REASON_BYTES 128

struct reader {
	struct mpq_policy policy; /* so far */
	const char *kind;         /* of the element: "class", or "" */
	size_t index;
	bool paths; /* that element was there */
	char *reason;
};

/* One field, of an element that is being read. */
struct field {
	uint8_t type;
	const uint8_t *value;
	size_t len;
};

/* 0; -EBADMSG; 1: it knows no field of this type. */
typedef int (*read_field)(struct reader *r, const struct field *f);

static int fail(struct reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int fail(struct reader *r, const char *format, ...)
{
	int n = r->kind[0] != '\0' ? snprintf(r->reason, REASON_BYTES,
					      "%s %zu: ", r->kind, r->index)
				   : 0;
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(r->reason + n, REASON_BYTES - (size_t)n, format, ap);
	va_end(ap);
	return -EBADMSG;
}

/* ---- values ------------------------------------------------------------- */

/* Of exactly `n` bytes, and no more than `max`. */
static int read_uint(struct reader *r, const struct field *f, size_t n,
		     uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (f->len != n) {
		return fail(r, "field %u has %zu bytes, not %zu", f->type,
			    f->len, n);
	}
	for (size_t i = 0; i < n; i++) {
		value = value << 8 | f->value[i];
	}
	if (value > max) {
		return fail(r, "field %u is %llu, more than %llu", f->type,
			    (unsigned long long)value, (unsigned long long)max);
	}
	*ret = value;
	return 0;
}

static int read_byte(struct reader *r, const struct field *f, uint8_t max,
		     uint8_t *ret)
{
	uint64_t value = 0;
	int rc = read_uint(r, f, 1, max, &value);

	*ret = (uint8_t)value;
	return rc;
}

static int read_word(struct reader *r, const struct field *f, uint32_t max,
		     uint32_t *ret)
{
	uint64_t value = 0;
	int rc = read_uint(r, f, 4, max, &value);

	*ret = (uint32_t)value;
	return rc;
}

static int read_us(struct reader *r, const struct field *f, mpq_duration max,
		   mpq_duration *ret)
{
	uint64_t value = 0;
	int rc = read_uint(r, f, 4, max / MPQ_MICROSECOND, &value);

	*ret = value * MPQ_MICROSECOND;
	return rc;
}

static int read_name(struct reader *r, const struct field *f,
		     char name[MPQ_POLICY_NAME_BYTES])
{
	if (f->len < 1 || f->len >= MPQ_POLICY_NAME_BYTES) {
		return fail(r, "a name has 1 to %d characters, not %zu",
			    MPQ_POLICY_NAME_BYTES - 1, f->len);
	}
	for (size_t i = 0; i < f->len; i++) {
		if (f->value[i] <= ' ' || f->value[i] > '~') {
			return fail(r, "a name may not have the byte %02x",
				    f->value[i]);
		}
	}
	memcpy(name, f->value, f->len);
	name[f->len] = '\0';
	return 0;
}

/* Path IDs, each once. */
static int read_set(struct reader *r, const struct field *f, mpq_steer_set *ret)
{
	mpq_steer_set set = 0;

	for (size_t i = 0; i < f->len; i++) {
		if (f->value[i] >= MPQ_STEER_PATHS) {
			return fail(r, "there is no path %u", f->value[i]);
		}
		if ((set >> f->value[i] & 1) != 0) {
			return fail(r, "path %u is there twice", f->value[i]);
		}
		set |= UINT32_C(1) << f->value[i];
	}
	*ret = set;
	return 0;
}

/* ---- classes ------------------------------------------------------------ */

static int read_order(struct reader *r, const struct field *f,
		      struct mpq_steer_class_config *c)
{
	mpq_steer_set set;
	int rc = read_set(r, f, &set);

	if (rc == 0) {
		memcpy(c->order, f->value, f->len);
		c->n_order = (uint8_t)f->len;
	}
	return rc;
}

static int read_mode(struct reader *r, const struct field *f,
		     struct mpq_steer_class_config *c)
{
	uint8_t mode;
	int rc = read_byte(r, f, MPQ_STEER_MODES - 1, &mode);

	c->mode = (enum mpq_steer_mode)mode;
	return rc;
}

static int read_flags(struct reader *r, const struct field *f,
		      struct mpq_steer_class_config *c)
{
	uint8_t flags;
	int rc = read_byte(r, f, MPQ_POLICY_WIRE_AVOID_METERED, &flags);

	c->avoid_metered = (flags & MPQ_POLICY_WIRE_AVOID_METERED) != 0;
	return rc;
}

static int read_class_field(struct reader *r, const struct field *f)
{
	struct mpq_policy_class *c = &r->policy.class[r->index];
	struct mpq_steer_class_config *s = &c->steer;

	switch (f->type) {
	case MPQ_POLICY_WIRE_CLASS_NAME:
		return read_name(r, f, c->name);
	case MPQ_POLICY_WIRE_CLASS_MODE:
		return read_mode(r, f, s);
	case MPQ_POLICY_WIRE_CLASS_PRIORITY:
		return read_byte(r, f, MPQ_POLICY_PRIORITIES - 1, &c->priority);
	case MPQ_POLICY_WIRE_CLASS_ORDER:
		return read_order(r, f, s);
	case MPQ_POLICY_WIRE_CLASS_EXCLUDED:
		return read_set(r, f, &s->excluded);
	case MPQ_POLICY_WIRE_CLASS_FLAGS:
		return read_flags(r, f, s);
	case MPQ_POLICY_WIRE_CLASS_COPIES:
		return read_byte(r, f, MPQ_STEER_PATHS, &s->copies);
	case MPQ_POLICY_WIRE_CLASS_ORDER_CAP:
		return read_us(r, f, MPQ_POLICY_ORDER_MAX, &s->order_cap);
	case MPQ_POLICY_WIRE_CLASS_REPAIR_DEADLINE:
		return read_us(r, f, MPQ_POLICY_REPAIR_MAX,
			       &c->repair_deadline);
	case MPQ_POLICY_WIRE_CLASS_LOSS_MAX:
		return read_word(r, f, MPQ_POLICY_LOSS_MAX_PPM,
				 &s->loss_max_ppm);
	case MPQ_POLICY_WIRE_CLASS_RTT_MAX:
		return read_us(r, f, MPQ_POLICY_RTT_MAX, &s->rtt_max);
	case MPQ_POLICY_WIRE_CLASS_RATE_LIMIT:
		return read_uint(r, f, 8, MPQ_POLICY_RATE_MAX_BPS,
				 &s->rate_limit_bps);
	case MPQ_POLICY_WIRE_CLASS_BURST:
		return read_word(r, f, UINT32_MAX, &s->burst_bytes);
	default:
		return 1;
	}
}

static int check_class(struct reader *r)
{
	const struct mpq_policy_class *c = &r->policy.class[r->index];
	const char *must = r->index == 0 ? MPQ_POLICY_DEFAULT : c->name;

	if (c->name[0] == '\0' || strcmp(c->name, must) != 0) {
		return fail(r, "has the name \"%s\"", c->name);
	}
	for (size_t i = 0; i < r->index; i++) {
		if (strcmp(r->policy.class[i].name, c->name) == 0) {
			return fail(r, "\"%s\" is there twice", c->name);
		}
	}
	for (size_t i = 0; i < c->steer.n_order; i++) {
		if ((c->steer.excluded >> c->steer.order[i] & 1) != 0) {
			return fail(r, "its order has the excluded path %u",
				    c->steer.order[i]);
		}
	}
	r->policy.n_classes++;
	return 0;
}

/* ---- rules -------------------------------------------------------------- */

/* The next prefix of a field; the bytes that it takes, or 0: it is none. */
static size_t read_prefix(const uint8_t *data, size_t len,
			  struct mpq_prefix *ret)
{
	struct mpq_prefix p = {0};
	size_t n;

	if (len < 2) {
		return 0;
	}
	p.family = data[0];
	p.length = data[1];
	n = (p.length + 7u) / 8;
	if ((p.family != 4 && p.family != 6) ||
	    p.length > (p.family == 4 ? 32 : 128) || len - 2 < n) {
		return 0;
	}
	memcpy(p.addr, data + 2, n);
	if (p.length % 8 != 0 && (p.addr[n - 1] & 0xff >> p.length % 8) != 0) {
		return 0;
	}
	*ret = p;
	return 2 + n;
}

static int read_prefixes(struct reader *r, const struct field *f,
			 struct mpq_prefix *out, uint8_t *ret_n)
{
	size_t n = 0, taken;

	for (size_t at = 0; at < f->len; at += taken) {
		if (n >= MPQ_CLASSIFY_PREFIXES) {
			return fail(r, "field %u has more than %d prefixes",
				    f->type, MPQ_CLASSIFY_PREFIXES);
		}
		taken = read_prefix(f->value + at, f->len - at, &out[n++]);
		if (taken == 0) {
			return fail(r, "field %u: prefix %zu is none", f->type,
				    n - 1);
		}
	}
	*ret_n = (uint8_t)n;
	return 0;
}

static int read_ports(struct reader *r, const struct field *f,
		      struct mpq_classify_ports *out, uint8_t *ret_n)
{
	size_t n = f->len / 4;

	if (f->len % 4 != 0 || n > MPQ_CLASSIFY_PORTS) {
		return fail(r, "field %u has %zu bytes, not up to %d times 4",
			    f->type, f->len, MPQ_CLASSIFY_PORTS);
	}
	for (size_t i = 0; i < n; i++) {
		out[i].first = mpq_bytes_get16(f->value + 4 * i);
		out[i].last = mpq_bytes_get16(f->value + 4 * i + 2);
		if (out[i].first > out[i].last) {
			return fail(r, "field %u: no port is from %u to %u",
				    f->type, out[i].first, out[i].last);
		}
	}
	*ret_n = (uint8_t)n;
	return 0;
}

static int read_protocol(struct reader *r, const struct field *f,
			 struct mpq_classify_rule *rule)
{
	uint8_t protocol;
	int rc = read_byte(r, f, UINT8_MAX, &protocol);

	rule->protocol = protocol;
	return rc;
}

static int read_rule_field(struct reader *r, const struct field *f)
{
	struct mpq_classify_rule *rule = &r->policy.classify.rule[r->index];

	switch (f->type) {
	case MPQ_POLICY_WIRE_RULE_NAME:
		return read_name(r, f, r->policy.rule_name[r->index]);
	case MPQ_POLICY_WIRE_RULE_CLASS:
		return read_byte(r, f, UINT8_MAX, &rule->class_id);
	case MPQ_POLICY_WIRE_RULE_DSCP:
		return read_uint(r, f, 8, UINT64_MAX, &rule->dscp);
	case MPQ_POLICY_WIRE_RULE_PROTOCOL:
		return read_protocol(r, f, rule);
	case MPQ_POLICY_WIRE_RULE_SOURCE:
		return read_prefixes(r, f, rule->source, &rule->sources);
	case MPQ_POLICY_WIRE_RULE_DESTINATION:
		return read_prefixes(r, f, rule->destination,
				     &rule->destinations);
	case MPQ_POLICY_WIRE_RULE_SOURCE_PORTS:
		return read_ports(r, f, rule->source_port, &rule->source_ports);
	case MPQ_POLICY_WIRE_RULE_DESTINATION_PORTS:
		return read_ports(r, f, rule->destination_port,
				  &rule->destination_ports);
	default:
		return 1;
	}
}

static int check_rule(struct reader *r)
{
	const char *name = r->policy.rule_name[r->index];
	unsigned class = r->policy.classify.rule[r->index].class_id;

	if (name[0] == '\0') {
		return fail(r, "has no name");
	}
	for (size_t i = 0; i < r->index; i++) {
		if (strcmp(r->policy.rule_name[i], name) == 0) {
			return fail(r, "\"%s\" is there twice", name);
		}
	}
	if (class >= r->policy.n_classes) {
		return fail(r, "there is no class %u before it", class);
	}
	r->policy.classify.n_rules++;
	return 0;
}

/* ---- the whole ---------------------------------------------------------- */

static int read_paths_field(struct reader *r, const struct field *f)
{
	if (f->type != MPQ_POLICY_WIRE_PATHS_METERED) {
		return 1;
	}
	return read_set(r, f, &r->policy.metered);
}

/* Their types ascend, so none is there twice. */
static int read_fields(struct reader *r, const uint8_t *data, size_t len,
		       read_field read)
{
	unsigned last = 0;

	while (len > 0) {
		struct field f = {.type = data[0], .value = data + 2};
		int rc;

		if (len < 2 || data[1] > len - 2) {
			return fail(r, "field %u is cut short", f.type);
		}
		f.len = data[1];
		if (f.type <= last) {
			return fail(r, "field %u stands after %u", f.type,
				    last);
		}
		last = f.type;
		rc = read(r, &f);
		if (rc == 1 && f.type < MPQ_POLICY_WIRE_OPTIONAL) {
			return fail(r, "field %u is unknown", f.type);
		}
		if (rc < 0) {
			return rc;
		}
		data += 2 + f.len;
		len -= 2 + f.len;
	}
	return 0;
}

static int read_class(struct reader *r, const uint8_t *data, size_t len)
{
	int rc;

	r->kind = "class";
	r->index = r->policy.n_classes;
	if (r->index >= MPQ_POLICY_CLASSES) {
		return fail(r, "is one too many");
	}
	if (r->policy.classify.n_rules > 0) {
		return fail(r, "stands after a rule");
	}
	rc = read_fields(r, data, len, read_class_field);
	return rc == 0 ? check_class(r) : rc;
}

static int read_rule(struct reader *r, const uint8_t *data, size_t len)
{
	int rc;

	r->kind = "rule";
	r->index = r->policy.classify.n_rules;
	if (r->index >= MPQ_CLASSIFY_RULES) {
		return fail(r, "is one too many");
	}
	r->policy.classify.rule[r->index].protocol = MPQ_CLASSIFY_ANY;
	rc = read_fields(r, data, len, read_rule_field);
	return rc == 0 ? check_rule(r) : rc;
}

static int read_paths(struct reader *r, const uint8_t *data, size_t len)
{
	if (r->paths) {
		return fail(r, "metered paths are there twice");
	}
	r->paths = true;
	return read_fields(r, data, len, read_paths_field);
}

static int read_element(struct reader *r, uint8_t type, const uint8_t *data,
			size_t len)
{
	r->kind = "";
	switch (type) {
	case MPQ_POLICY_WIRE_CLASS:
		return read_class(r, data, len);
	case MPQ_POLICY_WIRE_RULE:
		return read_rule(r, data, len);
	case MPQ_POLICY_WIRE_PATHS:
		return read_paths(r, data, len);
	default:
		return type >= MPQ_POLICY_WIRE_OPTIONAL
			       ? 0
			       : fail(r, "element %u is unknown", type);
	}
}

static int read_elements(struct reader *r, const uint8_t *data, size_t len)
{
	int rc = 0;

	while (len > 0 && rc == 0) {
		size_t n = len >= 3 ? mpq_bytes_get16(data + 1) : len;

		if (len < 3 || n > len - 3) {
			r->kind = "";
			return fail(r, "element %u is cut short", data[0]);
		}
		rc = read_element(r, data[0], data + 3, n);
		data += 3 + n;
		len -= 3 + n;
	}
	return rc;
}

static int read_all(struct reader *r, const uint8_t *data, size_t len)
{
	int rc;

	if (len < 2 || data[0] != MPQ_POLICY_WIRE_VERSION) {
		return fail(r, "version %d is not %d", len < 2 ? -1 : data[0],
			    MPQ_POLICY_WIRE_VERSION);
	}
	rc = read_elements(r, data + 2, len - 2);
	if (rc < 0) {
		return rc;
	}
	r->kind = "";
	if (data[1] >= r->policy.n_classes) {
		return fail(r, "there is no class %u to fall back to", data[1]);
	}
	r->policy.classify.fallback = data[1];
	return 0;
}

int mpq_policy_read(struct mpq_policy *ret, const uint8_t *data, size_t len,
		    char reason[128])
{
	struct reader r = {.kind = "", .reason = reason};
	int rc = read_all(&r, data, len);

	if (rc == 0) {
		mpq_classify_compile(&r.policy.classify);
		*ret = r.policy;
	}
	return rc;
}
