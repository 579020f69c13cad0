/* SPDX-License-Identifier: Apache-2.0 */
/* The snapshot reader: what mpquic-control sends, and what it must not. */
#include "dataplane/snapshot.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TRUST                                                                  \
	"\"trust\":{\"certificate-pem\":\"c\",\"private-key-pem\":\"k\","      \
	"\"authority-pem\":\"a\"}"
#define EDGE_PATH                                                              \
	"{\"name\":\"wan1\",\"wan\":\"eth1\",\"remote-address\":\"192.0.2."    \
	"1\","                                                                 \
	"\"remote-port\":45001,\"server-name\":\"vps.example\"}"
#define EDGE_TUNNEL                                                            \
	"{\"name\":\"mpq1\",\"paths\":[\"wan1\"],\"mtu\":1400,"                \
	"\"addresses\":[\"10.200.1.1/30\",\"fd00::1/64\"]}"

#define WAN(name, metered)                                                     \
	"{'name':'" name "','wan':'" name "','remote-address':'192.0.2.1',"    \
	"'remote-port':45001,'server-name':'vps.example','metered':" metered   \
	"}"

static int parse(const char *text, struct mpq_snapshot **ret, char *at,
		 char *message)
{
	struct json_object *o = json_tokener_parse(text);
	int r;

	assert_non_null(o);
	at[0] = '\0';
	message[0] = '\0';
	r = mpq_snapshot_parse(ret, o, at, message);
	json_object_put(o);
	return r;
}

static void make(char *out, size_t cap, const char *trust, const char *path,
		 const char *tunnel)
{
	(void)snprintf(out, cap,
		       "{\"generation\":7,\"role\":\"edge\",\"secret\":\"%s\","
		       "%s,\"paths\":[%s],\"tunnels\":[%s]}",
		       HEX64, trust, path, tunnel);
}

static void reads_an_edge(void **state)
{
	char text[2048], at[128], message[256];
	struct mpq_snapshot *s;

	(void)state;
	make(text, sizeof(text), TRUST, EDGE_PATH, EDGE_TUNNEL);
	assert_int_equal(parse(text, &s, at, message), 0);
	assert_true(s->edge);
	assert_int_equal(s->generation, 7);
	assert_int_equal(s->secret[1], 0x11);
	assert_string_equal(s->paths[0].wan, "eth1");
	assert_int_equal(mpq_sockaddr_port(&s->paths[0].remote), 45001);
	assert_int_equal(s->tunnels[0].addresses.n, 2);
	assert_int_equal(s->tunnels[0].addresses.prefix[0].length, 30);
	assert_int_equal(s->tunnels[0].queue_delay, 15 * MPQ_MILLISECOND);
	assert_ptr_equal(mpq_snapshot_tunnel_of(s, "wan1"), &s->tunnels[0]);
	assert_null(mpq_snapshot_tunnel_of(s, "wan2"));
	mpq_snapshot_free(s);
}

/* An edge of three paths, with what is said beside them; ' stands for ". */
static int parse_bonded(const char *more, struct mpq_snapshot **ret, char *at,
			char *message)
{
	static char text[65536];
	const char *format =
		"{'generation':7,'role':'edge','secret':'" HEX64 "'," TRUST ","
		"'paths':[" WAN("wan1", "false") "," WAN(
			"wan2", "false") "," WAN("lte", "true") "],%s}";

	(void)snprintf(text, sizeof(text), format, more);
	for (char *c = text; (c = strchr(c, '\'')) != NULL;) {
		*c = '"';
	}
	return parse(text, ret, at, message);
}

#define CLASSES                                                                \
	"'classes':[{'name':'voice','mode':'redundant','priority':6,"          \
	"'order':['lte','wan2'],'excluded':['wan1'],'copies':2,"               \
	"'avoid-metered':true,'order-cap-us':20000,'repair-deadline-us':0,"    \
	"'loss-max-ppm':20000,'rtt-max-us':150000,'rate-limit-bps':1000000},"  \
	"{'name':'default','priority':2},{'name':'bulk','order':['wan1']}]"
#define TUNNELS                                                                \
	"'tunnels':[{'name':'mpq1','paths':['wan2','lte'],'mtu':1400,"         \
	"'default-class':'bulk'},"                                             \
	"{'name':'mpq2','paths':['wan1'],'mtu':1400}]"

