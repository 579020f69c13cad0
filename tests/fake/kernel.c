/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/kernel_private.h"

#include "dataplane/io/tun.h"
#include "dataplane/io/udp.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define HASHES 1024

/* There is one kernel: the functions of dataplane/io do not name it. */
static struct {
	mpq_time now;
	const struct kernel_events *events;
	void *owner;
	struct kernel_end **ends; /* by descriptor */
	int fds;
	struct kernel_end *sockets[HASHES];
} kernel;

/* ---- descriptors --------------------------------------------------------- */

struct kernel_end *kernel_end(int fd)
{
	return fd >= 0 && fd < kernel.fds ? kernel.ends[fd] : NULL;
}

static unsigned hash(const struct mpq_sockaddr *a)
{
	const uint8_t *bytes = a->sa.sa_family == AF_INET
				       ? (const uint8_t *)&a->in.sin_addr
				       : a->in6.sin6_addr.s6_addr + 12;
	unsigned sum = mpq_sockaddr_port(a);

	for (int i = 0; i < 4; i++) {
		sum = sum * 31 + bytes[i];
	}
	return sum % HASHES;
}

static void make_room(int fd)
{
	int more = 2 * fd + 64;

	if (fd < kernel.fds) {
		return;
	}
	kernel.ends = realloc(kernel.ends,
			      (size_t)more * sizeof(struct kernel_end *));
	assert(kernel.ends != NULL);
	memset(kernel.ends + kernel.fds, 0,
	       (size_t)(more - kernel.fds) * sizeof(struct kernel_end *));
	kernel.fds = more;
}

static void unlink_socket(const struct kernel_end *e)
{
	struct kernel_end **at = &kernel.sockets[hash(&e->at)];

	while (*at != e) {
		at = &(*at)->next;
	}
	*at = e->next;
}

static void forget_end(int fd)
{
	struct kernel_end *e = kernel_end(fd);
	struct kernel_item *i;

	if (e == NULL) {
		return;
	}
	while ((i = e->head) != NULL) {
		e->head = i->next;
		free(i);
	}
	if (!e->tun) {
		unlink_socket(e);
	}
	free(e->batch);
	free(e);
	kernel.ends[fd] = NULL;
}

/* Also of a descriptor that is none of ours. */
static void close_end(int fd)
{
	forget_end(fd);
	(void)close(fd);
}

static int open_end(bool tun)
{
	struct kernel_end *e = calloc(1, sizeof(*e));
	int fd = eventfd(0, EFD_CLOEXEC);

	assert(e != NULL && fd >= 0);
	e->tun = tun;
	e->tail = &e->head;
	make_room(fd);
	forget_end(fd); /* one that was closed behind our back */
	kernel.ends[fd] = e;
	return fd;
}

static void push(struct kernel_end *e, const void *data, size_t len,
		 const struct mpq_sockaddr *from, uint8_t ecn)
{
	struct kernel_item *i = malloc(sizeof(*i) + len);

	assert(i != NULL);
	*i = (struct kernel_item){.ecn = ecn, .len = len};
	if (from != NULL) {
		i->from = *from;
	}
	memcpy(i->data, data, len);
	*e->tail = i;
	e->tail = &i->next;
	e->pkts++;
	kernel_loop_ready(e->loop);
}

static struct kernel_item *pop(struct kernel_end *e)
{
	struct kernel_item *i = e->head;

	if (i != NULL) {
		e->head = i->next;
		e->tail = e->head != NULL ? e->tail : &e->head;
		e->pkts--;
	}
	return i;
}

/* ---- for the program ----------------------------------------------------- */

void kernel_reset(mpq_time now, const struct kernel_events *events, void *owner)
{
	for (int fd = 0; fd < kernel.fds; fd++) {
		if (kernel.ends[fd] != NULL) {
			close_end(fd);
		}
	}
	free(kernel.ends);
	kernel_loop_reset();
	memset(&kernel, 0, sizeof(kernel));
	kernel.now = now;
	kernel.events = events;
	kernel.owner = owner;
}

mpq_time kernel_now(void)
{
	return kernel.now;
}

void kernel_advance(mpq_time now)
{
	assert(now >= kernel.now);
	kernel.now = now;
}

int kernel_udp(const char *address, uint16_t port)
{
	int fd = open_end(false);
	struct kernel_end *e = kernel_end(fd);

	if (mpq_sockaddr_parse(address, port, &e->at) < 0) {
		abort();
	}
	e->batch = malloc(KERNEL_HEAD_BYTES + MPQ_UDP_BATCH_BYTES);
	assert(e->batch != NULL);
	e->next = kernel.sockets[hash(&e->at)];
	kernel.sockets[hash(&e->at)] = e;
	return fd;
}

