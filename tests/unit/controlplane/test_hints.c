/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/hints.h"

#include "controlplane/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define AT "/mpquic:mpquic/"

static const char *yang_dir;
static const char *third = ""; /* tunnel */

/* The configuration (' for "), defaults filled in. */
static struct mpq_config *config_of(char *text)
{
	struct mpq_config *c = NULL;
	struct mpq_schema *s = NULL;
	struct mpq_tree *t = NULL;
	struct mpq_refusal r;
	struct json_object *json;

	for (char *q = text; *q != '\0'; q++) {
		*q = *q == '\'' ? '"' : *q;
	}
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

#define TRUST                                                                  \
	"'trust':{'certificate':'/c','private-key':'/k','authority':['/a']}"

/* An edge of one bonded tunnel, lan1, and one of one path, lan2; with this
 * beside them. */
static struct json_object *hints_of(const char *paths, const char *rest)
{
	struct mpq_config *c;
	struct json_object *hints;
	char text[8192];

	(void)snprintf(
		text, sizeof(text),
		"{'mpquic:mpquic':{'local':{'role':'edge'}," TRUST ","
		"'path':[{'name':'wan1','wan':'eth1','remote':{'address':"
		"'192.0.2.1','port':1,'server-name':'c.example'}},"
		"{'name':'wan2','wan':'eth2','remote':{'address':'192.0.2.1',"
		"'port':2,'server-name':'c.example'}},{'name':'wan3','wan':"
		"'eth3','remote':{'address':'192.0.2.1','port':3,"
		"'server-name':'c.example'}}%s],'tunnel':[{'name':'mpq1','path'"
		":['wan1','wan2'],'lan':[{'interface':'lan1','prefix':"
		"['10.1.0.0/16']}]},{'name':'mpq2','path':['wan3'],'lan':"
		"[{'interface':'lan2','prefix':['10.2.0.0/16']}]}%s]%s}}",
		paths, third, rest);
	c = config_of(text);
	hints = mpq_hints_new(c);
	mpq_config_free(c);
	return hints;
}

static const char *of(struct json_object *list, size_t i, const char *key)
{
	return json_object_get_string(
		json_object_object_get(json_object_array_get_idx(list, i),
				       key));
}

/* One hint, at `path`, that says `said`; NULL: none. */
static void hints(const char *paths, const char *rest, const char *path,
		  const char *said)
{
	struct json_object *list = hints_of(paths, rest);

	if (json_object_array_length(list) != (path == NULL ? 0 : 1)) {
		fail_msg("%s: %s", rest, json_object_to_json_string(list));
	}
	if (path != NULL) {
		assert_string_equal(of(list, 0, "path"), path);
		if (strstr(of(list, 0, "message"), said) == NULL) {
			fail_msg("%s", of(list, 0, "message"));
		}
	}
	json_object_put(list);
}

#define CLASS ",'class':[{'name':'a'}]"

static void of_rules(const char *first, const char *second, bool hides)
{
	char rest[1024];

	(void)snprintf(rest, sizeof(rest),
		       CLASS ",'rule':[{'name':'r','class':'a'%s},"
			     "{'name':'s','class':'a'%s}]",
		       first, second);
	hints("", rest, hides ? AT "rule[name='s']" : NULL, "rule r ");
}

static void a_rule_hides_those_that_are_no_wider(void **state)
{
	(void)state;
	of_rules("", "", true);
	of_rules("", ",'protocol':'tcp','destination-port':[80]", true);
	of_rules(",'protocol':'tcp'", "", false);
	of_rules(",'protocol':'tcp'", ",'protocol':'udp'", false);
	of_rules(",'protocol':'tcp'", ",'protocol':'tcp','dscp':['ef']", true);
	of_rules(",'dscp':['ef','cs6']", ",'dscp':['cs6']", true);
	of_rules(",'dscp':['ef']", ",'dscp':['cs6','ef']", false);
	of_rules(",'dscp':['ef']", "", false);
	of_rules(",'destination':['10.0.0.0/8']",
		 ",'destination':['10.9.0.0/16','10.8.0.0/16']", true);
	of_rules(",'destination':['10.9.0.0/16']",
		 ",'destination':['10.0.0.0/8']", false);
	of_rules(",'destination':['10.9.0.0/16']", "", false);
	of_rules(",'destination':['0.0.0.0/0']", ",'destination':['::/0']",
		 false);
	of_rules(",'destination-port':['1-1024']",
		 ",'destination-port':[22,'80-443']", true);
	of_rules(",'destination-port':['1-1024']",
		 ",'destination-port':[22,8080]", false);
	of_rules(",'destination-port':[22]", ",'source-port':[22]", false);
	of_rules(",'source':['10.0.0.0/8']", ",'lan-interface':'lan1'", true);
	of_rules(",'lan-interface':'lan1'", ",'source':['10.1.7.0/24']", true);
	of_rules(",'enabled':false", "", false);
	of_rules("", ",'enabled':false", false);
}

static void a_class_that_nothing_leads_to_is_told(void **state)
{
	(void)state;
	hints("", CLASS, AT "class[name='a']", "no rule leads here");
	hints("", CLASS ",'rule':[{'name':'r','class':'a','enabled':false}]",
	      AT "class[name='a']", "no rule leads here");
	hints("", CLASS ",'rule':[{'name':'r','class':'a'}]", NULL, NULL);
}

static void a_lan_of_one_path_has_no_classes(void **state)
{
	(void)state;
	hints("",
	      CLASS ",'rule':[{'name':'r','class':'a',"
		    "'lan-interface':'lan2'}]",
	      AT "rule[name='r']/lan-interface", "which has one path");
}

static void a_class_asks_for_what_its_mode_does_not_do(void **state)
{
	(void)state;
	hints("", ",'class':[{'name':'default','prefer':['wan2']}]",
	      AT "class[name='default']/prefer", "steering-mode auto");
	hints("",
	      ",'class':[{'name':'default','prefer':['wan2'],"
	      "'steering-mode':'failover'}]",
	      NULL, NULL);
	hints("", ",'class':[{'name':'default','avoid-metered':true}]",
	      AT "class[name='default']/avoid-metered", "no path is metered");
	hints("",
	      ",'class':[{'name':'default','steering-mode':'redundant',"
	      "'copies':3}]",
	      AT "class[name='default']/copies", "mpq1 has 2");
	hints("",
	      ",'class':[{'name':'default','steering-mode':'redundant',"
	      "'exclude':['wan2']}]",
	      AT "class[name='default']/exclude", "none for a copy");
}

/* mpq3 has both of these. */
static void two_more(const char *is_enabled, const char *server,
		     const char *path, const char *said)
{
	char paths[1024], rest[] = ",'rule':[]";

	(void)snprintf(paths, sizeof(paths),
		       ",{'name':'wan4','wan':'eth4','enabled':%s,'remote':{"
		       "'address':'192.0.2.1','port':4,'server-name':"
		       "'c.example'}},{'name':'wan5','wan':'eth5','enabled':%s,"
		       "'remote':{'address':'192.0.2.1','port':5,"
		       "'server-name':'%s'}}",
		       is_enabled, is_enabled, server);
	third = ",{'name':'mpq3','path':['wan4','wan5']}";
	hints(paths, rest, path, said);
	third = "";
}

static void a_tunnel_without_a_way_is_told(void **state)
{
	(void)state;
	two_more("true", "c.example", NULL, NULL);
	two_more("false", "c.example", AT "tunnel[name='mpq3']/path",
		 "stays down");
	two_more("true", "d.example", AT "path[name='wan5']/remote/server-name",
		 "lead to one concentrator");
}

static void a_path_of_no_tunnel_or_of_anothers_wan_is_told(void **state)
{
	(void)state;
	hints(",{'name':'wan4','wan':'eth4','remote':{'address':'192.0.2.1',"
	      "'port':4,'server-name':'c.example'}}",
	      "", AT "path[name='wan4']", "no tunnel has this path");
	hints(",{'name':'wan4','enabled':false,'wan':'eth1','remote':{"
	      "'address':'192.0.2.1','port':4,'server-name':'c.example'}}",
	      "", AT "path[name='wan4']/wan", "eth1 is the WAN of path wan1");
}

static void tunnels_side_by_side_may_share_a_wan(void **state)
{
	static const char both[] = ",{'name':'wan4','wan':'%s','remote':{"
				   "'address':'192.0.2.1','port':4,"
				   "'server-name':'c.example'}}";
	char paths[256];

	(void)state;
	third = ",{'name':'mpq3','path':['wan4']}";
	(void)snprintf(paths, sizeof(paths), both, "eth1"); /* of the bonded */
	hints(paths, "", NULL, NULL);
	(void)snprintf(paths, sizeof(paths), both, "eth3"); /* of mpq2 */
	hints(paths, "", AT "path[name='wan4']/wan",
	      "eth3 is the WAN of path wan3");
	third = "";
}

#define LAN(n) "{'interface':'lan" n "','prefix':['10." n ".0.0/16']}"

/* An edge whose mpq1 and mpq2 have these LANs; NULL: there is no mpq2. With
 * this beside them. */
static struct mpq_config *edge_with(const char *first, const char *second,
				    const char *rest)
{
	char text[4096], other[1024] = "";

	if (second != NULL) {
		(void)snprintf(other, sizeof(other),
			       ",{'name':'mpq2','path':['wan2'],'lan':[%s]}",
			       second);
	}
	(void)snprintf(text, sizeof(text),
		       "{'mpquic:mpquic':{'local':{'role':'edge'}," TRUST
		       ",'path':[{'name':'wan1','wan':'eth1','remote':{"
		       "'address':'192.0.2.1','port':1,'server-name':'c'}},"
		       "{'name':'wan2','wan':'eth2','remote':{'address':"
		       "'192.0.2.1','port':2,'server-name':'c'}}],'tunnel':["
		       "{'name':'mpq1','path':['wan1'],'lan':[%s]}%s]%s}}",
		       first, other, rest);
	return config_of(text);
}

static bool is_eth1_or_lan2(void *context, const char *interface)
{
	(void)context;
	return strcmp(interface, "eth1") == 0 || strcmp(interface, "lan2") == 0;
}

static void devices_that_are_not_there_are_told(void **state)
{
	struct mpq_config *c = edge_with(LAN("1"), LAN("2"), "");
	struct json_object *list = json_object_new_array();

	(void)state;
	mpq_hints_of_devices(c, is_eth1_or_lan2, NULL, list);
	assert_int_equal(json_object_array_length(list), 2);
	assert_string_equal(of(list, 0, "path"), AT "path[name='wan2']/wan");
	assert_non_null(strstr(of(list, 0, "message"), "no device eth2 "));
	assert_string_equal(of(list, 1, "path"),
			    AT "tunnel[name='mpq1']/lan[interface='lan1']");
	assert_non_null(strstr(of(list, 1, "message"), "no device lan1 "));
	json_object_put(list);
	mpq_config_free(c);
}

/* From lan1 at mpq1 and lan2 at mpq2 to this. The caller puts the list. */
static struct json_object *change_to(const char *first, const char *second)
{
	struct mpq_config *was = edge_with(LAN("1"), LAN("2"), ""),
			  *is = edge_with(first, second, "");
	struct json_object *list = json_object_new_array();

