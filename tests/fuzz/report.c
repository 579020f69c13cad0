/* SPDX-License-Identifier: Apache-2.0 */
/* Input: the payload of a REPORT. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "dataplane/bond/report.h"

static void check_path(const struct mpq_report_path *p)
{
	FUZZ_HOLDS(p->path < MPQ_REPORT_PATHS);
	FUZZ_HOLDS(p->offset <= MPQ_REPORT_MAX_TIME);
	FUZZ_HOLDS(p->jitter <= MPQ_REPORT_MAX_TIME);
	FUZZ_HOLDS(p->queueing <= MPQ_REPORT_MAX_TIME);
	FUZZ_HOLDS(p->silence <= MPQ_REPORT_MAX_TIME);
	FUZZ_HOLDS(p->loss_ppm <= 1000000);
	FUZZ_HOLDS(p->rate_bps <= MPQ_REPORT_MAX_RATE_BPS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mpq_report untouched;
	struct mpq_report r = untouched, again;
	uint8_t out[MPQ_REPORT_MAX_BYTES], out_again[MPQ_REPORT_MAX_BYTES];
	unsigned told = 0;
	int rv = mpq_report_read(&r, data, size);

	if (rv != 0) {
		FUZZ_HOLDS(rv == -EBADMSG);
		FUZZ_HOLDS(memcmp(&r, &untouched, sizeof(r)) == 0);
		return 0;
	}
	FUZZ_HOLDS(r.n_paths <= MPQ_REPORT_PATHS);
	for (size_t i = 0; i < r.n_paths; i++) {
		check_path(&r.path[i]);
		FUZZ_HOLDS((told >> r.path[i].path & 1) == 0);
		told |= 1u << r.path[i].path;
	}
	FUZZ_HOLDS(mpq_report_write(&r, out) == size);
	FUZZ_HOLDS(mpq_report_read(&again, out, size) == 0);
	FUZZ_HOLDS(mpq_report_write(&again, out_again) == size);
	FUZZ_HOLDS(memcmp(out, out_again, size) == 0);
	return 0;
}
