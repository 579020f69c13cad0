/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configures an engine of a test: what mpquic-control would send. JSON is
 * written with ' for ".
 */
#ifndef MPQ_TESTS_FAKE_CONFIG_H
#define MPQ_TESTS_FAKE_CONFIG_H

#include "dataplane/engine.h"
#include "tests/unit/common/pki.h"

#include <json-c/json.h>

/* Sets a text of the snapshot's trust ("crl-pem"); NULL: leaves it. */
void config_trust(struct json_object *config, const char *name,
		  const char *text);
/* A snapshot with its role and trust; `own` is of the set. */
struct json_object *config_new(const char *role, const struct pki_set *pki,
			       const struct pki_certificate *own);
/* Adds to a text, to make such items of: it has room. */
void config_append(char *text, size_t cap, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Its member `name` is a list of these items. */
void config_list(struct json_object *config, const char *name,
		 const char *items);

/* Takes config, and closes the descriptors that the engine does not take. What
 * mpq_engine_apply() returned; `at` and `message` say why. */
int config_apply(struct mpq_engine *e, struct json_object *config,
		 unsigned generation, struct mpq_engine_descriptor *d, size_t n,
		 char at[128], char message[256]);

struct mpq_engine_descriptor config_descriptor(enum mpq_engine_kind kind,
					       const char *name, int fd);

#endif
