/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bond_io.h"

#include "tests/fake/kernel.h"
#include "tests/sim/random.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPINS 10000

struct wan {
	struct sim_link *up, *down;
	bool gone;
};

/* There is one world: the kernel has no pointer to it. */
static struct {
	struct wan wans[BOND_IO_WANS + 1];
	void (*came)(void *owner, int tun, const uint8_t *packet, size_t len);
	void *owner;
	unsigned spins; /* turns at one point in time */
} world;

/* ---- chance -------------------------------------------------------------- */

/* What the cryptography library's generator is made of: these two, of which
 * this program has its own. */

static struct sim_random chance = {.state = 1};

void bond_io_seed(uint64_t seed)
{
	chance.state = seed;
}

ssize_t getrandom(void *buffer, size_t len, unsigned flags)
{
	uint8_t *out = buffer;

	(void)flags;
	for (size_t i = 0; i < len; i++) {
		out[i] = (uint8_t)sim_random_next(&chance);
	}
	return (ssize_t)len;
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
	if (id != CLOCK_REALTIME) {
		return (int)syscall(SYS_clock_gettime, id, ret);
	}
	*ret = (struct timespec){0};
	return 0;
}

/* ---- links --------------------------------------------------------------- */

/* 10.0.N.x, or 0. */
static unsigned wan_of(const struct mpq_sockaddr *a)
{
	uint32_t ip = ntohl(a->in.sin_addr.s_addr);

	return ip >> 16 == (10 << 8) && (ip >> 8 & 0xff) <= BOND_IO_WANS
		       ? ip >> 8 & 0xff
		       : 0;
}

static bool is_gone(void *owner, const struct mpq_sockaddr *local)
{
	(void)owner;
	return world.wans[wan_of(local)].gone;
}

static void on_sent(void *owner, const struct kernel_datagram *d)
{
	unsigned from = wan_of(d->from);
	const struct wan *w = &world.wans[from != 0 ? from : wan_of(d->to)];

	(void)owner;
	if (w->up != NULL && !w->gone) {
		sim_link_push(from != 0 ? w->up : w->down, d->from, d->to,
			      d->ecn, d->data - KERNEL_HEAD_BYTES,
			      KERNEL_HEAD_BYTES + d->len, kernel_now());
	}
}

static void on_came(void *owner, int tun, const struct virtio_net_hdr *hdr,
		    const uint8_t *frame, size_t len)
{
	(void)owner;
	assert(hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE);
	world.came(world.owner, tun, frame, len);
}

static void arrivals(struct sim_link *l)
{
	const struct sim_link_packet *p;

	while (l != NULL && (p = sim_link_pop(l, kernel_now())) != NULL) {
		const struct kernel_datagram d = {.from = &p->from,
						  .to = &p->to,
						  .ecn = p->ecn,
						  .data = p->data +
							  KERNEL_HEAD_BYTES,
						  .len = p->len -
							 KERNEL_HEAD_BYTES};

		(void)kernel_arrive(&d);
	}
}

/* ---- for the world ------------------------------------------------------- */

static const struct kernel_events kernel_events = {
	.sent = on_sent,
	.came = on_came,
	.is_gone = is_gone,
};

void bond_io_init(mpq_time now,
		  void (*came)(void *owner, int tun, const uint8_t *packet,
			       size_t len),
		  void *owner)
{
	memset(&world, 0, sizeof(world));
	world.came = came;
	world.owner = owner;
	kernel_reset(now, &kernel_events, NULL);
}

void bond_io_finish(void)
{
	kernel_reset(0, &kernel_events, NULL);
	memset(&world, 0, sizeof(world));
}

mpq_time bond_io_now(void)
{
	return kernel_now();
}

void bond_io_wire(unsigned wan, struct sim_link *up, struct sim_link *down)
{
	assert(wan >= 1 && wan <= BOND_IO_WANS);
	world.wans[wan] = (struct wan){.up = up, .down = down};
}

void bond_io_unplug(unsigned wan, bool gone)
{
	world.wans[wan].gone = gone;
}

int bond_io_udp(const char *address, uint16_t port)
{
	return kernel_udp(address, port);
}

int bond_io_tun(void)
{
	return kernel_tun();
}

bool bond_io_tun_push(int tun, const void *packet, size_t len)
{
	return kernel_tun_push(tun, packet, len);
}

bool bond_io_turn(void)
{
	bool any;

	for (unsigned i = 1; i <= BOND_IO_WANS; i++) {
		arrivals(world.wans[i].up);
		arrivals(world.wans[i].down);
	}
	any = kernel_turn();
	world.spins = any ? world.spins + 1 : 0;
	assert(world.spins < SPINS);
	return any;
}

void bond_io_wake(void)
{
	kernel_wake();
}

mpq_time bond_io_deadline(void)
{
	mpq_time due = kernel_deadline();

	for (unsigned i = 1; i <= BOND_IO_WANS; i++) {
		const struct wan *w = &world.wans[i];

		if (w->up != NULL) {
			due = mpq_time_min(due, sim_link_deadline(w->up));
			due = mpq_time_min(due, sim_link_deadline(w->down));
		}
	}
	return due;
}

void bond_io_advance(mpq_time now)
{
	kernel_advance(now);
	world.spins = 0;
}
