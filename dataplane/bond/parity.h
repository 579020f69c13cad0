/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forward error correction: now and then a path that loses carries a parity, a
 * linear combination of the packets that it carried lately. Of several that
 * are missing each parity makes one good, a round trip before it could have
 * been sent again. Pure, of fixed size, and it allocates nothing. When one is
 * worth its bytes, others decide (session_parity.c).
 *
 *	sender    packet left -> add --> window -> write --> PARITY
 *	receiver  packet came -> take -> window -.
 *	          PARITY came -> take_parity ----'--> rows -> next: a packet
 *
 * Over GF(2^8), with the coefficients of a Cauchy matrix, so that any so many
 * parities of one window make good as many packets. What is combined of a
 * packet: lane, sequence in the lane, and the packet, as if zeros followed it;
 * so a parity needs no more room than the longest of its packets, and the IP
 * header tells where one ends. It is of packets of one class. The wire is told
 * in README.md §4.
 */
#ifndef MPQ_BOND_PARITY_H
#define MPQ_BOND_PARITY_H

#include "dataplane/bond/header.h"

#define MPQ_PARITY_WINDOW    32 /* sequences on the path; itself counts, too */
#define MPQ_PARITY_ROWS      6  /* that wait for others */
#define MPQ_PARITY_UNKNOWNS  8  /* among which is what they wait for */
#define MPQ_PARITY_MAX_BYTES 1500 /* of a packet */
#define MPQ_PARITY_TAG_BYTES 4

struct mpq_parity_symbol {
	bool used, data;   /* no data: there is no packet to this sequence */
	uint16_t sequence; /* on the path */
	uint8_t class_id;
	uint16_t len_bytes; /* with the tag */
	uint8_t bytes[MPQ_PARITY_TAG_BYTES + MPQ_PARITY_MAX_BYTES];
};

struct mpq_parity_window {
	struct mpq_parity_symbol symbol[MPQ_PARITY_WINDOW];
};

struct mpq_parity_out {
	struct mpq_parity_window window;
	struct mpq_parity_symbol sum; /* the last one written */
	uint16_t next;                /* sequence on the path */
	unsigned
		known; /* datagrams in a row before it, as far as they matter */
	uint8_t class_id; /* of the last packet */
	unsigned untold;  /* packets of it that no parity has told of */
	unsigned untold_longest_bytes;
};

struct mpq_parity_row {
	uint16_t sequence; /* of its parity; the window is before it */
	uint8_t coefficient[MPQ_PARITY_UNKNOWNS];
	uint16_t len_bytes;
	uint8_t bytes[MPQ_PARITY_TAG_BYTES + MPQ_PARITY_MAX_BYTES];
};

struct mpq_parity_in {
	struct mpq_parity_window window;
	uint8_t class_id; /* of the rows */
	unsigned rows;
	struct mpq_parity_row row[MPQ_PARITY_ROWS];
	uint8_t unknowns; /* set of .. */
	uint16_t unknown[MPQ_PARITY_UNKNOWNS];
};

/* The path begins anew. Touches no more memory than was used. */
void mpq_parity_out_init(struct mpq_parity_out *o);
void mpq_parity_in_init(struct mpq_parity_in *i);

/* Sender: a datagram left; `packet` is NULL if it has no place in a lane. A
 * packet that is too long is not told of. It need not be called for all: there
 * is no parity then before it was called for a whole window of them. */
void mpq_parity_add(struct mpq_parity_out *o, const struct mpq_header *header,
		    const uint8_t *packet, size_t len_bytes);
/* The parity that may leave with this sequence on the path: kind, class, lane
 * and sequence of its header, and its payload, which stands until the next one.
 * Its length; 0: there is nothing to tell of, nor untold. */
size_t mpq_parity_write(struct mpq_parity_out *o, uint16_t path_sequence,
			struct mpq_header *ret, const uint8_t **ret_payload);
/* Of the last one written. */
static inline size_t mpq_parity_written_bytes(const struct mpq_parity_out *o)
{
	return o->sum.len_bytes - MPQ_PARITY_TAG_BYTES;
}
/* It was sent (then it is to be added, too), or cannot be. */
void mpq_parity_sent(struct mpq_parity_out *o);

/* Receiver: a datagram came; `packet` is NULL if it has no place in a lane. One
 * that it is not called for counts as missing. */
void mpq_parity_take(struct mpq_parity_in *i, const struct mpq_header *header,
		     const uint8_t *packet, size_t len_bytes);
/* A parity came, for which `take` is not called. 0 or -EBADMSG. */
int mpq_parity_take_parity(struct mpq_parity_in *i,
			   const struct mpq_header *header,
			   const uint8_t *payload, size_t len_bytes);
/* A packet that was missing, after either: its length, and kind (REPAIR),
 * class, lane and sequence of its header. 0: no more. */
size_t mpq_parity_next(struct mpq_parity_in *i, struct mpq_header *ret,
		       uint8_t out[MPQ_PARITY_MAX_BYTES]);

#endif
