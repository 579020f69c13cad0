/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/policy.h"

#include <string.h>

void mpq_policy_class_init(struct mpq_policy_class *c)
{
	*c = (struct mpq_policy_class){
		.name = MPQ_POLICY_DEFAULT,
		.steer = mpq_steer_class_default,
		.priority = 3,
		.repair_deadline = 500 * MPQ_MILLISECOND,
	};
}

void mpq_policy_init(struct mpq_policy *p)
{
	*p = (struct mpq_policy){.n_classes = 1};
	mpq_policy_class_init(&p->class[0]);
}

static bool steer_equal(const struct mpq_steer_class_config *a,
			const struct mpq_steer_class_config *b)
{
	return a->mode == b->mode && a->n_order == b->n_order &&
	       memcmp(a->order, b->order, a->n_order) == 0 &&
	       a->excluded == b->excluded &&
	       a->avoid_metered == b->avoid_metered && a->copies == b->copies &&
	       a->order_cap == b->order_cap &&
	       a->loss_max_ppm == b->loss_max_ppm && a->rtt_max == b->rtt_max &&
	       a->rate_limit_bps == b->rate_limit_bps &&
	       a->burst_bytes == b->burst_bytes;
}

static bool class_equal(const struct mpq_policy_class *a,
			const struct mpq_policy_class *b)
{
	return strcmp(a->name, b->name) == 0 && a->priority == b->priority &&
	       a->repair_deadline == b->repair_deadline &&
	       steer_equal(&a->steer, &b->steer);
}

static bool prefixes_equal(const struct mpq_prefix *a,
			   const struct mpq_prefix *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!mpq_prefix_equal(&a[i], &b[i])) {
			return false;
		}
	}
	return true;
}

static bool ports_equal(const struct mpq_classify_ports *a,
			const struct mpq_classify_ports *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i].first != b[i].first || a[i].last != b[i].last) {
			return false;
		}
	}
	return true;
}

static bool rule_equal(const struct mpq_classify_rule *a,
		       const struct mpq_classify_rule *b)
{
	return a->class_id == b->class_id && a->dscp == b->dscp &&
	       a->protocol == b->protocol && a->sources == b->sources &&
	       a->destinations == b->destinations &&
	       a->source_ports == b->source_ports &&
	       a->destination_ports == b->destination_ports &&
	       prefixes_equal(a->source, b->source, a->sources) &&
	       prefixes_equal(a->destination, b->destination,
			      a->destinations) &&
	       ports_equal(a->source_port, b->source_port, a->source_ports) &&
	       ports_equal(a->destination_port, b->destination_port,
			   a->destination_ports);
}

bool mpq_policy_equal(const struct mpq_policy *a, const struct mpq_policy *b)
{
	if (a->n_classes != b->n_classes || a->metered != b->metered ||
	    a->classify.n_rules != b->classify.n_rules ||
	    a->classify.fallback != b->classify.fallback) {
		return false;
	}
	for (size_t i = 0; i < a->n_classes; i++) {
		if (!class_equal(&a->class[i], &b -> class[i])) {
			return false;
		}
	}
	for (size_t i = 0; i < a->classify.n_rules; i++) {
		if (strcmp(a->rule_name[i], b->rule_name[i]) != 0 ||
		    !rule_equal(&a->classify.rule[i], &b->classify.rule[i])) {
			return false;
		}
	}
	return true;
}

static int find_class(const struct mpq_policy *p, const char *name)
{
	for (size_t i = 0; i < p->n_classes; i++) {
		if (strcmp(p->class[i].name, name) == 0) {
			return (int)i;
		}
	}
	return -1;
}

/* Who has no number from before takes the first that is free. */
static void choose_numbers(const struct mpq_policy *p,
			   const struct mpq_policy *old,
			   uint8_t ret[MPQ_POLICY_CLASSES])
{
	bool taken[MPQ_POLICY_CLASSES] = {false};
	int was[MPQ_POLICY_CLASSES];
	uint8_t next = 0;

	for (size_t i = 0; i < p->n_classes; i++) {
		was[i] = find_class(old, p->class[i].name);
		if (was[i] >= (int)p->n_classes) {
			was[i] = -1;
		}
		if (was[i] >= 0) {
			taken[was[i]] = true;
			ret[i] = (uint8_t)was[i];
		}
	}
	for (size_t i = 0; i < p->n_classes; i++) {
		while (was[i] < 0 && taken[next]) {
			next++;
		}
		if (was[i] < 0) {
			ret[i] = next++;
		}
	}
}

void mpq_policy_number_like(struct mpq_policy *p, const struct mpq_policy *old)
{
	struct mpq_policy_class class[MPQ_POLICY_CLASSES];
	uint8_t number[MPQ_POLICY_CLASSES] = {0};

	choose_numbers(p, old, number);
	memcpy(class, p->class, sizeof(class));
	for (size_t i = 0; i < p->n_classes; i++) {
		p->class[number[i]] = class[i];
	}
	for (size_t i = 0; i < p->classify.n_rules; i++) {
		uint8_t *id = &p->classify.rule[i].class_id;

		*id = number[*id];
	}
	p->classify.fallback = number[p->classify.fallback];
}
