/* SPDX-License-Identifier: Apache-2.0 */
/* Input: the policy of a capsule SESSION_POLICY. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "dataplane/policy.h"

/* The longest form: each prefix and number in full. */
#define OUT_BYTES (1 << 16)

static void check_classes(const struct mpq_policy *p)
{
	struct mpq_steer *s = mpq_steer_new(NULL, NULL, 0);

	FUZZ_HOLDS(s != NULL);
	FUZZ_HOLDS(p->n_classes >= 1 && p->n_classes <= MPQ_POLICY_CLASSES);
	FUZZ_HOLDS(strcmp(p->class[0].name, "default") == 0);
	for (size_t i = 0; i < p->n_classes; i++) {
		const struct mpq_policy_class *c = &p->class[i];

		FUZZ_HOLDS(c->priority < MPQ_POLICY_PRIORITIES);
		FUZZ_HOLDS(c->repair_deadline <= MPQ_POLICY_REPAIR_MAX);
		FUZZ_HOLDS(c->steer.order_cap <= MPQ_POLICY_ORDER_MAX);
		FUZZ_HOLDS(mpq_steer_configure(s, (unsigned)i, &c->steer, 1) ==
			   0);
	}
	mpq_steer_free(s);
}

static void check_prefixes(const struct mpq_prefix *p, size_t n)
{
	FUZZ_HOLDS(n <= MPQ_CLASSIFY_PREFIXES);
	for (size_t i = 0; i < n; i++) {
		FUZZ_HOLDS(p[i].family == 4 || p[i].family == 6);
		FUZZ_HOLDS(p[i].length <= (p[i].family == 4 ? 32 : 128));
	}
}

static void check_rules(const struct mpq_policy *p)
{
	FUZZ_HOLDS(p->classify.fallback < p->n_classes);
	FUZZ_HOLDS(p->classify.n_rules <= MPQ_CLASSIFY_RULES);
	for (size_t i = 0; i < p->classify.n_rules; i++) {
		const struct mpq_classify_rule *r = &p->classify.rule[i];

		FUZZ_HOLDS(p->rule_name[i][0] != '\0');
		FUZZ_HOLDS(r->class_id < p->n_classes);
		FUZZ_HOLDS(r->protocol >= MPQ_CLASSIFY_ANY &&
			   r->protocol <= 255);
		FUZZ_HOLDS(r->source_ports <= MPQ_CLASSIFY_PORTS);
		FUZZ_HOLDS(r->destination_ports <= MPQ_CLASSIFY_PORTS);
		check_prefixes(r->source, r->sources);
		check_prefixes(r->destination, r->destinations);
	}
}

/* What came for one direction is used in the other. */
static void check_use(const struct mpq_policy *p)
{
	static struct mpq_classify c;
	uint8_t address[2][16] = {{10}, {0xfd}};
	struct mpq_ip ip = {.version = 4,
			    .protocol = 6,
			    .total_bytes = 100,
			    .source = address[0],
			    .destination = address[1],
			    .source_port = 443};

	c = p->classify;
	FUZZ_HOLDS(mpq_classify(&c, &ip) < p->n_classes);
	mpq_classify_reverse(&c);
	ip.version = 6;
	FUZZ_HOLDS(mpq_classify(&c, &ip) < p->n_classes);
}

/* Numbered like one that has some of its classes, in another order: the same
 * policy, and back again. */
static void check_numbers(const struct mpq_policy *p)
{
	static struct mpq_policy old, like;

	old = *p;
	for (size_t i = 1; i < p->n_classes; i++) {
		old.class[i] = p->class[p->n_classes - i];
	}
	for (old.n_classes = 1; old.n_classes <= p->n_classes;
	     old.n_classes++) {
		like = *p;
		mpq_policy_number_like(&like, &old);
		check_classes(&like);
		check_rules(&like);
		mpq_policy_number_like(&like, p);
		FUZZ_HOLDS(mpq_policy_equal(&like, p));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mpq_policy p, again;
	static uint8_t out[OUT_BYTES];
	char reason[128] = "";
	int n;

	if (mpq_policy_read(&p, data, size, reason) < 0) {
		FUZZ_HOLDS(reason[0] != '\0');
		FUZZ_HOLDS(memchr(reason, '\0', sizeof(reason)) != NULL);
		return 0;
	}
	check_classes(&p);
	check_rules(&p);
	check_use(&p);
	check_numbers(&p);
	n = mpq_policy_write(&p, out, sizeof(out));
	FUZZ_HOLDS(n > 0);
	FUZZ_HOLDS(mpq_policy_read(&again, out, (size_t)n, reason) == 0);
	FUZZ_HOLDS(mpq_policy_equal(&p, &again));
	return 0;
}
