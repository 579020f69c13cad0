/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dataplane/fake_io.h"

#include "dataplane/io/loop.h"
#include "dataplane/io/tun.h"
#include "dataplane/io/udp.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define LOOPS     4
#define WATCHES   512
#define TURNS_MAX 1000 /* at one point in time */

struct item { /* on the wire, or in a device */
	struct item *next;
	mpq_time due;
	struct mpq_sockaddr from, to;
	size_t len;
	uint8_t data[];
};

struct fake { /* what a descriptor stands for */
	struct fake *next;
	int fd;
	bool tun, gone;
	struct mpq_sockaddr at;
	struct item *inbox; /* of a device */
	unsigned came, errors;
	size_t last_len;
	uint8_t last[2048];
};

struct cut {
	struct cut *next;
	struct mpq_sockaddr address;
};

struct sender {
	struct sender *next;
	struct mpq_sockaddr address;
	unsigned packets;
};

struct mpq_loop {
	const struct mpq_loop_events *events;
	void *owner;
	mpq_time deadline;
	bool stop;
	struct mpq_loop_fd *watch[WATCHES];
	bool wants_read[WATCHES], wants_write[WATCHES];
};

/* There is one world: the functions below are called without a pointer. */
static struct {
	mpq_time now;
	struct mpq_loop *loops[LOOPS];
	struct fake *fakes;
	struct item *wire;
	struct cut *cuts;
	struct sender *senders;
	bool (*passes)(void *context, const struct mpq_sockaddr *from,
		       const struct mpq_sockaddr *to, size_t len);
	void *context;
} world;

static struct mpq_sockaddr address_of(const char *text, uint16_t port)
{
	struct mpq_sockaddr a;

	assert_int_equal(mpq_sockaddr_parse(text, port, &a), 0);
	return a;
}

static bool same_host(const struct mpq_sockaddr *a,
		      const struct mpq_sockaddr *b)
{
	struct mpq_sockaddr x = *a, y = *b;

	x.in.sin_port = y.in.sin_port = 0;
	return mpq_sockaddr_equal(&x, &y);
}

static struct fake *find(int fd)
{
	for (struct fake *f = world.fakes; f != NULL; f = f->next) {
		if (f->fd == fd) {
			return f;
		}
	}
	return NULL;
}

static struct fake *fake_new(bool tun)
{
	struct fake *f = calloc(1, sizeof(*f));

	f->fd = eventfd(0, EFD_CLOEXEC);
	f->tun = tun;
	f->next = world.fakes;
	world.fakes = f;
	return f;
}

static void free_items(struct item **list)
{
	struct item *i;

	while ((i = *list) != NULL) {
		*list = i->next;
		free(i);
	}
}

static void fake_close(int fd)
{
	struct fake **at = &world.fakes, *f;

	while ((f = *at) != NULL && f->fd != fd) {
		at = &f->next;
	}
	if (f != NULL) {
		*at = f->next;
		free_items(&f->inbox);
		free(f);
	}
	(void)close(fd);
}

static void append(struct item **list, const void *data, size_t len,
		   const struct mpq_sockaddr *from,
		   const struct mpq_sockaddr *to, mpq_time due)
{
	struct item *i = calloc(1, sizeof(*i) + len);

	if (from != NULL) {
		i->from = *from;
		i->to = *to;
	}
	i->due = due;
	i->len = len;
	memcpy(i->data, data, len);
	while (*list != NULL) {
		list = &(*list)->next;
	}
	*list = i;
}

/* ---- for the test ------------------------------------------------------- */

void fake_reset(void)
{
	while (world.fakes != NULL) {
		fake_close(world.fakes->fd);
	}
	while (world.cuts != NULL) {
		struct cut *c = world.cuts;

		world.cuts = c->next;
		free(c);
	}
	while (world.senders != NULL) {
		struct sender *s = world.senders;

		world.senders = s->next;
		free(s);
	}
	free_items(&world.wire);
	memset(&world, 0, sizeof(world));
	world.now = 1000 * MPQ_SECOND;
}

mpq_time fake_now(void)
{
	return world.now;
}

