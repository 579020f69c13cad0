/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/explain.h"
#include "controlplane/schema.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *yang_dir;
static struct mpq_schema *schema;

static const char good[] =
	"{\"mpquic:mpquic\":{"
	"\"local\":{\"role\":\"edge\"},"
	"\"trust\":{\"certificate\":\"/c\",\"private-key\":\"/k\","
	"\"authority\":[\"/a\"]},"
	"\"path\":[{\"name\":\"wan1\",\"wan\":\"eth1\",\"remote\":{"
	"\"address\":\"192.0.2.1\",\"port\":45001,\"server-name\":\"c.x\"}}],"
	"\"tunnel\":[{\"name\":\"mpq1\",\"path\":[\"wan1\"]}]}}";

static struct mpq_tree *parse(const char *text)
{
	struct mpq_tree *t = NULL;
	struct mpq_refusal r;
	int e = mpq_schema_parse(schema, text, strlen(text), &t, &r);

	if (e) {
		fail_msg("%s: %s", r.path, r.message);
	}
	return t;
}

static void refuse(const char *text, const char *path, const char *message)
{
	struct mpq_tree *t = NULL;
	struct mpq_refusal r;

	assert_int_equal(mpq_schema_parse(schema, text, strlen(text), &t, &r),
			 -EINVAL);
	assert_null(t);
	assert_string_equal(r.path, path);
	assert_string_equal(r.message, message);
}

/* `good` with `from` replaced by `to`. */
static const char *edited(const char *from, const char *to)
{
	static char text[2048];
	const char *at = strstr(good, from);

	assert_non_null(at);
	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good,
		       to, at + strlen(from));
	return text;
}

static const char *string_of(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_string(v)
						     : "absent";
}

static void fills_in_defaults_when_asked(void **state)
{
	struct mpq_tree *t = parse(good);
	struct json_object *with = mpq_tree_json(t, true),
			   *without = mpq_tree_json(t, false);

	(void)state;
	assert_non_null(strstr(json_object_to_json_string(with), "\"mtu\""));
	assert_null(strstr(json_object_to_json_string(without), "\"mtu\""));
	json_object_put(with);
	json_object_put(without);
	mpq_tree_free(t);
}

static void refuses_text_that_libyang_would_take(void **state)
{
	(void)state;
	refuse("{\"mpquic:mpquic\":", "",
	       "this is not JSON: line 1, column 18: the text ends too early");
	refuse("{}\n\n  {}", "",
	       "this is not JSON: line 3, column 3: unexpected character");
}

static void says_what_libyang_finds(void **state)
{
	(void)state;
	refuse(edited("\"authority\":[\"/a\"]", "\"authority\":[]"),
	       "/mpquic:mpquic/trust",
	       "Name an authority, a peer-pin, or both: verification cannot be "
	       "skipped.");
	refuse(edited("[\"wan1\"]", "[\"wan2\"]"),
	       "/mpquic:mpquic/tunnel[name='mpq1']/path[.='wan2']",
	       "there is no path named \"wan2\".");
	refuse(edited("\"role\":\"edge\"",
		      "\"role\":\"edge\",\"role\":\"edge\""),
	       "/mpquic:mpquic/local/role", "Duplicate instance of \"role\".");
}

static void lists_what_a_reference_may_be(void **state)
{
	const char *text = edited("[\"wan1\"]", "[\"wan2\"]");
	struct mpq_tree *t = NULL;
	struct mpq_refusal r;

	(void)state;
	assert_int_equal(mpq_schema_parse(schema, text, strlen(text), &t, &r),
			 -EINVAL);
	assert_string_equal(r.allowed, "wan1");
}

static void reads_no_more_than_it_was_given(void **state)
{
	struct mpq_tree *t = NULL;
	struct mpq_refusal r;
	char text[sizeof(good) + 8];

	(void)state;
	(void)snprintf(text, sizeof(text), "%s}}]junk", good);
	assert_int_equal(mpq_schema_parse(schema, text, strlen(good), &t, &r),
			 0);
	mpq_tree_free(t);
}

