/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What classes and rules have to satisfy beyond what YANG can say. A part of
 * semantics.h, in a file of its own.
 */
#ifndef MPQ_CONTROLPLANE_STEERING_H
#define MPQ_CONTROLPLANE_STEERING_H

#include "controlplane/config.h"
#include "controlplane/refusal.h"

/* 0, or -EINVAL with *r. */
int mpq_steering_check(const struct mpq_config *c, struct mpq_refusal *r);

#endif
