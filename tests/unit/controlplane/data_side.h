/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of the southbound socket, behind a few numbers: a file that
 * includes controlplane/ cannot include dataplane/ as well. */
#ifndef DATA_SIDE_H
#define DATA_SIDE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

struct data_side {
	size_t tunnels, paths, classes, rules; /* paths: of the first tunnel */
	size_t policy_bytes; /* of the first tunnel's capsule; 0: too long */
	bool plain;          /* its policy is the one of an empty list */
};

/* false: refused, with a sentence. */
bool data_side_read(struct json_object *snapshot, struct data_side *ret,
		    char sentence[512]);

bool data_side_knows_mode(const char *name);
const char *data_side_mode(unsigned i); /* NULL: there are no more */

#endif
