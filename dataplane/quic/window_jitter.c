/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/window_jitter.h"

#define ENOUGH    8                     /* rounds */
#define MEAN_PART 4                     /* that a round counts for */
#define LITTLE    (4 * MPQ_MILLISECOND) /* a single round tells enough then */

void mpq_window_jitter_round(struct mpq_window_jitter *j, mpq_duration found)
{
	mpq_duration mean;

	j->mean = j->mean - j->mean / MEAN_PART + found / MEAN_PART;
	j->sum += found;
	if (++j->rounds < ENOUGH) {
		return;
	}
	mean = j->sum / ENOUGH + 1;
	j->least[0] =
		j->least[0] == 0 || mean < j->least[0] ? mean : j->least[0];
	j->sum = 0;
	j->rounds = 0;
}

void mpq_window_jitter_span(struct mpq_window_jitter *j)
{
	j->least[1] = j->least[0];
	j->least[0] = 0;
}

mpq_duration mpq_window_jitter_usual(const struct mpq_window_jitter *j)
{
	mpq_duration a = j->least[0], b = j->least[1];

	return b == 0 || (a > 0 && a < b) ? a : b;
}

mpq_duration mpq_window_jitter_queue(const struct mpq_window_jitter *j,
				     mpq_duration found)
{
	mpq_duration usual = mpq_window_jitter_usual(j);

	if (usual > LITTLE && j->mean < found) {
		found = j->mean;
	}
	return found > usual ? found - usual : 0;
}
