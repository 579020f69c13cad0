/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe: a stream of numbered UDP packets and its echo, for exact accounts of
 * what was lost and when.
 *
 *   probe echo PORT			echoes whatever comes, both families
 *   probe send ADDRESS PORT PPS BYTES	sends until told to stop
 *   probe sink PORT			keeps account of one sender's packets
 *
 * The sender and the sink are driven by lines on standard input, each answered
 * by a line of JSON:
 *
 *   now	    the number of the next packet, and the time
 *   report A B     of packets A..B-1, see record.h ("report A" to the newest)
 *   pace PPS	    from now on; 0: pause
 *   quit	    (or end of input)
 *
 * The sender's times are of the way there and back, the sink's of the way
 * there: both ends are on one machine and share its CLOCK_MONOTONIC. Packets
 * that the kernel refuses to send count as sent: for a user they are lost.
 */
#include "tests/netns/probe/record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAGIC        0x6d707170726f6265
#define MAX_BYTES    65507
#define BUFFER_BYTES (8 << 20)
#define BURST        64 /* at most so many late packets at once */
#define LINE_BYTES   256

struct packet {
	uint64_t magic, number;
	mpq_time sent;
};

struct sender {
	struct probe_record record;
	bool sink; /* receives another's packets instead */
	int fd;
	size_t bytes;
	double pps;
	mpq_time next_due;
	char line[LINE_BYTES];
	size_t line_bytes;
	bool quit;
	uint8_t buffer[MAX_BYTES];
};

static void enlarge(int fd)
{
	int bytes = BUFFER_BYTES;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
}

/* Says "ready" once it is. */
static int listen_at(const char *port, int flags)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6,
				   .sin6_port = htons((uint16_t)atoi(port))};
	int off = 0,
	    fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | flags, 0);

	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	enlarge(fd);
	if (bind(fd, (struct sockaddr *)&any, sizeof(any))) {
		perror("probe: bind");
		return -errno;
	}
	(void)printf("ready\n");
	(void)fflush(stdout);
	return fd;
}

static int echo(const char *port)
{
	static uint8_t buffer[MAX_BYTES];
	struct sockaddr_storage from;
	socklen_t size;
	ssize_t n;
	int fd = listen_at(port, 0);

	if (fd < 0) {
		return EXIT_FAILURE;
	}
	for (;;) {
		size = sizeof(from);
		n = recvfrom(fd, buffer, sizeof(buffer), 0,
			     (struct sockaddr *)&from, &size);
		if (n >= 0) {
			(void)sendto(fd, buffer, (size_t)n, 0,
				     (struct sockaddr *)&from, size);
		}
	}
}

static int connect_to(const char *address, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM,
				 .ai_flags = AI_NUMERICHOST};
	struct addrinfo *to;
	int fd;

	if (getaddrinfo(address, port, &hints, &to)) {
		(void)fprintf(stderr, "probe: no address: %s\n", address);
		return -EINVAL;
	}
	fd = socket(to->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen)) {
		perror("probe: connect");
		fd = -errno;
	} else {
		enlarge(fd);
	}
	freeaddrinfo(to);
	return fd;
}

static void send_one(struct sender *s, mpq_time now)
{
	struct packet p = {MAGIC, s->record.n, now};
	int result = probe_record_sent(&s->record, now);

	if (result) {
		(void)fprintf(stderr, "probe: %s\n", strerror(-result));
		s->quit = true;
		return;
	}
	memcpy(s->buffer, &p, sizeof(p));
	if (send(s->fd, s->buffer, s->bytes, 0) < 0) {
		/* An ICMP error of an earlier one is reported instead of
		 * sending this one: once more. */
		if (send(s->fd, s->buffer, s->bytes, 0) < 0) {
			s->record.send_errors++;
		}
	}
}

static void send_due(struct sender *s, mpq_time now)
{
	mpq_duration gap;

	if (s->pps <= 0) {
		s->next_due = MPQ_TIME_NEVER;
		return;
	}
	gap = (mpq_duration)(1e9 / s->pps);
	for (int i = 0; i < BURST && s->next_due <= now && !s->quit; i++) {
		send_one(s, now);
		s->next_due += gap;
	}
	if (s->next_due <= now) { /* we were not run: no catching up */
		s->next_due = now + gap;
	}
}