static void a_tunnel_may_have_several_paths(void **state)
{
	char at[128], message[256];
	const struct mpq_snapshot_tunnel *t;
	struct mpq_snapshot *s;

	(void)state;
	assert_int_equal(parse_bonded(CLASSES "," TUNNELS, &s, at, message), 0);
	t = mpq_snapshot_tunnel(s, "mpq1");
	assert_int_equal(t->n_paths, 2);
	assert_int_equal(mpq_snapshot_tunnel_path_index(t, "wan2"), 0);
	assert_int_equal(mpq_snapshot_tunnel_path_index(t, "lte"), 1);
	assert_int_equal(mpq_snapshot_tunnel_path_index(t, "wan1"), -1);
	assert_ptr_equal(mpq_snapshot_tunnel_of(s, "lte"), t);
	assert_ptr_equal(mpq_snapshot_tunnel_of(s, "wan1"),
			 mpq_snapshot_tunnel(s, "mpq2"));
	assert_true(mpq_snapshot_path(s, "lte")->metered);
	assert_false(mpq_snapshot_path(s, "wan1")->metered);
	mpq_snapshot_free(s);
}

static void a_policy_names_the_tunnels_own_paths_only(void **state)
{
	char at[128], message[256];
	struct mpq_policy *p = malloc(sizeof(*p));
	const struct mpq_steer_class_config *c;
	struct mpq_snapshot *s;

	(void)state;
	assert_int_equal(parse_bonded(CLASSES "," TUNNELS, &s, at, message), 0);
	mpq_snapshot_policy(s, mpq_snapshot_tunnel(s, "mpq1"), p);
	assert_int_equal(p->n_classes, 3);
	assert_string_equal(p->class[0].name, "default");
	assert_int_equal(p->class[0].priority, 2);
	assert_int_equal(p->class[0].repair_deadline, 500 * MPQ_MILLISECOND);
	assert_int_equal(p->class[0].steer.mode, MPQ_STEER_AUTO);
	assert_int_equal(p->class[0].steer.loss_max_ppm, 80000);
	assert_string_equal(p->class[1].name, "voice");
	assert_int_equal(p->class[1].priority, 6);
	assert_int_equal(p->class[1].repair_deadline, 0);
	c = &p->class[1].steer;
	assert_int_equal(c->mode, MPQ_STEER_REDUNDANT);
	assert_int_equal(c->n_order, 2);
	assert_int_equal(c->order[0], 1);
	assert_int_equal(c->order[1], 0);
	assert_int_equal(c->excluded, 0);
	assert_true(c->avoid_metered);
	assert_int_equal(c->copies, 2);
	assert_int_equal(c->order_cap, 20 * MPQ_MILLISECOND);
	assert_int_equal(c->loss_max_ppm, 20000);
	assert_int_equal(c->rtt_max, 150 * MPQ_MILLISECOND);
	assert_int_equal(c->rate_limit_bps, 1000000);
	assert_int_equal(p->class[2].steer.n_order, 0);
	assert_int_equal(p->classify.fallback, 2);
	mpq_snapshot_policy(s, mpq_snapshot_tunnel(s, "mpq2"), p);
	assert_int_equal(p->class[1].steer.n_order, 0);
	assert_int_equal(p->class[1].steer.excluded, 1);
	assert_int_equal(p->class[2].steer.n_order, 1);
	assert_int_equal(p->classify.fallback, 0);
	mpq_snapshot_free(s);
	free(p);
}

