/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields in network order at any alignment: what the headers of packets are
 * made of. Nothing else.
 */
#ifndef MPQ_FLOW_BYTES_H
#define MPQ_FLOW_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t mpq_bytes_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t mpq_bytes_get32(const uint8_t *p)
{
	return (uint32_t)mpq_bytes_get16(p) << 16 | mpq_bytes_get16(p + 2);
}

static inline void mpq_bytes_put16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static inline void mpq_bytes_put32(uint8_t *p, uint32_t value)
{
	mpq_bytes_put16(p, (uint16_t)(value >> 16));
	mpq_bytes_put16(p + 2, (uint16_t)value);
}

/* A checksum as mpq_ip_fold() gives it: in network order already. */
static inline void mpq_bytes_put_sum(uint8_t *p, uint16_t sum)
{
	memcpy(p, &sum, sizeof(sum));
}

#endif