static void receive(struct sender *s)
{
	static uint8_t buffer[MAX_BYTES];
	struct packet p;
	ssize_t n;

	while ((n = recv(s->fd, buffer, sizeof(buffer), 0)) >= 0) {
		memcpy(&p, buffer, sizeof(p));
		if ((size_t)n < sizeof(p) || p.magic != MAGIC ||
		    (!s->sink && (size_t)n != s->bytes)) {
			s->record.strange++;
		} else if (s->sink) {
			(void)probe_record_arrived(&s->record, p.number, p.sent,
						   mpq_clock_now());
		} else {
			probe_record_echoed(&s->record, p.number,
					    mpq_clock_now());
		}
	}
}

static void obey(struct sender *s, const char *line)
{
	uint64_t first = 0, end = UINT64_MAX;
	mpq_time now = mpq_clock_now();

	if (!strcmp(line, "quit")) {
		s->quit = true;
	} else if (!strcmp(line, "now")) {
		(void)printf("{\"next\": %" PRIu64 ", \"time\": %.6f}\n",
			     s->record.n, (double)now / 1e9);
	} else if (sscanf(line, "pace %lf", &s->pps) == 1) {
		s->next_due = now;
		(void)printf("{\"pps\": %.1f}\n", s->pps);
	} else if (sscanf(line, "report %" SCNu64 " %" SCNu64, &first, &end) >=
		   1) {
		if (s->sink && end != UINT64_MAX) {
			(void)probe_record_expect(&s->record, end);
		}
		probe_record_report(&s->record, first, end, stdout);
	} else {
		(void)printf("{\"error\": \"unknown command\"}\n");
	}
	(void)fflush(stdout);
}

static void read_commands(struct sender *s)
{
	char *end;
	ssize_t n = read(STDIN_FILENO, s->line + s->line_bytes,
			 sizeof(s->line) - 1 - s->line_bytes);

	if (n <= 0) {
		s->quit = true;
		return;
	}
	s->line_bytes += (size_t)n;
	s->line[s->line_bytes] = '\0';
	while ((end = strchr(s->line, '\n'))) {
		*end = '\0';
		obey(s, s->line);
		s->line_bytes -= (size_t)(end + 1 - s->line);
		memmove(s->line, end + 1, s->line_bytes + 1);
	}
}

static void wait_for_work(struct sender *s)
{
	struct pollfd fds[2] = {{.fd = s->fd, .events = POLLIN},
				{.fd = STDIN_FILENO, .events = POLLIN}};
	mpq_time now = mpq_clock_now();
	mpq_duration wait = mpq_time_elapsed(now, s->next_due);
	struct timespec ts = {(time_t)(wait / MPQ_SECOND),
			      (long)(wait % MPQ_SECOND)};

	if (ppoll(fds, 2, s->next_due == MPQ_TIME_NEVER ? NULL : &ts, NULL) <=
	    0) {
		return;
	}
	if (fds[0].revents) {
		receive(s);
	}
	if (fds[1].revents) {
		read_commands(s);
	}
}

static int run(struct sender *s)
{
	if (s->fd < 0) {
		return EXIT_FAILURE;
	}
	probe_record_init(&s->record);
	(void)prctl(PR_SET_TIMERSLACK, 1000UL);
	s->next_due = mpq_clock_now();
	while (!s->quit) {
		send_due(s, mpq_clock_now());
		wait_for_work(s);
	}
	probe_record_finish(&s->record);
	(void)close(s->fd);
	return EXIT_SUCCESS;
}

static int stream(char **argv)
{
	static struct sender s;

	s.bytes = (size_t)atoi(argv[3]);
	if (s.bytes < sizeof(struct packet) || s.bytes > MAX_BYTES) {
		return EXIT_FAILURE;
	}
	s.pps = atof(argv[2]);
	s.fd = connect_to(argv[0], argv[1]);
	return run(&s);
}

static int sink(const char *port)
{
	static struct sender s = {.sink = true};

	s.fd = listen_at(port, SOCK_NONBLOCK);
	return run(&s);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "echo")) {
		return echo(argv[2]);
	}
	if (argc == 6 && !strcmp(argv[1], "send")) {
		return stream(argv + 2);
	}
	if (argc == 3 && !strcmp(argv[1], "sink")) {
		return sink(argv[2]);
	}
	(void)fprintf(stderr, "usage: probe echo PORT\n"
			      "       probe send ADDRESS PORT PPS BYTES\n"
			      "       probe sink PORT\n");
	return EXIT_FAILURE;
}
