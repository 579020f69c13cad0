/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/server.h"

#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG    16
#define GROUPS_MAX 256
#define PAUSE_S    0.1 /* when no caller can be taken */

struct mpq_server {
	struct ev_loop *loop;
	ev_io readable;
	ev_timer pause;
	bool short_of_something; /* told already */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct mpq_server_config config;
};

/* Membership as the kernel saw it when the peer connected. */
static bool peer_in_group(int fd, gid_t gid, gid_t wanted)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);
	size_t i;

	if (wanted == (gid_t)-1) {
		return false;
	}
	if (gid == wanted) {
		return true;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len)) {
		return false;
	}
	for (i = 0; i < len / sizeof(gid_t); i++) {
		if (groups[i] == wanted) {
			return true;
		}
	}
	return false;
}

static void accept_one(struct mpq_server *s, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct mpq_server_peer peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len)) {
		(void)close(fd);
		return;
	}
	peer = (struct mpq_server_peer){
		.uid = cred.uid,
		.gid = cred.gid,
		.pid = cred.pid,
		.in_group = peer_in_group(fd, cred.gid, s->config.group),
	};
	s->config.accepted(s->config.context, fd, &peer);
}

/* The caller stays where it is, so that the socket is readable all the time:
 * without descriptors, say. */
static void take_none_for_a_while(struct mpq_server *s, int error)
{
	if (!s->short_of_something) {
		mpq_log_warn("no caller can be taken at %s: %s; trying again",
			     s->path, strerror(error));
	}
	s->short_of_something = true;
	ev_io_stop(s->loop, &s->readable);
	ev_timer_set(&s->pause, PAUSE_S, 0);
	ev_timer_start(s->loop, &s->pause);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct mpq_server *s = w->data;

	(void)revents;
	ev_io_start(loop, &s->readable);
}

static bool is_lasting(int error)
{
	return error != EAGAIN && error != EINTR && error != ECONNABORTED;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct mpq_server *s = w->data;
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)loop;
	(void)revents;
	if (fd >= 0) {
		s->short_of_something = false;
		accept_one(s, fd);
	} else if (is_lasting(errno)) {
		take_none_for_a_while(s, errno);
	}
}

/* A service that runs in the group already needs no privilege for this. */
static int set_rights(const struct mpq_server_config *c)
{
	if (c->group != (gid_t)-1 && c->group != getegid() &&
	    chown(c->path, (uid_t)-1, c->group)) {
		return -errno;
	}
	return chmod(c->path, c->mode) ? -errno : 0;
}

static int listen_at(const struct mpq_server_config *c)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd, ret;
	mode_t mask;

	if (strlen(c->path) >= sizeof(a.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(a.sun_path, c->path, strlen(c->path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	(void)unlink(c->path);
	mask = umask(0177); /* nobody else until the rights are set */
	ret = bind(fd, (struct sockaddr *)&a, sizeof(a)) ? -errno : 0;
	(void)umask(mask);
	if (!ret) {
		ret = set_rights(c);
	}
	if (!ret && listen(fd, BACKLOG)) {
		ret = -errno;
	}
	if (ret) {
		(void)close(fd);
	}
	return ret ? ret : fd;
}

int mpq_server_new(struct mpq_server **ret, struct ev_loop *loop,
		   const struct mpq_server_config *config,
		   struct mpq_refusal *r)
{
	struct mpq_server *s;
	int fd = listen_at(config);

	if (fd < 0) {
		(void)mpq_refusal_set(r, "", "cannot listen at %s: %s.",
				      config->path, strerror(-fd));
		(void)mpq_refusal_next(r, "the folder has to be there and "
					  "writable: see --runtime-dir");
		return fd;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		(void)close(fd);
		return -ENOMEM;
	}
	s->loop = loop;
	s->config = *config;
	memcpy(s->path, config->path, strlen(config->path) + 1);
	s->config.path = s->path;
	ev_io_init(&s->readable, on_readable, fd, EV_READ);
	s->readable.data = s;
	ev_init(&s->pause, on_pause_over);
	s->pause.data = s;
	ev_io_start(loop, &s->readable);
	*ret = s;
	return 0;
}

void mpq_server_free(struct mpq_server *s)
{
	if (s) {
		ev_io_stop(s->loop, &s->readable);
		ev_timer_stop(s->loop, &s->pause);
		(void)close(s->readable.fd);
		(void)unlink(s->path);
		free(s);
	}
}
