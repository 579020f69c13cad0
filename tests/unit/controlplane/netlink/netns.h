/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces of a test's own, without names: they go with the last
 * descriptor, whatever becomes of the test.
 */
#ifndef TESTS_NETLINK_NETNS_H
#define TESTS_NETLINK_NETNS_H

#include <stdbool.h>

/* May this process make them? Without root it may not; then the plan of an
 * empty run is printed, with the reason, and main returns 0. (A skip() of
 * cmocka 1.1 reads "not ok", which TAP's readers take for a failure.) */
bool netns_possible(void);

int netns_new(void); /* a descriptor of a new one; the current one stays */
void netns_enter(int ns);

/* Runs a shell command in the current one; the test fails when it fails. */
void netns_sh(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What it prints, in a buffer that the next call overwrites. */
const char *netns_output(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* Moves a device from the current namespace into another, under a new name. */
void netns_move(const char *device, int ns, const char *name);

#endif
