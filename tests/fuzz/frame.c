/* SPDX-License-Identifier: Apache-2.0 */
/* Input: what a peer writes into a control socket. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/frame.h"

static struct mpq_frame *open_pair(int *ret_other)
{
	struct mpq_frame *f;
	int fds[2];

	FUZZ_HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ==
		   0);
	f = mpq_frame_new(fds[0]);
	FUZZ_HOLDS(f != NULL);
	*ret_other = fds[1];
	return f;
}

/* What was taken for a message survives being sent. */
static void send_again(struct json_object *message)
{
	struct json_object *again = NULL;
	int fds[MPQ_FRAME_MAX_DESCRIPTORS], other;
	struct mpq_frame *in = open_pair(&other), *out = mpq_frame_new(other);
	size_t n = 99;
	char *text;

	FUZZ_HOLDS(out != NULL);
	text = strdup(json_object_to_json_string(message));
	FUZZ_HOLDS(mpq_frame_send(out, message, NULL, 0) == 0);
	FUZZ_HOLDS(mpq_frame_receive(in) == 0);
	FUZZ_HOLDS(mpq_frame_next(in, &again, fds, &n) == 1 && n == 0);
	FUZZ_HOLDS(strcmp(text, json_object_to_json_string(again)) == 0);
	json_object_put(again);
	free(text);
	mpq_frame_free(in);
	mpq_frame_free(out);
}

static size_t take_all(struct mpq_frame *f, int *ret_result)
{
	int fds[MPQ_FRAME_MAX_DESCRIPTORS];
	struct json_object *message = NULL;
	size_t n = 99, taken = 0;

	while ((*ret_result = mpq_frame_next(f, &message, fds, &n)) == 1) {
		FUZZ_HOLDS(n == 0);
		FUZZ_HOLDS(json_object_is_type(message, json_type_object));
		send_again(message);
		json_object_put(message);
		taken++;
	}
	return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int other, result = 0;
	struct mpq_frame *f = open_pair(&other);
	size_t ends = 0, taken = 0, at = 0, step;

	if (size > 32768) { /* it has to fit the socket */
		size = 32768;
	}
	for (size_t i = 0; i < size; i++) {
		ends += data[i] == '\0';
	}
	while (at < size && result == 0) {
		step = 1 + (size_t)data[at] * 16;
		step = step < size - at ? step : size - at;
		FUZZ_HOLDS(write(other, data + at, step) == (ssize_t)step);
		at += step;
		FUZZ_HOLDS(mpq_frame_receive(f) == 0);
		taken += take_all(f, &result);
	}
	FUZZ_HOLDS(taken <= ends);
	FUZZ_HOLDS(result == 0 || result == -EPROTO);
	FUZZ_HOLDS(result == 0 || mpq_frame_receive(f) == result);
	(void)close(other);
	mpq_frame_free(f);
	return 0;
}
