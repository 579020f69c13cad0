/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/masque/h3_reason.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* RFC 8941 §3.3.3, without the two characters that need an escape. */
static bool plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void mpq_h3_reason_write(char field[MPQ_H3_REASON_FIELD_BYTES],
			 const char *sentence)
{
	char details[MPQ_H3_REASON_BYTES];
	size_t n = 0;

	for (; *sentence != '\0' && n < sizeof(details) - 1; sentence++) {
		if (plain(*sentence)) {
			details[n++] = *sentence;
		}
	}
	details[n] = '\0';
	(void)snprintf(field, MPQ_H3_REASON_FIELD_BYTES,
		       "mpquic; error=http_request_denied; details=\"%s\"",
		       details);
}

void mpq_h3_reason_read(const char *field, size_t len,
			char sentence[MPQ_H3_REASON_BYTES])
{
	static const char key[] = "details=\"";
	const char *end = field + len;
	const char *at = memmem(field, len, key, sizeof(key) - 1);
	size_t n = 0;

	if (at != NULL) {
		for (at += sizeof(key) - 1; at < end && *at != '"'; at++) {
			if (plain(*at) && n < MPQ_H3_REASON_BYTES - 1) {
				sentence[n++] = *at;
			}
		}
	}
	sentence[n] = '\0';
}
