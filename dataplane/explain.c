/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/explain.h"

#include "dataplane/telemetry_private.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct question {
	const struct mpq_tunnel *tunnel;
	struct mpq_sockaddr source, destination;
	struct mpq_ip ip;
};

static const uint8_t *address_of(const struct mpq_sockaddr *a)
{
	return a->sa.sa_family == AF_INET6 ? (const uint8_t *)&a->in6.sin6_addr
					   : (const uint8_t *)&a->in.sin_addr;
}

static void read_address(struct mpq_json_reader *in, struct json_object *o,
			 const char *key, const char *port_key,
			 struct mpq_sockaddr *ret)
{
	const char *text = mpq_json_string(in, o, key);
	uint64_t port = mpq_json_uint_or(in, o, port_key, 0, 65535, 0);

	if (!in->error[0] &&
	    mpq_sockaddr_parse(text, (uint16_t)port, ret) < 0) {
		mpq_json_fail(in, key, "\"%s\" is not an IP address", text);
	}
}

static const struct mpq_tunnel *read_tunnel(const struct mpq_engine *e,
					    struct mpq_json_reader *in,
					    struct json_object *o)
{
	const char *name = mpq_json_string(in, o, "tunnel");
	const struct mpq_tunnel *t =
		in->error[0] ? NULL : mpq_engine_tunnel(e, name);

	if (!in->error[0] && t == NULL) {
		mpq_json_fail(in, "tunnel", "there is no tunnel \"%s\"", name);
	} else if (!in->error[0] && t->session == NULL) {
		mpq_json_fail(in, "tunnel",
			      "\"%s\" has one path, which everything takes: "
			      "there is nothing to explain",
			      name);
	}
	return t;
}

static void read_question(struct question *q, const struct mpq_engine *e,
			  struct mpq_json_reader *in, struct json_object *o)
{
	uint64_t protocol = mpq_json_uint(in, o, "protocol", 0, 255);
	uint64_t dscp = mpq_json_uint_or(in, o, "dscp", 0, 63, 0);

	q->tunnel = read_tunnel(e, in, o);
	read_address(in, o, "source", "source-port", &q->source);
	read_address(in, o, "destination", "destination-port", &q->destination);
	if (in->error[0]) {
		return;
	}
	if (q->source.sa.sa_family != q->destination.sa.sa_family) {
		mpq_json_fail(in, "destination",
			      "is of another family than the source");
	}
	q->ip = (struct mpq_ip){
		.version = q->source.sa.sa_family == AF_INET6 ? 6 : 4,
		.protocol = (uint8_t)protocol,
		.traffic_class = (uint8_t)(dscp << 2),
		.source = address_of(&q->source),
		.destination = address_of(&q->destination),
		.source_port = mpq_sockaddr_port(&q->source),
		.destination_port = mpq_sockaddr_port(&q->destination),
	};
}

/* The rule that decides, or n_rules: none. The counters of a copy tell. */
static size_t decide(const struct mpq_policy *p, const struct mpq_ip *ip,
		     unsigned *ret_class)
{
	struct mpq_classify *copy = malloc(sizeof(*copy));
	size_t i = 0;

	*ret_class = 0;
	if (copy == NULL) {
		return p->classify.n_rules;
	}
	*copy = p->classify;
	*ret_class = mpq_classify(copy, ip);
	while (i < copy->n_rules &&
	       copy->hits[i].packets == p->classify.hits[i].packets) {
		i++;
	}
	free(copy);
	return i;
}

static const char *why_unseen(const struct mpq_session *s, unsigned class)
{
	static const char *const why[MPQ_STEER_MODES] = {
		[MPQ_STEER_AUTO] =
			"No packet of this flow was seen lately; its first one "
			"takes the path on which it arrives first.",
		[MPQ_STEER_SMALLEST_DELAY] =
			"Each packet takes the path on which it arrives first.",
		[MPQ_STEER_LOAD_BALANCING] =
			"Packets are spread in proportion to capacity.",
		[MPQ_STEER_PRIORITY_BASED] =
			"Packets fill the paths in order, and overflow to the "
			"next.",
		[MPQ_STEER_ACTIVE_STANDBY] =
			"All packets take the first path of the order that "
			"works.",
		[MPQ_STEER_REDUNDANT] =
			"Each packet goes on several paths; the first copy to "
			"arrive counts.",
	};

	return mpq_session_is_up(s)
		       ? why[s->policy.class[class].steer.mode]
		       : "No path of the tunnel is up, so nothing takes it.";
}

static void add_view(struct json_object *o, const struct mpq_tunnel *t,
		     const struct mpq_steer_flow_view *v, mpq_time now)
{
	char why[256];

	mpq_telemetry_text(o, "state", v->spread ? "spread" : "pinned");
	mpq_telemetry_text(o, "reason", mpq_steer_reason_name(v->reason));
	json_object_object_add(o, "paths",
			       mpq_telemetry_path_names(t, v->paths));
	mpq_telemetry_us(o, "age-us", mpq_time_elapsed(v->since, now));
	mpq_telemetry_us(o, "idle-us", mpq_time_elapsed(v->last, now));
	mpq_telemetry_uint(o, "bps", v->bps);
	(void)snprintf(why, sizeof(why), "%s (%s).",
		       v->spread ? "Its packets take several paths, because it "
				   "fills one and others have room"
				 : "All its packets take one path, which keeps "
				   "their order without waiting",
		       mpq_steer_reason_name(v->reason));
	mpq_telemetry_text(o, "why", why);
}

struct json_object *mpq_explain(const struct mpq_engine *e,
				struct json_object *question,
				struct mpq_json_reader *in, mpq_time now)
{
	struct question q = {0};
	const struct mpq_session *s;
	struct mpq_steer_flow_view view;
	struct json_object *o;
	unsigned class;
	uint32_t flow;
	char hex[9];
	size_t rule;

	read_question(&q, e, in, question);
	if (in->error[0]) {
		return NULL;
	}
	s = q.tunnel->session;
	rule = decide(&s->policy, &q.ip, &class);
	flow = mpq_classify_flow(&q.ip, s->seed);
	o = json_object_new_object();
	if (rule < s->policy.classify.n_rules) {
		mpq_telemetry_text(o, "rule", s->policy.rule_name[rule]);
	}
	(void)snprintf(hex, sizeof(hex), "%08x", flow);
	mpq_telemetry_text(o, "flow", hex);
	mpq_telemetry_text(o, "class", s->policy.class[class].name);
	mpq_telemetry_text(o, "mode",
			   mpq_steer_mode_name(
				   s->policy.class[class].steer.mode));
	if (mpq_steer_explain(s->steer, class, flow, &view)) {
		add_view(o, q.tunnel, &view, now);
		return o;
	}
	mpq_telemetry_text(o, "state", "unseen");
	json_object_object_add(
		o, "paths",
		mpq_telemetry_path_names(q.tunnel,
					 mpq_steer_may_take(s->steer, class)));
	mpq_telemetry_text(o, "why", why_unseen(s, class));
	return o;
}
