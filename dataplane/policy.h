/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy of a bonded tunnel: its classes and the rules that fill them, as the
 * edge is configured and as it tells the concentrator over the session, for the
 * way down (bond/README.md, capsule SESSION_POLICY). Pure.
 */
#ifndef MPQ_DATAPLANE_POLICY_H
#define MPQ_DATAPLANE_POLICY_H

#include "dataplane/bond/steer.h"
#include "dataplane/flow/classify.h"

#define MPQ_POLICY_CLASSES    MPQ_STEER_CLASSES
#define MPQ_POLICY_NAME_BYTES 33
#define MPQ_POLICY_PRIORITIES 8
#define MPQ_POLICY_DEFAULT    "default"

/* What a capsule takes, with a number of 4 bytes before it. */
#define MPQ_POLICY_MAX_BYTES 4092

/* What a class may ask for. */
#define MPQ_POLICY_ORDER_MAX    (1 * MPQ_SECOND)
#define MPQ_POLICY_REPAIR_MAX   (1 * MPQ_SECOND)
#define MPQ_POLICY_RTT_MAX      (60 * MPQ_SECOND)
#define MPQ_POLICY_LOSS_MAX_PPM UINT32_C(1000000)
#define MPQ_POLICY_RATE_MAX_BPS UINT64_C(1000000000000)

struct mpq_policy_class {
	char name[MPQ_POLICY_NAME_BYTES];
	struct mpq_steer_class_config steer;
	uint8_t priority;             /* the higher goes first; < PRIORITIES */
	mpq_duration repair_deadline; /* a datagram lost is sent again until
				       * it is so old; 0: never */
};

struct mpq_policy {
	struct mpq_policy_class class[MPQ_POLICY_CLASSES]; /* 0: "default" */
	size_t n_classes;                                  /* >= 1 */
	mpq_steer_set metered; /* paths that are paid by volume */
	char rule_name[MPQ_CLASSIFY_RULES][MPQ_POLICY_NAME_BYTES];
	struct mpq_classify classify;
};

/* What is not said otherwise: auto as steer has it, priority 3, repair for
 * 500 ms. Named "default". */
void mpq_policy_class_init(struct mpq_policy_class *c);

/* One class, "default"; no rule. */
void mpq_policy_init(struct mpq_policy *p);

/* The capsule's value behind its number, for the peer. Its length, or
 * -EMSGSIZE: longer than `cap` (MPQ_POLICY_MAX_BYTES are enough: a
 * configuration is checked for that). */
int mpq_policy_write(const struct mpq_policy *p, uint8_t *out, size_t cap);

/* From a peer, who may send anything: everything is checked, what is beyond our
 * limits is refused. 0: *ret is ready to classify in the direction that it was
 * written for, and its classes are such as mpq_steer_configure() takes;
 * -EBADMSG with a sentence, *ret untouched. */
int mpq_policy_read(struct mpq_policy *ret, const uint8_t *data, size_t len,
		    char reason[128]);

/* The same policy with its classes in such an order that those which `old` has,
 * by name, keep their numbers, as far as there are so many. */
void mpq_policy_number_like(struct mpq_policy *p, const struct mpq_policy *old);

/* But for counters. */
bool mpq_policy_equal(const struct mpq_policy *a, const struct mpq_policy *b);

#endif
