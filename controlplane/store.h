/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What survives a power cut: the last generations of the configuration, one
 * file each, and the secret. A generation is written and synced under another
 * name (stage), then renamed (keep): it is there whole or not at all.
 */
#ifndef MPQ_CONTROLPLANE_STORE_H
#define MPQ_CONTROLPLANE_STORE_H

#include "controlplane/refusal.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#define MPQ_STORE_GENERATIONS 10
#define MPQ_STORE_SECRET_TEXT 65 /* 64 hexadecimal digits and a NUL */

struct mpq_store {
	char *dir;
	uint32_t staged; /* generation, 0: none */
};

struct mpq_store_generation {
	uint32_t number;    /* from 1 */
	uint64_t file_hash; /* of the configuration file last taken, or 0 */
	struct json_object *config; /* {"mpquic:mpquic": ..} */
};

/* Makes the folder when it is missing. 0; -errno with *r. */
int mpq_store_init(struct mpq_store *s, const char *dir, struct mpq_refusal *r);
void mpq_store_finish(struct mpq_store *s);

/* The newest generation older than `before` that can be read (a damaged file is
 * passed over): 1, *ret's config is the caller's to put. 0: there is none. */
int mpq_store_load(const struct mpq_store *s, uint32_t before,
		   struct mpq_store_generation *ret);

/* 0, or -errno with *r: nothing has changed then. */
int mpq_store_stage(struct mpq_store *s, const struct mpq_store_generation *g,
		    struct mpq_refusal *r);
int mpq_store_keep(struct mpq_store *s, struct mpq_refusal *r);
void mpq_store_drop(struct mpq_store *s); /* what was staged */

/* Read, or made on first use. 0 or -errno with *r. */
int mpq_store_secret(const struct mpq_store *s, char ret[MPQ_STORE_SECRET_TEXT],
		     struct mpq_refusal *r);

/* Tells one text from another (FNV-1a); never 0. Not for security. */
uint64_t mpq_store_hash(const char *text, size_t len);

#endif
