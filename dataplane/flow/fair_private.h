/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a fair queue share: fair.c (in, out by turns and from
 * behind), fair_moves.c (all that leaves otherwise). For nobody else.
 */
#ifndef MPQ_FLOW_FAIR_PRIVATE_H
#define MPQ_FLOW_FAIR_PRIVATE_H

#include "dataplane/flow/fair.h"

/* The first of the MPQ_FAIR_WAYS buckets in one of which this flow waits. */
unsigned mpq_fair_set_of(uint32_t flow);

/* To the end of its flow, with the time at which it came; no limit holds. */
void mpq_fair_put(struct mpq_fair *f, struct mpq_packet *p);

/* In and out of a bucket; the queue's own accounts are not changed. There is
 * one to take. */
void mpq_fair_put_last(struct mpq_fair *f, unsigned b, struct mpq_packet *p);
struct mpq_packet *mpq_fair_take_head(struct mpq_fair *f, unsigned b);

/* p, which is in no bucket, leaves the queue. */
struct mpq_packet *mpq_fair_let_go(struct mpq_fair *f, struct mpq_packet *p);

/* The first of a bucket goes back to the pool. */
void mpq_fair_drop_head(struct mpq_fair *f, unsigned b, uint64_t *counter);

#endif
