/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct mpq_store store;
static struct mpq_refusal r;

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/mpq-store-XXXXXX");
	assert_non_null(mkdtemp(dir));
	strcat(dir, "/a/b");
	return mpq_store_init(&store, dir, &r);
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	mpq_store_finish(&store);
	*strstr(dir, "/a/b") = '\0';
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void stage(uint32_t number, const char *text)
{
	struct mpq_store_generation g = {
		.number = number,
		.file_hash = 0xfedcba9876543210u,
		.config = json_tokener_parse(text),
	};

	assert_int_equal(mpq_store_stage(&store, &g, &r), 0);
	json_object_put(g.config);
}

static void keep(uint32_t number, const char *text)
{
	stage(number, text);
	assert_int_equal(mpq_store_keep(&store, &r), 0);
}

static uint32_t newest(uint32_t before)
{
	struct mpq_store_generation g = {0};

	if (!mpq_store_load(&store, before, &g)) {
		return 0;
	}
	json_object_put(g.config);
	return g.number;
}

static void damage(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void reads_back_what_it_kept(void **state)
{
	struct mpq_store_generation g = {0};

	(void)state;
	assert_int_equal(newest(UINT32_MAX), 0);
	keep(1, "{\"mpquic:mpquic\":{\"local\":{\"name\":\"a/b\"}}}");
	assert_int_equal(mpq_store_load(&store, UINT32_MAX, &g), 1);
	assert_int_equal(g.number, 1);
	assert_true(g.file_hash == 0xfedcba9876543210u);
	assert_string_equal(
		json_object_to_json_string_ext(
			g.config, JSON_C_TO_STRING_PLAIN |
					  JSON_C_TO_STRING_NOSLASHESCAPE),
		"{\"mpquic:mpquic\":{\"local\":{\"name\":\"a/b\"}}}");
	json_object_put(g.config);
}

static void forgets_what_was_only_staged(void **state)
{
	(void)state;
	keep(1, "{}");
	stage(2, "{}");
	assert_int_equal(newest(UINT32_MAX), 1);
	mpq_store_drop(&store);
	assert_int_equal(newest(UINT32_MAX), 1);
	assert_int_equal(access(dir, F_OK), 0);
}

static void passes_over_damaged_files(void **state)
{
	(void)state;
	keep(1, "{}");
	keep(2, "{}");
	damage("generation-000000002.json", "{\"generation\": 2, \"conf");
	damage("generation-000000003.json", "");
	damage("generation-000000004.json", "[]");
	assert_int_equal(newest(UINT32_MAX), 1);
	assert_int_equal(newest(1), 0);
}

static void keeps_the_last_ten(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 1; i <= 13; i++) {
		keep(i, "{}");
	}
	assert_int_equal(newest(UINT32_MAX), 13);
	assert_int_equal(newest(5), 4);
	assert_int_equal(newest(4), 0);
}

static void keeps_its_secret_and_shows_it_to_nobody(void **state)
{
	char first[MPQ_STORE_SECRET_TEXT], again[MPQ_STORE_SECRET_TEXT];
	char path[256];
	struct stat st;

	(void)state;
	assert_int_equal(mpq_store_secret(&store, first, &r), 0);
	assert_int_equal(strspn(first, "0123456789abcdef"), 64);
	assert_int_equal(mpq_store_secret(&store, again, &r), 0);
	assert_string_equal(first, again);
	(void)snprintf(path, sizeof(path), "%s/secret", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	damage("secret", "0123"); /* cut short: a new one */
	assert_int_equal(mpq_store_secret(&store, again, &r), 0);
	assert_string_not_equal(first, again);
}

static void says_what_it_cannot_write(void **state)
{
	struct mpq_store_generation g = {.number = 1};
	struct mpq_store other;

	(void)state;
	assert_int_equal(mpq_store_init(&other, "/proc/mpquic/state", &r),
			 -ENOENT);
	assert_non_null(strstr(r.message, "/proc/mpquic/state"));
	other.dir = strdup("/proc");
	g.config = json_object_new_object();
	assert_true(mpq_store_stage(&other, &g, &r) < 0);
	assert_non_null(strstr(r.message, "cannot write /proc/"));
	json_object_put(g.config);
	mpq_store_finish(&other);
}

static void tells_texts_apart(void **state)
{
	(void)state;
	assert_true(mpq_store_hash("", 0) != 0);
	assert_true(mpq_store_hash("a", 1) != mpq_store_hash("b", 1));
	assert_true(mpq_store_hash("ab", 2) != mpq_store_hash("ba", 2));
	assert_true(mpq_store_hash("a", 1) == mpq_store_hash("a", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_back_what_it_kept, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(forgets_what_was_only_staged,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(passes_over_damaged_files,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_the_last_ten, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			keeps_its_secret_and_shows_it_to_nobody, set_up,
			tear_down),
		cmocka_unit_test(says_what_it_cannot_write),
		cmocka_unit_test(tells_texts_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