	mpq_hints_of_change(was, is, list);
	mpq_config_free(was);
	mpq_config_free(is);
	return list;
}

/* One warning at `path` about `lan`; NULL: none. */
static void change(const char *first, const char *second, const char *path,
		   const char *lan)
{
	struct json_object *list = change_to(first, second);

	assert_int_equal(json_object_array_length(list), path != NULL);
	if (path != NULL) {
		assert_string_equal(of(list, 0, "path"), path);
		assert_ptr_equal(strstr(of(list, 0, "message"), lan),
				 of(list, 0, "message"));
	}
	json_object_put(list);
}

static void a_lan_that_loses_its_guard_is_told(void **state)
{
	(void)state;
	change(LAN("1"), LAN("2"), NULL, NULL);
	change(LAN("1"), NULL, AT "tunnel[name='mpq2']", "lan2 ");
	change(LAN("1"), "", AT "tunnel[name='mpq2']/lan[interface='lan2']",
	       "lan2 ");
	change(LAN("1") "," LAN("2") "," LAN("3"), NULL, NULL, NULL);
	change("{'interface':'lan1'}", LAN("2"), NULL, NULL);
}

/* From an edge without a bonded tunnel: all that is said of it. */
static struct json_object *hints_of_edge(const char *rest)
{
	struct mpq_config *c = edge_with(LAN("1"), NULL, rest);
	struct json_object *list = mpq_hints_new(c);

