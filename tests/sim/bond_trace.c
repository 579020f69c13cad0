/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bond_trace.h"

static unsigned long long u(uint64_t v)
{
	return v;
}

static double ms(mpq_duration d)
{
	return (double)d / 1e6;
}

static void trace_member(struct bond_world *w, const struct bond_side *side,
			 const struct mpq_session_path *m)
{
	const struct mpq_estimate *e = &m->estimate;
	size_t own = 0;

	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		own += m->own[c].pkts;
	}
	sim_trace(w->run, w->now,
		  "%s path %u %s: rtt %.1f min %.1f one way %.1f, flight %llu "
		  "of %llu, rate %.1f, own %zu urgent %zu, in %.1f, loss %u, "
		  "told +%.1f ms queue %.1f loss %u; out %llu again %llu; "
		  "parities out %llu in %llu restored %llu",
		  side->name, m->index, mpq_session_member_state_name(m->state),
		  ms(e->view.rtt_smoothed), ms(e->view.rtt_min),
		  ms(mpq_estimate_one_way(e)), u(e->view.in_flight_bytes),
		  u(e->view.cwnd_bytes), (double)e->rate_bps / 1e6, own,
		  m->urgent_pkts, (double)m->rate_in_bps / 1e6,
		  mpq_estimate_loss_ppm(e, w->now), ms(m->told.offset),
		  ms(m->told.queueing), m->told.loss_ppm, u(m->packets_out),
		  u(m->repaired), u(m->parities_out), u(m->parities_in),
		  u(m->restored));
}

static void trace_session(struct bond_world *w, const struct bond_side *side,
			  const struct mpq_session *s)
{
	const struct mpq_order_counters *c =
		&s->order.counters[s->policy.n_classes - 1];

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		if (s->path[i].state != MPQ_SESSION_AWAY) {
			trace_member(w, side, &s->path[i]);
		}
	}
	sim_trace(w->run, w->now,
		  "%s: shared %zu (dropped: full %llu, delay %llu), held %zu; "
		  "order: late %llu early %llu timeout %llu cap %llu repaired "
		  "%llu late %llu duplicate %llu waited %.1f ms",
		  side->name, s->shared[0].pkts, u(s->shared[0].dropped_full),
		  u(s->shared[0].dropped_delay), (size_t)s->order.held.pkts,
		  u(c->late), u(c->released_early), u(c->released_timeout),
		  u(c->released_cap), u(c->repaired), u(c->repaired_late),
		  u(c->duplicate), c->held > 0 ? ms(c->waited / c->held) : 0);
}

static void trace_path(struct bond_world *w, unsigned i)
{
	const struct bond_path *p = &w->path[i];

	sim_trace(w->run, w->now,
		  "link %u up %zu down %zu bytes waiting, %llu %llu lost, "
		  "%llu %llu full",
		  i, p->up.queued_bytes, p->down.queued_bytes,
		  u(p->up.counters.lost), u(p->down.counters.lost),
		  u(p->up.counters.dropped_queue),
		  u(p->down.counters.dropped_queue));
}

static void trace_flow(struct bond_world *w, size_t i)
{
	struct bond_flow *f = w->flow[i];
	const struct sim_transport *t = &f->transport;

	sim_trace(
		w->run, w->now,
		"flow %zu sent %llu refused %llu came %llu reordered %llu, "
		"flight %llu of %llu, rtt %.1f, lost %llu spurious %llu, took "
		"at most %.1f ms",
		i, u(f->sent), u(f->refused), u(f->came), u(f->reordered),
		u(t->in_flight), u(t->cwnd), ms(t->srtt), u(t->lost_pkts),
		u(t->spurious), ms(f->late));
	f->late = 0;
}

void bond_trace_state(struct bond_world *w)
{
	const struct bond_side *sides[2] = {&w->edge, &w->vps};

	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		if (w->path[i].exists) {
			trace_path(w, i);
		}
	}
	for (int i = 0; i < 2; i++) {
		const struct mpq_session *s =
			sides[i]->engine.tunnels[0]->session;

		if (s != NULL) {
			trace_session(w, sides[i], s);
		}
	}
	for (size_t i = 0; i < w->flows; i++) {
		trace_flow(w, i);
	}
}

void bond_trace_steered(const struct bond_side *side,
			const struct mpq_steer_event *e)
{
	const struct bond_world *w = side->world;

	sim_trace(
		w->run, w->now,
		"%s: flow %08x %s: %s, paths %x to %x, %.1f Mbit/s, one %.1f, "
		"all %.1f, spread %.1f ms",
		side->name, e->flow, mpq_steer_kind_name(e->kind),
		mpq_steer_reason_name(e->reason), e->from, e->to,
		(double)e->flow_bps / 1e6, (double)e->one_bps / 1e6,
		(double)e->all_bps / 1e6, ms(e->delay_spread));
}

void bond_trace_path(const struct bond_side *side, const struct mpq_path *p)
{
	const struct bond_world *w = side->world;

	sim_trace(w->run, w->now, "%s: %s is %s: %s; dials %u connects %u",
		  side->name, p->config.name,
		  mpq_life_state_name(p->life.state), p->life.reason,
		  p->life.dials, p->life.connects);
}

void bond_trace_member(const struct bond_side *side,
		       const struct mpq_session_path *m, const char *reason,
		       mpq_duration gap)
{
	const struct bond_world *w = side->world;

	sim_trace(w->run, w->now, "%s: path %u is %s: %s, gap %.1f ms",
		  side->name, m->index, mpq_session_member_state_name(m->state),
		  reason, ms(gap));
}
