/* SPDX-License-Identifier: Apache-2.0 */
/* What mpquic-control writes is what mpquic-data reads. */
#include "controlplane/schema.h"
#include "controlplane/semantics.h"
#include "controlplane/snapshot.h"
#include "data_side.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECRET                                                                 \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define TEXT_BYTES (1 << 18)

static const char *yang_dir, *examples;
static struct mpq_schema *schema;
static char text[TEXT_BYTES];
static char pem[] = "PEM";
static struct mpq_material material = {.certificate_pem = pem,
				       .private_key_pem = pem,
				       .authority_pem = pem};

static void add(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void add(const char *format, ...)
{
	size_t len = strlen(text);
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text + len, sizeof(text) - len, format, ap);
	va_end(ap);
	assert_true(n >= 0 && len + (size_t)n < sizeof(text));
}

static int setup(void **state)
{
	struct mpq_refusal r;

	(void)state;
	return mpq_schema_new(&schema, yang_dir, &r);
}

static int teardown(void **state)
{
	(void)state;
	mpq_schema_free(schema);
	return 0;
}

/* What `text` says, all the way. false: it is no sound configuration. */
static bool pass_on(struct data_side *ret)
{
	struct mpq_config *c = NULL;
	struct mpq_tree *t = NULL;
	struct json_object *tree, *snapshot;
	struct mpq_refusal r = {.message = ""};
	char sentence[512];
	bool sound;

	if (mpq_schema_parse(schema, text, strlen(text), &t, &r)) {
		fail_msg("%s: %s", r.path, r.message);
	}
	tree = mpq_tree_json(t, true);
	assert_int_equal(mpq_config_new(&c, tree), 0);
	sound = mpq_semantics_check(c, &r) == 0;
	if (sound) {
		snapshot = mpq_snapshot_new(c, &material, 1, SECRET);
		if (!data_side_read(snapshot, ret, sentence)) {
			fail_msg("mpquic-data: %s\n%s", sentence, text);
		}
		json_object_put(snapshot);
	}
	mpq_config_free(c);
	json_object_put(tree);
	mpq_tree_free(t);
	return sound;
}

static void read_example(const char *name)
{
	char path[4096];
	FILE *f;
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/%s.json", examples, name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	assert_int_equal(fclose(f), 0);
}

static void takes_the_examples(void **state)
{
	static const struct {
		const char *name;
		size_t tunnels, paths, classes, rules;
	} wanted[] = {
		{"edge-six-wans", 6, 1, 1, 0},
		{"concentrator", 6, 1, 0, 0},
		{"concentrator-two-edges", 12, 1, 0, 0},
		{"edge-bonded", 1, 6, 4, 6},
		{"concentrator-bonded", 1, 6, 0, 0},
	};
	struct data_side is;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		read_example(wanted[i].name);
		assert_true(pass_on(&is));
		assert_int_equal(is.tunnels, wanted[i].tunnels);
		assert_int_equal(is.paths, wanted[i].paths);
		assert_int_equal(is.classes, wanted[i].classes);
		assert_int_equal(is.rules, wanted[i].rules);
	}
}

#define HEAD                                                                   \
	"{\"mpquic:mpquic\":{\"local\":{\"role\":\"edge\"},\"trust\":{"        \
	"\"certificate\":\"/c\",\"private-key\":\"/k\",\"authority\":"         \
	"[\"/a\"]},"

/* An edge whose tunnel has eight paths, up to where classes begin. */
static void begin_edge(void)
{
	int i;

	text[0] = '\0';
	add(HEAD "\"path\":[");
	for (i = 0; i < 8; i++) {
		add("%s{\"name\":\"wan%d\",\"wan\":\"eth%d\",\"remote\":{"
		    "\"address\":\"192.0.2.1\",\"port\":%d,"
		    "\"server-name\":\"c.example\"}}",
		    i ? "," : "", i, i, 45000 + i);
	}
	add("],\"tunnel\":[{\"name\":\"mpq0\",\"path\":[");
	for (i = 0; i < 8; i++) {
		add("%s\"wan%d\"", i ? "," : "", i);
	}
	add("]}]");
}

static void has_the_same_default_class(void **state)
{
	struct data_side is;

	(void)state;
	begin_edge();
	add("}}");
	assert_true(pass_on(&is));
	assert_true(is.plain);
	assert_int_equal(is.classes, 1);
}

static uint32_t seed;

