/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

/* stderr becomes a file for the time of a test. */
struct capture {
	int saved;
	FILE *file;
	char text[8192];
};

static int start(void **state)
{
	struct capture *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->file = tmpfile();
	assert_non_null(c->file);
	c->saved = dup(STDERR_FILENO);
	assert_true(dup2(fileno(c->file), STDERR_FILENO) >= 0);
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	mpq_log_set_level(MPQ_LOG_INFO);
	*state = c;
	return 0;
}

static int stop(void **state)
{
	struct capture *c = *state;

	assert_true(dup2(c->saved, STDERR_FILENO) >= 0);
	close(c->saved);
	fclose(c->file);
	free(c);
	return 0;
}

static const char *written(struct capture *c)
{
	ssize_t n = pread(fileno(c->file), c->text, sizeof(c->text) - 1, 0);

	assert_true(n >= 0);
	c->text[n] = '\0';
	return c->text;
}

static void people_read_the_levels_word(void **state)
{
	mpq_log_error("a %d", 1);
	mpq_log_warn("b");
	mpq_log_notice("c");
	mpq_log_info("d");
	assert_string_equal(written(*state),
			    "error: a 1\nwarning: b\nnotice: c\ninfo: d\n");
}

static void the_journal_reads_priorities(void **state)
{
	char stream[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu",
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	mpq_log_error("a");
	mpq_log_info("b");
	assert_string_equal(written(*state), "<3>a\n<6>b\n");
}

static void anothers_journal_stream_does_not_count(void **state)
{
	assert_int_equal(setenv("JOURNAL_STREAM", "1:1", 1), 0);
	mpq_log_info("a");
	assert_string_equal(written(*state), "info: a\n");
}

static void writes_nothing_above_the_level(void **state)
{
	mpq_log_debug("a");
	mpq_log_set_level(MPQ_LOG_DEBUG);
	mpq_log_debug("b");
	mpq_log_set_level(MPQ_LOG_ERROR);
	mpq_log_warn("c");
	assert_string_equal(written(*state), "debug: b\n");
}

static void an_entry_stays_one_line(void **state)
{
	mpq_log_warn("name=%s", "x\nerror: forged\x1b[2J\x7f");
	assert_string_equal(written(*state),
			    "warning: name=x?error: forged?[2J?\n");
}

static void cuts_a_very_long_entry_and_ends_its_line(void **state)
{
	char message[4000];
	const char *text;

	memset(message, 'x', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	mpq_log_info("%s", message);
	text = written(*state);
	assert_true(strlen(text) < 1100);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(people_read_the_levels_word,
						start, stop),
		cmocka_unit_test_setup_teardown(the_journal_reads_priorities,
						start, stop),
		cmocka_unit_test_setup_teardown(
			anothers_journal_stream_does_not_count, start, stop),
		cmocka_unit_test_setup_teardown(writes_nothing_above_the_level,
						start, stop),
		cmocka_unit_test_setup_teardown(an_entry_stays_one_line, start,
						stop),
		cmocka_unit_test_setup_teardown(
			cuts_a_very_long_entry_and_ends_its_line, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
