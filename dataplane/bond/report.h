/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a receiver tells the sender of the paths as it sees them: the payload of
 * a REPORT (kind 6, README.md). Pure: bytes and fields.
 *
 *   number (32)
 *   of each path, 24 bytes:
 *     renew (1)     path (7)      offset (24)   jitter (24)
 *     queueing (24) silence (24)  loss (24)     received (32) rate (32)
 *   most significant byte first; times in microseconds, loss in parts per
 *   million, rate in kbit/s; what does not fit is the largest that does
 */
#ifndef MPQ_BOND_REPORT_H
#define MPQ_BOND_REPORT_H

#include "common/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_REPORT_PATHS     8
#define MPQ_REPORT_MAX_BYTES 200
/* No time in a report is longer, no rate higher. */
#define MPQ_REPORT_MAX_TIME     (UINT64_C(0xffffff) * MPQ_MICROSECOND)
#define MPQ_REPORT_MAX_RATE_BPS UINT64_C(100000000000)

struct mpq_report_path {
	uint8_t path;
	mpq_duration offset;   /* of its one-way delay, over the shortest */
	mpq_duration jitter;   /* jitter.h */
	mpq_duration queueing; /* over the least delay of the last 10 s */
	uint32_t loss_ppm;     /* of the last ten seconds */
	uint32_t received;     /* datagrams, ever; wraps */
	uint64_t rate_bps;     /* received lately */
	mpq_duration silence;  /* since the last arrival */
	bool renew; /* it would carry more of ours by a fresh connection */
};

struct mpq_report {
	uint32_t number; /* the newer the higher; serial number */
	size_t n_paths;
	struct mpq_report_path path[MPQ_REPORT_PATHS]; /* those in use */
};

/* Each path once. The length. */
size_t mpq_report_write(const struct mpq_report *r,
			uint8_t out[MPQ_REPORT_MAX_BYTES]);
/* 0; -EBADMSG (a length that is none, a path that there is not or twice), *ret
 * untouched. Values that are out of all reason are cut. */
int mpq_report_read(struct mpq_report *ret, const uint8_t *data, size_t len);

#endif
