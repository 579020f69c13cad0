/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TUN devices: descriptors of them, as mpquic-data wants them (IFF_TUN,
 * IFF_NO_PI, IFF_VNET_HDR, one queue, not persistent: the device lives while
 * any process holds a descriptor). Addresses, MTU and the rest are set by
 * netlink/reconcile.h.
 */
#ifndef MPQ_CONTROLPLANE_TUNDEV_H
#define MPQ_CONTROLPLANE_TUNDEV_H

#include <net/if.h>

/* Makes the device, or attaches to a persistent one of that name. *ret_fd is
 * the caller's, non-blocking and close-on-exec. 0; -EBUSY: another process
 * holds it; -EINVAL: the name is taken by another kind of device, or is none;
 * other -errno (-ENOENT: no /dev/net/tun). */
int mpq_tundev_create(const char *name, int *ret_fd);

/* Is a descriptor that mpquic-data handed back a TUN device of the kind above,
 * and which? 0; -EBADFD: its device was deleted; -EINVAL: another kind. The
 * descriptor stays the caller's. */
int mpq_tundev_adopt(int fd, char ret_name[IFNAMSIZ]);

#endif
