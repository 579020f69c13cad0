/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that act at once: path hold and release, tunnel enable and disable.
 */
#ifndef MPQ_MPQCTL_OPERATE_H
#define MPQ_MPQCTL_OPERATE_H

#include "controlplane/mpqctl/verb.h"

enum mpq_exit mpq_operate_path_hold(const struct mpq_call *call);
enum mpq_exit mpq_operate_path_release(const struct mpq_call *call);
enum mpq_exit mpq_operate_tunnel_enable(const struct mpq_call *call);
enum mpq_exit mpq_operate_tunnel_disable(const struct mpq_call *call);

#endif
