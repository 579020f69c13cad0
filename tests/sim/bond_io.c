/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bond_io.h"

#include "dataplane/io/loop.h"
#include "dataplane/io/tun.h"
#include "dataplane/io/udp.h"
#include "tests/sim/random.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOOPS      2
#define WATCHES    64
#define FDS        1024
#define HEAD_BYTES 28   /* IPv4 and UDP, on the wire */
#define QUEUE_PKTS 1000 /* of a TUN device, as the kernel has it */
#define SPINS      10000

struct item {
	struct item *next;
	struct mpq_sockaddr from;
	uint8_t ecn;
	size_t len;
	uint8_t data[];
};

struct end { /* what a descriptor stands for */
	bool tun;
	struct mpq_sockaddr at;
	unsigned wan; /* 0: none */
	struct item *head, **tail;
	size_t pkts;
	struct mpq_loop *loop; /* that watches it */
	uint8_t batch[HEAD_BYTES + MPQ_UDP_BATCH_BYTES];
};

struct mpq_loop {
	const struct mpq_loop_events *events;
	void *owner;
	mpq_time deadline;
	bool ready;
	struct mpq_loop_fd *watch[WATCHES];
	bool wants_read[WATCHES];
};

struct wan {
	struct sim_link *up, *down;
	bool gone;
};

/* There is one world: the functions below are called without a pointer. */
static struct {
	mpq_time now;
	struct mpq_loop *loops[LOOPS];
	struct end *ends[FDS];
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

/* ---- descriptors --------------------------------------------------------- */

static struct end *end_of(int fd)
{
	return fd >= 0 && fd < FDS ? world.ends[fd] : NULL;
}

static int end_new(bool tun)
{
	struct end *e = calloc(1, sizeof(*e));
	int fd = eventfd(0, EFD_CLOEXEC);

	if (e == NULL || fd < 0 || fd >= FDS) {
		abort();
	}
	e->tun = tun;
	e->tail = &e->head;
	world.ends[fd] = e;
	return fd;
}

static void end_close(int fd)
{
	struct end *e = end_of(fd);
	struct item *i;

	if (e != NULL) {
		while ((i = e->head) != NULL) {
			e->head = i->next;
			free(i);
		}
		free(e);
		world.ends[fd] = NULL;
	}
	(void)close(fd);
}

static void end_push(struct end *e, const void *data, size_t len,
		     const struct mpq_sockaddr *from, uint8_t ecn)
{
	struct item *i = malloc(sizeof(*i) + len);

	if (i == NULL) {
		abort();
	}
	*i = (struct item){.ecn = ecn, .len = len};
	if (from != NULL) {
		i->from = *from;
	}
	memcpy(i->data, data, len);
	*e->tail = i;
	e->tail = &i->next;
	e->pkts++;
	if (e->loop != NULL) {
		e->loop->ready = true;
	}
}

static struct item *end_pop(struct end *e)
{
	struct item *i = e->head;

