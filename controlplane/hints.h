/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is sound in a configuration, and yet can hardly be meant: settings
 * without an effect. Nothing is refused for one. Pure.
 */
#ifndef MPQ_CONTROLPLANE_HINTS_H
#define MPQ_CONTROLPLANE_HINTS_H

#include "controlplane/config.h"

/* Of a configuration that was checked: [{"path", "message"}], the caller's to
 * put. */
struct json_object *mpq_hints_new(const struct mpq_config *c);

#endif
