/* SPDX-License-Identifier: Apache-2.0 */
/* The verb cert show: reads a file, judges nothing. */
#include "controlplane/mpqctl/cert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gnutls/x509.h>
#include <json-c/json.h>

#include "controlplane/mpqctl/format.h"

#define MAX_CERTIFICATES 64
#define MAX_NAMES        256

static void add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void add_date(struct json_object *o, const char *key, time_t t)
{
	char text[MPQ_FORMAT_BYTES];
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL &&
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0) {
		add_text(o, key, text);
	}
}

static void add_holder(struct json_object *o, gnutls_x509_crt_t crt)
{
	gnutls_datum_t d;

	if (gnutls_x509_crt_get_dn3(crt, &d, 0) >= 0) {
		add_text(o, "subject", (const char *)d.data);
		gnutls_free(d.data);
	}
	if (gnutls_x509_crt_get_issuer_dn3(crt, &d, 0) >= 0) {
		add_text(o, "issuer", (const char *)d.data);
		gnutls_free(d.data);
	}
}

static void add_names(struct json_object *o, gnutls_x509_crt_t crt)
{
	struct json_object *names = json_object_new_array();
	char text[256], ip[INET6_ADDRSTRLEN];
	unsigned type;
	int result = 0;

	for (unsigned i = 0;
	     i < MAX_NAMES && result != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
	     i++) {
		size_t len = sizeof(text);

		result = gnutls_x509_crt_get_subject_alt_name2(crt, i, text,
							       &len, &type,
							       NULL);
		if (result < 0) {
			continue;
		}
		if (type == GNUTLS_SAN_DNSNAME) {
			json_object_array_add(names, json_object_new_string_len(
							     text, (int)len));
		} else if (type == GNUTLS_SAN_IPADDRESS &&
			   (len == 4 || len == 16) &&
			   inet_ntop(len == 4 ? AF_INET : AF_INET6, text, ip,
				     sizeof(ip)) != NULL) {
			json_object_array_add(names,
					      json_object_new_string(ip));
		}
	}
	json_object_object_add(o, "names", names);
}

static const char *purpose_name(const char *oid)
{
	if (strcmp(oid, GNUTLS_KP_TLS_WWW_CLIENT) == 0) {
		return "clientAuth";
	}
	return strcmp(oid, GNUTLS_KP_TLS_WWW_SERVER) == 0 ? "serverAuth" : oid;
}

static void add_usage(struct json_object *o, gnutls_x509_crt_t crt)
{
	struct json_object *usage = json_object_new_array();
	char oid[128];
	size_t len = sizeof(oid);

	if (gnutls_x509_crt_get_basic_constraints(crt, NULL, NULL, NULL) > 0) {
		json_object_array_add(usage,
				      json_object_new_string("authority"));
	}
	for (unsigned i = 0;
	     i < 32 &&
	     gnutls_x509_crt_get_key_purpose_oid(crt, i, oid, &len, NULL) >= 0;
	     i++) {
		json_object_array_add(usage, json_object_new_string(
						     purpose_name(oid)));
		len = sizeof(oid);
	}
	json_object_object_add(o, "usage", usage);
}

static void add_key(struct json_object *o, gnutls_x509_crt_t crt)
{
	static const char digits[] = "0123456789abcdef";
	unsigned bits = 0;
	int pk = gnutls_x509_crt_get_pk_algorithm(crt, &bits);
	int sign = gnutls_x509_crt_get_signature_algorithm(crt);
	unsigned char pin[32];
	char text[128];
	size_t len = sizeof(pin);

	(void)snprintf(text, sizeof(text), "%s, %u bits",
		       pk < 0 ? "unknown" : gnutls_pk_get_name(pk), bits);
	add_text(o, "key", text);
	add_text(o, "signed-with",
		 sign < 0 ? "unknown" : gnutls_sign_get_name(sign));
	if (gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, pin,
				       &len) < 0) {
		return;
	}
	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[pin[i] >> 4];
		text[2 * i + 1] = digits[pin[i] & 15];
	}
	text[2 * len] = '\0';
	add_text(o, "spki-sha256", text);
}

static struct json_object *describe(gnutls_x509_crt_t crt)
{
	struct json_object *o = json_object_new_object();

	add_holder(o, crt);
	add_names(o, crt);
	add_usage(o, crt);
	add_date(o, "not-before", gnutls_x509_crt_get_activation_time(crt));
	add_date(o, "not-after", gnutls_x509_crt_get_expiration_time(crt));
	add_key(o, crt);
	return o;
}

static void print_text(struct json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		(void)fputs(i > 0 ? "\n" : "", stdout);
		json_object_object_foreach (o, key, value) {
			char *text = mpq_format_value(value);

			(void)printf("%-12s %s\n", key,
				     text[0] != '\0' ? text : "-");
			free(text);
		}
	}
}

/* The certificates of a PEM file as JSON, NULL with a word. */
static struct json_object *read_list(const char *name)
{
	gnutls_x509_crt_t crt[MAX_CERTIFICATES];
	unsigned n = MAX_CERTIFICATES;
	struct json_object *list;
	gnutls_datum_t d;
	int result;

	errno = 0;
	result = gnutls_load_file(name, &d);
	if (result == GNUTLS_E_FILE_ERROR && errno != 0) {
		(void)fprintf(stderr, "mpqctl: %s: %s\n", name,
			      strerror(errno));
		return NULL;
	}
	if (result >= 0) {
		result = gnutls_x509_crt_list_import(
			crt, &n, &d, GNUTLS_X509_FMT_PEM,
			GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
		gnutls_free(d.data);
	}
	if (result < 0) {
		(void)fprintf(stderr,
			      "mpqctl: %s: no certificate can be read (%s); "
			      "wanted is PEM, -----BEGIN CERTIFICATE-----\n",
			      name, gnutls_strerror_name(result));
		return NULL;
	}
	list = json_object_new_array();
	for (int i = 0; i < result; i++) {
		json_object_array_add(list, describe(crt[i]));
		gnutls_x509_crt_deinit(crt[i]);
	}
	return list;
}

enum mpq_exit mpq_cert_show(const struct mpq_call *call)
{
	struct json_object *list = read_list(call->argument[0]);

	if (list == NULL) {
		return MPQ_EXIT_REFUSED;
	}
	if (call->json) {
		mpq_format_json(list, true);
	} else {
		print_text(list);
	}
	json_object_put(list);
	return MPQ_EXIT_OK;
}
