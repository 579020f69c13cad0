/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: records of a byte of what arrives, one of how far its sequence on the
 * path is from the last one's, one of the class and lane, one of its length in
 * units of six, and up to 32 of its bytes, which are repeated: packets, such of
 * other kinds, and parities that nobody computed.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "dataplane/bond/parity.h"

#define HEAD  4
#define BYTES 32

static void check(const struct mpq_parity_in *in)
{
	FUZZ_HOLDS(in->rows <= MPQ_PARITY_ROWS);
	for (unsigned r = 0; r < in->rows; r++) {
		const struct mpq_parity_row *row = &in->row[r];

		FUZZ_HOLDS(row->len_bytes <= sizeof(row->bytes));
		for (unsigned u = 0; u < MPQ_PARITY_UNKNOWNS; u++) {
			FUZZ_HOLDS(row->coefficient[u] == 0 ||
				   (in->unknowns >> u & 1) != 0);
		}
	}
}

static void drain(struct mpq_parity_in *in)
{
	uint8_t *out = malloc(MPQ_PARITY_MAX_BYTES);
	struct mpq_header header;
	unsigned n = 0;
	size_t len;

	FUZZ_HOLDS(out != NULL);
	while ((len = mpq_parity_next(in, &header, out)) > 0) {
		size_t told = out[0] >> 4 == 4
				      ? (size_t)(out[2] << 8 | out[3])
				      : 40 + (size_t)(out[4] << 8 | out[5]);

		FUZZ_HOLDS(len <= MPQ_PARITY_MAX_BYTES && len == told);
		FUZZ_HOLDS(header.kind == MPQ_HEADER_REPAIR);
		FUZZ_HOLDS(header.class_id < MPQ_HEADER_CLASSES);
		FUZZ_HOLDS(header.sequence <= MPQ_HEADER_MASK24);
		FUZZ_HOLDS(++n <= MPQ_PARITY_ROWS);
	}
	free(out);
}

/* Of no more memory than it is long: what reads beyond is seen. */
static uint8_t *payload(const uint8_t *bytes, size_t n, size_t len)
{
	uint8_t *data = malloc(len > 0 ? len : 1);

	FUZZ_HOLDS(data != NULL);
	for (size_t i = 0; i < len; i++) {
		data[i] = n > 0 ? bytes[i % n] : 0;
	}
	return data;
}

static void arrive(struct mpq_parity_in *in, const struct mpq_header *header,
		   const uint8_t *data, size_t len)
{
	if (header->kind == MPQ_HEADER_PARITY) {
		int r = mpq_parity_take_parity(in, header, data, len);

		FUZZ_HOLDS(r == 0 ||
			   (r == -EBADMSG &&
			    (len == 0 || len > MPQ_PARITY_MAX_BYTES)));
	} else {
		mpq_parity_take(in, header,
				mpq_header_in_lane(header) ? data : NULL, len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mpq_parity_in in;
	uint16_t sequence = 0;

	mpq_parity_in_init(&in);
	while (size >= HEAD) {
		size_t n = size - HEAD < BYTES ? size - HEAD : BYTES;
		size_t len = data[3] * 6;
		uint8_t *bytes = payload(data + HEAD, n, len);
		struct mpq_header header = {
			.kind = data[0] & 7,
			.class_id = data[2] & 3,
			.lane = data[2],
			.sequence = data[1] * 65537u & MPQ_HEADER_MASK24,
		};

		sequence += (uint16_t)(data[0] & 0x80 ? data[1] * 256
						      : (int8_t)data[1] / 16);
		header.path_sequence = sequence;
		arrive(&in, &header, bytes, len);
		free(bytes);
		check(&in);
		drain(&in);
		check(&in);
		data += HEAD + n;
		size -= HEAD + n;
	}
	return 0;
}
