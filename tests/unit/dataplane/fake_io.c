/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dataplane/fake_io.h"

#include "tests/fake/kernel.h"

#include <dirent.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <cmocka.h>

#define START     (1000 * MPQ_SECOND)
#define TURNS_MAX 1000 /* at one point in time */

struct item { /* on the wire */
	struct item *next;
	mpq_time due;
	struct mpq_sockaddr from, to;
	size_t len;
	uint8_t data[];
};

struct device { /* what came out of it */
	struct device *next;
	int fd;
	unsigned came, errors;
	size_t last_len;
	uint8_t last[2048];
};

struct host {
	struct host *next;
	struct mpq_sockaddr address;
	bool cut;
	unsigned packets; /* that it sent */
};

/* There is one world: the kernel has no pointer to it. */
static struct {
	struct item *wire; /* by when they arrive */
	struct device *devices;
	struct host *hosts;
	bool (*passes)(void *context, const struct mpq_sockaddr *from,
		       const struct mpq_sockaddr *to, size_t len);
	void *context;
	mpq_duration (*one_way)(void *context, const struct mpq_sockaddr *from,
				const struct mpq_sockaddr *to);
	void *one_way_context;
} world;

/* ---- hosts --------------------------------------------------------------- */

static bool same_host(const struct mpq_sockaddr *a,
		      const struct mpq_sockaddr *b)
{
	struct mpq_sockaddr x = *a, y = *b;

	x.in.sin_port = y.in.sin_port = 0;
	return mpq_sockaddr_equal(&x, &y);
}

static struct host *host_of(const struct mpq_sockaddr *a)
{
	struct host *h = world.hosts;

	while (h != NULL && !same_host(&h->address, a)) {
		h = h->next;
	}
	if (h == NULL) {
		h = calloc(1, sizeof(*h));
		h->address = *a;
		h->next = world.hosts;
		world.hosts = h;
	}
	return h;
}

static struct host *host_named(const char *address)
{
	struct mpq_sockaddr a;

	assert_int_equal(mpq_sockaddr_parse(address, 0, &a), 0);
	return host_of(&a);
}

void fake_cut(const char *address, bool cut)
{
	host_named(address)->cut = cut;
}

unsigned fake_sent_from(const char *address)
{
	return host_named(address)->packets;
}

/* ---- the wire ------------------------------------------------------------ */

static mpq_duration under_way(const struct mpq_sockaddr *from,
			      const struct mpq_sockaddr *to)
{
	return world.one_way != NULL
		       ? world.one_way(world.one_way_context, from, to)
		       : FAKE_ONE_WAY;
}

void fake_inject(const struct mpq_sockaddr *from, const struct mpq_sockaddr *to,
		 const uint8_t *data, size_t len)
{
	struct item *i = calloc(1, sizeof(*i) + len);
	struct item **at = &world.wire;

	i->from = *from;
	i->to = *to;
	i->due = kernel_now() + under_way(from, to);
	i->len = len;
	memcpy(i->data, data, len);
	while (*at != NULL && (*at)->due <= i->due) {
		at = &(*at)->next;
	}
	i->next = *at;
	*at = i;
}

static void on_sent(void *owner, const struct kernel_datagram *d)
{
	struct host *from = host_of(d->from);

	(void)owner;
	from->packets++;
	if (from->cut || host_of(d->to)->cut ||
	    (world.passes != NULL &&
	     !world.passes(world.context, d->from, d->to, d->len))) {
		return;
	}
	fake_inject(d->from, d->to, d->data, d->len);
}

static struct item *take_first(void)
{
	struct item *i = world.wire;

	world.wire = i->next;
	return i;
}

/* Packets for nobody are gone when their time has come. */
static void arrivals(void)
{
	while (world.wire != NULL && world.wire->due <= kernel_now()) {
		struct item *i = take_first();
		const struct kernel_datagram d = {.from = &i->from,
						  .to = &i->to,
						  .data = i->data,
						  .len = i->len};

		(void)kernel_arrive(&d);
		free(i);
	}
}

