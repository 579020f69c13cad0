/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rogue-edge: an edge with a good certificate that means harm to a real
 * concentrator. Opens a session of two paths, then tries, a line of JSON each:
 *
 *   refusals   joins that are stolen, replayed, reflected, guessed
 *   headers    sequences, clocks, lanes and classes by chance
 *   holes      packets with a hole before each
 *   capsules   one longer than any, one without end, policies without end
 *   joins      joins that are right, without end
 *
 *   rogue-edge REMOTE PORT PORT SERVER-NAME LOCAL CERTIFICATE KEY AUTHORITY
 */
#include "dataplane/policy.h"
#include "tests/unit/dataplane/fake_io.h"
#include "tests/unit/dataplane/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE (5 * MPQ_SECOND)
#define HEADERS  20000
#define HOLES    12000
#define FLOOD    1000
#define JOINS    104
#define BATCH    8 /* 4 a listener wait */

struct rogue {
	struct peers peers;
	struct pki_certificate own, authority;
	const char *local;
	uint16_t port[2];
	struct mpq_join_key key;
	struct peer *member[2];
	uint8_t join[MPQ_JOIN_VALUE_MAX_BYTES]; /* of member[1], as it went */
	size_t join_bytes;
};

static char *read_file(const char *name)
{
	FILE *f = fopen(name, "re");
	char *text = calloc(1, 65536);

	if (f == NULL || text == NULL || fread(text, 1, 65535, f) == 0) {
		perror(name);
		exit(EXIT_FAILURE);
	}
	(void)fclose(f);
	return text;
}

static void fail(const char *what)
{
	(void)fprintf(stderr, "rogue-edge: %s\n", what);
	exit(EXIT_FAILURE);
}

static void wait_over(struct peer *p)
{
	mpq_time end = fake_now() + PATIENCE;

	while (!p->over && fake_now() < end) {
		fake_run(1 * MPQ_MILLISECOND);
	}
}

static struct peer *dial(struct rogue *r)
{
	struct peer *p = peer_dial(&r->peers, &r->own, &r->authority, r->local,
				   r->port[r->peers.n % 2]);
	mpq_time end = fake_now() + PATIENCE;

	while (p->status == 0 && !p->over && fake_now() < end) {
		fake_run(1 * MPQ_MILLISECOND);
	}
	if (p->status == 200) {
		peer_register(p);
	}
	return p;
}

/* ---- a session ----------------------------------------------------------- */

static void open_session(struct rogue *r)
{
	static const struct mpq_header probe = {.kind = MPQ_HEADER_PROBE};

	for (unsigned i = 0; i < 2; i++) {
		struct peer *p = r->member[i] = dial(r);

		if (p->status != 200) {
			fail(p->over ? p->end.reason : "no answer");
		}
		if (i == 0) {
			peer_open(p, &r->key, 0);
		} else {
			r->join_bytes =
				(size_t)mpq_join_write_join(r->join, &r->key, 1,
							    p->conn);
			peer_capsule(p, MPQ_JOIN_JOIN, r->join, r->join_bytes);
		}
		fake_run(300 * MPQ_MILLISECOND);
		if (!peer_is_accepted(p, &r->key)) {
			fail("it was not let in");
		}
		peer_send(p, &probe, 8);
	}
	fake_run(500 * MPQ_MILLISECOND);
	(void)printf("{\"step\": \"session\"}\n");
}

/* ---- joins that are wrong ------------------------------------------------ */

static void join_guessed(struct rogue *r, struct peer *p)
{
	struct mpq_join_key other = r->key;

	other.id[3] ^= 1;
	peer_join(p, &other, 1);
}

static void join_replayed(struct rogue *r, struct peer *p)
{
	peer_capsule(p, MPQ_JOIN_JOIN, r->join, r->join_bytes);
}

static void join_reflected(struct rogue *r, struct peer *p)
{
	const struct peer_capsule *c = peer_find(r->member[1], MPQ_JOIN_ACCEPT);

	peer_capsule(p, MPQ_JOIN_JOIN, c->value, c->len);
}

static void join_own_key(struct rogue *r, struct peer *p)
{
	struct mpq_join_key own;

	if (mpq_join_take_key(&own, r->key.id, p->conn) == 0) {
		peer_join(p, &own, 1);
	}
}

static void join_another_path(struct rogue *r, struct peer *p)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	int len = mpq_join_write_join(value, &r->key, 1, p->conn);

	value[MPQ_JOIN_ID_BYTES] = 2;
	peer_capsule(p, MPQ_JOIN_JOIN, value, (size_t)len);
}

static void say_end(const char *step, const char *kind, const struct peer *p,
		    mpq_time since)
{
	(void)printf("{\"step\": \"%s\", \"kind\": \"%s\", \"over\": %s, "
		     "\"code\": %llu, \"reason\": \"%s\", \"ms\": %.1f}\n",
		     step, kind, p->over ? "true" : "false",
		     (unsigned long long)p->end.code, p->end.reason,
		     (double)(fake_now() - since) / 1e6);
}

