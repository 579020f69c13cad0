/* SPDX-License-Identifier: Apache-2.0 */
/*
 * garbage: sends datagrams that nobody should send, and counts what comes back.
 *
 *   garbage ADDRESS FIRST-PORT LAST-PORT COUNT PPS SEED
 *
 * Each kind has a socket of its own, so that answers are counted by kind. The
 * result is a line of JSON: bytes of UDP payload out and back, together and by
 * kind. Answers are only counted, never believed or answered.
 */
#include "common/clock.h"
#include "tests/netns/garbage/kinds.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KINDS_MAX    32
#define LAST_WORDS   (1500 * MPQ_MILLISECOND) /* for answers after the end */
#define BUFFER_BYTES (8 << 20)

struct count {
	uint64_t sent, sent_bytes, received, received_bytes, refused;
};

struct sender {
	struct sockaddr_storage to;
	socklen_t to_bytes;
	uint16_t first_port, last_port, port;
	struct emu_random random;
	int fd[KINDS_MAX];
	struct count count[KINDS_MAX];
};

static int open_sockets(struct sender *s, const char *address)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM,
				 .ai_flags = AI_NUMERICHOST};
	struct addrinfo *to;
	int bytes = BUFFER_BYTES;

	if (getaddrinfo(address, "1", &hints, &to)) {
		return -EINVAL;
	}
	memcpy(&s->to, to->ai_addr, to->ai_addrlen);
	s->to_bytes = to->ai_addrlen;
	freeaddrinfo(to);
	for (size_t i = 0; i < garbage_kinds(); i++) {
		s->fd[i] =
			socket(s->to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		if (s->fd[i] < 0) {
			return -errno;
		}
		(void)setsockopt(s->fd[i], SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
				 sizeof(bytes));
	}
	return 0;
}

/* Where IPv4 and IPv6 addresses keep the port is the same. */
static void next_port(struct sender *s)
{
	s->port = s->port >= s->last_port ? s->first_port
					  : (uint16_t)(s->port + 1);
	((struct sockaddr_in *)&s->to)->sin_port = htons(s->port);
}

static void send_one(struct sender *s, size_t kind)
{
	uint8_t data[GARBAGE_MAX_BYTES];
	size_t n = garbage_kind_write(kind, &s->random, data);
	struct count *c = &s->count[kind];

	next_port(s);
	if (sendto(s->fd[kind], data, n, 0, (struct sockaddr *)&s->to,
		   s->to_bytes) < 0) {
		c->refused++;
		return;
	}
	c->sent++;
	c->sent_bytes += n;
}

static void receive(struct sender *s)
{
	for (size_t i = 0; i < garbage_kinds(); i++) {
		uint8_t data[1];
		ssize_t n;

		while ((n = recv(s->fd[i], data, sizeof(data), MSG_TRUNC)) >=
		       0) {
			s->count[i].received++;
			s->count[i].received_bytes += (uint64_t)n;
		}
	}
}

static void rest(mpq_duration d)
{
	struct timespec t = {(time_t)(d / MPQ_SECOND), (long)(d % MPQ_SECOND)};

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static void run(struct sender *s, uint64_t count, double pps)
{
	mpq_time begun = mpq_clock_now(), now;
	uint64_t done = 0, due;

	while (done < count) {
		now = mpq_clock_now();
		due = (uint64_t)((double)(now - begun) / 1e9 * pps) + 1;
		for (; done < due && done < count; done++) {
			send_one(s, (size_t)(done % garbage_kinds()));
		}
		receive(s);
		rest(MPQ_MILLISECOND / 2);
	}
	for (now = mpq_clock_now(); mpq_clock_now() < now + LAST_WORDS;) {
		receive(s);
		rest(10 * MPQ_MILLISECOND);
	}
}

static void print_count(const struct count *c)
{
	(void)printf("\"sent\": %" PRIu64 ", \"sent-bytes\": %" PRIu64
		     ", \"received\": %" PRIu64 ", \"received-bytes\": %" PRIu64
		     ", \"refused\": %" PRIu64,
		     c->sent, c->sent_bytes, c->received, c->received_bytes,
		     c->refused);
}

static void print(const struct sender *s)
{
	struct count all = {0};

	(void)printf("{\"kinds\": {");
	for (size_t i = 0; i < garbage_kinds(); i++) {
		const struct count *c = &s->count[i];

		all.sent += c->sent;
		all.sent_bytes += c->sent_bytes;
		all.received += c->received;
		all.received_bytes += c->received_bytes;
		all.refused += c->refused;
		(void)printf("%s\"%s\": {", i ? ", " : "",
			     garbage_kind_name(i));
		print_count(c);
		(void)printf("}");
	}
	(void)printf("}, ");
	print_count(&all);
	(void)printf("}\n");
}

int main(int argc, char **argv)
{
	static struct sender s;

	if (argc != 7) {
		(void)fprintf(stderr, "usage: garbage ADDRESS FIRST-PORT "
				      "LAST-PORT COUNT PPS SEED\n");
		return EXIT_FAILURE;
	}
	s.first_port = s.port = (uint16_t)atoi(argv[2]);
	s.last_port = (uint16_t)atoi(argv[3]);
	emu_random_init(&s.random, strtoull(argv[6], NULL, 0));
	if (open_sockets(&s, argv[1])) {
		perror("garbage");
		return EXIT_FAILURE;
	}
	run(&s, strtoull(argv[4], NULL, 0), atof(argv[5]));
	print(&s);
	return EXIT_SUCCESS;
}
