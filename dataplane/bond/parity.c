/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/parity.h"

#include <errno.h>
#include <string.h>

#define TAG      MPQ_PARITY_TAG_BYTES
#define WINDOW   MPQ_PARITY_WINDOW
#define UNKNOWNS MPQ_PARITY_UNKNOWNS
/* A row that is so far behind does not become complete any more, or it is too
 * late to matter. Less than 128, for the coefficients. */
#define ROW_AGE (3 * WINDOW)

_Static_assert((WINDOW & (WINDOW - 1)) == 0, "sequences wrap");
_Static_assert(UNKNOWNS == 8, "a set of them has 8 bits");

/* ---- GF(2^8), x^8 + x^4 + x^3 + x^2 + 1 ---------------------------------- */

/* So many at once. */
typedef uint64_t vector __attribute__((vector_size(16)));

#define EACH UINT64_C(0x0101010101010101)

/* Times x. */
static vector doubled(vector a)
{
	return (a & EACH * 0x7f) << 1 ^ (a >> 7 & EACH) * 0x1d;
}

static vector times_each(vector a, uint8_t c)
{
	vector sum = {0};

	for (int bit = 7; bit >= 0; bit--) {
		sum = doubled(sum) ^ (a & (0 - (uint64_t)(c >> bit & 1)));
	}
	return sum;
}

static uint8_t times(uint8_t a, uint8_t c)
{
	unsigned sum = 0;

	for (int bit = 7; bit >= 0; bit--) {
		sum = sum << 1 ^ (sum >> 7) * 0x11d ^
		      (a & (0 - (c >> bit & 1u)));
	}
	return (uint8_t)sum;
}

/* 0 has none. */
static const uint8_t inverse[256] = {
	0x00, 0x01, 0x8e, 0xf4, 0x47, 0xa7, 0x7a, 0xba, 0xad, 0x9d, 0xdd, 0x98,
	0x3d, 0xaa, 0x5d, 0x96, 0xd8, 0x72, 0xc0, 0x58, 0xe0, 0x3e, 0x4c, 0x66,
	0x90, 0xde, 0x55, 0x80, 0xa0, 0x83, 0x4b, 0x2a, 0x6c, 0xed, 0x39, 0x51,
	0x60, 0x56, 0x2c, 0x8a, 0x70, 0xd0, 0x1f, 0x4a, 0x26, 0x8b, 0x33, 0x6e,
	0x48, 0x89, 0x6f, 0x2e, 0xa4, 0xc3, 0x40, 0x5e, 0x50, 0x22, 0xcf, 0xa9,
	0xab, 0x0c, 0x15, 0xe1, 0x36, 0x5f, 0xf8, 0xd5, 0x92, 0x4e, 0xa6, 0x04,
	0x30, 0x88, 0x2b, 0x1e, 0x16, 0x67, 0x45, 0x93, 0x38, 0x23, 0x68, 0x8c,
	0x81, 0x1a, 0x25, 0x61, 0x13, 0xc1, 0xcb, 0x63, 0x97, 0x0e, 0x37, 0x41,
	0x24, 0x57, 0xca, 0x5b, 0xb9, 0xc4, 0x17, 0x4d, 0x52, 0x8d, 0xef, 0xb3,
	0x20, 0xec, 0x2f, 0x32, 0x28, 0xd1, 0x11, 0xd9, 0xe9, 0xfb, 0xda, 0x79,
	0xdb, 0x77, 0x06, 0xbb, 0x84, 0xcd, 0xfe, 0xfc, 0x1b, 0x54, 0xa1, 0x1d,
	0x7c, 0xcc, 0xe4, 0xb0, 0x49, 0x31, 0x27, 0x2d, 0x53, 0x69, 0x02, 0xf5,
	0x18, 0xdf, 0x44, 0x4f, 0x9b, 0xbc, 0x0f, 0x5c, 0x0b, 0xdc, 0xbd, 0x94,
	0xac, 0x09, 0xc7, 0xa2, 0x1c, 0x82, 0x9f, 0xc6, 0x34, 0xc2, 0x46, 0x05,
	0xce, 0x3b, 0x0d, 0x3c, 0x9c, 0x08, 0xbe, 0xb7, 0x87, 0xe5, 0xee, 0x6b,
	0xeb, 0xf2, 0xbf, 0xaf, 0xc5, 0x64, 0x07, 0x7b, 0x95, 0x9a, 0xae, 0xb6,
	0x12, 0x59, 0xa5, 0x35, 0x65, 0xb8, 0xa3, 0x9e, 0xd2, 0xf7, 0x62, 0x5a,
	0x85, 0x7d, 0xa8, 0x3a, 0x29, 0x71, 0xc8, 0xf6, 0xf9, 0x43, 0xd7, 0xd6,
	0x10, 0x73, 0x76, 0x78, 0x99, 0x0a, 0x19, 0x91, 0x14, 0x3f, 0xe6, 0xf0,
	0x86, 0xb1, 0xe2, 0xf1, 0xfa, 0x74, 0xf3, 0xb4, 0x6d, 0x21, 0xb2, 0x6a,
	0xe3, 0xe7, 0xb5, 0xea, 0x03, 0x8f, 0xd3, 0xc9, 0x42, 0xd4, 0xe8, 0x75,
	0x7f, 0xff, 0x7e, 0xfd,
};

