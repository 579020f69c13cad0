/* SPDX-License-Identifier: Apache-2.0 */
#include "common/certificate_rule.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_ALTERNATIVE_NAMES 256 /* that we look at */
#define MAX_PURPOSES          32
#define DATE_BYTES            32

enum mpq_certificate_result
mpq_certificate_rule_say(char *reason, enum mpq_certificate_result result,
			 const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(reason, MPQ_CERTIFICATE_REASON_BYTES, format, ap);
	va_end(ap);
	return result;
}

#define say mpq_certificate_rule_say

/* A peer wrote it, and a person's terminal will show it. */
static void blunt(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~') {
			*text = '?';
		}
	}
}

void mpq_certificate_rule_subject(gnutls_x509_crt_t crt,
				  char text[MPQ_CERTIFICATE_SUBJECT_BYTES])
{
	size_t len = MPQ_CERTIFICATE_SUBJECT_BYTES;
	int result = gnutls_x509_crt_get_dn(crt, text, &len);

	if (result == GNUTLS_E_SHORT_MEMORY_BUFFER) {
		(void)snprintf(text, MPQ_CERTIFICATE_SUBJECT_BYTES,
			       "(a name of %zu bytes)", len);
	} else if (result < 0 || text[0] == '\0') {
		(void)snprintf(text, MPQ_CERTIFICATE_SUBJECT_BYTES,
			       "(no name)");
	}
	blunt(text);
}

/* The sentences have room for a name of ordinary length. */
struct short_subject {
	char text[64];
};

static struct short_subject subject(gnutls_x509_crt_t crt)
{
	char whole[MPQ_CERTIFICATE_SUBJECT_BYTES];
	struct short_subject s;

	mpq_certificate_rule_subject(crt, whole);
	whole[sizeof(s.text) - 1] = '\0';
	(void)memcpy(s.text, whole, strlen(whole) + 1);
	return s;
}

static bool printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~') {
			return false;
		}
	}
	return len > 0;
}

/* An entry of subjectAltName. 1: *ret_type and text[0..*ret_len), 0: skip it
 * (too long), -1: no more. */
static int alternative_name(gnutls_x509_crt_t crt, unsigned i,
			    char text[MPQ_CERTIFICATE_NAME_BYTES],
			    size_t *ret_len, unsigned *ret_type)
{
	size_t len = MPQ_CERTIFICATE_NAME_BYTES - 1;
	int result = gnutls_x509_crt_get_subject_alt_name2(crt, i, text, &len,
							   ret_type, NULL);

	if (result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
		return -1;
	}
	if (result < 0) {
		return 0;
	}
	text[len] = '\0';
	*ret_len = len;
	return 1;
}

static void read_names(gnutls_x509_crt_t crt,
		       struct mpq_certificate_identity *id)
{
	char text[MPQ_CERTIFICATE_NAME_BYTES];
	unsigned type;
	size_t len;
	int found;

	for (unsigned i = 0; i < MAX_ALTERNATIVE_NAMES; i++) {
		found = alternative_name(crt, i, text, &len, &type);
		if (found < 0 || id->names == MPQ_CERTIFICATE_NAMES) {
			return;
		}
		if (found == 1 && type == GNUTLS_SAN_DNSNAME &&
		    printable(text, len)) {
			memcpy(id->name[id->names], text, len + 1);
			id->names++;
		}
	}
}

void mpq_certificate_rule_identity(gnutls_x509_crt_t crt,
				   struct mpq_certificate_identity *ret)
{
	struct mpq_certificate_identity id = {0};
	size_t len = sizeof(id.spki_sha256);

	(void)gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256,
					 id.spki_sha256, &len);
	id.not_before = gnutls_x509_crt_get_activation_time(crt);
	id.not_after = gnutls_x509_crt_get_expiration_time(crt);
	mpq_certificate_rule_subject(crt, id.subject);
	read_names(crt, &id);
	*ret = id;
}

static const char *format_date(time_t t, char text[DATE_BYTES])
{
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(text, DATE_BYTES, "%Y-%m-%d %H:%M UTC", &tm) == 0) {
		(void)snprintf(text, DATE_BYTES, "(no date)");
	}
	return text;
}

