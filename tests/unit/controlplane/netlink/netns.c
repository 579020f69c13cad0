/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/controlplane/netlink/netns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int current(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

bool netns_possible(void)
{
	int before = current();
	bool possible = unshare(CLONE_NEWNET) == 0;

	if (possible) {
		netns_enter(before);
	} else {
		(void)printf("1..0 # SKIP network namespaces take root: %s\n",
			     strerror(errno));
	}
	(void)close(before);
	return possible;
}

int netns_new(void)
{
	int before = current(), fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	netns_sh("ip link set lo up");
	fd = current();
	netns_enter(before);
	(void)close(before);
	return fd;
}

void netns_enter(int ns)
{
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

void netns_sh(const char *format, ...)
{
	char command[1024];
	va_list arguments;
	int n, status;

	va_start(arguments, format);
	n = vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	assert_true(n > 0 && (size_t)n < sizeof(command));
	status = system(command);
	if (status != 0) {
		print_error("%s: status %d\n", command, status);
	}
	assert_int_equal(status, 0);
}

const char *netns_output(const char *format, ...)
{
	static char output[65536];
	char command[1024];
	va_list arguments;
	FILE *from;
	size_t n;

	va_start(arguments, format);
	(void)vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	from = popen(command, "re");
	assert_non_null(from);
	n = fread(output, 1, sizeof(output) - 1, from);
	output[n] = '\0';
	assert_int_equal(pclose(from), 0);
	return output;
}

void netns_move(const char *device, int ns, const char *name)
{
	netns_sh("ip link set %s netns /proc/%d/fd/%d name %s", device,
		 (int)getpid(), ns, name);
}