int kernel_tun(void)
{
	return open_end(true);
}

static bool is_gone(const struct kernel_end *e)
{
	return kernel.events->is_gone != NULL &&
	       kernel.events->is_gone(kernel.owner, &e->at);
}

bool kernel_arrive(const struct kernel_datagram *d)
{
	struct kernel_end *e = kernel.sockets[hash(d->to)];

	while (e != NULL && !mpq_sockaddr_equal(&e->at, d->to)) {
		e = e->next;
	}
	if (e == NULL || is_gone(e)) {
		return false;
	}
	push(e, d->data, d->len, d->from, d->ecn);
	return true;
}

bool kernel_tun_push(int tun, const void *packet, size_t len)
{
	struct kernel_end *e = kernel_end(tun);

	if (e->pkts >= KERNEL_TUN_PKTS) {
		return false;
	}
	push(e, packet, len, NULL, 0);
	return true;
}

void kernel_tun_delete(int tun)
{
	struct kernel_end *e = kernel_end(tun);

	e->deleted = true;
	kernel_loop_ready(e->loop);
}

bool kernel_tun_is_deleted(int tun)
{
	return kernel_end(tun)->deleted;
}

/* ---- dataplane/io/udp.h -------------------------------------------------- */

int mpq_udp_init(struct mpq_udp *u, int fd)
{
	const struct kernel_end *e = kernel_end(fd);

	*u = (struct mpq_udp){.fd = fd};
	if (e == NULL || e->tun) {
		close_end(fd);
		u->fd = -1;
		return -ENOTSOCK;
	}
	u->local = e->at;
	return 0;
}

void mpq_udp_finish(struct mpq_udp *u)
{
	if (u->fd >= 0) {
		close_end(u->fd);
		u->fd = -1;
	}
}

int mpq_udp_receive(struct mpq_udp *u, unsigned budget,
		    void (*receive)(void *owner,
				    const struct mpq_udp_datagram *d),
		    void *owner)
{
	struct kernel_end *e = kernel_end(u->fd);
	struct kernel_item *i;
	unsigned n = 0;

	if (is_gone(e)) {
		return -ENODEV;
	}
	for (; n < budget && (i = pop(e)) != NULL; n++) {
		const struct mpq_udp_datagram d = {.data = i->data,
						   .len_bytes = i->len,
						   .ecn = i->ecn,
						   .received = kernel.now,
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
	return kernel_end(u->fd)->batch + KERNEL_HEAD_BYTES;
}

void mpq_udp_commit(struct mpq_udp *u, size_t len, uint8_t ecn,
		    const struct mpq_sockaddr *local,
		    const struct mpq_sockaddr *remote)
{
	const struct kernel_end *e = kernel_end(u->fd);
	const struct kernel_datagram d = {.from = &u->local,
					  .to = remote,
					  .ecn = ecn,
					  .data = e->batch + KERNEL_HEAD_BYTES,
					  .len = len};

	(void)local;
	u->packets_out++;
	u->bytes_out += len;
	if (is_gone(e)) {
		u->send_errors++;
		return;
	}
	kernel.events->sent(kernel.owner, &d);
}

int mpq_udp_flush(struct mpq_udp *u)
{
	return is_gone(kernel_end(u->fd)) ? -ENODEV : 0;
}

/* ---- dataplane/io/tun.h -------------------------------------------------- */

int mpq_tun_init(struct mpq_tun *t, int fd)
{
	const struct kernel_end *e = kernel_end(fd);

	*t = (struct mpq_tun){.fd = fd};
	if (e == NULL || !e->tun) {
		close_end(fd);
		t->fd = -1;
		return -ENOTTY;
	}
	return 0;
}

void mpq_tun_finish(struct mpq_tun *t)
{
	if (t != NULL && t->fd >= 0) {
		close_end(t->fd);
		t->fd = -1;
	}
}

int mpq_tun_read(struct mpq_tun *t, struct virtio_net_hdr *ret_hdr,
		 uint8_t *frame, size_t cap)
{
	struct kernel_end *e = kernel_end(t->fd);
	struct kernel_item *i;
	int len;

	if (e->deleted) {
		return -EBADFD;
	}
	i = pop(e);
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
	if (kernel_end(t->fd)->deleted) {
		t->write_errors++;
		return -EBADFD;
	}
	kernel.events->came(kernel.owner, t->fd, hdr, frame, len);
	return 0;
}
