/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/frame.h"

/* Two ends; some tests write raw bytes into the first one's socket. */
struct ends {
	struct mpq_frame *a, *b;
	int raw; /* a's descriptor */
};

static int open_ends(void **state)
{
	struct ends *e = calloc(1, sizeof(*e));
	int fds[2];

	assert_non_null(e);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    fds),
			 0);
	e->a = mpq_frame_new(fds[0]);
	e->b = mpq_frame_new(fds[1]);
	assert_non_null(e->a);
	assert_non_null(e->b);
	e->raw = mpq_frame_fd(e->a);
	*state = e;
	return 0;
}

static int close_ends(void **state)
{
	struct ends *e = *state;

	mpq_frame_free(e->a);
	mpq_frame_free(e->b);
	free(e);
	return 0;
}

static void put(int fd, const char *bytes, size_t n)
{
	assert_int_equal(send(fd, bytes, n, 0), n);
}

/* Raw bytes with descriptors beside them. */
static void put_with(int fd, const char *bytes, size_t len, const int *fds,
		     size_t n)
{
	char control[CMSG_SPACE(MPQ_FRAME_MAX_DESCRIPTORS * 2 * sizeof(int))] =
		{0};
	struct iovec iov = {(void *)bytes, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	msg.msg_control = control;
	msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	assert_int_equal(sendmsg(fd, &msg, 0), len);
}

static void assert_next(struct mpq_frame *f, const char *wanted)
{
	int fds[MPQ_FRAME_MAX_DESCRIPTORS];
	struct json_object *m;
	size_t n = 99;

	assert_int_equal(mpq_frame_next(f, &m, fds, &n), 1);
	assert_string_equal(
		json_object_to_json_string_ext(m, JSON_C_TO_STRING_PLAIN),
		wanted);
	assert_int_equal(n, 0);
	json_object_put(m);
}

static int next_result(struct mpq_frame *f)
{
	int fds[MPQ_FRAME_MAX_DESCRIPTORS];
	struct json_object *m = NULL;
	size_t n = 99;
	int result = mpq_frame_next(f, &m, fds, &n);

	assert_null(m); /* untouched on anything but a message */
	assert_int_equal(n, 99);
	return result;
}

static int send_text(struct mpq_frame *f, const char *text, const int *fds,
		     size_t n)
{
	struct json_object *m = json_tokener_parse(text);
	int result;

	assert_non_null(m);
	result = mpq_frame_send(f, m, fds, n);
	json_object_put(m);
	return result;
}

/* A pipe's write end whose last copy shows by end of file at the read end. */
struct probe {
	int read, write;
};

static struct probe probe(void)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	return (struct probe){fds[0], fds[1]};
}

static bool all_closed(const struct probe *p)
{
	char byte;

	return read(p->read, &byte, 1) == 0;
}

static void carries_a_message(void **state)
{
	struct ends *e = *state;

	assert_int_equal(send_text(e->a, "{\"method\": \"a/b\"}", NULL, 0), 0);
	assert_false(mpq_frame_wants_write(e->a));
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_next(e->b, "{\"method\":\"a\\/b\"}");
	assert_int_equal(next_result(e->b), 0);
}

static void joins_a_message_that_comes_in_pieces(void **state)
{
	struct ends *e = *state;
	const char bytes[] = "{\"k\": \"v\"}";

	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(next_result(e->b), 0);
		put(e->raw, bytes + i, 1);
		assert_int_equal(mpq_frame_receive(e->b), 0);
	}
	assert_next(e->b, "{\"k\":\"v\"}");
	assert_int_equal(next_result(e->b), 0);
}

static void parts_messages_that_come_together(void **state)
{
	struct ends *e = *state;

	put(e->raw, "{\"a\":1}\0{\"b\":2}\0{\"c\":", 21);
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_next(e->b, "{\"a\":1}");
	assert_next(e->b, "{\"b\":2}");
	assert_int_equal(next_result(e->b), 0);
	put(e->raw, "3}", 3);
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_next(e->b, "{\"c\":3}");
}

