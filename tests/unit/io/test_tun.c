/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/io/tun.h"
#include "tests/unit/io/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAME_BYTES 65536
#define WAIT_MS     5000
#define TCP_BYTES   40000 /* of payload: many segments, one TSO frame */

static const int shape = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;

/* One device. What the kernel sends into it is bounced back with source and
 * destination swapped, so that the kernel talks to itself through mpq_tun. */
struct world {
	struct mpq_tun tun;
	uint8_t *frame;
};

static int set_up(void **state)
{
	static struct world w;
	int fd = netns_open_tun("mpqt", shape);

	if (fd < 0 || netns_set_address("mpqt", "198.51.100.1", 24) ||
	    netns_set_mtu("mpqt", 1400) || netns_set_up("mpqt")) {
		return -1;
	}
	w.frame = malloc(FRAME_BYTES);
	*state = &w;
	return w.frame ? mpq_tun_init(&w.tun, fd) : -1;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	mpq_tun_finish(&w->tun);
	free(w->frame);
	return 0;
}

static int read_frame(struct world *w, struct virtio_net_hdr *h)
{
	struct pollfd p = {.fd = w->tun.fd, .events = POLLIN};
	int n;

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	n = mpq_tun_read(&w->tun, h, w->frame, FRAME_BYTES);
	assert_true(n > 0);
	return n;
}

/* Passes over what else the kernel says (IPv6 router solicitations). */
static int read_v4(struct world *w, struct virtio_net_hdr *h)
{
	int n;

	do {
		n = read_frame(w, h);
	} while (w->frame[0] >> 4 != 4);
	return n;
}

/* Swaps source and destination: an answer that the peer might have sent. The
 * checksums stay right, as they add up the same. */
static void bounce(struct world *w, const struct virtio_net_hdr *h, int len)
{
	uint8_t address[4];

	memcpy(address, w->frame + 12, 4);
	memcpy(w->frame + 12, w->frame + 16, 4);
	memcpy(w->frame + 16, address, 4);
	assert_int_equal(mpq_tun_write(&w->tun, h, w->frame, (size_t)len), 0);
}

/* A TCP connection from 198.51.100.1 to 198.51.100.2, which is 198.51.100.1
 * again after the bounce. */
static void connect_tcp(struct world *w, int *ret_listener, int *ret_client)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(a);
	struct virtio_net_hdr h;

	a.sin_addr.s_addr = inet_addr("198.51.100.1");
	assert_int_equal(bind(s, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(s, 1), 0);
	assert_int_equal(getsockname(s, (struct sockaddr *)&a, &len), 0);
	a.sin_addr.s_addr = inet_addr("198.51.100.2");
	assert_int_equal(connect(c, (struct sockaddr *)&a, len), -1);
	assert_int_equal(errno, EINPROGRESS);
	for (int i = 0; i < 3; i++) { /* SYN, SYN ACK, ACK */
		int n = read_v4(w, &h);

		assert_int_equal(h.gso_type, VIRTIO_NET_HDR_GSO_NONE);
		bounce(w, &h, n);
	}
	*ret_listener = s;
	*ret_client = c;
}

static void kernel_gives_and_takes_tso_frames(void **state)
{
	struct world *w = *state;
	uint8_t *data = calloc(1, TCP_BYTES), *back = calloc(1, TCP_BYTES);
	int listener, client, server, got = 0, largest = 0;
	struct virtio_net_hdr h;

	assert_true(w->tun.tso);
	connect_tcp(w, &listener, &client);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	for (int i = 0; i < TCP_BYTES; i++) {
		data[i] = (uint8_t)(i * 31 >> 3);
	}
	assert_int_equal(send(client, data, TCP_BYTES, 0), TCP_BYTES);
	while (got < TCP_BYTES) {
		int n = read_v4(w, &h);

		if (h.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
			assert_int_equal(h.gso_type & ~VIRTIO_NET_HDR_GSO_ECN,
					 VIRTIO_NET_HDR_GSO_TCPV4);
			largest = n > largest ? n : largest;
		}
		bounce(w, &h, n);
		n = (int)recv(server, back + got, (size_t)(TCP_BYTES - got),
			      MSG_DONTWAIT);
		got += n > 0 ? n : 0;
	}
	assert_memory_equal(data, back, TCP_BYTES);
	assert_true(largest > 2 * 1400); /* uncut, there and back */
	assert_int_equal(w->tun.write_errors, 0);
	(void)close(client);
	(void)close(server);
	(void)close(listener);
	free(data);
	free(back);
}

