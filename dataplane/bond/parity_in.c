/* SPDX-License-Identifier: Apache-2.0 */
/* The receiver of parities. */
#include "dataplane/bond/parity_private.h"

#include <errno.h>
#include <string.h>

/* A row that is so far behind does not become complete any more, or it is too
 * late to matter. Less than 128, for the coefficients. */
#define ROW_AGE (3 * MPQ_PARITY_WINDOW)

_Static_assert(MPQ_PARITY_UNKNOWNS == 8, "a set of them has 8 bits");

static void drop_rows(struct mpq_parity_in *i)
{
	i->rows = 0;
	i->unknowns = 0;
}

void mpq_parity_in_init(struct mpq_parity_in *i)
{
	mpq_parity_window_clear(&i->window);
	drop_rows(i);
}

/* Unknowns that no row has any more are free. */
static void free_unknowns(struct mpq_parity_in *i)
{
	uint8_t wanted = 0;

	for (unsigned r = 0; r < i->rows; r++) {
		for (unsigned u = 0; u < MPQ_PARITY_UNKNOWNS; u++) {
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

/* MPQ_PARITY_UNKNOWNS: there are as many already. */
static unsigned unknown_of(struct mpq_parity_in *i, uint16_t sequence, bool add)
{
	unsigned spare = MPQ_PARITY_UNKNOWNS;

	for (unsigned u = 0; u < MPQ_PARITY_UNKNOWNS; u++) {
		if ((i->unknowns >> u & 1) == 0) {
			spare = u;
		} else if (i->unknown[u] == sequence) {
			return u;
		}
	}
	if (add && spare < MPQ_PARITY_UNKNOWNS) {
		i->unknowns |= (uint8_t)(1u << spare);
		i->unknown[spare] = sequence;
		return spare;
	}
	return MPQ_PARITY_UNKNOWNS;
}

/* A packet is longer than the parity that tells of it: one of them lies, and
 * what is beyond is left out. */
static void row_add(struct mpq_parity_row *row, const uint8_t *bytes,
		    size_t len, uint8_t c)
{
	mpq_galois_add_times(row->bytes, bytes,
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

	for (unsigned u = 0; u < MPQ_PARITY_UNKNOWNS; u++) {
		n += row->coefficient[u] != 0;
	}
	return n;
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
	mpq_galois_add_times(row->bytes, other->bytes, other->len_bytes, c);
	for (unsigned u = 0; u < MPQ_PARITY_UNKNOWNS; u++) {
		row->coefficient[u] ^=
			mpq_galois_times(other->coefficient[u], c);
	}
}

/* So that no other row has this one's unknown, .. */
static void clear_column(struct mpq_parity_in *i, unsigned r, unsigned u)
{
	const struct mpq_parity_row *row = &i->row[r];
	uint8_t part = mpq_galois_inverse[row->coefficient[u]];

	for (unsigned k = 0; k < i->rows; k++) {
		uint8_t c = i->row[k].coefficient[u];

		if (k != r && c != 0) {
			combine(&i->row[k], row, mpq_galois_times(c, part));
		}
	}
}

/* .. for each of them: then one that has a single unknown is that one. */
static void solve(struct mpq_parity_in *i)
{
	for (unsigned r = 0; r < i->rows; r++) {
		for (unsigned u = 0; u < MPQ_PARITY_UNKNOWNS; u++) {
			if (i->row[r].coefficient[u] != 0) {
				clear_column(i, r, u);
				break;
			}
		}
	}
}

/* Is there a later one in its place? */
static bool is_too_late(const struct mpq_parity_in *i, uint16_t sequence)
{
	const struct mpq_parity_symbol *s =
		&i->window.symbol[sequence % MPQ_PARITY_WINDOW];

	return s->used && mpq_header_distance16(sequence, s->sequence) <= 0;
}

/* It is in the window now. */
static void use_in_rows(struct mpq_parity_in *i, uint16_t sequence)
{
	const struct mpq_parity_symbol *s =
		mpq_parity_window_find(&i->window, sequence);
	unsigned u;

	forget_rows(i, sequence);
	u = unknown_of(i, sequence, false);
	if (u < MPQ_PARITY_UNKNOWNS) {
		substitute(i, u,
			   s->data && s->class_id == i->class_id ? s->bytes
								 : NULL,
			   s->len_bytes);
		solve(i);
	}
}

void mpq_parity_take(struct mpq_parity_in *i, const struct mpq_header *header,
		     const uint8_t *packet, size_t len_bytes)
{
	if (is_too_late(i, header->path_sequence)) {
		return;
	}
	mpq_parity_window_remember(&i->window, header, packet, len_bytes);
	if (i->rows > 0) {
		use_in_rows(i, header->path_sequence);
	}
}

static unsigned missing(const struct mpq_parity_in *i, uint16_t sequence)
{
	unsigned n = 0;

	for (unsigned k = 1; k < MPQ_PARITY_WINDOW; k++) {
		n += mpq_parity_window_find(&i->window,
					    (uint16_t)(sequence - k)) == NULL;
	}
	return n;
}

/* What is known goes out of it. false: too much is not. */
static bool reduce(struct mpq_parity_in *i, struct mpq_parity_row *row)
{
	for (unsigned k = 1; k < MPQ_PARITY_WINDOW; k++) {
		uint16_t sequence = (uint16_t)(row->sequence - k);
		const struct mpq_parity_symbol *s =
			mpq_parity_window_find(&i->window, sequence);
		uint8_t c = mpq_parity_coefficient(row->sequence, sequence);
		unsigned u;

		if (s == NULL) {
			u = unknown_of(i, sequence, true);
			if (u == MPQ_PARITY_UNKNOWNS) {
				return false;
			}
			row->coefficient[u] = c;
		} else if (s->data && s->class_id == i->class_id) {
			row_add(row, s->bytes, s->len_bytes, c);
		}
	}
	return true;
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

int mpq_parity_take_parity(struct mpq_parity_in *i,
			   const struct mpq_header *header,
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
	if (n == 0 || n > MPQ_PARITY_UNKNOWNS) {
		return 0;
	}
	row = new_row(i);
	memset(row->coefficient, 0, sizeof(row->coefficient));
	row->sequence = header->path_sequence;
	row->len_bytes = (uint16_t)(MPQ_PARITY_TAG_BYTES + len_bytes);
	mpq_parity_write_tag(row->bytes, header->lane, header->sequence);
	memcpy(row->bytes + MPQ_PARITY_TAG_BYTES, payload, len_bytes);
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
	uint8_t bytes[MPQ_PARITY_TAG_BYTES + MPQ_PARITY_MAX_BYTES] = {0};
	struct mpq_parity_row *row = &i->row[r];
	size_t len = row->len_bytes;
	unsigned u = 0;

	while (row->coefficient[u] == 0) {
		u++;
	}
	mpq_galois_add_times(bytes, row->bytes, len,
			     mpq_galois_inverse[row->coefficient[u]]);
	*ret = (struct mpq_header){.kind = MPQ_HEADER_REPAIR,
				   .class_id = i->class_id,
				   .path_sequence = i->unknown[u]};
	mpq_parity_read_tag(bytes, ret);
	drop_row(i, r);
	len = ip_len(bytes + MPQ_PARITY_TAG_BYTES, len - MPQ_PARITY_TAG_BYTES);
	if (len > 0) { /* else it may be of another class */
		memcpy(out, bytes + MPQ_PARITY_TAG_BYTES, len);
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
