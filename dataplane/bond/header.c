/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/header.h"

#include <errno.h>

static void put24(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 16);
	p[1] = (uint8_t)(value >> 8);
	p[2] = (uint8_t)value;
}

static uint32_t get24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

void mpq_header_write(uint8_t out[MPQ_HEADER_BYTES],
		      const struct mpq_header *header)
{
	out[0] = (uint8_t)(header->kind << 5 | (header->class_id & 0x1f));
	out[1] = header->lane;
	put24(out + 2, header->sequence);
	put24(out + 5, header->clock);
	out[8] = (uint8_t)(header->path_sequence >> 8);
	out[9] = (uint8_t)header->path_sequence;
}

int mpq_header_read(const uint8_t *data, size_t len, struct mpq_header *ret)
{
	if (len < MPQ_HEADER_BYTES) {
		return -EBADMSG;
	}
	*ret = (struct mpq_header){
		.kind = data[0] >> 5,
		.class_id = data[0] & 0x1f,
		.lane = data[1],
		.sequence = get24(data + 2),
		.clock = get24(data + 5),
		.path_sequence = (uint16_t)(data[8] << 8 | data[9]),
	};
	return MPQ_HEADER_BYTES;
}
