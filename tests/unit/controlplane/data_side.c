/* SPDX-License-Identifier: Apache-2.0 */
#include "data_side.h"

#include "dataplane/policy.h"
#include "dataplane/snapshot.h"

#include <stdio.h>

/* A capsule, but for the number in front of the policy. */
#define CAPSULE_BYTES (4096 - 8)

static void measure(const struct mpq_snapshot *s, struct data_side *ret)
{
	uint8_t out[CAPSULE_BYTES];
	struct mpq_policy policy, plain;
	int n;

	mpq_snapshot_policy(s, &s->tunnels[0], &policy);
	mpq_policy_init(&plain);
	n = mpq_policy_write(&policy, out, sizeof(out));
	ret->policy_bytes = n < 0 ? 0 : (size_t)n;
	ret->plain = mpq_policy_equal(&policy, &plain);
}

bool data_side_read(struct json_object *snapshot, struct data_side *ret,
		    char sentence[512])
{
	char at[128], message[256];
	struct mpq_snapshot *s;

	if (mpq_snapshot_parse(&s, snapshot, at, message) < 0) {
		(void)snprintf(sentence, 512, "%s: %s", at, message);
		return false;
	}
	*ret = (struct data_side){
		.tunnels = s->n_tunnels,
		.paths = s->n_tunnels > 0 ? s->tunnels[0].n_paths : 0,
		.classes = s->n_classes,
		.rules = s->n_rules,
	};
	if (s->n_tunnels > 0) {
		measure(s, ret);
	}
	mpq_snapshot_free(s);
	return true;
}

bool data_side_knows_mode(const char *name)
{
	enum mpq_steer_mode mode;

	return mpq_steer_mode_parse(name, &mode) == 0;
}

const char *data_side_mode(unsigned i)
{
	return i < MPQ_STEER_MODES ? mpq_steer_mode_name((enum mpq_steer_mode)i)
				   : NULL;
}
