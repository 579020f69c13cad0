/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer says: capsules, datagrams, as one who follows the rules or not.
 */
#include "tests/unit/dataplane/peer.h"

#include "dataplane/masque/datagram.h"
#include "dataplane/masque/h3_private.h"
#include "tests/unit/dataplane/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void peer_capsule(struct peer *p, uint64_t type, const void *value, size_t len)
{
	p->no_room +=
		!p->over && mpq_h3_send_capsule(p->h3, type, value, len) < 0;
}

/* Around the one who keeps us from sending nonsense; the capsule behind it has
 * it noticed. */
void peer_capsule_head(struct peer *p, uint64_t type, uint64_t len)
{
	uint8_t bytes[2 * MPQ_VARINT_MAX_BYTES + 5000] = {0};
	size_t n = mpq_varint_write(bytes, type);

	n += mpq_varint_write(bytes + n, len);
	peer_stream(p, bytes, n + (len < 5000 ? len : 5000));
}

void peer_stream(struct peer *p, const void *data, size_t len)
{
	struct mpq_h3_queue *q = &p->h3->queue;
	const uint8_t *from = data;

	assert_true(MPQ_H3_QUEUE_BYTES - (q->end - q->acked) >= len);
	while (len-- > 0) {
		q->ring[q->end++ % MPQ_H3_QUEUE_BYTES] = *from++;
	}
	peer_capsule(p, 0x6d7080, "", 0);
}

void peer_datagram(struct peer *p, uint64_t context, const void *data,
		   size_t len)
{
	struct peer_datagram *d = &p->queue[(p->first + p->n) % PEER_QUEUE];
	uint8_t head[MPQ_DATAGRAM_HEAD_MAX_BYTES];
	size_t n = mpq_datagram_write_head(head, mpq_h3_stream(p->h3), context);

	assert_true(p->n < PEER_QUEUE);
	d->len = n + len;
	d->data = malloc(d->len);
	assert_non_null(d->data);
	memcpy(d->data, head, n);
	memcpy(d->data + n, data, len);
	p->n++;
}

void peer_open(struct peer *p, struct mpq_join_key *ret_key, unsigned path)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];

	assert_int_equal(mpq_join_new_key(ret_key, p->conn), 0);
	peer_capsule(p, MPQ_JOIN_OPEN, value,
		     (size_t)mpq_join_write_open(value, ret_key, path));
}

void peer_join(struct peer *p, const struct mpq_join_key *key, unsigned path)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	int len = mpq_join_write_join(value, key, path, p->conn);

	assert_true(len > 0);
	peer_capsule(p, MPQ_JOIN_JOIN, value, (size_t)len);
}

void peer_leave(struct peer *p, const struct mpq_session *s, unsigned path)
{
	uint8_t value[1 + MPQ_JOIN_MARK_BYTES] = {(uint8_t)path};

	if (s != NULL && path < MPQ_SESSION_PATHS) {
		memcpy(value + 1, s->path[path].mark, MPQ_JOIN_MARK_BYTES);
	}
	peer_capsule(p, MPQ_JOIN_LEAVE, value, sizeof(value));
}

void peer_register(struct peer *p)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];

	peer_capsule(p, MPQ_JOIN_REGISTER, value,
		     (size_t)mpq_join_write_register(value, p->own_context));
}

void peer_accept(struct peer *p, const struct mpq_join_key *key, unsigned path)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	int len = mpq_join_write_accept(value, key, path, p->conn);

	assert_true(len > 0);
	peer_capsule(p, MPQ_JOIN_ACCEPT, value, (size_t)len);
}

const struct peer_capsule *peer_find(const struct peer *p, uint64_t type)
{
	for (unsigned i = 0; i < p->n_capsules && i < PEER_CAPSULES; i++) {
		if (p->capsule[i].type == type) {
			return &p->capsule[i];
		}
	}
	return NULL;
}

bool peer_is_accepted(const struct peer *p, const struct mpq_join_key *key)
{
	const struct peer_capsule *c = peer_find(p, MPQ_JOIN_ACCEPT);
	struct mpq_join_message m;

	return c != NULL && !p->over && !p->closed &&
	       mpq_join_parse(&m, c->type, c->value, c->len) == 0 &&
	       mpq_join_is_proven(&m, key, p->conn);
}

void peer_send(struct peer *p, const struct mpq_header *header, size_t len)
{
	uint8_t data[MPQ_HEADER_BYTES + 2048] = {0};
	struct mpq_header h = *header;

	h.path_sequence = p->path_sequence++;
	mpq_header_write(data, &h);
	if (mpq_header_in_lane(&h)) {
		site_udp(data + MPQ_HEADER_BYTES, len,
			 p->door != NULL ? "198.51.100.1" : "10.1.0.7",
			 p->door != NULL ? "10.1.0.7" : "198.51.100.1");
	}
	peer_datagram(p, p->own_context, data, MPQ_HEADER_BYTES + len);
}

uint64_t peer_chance(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *state >> 20;
}

void peer_send_any(struct peer *p, uint64_t *chance)
{
	const struct mpq_header header = {
		.kind = peer_chance(chance) % MPQ_HEADER_KINDS,
		.class_id = peer_chance(chance) % MPQ_HEADER_CLASSES,
		.lane = (uint8_t)(peer_chance(chance) % 4),
		.sequence = peer_chance(chance) & MPQ_HEADER_MASK24,
		.clock = peer_chance(chance) & MPQ_HEADER_MASK24,
	};

	p->path_sequence = (uint16_t)peer_chance(chance);
	peer_send(p, &header, 28 + peer_chance(chance) % 40);
}
