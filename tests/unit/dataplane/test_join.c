/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining, over two real connections of one client: `first` opens the session,
 * `second` wants to join it.
 */
#include "dataplane/join.h"

#include "tests/unit/quic/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#define PATH 5

struct world {
	struct pair *first, *second;
	struct mpq_join_key client, server; /* the session at each end */
};

typedef int writer(uint8_t out[MPQ_JOIN_VALUE_MAX_BYTES],
		   const struct mpq_join_key *key, unsigned path,
		   const struct mpq_conn *joining);

static struct pair *connected(void)
{
	struct pair *p = pair_new();

	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	return p;
}

static struct mpq_join_message parsed(enum mpq_join_capsule type,
				      const uint8_t *value, int len)
{
	struct mpq_join_message m;

	assert_in_range(len, 1, MPQ_JOIN_VALUE_MAX_BYTES);
	assert_int_equal(mpq_join_parse(&m, type, value, (size_t)len), 0);
	assert_int_equal(m.type, type);
	return m;
}

static struct mpq_join_message written(writer *write,
				       const struct mpq_join_key *key,
				       unsigned path,
				       const struct mpq_conn *joining)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];

	return parsed(write == mpq_join_write_join ? MPQ_JOIN_JOIN
						   : MPQ_JOIN_ACCEPT,
		      value, write(value, key, path, joining));
}