static unsigned below(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* Everything that a class can say, in its longest form. */
static void add_class(unsigned i)
{
	unsigned prefer = below(8), j;

	add("%s{\"name\":\"class-%0*u\",\"steering-mode\":\"redundant\","
	    "\"priority\":7,\"copies\":8,\"avoid-metered\":true,"
	    "\"order-cap\":1000,\"repair-deadline\":1000,\"loss-max\":100,"
	    "\"rtt-max\":10000,\"rate-limit\":100000000,\"prefer\":[",
	    i ? "," : "", (int)below(26) + 1, i);
	for (j = 0; j < prefer; j++) {
		add("%s\"wan%u\"", j ? "," : "", j);
	}
	add("],\"exclude\":[");
	for (j = prefer + 1; j < 8; j++) {
		add("%s\"wan%u\"", j > prefer + 1 ? "," : "", j);
	}
	add("]}");
}

static void add_prefixes(const char *node, bool ipv6)
{
	unsigned i, n = below(9);

	add(",\"%s\":[", node);
	for (i = 0; i < n; i++) {
		if (ipv6) {
			add("%s\"2001:db8:%x::%x/128\"", i ? "," : "", i + 1,
			    below(65535) + 1);
		} else {
			add("%s\"10.%u.%u.1/32\"", i ? "," : "", i, below(256));
		}
	}
	add("]");
}

static void add_ports(const char *node)
{
	unsigned i, n = below(9);

	add(",\"%s\":[", node);
	for (i = 0; i < n; i++) {
		add("%s\"%u-%u\"", i ? "," : "", 100 * i, 100 * i + 99);
	}
	add("]");
}

static void add_rule(unsigned i)
{
	bool ipv6 = below(2);

	add("%s{\"name\":\"rule-%0*u\",\"class\":\"default\","
	    "\"dscp\":[1,63],\"protocol\":\"udp\"",
	    i ? "," : "", (int)below(27) + 1, i);
	if (below(3) == 0) {
		add_prefixes("source", ipv6);
	}
	if (below(3) == 0) {
		add_prefixes("destination", ipv6);
	}
	if (below(3) == 0) {
		add_ports("source-port");
		add_ports("destination-port");
	}
	add("}");
}

/* Random lists around the limit: what is taken here can be told. */
static void takes_no_policy_that_a_capsule_does_not_hold(void **state)
{
	unsigned round, i, n, taken = 0, refused = 0;
	struct data_side is;
	size_t longest = 0;

	(void)state;
	for (round = 0; round < 150; round++) {
		seed = round;
		begin_edge();
		add(",\"class\":[");
		for (i = 0, n = below(8); i < n; i++) {
			add_class(i);
		}
		add("],\"rule\":[");
		for (i = 0, n = 20 + below(45); i < n; i++) {
			add_rule(i);
		}
		add("]}}");
		if (!pass_on(&is)) {
			refused++;
			continue;
		}
		taken++;
		assert_true(is.policy_bytes > 0);
		longest = is.policy_bytes > longest ? is.policy_bytes : longest;
	}
	/* Both sides of the limit were seen, and it is not far from the real
	 * one. */
	assert_true(taken > 20 && refused > 20);
	assert_true(longest > 3000);
}

static void names_the_modes_as_the_model_does(void **state)
{
	static char model[TEXT_BYTES];
	char path[4096], name[32], wanted[48], *at, *end;
	FILE *f;
	unsigned i;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/mpquic.yang", yang_dir);
	f = fopen(path, "r");
	assert_non_null(f);
	model[fread(model, 1, sizeof(model) - 1, f)] = '\0';
	assert_int_equal(fclose(f), 0);
	at = strstr(model, "typedef steering-mode");
	assert_non_null(at);
	end = strstr(at + 1, "\n  }");
	assert_non_null(end);
	*end = '\0';
	for (i = 0; data_side_mode(i); i++) {
		(void)snprintf(wanted, sizeof(wanted), "enum %s {",
			       data_side_mode(i));
		assert_non_null(strstr(at, wanted));
	}
	while ((at = strstr(at, "enum ")) != NULL) {
		at += strlen("enum ");
		assert_int_equal(sscanf(at, "%31[a-z-]", name), 1);
		assert_true(data_side_knows_mode(name));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_examples),
		cmocka_unit_test(has_the_same_default_class),
		cmocka_unit_test(takes_no_policy_that_a_capsule_does_not_hold),
		cmocka_unit_test(names_the_modes_as_the_model_does),
	};

	if (argc != 3) {
		return 2;
	}
	yang_dir = argv[1];
	examples = argv[2];
	return cmocka_run_group_tests(tests, setup, teardown);
}
