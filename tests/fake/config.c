/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/config.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

struct json_object *config_new(const char *role, const struct pki_set *pki,
			       const struct pki_certificate *own)
{
	static const char secret[] = "00112233445566778899aabbccddeeff"
				     "00112233445566778899aabbccddeeff";
	struct json_object *o = json_object_new_object();
	struct json_object *trust = json_object_new_object();

	add(trust, "certificate-pem", own->certificate_pem);
	add(trust, "private-key-pem", own->key_pem);
	add(trust, "authority-pem", pki->authority->certificate_pem);
	add(o, "role", role);
	add(o, "secret", secret);
	json_object_object_add(o, "trust", trust);
	return o;
}

void config_trust(struct json_object *config, const char *name,
		  const char *text)
{
	if (text != NULL) {
		add(json_object_object_get(config, "trust"), name, text);
	}
}

void config_append(char *text, size_t cap, const char *format, ...)
{
	size_t at = strlen(text);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text + at, cap - at, format, args);
	va_end(args);
	assert(strlen(text) + 1 < cap);
}

void config_list(struct json_object *config, const char *name,
		 const char *items)
{
	size_t cap = strlen(items) + sizeof("[]");
	char *text = malloc(cap);
	struct json_object *list;

	assert(text != NULL);
	(void)snprintf(text, cap, "[%s]", items);
	for (char *c = text; *c != '\0'; c++) {
		*c = *c == '\'' ? '"' : *c;
	}
	list = json_tokener_parse(text);
	free(text);
	assert(list != NULL);
	json_object_object_add(config, name, list);
}

int config_apply(struct mpq_engine *e, struct json_object *config,
		 unsigned generation, struct mpq_engine_descriptor *d, size_t n,
		 char at[128], char message[256])
{
	struct mpq_snapshot *snapshot;
	int r;

	at[0] = '\0';
	message[0] = '\0';
	json_object_object_add(config, "generation",
			       json_object_new_int((int)generation));
	r = mpq_snapshot_parse(&snapshot, config, at, message);
	json_object_put(config);
	if (r == 0) {
		r = mpq_engine_apply(e, snapshot, d, n, at, message);
	}
	for (size_t i = 0; i < n; i++) {
		if (d[i].fd >= 0) {
			(void)close(d[i].fd);
			d[i].fd = -1;
		}
	}
	return r;
}

struct mpq_engine_descriptor config_descriptor(enum mpq_engine_kind kind,
					       const char *name, int fd)
{
	struct mpq_engine_descriptor d = {.kind = kind, .fd = fd};

	(void)snprintf(d.name, sizeof(d.name), "%s", name);
	return d;
}
