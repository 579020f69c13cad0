/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel as judge of what coalesce makes: merged frames are written to a
 * TUN device, the kernel forwards them to another one that takes no offloads,
 * and so has to cut them itself. What comes out has to be what went in, a hop
 * later.
 *
 *   packets -> coalesce -> [mpqa] kernel forwards, cuts [mpqb] -> compare
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dataplane/flow/coalesce.h"
#include "tests/unit/flow/sample.h"
#include "tests/unit/io/netns.h"

#define WAIT_MS 5000
#define MTU     1500

#define TUN_OFFLOADS_WITH_USO 0x6f /* Linux 6.2; Debian 12's has none */

struct world {
	int in, out;
	bool uso;
	struct mpq_coalesce *coalesce;
	size_t frames, merged;
};

static struct world world = {.in = -1, .out = -1};

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

	if (fd >= 0) {
		(void)close(fd);
	}
	return r;
}

/* 2001:db8:WORD::fe/48 */
static int set_address_v6(const char *device, uint16_t word)
{
	struct in6_ifreq r = {.ifr6_prefixlen = 48,
			      .ifr6_ifindex = (int)if_nametoindex(device)};
	const uint8_t address[16] = {
		0x20,          1,          0x0d, 0xb8, (uint8_t)(word >> 8),
		(uint8_t)word, [15] = 0xfe};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result;

	if (fd < 0) {
		return -errno;
	}
	memcpy(&r.ifr6_addr, address, sizeof(address));
	result = ioctl(fd, SIOCSIFADDR, &r) != 0 ? -errno : 0;
	(void)close(fd);
	return result;
}

static int open_device(const char *device, int flags, const char *address,
		       uint16_t word)
{
	int fd = netns_open_tun(device, flags | IFF_TUN | IFF_NO_PI);

	if (fd < 0) {
		return fd;
	}
	if (netns_set_address(device, address, 24) != 0 ||
	    netns_set_mtu(device, MTU) != 0 || netns_set_up(device) != 0 ||
	    set_address_v6(device, word) != 0) {
		(void)close(fd);
		return -EIO;
	}
	return fd;
}

static void write_frame(void *owner, const struct virtio_net_hdr *hdr,
			const uint8_t *frame, size_t len)
{
	struct world *w = owner;
	struct virtio_net_hdr copy = *hdr;
	const struct iovec parts[] = {
		{.iov_base = &copy, .iov_len = sizeof(copy)},
		{.iov_base = (void *)(uintptr_t)frame, .iov_len = len},
	};

	w->frames++;
	w->merged += hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE;
	assert_int_equal(writev(w->in, parts, 2), sizeof(copy) + len);
}

static int set_up(void **state)
{
	static const struct mpq_coalesce_events events = {.frame = write_frame};

	world.in = open_device("mpqa", IFF_VNET_HDR, "10.200.1.254", 0);
	world.out = open_device("mpqb", 0, "192.0.2.254", 0x0900);
	world.uso = ioctl(world.in, TUNSETOFFLOAD, TUN_OFFLOADS_WITH_USO) == 0;
	world.coalesce = mpq_coalesce_new(&events, &world, true);
	*state = &world;
	if (world.in < 0 || world.out < 0 || world.coalesce == NULL ||
	    write_file("/proc/sys/net/ipv4/ip_forward", "1") != 0) {
		return -1;
	}
	return write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1");
}

static int tear_down(void **state)
{
	struct world *w = *state;

	mpq_coalesce_free(w->coalesce);
	(void)close(w->in);
	(void)close(w->out);
	return 0;
}

/* Reads what was forwarded; passes over what the kernel says of its own. */
static size_t read_packet(struct world *w, uint8_t *packet)
{
	struct pollfd p = {.fd = w->out, .events = POLLIN};
	uint8_t protocol;
	ssize_t n;

	do {
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		n = read(w->out, packet, MTU);
		assert_true(n >= 20);
		protocol = packet[packet[0] >> 4 == 4 ? 9 : 6];
	} while (protocol != 6 && protocol != 17);
	return (size_t)n;
}

