/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP sockets for mpquic-data, with what needs privilege done to them: bound to
 * a device, marked, sized. The rest (offloads, ECN, packet information) it does
 * itself. All are non-blocking and close-on-exec.
 */
#ifndef MPQ_CONTROLPLANE_SOCKETS_H
#define MPQ_CONTROLPLANE_SOCKETS_H

#include "common/sockaddr.h"

#include <stdint.h>

#define MPQ_SOCKETS_BUFFER_BYTES (4 << 20)

/* A socket that sends and receives by the device `wan` only, from an ephemeral
 * port of its own: wildcard address, so that it survives a renumbering.
 * `family` is AF_INET or AF_INET6, the remote's. While its table has no default
 * route, what is sent is lost on the WAN's own link without an error: whether a
 * WAN has an address and a gateway is mpq_monitor_address()'s and
 * mpq_monitor_gateway()'s to say. 0; -ENODEV: no such
 * device; other -errno. A device that went and came back needs a new socket:
 * this one answers ENODEV for ever. */
int mpq_sockets_wan(const char *wan, uint32_t mark, int family, int *ret_fd);

/* A socket that listens. "::" is every address, IPv4's too, also on a host
 * without IPv6. 0; -EADDRINUSE, -EADDRNOTAVAIL, other -errno. */
int mpq_sockets_listen(const struct mpq_sockaddr *address, int *ret_fd);

#endif
