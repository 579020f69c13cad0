/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for one certificate, each a check with a sentence of its own. For
 * common/certificate*.c only: issuers and chains are certificate_trust.h's.
 */
#ifndef MPQ_COMMON_CERTIFICATE_RULE_H
#define MPQ_COMMON_CERTIFICATE_RULE_H

#include "common/certificate.h"

#include <gnutls/x509.h>

#define MPQ_CERTIFICATE_SUBJECT_BYTES 256

/* The sentence; returns `result`. */
enum mpq_certificate_result
mpq_certificate_rule_say(char *reason, enum mpq_certificate_result result,
			 const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The holder for people, "CN=ship-1", printable characters only. */
void mpq_certificate_rule_subject(gnutls_x509_crt_t crt,
				  char text[MPQ_CERTIFICATE_SUBJECT_BYTES]);
void mpq_certificate_rule_identity(gnutls_x509_crt_t crt,
				   struct mpq_certificate_identity *ret);

enum mpq_certificate_result
mpq_certificate_rule_dates(gnutls_x509_crt_t crt, time_t now, char *reason);
enum mpq_certificate_result
mpq_certificate_rule_key(gnutls_x509_crt_t crt,
			 enum mpq_certificate_profile profile, char *reason);
enum mpq_certificate_result
mpq_certificate_rule_signature(gnutls_x509_crt_t crt, char *reason);
enum mpq_certificate_result
mpq_certificate_rule_usage(gnutls_x509_crt_t crt,
			   enum mpq_certificate_usage usage, char *reason);
enum mpq_certificate_result mpq_certificate_rule_name(gnutls_x509_crt_t crt,
						      const char *host,
						      char *reason);

#endif