static void reads_rules_in_their_order(void **state)
{
	char at[128], message[256];
	struct mpq_policy *p = malloc(sizeof(*p));
	const struct mpq_classify_rule *r;
	struct mpq_snapshot *s;

	(void)state;
	assert_int_equal(parse_bonded(CLASSES
				      "," TUNNELS ",'rules':["
				      "{'name':'ef','class':'voice','dscp':[46,"
				      "0]},{'name':'web','class':'bulk',"
				      "'protocol':6,'source':['10.1.0.0/16'],"
				      "'destination':['2001:db8::/32',"
				      "'192.0.2.0/24'],'source-ports':['1024-"
				      "65535'],'destination-ports':['80','443']"
				      "}]",
				      &s, at, message),
			 0);
	mpq_snapshot_policy(s, mpq_snapshot_tunnel(s, "mpq1"), p);
	assert_int_equal(p->classify.n_rules, 2);
	r = &p->classify.rule[0];
	assert_string_equal(p->rule_name[0], "ef");
	assert_int_equal(r->class_id, 1);
	assert_int_equal(r->dscp, UINT64_C(1) << 46 | 1);
	assert_int_equal(r->protocol, MPQ_CLASSIFY_ANY);
	r = &p->classify.rule[1];
	assert_string_equal(p->rule_name[1], "web");
	assert_int_equal(r->class_id, 2);
	assert_int_equal(r->dscp, 0);
	assert_int_equal(r->protocol, 6);
	assert_int_equal(r->sources, 1);
	assert_int_equal(r->destinations, 2);
	assert_int_equal(r->destination[1].length, 24);
	assert_int_equal(r->source_ports, 1);
	assert_int_equal(r->source_port[0].first, 1024);
	assert_int_equal(r->source_port[0].last, 65535);
	assert_int_equal(r->destination_ports, 2);
	assert_int_equal(r->destination_port[1].first, 443);
	assert_int_equal(r->destination_port[1].last, 443);
	mpq_snapshot_free(s);
	free(p);
}

static void without_classes_there_is_the_default(void **state)
{
	char at[128], message[256];
	struct mpq_policy *p = malloc(sizeof(*p)),
			  *plain = malloc(sizeof(*plain));
	struct mpq_snapshot *s;

	(void)state;
	assert_int_equal(parse_bonded("'tunnels':[{'name':'mpq1','paths':["
				      "'wan1'],'mtu':1400}]",
				      &s, at, message),
			 0);
	mpq_snapshot_policy(s, &s->tunnels[0], p);
	mpq_policy_init(plain);
	assert_true(mpq_policy_equal(p, plain));
	mpq_snapshot_free(s);
	free(p);
	free(plain);
}

