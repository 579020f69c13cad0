/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a connection ID to its owner: a hash table with open addressing.
 * Internal to dataplane/quic. IDs are ours and random, but for a newcomer's
 * own: a random key keeps him from choosing where they go.
 */
#ifndef MPQ_QUIC_CIDMAP_H
#define MPQ_QUIC_CIDMAP_H

#include "dataplane/quic/conn.h"

#define MPQ_CIDMAP_ENTRIES (1u << 18) /* at most */

struct mpq_cidmap_entry {
	uint8_t len; /* 0: empty */
	uint8_t cid[MPQ_CONN_CID_MAX_BYTES];
	void *owner;
};

struct mpq_cidmap {
	struct mpq_cidmap_entry *slots; /* linear probing, at most half full */
	size_t n_slots;                 /* a power of two */
	size_t n_used;
	uint64_t key[2];
};

int mpq_cidmap_init(struct mpq_cidmap *m); /* 0 or -errno */
void mpq_cidmap_finish(struct mpq_cidmap *m);

/* 0; -EINVAL: length is not 1 to MPQ_CONN_CID_MAX_BYTES; -EEXIST; -ENOSPC;
 * -ENOMEM. */
int mpq_cidmap_add(struct mpq_cidmap *m, const uint8_t *cid, size_t len,
		   void *owner);
void mpq_cidmap_remove(struct mpq_cidmap *m, const uint8_t *cid, size_t len);
/* The owner, or NULL. */
void *mpq_cidmap_find(const struct mpq_cidmap *m, const uint8_t *cid,
		      size_t len);

#endif
