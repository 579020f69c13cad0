/* SPDX-License-Identifier: Apache-2.0 */
/* What kernel.c (descriptors) and kernel_loop.c share. For nobody else. */
#ifndef MPQ_TESTS_FAKE_KERNEL_PRIVATE_H
#define MPQ_TESTS_FAKE_KERNEL_PRIVATE_H

#include "dataplane/io/loop.h"
#include "tests/fake/kernel.h"

struct kernel_item { /* waits in a socket or a device */
	struct kernel_item *next;
	struct mpq_sockaddr from;
	uint8_t ecn;
	size_t len;
	uint8_t data[];
};

struct kernel_end {              /* what a descriptor stands for */
	struct kernel_end *next; /* with the same hash of the address */
	bool tun, deleted;
	struct mpq_sockaddr at;
	struct kernel_item *head, **tail;
	size_t pkts;
	struct mpq_loop *loop; /* that watches it */
	uint8_t *batch;
};

/* NULL: it is none of ours. */
struct kernel_end *kernel_end(int fd);

static inline bool kernel_end_is_readable(const struct kernel_end *e)
{
	return e->head != NULL || e->deleted;
}

/* kernel_loop.c */
void kernel_loop_reset(void);
/* Something came for who watches it. */
void kernel_loop_ready(struct mpq_loop *l);

#endif