static void finds_no_difference_where_there_is_none(void **state)
{
	struct mpq_tree *a = parse(good),
			*b = parse(edited("\"path\":[\"wan1\"]}",
					  "\"path\":[\"wan1\"],"
					  "\"mtu\":1400}"));
	struct json_object *changes = mpq_tree_diff(a, b);

	(void)state;
	/* A default written out is the same configuration. */
	assert_int_equal(json_object_array_length(changes), 0);
	json_object_put(changes);
	mpq_tree_free(a);
	mpq_tree_free(b);
}

static void tells_a_changed_leaf_and_its_cost(void **state)
{
	struct mpq_tree *a = parse(good), *b = parse(edited("45001", "45002"));
	struct json_object *changes = mpq_tree_diff(a, b), *c;

	(void)state;
	assert_int_equal(json_object_array_length(changes), 1);
	c = json_object_array_get_idx(changes, 0);
	assert_string_equal(string_of(c, "path"),
			    "/mpquic:mpquic/path[name='wan1']/remote/port");
	assert_string_equal(string_of(c, "operation"), "replace");
	assert_string_equal(string_of(c, "old"), "45001");
	assert_string_equal(string_of(c, "new"), "45002");
	assert_string_equal(string_of(c, "applies"), "path");
	json_object_put(changes);
	mpq_tree_free(a);
	mpq_tree_free(b);
}

/* An edge's tunnel with these paths of two. */
static struct mpq_tree *with_paths(const char *list)
{
	char text[2048];

	(void)snprintf(
		text, sizeof(text),
		"{\"mpquic:mpquic\":{\"local\":{\"role\":\"edge\"},"
		"\"trust\":{\"certificate\":\"/c\",\"private-key\":\"/k\","
		"\"authority\":[\"/a\"]},\"path\":[{\"name\":\"wan1\","
		"\"wan\":\"eth1\",\"remote\":{\"address\":\"192.0.2.1\","
		"\"port\":1,\"server-name\":\"c.x\"}},{\"name\":\"wan2\","
		"\"wan\":\"eth2\",\"remote\":{\"address\":\"192.0.2.1\","
		"\"port\":2,\"server-name\":\"c.x\"}}],\"tunnel\":[{"
		"\"name\":\"mpq1\",\"path\":[%s]}]}}",
		list);
	return parse(text);
}

static void costs(const char *from, const char *to, const char *cost)
{
	struct mpq_tree *a = with_paths(from), *b = with_paths(to);
	struct json_object *changes = mpq_tree_diff(a, b);

	assert_true(json_object_array_length(changes) > 0);
	assert_string_equal(string_of(json_object_array_get_idx(changes, 0),
				      "applies"),
			    cost);
	json_object_put(changes);
	mpq_tree_free(a);
	mpq_tree_free(b);
}

static void tells_that_several_paths_are_a_session(void **state)
{
	(void)state;
	costs("\"wan1\"", "\"wan1\",\"wan2\"", "session");
	costs("\"wan2\",\"wan1\"", "\"wan1\"", "session");
	costs("\"wan1\"", "\"wan2\"", "live");
	costs("\"wan1\",\"wan2\"", "\"wan2\",\"wan1\"", "live");
}

static void tells_a_new_entry_as_one(void **state)
{
	struct mpq_tree *a = parse(good),
			*b = parse(edited(",\"tunnel\":[{\"name\":\"mpq1\","
					  "\"path\":[\"wan1\"]}]",
					  ""));
	struct json_object *changes = mpq_tree_diff(b, a), *c;

	(void)state;
	assert_int_equal(json_object_array_length(changes), 1);
	c = json_object_array_get_idx(changes, 0);
	assert_string_equal(string_of(c, "path"),
			    "/mpquic:mpquic/tunnel[name='mpq1']");
	assert_string_equal(string_of(c, "operation"), "create");
	assert_string_equal(string_of(c, "old"), "absent");
	assert_string_equal(string_of(c, "applies"), "tunnel");
	json_object_put(changes);
	changes = mpq_tree_diff(a, b);
	c = json_object_array_get_idx(changes, 0);
	assert_string_equal(string_of(c, "operation"), "delete");
	assert_string_equal(string_of(c, "new"), "absent");
	json_object_put(changes);
	mpq_tree_free(a);
	mpq_tree_free(b);
}

