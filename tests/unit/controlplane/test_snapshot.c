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
		"\"name\":\"wan1\",\"enabled\":true,\"wan\":\"eth1\","
		"\"remote-address\":\"2001:db8::1\",\"remote-port\":45001,"
		"\"server-name\":\"c.example\"}],\"tunnels\":[{"
		"\"name\":\"mpq1\",\"enabled\":true,\"path\":\"wan1\","
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
		"\"path\":\"p1\",\"peer\":\"ship\",\"mtu\":1300,"
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_an_edge),
		cmocka_unit_test(writes_a_concentrator),
		cmocka_unit_test(opens_a_tunnel_for_a_lan_without_prefixes),
	};

	if (argc != 2) {
		return 2;
	}
	yang_dir = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