/* into += c * from */
static void add_times(uint8_t *into, const uint8_t *from, size_t len, uint8_t c)
{
	size_t i = 0;

	for (; i + sizeof(vector) <= len; i += sizeof(vector)) {
		vector a, b;

		memcpy(&a, into + i, sizeof(a));
		memcpy(&b, from + i, sizeof(b));
		a ^= times_each(b, c);
		memcpy(into + i, &a, sizeof(a));
	}
	for (; i < len; i++) {
		into[i] ^= times(from[i], c);
	}
}

/* Of the packet with the one sequence in the parity with the other: a Cauchy
 * matrix, as long as sequences are less than 128 apart. */
static uint8_t coefficient_of(uint16_t parity, uint16_t packet)
{
	return inverse[(parity & 0x7f) ^ (packet & 0x7f) ^ 0x80];
}

/* ---- window -------------------------------------------------------------- */

static void clear(struct mpq_parity_window *w)
{
	for (unsigned i = 0; i < WINDOW; i++) {
		w->symbol[i].used = false;
	}
}

/* NULL: it is not known what this sequence carried. */
static const struct mpq_parity_symbol *find(const struct mpq_parity_window *w,
					    uint16_t sequence)
{
	const struct mpq_parity_symbol *s = &w->symbol[sequence % WINDOW];

	return s->used && s->sequence == sequence ? s : NULL;
}

static void write_tag(uint8_t tag[TAG], uint8_t lane, uint32_t sequence)
{
	tag[0] = lane;
	tag[1] = (uint8_t)(sequence >> 16);
	tag[2] = (uint8_t)(sequence >> 8);
	tag[3] = (uint8_t)sequence;
}

static void read_tag(const uint8_t tag[TAG], struct mpq_header *h)
{
	h->lane = tag[0];
	h->sequence = (uint32_t)(tag[1] << 16 | tag[2] << 8 | tag[3]);
}

/* NULL: it is older than what is there. */
static const struct mpq_parity_symbol *remember(struct mpq_parity_window *w,
						const struct mpq_header *h,
						const uint8_t *packet,
						size_t len)
{
	struct mpq_parity_symbol *s = &w->symbol[h->path_sequence % WINDOW];

	if (s->used &&
	    mpq_header_distance16(h->path_sequence, s->sequence) <= 0) {
		return NULL;
	}
	s->used = true;
	s->data = packet != NULL && len <= MPQ_PARITY_MAX_BYTES;
	s->sequence = h->path_sequence;
	s->class_id = h->class_id;
	if (s->data) {
		write_tag(s->bytes, h->lane, h->sequence);
		memcpy(s->bytes + TAG, packet, len);
		s->len_bytes = (uint16_t)(TAG + len);
	}
	return s;
}

/* ---- sender -------------------------------------------------------------- */

