/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that begin with cert. */
#ifndef MPQ_MPQCTL_CERT_H
#define MPQ_MPQCTL_CERT_H

#include "controlplane/mpqctl/verb.h"

enum mpq_exit mpq_cert_init(const struct mpq_call *call);
enum mpq_exit mpq_cert_issue(const struct mpq_call *call);
enum mpq_exit mpq_cert_show(const struct mpq_call *call);

#endif
