/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/answers.h"

#include "common/json.h"
#include "common/northbound.h"

#include <errno.h>
#include <string.h>

void mpq_answers_error(struct mpq_northbound_call *call, int e,
		       const struct mpq_refusal *why)
{
	struct mpq_refusal own;

	if (e == -EINVAL) {
		mpq_northbound_refuse(call, MPQ_NORTHBOUND_INVALID, why);
		return;
	}
	(void)mpq_refusal_set(&own, "", "%s.", strerror(-e));
	(void)mpq_refusal_next(&own, "nothing was changed: try again");
	mpq_northbound_refuse(call, MPQ_NORTHBOUND_INTERNAL, &own);
}

const char *mpq_answers_parameter(struct mpq_northbound_call *call,
				  const char *key)
{
	struct mpq_json_reader r = {0};
	const char *value = mpq_json_string(&r, call->parameters, key);
	struct mpq_refusal why;

	if (!r.error[0]) {
		return value;
	}
	(void)mpq_refusal_set(&why, "", "parameter %s.", r.error);
	mpq_northbound_refuse(call, MPQ_NORTHBOUND_INVALID, &why);
	return NULL;
}

void mpq_answers_not_found(struct mpq_northbound_call *call, const char *kind,
			   const char *name)
{
	struct mpq_refusal why;

	(void)mpq_refusal_set(&why, "", "there is no %s named \"%s\".", kind,
			      name);
	(void)mpq_refusal_next(&why, "mpqctl status shows those that there "
				     "are");
	mpq_northbound_refuse(call, MPQ_NORTHBOUND_NOT_FOUND, &why);
}

void mpq_answers_not_connected(struct mpq_northbound_call *call)
{
	struct mpq_refusal why;

	(void)mpq_refusal_set(&why, "", "mpquic-data is not connected.");
	(void)mpq_refusal_next(&why, "systemctl status mpquic-data");
	mpq_northbound_refuse(call, MPQ_NORTHBOUND_REFUSED, &why);
}

void mpq_answers_remote(struct mpq_northbound_call *call, int e,
			struct json_object *parameters)
{
	struct json_object *message = NULL;
	struct mpq_refusal why;

	(void)json_object_object_get_ex(parameters, "message", &message);
	(void)mpq_refusal_set(&why, "", "mpquic-data: %s.",
			      message ? json_object_get_string(message)
				      : strerror(-e));
	if (!message) {
		(void)mpq_refusal_next(&why, "see its log, journalctl -u "
					     "mpquic-data, and try again");
	}
	mpq_northbound_refuse(call, MPQ_NORTHBOUND_REFUSED, &why);
}
