/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of an estimate share: estimate (what the path can do) and
 * estimate_silence (whether it answers).
 */
#ifndef MPQ_BOND_ESTIMATE_PRIVATE_H
#define MPQ_BOND_ESTIMATE_PRIVATE_H

#include "dataplane/bond/estimate.h"

#define MPQ_ESTIMATE_RTT_UNKNOWN (100 * MPQ_MILLISECOND)

static inline mpq_duration mpq_estimate_rtt(const struct mpq_estimate *e)
{
	return e->view.rtt_smoothed > 0 ? e->view.rtt_smoothed
					: MPQ_ESTIMATE_RTT_UNKNOWN;
}

static inline uint32_t mpq_estimate_us(mpq_time t)
{
	return (uint32_t)(t / MPQ_MICROSECOND);
}

/* estimate_silence.c: from now on an answer is awaited. */
void mpq_estimate_silence_sent(struct mpq_estimate *e, mpq_time now);
/* This one was answered. */
void mpq_estimate_silence_acked(struct mpq_estimate *e,
				const struct mpq_estimate_sent *s);
/* If there is one: its time counts neither for the rate nor for the loss. */
void mpq_estimate_silence_end(struct mpq_estimate *e, mpq_time now);

#endif
