/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/snapshot.h"

#include "controlplane/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECRET                                                                 \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static const char *yang_dir;
static char certificate[] = "CERT", key[] = "KEY", authority[] = "CA";
static struct mpq_material material = {
	.certificate_pem = certificate,
	.private_key_pem = key,
	.authority_pem = authority,
};

/* Through the model, so that defaults are those of the model. */
static struct mpq_config *config_of(const char *inner)
{
	struct mpq_config *c = NULL;
	struct mpq_schema *s = NULL;
	struct mpq_tree *t = NULL;
	struct mpq_refusal r;
	struct json_object *json;
	char text[4096];

	(void)snprintf(text, sizeof(text),
		       "{\"mpquic:mpquic\":{\"trust\":{\"certificate\":\"/c\","
		       "\"private-key\":\"/k\",\"authority\":[\"/a\"]},%s}}",
		       inner);
	assert_int_equal(mpq_schema_new(&s, yang_dir, &r), 0);
	if (mpq_schema_parse(s, text, strlen(text), &t, &r)) {
		fail_msg("%s: %s", r.path, r.message);
	}
	json = mpq_tree_json(t, true);
	assert_int_equal(mpq_config_new(&c, json), 0);
	json_object_put(json);
	mpq_tree_free(t);
	mpq_schema_free(s);
	return c;
}

static void compare(const char *inner, const char *wanted)
{
	struct mpq_config *c = config_of(inner);
	struct json_object *is = mpq_snapshot_new(c, &material, 7, SECRET),
			   *want = json_tokener_parse(wanted);

	assert_non_null(want);
	if (!json_object_equal(is, want)) {
		fail_msg("%s\nwanted\n%s", json_object_to_json_string(is),
			 json_object_to_json_string(want));
	}
	json_object_put(is);
	json_object_put(want);
	mpq_config_free(c);
}

#define COMMON                                                                 \
	"\"generation\":7,\"secret\":\"" SECRET "\",\"trust\":{"               \
	"\"certificate-pem\":\"CERT\",\"private-key-pem\":\"KEY\","            \
	"\"authority-pem\":\"CA\",\"peer-pins\":[],\"profile\":\"high\","      \
	"\"cipher\":\"auto\"},"

#define DEFAULT_CLASS                                                          \
	"{\"name\":\"default\",\"mode\":\"auto\",\"priority\":3,\"order\":[]," \
	"\"excluded\":[],\"avoid-metered\":false,\"copies\":0,"                \
	"\"order-cap-us\":100000,\"repair-deadline-us\":500000,"               \
	"\"loss-max-ppm\":80000,\"rtt-max-us\":0,\"rate-limit-bps\":0}"

static void writes_an_edge(void **state)
{
	(void)state;
	compare("\"local\":{\"role\":\"edge\"},"
		"\"path\":[{\"name\":\"wan1\",\"wan\":\"eth1\",\"remote\":{"
		"\"address\":\"2001:DB8::1\",\"port\":45001,"
		"\"server-name\":\"c.example\"}}],"
		"\"tunnel\":[{\"name\":\"mpq1\",\"path\":[\"wan1\"],"
		"\"address\":[{\"ip\":\"10.200.1.1\",\"prefix-length\":30}],"
		"\"lan\":[{\"interface\":\"lan1\",\"prefix\":"
		"[\"172.16.1.0/24\"]}]}]",
		"{" COMMON "\"role\":\"edge\",\"peers\":[],\"paths\":[{"
		"\"name\":\"wan1\",\"enabled\":true,\"metered\":false,"
		"\"wan\":\"eth1\",\"remote-address\":\"2001:db8::1\",\"remote-"
		"port\":45001,"
		"\"server-name\":\"c.example\"}],\"classes\":[" DEFAULT_CLASS
		"],\"rules\":[],\"tunnels\":[{"
		"\"name\":\"mpq1\",\"enabled\":true,\"paths\":[\"wan1\"],"
		"\"default-class\":\"default\","
		"\"mtu\":1400,\"queue-delay-us\":15000,"
		"\"addresses\":[\"10.200.1.1/30\"],"
		"\"lan-prefixes\":[\"172.16.1.0/24\",\"10.200.1.1/32\"],"
		"\"remote-prefixes\":[],\"assign\":[]}]}");
}