static int setup(void **state)
{
	struct world *w = test_calloc(1, sizeof(*w));
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	struct mpq_join_message open;

	w->first = connected();
	w->second = connected();
	assert_int_equal(mpq_join_new_key(&w->client, w->first->client.conn),
			 0);
	open = parsed(MPQ_JOIN_OPEN, value,
		      mpq_join_write_open(value, &w->client, PATH));
	assert_int_equal(open.path, PATH);
	assert_int_equal(mpq_join_take_key(&w->server, open.id,
					   w->first->server.conn),
			 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	pair_free(w->first);
	pair_free(w->second);
	test_free(w);
	return 0;
}

static void both_ends_have_the_key_of_the_session(void **state)
{
	struct world *w = *state;
	struct mpq_join_key other;

	assert_memory_equal(&w->client, &w->server, sizeof(w->client));
	assert_int_equal(mpq_join_new_key(&other, w->first->client.conn), 0);
	assert_memory_not_equal(other.id, w->client.id, sizeof(other.id));
	assert_memory_not_equal(other.secret, w->client.secret,
				sizeof(other.secret));
}

static void the_opener_believes_the_server_that_has_the_key(void **state)
{
	struct world *w = *state;
	struct mpq_join_message m = written(mpq_join_write_accept, &w->server,
					    PATH, w->first->server.conn);

	assert_int_equal(m.path, PATH);
	assert_true(mpq_join_is_proven(&m, &w->client, w->first->client.conn));
}

static void a_join_is_proven_and_accepted(void **state)
{
	struct world *w = *state;

	for (unsigned path = 0; path < MPQ_JOIN_PATHS; path++) {
		struct mpq_join_message m =
			written(mpq_join_write_join, &w->client, path,
				w->second->client.conn);

		assert_int_equal(m.path, path);
		assert_true(mpq_join_is_proven(&m, &w->server,
					       w->second->server.conn));
		m = written(mpq_join_write_accept, &w->server, path,
			    w->second->server.conn);
		assert_true(mpq_join_is_proven(&m, &w->client,
					       w->second->client.conn));
	}
}

static void no_bit_of_a_join_can_be_changed(void **state)
{
	struct world *w = *state;
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	int len = mpq_join_write_join(value, &w->client, PATH,
				      w->second->client.conn);

	for (int bit = 0; bit < 8 * len; bit++) {
		struct mpq_join_message m;

		value[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (mpq_join_parse(&m, MPQ_JOIN_JOIN, value, (size_t)len) ==
		    0) {
			assert_false(
				mpq_join_is_proven(&m, &w->server,
						   w->second->server.conn));
		}
		value[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void a_proof_is_good_on_its_own_connection_only(void **state)
{
	struct world *w = *state;
	struct mpq_join_message m = written(mpq_join_write_join, &w->client,
					    PATH, w->second->client.conn);

	/* Carried to another one. */
	assert_false(mpq_join_is_proven(&m, &w->server, w->first->server.conn));
	/* Replayed on a later one. */
	pair_restart_server(w->second);
	w->second->client.established = w->second->server.established = 0;
	pair_dial(w->second);
	assert_true(pair_run(w->second, pair_is_up, 5 * MPQ_SECOND));
	assert_false(
		mpq_join_is_proven(&m, &w->server, w->second->server.conn));
	m = written(mpq_join_write_join, &w->client, PATH,
		    w->second->client.conn);
	assert_true(mpq_join_is_proven(&m, &w->server, w->second->server.conn));
}

/* What one end sent comes back to it as if it were the other's. */
static void a_proof_cannot_be_reflected(void **state)
{
	struct world *w = *state;
	struct mpq_join_message m = written(mpq_join_write_join, &w->client,
					    PATH, w->second->client.conn);

	m.type = MPQ_JOIN_ACCEPT;
	assert_false(
		mpq_join_is_proven(&m, &w->client, w->second->client.conn));
	m = written(mpq_join_write_accept, &w->server, PATH,
		    w->second->server.conn);
	m.type = MPQ_JOIN_JOIN;
	assert_false(
		mpq_join_is_proven(&m, &w->server, w->second->server.conn));
}

static void a_proof_is_good_for_its_path_only(void **state)
{
	struct world *w = *state;
	struct mpq_join_message m = written(mpq_join_write_join, &w->client,
					    PATH, w->second->client.conn);

	m.path = PATH - 1;
	assert_false(
		mpq_join_is_proven(&m, &w->server, w->second->server.conn));
}

static void the_id_alone_proves_nothing(void **state)
{
	struct world *w = *state;
	struct mpq_join_key stolen;
	struct mpq_join_message m;

	/* Who knows the ID only has a key of his own connection at most. */
	assert_int_equal(mpq_join_take_key(&stolen, w->server.id,
					   w->second->client.conn),
			 0);
	m = written(mpq_join_write_join, &stolen, PATH, w->second->client.conn);
	assert_false(
		mpq_join_is_proven(&m, &w->server, w->second->server.conn));
}

static void a_key_under_another_id_is_another_session(void **state)
{
	struct world *w = *state;
	struct mpq_join_key renamed = w->client;
	struct mpq_join_message m;

	renamed.id[0] ^= 1;
	m = written(mpq_join_write_join, &renamed, PATH,
		    w->second->client.conn);
	assert_false(
		mpq_join_is_proven(&m, &w->server, w->second->server.conn));
	/* The proof is of the right ID, the message names another. */
	m = written(mpq_join_write_join, &w->client, PATH,
		    w->second->client.conn);
	m.id[15] ^= 1;
	assert_false(
		mpq_join_is_proven(&m, &w->server, w->second->server.conn));
}

static void nobody_joins_a_session_that_there_is_not(void **state)
{
	struct world *w = *state;
	const struct mpq_join_key none = {0};
	struct mpq_join_message m = written(mpq_join_write_join, &w->client,
					    PATH, w->second->client.conn);

	assert_false(mpq_join_is_proven(&m, NULL, w->second->server.conn));
	m = written(mpq_join_write_join, &none, PATH, w->second->client.conn);
	assert_false(mpq_join_is_proven(&m, NULL, w->second->server.conn));
}

static void other_messages_prove_nothing(void **state)
{
	struct world *w = *state;
	struct mpq_join_message m = written(mpq_join_write_accept, &w->server,
					    PATH, w->second->server.conn);

	m.type = MPQ_JOIN_OPEN;
	assert_false(
		mpq_join_is_proven(&m, &w->client, w->second->client.conn));
	m.type = MPQ_JOIN_REGISTER;
	assert_false(
		mpq_join_is_proven(&m, &w->client, w->second->client.conn));
}

static void nothing_is_proven_before_a_handshake_is_done(void **state)
{
	struct world *w = *state;
	struct pair *p = pair_new();
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	struct mpq_join_key key;
	struct mpq_join_message m = written(mpq_join_write_join, &w->client,
					    PATH, w->second->client.conn);

	pair_dial(p);
	assert_int_equal(mpq_join_new_key(&key, p->client.conn), -ENOTCONN);
	assert_int_equal(mpq_join_write_join(value, &w->client, PATH,
					     p->client.conn),
			 -ENOTCONN);
	assert_false(mpq_join_is_proven(&m, &w->server, p->client.conn));
	pair_free(p);
}

/* bond/README.md §3 has these values, for other implementations. */
static void agrees_with_the_vector_in_the_readme(void **state)
{
	static const uint8_t proof[2][MPQ_EXPORT_BYTES] = {
		{0x7d, 0x33, 0x7b, 0x84, 0x77, 0xa5, 0xab, 0x14,
		 0xa4, 0x59, 0x60, 0x96, 0x2c, 0x07, 0xbb, 0x50,
		 0x9e, 0xf1, 0xf0, 0x02, 0x6f, 0xa7, 0xd2, 0x68,
		 0xf5, 0x67, 0x42, 0x7d, 0x9f, 0xdd, 0xd1, 0x33},
		{0x69, 0x71, 0x03, 0x11, 0x54, 0xbd, 0x2f, 0x55,
		 0x89, 0xca, 0xed, 0x11, 0xa4, 0x00, 0x8d, 0x80,
		 0xe8, 0x03, 0xf8, 0x9f, 0xd9, 0x0e, 0x26, 0xd7,
		 0x9f, 0x2e, 0xa3, 0x43, 0xfb, 0x13, 0x59, 0x88}};
	struct mpq_join_key key;
	uint8_t exported[MPQ_EXPORT_BYTES], ret[MPQ_EXPORT_BYTES];

	(void)state;
	for (uint8_t i = 0; i < MPQ_EXPORT_BYTES; i++) {
		key.secret[i] = i;
		exported[i] = (uint8_t)(0x80 + i);
	}
	for (uint8_t i = 0; i < MPQ_JOIN_ID_BYTES; i++) {
		key.id[i] = (uint8_t)(0x40 + i);
	}
	assert_int_equal(mpq_join_proof(ret, &key, MPQ_JOIN_CLIENT, 5,
					exported),
			 0);
	assert_memory_equal(ret, proof[0], sizeof(ret));
	assert_int_equal(mpq_join_proof(ret, &key, MPQ_JOIN_SERVER, 5,
					exported),
			 0);
	assert_memory_equal(ret, proof[1], sizeof(ret));
}

static void each_message_has_one_length(void **state)
{
	static const struct {
		enum mpq_join_capsule type;
		size_t len;
	} messages[] = {{MPQ_JOIN_OPEN, 17},
			{MPQ_JOIN_JOIN, 49},
			{MPQ_JOIN_ACCEPT, 49},
			{MPQ_JOIN_LEAVE, 9}};
	static const uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (size_t len = 0; len <= sizeof(value); len++) {
			struct mpq_join_message m = {.path = 99};
			int good = len == messages[i].len;

			assert_int_equal(mpq_join_parse(&m, messages[i].type,
							value, len),
					 good ? 0 : -EBADMSG);
			assert_int_equal(m.path, good ? 0 : 99);
		}
	}
}

static void paths_beyond_the_limit_are_malformed(void **state)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES] = {0};
	struct mpq_join_message m;

	(void)state;
	for (unsigned path = MPQ_JOIN_PATHS; path < 256; path++) {
		value[MPQ_JOIN_ID_BYTES] = value[0] = (uint8_t)path;
		assert_int_equal(mpq_join_parse(&m, MPQ_JOIN_OPEN, value, 17),
				 -EBADMSG);
		assert_int_equal(mpq_join_parse(&m, MPQ_JOIN_JOIN, value, 49),
				 -EBADMSG);
		assert_int_equal(mpq_join_parse(&m, MPQ_JOIN_ACCEPT, value, 49),
				 -EBADMSG);
		assert_int_equal(mpq_join_parse(&m, MPQ_JOIN_LEAVE, value, 9),
				 -EBADMSG);
	}
}

static void a_context_is_registered_with_its_version(void **state)
{
	static const uint64_t contexts[] = {1,  2,     63,
					    64, 16384, (UINT64_C(1) << 62) - 1};
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	struct mpq_join_message m;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		int len = mpq_join_write_register(value, contexts[i]);

		m = parsed(MPQ_JOIN_REGISTER, value, len);
		assert_int_equal(m.context, contexts[i]);
		assert_int_equal(mpq_join_parse(&m, MPQ_JOIN_REGISTER, value,
						(size_t)len - 1),
				 -EBADMSG);
		assert_int_equal(mpq_join_parse(&m, MPQ_JOIN_REGISTER, value,
						(size_t)len + 1),
				 -EBADMSG);
		value[len - 1] = 2; /* version */
		assert_int_equal(mpq_join_parse(&m, MPQ_JOIN_REGISTER, value,
						(size_t)len),
				 -EBADMSG);
	}
	memcpy(value, "\0\1", 2); /* ID 0 is CONNECT-IP's own */
	assert_int_equal(mpq_join_parse(&m, MPQ_JOIN_REGISTER, value, 2),
			 -EBADMSG);
	assert_int_equal(mpq_join_parse(&m, MPQ_JOIN_REGISTER, value, 0),
			 -EBADMSG);
}

static void a_path_takes_its_leave(void **state)
{
	static const uint8_t mark[MPQ_JOIN_MARK_BYTES] = {1, 2, 3, 4,
							  5, 6, 7, 8};
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	struct mpq_join_message m =
		parsed(MPQ_JOIN_LEAVE, value,
		       mpq_join_write_leave(value, 7, mark));

	(void)state;
	assert_int_equal(m.path, 7);
	assert_memory_equal(m.mark, mark, sizeof(mark));
}

static void other_capsules_are_not_ours(void **state)
{
	static const uint64_t types[] = {0,
					 1,
					 MPQ_JOIN_OPEN - 1,
					 MPQ_JOIN_POLICY,
					 MPQ_JOIN_POLICY + 1,
					 (UINT64_C(1) << 32) + MPQ_JOIN_OPEN,
					 UINT64_MAX};
	static const uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	struct mpq_join_message m;

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(mpq_join_parse(&m, types[i], value, 17),
				 -ENOENT);
	}
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(both_ends_have_the_key_of_the_session),
		WITH_WORLD(the_opener_believes_the_server_that_has_the_key),
		WITH_WORLD(a_join_is_proven_and_accepted),
		WITH_WORLD(no_bit_of_a_join_can_be_changed),
		WITH_WORLD(a_proof_is_good_on_its_own_connection_only),
		WITH_WORLD(a_proof_cannot_be_reflected),
		WITH_WORLD(a_proof_is_good_for_its_path_only),
		WITH_WORLD(the_id_alone_proves_nothing),
		WITH_WORLD(a_key_under_another_id_is_another_session),
		WITH_WORLD(nobody_joins_a_session_that_there_is_not),
		WITH_WORLD(other_messages_prove_nothing),
		WITH_WORLD(nothing_is_proven_before_a_handshake_is_done),
		cmocka_unit_test(agrees_with_the_vector_in_the_readme),
		cmocka_unit_test(each_message_has_one_length),
		cmocka_unit_test(paths_beyond_the_limit_are_malformed),
		cmocka_unit_test(a_context_is_registered_with_its_version),
		cmocka_unit_test(a_path_takes_its_leave),
		cmocka_unit_test(other_capsules_are_not_ours),
	};

	return cmocka_run_group_tests_name("dataplane/join", tests, NULL, NULL);
}