#define RULES                                                                  \
	",\"rule\":[{\"name\":\"a\",\"class\":\"default\"},"                   \
	"{\"name\":\"b\",\"class\":\"default\"},"                              \
	"{\"name\":\"c\",\"class\":\"default\"}]}}"
#define RULES_MOVED                                                            \
	",\"rule\":[{\"name\":\"c\",\"class\":\"other\"},"                     \
	"{\"name\":\"b\",\"class\":\"default\"},"                              \
	"{\"name\":\"a\",\"class\":\"default\"}]}}"

/* The configuration with something before its last two braces. */
static struct mpq_tree *parse_with(const char *more)
{
	char text[8192];

	(void)snprintf(text, sizeof(text), "%.*s%s", (int)strlen(good) - 2,
		       good, more);
	return parse(text);
}

static void tells_where_an_entry_has_moved(void **state)
{
	struct mpq_tree *a = parse_with(RULES), *b = parse_with(RULES_MOVED);
	struct json_object *changes = mpq_tree_diff(a, b), *c;

	(void)state;
	assert_int_equal(json_object_array_length(changes), 3);
	/* What has changed in it is told as well. */
	c = json_object_array_get_idx(changes, 0);
	assert_string_equal(string_of(c, "path"),
			    "/mpquic:mpquic/rule[name='c']/class");
	assert_string_equal(string_of(c, "operation"), "replace");
	assert_string_equal(string_of(c, "new"), "other");
	c = json_object_array_get_idx(changes, 1);
	assert_string_equal(string_of(c, "path"),
			    "/mpquic:mpquic/rule[name='c']");
	assert_string_equal(string_of(c, "operation"), "move");
	assert_string_equal(string_of(c, "after"), "");
	assert_string_equal(string_of(c, "old"), "absent");
	c = json_object_array_get_idx(changes, 2);
	assert_string_equal(string_of(c, "path"),
			    "/mpquic:mpquic/rule[name='b']");
	assert_string_equal(string_of(c, "after"), "c");
	json_object_put(changes);
	mpq_tree_free(a);
	mpq_tree_free(b);
}

static void tells_a_new_entry_without_notes_of_its_place(void **state)
{
	struct mpq_tree *a = parse(good), *b = parse_with(RULES);
	struct json_object *changes = mpq_tree_diff(a, b), *c;

	(void)state;
	assert_int_equal(json_object_array_length(changes), 3);
	c = json_object_array_get_idx(changes, 1);
	assert_string_equal(string_of(c, "new"),
			    "{ \"mpquic:rule\": [ { \"name\": \"b\", "
			    "\"class\": \"default\" } ] }");
	json_object_put(changes);
	mpq_tree_free(a);
	mpq_tree_free(b);
}

static void changes_one_leaf_of_a_copy(void **state)
{
	static const char enabled[] =
		"/mpquic:mpquic/tunnel[name='mpq1']/enabled";
	struct mpq_tree *a = parse(good), *b = NULL, *same = NULL;
	struct json_object *changes;
	struct mpq_refusal r;

	(void)state;
	assert_int_equal(mpq_tree_with(a, enabled, "false", &b, &r), 0);
	changes = mpq_tree_diff(a, b);
	assert_int_equal(json_object_array_length(changes), 1);
	json_object_put(changes);
	assert_int_equal(mpq_tree_with(b, enabled, "false", &same, &r), 0);
	changes = mpq_tree_diff(b, same);
	assert_int_equal(json_object_array_length(changes), 0);
	json_object_put(changes);
	mpq_tree_free(same);
	assert_int_equal(mpq_tree_with(a, enabled, "maybe", &same, &r),
			 -EINVAL);
	assert_int_equal(
		mpq_tree_with(a, "/mpquic:mpquic/tunnel[name='x']/enabled",
			      "true", &same, &r),
		-ENOENT);
	mpq_tree_free(a);
	mpq_tree_free(b);
}

