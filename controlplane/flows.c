/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/flows.h"

#include "common/json.h"
#include "common/northbound.h"
#include "common/prefix.h"
#include "common/southbound.h"
#include "controlplane/answers.h"
#include "controlplane/daemon.h"
#include "controlplane/status.h"

#include <errno.h>
#include <string.h>

#define TCP 6
#define UDP 17

struct flow {
	const char *tunnel, *source, *destination; /* borrowed from the call */
	int protocol, dscp;
	uint16_t source_port, destination_port;
};

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	(void)json_object_object_get_ex(o, key, &v);
	return v;
}

/* A name or a number; absent: `absent`, if that is not negative. */
static int read_number(struct json_object *o, const char *key, int max,
		       int absent, int (*named)(const char *name),
		       const char *allowed, int *ret, struct mpq_refusal *r)
{
	struct json_object *v = member(o, key);
	int n = absent;

	if (json_object_is_type(v, json_type_string)) {
		n = named(json_object_get_string(v));
	} else if (json_object_is_type(v, json_type_int)) {
		n = json_object_get_int(v);
	} else if (v) {
		n = -EINVAL;
	}
	if (n < 0 || n > max) {
		(void)mpq_refusal_set(r, "", "\"%s\" is no %s.",
				      v ? json_object_get_string(v) : "", key);
		return mpq_refusal_allow(r, "%s", allowed);
	}
	*ret = n;
	return 0;
}

static int check_addresses(const struct flow *f, struct mpq_refusal *r)
{
	struct mpq_prefix from, to;
	const char *wrong = mpq_prefix_parse(f->source, &from) ? f->source
			    : mpq_prefix_parse(f->destination, &to)
				    ? f->destination
				    : NULL;

	if (!wrong && strchr(f->source, '/')) {
		wrong = f->source;
	}
	if (!wrong && strchr(f->destination, '/')) {
		wrong = f->destination;
	}
	if (wrong) {
		(void)mpq_refusal_set(r, "", "\"%s\" is no address.", wrong);
		return mpq_refusal_allow(r, "an IPv4 or IPv6 address, such as "
					    "192.0.2.1 or 2001:db8::1");
	}
	if (from.family != to.family) {
		return mpq_refusal_set(r, "",
				       "%s and %s are of different IP "
				       "versions: there is no such flow.",
				       f->source, f->destination);
	}
	return 0;
}

static int read_ports(struct json_object *o, struct flow *f,
		      struct mpq_refusal *r)
{
	struct mpq_json_reader in = {0};
	bool has_any =
		member(o, "source-port") || member(o, "destination-port");

	if (f->protocol != TCP && f->protocol != UDP) {
		return has_any ? mpq_refusal_set(r, "",
						 "only TCP and UDP have ports.")
			       : 0;
	}
	f->source_port =
		(uint16_t)mpq_json_uint(&in, o, "source-port", 0, UINT16_MAX);
	f->destination_port =
		(uint16_t)mpq_json_uint(&in, o, "destination-port", 0,
					UINT16_MAX);
	if (in.error[0]) {
		(void)mpq_refusal_set(r, "", "parameter %s.", in.error);
		return mpq_refusal_next(r, "a TCP or UDP flow is told by both "
					   "its ports: name them");
	}
	return 0;
}

static int read_flow(struct json_object *o, struct flow *f,
		     struct mpq_refusal *r)
{
	int e = read_number(o, "protocol", 255, -1, mpq_config_protocol,
			    "tcp, udp, icmp, icmpv6, gre, esp, sctp, or a "
			    "number from 0 to 255",
			    &f->protocol, r);

	if (!e) {
		e = read_number(o, "dscp", 63, 0, mpq_config_dscp,
				"a number from 0 to 63, cs0 to cs7, af11 to "
				"af43, ef, va, or le",
				&f->dscp, r);
	}
	if (!e) {
		e = check_addresses(f, r);
	}
	return e ? e : read_ports(o, f, r);
}

static struct json_object *parameters(const struct flow *f)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "tunnel", json_object_new_string(f->tunnel));
	json_object_object_add(o, "protocol", json_object_new_int(f->protocol));
	json_object_object_add(o, "source", json_object_new_string(f->source));
	json_object_object_add(o, "source-port",
			       json_object_new_int(f->source_port));
	json_object_object_add(o, "destination",
			       json_object_new_string(f->destination));
	json_object_object_add(o, "destination-port",
			       json_object_new_int(f->destination_port));
	json_object_object_add(o, "dscp", json_object_new_int(f->dscp));
	return o;
}

static void on_explained(void *context, int error, struct json_object *reply)
{
	struct mpq_northbound_call *call = context;

	if (!error) {
		mpq_northbound_reply(call, mpq_status_dated(reply));
		return;
	}
	mpq_answers_remote(call, error, reply);
}

void mpq_flows_explain(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	struct flow f = {.tunnel = mpq_answers_parameter(call, "tunnel")};
	struct mpq_refusal why;

	if (!f.tunnel) {
		return;
	}
	f.source = mpq_answers_parameter(call, "source");
	if (!f.source) {
		return;
	}
	f.destination = mpq_answers_parameter(call, "destination");
	if (!f.destination) {
		return;
	}
	if (read_flow(call->parameters, &f, &why)) {
		mpq_northbound_refuse(call, MPQ_NORTHBOUND_INVALID, &why);
		return;
	}
	if (!mpq_config_tunnel(d->running.version->config, f.tunnel)) {
		mpq_answers_not_found(call, "tunnel", f.tunnel);
		return;
	}
	if (!mpq_southbound_connected(d->southbound) ||
	    mpq_southbound_call(d->southbound, MPQ_SOUTHBOUND_EXPLAIN,
				parameters(&f), NULL, NULL, 0, on_explained,
				call)) {
		mpq_answers_not_connected(call);
	}
}
