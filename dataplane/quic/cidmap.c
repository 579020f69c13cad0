/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/cidmap.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64

int mpq_cidmap_init(struct mpq_cidmap *m)
{
	*m = (struct mpq_cidmap){.n_slots = FIRST_SLOTS};
	if (gnutls_rnd(GNUTLS_RND_NONCE, m->key, sizeof(m->key)) < 0) {
		return -EIO;
	}
	m->slots = calloc(m->n_slots, sizeof(*m->slots));
	return m->slots ? 0 : -ENOMEM;
}

void mpq_cidmap_finish(struct mpq_cidmap *m)
{
	free(m->slots);
	m->slots = NULL;
}

static bool sound(size_t len)
{
	return len > 0 && len <= MPQ_CONN_CID_MAX_BYTES;
}

static size_t slot_of(const struct mpq_cidmap *m, const uint8_t *cid,
		      size_t len)
{
	const uint64_t odd = 0x9e3779b97f4a7c15;
	uint64_t words[3] = {0};
	uint64_t h = m->key[0] ^ len;

	memcpy(words, cid, len);
	for (size_t i = 0; i < 3; i++) {
		h = (h ^ words[i] ^ m->key[1]) * odd;
		h ^= h >> 29;
	}
	return (size_t)(h ^ h >> 32) & (m->n_slots - 1);
}

static bool same(const struct mpq_cidmap_entry *e, const uint8_t *cid,
		 size_t len)
{
	return e->len == len && memcmp(e->cid, cid, len) == 0;
}

/* The entry, or the empty one where it would go. */
static struct mpq_cidmap_entry *place(const struct mpq_cidmap *m,
				      const uint8_t *cid, size_t len)
{
	size_t i = slot_of(m, cid, len);

	while (m->slots[i].len && !same(&m->slots[i], cid, len)) {
		i = (i + 1) & (m->n_slots - 1);
	}
	return &m->slots[i];
}

static int grow(struct mpq_cidmap *m)
{
	struct mpq_cidmap_entry *old = m->slots;
	size_t n_old = m->n_slots;

	m->slots = calloc(2 * n_old, sizeof(*m->slots));
	if (!m->slots) {
		m->slots = old;
		return -ENOMEM;
	}
	m->n_slots = 2 * n_old;
	for (size_t i = 0; i < n_old; i++) {
		if (old[i].len) {
			*place(m, old[i].cid, old[i].len) = old[i];
		}
	}
	free(old);
	return 0;
}

int mpq_cidmap_add(struct mpq_cidmap *m, const uint8_t *cid, size_t len,
		   void *owner)
{
	struct mpq_cidmap_entry *e;
	int rv;

	if (!sound(len)) {
		return -EINVAL;
	}
	if (place(m, cid, len)->len) {
		return -EEXIST;
	}
	if (m->n_used >= MPQ_CIDMAP_ENTRIES) {
		return -ENOSPC;
	}
	if (2 * (m->n_used + 1) > m->n_slots) {
		rv = grow(m);
		if (rv) {
			return rv;
		}
	}
	e = place(m, cid, len);
	e->len = (uint8_t)len;
	memcpy(e->cid, cid, len);
	e->owner = owner;
	m->n_used++;
	return 0;
}

/* Moves back what stands after the hole because its own place was taken, so
 * that no search ends too early. */
static void close_hole(struct mpq_cidmap *m, size_t hole)
{
	size_t mask = m->n_slots - 1;

	for (size_t i = (hole + 1) & mask; m->slots[i].len;
	     i = (i + 1) & mask) {
		size_t home = slot_of(m, m->slots[i].cid, m->slots[i].len);

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole].len = 0;
}

void mpq_cidmap_remove(struct mpq_cidmap *m, const uint8_t *cid, size_t len)
{
	struct mpq_cidmap_entry *e;

	if (!sound(len)) {
		return;
	}
	e = place(m, cid, len);
	if (e->len) {
		m->n_used--;
		close_hole(m, (size_t)(e - m->slots));
	}
}

void *mpq_cidmap_find(const struct mpq_cidmap *m, const uint8_t *cid,
		      size_t len)
{
	const struct mpq_cidmap_entry *e;

	if (!sound(len)) {
		return NULL;
	}
	e = place(m, cid, len);
	return e->len ? e->owner : NULL;
}