enum mpq_certificate_result mpq_certificate_rule_dates(gnutls_x509_crt_t crt,
						       time_t now, char *reason)
{
	time_t from = gnutls_x509_crt_get_activation_time(crt);
	time_t to = gnutls_x509_crt_get_expiration_time(crt);
	char date[DATE_BYTES], here[DATE_BYTES];

	if (from == (time_t)-1 || to == (time_t)-1) {
		return say(reason, MPQ_CERTIFICATE_UNREADABLE,
			   "certificate of %s has unreadable dates",
			   subject(crt).text);
	}
	if (now < from) {
		return say(reason, MPQ_CERTIFICATE_NOT_YET_VALID,
			   "certificate of %s is not valid before %s, and the "
			   "clock here says %s",
			   subject(crt).text, format_date(from, date),
			   format_date(now, here));
	}
	if (now > to) {
		return say(reason, MPQ_CERTIFICATE_EXPIRED,
			   "certificate of %s expired on %s, and the clock "
			   "here says %s",
			   subject(crt).text, format_date(to, date),
			   format_date(now, here));
	}
	return MPQ_CERTIFICATE_OK;
}

static enum mpq_certificate_result
rsa_rule(gnutls_x509_crt_t crt, unsigned bits,
	 enum mpq_certificate_profile profile, char *reason)
{
	unsigned wanted = profile == MPQ_CERTIFICATE_HIGH ? 3072 : 2048;

	if (bits >= wanted) {
		return MPQ_CERTIFICATE_OK;
	}
	return say(reason, MPQ_CERTIFICATE_WEAK_KEY,
		   "certificate of %s has an RSA key of %u bits, profile %s "
		   "wants %u or more, or P-256 or Ed25519",
		   subject(crt).text, bits,
		   profile == MPQ_CERTIFICATE_HIGH ? "high" : "medium", wanted);
}

enum mpq_certificate_result
mpq_certificate_rule_key(gnutls_x509_crt_t crt,
			 enum mpq_certificate_profile profile, char *reason)
{
	unsigned bits = 0;
	int pk = gnutls_x509_crt_get_pk_algorithm(crt, &bits);

	switch (pk) {
	case GNUTLS_PK_RSA:
	case GNUTLS_PK_RSA_PSS:
		return rsa_rule(crt, bits, profile, reason);
	case GNUTLS_PK_EDDSA_ED25519:
	case GNUTLS_PK_EDDSA_ED448:
		return MPQ_CERTIFICATE_OK;
	case GNUTLS_PK_ECDSA:
		if (bits >= 256) {
			return MPQ_CERTIFICATE_OK;
		}
		return say(reason, MPQ_CERTIFICATE_WEAK_KEY,
			   "certificate of %s has an elliptic curve key of %u "
			   "bits, wanted is P-256 or a larger curve",
			   subject(crt).text, bits);
	default:
		return say(reason, MPQ_CERTIFICATE_WEAK_KEY,
			   "certificate of %s has a key of kind %s, wanted is "
			   "P-256, Ed25519 or RSA",
			   subject(crt).text,
			   pk < 0 ? "unknown" : gnutls_pk_get_name(pk));
	}
}

enum mpq_certificate_result
mpq_certificate_rule_signature(gnutls_x509_crt_t crt, char *reason)
{
	int sign = gnutls_x509_crt_get_signature_algorithm(crt);
	const char *name = sign < 0 ? NULL : gnutls_sign_get_name(sign);

	if (sign > 0 &&
	    gnutls_sign_is_secure2(sign, GNUTLS_SIGN_FLAG_SECURE_FOR_CERTS)) {
		return MPQ_CERTIFICATE_OK;
	}
	return say(reason, MPQ_CERTIFICATE_WEAK_SIGNATURE,
		   "certificate of %s is signed with %s, wanted is SHA-256 or "
		   "better",
		   subject(crt).text,
		   name != NULL ? name : "something unknown");
}

/* Does the list hold it? *ret_any: is there a list at all? */
static bool has_purpose(gnutls_x509_crt_t crt, const char *wanted,
			bool *ret_any)
{
	char oid[128];
	bool found = false;

	*ret_any = false;
	for (unsigned i = 0; i < MAX_PURPOSES; i++) {
		size_t len = sizeof(oid);
		int result = gnutls_x509_crt_get_key_purpose_oid(crt, i, oid,
								 &len, NULL);

		if (result == GNUTLS_E_SHORT_MEMORY_BUFFER) {
			*ret_any = true;
			continue;
		}
		if (result < 0) {
			break;
		}
		*ret_any = true;
		found = found || strcmp(oid, wanted) == 0;
	}
	return found;
}

