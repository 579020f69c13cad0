/* SPDX-License-Identifier: Apache-2.0 */
/* The line to mpquic-control: a real Unix socket, the rest is fake_io. */
#include "dataplane/control.h"
#include "tests/unit/dataplane/fake_io.h"

#include "common/southbound.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 10000 /* for what should take 100 */

struct world {
	char folder[64], path[96];
	struct mpq_engine engine;
	struct mpq_control control;
	int listener;
	struct mpq_frame *line; /* mpquic-control's end */
};

static struct sockaddr_un address_of(const struct world *w)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", w->path);
	return a;
}

static void listen_there(struct world *w, int backlog)
{
	struct sockaddr_un a = address_of(w);

	w->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->listener, (struct sockaddr *)&a, sizeof(a)),
			 0);
	assert_int_equal(listen(w->listener, backlog), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	fake_reset();
	w->listener = -1;
	(void)snprintf(w->folder, sizeof(w->folder), "/tmp/mpquic-test-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	(void)snprintf(w->path, sizeof(w->path), "%s/data.sock", w->folder);
	assert_int_equal(mpq_engine_init(&w->engine, &mpq_control_events,
					 &w->control),
			 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	mpq_control_stop(&w->control);
	mpq_engine_finish(&w->engine);
	mpq_frame_free(w->line);
	if (w->listener >= 0) {
		(void)close(w->listener);
	}
	(void)unlink(w->path);
	(void)rmdir(w->folder);
	fake_reset();
	free(w);
	return 0;
}

static void start(struct world *w)
{
	assert_int_equal(mpq_control_start(&w->control, &w->engine, w->path),
			 0);
}

/* Turns the loop until `fd` is readable. */
static void wait_for(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (int i = 0; i < WAIT_MS / 10; i++) {
		fake_run(1);
		if (poll(&p, 1, 10) > 0) {
			return;
		}
	}
	fail_msg("nothing came");
}

static void accept_line(struct world *w)
{
	int fd;

	mpq_frame_free(w->line);
	w->line = NULL;
	wait_for(w->listener);
	fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	w->line = mpq_frame_new(fd);
}

static struct json_object *receive(struct world *w)
{
	struct json_object *message;
	int fds[MPQ_FRAME_MAX_DESCRIPTORS];
	size_t n;

	while (mpq_frame_next(w->line, &message, fds, &n) != 1) {
		wait_for(mpq_frame_fd(w->line));
		assert_int_equal(mpq_frame_receive(w->line), 0);
	}
	assert_int_equal(n, 0);
	return message;
}

static void assert_hello(struct world *w)
{
	struct json_object *message = receive(w), *method;

	assert_true(json_object_object_get_ex(message, "method", &method));
	assert_string_equal(json_object_get_string(method),
			    MPQ_SOUTHBOUND_HELLO);
	json_object_put(message);
}

static void send_text(struct world *w, const char *text)
{
	struct json_object *o = json_tokener_parse(text);

	assert_non_null(o);
	assert_int_equal(mpq_frame_send(w->line, o, NULL, 0), 0);
	json_object_put(o);
}

static void says_hello_and_answers(void **state)
{
	struct world *w = *state;
	struct json_object *reply;

	listen_there(w, 4);
	start(w);
	accept_line(w);
	assert_hello(w);
	send_text(w, "{\"parameters\":{}}");
	send_text(w, "{\"method\":\"mpquic.data.Status\"}");
	reply = receive(w);
	assert_false(json_object_object_get_ex(reply, "error", NULL));
	json_object_put(reply);
	send_text(w, "{\"method\":null}");
	reply = receive(w);
	assert_true(json_object_object_get_ex(reply, "error", NULL));
	json_object_put(reply);
}

static void comes_back_when_the_line_breaks(void **state)
{
	struct world *w = *state;

	start(w);
	assert_null(w->control.frame);
	listen_there(w, 4);
	for (int i = 0; i < 3; i++) {
		accept_line(w);
		assert_hello(w);
	}
}

static void nonsense_breaks_the_line_and_nothing_else(void **state)
{
	struct world *w = *state;

	listen_there(w, 4);
	start(w);
	accept_line(w);
	assert_hello(w);
	assert_int_equal(write(mpq_frame_fd(w->line), "hello?", 7), 7);
	accept_line(w);
	assert_hello(w);
}

static void who_is_not_wanted_waits_longer(void **state)
{
	struct world *w = *state;
	struct pollfd p;

	listen_there(w, 4);
	start(w);
	accept_line(w);
	assert_hello(w);
	send_text(w, "{\"error\":\"mpquic.data.Refused\",\"parameters\":"
		     "{\"message\":\"protocol: 2 is wanted\"}}");
	wait_for(mpq_frame_fd(w->line));
	assert_int_equal(mpq_frame_receive(w->line), -EPIPE);
	p = (struct pollfd){.fd = w->control.retry_fd, .events = POLLIN};
	assert_int_equal(poll(&p, 1, 3 * MPQ_SOUTHBOUND_RETRY_MS), 0);
}

/* It would stop all packets: the listener is stopped, its backlog is full. */
static void a_listener_that_is_stopped_stops_nobody(void **state)
{
	struct world *w = *state;
	struct sockaddr_un a = address_of(w);
	int fds[64], n = 0;

	listen_there(w, 0);
	do {
		fds[n] = socket(AF_UNIX,
				SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	} while (connect(fds[n++], (struct sockaddr *)&a, sizeof(a)) == 0 &&
		 n < 64);
	assert_int_equal(errno, EAGAIN);
	start(w);
	assert_null(w->control.frame);
	while (n > 0) {
		(void)close(fds[--n]);
	}
}

static void events_without_a_listener_are_counted(void **state)
{
	struct world *w = *state;
	struct mpq_path_shared shared = {.loop = w->engine.loop};
	struct mpq_snapshot_path config = {.name = "wan1"};
	struct mpq_path *p = mpq_path_new(&shared, &config, fake_now());

	start(w);
	mpq_control_events.path(&w->control, p, MPQ_LIFE_NO_LINK);
	assert_int_equal(w->control.lost_events, 1);
	mpq_path_free(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_hello_and_answers),
		TEST(comes_back_when_the_line_breaks),
		TEST(nonsense_breaks_the_line_and_nothing_else),
		TEST(who_is_not_wanted_waits_longer),
		TEST(a_listener_that_is_stopped_stops_nobody),
		TEST(events_without_a_listener_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
