/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many UDP packets a second arrive: a sender that goes faster step by
 * step, a receiver that counts what it got of each step.
 *
 *   ramp receive ADDRESS PORT         counts until nothing comes for a while
 *   ramp send ADDRESS PORT BYTES      from the first rate to the last
 *
 * Both print one JSON array, a number for each step; "send" prints an object
 * with what was sent and the seconds that each step took. Needs root, for a
 * receive buffer that is never the one that drops.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STEPS        24
#define FIRST_PPS    10000.0
#define GROWTH       1.2 /* to 660,000 */
#define STEP_SECONDS 0.15
#define TICK_SECONDS 0.0005
#define BATCH        64
#define MAX_BYTES    1500
#define BUFFER_BYTES (64 << 20)
#define PATIENCE_MS  10000 /* for the first packet */
#define SILENCE_MS   500   /* after which the sender is done */

static double now_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void sleep_until(double when)
{
	double whole = (double)(time_t)when;
	struct timespec t = {.tv_sec = (time_t)when,
			     .tv_nsec = (long)((when - whole) * 1e9)};

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void print_counts(const uint64_t *counts)
{
	for (int i = 0; i < STEPS; i++) {
		printf("%s%llu", i ? ", " : "[", (unsigned long long)counts[i]);
	}
	printf("]");
}

/* All messages of a batch share one payload, which names the step. */
struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec part;
	uint8_t payload[MAX_BYTES];
};

static void prepare(struct batch *b, size_t len)
{
	b->part = (struct iovec){b->payload, len};
	for (int i = 0; i < BATCH; i++) {
		b->messages[i].msg_hdr.msg_iov = &b->part;
		b->messages[i].msg_hdr.msg_iovlen = 1;
	}
}

static uint64_t send_some(int fd, struct batch *b, uint64_t n)
{
	uint64_t sent = 0;

	while (sent < n) {
		uint64_t left = n - sent;
		int r = sendmmsg(fd, b->messages,
				 left < BATCH ? (unsigned)left : BATCH, 0);

		if (r <= 0) {
			break; /* a full queue: the tick's rest is not sent */
		}
		sent += (uint64_t)r;
	}
	return sent;
}

static double send_step(int fd, struct batch *b, double pps, uint64_t *ret_sent)
{
	double begin = now_seconds(), tick = begin;
	uint64_t sent = 0;

	while (tick < begin + STEP_SECONDS) {
		double late = now_seconds() - begin;

		if (late > 2 * STEP_SECONDS) {
			break; /* this rate is beyond the sender */
		}
		tick += TICK_SECONDS;
		sent += send_some(fd, b,
				  (uint64_t)((tick - begin) * pps) - sent);
		sleep_until(tick);
	}
	*ret_sent = sent;
	return now_seconds() - begin;
}

static int send_ramp(int fd, size_t len)
{
	static struct batch b;
	uint64_t sent[STEPS];
	double pps = FIRST_PPS, seconds[STEPS];

	if (len < 1 || len > MAX_BYTES) {
		fprintf(stderr, "ramp: 1 to %d bytes\n", MAX_BYTES);
		return EXIT_FAILURE;
	}
	prepare(&b, len);
	for (int i = 0; i < STEPS; i++, pps *= GROWTH) {
		b.payload[0] = (uint8_t)i;
		seconds[i] = send_step(fd, &b, pps, &sent[i]);
	}
	printf("{\"sent\": ");
	print_counts(sent);
	printf(", \"seconds\": [");
	for (int i = 0; i < STEPS; i++) {
		printf("%s%.6f", i ? ", " : "", seconds[i]);
	}
	printf("]}\n");
	return EXIT_SUCCESS;
}

static int receive_ramp(int fd)
{
	static uint8_t data[BATCH][MAX_BYTES];
	struct mmsghdr messages[BATCH] = {0};
	struct iovec parts[BATCH];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t got[STEPS] = {0};
	int wait_ms = PATIENCE_MS, n;

	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){data[i], MAX_BYTES};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	printf("ready\n");
	(void)fflush(stdout);
	while (poll(&p, 1, wait_ms) == 1) {
		wait_ms = SILENCE_MS;
		n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++) {
			if (messages[i].msg_len && data[i][0] < STEPS) {
				got[data[i][0]]++;
			}
		}
	}
	print_counts(got);
	printf("\n");
	return EXIT_SUCCESS;
}

static int open_socket(const char *address, const char *port, int receive)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int bytes = BUFFER_BYTES, r;

	if (fd < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1) {
		return -1;
	}
	r = receive ? bind(fd, (struct sockaddr *)&a, sizeof(a))
		    : connect(fd, (struct sockaddr *)&a, sizeof(a));
	if (r || setsockopt(fd, SOL_SOCKET,
			    receive ? SO_RCVBUFFORCE : SO_SNDBUFFORCE, &bytes,
			    sizeof(bytes))) {
		return -1;
	}
	return fd;
}

int main(int argc, char **argv)
{
	int receive = argc == 4 && !strcmp(argv[1], "receive"), fd;

	if (!receive && (argc != 5 || strcmp(argv[1], "send") != 0)) {
		fprintf(stderr, "usage: ramp receive ADDRESS PORT | "
				"ramp send ADDRESS PORT BYTES\n");
		return EXIT_FAILURE;
	}
	fd = open_socket(argv[2], argv[3], receive);
	if (fd < 0) {
		perror("ramp");
		return EXIT_FAILURE;
	}
	return receive ? receive_ramp(fd)
		       : send_ramp(fd, strtoul(argv[4], NULL, 10));
}
