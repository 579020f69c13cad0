/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/rate.h"

#include "controlplane/mpqctl/format.h"

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	if (json_object_is_type(o, json_type_object)) {
		(void)json_object_object_get_ex(o, key, &v);
	}
	return v;
}

struct json_object *mpq_rate_entry(struct json_object *o, const char *list,
				   const char *key, struct json_object *like)
{
	struct json_object *a = member(o, list);

	if (!json_object_is_type(a, json_type_array)) {
		return NULL;
	}
	for (size_t i = 0; i < json_object_array_length(a); i++) {
		struct json_object *e = json_object_array_get_idx(a, i);

		if (json_object_equal(member(e, key), member(like, key))) {
			return e;
		}
	}
	return NULL;
}

bool mpq_rate(struct json_object *before, struct json_object *now,
	      const char *counter, mpq_duration between, uint64_t *ret_bps)
{
	uint64_t was, is;

	if (before == NULL || between == 0 ||
	    !mpq_format_number(before, counter, &was) ||
	    !mpq_format_number(now, counter, &is) || is < was) {
		return false;
	}
	*ret_bps = (uint64_t)((double)(is - was) * 8e9 / (double)between);
	return true;
}
