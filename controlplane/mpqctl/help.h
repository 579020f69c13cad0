/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs help and version. */
#ifndef MPQ_MPQCTL_HELP_H
#define MPQ_MPQCTL_HELP_H

#include "controlplane/mpqctl/verb.h"

void mpq_help_list(void);
void mpq_help_verb(const struct mpq_verb *v);

enum mpq_exit mpq_help_run(const struct mpq_call *call);
enum mpq_exit mpq_help_version(const struct mpq_call *call);

#endif
