/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/operate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/mpqctl/client.h"
#include "controlplane/mpqctl/format.h"

#define MAX_SECONDS 86400 /* as in the YANG module's action hold */

static struct json_object *named(const char *key, const char *name)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, key, json_object_new_string(name));
	return o;
}

/* The call, and a line that says what it did. */
static enum mpq_exit act(const struct mpq_call *call, const char *method,
			 struct json_object *parameters, const char *done)
{
	struct json_object *reply;
	enum mpq_exit result =
		mpq_client_once(call, method, parameters, &reply);

	if (result != MPQ_EXIT_OK) {
		return result;
	}
	if (call->json) {
		mpq_format_json(reply, true);
	} else {
		(void)printf("%s: %s\n", call->argument[0], done);
	}
	json_object_put(reply);
	return MPQ_EXIT_OK;
}

static int parse_seconds(const char *text, int64_t *ret)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || text[strspn(text, "0123456789")] != '\0' ||
	    end == text || value < 1 || value > MAX_SECONDS) {
		return -EINVAL;
	}
	*ret = value;
	return 0;
}

enum mpq_exit mpq_operate_path_hold(const struct mpq_call *call)
{
	struct json_object *parameters;
	char done[96] = "held until released";
	int64_t seconds = 0;

	if (call->arguments > 1 &&
	    parse_seconds(call->argument[1], &seconds) != 0) {
		(void)fprintf(
			stderr,
			"mpqctl: path hold: '%s' is no number of seconds; "
			"allowed: 1 to %d, or nothing for until "
			"released\n",
			call->argument[1], MAX_SECONDS);
		return MPQ_EXIT_USAGE;
	}
	parameters = named("path", call->argument[0]);
	if (call->arguments > 1) {
		json_object_object_add(parameters, "seconds",
				       json_object_new_int64(seconds));
		(void)snprintf(done, sizeof(done), "held for %d s",
			       (int)seconds);
	}
	return act(call, "PathHold", parameters, done);
}

enum mpq_exit mpq_operate_path_release(const struct mpq_call *call)
{
	return act(call, "PathRelease", named("path", call->argument[0]),
		   "released");
}

enum mpq_exit mpq_operate_tunnel_enable(const struct mpq_call *call)
{
	return act(call, "TunnelEnable", named("tunnel", call->argument[0]),
		   "enabled, and kept so");
}

enum mpq_exit mpq_operate_tunnel_disable(const struct mpq_call *call)
{
	return act(call, "TunnelDisable", named("tunnel", call->argument[0]),
		   "disabled, and kept so");
}