	mpq_config_free(c);
	return list;
}

static void classes_without_a_bonded_tunnel_hide_no_other_hint(void **state)
{
	struct json_object *list = hints_of_edge(CLASS);

	(void)state;
	assert_int_equal(json_object_array_length(list), 2);
	assert_string_equal(of(list, 0, "path"), AT "path[name='wan2']");
	assert_string_equal(of(list, 1, "path"), "/mpquic:mpquic/class");
	json_object_put(list);
}

static void each_lan_that_loses_its_guard_is_told(void **state)
{
	struct json_object *list = change_to("", NULL);

	(void)state;
	assert_int_equal(json_object_array_length(list), 2);
	json_object_put(list);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_hides_those_that_are_no_wider),
		cmocka_unit_test(a_class_that_nothing_leads_to_is_told),
		cmocka_unit_test(a_lan_of_one_path_has_no_classes),
		cmocka_unit_test(a_class_asks_for_what_its_mode_does_not_do),
		cmocka_unit_test(a_tunnel_without_a_way_is_told),
		cmocka_unit_test(
			a_path_of_no_tunnel_or_of_anothers_wan_is_told),
		cmocka_unit_test(tunnels_side_by_side_may_share_a_wan),
		cmocka_unit_test(a_lan_that_loses_its_guard_is_told),
		cmocka_unit_test(
			classes_without_a_bonded_tunnel_hide_no_other_hint),
		cmocka_unit_test(devices_that_are_not_there_are_told),
		cmocka_unit_test(each_lan_that_loses_its_guard_is_told),
	};

	if (argc != 2) {
		return 1;
	}
	yang_dir = argv[1];
	return cmocka_run_group_tests_name("controlplane/hints", tests, NULL,
					   NULL);
}
