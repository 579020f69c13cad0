/* SPDX-License-Identifier: Apache-2.0 */
/* What a session measures, and what it tells. */
#include "dataplane/telemetry_private.h"

#include <stdio.h>

/* A member's name is its path's at the edge; a concentrator has its place. */
static const char *path_name(const struct mpq_tunnel *t, unsigned i)
{
	return t->session->client ? t->members[i] : "";
}

struct json_object *mpq_telemetry_path_names(const struct mpq_tunnel *t,
					     mpq_steer_set set)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const char *name = path_name(t, i);

		if ((set >> i & 1) == 0) {
			continue;
		}
		json_object_array_add(list,
				      name[0] != '\0'
					      ? json_object_new_string(name)
					      : json_object_new_int((int)i));
	}
	return list;
}

/* As the peer sees what we send: true to the link, in this direction. */
static void add_told(struct json_object *o, const struct mpq_session_path *m)
{
	if (m->told_at == MPQ_TIME_NEVER) {
		return;
	}
	mpq_telemetry_us(o, "one-way-offset-us", m->told.offset);
	mpq_telemetry_us(o, "jitter-us", m->told.jitter);
	mpq_telemetry_us(o, "queueing-us", m->told.queueing);
	mpq_telemetry_uint(o, "loss-ppm", m->told.loss_ppm);
	mpq_telemetry_uint(o, "out-rate-bps", m->told.rate_bps);
}

/* As we see what the peer sends. */
static void add_seen(struct json_object *o, const struct mpq_session_path *m,
		     mpq_time now)
{
	const struct mpq_delay *d = &m->session->delay;

	if (m->heard == MPQ_TIME_NEVER) {
		return;
	}
	mpq_telemetry_us(o, "in-one-way-offset-us",
			 mpq_delay_offset(d, m->index, now));
	mpq_telemetry_us(o, "in-jitter-us", d->paths[m->index].jitter.mean);
	mpq_telemetry_us(o, "in-queueing-us", mpq_delay_queueing(d, m->index));
	mpq_telemetry_uint(o, "in-loss-ppm", mpq_delay_loss_ppm(d, m->index));
	mpq_telemetry_uint(o, "in-rate-bps", m->rate_in_bps);
	mpq_telemetry_uint(o, "in-reorder-packets",
			   d->paths[m->index].reorder_pkts);
	mpq_telemetry_us(o, "heard-us", mpq_time_elapsed(m->heard, now));
}

static void add_queue(struct json_object *o, const struct mpq_session_path *m)
{
	uint64_t pkts = m->urgent_pkts;
	mpq_duration sojourn = 0;

	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		pkts += m->own[c].pkts;
		if (m->own[c].pkts > 0 && m->own[c].sojourn > sojourn) {
			sojourn = m->own[c].sojourn;
		}
	}
	mpq_telemetry_uint(o, "queue-packets", pkts);
	mpq_telemetry_us(o, "queue-us", sojourn);
}

/* What the link can do in this direction; what steering expects of it just now
 * is another matter. */
static void add_capacity(struct json_object *o, const struct mpq_capacity *c,
			 mpq_time now)
{
	if (c->bps == 0) {
		return;
	}
	mpq_telemetry_uint(o, "capacity-bps", c->bps);
	mpq_telemetry_bool(o, "capacity-proven", !c->at_least);
	mpq_telemetry_us(o, "capacity-age-us", mpq_time_elapsed(c->at, now));
}

static struct json_object *member(const struct mpq_tunnel *t, unsigned i,
				  mpq_time now)
{
	const struct mpq_session_path *m = &t->session->path[i];
	struct json_object *o = json_object_new_object();

	mpq_telemetry_text(o, "path", path_name(t, i));
	mpq_telemetry_uint(o, "id", i);
	mpq_telemetry_text(o, "state", mpq_session_member_state_name(m->state));
	mpq_telemetry_text(o, "reason", m->reason);
	mpq_telemetry_us(o, "age-us", mpq_time_elapsed(m->since, now));
	mpq_telemetry_bool(o, "usable", m->state == MPQ_SESSION_USED);
	mpq_telemetry_bool(o, "metered", m->metered);
	mpq_telemetry_us(o, "rtt-us", m->estimate.view.rtt_smoothed);
	mpq_telemetry_us(o, "rtt-min-us", m->estimate.view.rtt_min);
	add_capacity(o, &m->estimate.capacity, now);
	mpq_telemetry_uint(o, "expected-bps",
			   mpq_estimate_rate_bps(&m->estimate, now));
	mpq_telemetry_uint(o, "congested", m->estimate.congested);
	add_told(o, m);
	add_seen(o, m, now);
	add_queue(o, m);
	mpq_telemetry_uint(o, "out-packets", m->packets_out);
	mpq_telemetry_uint(o, "out-bytes", m->bytes_out);
	mpq_telemetry_uint(o, "in-packets", m->packets_in);
	mpq_telemetry_uint(o, "in-bytes", m->bytes_in);
	mpq_telemetry_uint(o, "repaired", m->repaired);
	mpq_telemetry_uint(o, "probes", m->probes);
	mpq_telemetry_uint(o, "out-parities", m->parities_out);
	mpq_telemetry_uint(o, "in-parities", m->parities_in);
	mpq_telemetry_uint(o, "ignored-parities", m->parities_ignored);
	mpq_telemetry_uint(o, "restored", m->restored);
	return o;
}

