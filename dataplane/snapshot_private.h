/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two halves of the snapshot reader share: snapshot_read.c reads the
 * ends of wires and tunnels, snapshot_policy.c the classes and rules. Nobody
 * else includes this.
 */
#ifndef MPQ_DATAPLANE_SNAPSHOT_PRIVATE_H
#define MPQ_DATAPLANE_SNAPSHOT_PRIVATE_H

#include "common/json.h"
#include "dataplane/snapshot.h"

/* Not empty, and short enough. */
void mpq_snapshot_read_name(struct mpq_json_reader *r, struct json_object *o,
			    const char *key, char *out, size_t cap);
/* *ret_n is untouched on failure. */
void mpq_snapshot_read_prefixes(struct mpq_json_reader *r,
				struct json_object *o, const char *key,
				struct mpq_prefix *out, size_t max,
				size_t *ret_n);

/* Entry i of "classes"; those of "paths" are read. */
void mpq_snapshot_read_class_item(struct mpq_json_reader *r,
				  struct json_object *o, struct mpq_snapshot *s,
				  size_t i);
/* All are read: the class "default" gets the place 0. */
void mpq_snapshot_default_first(struct mpq_json_reader *r,
				struct mpq_snapshot *s);
/* The place of the class that member `key` names; 0 when it is absent. */
uint8_t mpq_snapshot_read_class(struct mpq_json_reader *r,
				struct json_object *o, const char *key,
				const struct mpq_snapshot *s);
/* Entry i of "rules"; the classes have their places. */
void mpq_snapshot_read_rule(struct mpq_json_reader *r, struct json_object *o,
			    struct mpq_snapshot *s, size_t i);
/* A bonded tunnel's peer is told of all of them: do they fit into that? */
void mpq_snapshot_check_policy(struct mpq_json_reader *r,
			       const struct mpq_snapshot *s,
			       const struct mpq_snapshot_tunnel *t);

#endif