static void writes_a_concentrator(void **state)
{
	(void)state;
	compare("\"local\":{\"role\":\"concentrator\"},"
		"\"peer\":[{\"name\":\"ship\",\"certificate-name\":\"s.x\"}],"
		"\"path\":[{\"name\":\"p1\",\"enabled\":false,"
		"\"listen\":{\"port\":45001}}],"
		"\"tunnel\":[{\"name\":\"mpq1\",\"peer\":\"ship\","
		"\"path\":[\"p1\"],\"enabled\":false,\"mtu\":1300,"
		"\"remote-prefix\":[\"172.16.1.0/24\"],"
		"\"assign\":[\"fd00::1/128\"]}]",
		"{" COMMON "\"role\":\"concentrator\",\"peers\":[{"
		"\"name\":\"ship\",\"certificate-name\":\"s.x\",\"pins\":[]}],"
		"\"paths\":[{\"name\":\"p1\",\"enabled\":false,"
		"\"listen-address\":\"::\",\"listen-port\":45001}],"
		"\"tunnels\":[{\"name\":\"mpq1\",\"enabled\":false,"
		"\"paths\":[\"p1\"],\"peer\":\"ship\","
		"\"accept-policy\":true,\"mtu\":1300,"
		"\"queue-delay-us\":15000,\"addresses\":[],"
		"\"lan-prefixes\":[],\"remote-prefixes\":[\"172.16.1.0/24\"],"
		"\"assign\":[\"fd00::1/128\"]}]}");
}

static void opens_a_tunnel_for_a_lan_without_prefixes(void **state)
{
	struct mpq_config *c = config_of(
		"\"local\":{\"role\":\"edge\"},"
		"\"path\":[{\"name\":\"wan1\",\"wan\":\"eth1\",\"remote\":{"
		"\"address\":\"192.0.2.1\",\"port\":1,"
		"\"server-name\":\"c.example\"}}],"
		"\"tunnel\":[{\"name\":\"mpq1\",\"path\":[\"wan1\"],\"lan\":["
		"{\"interface\":\"a\",\"prefix\":[\"172.16.1.0/24\"]},"
		"{\"interface\":\"b\"}]}]");
	struct json_object *s = mpq_snapshot_new(c, &material, 1, SECRET),
			   *tunnels, *lan;

	(void)state;
	assert_true(json_object_object_get_ex(s, "tunnels", &tunnels));
	assert_true(
		json_object_object_get_ex(json_object_array_get_idx(tunnels, 0),
					  "lan-prefixes", &lan));
	assert_int_equal(json_object_array_length(lan), 0);
	json_object_put(s);
	mpq_config_free(c);
}

#define TWO_WANS                                                               \
	"\"path\":["                                                           \
	"{\"name\":\"wan1\",\"wan\":\"eth1\",\"remote\":{\"address\":"         \
	"\"192.0.2.1\",\"port\":45001,\"server-name\":\"c.example\"}},"        \
	"{\"name\":\"wan2\",\"wan\":\"eth2\",\"remote\":{\"address\":"         \
	"\"192.0.2.1\",\"port\":45002,\"server-name\":\"c.example\"},"         \
	"\"metered\":true}],"
#define BONDED                                                                 \
	"\"local\":{\"role\":\"edge\"}," TWO_WANS                              \
	"\"tunnel\":[{\"name\":\"mpq0\",\"path\":[\"wan2\",\"wan1\"],"         \
	"\"default-class\":\"bulk\",\"lan\":[{\"interface\":\"lan1\","         \
	"\"prefix\":[\"172.16.1.0/24\",\"fd00::/64\"]}]}],"

static struct json_object *member(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	assert_true(json_object_object_get_ex(o, name, &v));
	return v;
}

static struct json_object *entry(struct json_object *o, const char *list,
				 size_t i)
{
	return json_object_array_get_idx(member(o, list), i);
}

/* `wanted` with ' for ". */
static void assert_json(struct json_object *is, const char *wanted)
{
	struct json_object *want;
	char text[2048];
	size_t i;

	for (i = 0; wanted[i]; i++) {
		text[i] = wanted[i] == '\'' ? '"' : wanted[i];
	}
	text[i] = '\0';
	want = json_tokener_parse(text);
	assert_non_null(want);
	if (!json_object_equal(is, want)) {
		fail_msg("%s\nwanted\n%s", json_object_to_json_string(is),
			 json_object_to_json_string(want));
	}
	json_object_put(want);
}

static struct json_object *snapshot_of(const char *inner)
{
	struct mpq_config *c = config_of(inner);
	struct json_object *s = mpq_snapshot_new(c, &material, 1, SECRET);

	mpq_config_free(c);
	return s;
}

static void writes_the_paths_of_a_bonded_tunnel(void **state)
{
	struct json_object *s =
		snapshot_of(BONDED "\"class\":[{\"name\":\"bulk\"}]");

	(void)state;
	assert_json(member(entry(s, "tunnels", 0), "paths"), "['wan2','wan1']");
	assert_json(member(entry(s, "tunnels", 0), "default-class"), "'bulk'");
	assert_json(member(entry(s, "paths", 0), "metered"), "false");
	assert_json(member(entry(s, "paths", 1), "metered"), "true");
	json_object_put(s);
}

