/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "dataplane/masque/h3_reason.h"

static void reads_back_what_it_wrote(void **state)
{
	char field[MPQ_H3_REASON_FIELD_BYTES], sentence[MPQ_H3_REASON_BYTES];

	(void)state;
	mpq_h3_reason_write(field, "no tunnel mpq7 here");
	assert_string_equal(field, "mpquic; error=http_request_denied; "
				   "details=\"no tunnel mpq7 here\"");
	mpq_h3_reason_read(field, strlen(field), sentence);
	assert_string_equal(sentence, "no tunnel mpq7 here");
}

static void leaves_out_what_a_quoted_string_may_not_hold(void **state)
{
	char field[MPQ_H3_REASON_FIELD_BYTES], sentence[MPQ_H3_REASON_BYTES];

	(void)state;
	mpq_h3_reason_write(field, "a\"b\\c\nd\x7f\xc3\xa4 e");
	mpq_h3_reason_read(field, strlen(field), sentence);
	assert_string_equal(sentence, "abcd e");
}

static void cuts_what_is_too_long(void **state)
{
	char field[MPQ_H3_REASON_FIELD_BYTES], sentence[MPQ_H3_REASON_BYTES];
	char foreign[512], text[400];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	mpq_h3_reason_write(field, text);
	assert_int_equal(field[strlen(field) - 1], '"');
	mpq_h3_reason_read(field, strlen(field), sentence);
	assert_int_equal(strlen(sentence), MPQ_H3_REASON_BYTES - 1);
	memset(foreign, 'y', sizeof(foreign));
	memcpy(foreign, "details=\"", 9);
	mpq_h3_reason_read(foreign, sizeof(foreign), sentence);
	assert_int_equal(strlen(sentence), MPQ_H3_REASON_BYTES - 1);
}

static void says_nothing_of_fields_without_details(void **state)
{
	char sentence[MPQ_H3_REASON_BYTES] = "before";

	(void)state;
	mpq_h3_reason_read("proxy; error=dns_error", 22, sentence);
	assert_string_equal(sentence, "");
	mpq_h3_reason_read("details=\"", 9, sentence);
	assert_string_equal(sentence, "");
	mpq_h3_reason_read("", 0, sentence);
	assert_string_equal(sentence, "");
}

static void lets_no_control_character_into_a_log(void **state)
{
	static const char field[] = "details=\"\x1b[31mred\r\n<3>forged\"";
	char sentence[MPQ_H3_REASON_BYTES];

	(void)state;
	mpq_h3_reason_read(field, sizeof(field) - 1, sentence);
	assert_string_equal(sentence, "[31mred<3>forged");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back_what_it_wrote),
		cmocka_unit_test(leaves_out_what_a_quoted_string_may_not_hold),
		cmocka_unit_test(cuts_what_is_too_long),
		cmocka_unit_test(says_nothing_of_fields_without_details),
		cmocka_unit_test(lets_no_control_character_into_a_log),
	};

	return cmocka_run_group_tests_name("masque/h3_reason", tests, NULL,
					   NULL);
}
