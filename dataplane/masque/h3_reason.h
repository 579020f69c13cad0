/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a request was refused, for people: the parameter "details" of the field
 * proxy-status (RFC 9209 §2.1.2). Pure.
 *
 *	mpquic; error=http_request_denied; details="no tunnel mpq7 here"
 */
#ifndef MPQ_MASQUE_H3_REASON_H
#define MPQ_MASQUE_H3_REASON_H

#include <stddef.h>

/* Of the sentence, with its end. */
#define MPQ_H3_REASON_BYTES 128
/* Of the field's value, with its end. */
#define MPQ_H3_REASON_FIELD_BYTES 192

/* Writes the field's value; what a quoted string may not hold is left out. */
void mpq_h3_reason_write(char field[MPQ_H3_REASON_FIELD_BYTES],
			 const char *sentence);

/* Reads a peer's field: printable ASCII, cut to fit, "" when it says nothing.
 * It is the peer's word and ends in logs: nothing else may pass. */
void mpq_h3_reason_read(const char *field, size_t len,
			char sentence[MPQ_H3_REASON_BYTES]);

#endif
