/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/join.h"

#include "dataplane/masque/capsule.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* RFC 5705 §4: private use, without registration. */
#define LABEL_SESSION "EXPERIMENTAL-mpquic-session"
#define LABEL_PATH    "EXPERIMENTAL-mpquic-path"

#define REGISTER_VERSION 1

enum {
	OPEN_BYTES = MPQ_JOIN_ID_BYTES + 1,
	PROVEN_BYTES = OPEN_BYTES + MPQ_EXPORT_BYTES,
	PROOF_INPUT_BYTES = 1 + OPEN_BYTES + MPQ_EXPORT_BYTES,
	LEAVE_BYTES = 1 + MPQ_JOIN_MARK_BYTES,
};

static int parse_path(struct mpq_join_message *m, uint8_t path)
{
	m->path = path;
	return path < MPQ_JOIN_PATHS ? 0 : -EBADMSG;
}

static int parse_open(struct mpq_join_message *m, const uint8_t *value,
		      size_t len)
{
	if (len != OPEN_BYTES) {
		return -EBADMSG;
	}
	memcpy(m->id, value, MPQ_JOIN_ID_BYTES);
	return parse_path(m, value[MPQ_JOIN_ID_BYTES]);
}

static int parse_proven(struct mpq_join_message *m, const uint8_t *value,
			size_t len)
{
	if (len != PROVEN_BYTES) {
		return -EBADMSG;
	}
	memcpy(m->proof, value + OPEN_BYTES, MPQ_EXPORT_BYTES);
	memcpy(m->mark, m->proof, MPQ_JOIN_MARK_BYTES);
	return parse_open(m, value, OPEN_BYTES);
}

static int parse_register(struct mpq_join_message *m, const uint8_t *value,
			  size_t len)
{
	size_t n = mpq_varint_read(value, len, &m->context);

	if (n == 0 || len != n + 1 || value[n] != REGISTER_VERSION) {
		return -EBADMSG;
	}
	return m->context != 0 ? 0 : -EBADMSG;
}

static int parse_leave(struct mpq_join_message *m, const uint8_t *value,
		       size_t len)
{
	if (len != LEAVE_BYTES) {
		return -EBADMSG;
	}
	memcpy(m->mark, value + 1, MPQ_JOIN_MARK_BYTES);
	return parse_path(m, value[0]);
}

static int parse(struct mpq_join_message *m, const uint8_t *value, size_t len)
{
	switch (m->type) {
	case MPQ_JOIN_OPEN:
		return parse_open(m, value, len);
	case MPQ_JOIN_JOIN:
	case MPQ_JOIN_ACCEPT:
		return parse_proven(m, value, len);
	case MPQ_JOIN_REGISTER:
		return parse_register(m, value, len);
	case MPQ_JOIN_LEAVE:
		return parse_leave(m, value, len);
	case MPQ_JOIN_POLICY:
		break;
	}
	return -ENOENT;
}

int mpq_join_parse(struct mpq_join_message *ret, uint64_t type,
		   const uint8_t *value, size_t len)
{
	struct mpq_join_message m = {0};
	int rv;

	if (type < MPQ_JOIN_OPEN || type > MPQ_JOIN_POLICY) {
		return -ENOENT;
	}
	m.type = (enum mpq_join_capsule)type;
	rv = parse(&m, value, len);
	if (rv == 0) {
		*ret = m;
	}
	return rv;
}

int mpq_join_take_key(struct mpq_join_key *ret,
		      const uint8_t id[MPQ_JOIN_ID_BYTES],
		      const struct mpq_conn *first)
{
	struct mpq_join_key key;
	int rv = mpq_export_key(first, LABEL_SESSION, id, MPQ_JOIN_ID_BYTES,
				key.secret);

	if (rv == 0) {
		memcpy(key.id, id, MPQ_JOIN_ID_BYTES);
		*ret = key;
	}
	explicit_bzero(&key, sizeof(key));
	return rv;
}

int mpq_join_new_key(struct mpq_join_key *ret, const struct mpq_conn *first)
{
	uint8_t id[MPQ_JOIN_ID_BYTES];
	int rv = mpq_export_random(id, sizeof(id));

	return rv == 0 ? mpq_join_take_key(ret, id, first) : rv;
}

