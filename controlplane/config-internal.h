/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that make a struct mpq_config have in common: config.c of the
 * wires, config-steering.c of classes and rules. The reader of common/json.h
 * collects shape errors; running out of memory is reported through it too, so
 * that there is one check at the end.
 */
#ifndef MPQ_CONTROLPLANE_CONFIG_INTERNAL_H
#define MPQ_CONTROLPLANE_CONFIG_INTERNAL_H

#include "common/json.h"
#include "controlplane/config.h"

void mpq_config_read_copy(struct mpq_json_reader *r, const char *key, char *ret,
			  size_t cap, const char *value);
/* Zeroed items for the array's; *ret_n is 0 when there are none. */
void *mpq_config_read_array(struct mpq_json_reader *r,
			    struct json_object *array, size_t size,
			    size_t *ret_n);
/* Entries that are numbers become their text. */
void mpq_config_read_strings(struct mpq_json_reader *r, struct json_object *o,
			     const char *key, struct mpq_config_strings *ret);
void mpq_config_read_prefixes(struct mpq_json_reader *r, struct json_object *o,
			      const char *key, struct mpq_config_prefixes *ret);
void mpq_config_strings_finish(struct mpq_config_strings *s);

void mpq_config_read_classes(struct mpq_json_reader *r, struct json_object *o,
			     struct mpq_config *c);
void mpq_config_read_rules(struct mpq_json_reader *r, struct json_object *o,
			   struct mpq_config *c);
void mpq_config_steering_finish(struct mpq_config *c);

#endif
