/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
	struct ev_loop *loop;
	struct mpq_server *server;
	char directory[32], path[64];
	unsigned accepted;
};

static void on_accepted(void *owner, int fd, const struct mpq_server_peer *peer)
{
	struct world *w = owner;

	assert_int_equal(peer->pid, getpid());
	w->accepted++;
	(void)close(fd);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct mpq_server_config config = {
		.path = w->path,
		.group = (gid_t)-1,
		.mode = 0600,
		.accepted = on_accepted,
		.context = w,
	};
	struct mpq_refusal refusal;

	(void)snprintf(w->directory, sizeof(w->directory), "/tmp/mpqXXXXXX");
	assert_non_null(mkdtemp(w->directory));
	(void)snprintf(w->path, sizeof(w->path), "%s/socket", w->directory);
	w->loop = ev_loop_new(0);
	assert_int_equal(mpq_server_new(&w->server, w->loop, &config, &refusal),
			 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	mpq_server_free(w->server);
	ev_loop_destroy(w->loop);
	assert_int_equal(rmdir(w->directory), 0); /* the file is removed */
	free(w);
	return 0;
}

static int call(const struct world *w)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", w->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void run_until_accepted(struct world *w)
{
	while (w->accepted == 0) {
		(void)ev_run(w->loop, EVRUN_ONCE);
	}
}

static void takes_who_calls(void **state)
{
	struct world *w = *state;
	int fd = call(w);

	run_until_accepted(w);
	assert_int_equal(w->accepted, 1);
	(void)close(fd);
}

/* It waits for that without being busy. */
static void takes_who_called_when_there_are_descriptors_again(void **state)
{
	struct world *w = *state;
	struct rlimit was, none;
	unsigned turns;
	int fd = call(w);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 5; i++) {
		(void)ev_run(w->loop, EVRUN_NOWAIT);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(w->accepted, 0);
	assert_int_equal(ev_pending_count(w->loop), 0);
	turns = ev_iteration(w->loop);
	(void)ev_run(w->loop, EVRUN_ONCE); /* waits: nothing is readable */
	assert_int_equal(w->accepted, 0);
	run_until_accepted(w);
	assert_true(ev_iteration(w->loop) - turns < 10);
	(void)close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_who_calls),
		TEST(takes_who_called_when_there_are_descriptors_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