void mpq_parity_out_init(struct mpq_parity_out *o)
{
	clear(&o->window);
	o->untold = o->untold_longest_bytes = 0;
}

void mpq_parity_add(struct mpq_parity_out *o, const struct mpq_header *header,
		    const uint8_t *packet, size_t len_bytes)
{
	if (o->class_id != header->class_id) {
		o->class_id = header->class_id;
		o->untold = o->untold_longest_bytes = 0;
	}
	(void)remember(&o->window, header, packet, len_bytes);
	o->untold++;
	if (len_bytes > o->untold_longest_bytes) {
		o->untold_longest_bytes = (unsigned)len_bytes;
	}
}

/* What is beyond the longest so far is not there yet. */
static void sum_up(struct mpq_parity_symbol *sum,
		   const struct mpq_parity_symbol *s, uint8_t coefficient)
{
	if (s->len_bytes > sum->len_bytes) {
		memset(sum->bytes + sum->len_bytes, 0,
		       s->len_bytes - sum->len_bytes);
		sum->len_bytes = s->len_bytes;
	}
	add_times(sum->bytes, s->bytes, s->len_bytes, coefficient);
}

size_t mpq_parity_write(struct mpq_parity_out *o, uint16_t path_sequence,
			struct mpq_header *ret, const uint8_t **ret_payload)
{
	o->sum.len_bytes = 0;
	for (unsigned i = 1; i < WINDOW; i++) {
		uint16_t sequence = (uint16_t)(path_sequence - i);
		const struct mpq_parity_symbol *s = find(&o->window, sequence);

		if (s != NULL && s->data && s->class_id == o->class_id) {
			sum_up(&o->sum, s,
			       coefficient_of(path_sequence, sequence));
		}
	}
	if (o->sum.len_bytes <= TAG) {
		return 0;
	}
	*ret = (struct mpq_header){.kind = MPQ_HEADER_PARITY,
				   .class_id = o->class_id};
	read_tag(o->sum.bytes, ret);
	*ret_payload = o->sum.bytes + TAG;
	return o->sum.len_bytes - TAG;
}

void mpq_parity_sent(struct mpq_parity_out *o)
{
	o->untold = o->untold_longest_bytes = 0;
}

/* ---- receiver ------------------------------------------------------------ */

static void drop_rows(struct mpq_parity_in *i)
{
	i->rows = 0;
	i->unknowns = 0;
}

void mpq_parity_in_init(struct mpq_parity_in *i)
{
	clear(&i->window);
	drop_rows(i);
}

/* Unknowns that no row has any more are free. */
static void free_unknowns(struct mpq_parity_in *i)
{
	uint8_t wanted = 0;

	for (unsigned r = 0; r < i->rows; r++) {
		for (unsigned u = 0; u < UNKNOWNS; u++) {
			wanted |=
				(uint8_t)((i->row[r].coefficient[u] != 0) << u);
		}
	}
	i->unknowns &= wanted;
}

static void drop_row(struct mpq_parity_in *i, unsigned r)
{
	i->rows--;
	if (r != i->rows) {
		i->row[r] = i->row[i->rows];
	}
	free_unknowns(i);
}

static void forget_rows(struct mpq_parity_in *i, uint16_t newest)
{
	for (unsigned r = i->rows; r-- > 0;) {
		int32_t age = mpq_header_distance16(newest, i->row[r].sequence);

		if (age > ROW_AGE || age < -ROW_AGE) {
			drop_row(i, r);
		}
	}
}

/* UNKNOWNS: there are as many already. */
static unsigned unknown_of(struct mpq_parity_in *i, uint16_t sequence, bool add)
{
	unsigned spare = UNKNOWNS;

	for (unsigned u = 0; u < UNKNOWNS; u++) {
		if ((i->unknowns >> u & 1) == 0) {
			spare = u;
		} else if (i->unknown[u] == sequence) {
			return u;
		}
	}
	if (add && spare < UNKNOWNS) {
		i->unknowns |= (uint8_t)(1u << spare);
		i->unknown[spare] = sequence;
		return spare;
	}
	return UNKNOWNS;
}