	if (i != NULL) {
		e->head = i->next;
		e->tail = e->head != NULL ? e->tail : &e->head;
		e->pkts--;
	}
	return i;
}

/* ---- for the world ------------------------------------------------------- */

void bond_io_init(mpq_time now,
		  void (*came)(void *owner, int tun, const uint8_t *packet,
			       size_t len),
		  void *owner)
{
	memset(&world, 0, sizeof(world));
	world.now = now;
	world.came = came;
	world.owner = owner;
}

void bond_io_finish(void)
{
	for (int fd = 0; fd < FDS; fd++) {
		if (world.ends[fd] != NULL) {
			end_close(fd);
		}
	}
	memset(&world, 0, sizeof(world));
}

mpq_time bond_io_now(void)
{
	return world.now;
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

/* 10.0.N.x, or 0. */
static unsigned wan_of(const struct mpq_sockaddr *a)
{
	uint32_t ip = ntohl(a->in.sin_addr.s_addr);

	return ip >> 16 == (10 << 8) && (ip >> 8 & 0xff) <= BOND_IO_WANS
		       ? ip >> 8 & 0xff
		       : 0;
}

int bond_io_udp(const char *address, uint16_t port)
{
	int fd = end_new(false);
	struct end *e = end_of(fd);

	if (mpq_sockaddr_parse(address, port, &e->at) < 0) {
		abort();
	}
	e->wan = wan_of(&e->at);
	return fd;
}

int bond_io_tun(void)
{
	return end_new(true);
}

bool bond_io_tun_push(int tun, const void *packet, size_t len)
{
	struct end *e = end_of(tun);

	if (e->pkts >= QUEUE_PKTS) {
		return false;
	}
	end_push(e, packet, len, NULL, 0);
	return true;
}

static void arrive(const struct sim_link_packet *p)
{
	for (int fd = 0; fd < FDS; fd++) {
		struct end *e = world.ends[fd];

		if (e != NULL && !e->tun &&
		    mpq_sockaddr_equal(&e->at, &p->to)) {
			if (!world.wans[e->wan].gone) {
				end_push(e, p->data + HEAD_BYTES,
					 p->len - HEAD_BYTES, &p->from, p->ecn);
			}
			return;
		}
	}
}

static void arrivals(struct sim_link *l)
{
	const struct sim_link_packet *p;

	while (l != NULL && (p = sim_link_pop(l, world.now)) != NULL) {
		arrive(p);
	}
}

static void turn(struct mpq_loop *l)
{
	l->ready = false;
	for (int i = 0; i < WATCHES; i++) {
		struct mpq_loop_fd *w = l->watch[i];
		const struct end *e = w != NULL ? end_of(w->fd) : NULL;

		if (e != NULL && e->head != NULL && l->wants_read[i]) {
			w->readable(w->owner, world.now);
		}
		w = l->watch[i]; /* may be gone, or read in part */
		e = w != NULL ? end_of(w->fd) : NULL;
		l->ready |= e != NULL && e->head != NULL && l->wants_read[i];
	}
	l->deadline = l->events->turn_end(l->owner, world.now);
}

bool bond_io_turn(void)
{
	bool any = false;

	for (unsigned i = 1; i <= BOND_IO_WANS; i++) {
		arrivals(world.wans[i].up);
		arrivals(world.wans[i].down);
	}
	for (int i = 0; i < LOOPS; i++) {
		struct mpq_loop *l = world.loops[i];

		if (l != NULL && (l->ready || l->deadline <= world.now)) {
			turn(l);
			any = true;
		}
	}
	world.spins = any ? world.spins + 1 : 0;
	assert(world.spins < SPINS);
	return any;
}

void bond_io_wake(void)
{
	for (int i = 0; i < LOOPS; i++) {
		if (world.loops[i] != NULL) {
			world.loops[i]->ready = true;
		}
	}
}

mpq_time bond_io_deadline(void)
{
	mpq_time due = MPQ_TIME_NEVER;

	for (int i = 0; i < LOOPS; i++) {
		if (world.loops[i] != NULL) {
			due = mpq_time_min(due, world.loops[i]->deadline);
		}
	}
	for (unsigned i = 1; i <= BOND_IO_WANS; i++) {
		if (world.wans[i].up != NULL) {
			due = mpq_time_min(due,
					   sim_link_deadline(world.wans[i].up));
			due = mpq_time_min(due, sim_link_deadline(
							world.wans[i].down));
		}
	}
	return due;
}

void bond_io_advance(mpq_time now)
{
	assert(now >= world.now);
	world.now = now;
	world.spins = 0;
}

/* ---- dataplane/io/loop.h ------------------------------------------------- */

int mpq_loop_new(struct mpq_loop **ret, const struct mpq_loop_events *events,
		 void *owner)
{
	struct mpq_loop *l = calloc(1, sizeof(*l));

	for (int i = 0; l != NULL && i < LOOPS; i++) {
		if (world.loops[i] == NULL) {
			l->events = events;
			l->owner = owner;
			l->deadline = world.now;
			world.loops[i] = l;
			*ret = l;
			return 0;
		}
	}
	free(l);
	return -ENOMEM;
}

void mpq_loop_free(struct mpq_loop *l)
{
	for (int i = 0; i < LOOPS; i++) {
		if (world.loops[i] == l) {
			world.loops[i] = NULL;
		}
	}
	free(l);
}

int mpq_loop_watch(struct mpq_loop *l, struct mpq_loop_fd *w)
{
	struct end *e = end_of(w->fd);

	if (e == NULL) {
		return -EBADF;
	}
	for (int i = 0; i < WATCHES; i++) {
		if (l->watch[i] == NULL) {
			l->watch[i] = w;
			l->wants_read[i] = true;
			l->ready |= e->head != NULL;
			e->loop = l;
			w->loop = l;
			return 0;
		}
	}
	return -ENOMEM;
}

static int slot_of(const struct mpq_loop_fd *w)
{
	for (int i = 0; w->loop != NULL && i < WATCHES; i++) {
		if (w->loop->watch[i] == w) {
			return i;
		}
	}
	return -1;
}

void mpq_loop_unwatch(struct mpq_loop_fd *w)
{
	struct end *e = end_of(w->fd);
	int i = slot_of(w);

	if (i >= 0) {
		w->loop->watch[i] = NULL;
		w->loop = NULL;
		if (e != NULL) {
			e->loop = NULL;
		}
	}
}

void mpq_loop_want_read(struct mpq_loop_fd *w, bool want)
{
	int i = slot_of(w);

	if (i >= 0) {
		w->loop->wants_read[i] = want;
		w->loop->ready |= want;
	}
}

void mpq_loop_want_write(struct mpq_loop_fd *w, bool want)
{
	(void)w;
	(void)want;
}

mpq_time mpq_loop_now(const struct mpq_loop *l)
{
	(void)l;
	return world.now;
}

void mpq_loop_advance(struct mpq_loop *l, mpq_time now)
{
	(void)l;
	assert(now <= world.now);
}

int mpq_loop_run(struct mpq_loop *l)
{
	(void)l;
	return -ENOSYS;
}

void mpq_loop_stop(struct mpq_loop *l)
{
	(void)l;
}

/* ---- dataplane/io/udp.h -------------------------------------------------- */

int mpq_udp_init(struct mpq_udp *u, int fd)
{
	const struct end *e = end_of(fd);

	*u = (struct mpq_udp){.fd = fd};
	if (e == NULL || e->tun) {
		end_close(fd);
		u->fd = -1;
		return -ENOTSOCK;
	}
	u->local = e->at;
	return 0;
}

void mpq_udp_finish(struct mpq_udp *u)
{
	if (u->fd >= 0) {
		end_close(u->fd);
		u->fd = -1;
	}
}

int mpq_udp_receive(struct mpq_udp *u, unsigned budget,
		    void (*receive)(void *owner,
				    const struct mpq_udp_datagram *d),
		    void *owner)
{
	struct end *e = end_of(u->fd);
	struct item *i;
	unsigned n = 0;

	if (world.wans[e->wan].gone) {
		return -ENODEV;
	}
	for (; n < budget && (i = end_pop(e)) != NULL; n++) {
		const struct mpq_udp_datagram d = {.data = i->data,
						   .len_bytes = i->len,
						   .ecn = i->ecn,
						   .received = world.now,
						   .local = u->local,
						   .remote = i->from};

		u->packets_in++;
		u->bytes_in += i->len;
		receive(owner, &d);
		free(i);
	}
	return (int)n;
}

uint8_t *mpq_udp_reserve(struct mpq_udp *u, size_t cap)
{
	assert(cap <= MPQ_UDP_BATCH_BYTES);
	return end_of(u->fd)->batch + HEAD_BYTES;
}

void mpq_udp_commit(struct mpq_udp *u, size_t len, uint8_t ecn,
		    const struct mpq_sockaddr *local,
		    const struct mpq_sockaddr *remote)
{
	struct end *e = end_of(u->fd);
	unsigned wan = e->wan != 0 ? e->wan : wan_of(remote);
	struct wan *w = &world.wans[wan];

	(void)local;
	u->packets_out++;
	u->bytes_out += len;
	if (w->up == NULL || w->gone) {
		u->send_errors += e->wan != 0;
		return;
	}
	sim_link_push(e->wan != 0 ? w->up : w->down, &u->local, remote, ecn,
		      e->batch, HEAD_BYTES + len, world.now);
}

int mpq_udp_flush(struct mpq_udp *u)
{
	return world.wans[end_of(u->fd)->wan].gone ? -ENODEV : 0;
}

/* ---- dataplane/io/tun.h -------------------------------------------------- */

int mpq_tun_init(struct mpq_tun *t, int fd)
{
	const struct end *e = end_of(fd);

	*t = (struct mpq_tun){.fd = fd};
	if (e == NULL || !e->tun) {
		end_close(fd);
		t->fd = -1;
		return -ENOTTY;
	}
	return 0;
}

void mpq_tun_finish(struct mpq_tun *t)
{
	if (t != NULL && t->fd >= 0) {
		end_close(t->fd);
		t->fd = -1;
	}
}

int mpq_tun_read(struct mpq_tun *t, struct virtio_net_hdr *ret_hdr,
		 uint8_t *frame, size_t cap)
{
	struct item *i = end_pop(end_of(t->fd));
	int len;

	if (i == NULL) {
		return 0;
	}
	assert(i->len <= cap);
	memset(ret_hdr, 0, sizeof(*ret_hdr));
	memcpy(frame, i->data, i->len);
	len = (int)i->len;
	free(i);
	return len;
}

int mpq_tun_write(struct mpq_tun *t, const struct virtio_net_hdr *hdr,
		  const uint8_t *frame, size_t len)
{
	assert(hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE);
	world.came(world.owner, t->fd, frame, len);
	return 0;
}