int fake_udp(const char *address, uint16_t port)
{
	struct fake *f = fake_new(false);

	f->at = address_of(address, port);
	return f->fd;
}

int fake_tun(void)
{
	return fake_new(true)->fd;
}

int fake_other(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

void fake_tun_delete(int fd)
{
	find(fd)->gone = true;
}

bool fake_tun_deleted(int fd)
{
	return find(fd)->gone;
}

void fake_tun_push(int fd, const void *packet, size_t len)
{
	append(&find(fd)->inbox, packet, len, NULL, NULL, 0);
}

unsigned fake_tun_came(int fd)
{
	return find(fd)->came;
}

unsigned fake_tun_errors(int fd)
{
	return find(fd)->errors;
}

size_t fake_tun_last(int fd, uint8_t *packet, size_t cap)
{
	const struct fake *f = find(fd);
	size_t len = f->last_len < cap ? f->last_len : cap;

	memcpy(packet, f->last, len);
	return len;
}

void fake_filter(bool (*passes)(void *context, const struct mpq_sockaddr *from,
				const struct mpq_sockaddr *to, size_t len),
		 void *context)
{
	world.passes = passes;
	world.context = context;
}

void fake_cut(const char *address, bool cut)
{
	struct mpq_sockaddr a = address_of(address, 0);
	struct cut **at = &world.cuts, *c;

	while ((c = *at) != NULL && !same_host(&c->address, &a)) {
		at = &c->next;
	}
	if (cut && c == NULL) {
		c = calloc(1, sizeof(*c));
		c->address = a;
		*at = c;
	} else if (!cut && c != NULL) {
		*at = c->next;
		free(c);
	}
}

static bool is_cut(const struct mpq_sockaddr *a)
{
	for (const struct cut *c = world.cuts; c != NULL; c = c->next) {
		if (same_host(&c->address, a)) {
			return true;
		}
	}
	return false;
}

void fake_inject(const struct mpq_sockaddr *from, const struct mpq_sockaddr *to,
		 const uint8_t *data, size_t len)
{
	append(&world.wire, data, len, from, to, world.now + FAKE_ONE_WAY);
}

static struct sender *sender_of(const struct mpq_sockaddr *a)
{
	struct sender *s = world.senders;

	while (s != NULL && !same_host(&s->address, a)) {
		s = s->next;
	}
	if (s == NULL) {
		s = calloc(1, sizeof(*s));
		s->address = *a;
		s->next = world.senders;
		world.senders = s;
	}
	return s;
}

unsigned fake_sent_from(const char *address)
{
	struct mpq_sockaddr a = address_of(address, 0);

	return sender_of(&a)->packets;
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

static bool on_wire_for(const struct fake *f)
{
	for (const struct item *i = world.wire; i != NULL; i = i->next) {
		if (i->due <= world.now && mpq_sockaddr_equal(&i->to, &f->at)) {
			return true;
		}
	}
	return false;
}

static bool is_real(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) > 0;
}

static bool readable(const struct mpq_loop_fd *w)
{
	const struct fake *f = find(w->fd);

	if (f == NULL) {
		return is_real(w->fd, POLLIN);
	}
	return f->tun ? f->inbox != NULL || f->gone : on_wire_for(f);
}

static bool has_something(const struct mpq_loop *l)
{
	for (int i = 0; i < WATCHES; i++) {
		const struct mpq_loop_fd *w = l->watch[i];

		if (w != NULL &&
		    ((l->wants_read[i] && readable(w)) ||
		     (l->wants_write[i] && is_real(w->fd, POLLOUT)))) {
			return true;
		}
	}
	return l->deadline <= world.now;
}

static void turn(struct mpq_loop *l)
{
	for (int i = 0; i < WATCHES; i++) {
		struct mpq_loop_fd *w = l->watch[i];

		if (w != NULL && l->wants_read[i] && readable(w)) {
			w->readable(w->owner, world.now);
		}
		w = l->watch[i];
		if (w != NULL && l->wants_write[i] && is_real(w->fd, POLLOUT)) {
			w->writable(w->owner, world.now);
		}
	}
	l->deadline = l->events->turn_end(l->owner, world.now);
}

/* Packets for nobody are gone when their time has come. */
static void sweep(void)
{
	struct item **at = &world.wire, *i;

	while ((i = *at) != NULL) {
		bool wanted = false;

		for (const struct fake *f = world.fakes; f != NULL;
		     f = f->next) {
			wanted = wanted || (!f->tun &&
					    mpq_sockaddr_equal(&i->to, &f->at));
		}
		if (i->due <= world.now && !wanted) {
			*at = i->next;
			free(i);
		} else {
			at = &i->next;
		}
	}
}

static void settle(void)
{
	bool again = true;

	for (int turns = 0; again; turns++) {
		again = false;
		sweep();
		for (int i = 0; i < LOOPS; i++) {
			struct mpq_loop *l = world.loops[i];

			if (l != NULL && has_something(l)) {
				turn(l);
				again = true;
			}
		}
		if (turns > TURNS_MAX) {
			fail_msg("a loop spins");
		}
	}
}

static mpq_time next_event(void)
{
	mpq_time next = MPQ_TIME_NEVER;

	for (int i = 0; i < LOOPS; i++) {
		if (world.loops[i] != NULL) {
			next = mpq_time_min(next, world.loops[i]->deadline);
		}
	}
	for (const struct item *i = world.wire; i != NULL; i = i->next) {
		if (i->due > world.now) {
			next = mpq_time_min(next, i->due);
		}
	}
	return next;
}

void fake_run(mpq_duration how_long)
{
	mpq_time end = world.now + how_long;

	for (int i = 0; i < LOOPS; i++) {
		if (world.loops[i] != NULL) {
			world.loops[i]->deadline = world.now;
		}
	}
	for (;;) {
		mpq_time next;

		settle();
		next = next_event();
		assert_true(next > world.now);
		if (next > end) {
			break;
		}
		world.now = next;
	}
	world.now = end;
	settle();
}

/* ---- dataplane/io/loop.h ------------------------------------------------ */

int mpq_loop_new(struct mpq_loop **ret, const struct mpq_loop_events *events,
		 void *owner)
{
	struct mpq_loop *l = calloc(1, sizeof(*l));

	l->events = events;
	l->owner = owner;
	l->deadline = world.now;
	for (int i = 0; i < LOOPS; i++) {
		if (world.loops[i] == NULL) {
			world.loops[i] = l;
			*ret = l;
			return 0;
		}
	}
	fail_msg("too many loops");
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
	if (w->fd < 0) {
		return -EBADF;
	}
	for (int i = 0; i < WATCHES; i++) {
		if (l->watch[i] == NULL) {
			l->watch[i] = w;
			l->wants_read[i] = true;
			l->wants_write[i] = false;
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
	int i = slot_of(w);

	if (i >= 0) {
		w->loop->watch[i] = NULL;
		w->loop = NULL;
	}
}

void mpq_loop_want_read(struct mpq_loop_fd *w, bool want)
{
	int i = slot_of(w);

	if (i >= 0) {
		w->loop->wants_read[i] = want;
	}
}

void mpq_loop_want_write(struct mpq_loop_fd *w, bool want)
{
	int i = slot_of(w);

	if (i >= 0) {
		w->loop->wants_write[i] = want;
	}
}

mpq_time mpq_loop_now(const struct mpq_loop *l)
{
	(void)l;
	return world.now;
}

void mpq_loop_advance(struct mpq_loop *l, mpq_time now)
{
	(void)l;
	assert_true(now <= world.now);
}

int mpq_loop_run(struct mpq_loop *l)
{
	(void)l;
	return -ENOSYS;
}

void mpq_loop_stop(struct mpq_loop *l)
{
	l->stop = true;
}

/* ---- dataplane/io/udp.h ------------------------------------------------- */

int mpq_udp_init(struct mpq_udp *u, int fd)
{
	const struct fake *f = find(fd);

	*u = (struct mpq_udp){.fd = fd};
	if (f == NULL || f->tun) {
		fake_close(fd);
		u->fd = -1;
		return -ENOTSOCK;
	}
	u->local = f->at;
	u->batch = malloc(MPQ_UDP_BATCH_BYTES);
	return 0;
}

void mpq_udp_finish(struct mpq_udp *u)
{
	if (u->fd >= 0) {
		fake_close(u->fd);
		u->fd = -1;
	}
	free(u->batch);
	u->batch = NULL;
}

/* Takes the first packet for `f` off the wire. */
static struct item *take_arrived(const struct fake *f)
{
	for (struct item **at = &world.wire, *i; (i = *at) != NULL;
	     at = &i->next) {
		if (i->due <= world.now && mpq_sockaddr_equal(&i->to, &f->at)) {
			*at = i->next;
			return i;
		}
	}
	return NULL;
}

int mpq_udp_receive(struct mpq_udp *u, unsigned budget,
		    void (*receive)(void *owner,
				    const struct mpq_udp_datagram *d),
		    void *owner)
{
	const struct fake *f = find(u->fd);
	struct item *i;
	unsigned n = 0;

	assert_non_null(f);
	while (n < budget && (i = take_arrived(f)) != NULL) {
		const struct mpq_udp_datagram d = {.data = i->data,
						   .len_bytes = i->len,
						   .received = world.now,
						   .local = u->local,
						   .remote = i->from};

		receive(owner, &d);
		u->packets_in++;
		free(i);
		n++;
	}
	return (int)n;
}

uint8_t *mpq_udp_reserve(struct mpq_udp *u, size_t cap)
{
	assert_non_null(u->batch);
	assert_true(cap <= MPQ_UDP_BATCH_BYTES);
	return u->batch;
}

void mpq_udp_commit(struct mpq_udp *u, size_t len, uint8_t ecn,
		    const struct mpq_sockaddr *local,
		    const struct mpq_sockaddr *remote)
{
	(void)ecn;
	(void)local;
	u->packets_out++;
	sender_of(&u->local)->packets++;
	if (is_cut(&u->local) || is_cut(remote) ||
	    (world.passes != NULL &&
	     !world.passes(world.context, &u->local, remote, len))) {
		return;
	}
	append(&world.wire, u->batch, len, &u->local, remote,
	       world.now + FAKE_ONE_WAY);
}

int mpq_udp_flush(struct mpq_udp *u)
{
	(void)u;
	return 0;
}

/* ---- dataplane/io/tun.h ------------------------------------------------- */

int mpq_tun_init(struct mpq_tun *t, int fd)
{
	const struct fake *f = find(fd);

	*t = (struct mpq_tun){.fd = fd};
	if (f == NULL || !f->tun) {
		fake_close(fd);
		t->fd = -1;
		return -ENOTTY;
	}
	return 0;
}

void mpq_tun_finish(struct mpq_tun *t)
{
	if (t != NULL && t->fd >= 0) {
		fake_close(t->fd);
		t->fd = -1;
	}
}

int mpq_tun_read(struct mpq_tun *t, struct virtio_net_hdr *ret_hdr,
		 uint8_t *frame, size_t cap)
{
	struct fake *f = find(t->fd);
	struct item *i = f->inbox;
	int len;

	if (f->gone) {
		return -EBADFD;
	}
	if (i == NULL) {
		return 0;
	}
	assert_true(i->len <= cap);
	memset(ret_hdr, 0, sizeof(*ret_hdr));
	memcpy(frame, i->data, i->len);
	len = (int)i->len;
	f->inbox = i->next;
	free(i);
	return len;
}

int mpq_tun_write(struct mpq_tun *t, const struct virtio_net_hdr *hdr,
		  const uint8_t *frame, size_t len)
{
	struct fake *f = find(t->fd);

	(void)hdr;
	if (f->gone) {
		t->write_errors++;
		return -EBADFD;
	}
	f->came += frame[9] == IPPROTO_UDP;
	f->errors += frame[9] == IPPROTO_ICMP;
	f->last_len = len < sizeof(f->last) ? len : sizeof(f->last);
	memcpy(f->last, frame, f->last_len);
	return 0;
}