/* What is not listed is as the model's defaults would make it. */
static void the_default_class_is_the_models_and_first(void **state)
{
	struct json_object *unlisted =
		snapshot_of(BONDED "\"class\":[{\"name\":\"bulk\"}]");
	struct json_object *listed = snapshot_of(
		BONDED
		"\"class\":[{\"name\":\"bulk\"},{\"name\":\"default\"}]");

	(void)state;
	assert_true(json_object_equal(member(unlisted, "classes"),
				      member(listed, "classes")));
	assert_int_equal(json_object_array_length(member(listed, "classes")),
			 2);
	assert_json(member(entry(listed, "classes", 0), "name"), "'default'");
	json_object_put(unlisted);
	json_object_put(listed);
}

static void writes_a_class_in_units_of_the_data_plane(void **state)
{
	struct json_object *s = snapshot_of(
		BONDED
		"\"class\":[{\"name\":\"default\",\"priority\":1},"
		"{\"name\":\"bulk\",\"steering-mode\":\"redundant\","
		"\"priority\":7,\"prefer\":[\"wan2\"],\"exclude\":[\"wan1\"],"
		"\"avoid-metered\":true,\"copies\":2,\"order-cap\":0,"
		"\"repair-deadline\":1000,\"loss-max\":3,\"rtt-max\":400,"
		"\"rate-limit\":100000000}]");

	(void)state;
	assert_json(entry(s, "classes", 1),
		    "{'name':'bulk','mode':'redundant','priority':7,"
		    "'order':['wan2'],'excluded':['wan1'],"
		    "'avoid-metered':true,'copies':2,'order-cap-us':0,"
		    "'repair-deadline-us':1000000,'loss-max-ppm':30000,"
		    "'rtt-max-us':400000,'rate-limit-bps':100000000000}");
	assert_json(member(entry(s, "classes", 0), "priority"), "1");
	json_object_put(s);
}

static void knows_the_aliases_of_the_modes(void **state)
{
	struct json_object *s = snapshot_of(
		BONDED
		"\"class\":[{\"name\":\"bulk\",\"steering-mode\":\"failover\"},"
		"{\"name\":\"b\",\"steering-mode\":\"balanced\"},"
		"{\"name\":\"c\",\"steering-mode\":\"priority\"}]");

	(void)state;
	assert_json(member(entry(s, "classes", 1), "mode"), "'active-standby'");
	assert_json(member(entry(s, "classes", 2), "mode"), "'load-balancing'");
	assert_json(member(entry(s, "classes", 3), "mode"), "'priority-based'");
	json_object_put(s);
}

static void writes_rules_in_their_order(void **state)
{
	struct json_object *s = snapshot_of(
		BONDED
		"\"class\":[{\"name\":\"bulk\"}],\"rule\":["
		"{\"name\":\"z\",\"class\":\"bulk\",\"dscp\":[\"ef\",3,"
		"\"af41\"],\"protocol\":\"udp\",\"destination\":"
		"[\"192.0.2.0/24\"],\"source-port\":[53],"
		"\"destination-port\":[443,\"5000-5010\"]},"
		"{\"name\":\"off\",\"class\":\"bulk\",\"enabled\":false},"
		"{\"name\":\"a\",\"class\":\"default\",\"protocol\":89,"
		"\"source\":[\"2001:DB8::/32\"]}]");

	(void)state;
	assert_json(member(s, "rules"),
		    "[{'name':'z','class':'bulk','dscp':[3,34,46],"
		    "'protocol':17,'source':[],'destination':['192.0.2.0/24'],"
		    "'source-ports':['53'],'destination-ports':['443',"
		    "'5000-5010']},{'name':'a','class':'default','dscp':[],"
		    "'protocol':89,'source':['2001:db8::/32'],"
		    "'destination':[],'source-ports':[],"
		    "'destination-ports':[]}]");
	json_object_put(s);
}

static void a_rule_of_a_lan_has_its_prefixes(void **state)
{
	struct json_object *s = snapshot_of(
				   BONDED
				   "\"class\":[{\"name\":\"bulk\"}],\"rule\":["
				   "{\"name\":\"r\",\"class\":\"bulk\","
				   "\"lan-interface\":\"lan1\"}]"),
			   *rule;

	(void)state;
	rule = entry(s, "rules", 0);
	assert_json(member(rule, "source"), "['172.16.1.0/24','fd00::/64']");
	assert_false(json_object_object_get_ex(rule, "protocol", NULL));
	json_object_put(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_an_edge),
		cmocka_unit_test(writes_a_concentrator),
		cmocka_unit_test(opens_a_tunnel_for_a_lan_without_prefixes),
		cmocka_unit_test(writes_the_paths_of_a_bonded_tunnel),
		cmocka_unit_test(the_default_class_is_the_models_and_first),
		cmocka_unit_test(writes_a_class_in_units_of_the_data_plane),
		cmocka_unit_test(knows_the_aliases_of_the_modes),
		cmocka_unit_test(writes_rules_in_their_order),
		cmocka_unit_test(a_rule_of_a_lan_has_its_prefixes),
	};

	if (argc != 2) {
		return 2;
	}
	yang_dir = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