static enum mpq_certificate_result key_usage_rule(gnutls_x509_crt_t crt,
						  char *reason)
{
	unsigned usage = 0;
	int result = gnutls_x509_crt_get_key_usage(crt, &usage, NULL);

	/* RFC 5280 §4.2.1.3: without the extension all is allowed. */
	if (result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE ||
	    (result >= 0 && (usage & GNUTLS_KEY_DIGITAL_SIGNATURE))) {
		return MPQ_CERTIFICATE_OK;
	}
	return say(reason, MPQ_CERTIFICATE_WRONG_USAGE,
		   "certificate of %s has a key usage without "
		   "digitalSignature, which TLS 1.3 needs",
		   subject(crt).text);
}

enum mpq_certificate_result
mpq_certificate_rule_usage(gnutls_x509_crt_t crt,
			   enum mpq_certificate_usage usage, char *reason)
{
	bool client = usage == MPQ_CERTIFICATE_CLIENT, any;
	const char *wanted = client ? "clientAuth" : "serverAuth";

	if (gnutls_x509_crt_get_basic_constraints(crt, NULL, NULL, NULL) > 0) {
		return say(reason, MPQ_CERTIFICATE_WRONG_USAGE,
			   "certificate of %s is an authority's (CA:TRUE), "
			   "wanted is one of its own for the %s",
			   subject(crt).text, client ? "edge" : "concentrator");
	}
	if (!has_purpose(crt,
			 client ? GNUTLS_KP_TLS_WWW_CLIENT
				: GNUTLS_KP_TLS_WWW_SERVER,
			 &any)) {
		return say(reason, MPQ_CERTIFICATE_WRONG_USAGE,
			   "certificate of %s has %s, wanted is %s (it is the "
			   "%s's)",
			   subject(crt).text,
			   any ? "an extended key usage for something else"
			       : "no extended key usage",
			   wanted, client ? "edge" : "concentrator");
	}
	return key_usage_rule(crt, reason);
}

struct wanted_name {
	const char *text;
	unsigned char ip[16];
	size_t ip_len; /* 0: it is a dNSName */
};

static struct wanted_name wanted_name(const char *host)
{
	struct wanted_name w = {.text = host};

	if (inet_pton(AF_INET, host, w.ip) == 1) {
		w.ip_len = 4;
	} else if (inet_pton(AF_INET6, host, w.ip) == 1) {
		w.ip_len = 16;
	}
	return w;
}

static bool is_wanted(const struct wanted_name *w, unsigned type,
		      const char *text, size_t len)
{
	if (w->ip_len > 0) {
		return type == GNUTLS_SAN_IPADDRESS && len == w->ip_len &&
		       memcmp(text, w->ip, len) == 0;
	}
	/* The length, too: "good.example\0.bad.example" is not good.example. */
	return type == GNUTLS_SAN_DNSNAME && len == strlen(w->text) &&
	       strcasecmp(text, w->text) == 0;
}

static void append(char *list, size_t size, const char *text)
{
	size_t used = strlen(list), len = strlen(text);

	if (used + len + 3 > size) {
		return; /* the first ones tell enough */
	}
	if (used > 0) {
		memcpy(list + used, ", ", 2);
		used += 2;
	}
	memcpy(list + used, text, len + 1);
}

static void append_name(char *list, size_t size, unsigned type,
			const char *text, size_t len)
{
	char ip[INET6_ADDRSTRLEN];

	if (type == GNUTLS_SAN_DNSNAME && printable(text, len)) {
		append(list, size, text);
	} else if (type == GNUTLS_SAN_IPADDRESS && (len == 4 || len == 16) &&
		   inet_ntop(len == 4 ? AF_INET : AF_INET6, text, ip,
			     sizeof(ip)) != NULL) {
		append(list, size, ip);
	}
}

/* RFC 9110 §4.3.4 and RFC 9525: only subjectAltName counts. */
enum mpq_certificate_result
mpq_certificate_rule_name(gnutls_x509_crt_t crt, const char *host, char *reason)
{
	struct wanted_name w = wanted_name(host);
	char text[MPQ_CERTIFICATE_NAME_BYTES], list[64] = "";
	unsigned type;
	size_t len;
	int found = 0;

	for (unsigned i = 0; found >= 0 && i < MAX_ALTERNATIVE_NAMES; i++) {
		found = alternative_name(crt, i, text, &len, &type);
		if (found != 1) {
			continue;
		}
		if (is_wanted(&w, type, text, len)) {
			return MPQ_CERTIFICATE_OK;
		}
		append_name(list, sizeof(list), type, text, len);
	}
	return say(reason, MPQ_CERTIFICATE_WRONG_NAME,
		   "certificate of %s is for %s, wanted is %.48s as a "
		   "subjectAltName",
		   subject(crt).text,
		   list[0] != '\0' ? list : "no name that we read", host);
}
