/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/parity_private.h"

#include <string.h>

#define WINDOW_PKTS (MPQ_PARITY_WINDOW - 1) /* before a parity */

_Static_assert((MPQ_PARITY_WINDOW & (MPQ_PARITY_WINDOW - 1)) == 0,
	       "sequences wrap");

uint8_t mpq_parity_coefficient(uint16_t parity, uint16_t packet)
{
	return mpq_galois_inverse[(parity & 0x7f) ^ (packet & 0x7f) ^ 0x80];
}

/* ---- window -------------------------------------------------------------- */

void mpq_parity_window_clear(struct mpq_parity_window *w)
{
	for (unsigned i = 0; i < MPQ_PARITY_WINDOW; i++) {
		if (w->symbol[i].used) { /* else its page stays untouched */
			w->symbol[i].used = false;
		}
	}
}

const struct mpq_parity_symbol *
mpq_parity_window_find(const struct mpq_parity_window *w, uint16_t sequence)
{
	const struct mpq_parity_symbol *s =
		&w->symbol[sequence % MPQ_PARITY_WINDOW];

	return s->used && s->sequence == sequence ? s : NULL;
}

void mpq_parity_write_tag(uint8_t tag[MPQ_PARITY_TAG_BYTES], uint8_t lane,
			  uint32_t sequence)
{
	tag[0] = lane;
	tag[1] = (uint8_t)(sequence >> 16);
	tag[2] = (uint8_t)(sequence >> 8);
	tag[3] = (uint8_t)sequence;
}

void mpq_parity_read_tag(const uint8_t tag[MPQ_PARITY_TAG_BYTES],
			 struct mpq_header *h)
{
	h->lane = tag[0];
	h->sequence = (uint32_t)(tag[1] << 16 | tag[2] << 8 | tag[3]);
}

void mpq_parity_window_remember(struct mpq_parity_window *w,
				const struct mpq_header *h,
				const uint8_t *packet, size_t len)
{
	struct mpq_parity_symbol *s =
		&w->symbol[h->path_sequence % MPQ_PARITY_WINDOW];

	s->used = true;
	s->data = packet != NULL && len <= MPQ_PARITY_MAX_BYTES;
	s->sequence = h->path_sequence;
	s->class_id = h->class_id;
	if (s->data) {
		mpq_parity_write_tag(s->bytes, h->lane, h->sequence);
		memcpy(s->bytes + MPQ_PARITY_TAG_BYTES, packet, len);
		s->len_bytes = (uint16_t)(MPQ_PARITY_TAG_BYTES + len);
	}
}

/* ---- sender -------------------------------------------------------------- */

void mpq_parity_out_init(struct mpq_parity_out *o)
{
	o->known = 0;
	mpq_parity_sent(o);
}

static void add_packet(struct mpq_parity_out *o, uint8_t class_id,
		       size_t len_bytes)
{
	if (o->class_id != class_id) {
		o->class_id = class_id;
		mpq_parity_sent(o);
	}
	o->untold++;
	if (len_bytes > o->untold_longest_bytes) {
		o->untold_longest_bytes = (unsigned)len_bytes;
	}
}

/* What came before one of which we were not told is no use: the receiver takes
 * all that it knows of out of a parity, also what is not in it. */
void mpq_parity_add(struct mpq_parity_out *o, const struct mpq_header *header,
		    const uint8_t *packet, size_t len_bytes)
{
	if (header->path_sequence != o->next) {
		mpq_parity_out_init(o);
	}
	o->next = (uint16_t)(header->path_sequence + 1);
	o->known += o->known < WINDOW_PKTS;
	mpq_parity_window_remember(&o->window, header, packet, len_bytes);
	if (packet != NULL) {
		add_packet(o, header->class_id, len_bytes);
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
	mpq_galois_add_times(sum->bytes, s->bytes, s->len_bytes, coefficient);
}

size_t mpq_parity_write(struct mpq_parity_out *o, uint16_t path_sequence,
			struct mpq_header *ret, const uint8_t **ret_payload)
{
	bool all = path_sequence == o->next && o->known == WINDOW_PKTS;

	o->sum.len_bytes = 0;
	for (unsigned i = 1; all && i < MPQ_PARITY_WINDOW; i++) {
		uint16_t sequence = (uint16_t)(path_sequence - i);
		const struct mpq_parity_symbol *s =
			mpq_parity_window_find(&o->window, sequence);

		if (s != NULL && s->data && s->class_id == o->class_id) {
			sum_up(&o->sum, s,
			       mpq_parity_coefficient(path_sequence, sequence));
		}
	}
	if (o->sum.len_bytes <= MPQ_PARITY_TAG_BYTES) {
		mpq_parity_sent(o);
		return 0;
	}
	*ret = (struct mpq_header){.kind = MPQ_HEADER_PARITY,
				   .class_id = o->class_id};
	mpq_parity_read_tag(o->sum.bytes, ret);
	*ret_payload = o->sum.bytes + MPQ_PARITY_TAG_BYTES;
	return o->sum.len_bytes - MPQ_PARITY_TAG_BYTES;
}

void mpq_parity_sent(struct mpq_parity_out *o)
{
	o->untold = o->untold_longest_bytes = 0;
}
