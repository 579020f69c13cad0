/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/policy.h"

#include "dataplane/flow/bytes.h"
#include "dataplane/masque/capsule.h"
#include "dataplane/policy_wire.h"

#include <errno.h>
#include <string.h>

_Static_assert(4 + MPQ_POLICY_MAX_BYTES <= MPQ_CAPSULE_MAX_BYTES,
	       "a policy fits into a capsule, with its number");

/* Goes on harmlessly when it is full. */
struct writer {
	uint8_t *out;
	size_t cap, len;
	bool full;
};

static uint8_t *reserve(struct writer *w, size_t n)
{
	uint8_t *at = w->out + w->len;

	if (w->full || n > w->cap - w->len) {
		w->full = true;
		return NULL;
	}
	w->len += n;
	return at;
}

static void put_bytes(struct writer *w, const void *data, size_t n)
{
	uint8_t *at = reserve(w, n);

	if (at != NULL) {
		memcpy(at, data, n);
	}
}

/* In network order, `n` bytes of it. */
static void put_uint(struct writer *w, uint64_t value, size_t n)
{
	uint8_t *at = reserve(w, n);

	for (size_t i = 0; at != NULL && i < n; i++) {
		at[i] = (uint8_t)(value >> 8 * (n - 1 - i));
	}
}

/* Where the element's length will stand. */
static size_t begin_element(struct writer *w, uint8_t type)
{
	put_uint(w, type, 1);
	put_uint(w, 0, 2);
	return w->len;
}

static void end_element(struct writer *w, size_t begin)
{
	if (!w->full) {
		mpq_bytes_put16(w->out + begin - 2, (uint16_t)(w->len - begin));
	}
}

static size_t begin_field(struct writer *w, uint8_t type)
{
	put_uint(w, type, 1);
	put_uint(w, 0, 1);
	return w->len;
}

static void end_field(struct writer *w, size_t begin)
{
	if (!w->full) {
		w->out[begin - 1] = (uint8_t)(w->len - begin);
	}
}

/* Absent is 0. */
static void put_field(struct writer *w, uint8_t type, uint64_t value, size_t n)
{
	if (value != 0) {
		put_uint(w, type, 1);
		put_uint(w, n, 1);
		put_uint(w, value, n);
	}
}

static void put_us(struct writer *w, uint8_t type, mpq_duration d)
{
	put_field(w, type, d / MPQ_MICROSECOND, 4);
}

static void put_name(struct writer *w, uint8_t type, const char *name)
{
	size_t n = strlen(name);

	put_uint(w, type, 1);
	put_uint(w, n, 1);
	put_bytes(w, name, n);
}

static void put_order(struct writer *w, uint8_t type, const uint8_t *path,
		      size_t n)
{
	if (n > 0) {
		put_uint(w, type, 1);
		put_uint(w, n, 1);
		put_bytes(w, path, n);
	}
}

static void put_set(struct writer *w, uint8_t type, mpq_steer_set set)
{
	uint8_t path[MPQ_STEER_PATHS];
	size_t n = 0;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		if ((set >> i & 1) != 0) {
			path[n++] = (uint8_t)i;
		}
	}
	put_order(w, type, path, n);
}

static void put_class(struct writer *w, const struct mpq_policy_class *c)
{
	const struct mpq_steer_class_config *s = &c->steer;
	size_t begin = begin_element(w, MPQ_POLICY_WIRE_CLASS);

	put_name(w, MPQ_POLICY_WIRE_CLASS_NAME, c->name);
	put_field(w, MPQ_POLICY_WIRE_CLASS_MODE, s->mode, 1);
	put_field(w, MPQ_POLICY_WIRE_CLASS_PRIORITY, c->priority, 1);
	put_order(w, MPQ_POLICY_WIRE_CLASS_ORDER, s->order, s->n_order);
	put_set(w, MPQ_POLICY_WIRE_CLASS_EXCLUDED, s->excluded);
	put_field(w, MPQ_POLICY_WIRE_CLASS_FLAGS,
		  s->avoid_metered ? MPQ_POLICY_WIRE_AVOID_METERED : 0, 1);
	put_field(w, MPQ_POLICY_WIRE_CLASS_COPIES, s->copies, 1);
	put_us(w, MPQ_POLICY_WIRE_CLASS_ORDER_CAP, s->order_cap);
	put_us(w, MPQ_POLICY_WIRE_CLASS_REPAIR_DEADLINE, c->repair_deadline);
	put_field(w, MPQ_POLICY_WIRE_CLASS_LOSS_MAX, s->loss_max_ppm, 4);
	put_us(w, MPQ_POLICY_WIRE_CLASS_RTT_MAX, s->rtt_max);
	put_field(w, MPQ_POLICY_WIRE_CLASS_RATE_LIMIT, s->rate_limit_bps, 8);
	put_field(w, MPQ_POLICY_WIRE_CLASS_BURST, s->burst_bytes, 4);
	end_element(w, begin);
}