static uint64_t queued(const struct mpq_session *s, unsigned c,
		       uint64_t *ret_dropped, mpq_duration *ret_sojourn)
{
	uint64_t pkts = s->shared[c].pkts;

	*ret_dropped = s->shared[c].dropped_delay + s->shared[c].dropped_full;
	*ret_sojourn = s->shared[c].pkts > 0 ? s->shared[c].sojourn : 0;
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_fair *q = &s->path[i].own[c];

		pkts += q->pkts;
		*ret_dropped += q->dropped_delay + q->dropped_full;
		if (q->pkts > 0 && q->sojourn > *ret_sojourn) {
			*ret_sojourn = q->sojourn;
		}
	}
	return pkts;
}

static struct json_object *class(const struct mpq_session *s, unsigned c)
{
	const struct mpq_session_class_counters *n = &s->class[c];
	const struct mpq_steer_class_counters *k =
		mpq_steer_counters(s->steer, c);
	const struct mpq_order_counters *r = &s->order.counters[c];
	struct json_object *o = json_object_new_object();
	mpq_duration sojourn;
	uint64_t dropped, pkts = queued(s, c, &dropped, &sojourn);

	mpq_telemetry_text(o, "name", s->policy.class[c].name);
	mpq_telemetry_text(o, "mode",
			   mpq_steer_mode_name(s->policy.class[c].steer.mode));
	mpq_telemetry_uint(o, "priority", s->policy.class[c].priority);
	mpq_telemetry_uint(o, "out-packets", n->packets_out);
	mpq_telemetry_uint(o, "out-bytes", n->bytes_out);
	mpq_telemetry_uint(o, "dropped", dropped + n->over_rate + n->too_big);
	mpq_telemetry_uint(o, "over-rate", n->over_rate);
	mpq_telemetry_uint(o, "queue-packets", pkts);
	mpq_telemetry_us(o, "queue-us", sojourn);
	mpq_telemetry_uint(o, "repaired", n->repaired);
	mpq_telemetry_uint(o, "repairs-expired", n->expired);
	mpq_telemetry_uint(o, "copies", k->copies - n->copies_unmade);
	mpq_telemetry_uint(o, "copies-withheld",
			   k->copies_withheld + n->copies_unmade);
	mpq_telemetry_uint(o, "flows-pinned", k->pinned);
	mpq_telemetry_uint(o, "flows-moved", k->moved);
	mpq_telemetry_uint(o, "flows-spread", k->spread);
	mpq_telemetry_uint(o, "flows-gathered", k->gathered);
	mpq_telemetry_uint(o, "delivered", r->delivered);
	mpq_telemetry_uint(o, "held", r->held);
	mpq_telemetry_uint(o, "late", r->late);
	mpq_telemetry_uint(o, "duplicate", r->duplicate);
	mpq_telemetry_uint(o, "holes-early", r->released_early);
	mpq_telemetry_uint(o, "holes-timeout",
			   r->released_timeout + r->released_cap);
	mpq_telemetry_us(o, "waited-us", r->waited);
	mpq_telemetry_us(o, "waited-max-us", r->waited_max);
	return o;
}

/* The last one is what no rule matched. */
static struct json_object *rule(const struct mpq_policy *p, size_t i)
{
	struct json_object *o = json_object_new_object();
	bool named = i < p->classify.n_rules;
	unsigned class =
		named ? p->classify.rule[i].class_id : p->classify.fallback;

	mpq_telemetry_text(o, "name", named ? p->rule_name[i] : "");
	mpq_telemetry_text(o, "class", p->class[class].name);
	i = named ? i : MPQ_CLASSIFY_RULES;
	mpq_telemetry_uint(o, "packets", p->classify.hits[i].packets);
	mpq_telemetry_uint(o, "bytes", p->classify.hits[i].bytes);
	return o;
}

