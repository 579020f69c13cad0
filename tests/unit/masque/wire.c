/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/masque/wire.h"

#include "dataplane/masque/capsule.h"

#include <assert.h>
#include <string.h>

static void bytes(struct wire *w, const void *data, size_t len)
{
	assert(w->len + len <= sizeof(w->bytes));
	if (len > 0) {
		memcpy(w->bytes + w->len, data, len);
	}
	w->len += len;
}

void wire_varint(struct wire *w, uint64_t value)
{
	uint8_t out[MPQ_VARINT_MAX_BYTES];

	bytes(w, out, mpq_varint_write(out, value));
}

void wire_frame(struct wire *w, uint64_t type, const void *payload, size_t len)
{
	wire_varint(w, type);
	wire_varint(w, len);
	bytes(w, payload, len);
}

/* RFC 7541 §5.1 */
static void prefixed(struct wire *w, uint8_t flags, unsigned bits, size_t value)
{
	size_t max = ((size_t)1 << bits) - 1;
	uint8_t byte;

	if (value < max) {
		byte = (uint8_t)(flags | value);
		bytes(w, &byte, 1);
		return;
	}
	byte = (uint8_t)(flags | max);
	bytes(w, &byte, 1);
	for (value -= max; value >= 128; value /= 128) {
		byte = (uint8_t)(128 | value % 128);
		bytes(w, &byte, 1);
	}
	byte = (uint8_t)value;
	bytes(w, &byte, 1);
}

void wire_headers(struct wire *w, const char *const *fields)
{
	static struct wire section;

	section.len = 0;
	bytes(&section, "\0\0", 2); /* RFC 9204 §4.5.1: no dynamic table */
	for (; fields[0] != NULL; fields += 2) {
		/* RFC 9204 §4.5.6: literal name, literal value, no Huffman */
		prefixed(&section, 0x20, 3, strlen(fields[0]));
		bytes(&section, fields[0], strlen(fields[0]));
		prefixed(&section, 0, 7, strlen(fields[1]));
		bytes(&section, fields[1], strlen(fields[1]));
	}
	wire_frame(w, WIRE_HEADERS, section.bytes, section.len);
}
