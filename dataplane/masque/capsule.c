/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/masque/capsule.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

size_t mpq_varint_size(uint64_t value)
{
	assert(value <= MPQ_VARINT_MAX);
	if (value < UINT64_C(1) << 6) {
		return 1;
	}
	if (value < UINT64_C(1) << 14) {
		return 2;
	}
	return value < UINT64_C(1) << 30 ? 4 : 8;
}

/* RFC 9000 §16: the first byte's two high bits are log2 of the size. */
size_t mpq_varint_write(uint8_t *out, uint64_t value)
{
	static const uint8_t prefix[] = {
		[1] = 0x00, [2] = 0x40, [4] = 0x80, [8] = 0xc0};
	size_t size = mpq_varint_size(value);

	for (size_t i = size; i > 0; i--) {
		out[i - 1] = (uint8_t)value;
		value >>= 8;
	}
	out[0] |= prefix[size];
	return size;
}

static size_t size_from_first(uint8_t first)
{
	return (size_t)1 << (first >> 6);
}

size_t mpq_varint_read(const uint8_t *data, size_t len, uint64_t *ret)
{
	uint64_t value;
	size_t size;

	if (len == 0 || len < size_from_first(data[0])) {
		return 0;
	}
	size = size_from_first(data[0]);
	value = data[0] & 0x3f;
	for (size_t i = 1; i < size; i++) {
		value = value << 8 | data[i];
	}
	*ret = value;
	return size;
}

void mpq_capsule_parser_init(struct mpq_capsule_parser *p)
{
	p->held_bytes = 0;
	p->skip_bytes = 0;
	p->skipped = 0;
}

/* Moves bytes from *data until `wanted` are held: are they? */
static bool hold(struct mpq_capsule_parser *p, const uint8_t **data,
		 size_t *len, size_t wanted)
{
	size_t n;

	assert(wanted <= sizeof(p->buffer));
	if (p->held_bytes >= wanted) {
		return true;
	}
	n = wanted - p->held_bytes;
	n = n < *len ? n : *len;
	memcpy(p->buffer + p->held_bytes, *data, n);
	p->held_bytes += n;
	*data += n;
	*len -= n;
	return p->held_bytes == wanted;
}

/* Type and length: each tells its size by its first byte. */
static bool hold_head(struct mpq_capsule_parser *p, const uint8_t **data,
		      size_t *len)
{
	size_t type_bytes;

	if (!hold(p, data, len, 1)) {
		return false;
	}
	type_bytes = size_from_first(p->buffer[0]);
	if (!hold(p, data, len, type_bytes + 1)) {
		return false;
	}
	return hold(p, data, len,
		    type_bytes + size_from_first(p->buffer[type_bytes]));
}

/* Is nothing left to skip? */
static bool skip(struct mpq_capsule_parser *p, const uint8_t **data,
		 size_t *len)
{
	size_t n = *len < p->skip_bytes ? *len : (size_t)p->skip_bytes;

	p->skip_bytes -= n;
	*data += n;
	*len -= n;
	return p->skip_bytes == 0;
}

static int begin_skipping(struct mpq_capsule_parser *p,
			  const struct mpq_capsule *c)
{
	if (c->type <= MPQ_CAPSULE_ROUTE_ADVERTISEMENT) {
		return -EMSGSIZE;
	}
	p->held_bytes = 0;
	p->skip_bytes = c->len_bytes;
	p->skipped++;
	return 1;
}

int mpq_capsule_parse(struct mpq_capsule_parser *p, const uint8_t **data,
		      size_t *len, struct mpq_capsule *ret)
{
	struct mpq_capsule c = {0};
	size_t head;
	int r = 1;

	if (!skip(p, data, len) || !hold_head(p, data, len)) {
		return 0;
	}
	head = mpq_varint_read(p->buffer, p->held_bytes, &c.type);
	head += mpq_varint_read(p->buffer + head, p->held_bytes - head,
				&c.len_bytes);
	if (c.len_bytes > MPQ_CAPSULE_MAX_BYTES) {
		r = begin_skipping(p, &c);
	} else if (hold(p, data, len, head + c.len_bytes)) {
		c.value = p->buffer + head;
		p->held_bytes = 0;
	} else {
		return 0;
	}
	if (r > 0) {
		*ret = c;
	}
	return r;
}

bool mpq_capsule_parser_empty(const struct mpq_capsule_parser *p)
{
	return p->held_bytes == 0 && p->skip_bytes == 0;
}

size_t mpq_capsule_write(uint8_t *out, size_t cap, uint64_t type,
			 const void *value, size_t len)
{
	size_t head = mpq_varint_size(type) + mpq_varint_size(len);

	if (cap < head || cap - head < len) {
		return 0;
	}
	out += mpq_varint_write(out, type);
	out += mpq_varint_write(out, len);
	if (len > 0) {
		memcpy(out, value, len);
	}
	return head + len;
}