static struct json_object *counters(const struct mpq_session *s)
{
	const struct mpq_session_counters *c = &s->counters;
	struct json_object *o = json_object_new_object();

	mpq_telemetry_uint(o, "in-datagrams", c->datagrams_in);
	mpq_telemetry_uint(o, "malformed", c->malformed);
	mpq_telemetry_uint(o, "unknown-class", s->order.unknown_class);
	mpq_telemetry_uint(o, "no-buffer", c->no_buffer);
	mpq_telemetry_uint(o, "unrepaired",
			   c->unrepaired +
				   mpq_repair_counters(s->repair)->overflow);
	mpq_telemetry_uint(o, "probes-in", c->probes_in);
	mpq_telemetry_uint(o, "probes-limited", c->probes_limited);
	mpq_telemetry_uint(o, "probes-out", c->probes_out);
	mpq_telemetry_uint(o, "reports-in", c->reports_in);
	mpq_telemetry_uint(o, "reports-out", c->reports_out);
	mpq_telemetry_uint(o, "opens", c->opens);
	mpq_telemetry_uint(o, "joins", c->joins);
	mpq_telemetry_uint(o, "refused-joins", c->refused_joins);
	mpq_telemetry_uint(o, "refused-capsules", c->refused_capsules);
	mpq_telemetry_uint(o, "policies", c->policies);
	mpq_telemetry_uint(o, "refused-policies", c->refused_policies);
	return o;
}

struct json_object *mpq_telemetry_session(const struct mpq_tunnel *t,
					  mpq_time now)
{
	const struct mpq_session *s = t->session;
	struct json_object *o = json_object_new_object();
	struct json_object *list = mpq_telemetry_list(o, "members");

	mpq_telemetry_text(o, "state",
			   mpq_session_is_up(s) ? "up"
			   : s->open            ? "down"
						: "not open");
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		if (path_name(t, i)[0] != '\0' || s->path[i].channel != NULL) {
			json_object_array_add(list, member(t, i, now));
		}
	}
	list = mpq_telemetry_list(o, "classes");
	for (unsigned c = 0; c < s->policy.n_classes; c++) {
		json_object_array_add(list, class(s, c));
	}
	list = mpq_telemetry_list(o, "rules");
	for (size_t i = 0; i <= s->policy.classify.n_rules; i++) {
		json_object_array_add(list, rule(&s->policy, i));
	}
	json_object_object_add(o, "counters", counters(s));
	return o;
}

struct json_object *
mpq_telemetry_member_event(const struct mpq_tunnel *t, unsigned path,
			   enum mpq_session_member_state was,
			   const char *reason, mpq_duration gap)
{
	const struct mpq_session_path *m = &t->session->path[path];
	struct json_object *o = json_object_new_object();

	mpq_telemetry_text(o, "event", "member");
	mpq_telemetry_text(o, "tunnel", t->config.name);
	mpq_telemetry_text(o, "path", path_name(t, path));
	mpq_telemetry_uint(o, "id", path);
	mpq_telemetry_text(o, "was", mpq_session_member_state_name(was));
	mpq_telemetry_text(o, "is", mpq_session_member_state_name(m->state));
	mpq_telemetry_text(o, "reason", reason);
	if (gap > 0) {
		mpq_telemetry_us(o, "gap-us", gap);
	}
	return o;
}

struct json_object *
mpq_telemetry_steering_event(const struct mpq_tunnel *t,
			     const struct mpq_steer_event *e)
{
	const struct mpq_policy *p = &t->session->policy;
	struct json_object *o = json_object_new_object();
	char hex[9];

	mpq_telemetry_text(o, "event", "steering");
	mpq_telemetry_text(o, "tunnel", t->config.name);
	mpq_telemetry_text(o, "class", p->class[e->class].name);
	mpq_telemetry_text(o, "what", mpq_steer_kind_name(e->kind));
	mpq_telemetry_text(o, "reason", mpq_steer_reason_name(e->reason));
	if (e->flow != MPQ_STEER_NO_FLOW) {
		(void)snprintf(hex, sizeof(hex), "%08x", e->flow);
		mpq_telemetry_text(o, "flow", hex);
		mpq_telemetry_uint(o, "flow-bps", e->flow_bps);
	}
	json_object_object_add(o, "from", mpq_telemetry_path_names(t, e->from));
	json_object_object_add(o, "to", mpq_telemetry_path_names(t, e->to));
	mpq_telemetry_uint(o, "one-bps", e->one_bps);
	mpq_telemetry_uint(o, "all-bps", e->all_bps);
	mpq_telemetry_us(o, "spread-us", e->delay_spread);
	return o;
}
