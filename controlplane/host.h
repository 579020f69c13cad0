/* SPDX-License-Identifier: Apache-2.0 */
/* Can a host have this address? Pure. */
#ifndef MPQ_CONTROLPLANE_HOST_H
#define MPQ_CONTROLPLANE_HOST_H

#include "common/prefix.h"
#include "controlplane/refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool mpq_host_is_zero(const uint8_t *bytes, size_t n);

/* Why not ("a multicast address"), NULL: it can. `address`: 4 or 16 bytes. */
const char *mpq_host_unusable(uint8_t family, const uint8_t *address);

/* For a device's address with its prefix length; `at` is where it stands in the
 * configuration. 0, or -EINVAL with *r. */
int mpq_host_check(const char *at, const struct mpq_prefix *p,
		   struct mpq_refusal *r);

#endif
