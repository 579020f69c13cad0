/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/version.h"

#include "controlplane/semantics.h"

#include <errno.h>
#include <stdlib.h>

static int fill(struct mpq_version *v, time_t now, bool known,
		struct mpq_refusal *r)
{
	struct json_object *json = mpq_tree_json(v->tree, true);
	int ret;

	if (!json) {
		return -ENOMEM;
	}
	ret = mpq_config_new(&v->config, json);
	json_object_put(json);
	if (ret == -EPROTO) {
		return mpq_refusal_set(r, "/mpquic:mpquic",
				       "the model and this program do not "
				       "fit together: reinstall mpquic.");
	}
	if (!ret) {
		ret = mpq_semantics_check(v->config, r);
	}
	if (!ret) {
		ret = mpq_material_load(&v->material, v->config, now, known, r);
	}
	return ret;
}

int mpq_version_take(struct mpq_version **ret, struct mpq_tree *tree,
		     time_t now, bool known, struct mpq_refusal *r)
{
	struct mpq_version *v = calloc(1, sizeof(*v));
	int e;

	if (!v) {
		mpq_tree_free(tree);
		return -ENOMEM;
	}
	v->tree = tree;
	e = fill(v, now, known, r);
	if (e) {
		mpq_version_free(v);
		return e;
	}
	*ret = v;
	return 0;
}

int mpq_version_new(struct mpq_version **ret, struct mpq_schema *schema,
		    const char *text, size_t len, time_t now, bool known,
		    struct mpq_refusal *r)
{
	struct mpq_tree *tree = NULL;
	int e;

	e = mpq_schema_parse(schema, text, len, &tree, r);
	return e ? e : mpq_version_take(ret, tree, now, known, r);
}

void mpq_version_free(struct mpq_version *v)
{
	if (v) {
		mpq_material_free(v->material);
		mpq_config_free(v->config);
		mpq_tree_free(v->tree);
		free(v);
	}
}