static void hands_descriptors_over_in_order(void **state)
{
	struct ends *e = *state;
	struct probe p = probe(), q = probe();
	const int fds[] = {p.write, q.write};
	int got[MPQ_FRAME_MAX_DESCRIPTORS];
	struct json_object *m;
	size_t n;
	char byte = 0;

	assert_int_equal(send_text(e->a, "{\"x\": 1}", NULL, 0), 0);
	assert_int_equal(send_text(e->a, "{\"descriptors\": [\"p\", \"q\"]}",
				   fds, 2),
			 0);
	assert_int_equal(send_text(e->a, "{\"y\": 1}", NULL, 0), 0);
	close(p.write);
	close(q.write);
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_next(e->b, "{\"x\":1}");
	assert_int_equal(mpq_frame_next(e->b, &m, got, &n), 1);
	json_object_put(m);
	assert_int_equal(n, 2);
	assert_int_equal(write(got[1], "q", 1), 1);
	assert_int_equal(read(q.read, &byte, 1), 1);
	assert_int_equal(byte, 'q');
	assert_int_equal(write(got[0], "p", 1), 1);
	assert_int_equal(read(p.read, &byte, 1), 1);
	assert_int_equal(byte, 'p');
	assert_true(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
	assert_next(e->b, "{\"y\":1}");
	close(got[0]);
	close(got[1]);
	assert_true(all_closed(&p)); /* the sender kept no copy */
	close(p.read);
	close(q.read);
}

static void carries_as_many_descriptors_as_it_says(void **state)
{
	struct ends *e = *state;
	struct probe p = probe();
	int fds[MPQ_FRAME_MAX_DESCRIPTORS + 1], got[MPQ_FRAME_MAX_DESCRIPTORS];
	struct json_object *labels = json_object_new_array(),
			   *m = json_object_new_object();
	size_t n;

	json_object_object_add(m, "descriptors", labels);
	for (size_t i = 0; i < MPQ_FRAME_MAX_DESCRIPTORS; i++) {
		fds[i] = p.write;
		json_object_array_add(labels, json_object_new_int((int)i));
	}
	fds[MPQ_FRAME_MAX_DESCRIPTORS] = p.write;
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(mpq_frame_send(e->a, m, fds,
						MPQ_FRAME_MAX_DESCRIPTORS),
				 0);
	}
	for (int turn = 0; turn < 3; turn++) {
		struct json_object *in;

		assert_int_equal(mpq_frame_receive(e->b), 0);
		assert_int_equal(mpq_frame_next(e->b, &in, got, &n), 1);
		assert_int_equal(n, MPQ_FRAME_MAX_DESCRIPTORS);
		json_object_put(in);
		for (size_t i = 0; i < n; i++) {
			close(got[i]);
		}
	}
	json_object_array_add(labels, json_object_new_int(64));
	assert_int_equal(mpq_frame_send(e->a, m, fds,
					MPQ_FRAME_MAX_DESCRIPTORS + 1),
			 -EINVAL);
	json_object_put(m);
	close(p.write);
	assert_true(all_closed(&p));
	close(p.read);
}

static void does_not_send_labels_that_do_not_match(void **state)
{
	struct ends *e = *state;
	struct probe p = probe();

	assert_int_equal(send_text(e->a, "{}", &p.write, 1), -EINVAL);
	assert_int_equal(send_text(e->a, "{\"descriptors\": [1, 2]}", &p.write,
				   1),
			 -EINVAL);
	assert_int_equal(send_text(e->a, "{\"descriptors\": [1]}", NULL, 0),
			 -EINVAL);
	assert_int_equal(send_text(e->a, "{\"descriptors\": 0}", NULL, 0),
			 -EINVAL);
	assert_int_equal(send_text(e->a, "{\"still\": 1}", NULL, 0), 0);
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_next(e->b, "{\"still\":1}");
	close(p.write);
	assert_true(all_closed(&p));
	close(p.read);
}

/* Each is sent with one descriptor beside it. */
static void refuses_a_wrong_label_count_and_closes(void **state)
{
	static const char *const texts[] = {"{}", "{\"descriptors\":[]}",
					    "{\"descriptors\":[1,2]}",
					    "{\"descriptors\":1}",
					    "{\"descriptors\":{\"a\":1}}"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct probe p = probe();
		void *own;
		struct ends *e;

		open_ends(&own);
		e = own;
		put_with(e->raw, texts[i], strlen(texts[i]) + 1, &p.write, 1);
		close(p.write);
		assert_int_equal(mpq_frame_receive(e->b), 0);
		assert_int_equal(next_result(e->b), -EPROTO);
		assert_true(all_closed(&p));
		assert_int_equal(next_result(e->b), -EPROTO);
		assert_int_equal(mpq_frame_receive(e->b), -EPROTO);
		assert_int_equal(send_text(e->b, "{}", NULL, 0), -EPROTO);
		close(p.read);
		close_ends(&own);
	}
}

static void refuses_labels_without_descriptors(void **state)
{
	struct ends *e = *state;

	put(e->raw, "{\"descriptors\":[1]}", 20);
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_int_equal(next_result(e->b), -EPROTO);
}

static void a_later_messages_descriptors_do_not_serve_an_earlier(void **state)
{
	struct ends *e = *state;
	struct probe p = probe();

	put(e->raw, "{\"descriptors\":[1]}", 20);
	put_with(e->raw, "{}", 3, &p.write, 1);
	close(p.write);
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_int_equal(next_result(e->b), -EPROTO);
	assert_true(all_closed(&p));
	close(p.read);
}

