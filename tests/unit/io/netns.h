/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network namespace of the test process's own, with loopback up: what these
 * tests do to devices is theirs alone and is gone when they end.
 */
#ifndef MPQ_TESTS_IO_NETNS_H
#define MPQ_TESTS_IO_NETNS_H

/* 0 or -errno: -EPERM when the test does not run as root. */
int netns_enter(void);

/* Ioctls on a device of the namespace. 0 or -errno. */
int netns_set_up(const char *device);
int netns_set_mtu(const char *device, int mtu_bytes);
int netns_set_address(const char *device, const char *address, int prefix_len);

/* A TUN device as mpquic-control opens it: its descriptor or -errno. */
int netns_open_tun(const char *device, int flags);

#endif
