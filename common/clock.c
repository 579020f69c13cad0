/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

#include <time.h>

mpq_time mpq_clock_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (mpq_time)ts.tv_sec * MPQ_SECOND + (mpq_time)ts.tv_nsec;
}