int mpq_join_proof(uint8_t ret[MPQ_EXPORT_BYTES],
		   const struct mpq_join_key *key, enum mpq_join_role role,
		   unsigned path, const uint8_t exported[MPQ_EXPORT_BYTES])
{
	uint8_t input[PROOF_INPUT_BYTES];
	uint8_t *at = input;

	assert(path < MPQ_JOIN_PATHS);
	*at++ = (uint8_t)role;
	memcpy(at, key->id, MPQ_JOIN_ID_BYTES);
	at += MPQ_JOIN_ID_BYTES;
	*at++ = (uint8_t)path;
	memcpy(at, exported, MPQ_EXPORT_BYTES);
	return mpq_export_hmac(key->secret, input, sizeof(input), ret);
}

static int prove(uint8_t ret[MPQ_EXPORT_BYTES], const struct mpq_join_key *key,
		 enum mpq_join_role role, unsigned path,
		 const struct mpq_conn *c)
{
	uint8_t exported[MPQ_EXPORT_BYTES];
	int rv = mpq_export_key(c, LABEL_PATH, NULL, 0, exported);

	if (rv == 0) {
		rv = mpq_join_proof(ret, key, role, path, exported);
		explicit_bzero(exported, sizeof(exported));
	}
	return rv;
}

int mpq_join_write_open(uint8_t out[MPQ_JOIN_VALUE_MAX_BYTES],
			const struct mpq_join_key *key, unsigned path)
{
	assert(path < MPQ_JOIN_PATHS);
	memcpy(out, key->id, MPQ_JOIN_ID_BYTES);
	out[MPQ_JOIN_ID_BYTES] = (uint8_t)path;
	return OPEN_BYTES;
}

static int write_proven(uint8_t out[MPQ_JOIN_VALUE_MAX_BYTES],
			const struct mpq_join_key *key, enum mpq_join_role role,
			unsigned path, const struct mpq_conn *joining)
{
	int n = mpq_join_write_open(out, key, path);
	int rv = prove(out + n, key, role, path, joining);

	return rv == 0 ? PROVEN_BYTES : rv;
}

int mpq_join_write_join(uint8_t out[MPQ_JOIN_VALUE_MAX_BYTES],
			const struct mpq_join_key *key, unsigned path,
			const struct mpq_conn *joining)
{
	return write_proven(out, key, MPQ_JOIN_CLIENT, path, joining);
}

int mpq_join_write_accept(uint8_t out[MPQ_JOIN_VALUE_MAX_BYTES],
			  const struct mpq_join_key *key, unsigned path,
			  const struct mpq_conn *joining)
{
	return write_proven(out, key, MPQ_JOIN_SERVER, path, joining);
}

int mpq_join_write_register(uint8_t out[MPQ_JOIN_VALUE_MAX_BYTES],
			    uint64_t context)
{
	size_t n;

	assert(context != 0);
	n = mpq_varint_write(out, context);
	out[n] = REGISTER_VERSION;
	return (int)n + 1;
}

int mpq_join_write_leave(uint8_t out[MPQ_JOIN_VALUE_MAX_BYTES], unsigned path,
			 const uint8_t mark[MPQ_JOIN_MARK_BYTES])
{
	assert(path < MPQ_JOIN_PATHS);
	out[0] = (uint8_t)path;
	memcpy(out + 1, mark, MPQ_JOIN_MARK_BYTES);
	return LEAVE_BYTES;
}

void mpq_join_read_mark(uint8_t ret[MPQ_JOIN_MARK_BYTES],
			const uint8_t accept[MPQ_JOIN_VALUE_MAX_BYTES])
{
	memcpy(ret, accept + OPEN_BYTES, MPQ_JOIN_MARK_BYTES);
}

/* The ID is compared whatever the proof is: a secret of zeros stands for the
 * session that there is not, so a proof of its own is right for nobody. */
bool mpq_join_is_proven(const struct mpq_join_message *m,
			const struct mpq_join_key *key,
			const struct mpq_conn *joining)
{
	static const struct mpq_join_key none;
	enum mpq_join_role role =
		m->type == MPQ_JOIN_JOIN ? MPQ_JOIN_CLIENT : MPQ_JOIN_SERVER;
	uint8_t proof[MPQ_EXPORT_BYTES];
	bool right;

	if (m->type != MPQ_JOIN_JOIN && m->type != MPQ_JOIN_ACCEPT) {
		return false;
	}
	if (prove(proof, key ? key : &none, role, m->path, joining) != 0) {
		return false;
	}
	right = mpq_export_equal(proof, m->proof);
	right &= memcmp(m->id, key ? key->id : none.id, sizeof(m->id)) == 0;
	return right & (key != NULL);
}
