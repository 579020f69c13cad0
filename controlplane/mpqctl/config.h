/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs about configurations: check, load, diff, commit, discard, show. */
#ifndef MPQ_MPQCTL_CONFIG_H
#define MPQ_MPQCTL_CONFIG_H

#include "controlplane/mpqctl/verb.h"

enum mpq_exit mpq_config_check(const struct mpq_call *call);
enum mpq_exit mpq_config_load(const struct mpq_call *call);
enum mpq_exit mpq_config_diff(const struct mpq_call *call);
enum mpq_exit mpq_config_commit(const struct mpq_call *call);
enum mpq_exit mpq_config_discard(const struct mpq_call *call);
enum mpq_exit mpq_config_show(const struct mpq_call *call);

#endif