/* The n-th packet of a flow. */
static struct sample nth(const struct sample *s, size_t n, size_t count)
{
	struct sample one = *s;

	one.skip_bytes = n * s->payload_bytes;
	one.seq += (uint32_t)one.skip_bytes;
	one.id = (uint16_t)(one.id + n);
	if (n + 1 == count) {
		one.flags |= SAMPLE_PSH;
		one.payload_bytes = 1 + s->payload_bytes / 2;
	}
	return one;
}

static void push_all(struct world *w, const struct sample *s, size_t count)
{
	uint8_t packet[MTU];

	for (size_t i = 0; i < count; i++) {
		struct sample one = nth(s, i, count);

		mpq_coalesce_push(w->coalesce, packet,
				  sample_write(&one, packet));
	}
	mpq_coalesce_flush(w->coalesce);
}

static void assert_all_arrive(struct world *w, const struct sample *s,
			      size_t count)
{
	uint8_t packet[MTU], wanted[MTU];

	for (size_t i = 0; i < count; i++) {
		struct sample one = nth(s, i, count);
		size_t len;

		one.ttl--;
		len = sample_write(&one, wanted);
		assert_int_equal(read_packet(w, packet), len);
		assert_true(sample_is_sound(packet, len));
		assert_memory_equal(packet, wanted, len);
	}
}

static void cuts_to_what_was_merged(struct world *w, struct sample s,
				    size_t most_payload_bytes)
{
	uint32_t random = 31337;

	for (int i = 0; i < 40; i++) {
		size_t count = 2 + sample_random(&random) % 40;

		s.payload_bytes =
			2 + sample_random(&random) % (most_payload_bytes - 1);
		s.seed = sample_random(&random) | 1;
		s.id = (uint16_t)sample_random(&random);
		s.seq = sample_random(&random);
		s.dont_fragment = sample_random(&random) % 2;
		w->frames = w->merged = 0;
		push_all(w, &s, count);
		assert_int_equal(w->frames, 1);
		assert_int_equal(w->merged, 1);
		assert_all_arrive(w, &s, count);
	}
}

static void the_kernel_cuts_tcp4_to_what_was_merged(void **state)
{
	cuts_to_what_was_merged(*state, sample_tcp(4), MTU - 52);
}

static void the_kernel_cuts_tcp6_to_what_was_merged(void **state)
{
	cuts_to_what_was_merged(*state, sample_tcp(6), MTU - 72);
}

static void the_kernel_cuts_udp4_to_what_was_merged(void **state)
{
	struct world *w = *state;

	if (!w->uso) {
		skip();
	}
	cuts_to_what_was_merged(w, sample_udp(4), MTU - 28);
}

static void the_kernel_cuts_udp6_to_what_was_merged(void **state)
{
	struct world *w = *state;

	if (!w->uso) {
		skip();
	}
	cuts_to_what_was_merged(w, sample_udp(6), MTU - 48);
}

static void the_kernel_takes_the_largest_frame(void **state)
{
	struct world *w = *state;

	for (int version = 4; version <= 6; version += 2) {
		struct sample s = sample_tcp(version);

		w->frames = 0;
		push_all(w, &s, 48); /* 47 or 48 fit */
		assert_in_range(w->frames, 1, 2);
		assert_all_arrive(w, &s, 48);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_cuts_tcp4_to_what_was_merged),
		cmocka_unit_test(the_kernel_cuts_tcp6_to_what_was_merged),
		cmocka_unit_test(the_kernel_cuts_udp4_to_what_was_merged),
		cmocka_unit_test(the_kernel_cuts_udp6_to_what_was_merged),
		cmocka_unit_test(the_kernel_takes_the_largest_frame),
	};
	int r = access("/dev/net/tun", R_OK | W_OK) != 0 ? -errno
							 : netns_enter();

	if (r != 0) {
		printf("1..0 # SKIP no TUN device or no namespace of our own: "
		       "%s\n",
		       strerror(-r));
		return 0;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