void fake_filter(bool (*passes)(void *context, const struct mpq_sockaddr *from,
				const struct mpq_sockaddr *to, size_t len),
		 void *context)
{
	world.passes = passes;
	world.context = context;
}

void fake_delay(mpq_duration (*one_way)(void *context,
					const struct mpq_sockaddr *from,
					const struct mpq_sockaddr *to),
		void *context)
{
	world.one_way = one_way;
	world.one_way_context = context;
}

/* ---- descriptors --------------------------------------------------------- */

static struct device *device_of(int fd)
{
	struct device *d = world.devices;

	while (d != NULL && d->fd != fd) {
		d = d->next;
	}
	assert_non_null(d);
	return d;
}

static void on_came(void *owner, int tun, const struct virtio_net_hdr *hdr,
		    const uint8_t *frame, size_t len)
{
	struct device *d = device_of(tun);

	(void)owner;
	(void)hdr;
	d->came += frame[9] == IPPROTO_UDP;
	d->errors += frame[9] == IPPROTO_ICMP;
	d->last_len = len < sizeof(d->last) ? len : sizeof(d->last);
	memcpy(d->last, frame, d->last_len);
}

int fake_udp(const char *address, uint16_t port)
{
	return kernel_udp(address, port);
}

int fake_tun(void)
{
	struct device *d = calloc(1, sizeof(*d));

	d->fd = kernel_tun();
	d->next = world.devices;
	world.devices = d;
	return d->fd;
}

int fake_other(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

void fake_tun_delete(int fd)
{
	kernel_tun_delete(fd);
}

bool fake_tun_deleted(int fd)
{
	return kernel_tun_is_deleted(fd);
}

void fake_tun_push(int fd, const void *packet, size_t len)
{
	assert_true(kernel_tun_push(fd, packet, len));
}

unsigned fake_tun_came(int fd)
{
	return device_of(fd)->came;
}

unsigned fake_tun_errors(int fd)
{
	return device_of(fd)->errors;
}

size_t fake_tun_last(int fd, uint8_t *packet, size_t cap)
{
	const struct device *d = device_of(fd);
	size_t len = d->last_len < cap ? d->last_len : cap;

	memcpy(packet, d->last, len);
	return len;
}

unsigned fake_open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL) {
		n++;
	}
	(void)closedir(d);
	return n;
}

/* ---- the course of time -------------------------------------------------- */

static const struct kernel_events kernel_events = {
	.sent = on_sent,
	.came = on_came,
};

void fake_reset(void)
{
	while (world.wire != NULL) {
		free(take_first());
	}
	while (world.devices != NULL) {
		struct device *d = world.devices;

		world.devices = d->next;
		free(d);
	}
	while (world.hosts != NULL) {
		struct host *h = world.hosts;

		world.hosts = h->next;
		free(h);
	}
	memset(&world, 0, sizeof(world));
	kernel_reset(START, &kernel_events, NULL);
}

mpq_time fake_now(void)
{
	return kernel_now();
}

static void settle(void)
{
	int turns = 0;

	do {
		arrivals();
		if (turns++ > TURNS_MAX) {
			fail_msg("a loop spins");
		}
	} while (kernel_turn());
}

static mpq_time next_event(void)
{
	mpq_time next = kernel_deadline();

	return world.wire != NULL ? mpq_time_min(next, world.wire->due) : next;
}

void fake_run(mpq_duration how_long)
{
	mpq_time end = kernel_now() + how_long;

	kernel_wake();
	for (;;) {
		mpq_time next;

		settle();
		next = next_event();
		assert_true(next > kernel_now());
		if (next > end) {
			break;
		}
		kernel_advance(next);
	}
	kernel_advance(end);
	settle();
}
