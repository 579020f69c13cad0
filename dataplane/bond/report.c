/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/report.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

#define KILOBIT 1000

enum {
	NUMBER_BYTES = 4,
	PATH_BYTES = 24,
	MAX_PPM = 1000000,
	RENEW = 0x80, /* of the octet with the path */
};

_Static_assert(NUMBER_BYTES + MPQ_REPORT_PATHS * PATH_BYTES <=
		       MPQ_REPORT_MAX_BYTES,
	       "a report of all paths has room");

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint8_t *put(uint8_t *at, size_t bytes, uint64_t value)
{
	for (size_t i = 0; i < bytes; i++) {
		at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
	}
	return at + bytes;
}

static uint8_t *put_time(uint8_t *at, mpq_duration time)
{
	return put(at, 3, least(time, MPQ_REPORT_MAX_TIME) / MPQ_MICROSECOND);
}

static uint64_t get(const uint8_t **at, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++) {
		value = value << 8 | *(*at)++;
	}
	return value;
}

static mpq_duration get_time(const uint8_t **at)
{
	return get(at, 3) * MPQ_MICROSECOND;
}

static uint8_t *put_path(uint8_t *at, const struct mpq_report_path *p)
{
	at = put(at, 1, p->path | (p->renew ? RENEW : 0U));
	at = put_time(at, p->offset);
	at = put_time(at, p->jitter);
	at = put_time(at, p->queueing);
	at = put_time(at, p->silence);
	at = put(at, 3, least(p->loss_ppm, MAX_PPM));
	at = put(at, 4, p->received);
	return put(at, 4,
		   least(p->rate_bps, MPQ_REPORT_MAX_RATE_BPS) / KILOBIT);
}

static struct mpq_report_path get_path(const uint8_t **at)
{
	uint8_t first = (uint8_t)get(at, 1);
	struct mpq_report_path p = {.path = first & (RENEW - 1U),
				    .renew = (first & RENEW) != 0};

	p.offset = get_time(at);
	p.jitter = get_time(at);
	p.queueing = get_time(at);
	p.silence = get_time(at);
	p.loss_ppm = (uint32_t)least(get(at, 3), MAX_PPM);
	p.received = (uint32_t)get(at, 4);
	p.rate_bps = least(get(at, 4) * KILOBIT, MPQ_REPORT_MAX_RATE_BPS);
	return p;
}

size_t mpq_report_write(const struct mpq_report *r,
			uint8_t out[MPQ_REPORT_MAX_BYTES])
{
	uint8_t *at = put(out, NUMBER_BYTES, r->number);

	assert(r->n_paths <= MPQ_REPORT_PATHS);
	for (size_t i = 0; i < r->n_paths; i++) {
		assert(r->path[i].path < MPQ_REPORT_PATHS);
		at = put_path(at, &r->path[i]);
	}
	return (size_t)(at - out);
}

static bool length_is_good(size_t len)
{
	return len >= NUMBER_BYTES && (len - NUMBER_BYTES) % PATH_BYTES == 0 &&
	       (len - NUMBER_BYTES) / PATH_BYTES <= MPQ_REPORT_PATHS;
}

int mpq_report_read(struct mpq_report *ret, const uint8_t *data, size_t len)
{
	struct mpq_report r = {0};
	unsigned told = 0; /* a bit a path */

	if (!length_is_good(len)) {
		return -EBADMSG;
	}
	r.number = (uint32_t)get(&data, NUMBER_BYTES);
	r.n_paths = (len - NUMBER_BYTES) / PATH_BYTES;
	for (size_t i = 0; i < r.n_paths; i++) {
		r.path[i] = get_path(&data);
		if (r.path[i].path >= MPQ_REPORT_PATHS ||
		    (told >> r.path[i].path & 1) != 0) {
			return -EBADMSG;
		}
		told |= 1u << r.path[i].path;
	}
	*ret = r;
	return 0;
}