static void try_refusals(struct rogue *r)
{
	static const struct {
		const char *name;
		void (*join)(struct rogue *r, struct peer *p);
	} kinds[] = {
		{"guessed", join_guessed},
		{"replayed", join_replayed},
		{"reflected", join_reflected},
		{"own-key", join_own_key},
		{"another-path", join_another_path},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct peer *p = dial(r);
		mpq_time since = fake_now();

		kinds[i].join(r, p);
		wait_over(p);
		say_end("refusals", kinds[i].name, p, since);
	}
}

/* ---- datagrams ----------------------------------------------------------- */

static void send_headers(struct rogue *r)
{
	uint64_t x = 1;

	for (int i = 0; i < HEADERS; i++) {
		peer_send_any(r->member[i % 2], &x);
		if (i % 100 == 0) {
			fake_run(5 * MPQ_MILLISECOND);
		}
	}
	fake_run(1 * MPQ_SECOND);
	say_end("headers", "", r->member[0], fake_now());
}

static void send_holes(struct rogue *r)
{
	for (uint32_t i = 0; i < HOLES; i++) {
		const struct mpq_header header = {
			.lane = (uint8_t)i,
			.sequence = 2 * (i / 256) + 1,
			.clock = mpq_header_clock(fake_now()),
		};

		peer_send(r->member[0], &header, 1200);
		if (i % 200 == 0) {
			fake_run(5 * MPQ_MILLISECOND);
		}
	}
	fake_run(1 * MPQ_SECOND);
	say_end("holes", "", r->member[0], fake_now());
}

/* ---- capsules ------------------------------------------------------------ */

static void say_long(struct rogue *r, const char *kind, uint64_t len)
{
	struct peer *p = dial(r);
	mpq_time since = fake_now();

	peer_capsule_head(p, MPQ_JOIN_JOIN, len);
	wait_over(p);
	say_end("capsules", kind, p, since);
}

static void flood_policies(struct rogue *r)
{
	uint8_t value[MPQ_CAPSULE_MAX_BYTES] = {0};
	mpq_time since = fake_now();
	struct mpq_policy policy;
	int n;

	mpq_policy_init(&policy);
	n = mpq_policy_write(&policy, value + 4, sizeof(value) - 4);
	for (unsigned i = 1; i <= FLOOD && !r->member[1]->over; i++) {
		value[2] = (uint8_t)(i >> 8);
		value[3] = (uint8_t)i;
		peer_capsule(r->member[1], MPQ_JOIN_POLICY, value,
			     4 + (size_t)n);
		if (i % 10 == 0) {
			fake_run(1 * MPQ_MILLISECOND);
		}
	}
	wait_over(r->member[1]);
	say_end("capsules", "policies", r->member[1], since);
}

static bool is_answered(struct peer *const p[BATCH])
{
	for (size_t i = 0; i < BATCH; i++) {
		if (p[i]->status == 0 && !p[i]->over) {
			return false;
		}
	}
	return true;
}

/* As many at once as may wait to join. */
static void join_batch(struct rogue *r, unsigned *accepted, unsigned *refused)
{
	struct peer *p[BATCH];
	mpq_time end = fake_now() + PATIENCE;

	for (size_t i = 0; i < BATCH; i++) {
		p[i] = peer_dial(&r->peers, &r->own, &r->authority, r->local,
				 r->port[r->peers.n % 2]);
	}
	while (!is_answered(p) && fake_now() < end) {
		fake_run(1 * MPQ_MILLISECOND);
	}
	for (size_t i = 0; i < BATCH; i++) {
		if (p[i]->status == 200) {
			peer_register(p[i]);
			peer_join(p[i], &r->key, 2);
		}
	}
	fake_run(100 * MPQ_MILLISECOND);
	for (size_t i = 0; i < BATCH; i++) {
		*accepted += p[i]->accepts;
		*refused += p[i]->over && p[i]->accepts == 0;
	}
}

static void flood_joins(struct rogue *r)
{
	unsigned accepted = 0, refused = 0;

	for (unsigned i = 0; i < JOINS; i += BATCH) {
		join_batch(r, &accepted, &refused);
	}
	(void)printf("{\"step\": \"joins\", \"accepted\": %u, \"refused\": "
		     "%u}\n",
		     accepted, refused);
}

int main(int argc, char **argv)
{
	struct rogue r = {0};

	if (argc != 9) {
		fail("REMOTE PORT PORT SERVER-NAME LOCAL CERTIFICATE KEY "
		     "AUTHORITY");
	}
	peers_init(&r.peers);
	r.peers.remote = argv[1];
	r.port[0] = (uint16_t)atoi(argv[2]);
	r.port[1] = (uint16_t)atoi(argv[3]);
	r.peers.server_name = argv[4];
	r.local = argv[5];
	r.own.certificate_pem = read_file(argv[6]);
	r.own.key_pem = read_file(argv[7]);
	r.authority.certificate_pem = read_file(argv[8]);
	open_session(&r);
	try_refusals(&r);
	send_headers(&r);
	send_holes(&r);
	say_long(&r, "long", 5000);
	say_long(&r, "endless", MPQ_VARINT_MAX);
	flood_policies(&r);
	flood_joins(&r);
	peers_finish(&r.peers);
	free(r.own.certificate_pem);
	free(r.own.key_pem);
	free(r.authority.certificate_pem);
	return EXIT_SUCCESS;
}
