/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "dataplane/masque/capsule.h"
#include "dataplane/masque/datagram.h"

static void costs_two_bytes_on_the_first_request(void **state)
{
	uint8_t head[MPQ_DATAGRAM_HEAD_MAX_BYTES];

	(void)state;
	assert_int_equal(mpq_datagram_write_head(head, 0,
						 MPQ_DATAGRAM_CONTEXT_IP),
			 2);
	assert_int_equal(head[0], 0);
	assert_int_equal(head[1], 0);
	assert_int_equal(mpq_datagram_write_head(head, 44, 2), 2);
	assert_int_equal(head[0], 11); /* RFC 9484 §8.1's example */
	assert_int_equal(head[1], 2);
}

static void reads_what_it_wrote(void **state)
{
	static const int64_t streams[] = {0,
					  4,
					  252,
					  256,
					  65532,
					  65536,
					  1 << 30,
					  INT64_C(1) << 40,
					  (int64_t)((UINT64_C(1) << 62) - 4)};
	static const uint64_t contexts[] = {0,  2,     63,
					    64, 16384, MPQ_VARINT_MAX};
	uint8_t head[MPQ_DATAGRAM_HEAD_MAX_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		for (size_t j = 0; j < sizeof(contexts) / sizeof(contexts[0]);
		     j++) {
			int64_t stream = -1;
			uint64_t context = 1;
			size_t n = mpq_datagram_write_head(head, streams[i],
							   contexts[j]);

			assert_int_equal(mpq_datagram_read_head(head, n,
								&stream,
								&context),
					 n);
			assert_int_equal(stream, streams[i]);
			assert_int_equal(context, contexts[j]);
			for (size_t cut = 0; cut < n; cut++) {
				assert_int_equal(mpq_datagram_read_head(
							 head, cut, &stream,
							 &context),
						 -EBADMSG);
			}
		}
	}
}

/* RFC 9297 §2.1: the largest quarter stream id is 2^60 - 1. */
static void refuses_a_stream_that_cannot_be(void **state)
{
	uint8_t head[MPQ_DATAGRAM_HEAD_MAX_BYTES] = {0};
	int64_t stream = -1;
	uint64_t context = 1;
	size_t n;

	(void)state;
	n = mpq_varint_write(head, UINT64_C(1) << 60);
	assert_int_equal(mpq_datagram_read_head(head, n + 1, &stream, &context),
			 -EBADMSG);
	assert_int_equal(stream, -1);
	assert_int_equal(context, 1);
	n = mpq_varint_write(head, (UINT64_C(1) << 60) - 1);
	assert_int_equal(mpq_datagram_read_head(head, n + 1, &stream, &context),
			 n + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_two_bytes_on_the_first_request),
		cmocka_unit_test(reads_what_it_wrote),
		cmocka_unit_test(refuses_a_stream_that_cannot_be),
	};

	return cmocka_run_group_tests_name("masque/datagram", tests, NULL,
					   NULL);
}