/* A packet is longer than the parity that tells of it: one of them lies, and
 * what is beyond is left out. */
static void row_add(struct mpq_parity_row *row, const uint8_t *bytes,
		    size_t len, uint8_t c)
{
	add_times(row->bytes, bytes,
		  len < row->len_bytes ? len : row->len_bytes, c);
}

/* This one is known now; in other classes it is nothing. */
static void substitute(struct mpq_parity_in *i, unsigned unknown,
		       const uint8_t *bytes, size_t len)
{
	for (unsigned r = i->rows; r-- > 0;) {
		struct mpq_parity_row *row = &i->row[r];

		if (bytes != NULL && row->coefficient[unknown] != 0) {
			row_add(row, bytes, len, row->coefficient[unknown]);
		}
		row->coefficient[unknown] = 0;
	}
	i->unknowns &= (uint8_t) ~(1u << unknown);
}

static unsigned count(const struct mpq_parity_row *row)
{
	unsigned n = 0;

	for (unsigned u = 0; u < UNKNOWNS; u++) {
		n += row->coefficient[u] != 0;
	}
	return n;
}

void mpq_parity_take(struct mpq_parity_in *i, const struct mpq_header *header,
		     const uint8_t *packet, size_t len_bytes)
{
	const struct mpq_parity_symbol *s;
	unsigned u;

	s = remember(&i->window, header, packet, len_bytes);
	if (s == NULL || i->rows == 0) {
		return;
	}
	forget_rows(i, header->path_sequence);
	u = unknown_of(i, header->path_sequence, false);
	if (u < UNKNOWNS) {
		substitute(i, u,
			   s->data && s->class_id == i->class_id ? s->bytes
								 : NULL,
			   s->len_bytes);
	}
}

static unsigned missing(const struct mpq_parity_in *i, uint16_t sequence)
{
	unsigned n = 0;

	for (unsigned k = 1; k < WINDOW; k++) {
		n += find(&i->window, (uint16_t)(sequence - k)) == NULL;
	}
	return n;
}

/* What is known goes out of it. false: too much is not. */
static bool reduce(struct mpq_parity_in *i, struct mpq_parity_row *row)
{
	for (unsigned k = 1; k < WINDOW; k++) {
		uint16_t sequence = (uint16_t)(row->sequence - k);
		const struct mpq_parity_symbol *s = find(&i->window, sequence);
		uint8_t c = coefficient_of(row->sequence, sequence);
		unsigned u;

		if (s == NULL) {
			u = unknown_of(i, sequence, true);
			if (u == UNKNOWNS) {
				return false;
			}
			row->coefficient[u] = c;
		} else if (s->data && s->class_id == i->class_id) {
			row_add(row, s->bytes, s->len_bytes, c);
		}
	}
	return true;
}

/* row += c * other */
static void combine(struct mpq_parity_row *row,
		    const struct mpq_parity_row *other, uint8_t c)
{
	if (other->len_bytes > row->len_bytes) {
		memset(row->bytes + row->len_bytes, 0,
		       other->len_bytes - row->len_bytes);
		row->len_bytes = other->len_bytes;
	}
	add_times(row->bytes, other->bytes, other->len_bytes, c);
	for (unsigned u = 0; u < UNKNOWNS; u++) {
		row->coefficient[u] ^= times(other->coefficient[u], c);
	}
}

/* So that no other row has this one's unknown, .. */
static void clear_column(struct mpq_parity_in *i, unsigned r, unsigned u)
{
	const struct mpq_parity_row *row = &i->row[r];
	uint8_t part = inverse[row->coefficient[u]];

	for (unsigned k = 0; k < i->rows; k++) {
		uint8_t c = i->row[k].coefficient[u];

		if (k != r && c != 0) {
			combine(&i->row[k], row, times(c, part));
		}
	}
}

/* .. for each of them: then one that has a single unknown is that one. */
static void solve(struct mpq_parity_in *i)
{
	for (unsigned r = 0; r < i->rows; r++) {
		for (unsigned u = 0; u < UNKNOWNS; u++) {
			if (i->row[r].coefficient[u] != 0) {
				clear_column(i, r, u);
				break;
			}
		}
	}
}