/* Every leaf that can be configured, but for keys, which are their entry's. */
static void check_applies(const struct lysc_node *node)
{
	static const char *const allowed[] = {"live", "path", "tunnel",
					      "restart"};
	const struct lysc_node *child = NULL;
	const char *when = mpq_explain_extension(node, "applies");
	size_t i;

	if (!(node->flags & LYS_CONFIG_W)) {
		return;
	}
	if ((node->nodetype & (LYS_LEAF | LYS_LEAFLIST)) &&
	    !(node->flags & LYS_KEY)) {
		for (i = 0; when && i < 4 && strcmp(when, allowed[i]); i++) {
		}
		if (!when || i == 4) {
			fail_msg("%s applies %s", node->name,
				 when ? when : "nowhen");
		}
	}
	while ((child = lys_getnext(child, node, NULL, 0))) {
		check_applies(child);
	}
}

static void knows_the_cost_of_each_change(void **state)
{
	const struct lys_module *module;
	struct ly_ctx *ctx = NULL;

	(void)state;
	assert_int_equal(ly_ctx_new(yang_dir, LY_CTX_DISABLE_SEARCHDIR_CWD,
				    &ctx),
			 0);
	module = ly_ctx_load_module(ctx, "mpquic", NULL, NULL);
	assert_non_null(module);
	check_applies(lys_getnext(NULL, NULL, module->compiled, 0));
	ly_ctx_destroy(ctx);
}

static void says_where_the_model_should_be(void **state)
{
	struct mpq_schema *s = NULL;
	struct mpq_refusal r;

	(void)state;
	assert_int_equal(mpq_schema_new(&s, "/nowhere", &r), -EINVAL);
	assert_null(s);
	assert_non_null(strstr(r.message, "/nowhere"));
	assert_non_null(strstr(r.next, "--yang-dir"));
}

/* Nor are the folders below searched: there may be very many. */
static void wants_the_folder_itself(void **state)
{
	struct mpq_schema *s = NULL;
	struct mpq_refusal r;
	char above[512];

	(void)state;
	(void)snprintf(above, sizeof(above), "%s/..", yang_dir);
	assert_int_equal(mpq_schema_new(&s, above, &r), -EINVAL);
	assert_null(s);
	assert_non_null(strstr(r.next, "--yang-dir"));
}

static int set_up(void **state)
{
	struct mpq_refusal r;

	(void)state;
	return mpq_schema_new(&schema, yang_dir, &r);
}

static int tear_down(void **state)
{
	(void)state;
	mpq_schema_free(schema);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_in_defaults_when_asked),
		cmocka_unit_test(refuses_text_that_libyang_would_take),
		cmocka_unit_test(says_what_libyang_finds),
		cmocka_unit_test(lists_what_a_reference_may_be),
		cmocka_unit_test(reads_no_more_than_it_was_given),
		cmocka_unit_test(finds_no_difference_where_there_is_none),
		cmocka_unit_test(tells_a_changed_leaf_and_its_cost),
		cmocka_unit_test(tells_a_new_entry_as_one),
		cmocka_unit_test(tells_that_several_paths_are_a_session),
		cmocka_unit_test(tells_where_an_entry_has_moved),
		cmocka_unit_test(tells_a_new_entry_without_notes_of_its_place),
		cmocka_unit_test(changes_one_leaf_of_a_copy),
		cmocka_unit_test(knows_the_cost_of_each_change),
		cmocka_unit_test(says_where_the_model_should_be),
		cmocka_unit_test(wants_the_folder_itself),
	};

	if (argc != 2) {
		return 2;
	}
	yang_dir = argv[1];
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