static void refuses_more_descriptors_than_allowed(void **state)
{
	struct ends *e = *state;
	struct probe p = probe();
	int fds[MPQ_FRAME_MAX_DESCRIPTORS + 1];

	for (size_t i = 0; i <= MPQ_FRAME_MAX_DESCRIPTORS; i++) {
		fds[i] = p.write;
	}
	put_with(e->raw, "{", 1, fds, MPQ_FRAME_MAX_DESCRIPTORS + 1);
	close(p.write);
	assert_int_equal(mpq_frame_receive(e->b), -EPROTO);
	assert_true(all_closed(&p));
	close(p.read);
}

static void refuses_to_collect_descriptors_without_end(void **state)
{
	struct ends *e = *state;
	struct probe p = probe();
	const size_t some = MPQ_FRAME_MAX_DESCRIPTORS * 2 / 3;
	int fds[MPQ_FRAME_MAX_DESCRIPTORS];

	for (size_t i = 0; i < some; i++) {
		fds[i] = p.write;
	}
	put_with(e->raw, "{", 1, fds, some);
	put_with(e->raw, " ", 1, fds, some);
	put_with(e->raw, " ", 1, fds, some);
	close(p.write);
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_int_equal(next_result(e->b), -EPROTO);
	mpq_frame_free(e->b); /* the third lot waits in the socket */
	e->b = NULL;
	assert_true(all_closed(&p));
	close(p.read);
}

static void closes_what_nobody_took(void **state)
{
	struct ends *e = *state;
	struct probe p = probe();

	assert_int_equal(send_text(e->a, "{\"descriptors\": [1]}", &p.write, 1),
			 0);
	close(p.write);
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_false(all_closed(&p));
	mpq_frame_free(e->b);
	e->b = NULL;
	assert_true(all_closed(&p));
	close(p.read);
}

static void refuses_what_is_no_json_object(void **state)
{
	static const char *const texts[] = {"",
					    "7",
					    "[]",
					    "\"x\"",
					    "null",
					    "{",
					    "{}{}",
					    "{a: 1}",
					    "{\"a\": 1,}",
					    "{} x",
					    "{\"a\": \"\xff\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		void *own;
		struct ends *e;

		open_ends(&own);
		e = own;
		put(e->raw, texts[i], strlen(texts[i]) + 1);
		assert_int_equal(mpq_frame_receive(e->b), 0);
		assert_int_equal(next_result(e->b), -EPROTO);
		close_ends(&own);
	}
}