/* The one that has waited longest makes room. */
static struct mpq_parity_row *new_row(struct mpq_parity_in *i)
{
	unsigned oldest = 0;

	if (i->rows == MPQ_PARITY_ROWS) {
		for (unsigned r = 1; r < i->rows; r++) {
			if (mpq_header_distance16(i->row[r].sequence,
						  i->row[oldest].sequence) <
			    0) {
				oldest = r;
			}
		}
		drop_row(i, oldest);
	}
	return &i->row[i->rows++];
}

int mpq_parity_parity(struct mpq_parity_in *i, const struct mpq_header *header,
		      const uint8_t *payload, size_t len_bytes)
{
	struct mpq_parity_row *row;
	unsigned n;

	if (len_bytes == 0 || len_bytes > MPQ_PARITY_MAX_BYTES) {
		return -EBADMSG;
	}
	if (header->class_id != i->class_id) {
		drop_rows(i);
		i->class_id = header->class_id;
	}
	mpq_parity_take(i, header, NULL, 0);
	n = missing(i, header->path_sequence);
	if (n == 0 || n > UNKNOWNS) {
		return 0;
	}
	row = new_row(i);
	memset(row->coefficient, 0, sizeof(row->coefficient));
	row->sequence = header->path_sequence;
	row->len_bytes = (uint16_t)(TAG + len_bytes);
	write_tag(row->bytes, header->lane, header->sequence);
	memcpy(row->bytes + TAG, payload, len_bytes);
	if (!reduce(i, row) || count(row) == 0) {
		drop_row(i, i->rows - 1);
	} else {
		solve(i);
	}
	return 0;
}

/* RFC 791 §3.1, RFC 8200 §3; 0: it is none, as when what was missing had no
 * packet. What follows it must be the zeros that it was lengthened by. */
static size_t ip_len(const uint8_t *packet, size_t len)
{
	size_t n = 0;

	if (len >= 20 && packet[0] >> 4 == 4) {
		n = (size_t)(packet[2] << 8 | packet[3]);
	} else if (len >= 40 && packet[0] >> 4 == 6) {
		n = 40 + (size_t)(packet[4] << 8 | packet[5]);
	}
	if (n > len) {
		return 0;
	}
	for (size_t at = n; at < len; at++) {
		if (packet[at] != 0) {
			return 0;
		}
	}
	return n;
}

/* The row has one unknown, which is known with that: the packet's length, or 0
 * if there was none. */
static size_t take_row(struct mpq_parity_in *i, unsigned r,
		       struct mpq_header *ret,
		       uint8_t out[MPQ_PARITY_MAX_BYTES])
{
	uint8_t bytes[TAG + MPQ_PARITY_MAX_BYTES] = {0};
	struct mpq_parity_row *row = &i->row[r];
	size_t len = row->len_bytes;
	unsigned u = 0;

	while (row->coefficient[u] == 0) {
		u++;
	}
	add_times(bytes, row->bytes, len, inverse[row->coefficient[u]]);
	*ret = (struct mpq_header){.kind = MPQ_HEADER_REPAIR,
				   .class_id = i->class_id,
				   .path_sequence = i->unknown[u]};
	read_tag(bytes, ret);
	drop_row(i, r);
	len = ip_len(bytes + TAG, len - TAG);
	if (len > 0) { /* else it may be of another class */
		memcpy(out, bytes + TAG, len);
		mpq_parity_take(i, ret, out, len);
	}
	return len;
}

size_t mpq_parity_next(struct mpq_parity_in *i, struct mpq_header *ret,
		       uint8_t out[MPQ_PARITY_MAX_BYTES])
{
	for (unsigned r = i->rows; r-- > 0;) {
		unsigned n = count(&i->row[r]);
		size_t len = 0;

		if (n == 0) {
			drop_row(i, r);
		} else if (n == 1) {
			len = take_row(i, r, ret, out);
			r = i->rows; /* others may be complete with it */
		}
		if (len > 0) {
			return len;
		}
	}
	return 0;
}