static void counts_frames_and_bytes_without_the_header(void **state)
{
	struct world *w = *state;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct virtio_net_hdr h;
	uint64_t frames, bytes;

	a.sin_addr.s_addr = inet_addr("198.51.100.2");
	assert_int_equal(sendto(fd, "0123456789", 10, 0, (struct sockaddr *)&a,
				sizeof(a)),
			 10);
	do {
		frames = w->tun.frames_in;
		bytes = w->tun.bytes_in;
	} while (read_frame(w, &h) != 20 + 8 + 10);
	assert_int_equal(w->tun.frames_in, frames + 1);
	assert_int_equal(w->tun.bytes_in, bytes + 38);
	bounce(w, &h, 38);
	assert_int_equal(w->tun.frames_out, 1);
	assert_int_equal(w->tun.bytes_out, 38);
	(void)close(fd);
}

static void an_empty_queue_reads_as_none(void **state)
{
	struct world *w = *state;
	struct virtio_net_hdr h;
	int n;

	do { /* what the kernel says by itself when a device comes up */
		n = mpq_tun_read(&w->tun, &h, w->frame, FRAME_BYTES);
	} while (n > 0);
	assert_int_equal(n, 0);
	assert_int_equal(w->tun.read_errors, 0);
}

static void a_frame_the_kernel_refuses_is_counted(void **state)
{
	struct world *w = *state;
	const struct virtio_net_hdr h = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};

	memset(w->frame, 0, 40); /* IP version 0 */
	assert_int_equal(mpq_tun_write(&w->tun, &h, w->frame, 40), -EINVAL);
	assert_int_equal(w->tun.write_errors, 1);
	assert_int_equal(w->tun.frames_out, 0);
}

static void a_device_that_is_down_refuses_frames_and_stays_open(void **state)
{
	struct world *w = *state;
	const struct virtio_net_hdr h = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
	int fd = netns_open_tun("mpqdown", shape);
	struct mpq_tun t;

	assert_true(fd >= 0);
	assert_int_equal(mpq_tun_init(&t, fd), 0);
	memset(w->frame, 0, 40);
	w->frame[0] = 0x45;
	assert_int_equal(mpq_tun_write(&t, &h, w->frame, 40), -EIO);
	assert_int_equal(t.write_errors, 1);
	assert_int_equal(netns_set_up("mpqdown"), 0);
	assert_int_equal(mpq_tun_write(&t, &h, w->frame, 40), 0);
	mpq_tun_finish(&t);
}

static int probe_as_nobody(struct mpq_tun *t, int fd)
{
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)) {
		return 2;
	}
	return mpq_tun_init(t, fd) || !t->tso;
}

static void offloads_are_probed_without_privilege(void **state)
{
	int fd = netns_open_tun("mpqnobody", shape), status;
	struct mpq_tun t;
	pid_t child;

	(void)state;
	assert_true(fd >= 0);
	child = fork();
	if (child == 0) {
		_exit(probe_as_nobody(&t, fd));
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)close(fd);
}

static void refuses_a_device_of_another_shape_and_closes_it(void **state)
{
	struct mpq_tun t;
	int fd;

	(void)state;
	fd = netns_open_tun("mpqplain", IFF_TUN | IFF_NO_PI);
	assert_true(fd >= 0);
	assert_int_equal(mpq_tun_init(&t, fd), -EINVAL);
	assert_int_equal(t.fd, -1);
	assert_int_equal(close(fd), -1);
	fd = netns_open_tun("mpqtap", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
	assert_true(fd >= 0);
	assert_int_equal(mpq_tun_init(&t, fd), -EINVAL);
	assert_int_equal(mpq_tun_init(&t, -1), -EBADF);
	mpq_tun_finish(&t);
	mpq_tun_finish(NULL);
}

#define TUN_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static void tun_devices_work_here(void **state)
{
	(void)state;
	print_message("needs root and /dev/net/tun: nothing was tested\n");
	skip();
}

static bool have_tun(void)
{
	int fd = netns_enter() ? -1 : netns_open_tun("mpqtry", shape);

	if (fd >= 0) {
		(void)close(fd);
	}
	return fd >= 0;
}

int main(void)
{
	const struct CMUnitTest none[] = {
		cmocka_unit_test(tun_devices_work_here),
	};
	const struct CMUnitTest tests[] = {
		TUN_TEST(kernel_gives_and_takes_tso_frames),
		TUN_TEST(counts_frames_and_bytes_without_the_header),
		TUN_TEST(an_empty_queue_reads_as_none),
		TUN_TEST(a_frame_the_kernel_refuses_is_counted),
		TUN_TEST(a_device_that_is_down_refuses_frames_and_stays_open),
		TUN_TEST(offloads_are_probed_without_privilege),
		TUN_TEST(refuses_a_device_of_another_shape_and_closes_it),
	};

	if (!have_tun()) {
		return cmocka_run_group_tests_name("io/tun", none, NULL, NULL);
	}
	return cmocka_run_group_tests_name("io/tun", tests, NULL, NULL);
}