static void says_what_is_wrong_with_a_policy(void **state)
{
	static const struct {
		const char *more, *at, *message;
	} cases[] = {
		{"'tunnels':[{'name':'mpq1','path':'wan1','mtu':1400}]",
		 "tunnels/0", "paths: is missing"},
		{"'tunnels':[{'name':'mpq1','paths':[],'mtu':1400}]",
		 "tunnels/0", "0 entries, not 1 to 8"},
		{"'tunnels':[{'name':'mpq1','paths':['lte','lte'],'mtu':1400}]",
		 "tunnels/0", "paths: \"lte\" is there twice"},
		{"'tunnels':[{'name':'a','paths':['wan1','lte'],'mtu':1400},"
		 "{'name':'b','paths':['wan2','lte'],'mtu':1400}]",
		 "tunnels/1", "\"a\" has \"lte\" already"},
		{"'tunnels':[{'name':'a','paths':['lte'],'mtu':1400,"
		 "'default-class':'bulk'}]",
		 "tunnels/0", "there is no class \"bulk\""},
		{"'classes':[{'name':'voice'}]", "",
		 "there is no class \"default\""},
		{"'classes':[{'name':'default'},{'name':'default'}]",
		 "classes/1", "\"default\" is there twice"},
		{"'classes':[{'name':'default','mode':'fast'}]", "classes/0",
		 "mode: \"fast\" is unknown"},
		{"'classes':[{'name':'default','priority':8}]", "classes/0",
		 "0..7"},
		{"'classes':[{'name':'default','copies':9}]", "classes/0",
		 "0..8"},
		{"'classes':[{'name':'default','order-cap-us':1000001}]",
		 "classes/0", "order-cap-us"},
		{"'classes':[{'name':'default','repair-deadline-us':1000001}]",
		 "classes/0", "repair-deadline-us"},
		{"'classes':[{'name':'default','order':['wan9']}]", "classes/0",
		 "order: there is no path \"wan9\""},
		{"'classes':[{'name':'default','order':['lte','lte']}]",
		 "classes/0", "order: \"lte\" is there twice"},
		{"'classes':[{'name':'default','order':['lte'],'excluded':"
		 "['wan1','lte']}]",
		 "classes/0", "excluded: \"lte\" is in order, too"},
		{CLASSES ",'rules':[{'name':'a'}]", "rules/0",
		 "class: is missing"},
		{CLASSES ",'rules':[{'name':'a','class':'games'}]", "rules/0",
		 "there is no class \"games\""},
		{CLASSES ",'rules':[{'name':'a','class':'bulk'},"
			 "{'name':'a','class':'bulk'}]",
		 "rules/1", "\"a\" is there twice"},
		{CLASSES ",'rules':[{'name':'a','class':'bulk','dscp':[64]}]",
		 "rules/0", "dscp: 64 is not one of 0..63"},
		{CLASSES ",'rules':[{'name':'a','class':'bulk','protocol':256}"
			 "]",
		 "rules/0", "0..255"},
		{CLASSES ",'rules':[{'name':'a','class':'bulk','source':"
			 "['10.0.0.0/33']}]",
		 "rules/0", "is not an IP prefix"},
		{CLASSES ",'rules':[{'name':'a','class':'bulk','source-ports':"
			 "['80-']}]",
		 "rules/0", "\"80-\" is not a range"},
		{CLASSES ",'rules':[{'name':'a','class':'bulk','source-ports':"
			 "['81-80']}]",
		 "rules/0", "\"81-80\" is not a range"},
		{CLASSES ",'rules':[{'name':'a','class':'bulk','source-ports':"
			 "['-80']}]",
		 "rules/0", "\"-80\" is not a range"},
		{CLASSES ",'rules':[{'name':'a','class':'bulk',"
			 "'destination-ports':['65536']}]",
		 "rules/0", "\"65536\" is not a range"},
		{CLASSES ",'rules':[{'name':'a','class':'bulk',"
			 "'destination-ports':['1','2','3','4','5','6','7','8',"
			 "'9']}]",
		 "rules/0", "more than 8 entries"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char at[128], message[256];
		struct mpq_snapshot *s = NULL;

		assert_int_equal(parse_bonded(cases[i].more, &s, at, message),
				 -EINVAL);
		assert_null(s);
		assert_string_equal(at, cases[i].at);
		assert_non_null(strstr(message, cases[i].message));
	}
}

static void says_where_and_why_it_refuses(void **state)
{
	static const struct {
		const char *trust, *path, *tunnel, *at, *message;
	} cases[] = {
		{"\"trust\":{\"certificate-pem\":\"c\","
		 "\"private-key-pem\":\"k\"}",
		 EDGE_PATH, EDGE_TUNNEL, "", "no way to skip verification"},
		{TRUST, "{\"name\":\"wan1\"}", EDGE_TUNNEL, "paths/0", "wan"},
		{TRUST,
		 "{\"name\":\"wan1\",\"wan\":\"eth1\",\"remote-address\":"
		 "\"vps\",\"remote-port\":45001,\"server-name\":\"v\"}",
		 EDGE_TUNNEL, "paths/0", "is not an IP address"},
		{TRUST, EDGE_PATH,
		 "{\"name\":\"mpq1\",\"paths\":[\"wan9\"],\"mtu\":1400}",
		 "tunnels/0", "there is no path \"wan9\""},
		{TRUST, EDGE_PATH,
		 "{\"name\":\"mpq1\",\"paths\":[\"wan1\"],\"mtu\":9000}",
		 "tunnels/0", "1280..1500"},
		{TRUST, EDGE_PATH,
		 "{\"name\":\"a-name-longer-than-15\",\"paths\":[\"wan1\"],"
		 "\"mtu\":1400}",
		 "tunnels/0", "longer than 15"},
		{TRUST, EDGE_PATH "," EDGE_PATH, EDGE_TUNNEL, "paths/1",
		 "\"wan1\" is there twice"},
		{TRUST, EDGE_PATH, EDGE_TUNNEL "," EDGE_TUNNEL, "tunnels/1",
		 "\"mpq1\" is there twice"},
		{TRUST, EDGE_PATH,
		 EDGE_TUNNEL ",{\"name\":\"mpq2\",\"paths\":[\"wan1\"],"
			     "\"mtu\":1400}",
		 "tunnels/1", "\"mpq1\" has \"wan1\" already"},
		{"\"trust\":{\"certificate-pem\":\"c\","
		 "\"private-key-pem\":\"k\",\"authority-pem\":\"a\","
		 "\"profile\":\"low\"}",
		 EDGE_PATH, EDGE_TUNNEL, "", "\"low\" is unknown"},
		{"\"trust\":{\"certificate-pem\":\"c\","
		 "\"private-key-pem\":\"k\",\"authority-pem\":\"a\","
		 "\"cipher\":\"null\"}",
		 EDGE_PATH, EDGE_TUNNEL, "", "\"null\" is unknown"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[2048], at[128], message[256];
		struct mpq_snapshot *s = NULL;

		make(text, sizeof(text), cases[i].trust, cases[i].path,
		     cases[i].tunnel);
		assert_int_equal(parse(text, &s, at, message), -EINVAL);
		assert_null(s);
		assert_string_equal(at, cases[i].at);
		assert_non_null(strstr(message, cases[i].message));
	}
}

/* A rule with as much as it can have, times n, and two paths, or one. */
static int parse_long(size_t n, const char *paths, char *at, char *message)
{
	static char text[65536];
	size_t len = (size_t)sprintf(text, CLASSES ",'rules':[");
	struct mpq_snapshot *s = NULL;
	int r;

	for (size_t i = 0; i < n; i++) {
		len += (size_t)sprintf(text + len,
				       "%s{'name':'rule-%zu','class':'bulk',"
				       "'source':['2001:db8:1::/48',"
				       "'2001:db8:2::/48','2001:db8:3::/48',"
				       "'2001:db8:4::/48','2001:db8:5::/48',"
				       "'2001:db8:6::/48','2001:db8:7::/48',"
				       "'2001:db8:8::/48']}",
				       i > 0 ? "," : "", i);
	}
	(void)sprintf(text + len,
		      "],'tunnels':[{'name':'mpq1','paths':[%s],"
		      "'mtu':1400}]",
		      paths);
	r = parse_bonded(text, &s, at, message);
	mpq_snapshot_free(s);
	return r;
}

static void what_the_peer_is_told_fits_into_a_capsule(void **state)
{
	char at[128], message[256];

	(void)state;
	assert_int_equal(parse_long(47, "'wan1','lte'", at, message), 0);
	assert_int_equal(parse_long(64, "'wan1','lte'", at, message), -EINVAL);
	assert_string_equal(at, "tunnels/0");
	assert_non_null(strstr(message, "more than fits into 4092 bytes"));
	assert_int_equal(parse_long(64, "'wan1'", at, message), 0);
}

static void knows_a_peer_by_name_or_pin_or_both(void **state)
{
	struct mpq_snapshot_peer peers[] = {
		{.name = "by-name", .certificate_name = "ship-1.example"},
		{.name = "by-pin", .pins = {{1, 2, 3}}, .n_pins = 1},
		{.name = "by-both",
		 .certificate_name = "ship-3.example",
		 .pins = {{4, 5, 6}},
		 .n_pins = 1},
	};
	struct mpq_snapshot s = {.peers = peers, .n_peers = 3};
	struct mpq_certificate_identity who = {.names = 1};

	(void)state;
	(void)strcpy(who.name[0], "SHIP-1.example");
	assert_string_equal(mpq_snapshot_identify(&s, &who)->name, "by-name");
	(void)strcpy(who.name[0], "ship-3.example");
	assert_null(mpq_snapshot_identify(&s, &who));
	memcpy(who.spki_sha256, peers[2].pins[0], 32);
	assert_string_equal(mpq_snapshot_identify(&s, &who)->name, "by-both");
	memcpy(who.spki_sha256, peers[1].pins[0], 32);
	assert_string_equal(mpq_snapshot_identify(&s, &who)->name, "by-pin");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_an_edge),
		cmocka_unit_test(a_tunnel_may_have_several_paths),
		cmocka_unit_test(a_policy_names_the_tunnels_own_paths_only),
		cmocka_unit_test(reads_rules_in_their_order),
		cmocka_unit_test(without_classes_there_is_the_default),
		cmocka_unit_test(says_what_is_wrong_with_a_policy),
		cmocka_unit_test(what_the_peer_is_told_fits_into_a_capsule),
		cmocka_unit_test(says_where_and_why_it_refuses),
		cmocka_unit_test(knows_a_peer_by_name_or_pin_or_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