static void says_that_there_is_no_room_for_a_descriptor(void **state)
{
	struct ends *e = *state;
	struct probe p = probe();
	struct rlimit was, none;

	put_with(e->raw, "{}", 3, &p.write, 1);
	close(p.write);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(mpq_frame_receive(e->b), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_true(all_closed(&p));
	close(p.read);
}

static void refuses_deep_nesting(void **state)
{
	struct ends *e = *state;
	char text[1004] = "{\"a\":";

	memset(text + 5, '[', 998);
	text[1003] = '\0';
	put(e->raw, text, sizeof(text));
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_int_equal(next_result(e->b), -EPROTO);
}

/* The whole stream of `length` bytes and a NUL, read while it is written. */
static int push_through(struct ends *e, size_t length)
{
	char *text = malloc(length + 1);
	size_t sent = 0;
	int result = 0;

	assert_non_null(text);
	memset(text, ' ', length + 1);
	memcpy(text, "{\"a\":1}", 7);
	text[length] = '\0';
	while (sent <= length && result == 0) {
		ssize_t n = send(e->raw, text + sent, length + 1 - sent,
				 MSG_DONTWAIT);

		assert_true(n > 0);
		sent += (size_t)n;
		assert_int_equal(mpq_frame_receive(e->b), 0);
		if (sent <= length) {
			result = next_result(e->b);
		}
	}
	free(text);
	return result;
}

static void takes_the_longest_message(void **state)
{
	struct ends *e = *state;

	assert_int_equal(push_through(e, MPQ_FRAME_MAX_BYTES), 0);
	assert_next(e->b, "{\"a\":1}");
	assert_int_equal(send_text(e->a, "{\"b\": 2}", NULL, 0), 0);
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_next(e->b, "{\"b\":2}");
}

static void refuses_a_longer_message(void **state)
{
	struct ends *e = *state;
	int result = push_through(e, MPQ_FRAME_MAX_BYTES + 1);

	assert_int_equal(result != 0 ? result : next_result(e->b), -EMSGSIZE);
	assert_int_equal(next_result(e->b), -EMSGSIZE);
}

static struct json_object *long_message(size_t length)
{
	struct json_object *m = json_object_new_object();
	char *text = malloc(length + 1);

	assert_non_null(text);
	memset(text, 'x', length);
	text[length] = '\0';
	json_object_object_add(m, "long", json_object_new_string(text));
	free(text);
	return m;
}

static void does_not_send_a_longer_message(void **state)
{
	struct ends *e = *state;
	struct json_object *m = long_message(MPQ_FRAME_MAX_BYTES);

	assert_int_equal(mpq_frame_send(e->a, m, NULL, 0), -EMSGSIZE);
	json_object_put(m);
	assert_int_equal(send_text(e->a, "{\"b\": 2}", NULL, 0), 0);
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_next(e->b, "{\"b\":2}");
}

static void gives_up_on_a_peer_that_does_not_read(void **state)
{
	struct ends *e = *state;
	struct json_object *m = long_message(100000);
	int result, sent = 0, received = 0;

	while ((result = mpq_frame_send(e->a, m, NULL, 0)) == 0) {
		sent++;
		assert_true(sent < 200);
	}
	json_object_put(m);
	assert_int_equal(result, -ENOBUFS);
	assert_true(sent >= (int)(MPQ_FRAME_MAX_BYTES / 101000));
	assert_true(mpq_frame_wants_write(e->a));
	/* What was taken arrives whole, once it does read. */
	while (received < sent) {
		int fds[MPQ_FRAME_MAX_DESCRIPTORS];
		size_t n;

		assert_int_equal(mpq_frame_receive(e->b), 0);
		while (mpq_frame_next(e->b, &m, fds, &n) == 1) {
			json_object_put(m);
			received++;
		}
		assert_int_equal(mpq_frame_flush(e->a), 0);
	}
	assert_false(mpq_frame_wants_write(e->a));
	assert_int_equal(next_result(e->b), 0);
}

static void holds_few_descriptors_for_a_peer_that_does_not_read(void **state)
{
	struct ends *e = *state;
	struct probe p = probe();
	struct json_object *m = long_message(1000);
	struct json_object *labels = json_object_new_array();
	int result, sent = 0;

	json_object_array_add(labels, json_object_new_string("x"));
	json_object_object_add(m, "descriptors", labels);
	while ((result = mpq_frame_send(e->a, m, &p.write, 1)) == 0) {
		sent++;
		assert_true(sent < 2000);
	}
	assert_int_equal(result, -ENOBUFS);
	json_object_put(m);
	close(p.write);
	close_ends(state);
	assert_true(all_closed(&p));
	close(p.read);
	open_ends(state);
}

static void tells_the_end_after_the_last_message(void **state)
{
	struct ends *e = *state;

	put(e->raw, "{\"a\":1}", 8);
	mpq_frame_free(e->a);
	e->a = NULL;
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_next(e->b, "{\"a\":1}");
	assert_int_equal(mpq_frame_receive(e->b), -EPIPE);
	assert_int_equal(send_text(e->b, "{}", NULL, 0), -EPIPE);
}

static void knows_its_peer(void **state)
{
	struct ends *e = *state;
	unsigned uid, gid;
	int pid;

	assert_int_equal(mpq_frame_peer(e->a, &uid, &gid, &pid), 0);
	assert_int_equal(uid, getuid());
	assert_int_equal(gid, getgid());
	assert_int_equal(pid, getpid());
}

static void never_blocks(void **state)
{
	struct ends *e = *state;

	assert_true(fcntl(e->raw, F_GETFL) & O_NONBLOCK);
	assert_int_equal(mpq_frame_receive(e->b), 0);
	assert_int_equal(mpq_frame_flush(e->b), 0);
}

#define frame_test(f) cmocka_unit_test_setup_teardown(f, open_ends, close_ends)

int main(void)
{
	const struct CMUnitTest tests[] = {
		frame_test(carries_a_message),
		frame_test(joins_a_message_that_comes_in_pieces),
		frame_test(parts_messages_that_come_together),
		frame_test(hands_descriptors_over_in_order),
		frame_test(carries_as_many_descriptors_as_it_says),
		frame_test(does_not_send_labels_that_do_not_match),
		frame_test(refuses_a_wrong_label_count_and_closes),
		frame_test(refuses_labels_without_descriptors),
		frame_test(
			a_later_messages_descriptors_do_not_serve_an_earlier),
		frame_test(refuses_more_descriptors_than_allowed),
		frame_test(refuses_to_collect_descriptors_without_end),
		frame_test(closes_what_nobody_took),
		frame_test(refuses_what_is_no_json_object),
		frame_test(says_that_there_is_no_room_for_a_descriptor),
		frame_test(refuses_deep_nesting),
		frame_test(takes_the_longest_message),
		frame_test(refuses_a_longer_message),
		frame_test(does_not_send_a_longer_message),
		frame_test(gives_up_on_a_peer_that_does_not_read),
		frame_test(holds_few_descriptors_for_a_peer_that_does_not_read),
		frame_test(tells_the_end_after_the_last_message),
		frame_test(knows_its_peer),
		frame_test(never_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