/* Host bits are nobody's business, and only whole bytes are sent. */
static void put_prefix(struct writer *w, const struct mpq_prefix *p)
{
	size_t n = (p->length + 7u) / 8;
	uint8_t addr[16];

	memcpy(addr, p->addr, sizeof(addr));
	if (p->length % 8 != 0) {
		addr[n - 1] &= (uint8_t)(0xff00u >> p->length % 8);
	}
	put_uint(w, p->family, 1);
	put_uint(w, p->length, 1);
	put_bytes(w, addr, n);
}

static void put_prefixes(struct writer *w, uint8_t type,
			 const struct mpq_prefix *p, size_t n)
{
	size_t begin;

	if (n == 0) {
		return;
	}
	begin = begin_field(w, type);
	for (size_t i = 0; i < n; i++) {
		put_prefix(w, &p[i]);
	}
	end_field(w, begin);
}

static void put_ports(struct writer *w, uint8_t type,
		      const struct mpq_classify_ports *p, size_t n)
{
	size_t begin;

	if (n == 0) {
		return;
	}
	begin = begin_field(w, type);
	for (size_t i = 0; i < n; i++) {
		put_uint(w, p[i].first, 2);
		put_uint(w, p[i].last, 2);
	}
	end_field(w, begin);
}

static void put_rule(struct writer *w, const char *name,
		     const struct mpq_classify_rule *r)
{
	size_t begin = begin_element(w, MPQ_POLICY_WIRE_RULE);

	put_name(w, MPQ_POLICY_WIRE_RULE_NAME, name);
	put_field(w, MPQ_POLICY_WIRE_RULE_CLASS, r->class_id, 1);
	put_field(w, MPQ_POLICY_WIRE_RULE_DSCP, r->dscp, 8);
	if (r->protocol != MPQ_CLASSIFY_ANY) {
		size_t field = begin_field(w, MPQ_POLICY_WIRE_RULE_PROTOCOL);

		put_uint(w, (uint64_t)r->protocol, 1);
		end_field(w, field);
	}
	put_prefixes(w, MPQ_POLICY_WIRE_RULE_SOURCE, r->source, r->sources);
	put_prefixes(w, MPQ_POLICY_WIRE_RULE_DESTINATION, r->destination,
		     r->destinations);
	put_ports(w, MPQ_POLICY_WIRE_RULE_SOURCE_PORTS, r->source_port,
		  r->source_ports);
	put_ports(w, MPQ_POLICY_WIRE_RULE_DESTINATION_PORTS,
		  r->destination_port, r->destination_ports);
	end_element(w, begin);
}

static void put_paths(struct writer *w, mpq_steer_set metered)
{
	size_t begin;

	if (metered != 0) {
		begin = begin_element(w, MPQ_POLICY_WIRE_PATHS);
		put_set(w, MPQ_POLICY_WIRE_PATHS_METERED, metered);
		end_element(w, begin);
	}
}

int mpq_policy_write(const struct mpq_policy *p, uint8_t *out, size_t cap)
{
	struct writer w = {.out = out, .cap = cap};

	put_uint(&w, MPQ_POLICY_WIRE_VERSION, 1);
	put_uint(&w, p->classify.fallback, 1);
	for (size_t i = 0; i < p->n_classes; i++) {
		put_class(&w, &p->class[i]);
	}
	for (size_t i = 0; i < p->classify.n_rules; i++) {
		put_rule(&w, p->rule_name[i], &p->classify.rule[i]);
	}
	put_paths(&w, p->metered);
	return w.full ? -EMSGSIZE : (int)w.len;
}
