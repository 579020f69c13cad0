/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void mpq_notify_send(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char text[1024];
	size_t len;
	va_list ap;
	int fd;

	if (path == NULL || strlen(path) >= sizeof(a.sun_path)) {
		return;
	}
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	len = strlen(path);
	memcpy(a.sun_path, path, len);
	if (path[0] == '@') {
		a.sun_path[0] = '\0'; /* the abstract namespace, unix(7) */
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return;
	}
	(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL,
		     (struct sockaddr *)&a,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)close(fd);
}
