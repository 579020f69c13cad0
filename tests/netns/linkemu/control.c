/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/netns/linkemu/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int emu_control_start(struct emu_control *c, const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	memset(c->client, 0xff, sizeof(c->client));
	c->listener = -1;
	if (strlen(path) >= sizeof(at.sun_path)) {
		return -ENAMETOOLONG;
	}
	strcpy(at.sun_path, path);
	strcpy(c->path, path);
	(void)unlink(path);
	c->listener = socket(AF_UNIX,
			     SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->listener < 0 ||
	    bind(c->listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(c->listener, EMU_CONTROL_CLIENTS)) {
		return -errno;
	}
	return 0;
}

void emu_control_finish(struct emu_control *c)
{
	if (c->listener < 0) {
		return;
	}
	for (int i = 0; i < EMU_CONTROL_CLIENTS; i++) {
		if (c->client[i] >= 0) {
			(void)close(c->client[i]);
		}
	}
	(void)close(c->listener);
	(void)unlink(c->path);
}

int emu_control_accept(struct emu_control *c)
{
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		return -errno;
	}
	for (int i = 0; i < EMU_CONTROL_CLIENTS; i++) {
		if (c->client[i] < 0) {
			c->client[i] = fd;
			return i;
		}
	}
	(void)close(fd);
	return -EBUSY;
}

static void answer(int fd, const char *text)
{
	(void)send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void obey(int fd, struct emu *e, const char *text, mpq_time now)
{
	char *statistics;

	if (!strncmp(text, "set ", 4)) {
		answer(fd, emu_apply(e, text + 4)
				   ? "{\"error\": \"no such link, direction, "
				     "name or value\"}"
				   : "{\"ok\": true}");
	} else if (!strcmp(text, "statistics")) {
		statistics = emu_statistics(e, now);
		answer(fd, statistics ? statistics
				      : "{\"error\": \"out of memory\"}");
		free(statistics);
	} else {
		answer(fd, "{\"error\": \"unknown: 'set' and 'statistics' "
			   "are allowed\"}");
	}
}

int emu_control_serve(struct emu_control *c, int client, struct emu *e,
		      mpq_time now)
{
	char text[EMU_MESSAGE_BYTES];
	int fd = c->client[client];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN) {
		return 0;
	}
	if (n <= 0) {
		(void)close(fd);
		c->client[client] = -1;
		return -ENOTCONN;
	}
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	obey(fd, e, text, now);
	return 0;
}
