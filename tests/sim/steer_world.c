/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/steer_private.h"

#include <assert.h>
#include <stdlib.h>

#define STEP  (100 * MPQ_MICROSECOND)
#define KEPT  12000
#define LAST  (500 * MS) /* for what is on its way */
#define PAUSE (2 * MPQ_SECOND)
#define OMIT  (2 * MPQ_SECOND)

const char *const sim_steer_traffics[SIM_TRAFFICS] = {"1 TCP CUBIC",
						      "1 TCP BBR",
						      "8 TCP CUBIC",
						      "1 QUIC-like", "UDP"};

static void put(void *owner, void *packet)
{
	struct sim_world *w = owner;

	mpq_packet_put(&w->pool, packet);
}

static void changed(void *owner, const struct mpq_steer_event *e)
{
	struct sim_world *w = owner;

	w->result->events++;
	w->result->spread += e->kind == MPQ_STEER_SPREAD;
	w->result->gathered += e->kind == MPQ_STEER_GATHERED;
	w->result->moved += e->kind == MPQ_STEER_PINNED;
	if (e->flow != MPQ_STEER_NO_FLOW) {
		sim_steer_move(w, e);
	}
	sim_trace(w->run, w->now,
		  "%s %s flow %x from %x to %x: %.1f; one %.1f all %.1f "
		  "Mbit/s, spread %.1f ms",
		  mpq_steer_kind_name(e->kind),
		  mpq_steer_reason_name(e->reason), (unsigned)e->flow, e->from,
		  e->to, (double)e->flow_bps / 1e6, (double)e->one_bps / 1e6,
		  (double)e->all_bps / 1e6, (double)e->delay_spread / 1e6);
}

static const struct mpq_repair_events repair_events = {put};
static const struct mpq_steer_events steer_events = {changed};

static void init_shared(struct sim_world *w)
{
	for (unsigned i = 0; i < SIM_STEER_CLASSES; i++) {
		sim_queue_init(&w->shared[i], &w->pool,
			       &(struct mpq_fair_config){0});
	}
}

static struct sim_world *world_new(struct sim_run *run,
				   const struct sim_steer_setup *setup,
				   struct sim_steer_result *result)
{
	struct sim_world *w = calloc(1, sizeof(*w));

	if (w == NULL || mpq_packet_pool_init(&w->pool, SIM_STEER_POOL) != 0) {
		abort();
	}
	*result = (struct sim_steer_result){0};
	w->run = run;
	w->setup = setup;
	w->result = result;
	w->now = w->last_delivery = SIM_STEER_START;
	/* Not all flows meet the links in the same phase. */
	w->start = SIM_STEER_START +
		   (setup->cold ? 0 : PAUSE + run->seed % 7 * 37 * MS);
	w->count_from = w->start + (setup->cold ? 0 : OMIT);
	w->count_until = w->count_from + setup->time;
	w->end = w->count_until + LAST;
	w->steer = mpq_steer_new(&steer_events, w, SIM_STEER_START);
	w->repair = mpq_repair_new(KEPT, &repair_events, w);
	assert(w->steer != NULL && w->repair != NULL);
	w->footprint = mpq_steer_footprint_bytes(w->steer) +
		       mpq_repair_footprint_bytes(w->repair);
	(void)mpq_steer_configure(w->steer, 0, &setup->class, SIM_STEER_START);
	init_shared(w);
	for (unsigned i = 0; i < setup->profile->paths; i++) {
		sim_steer_path_init(w, i);
	}
	sim_steer_receiver_init(w);
	w->flows = setup->traffic == SIM_TCP_8 ? SIM_STEER_FLOWS : 1;
	for (unsigned i = 0; i < w->flows; i++) {
		sim_steer_flow_init(w, i);
	}
	if (!setup->cold) {
		sim_steer_flow_warm(w);
	}
	if (setup->critical) {
		(void)mpq_steer_configure(w->steer, 1, &setup->critical_class,
					  SIM_STEER_START);
		sim_steer_flow_critical(w);
	}
	return w;
}

static void finish(struct sim_world *w)
{
	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		if (w->path[i].exists) {
			sim_steer_path_finish(&w->path[i]);
		}
	}
	for (unsigned i = 0; i < SIM_STEER_CLASSES; i++) {
		(void)sim_queue_clear(&w->shared[i]);
	}
	sim_steer_receiver_finish(w);
	mpq_repair_free(w->repair);
	mpq_steer_free(w->steer);
	sim_holds(w->run, w->pool.free_pkts == SIM_STEER_POOL, w->now,
		  "%zu packets leaked", SIM_STEER_POOL - w->pool.free_pkts);
	mpq_packet_pool_finish(&w->pool);
	free(w);
}

static double percentile_ms(const struct sim_flow *flow, unsigned flows,
			    double part)
{
	uint64_t seen = 0, all = 0;

	for (unsigned k = 0; k < flows; k++) {
		all += flow[k].delivered;
	}
	for (unsigned i = 0; i < SIM_STEER_DELAYS; i++) {
		for (unsigned k = 0; k < flows; k++) {
			seen += flow[k].delays[i];
		}
		if ((double)seen >= part * (double)all) {
			return i / 4.0;
		}
	}
	return SIM_STEER_DELAYS / 4.0;
}

static void summarize_critical(const struct sim_world *w)
{
	const struct sim_flow *f = &w->flow[SIM_STEER_CRITICAL];

	if (w->setup->critical) {
		w->result->critical_p999_ms = percentile_ms(f, 1, 0.999);
		w->result->critical_lost =
			1 - (double)f->udp_delivered / (double)f->udp_sent;
	}
}

static void summarize(struct sim_world *w)
{
	struct sim_steer_result *r = w->result;
	uint64_t payload = 0, sent = 0, delivered = 0;

	for (unsigned i = 0; i < w->flows; i++) {
		const struct sim_flow *f = &w->flow[i];

		payload += f->payload;
		sent += f->udp_sent;
		delivered += f->udp_delivered;
		sim_holds(w->run, f->payload > 0, w->now,
			  "flow %u got nothing through", i);
	}
	r->mbps = (double)payload * 8e3 / (double)w->setup->time;
	r->udp_lost = sent > 0 ? 1 - (double)delivered / (double)sent : 0;
	r->p99_ms = percentile_ms(w->flow, w->flows, 0.99);
	summarize_critical(w);
	sim_holds(w->run,
		  w->footprint == mpq_steer_footprint_bytes(w->steer) +
					  mpq_repair_footprint_bytes(w->repair),
		  w->now, "memory grew");
}

static void trace_counters(const struct sim_world *w)
{
	const struct mpq_repair_counters *r = mpq_repair_counters(w->repair);
	const struct mpq_order_counters *o = &w->order.counters[0];

	sim_trace(w->run, w->now,
		  "repaired %llu cancelled %llu expired %llu given up %llu "
		  "overflow %llu; order: early %llu time-out %llu cap %llu "
		  "repaired %llu late %llu",
		  (unsigned long long)r->repaired,
		  (unsigned long long)r->cancelled,
		  (unsigned long long)r->expired,
		  (unsigned long long)r->given_up,
		  (unsigned long long)r->overflow,
		  (unsigned long long)o->released_early,
		  (unsigned long long)o->released_timeout,
		  (unsigned long long)o->released_cap,
		  (unsigned long long)o->repaired,
		  (unsigned long long)o->repaired_late);
}

static void kill_and_revive(struct sim_world *w)
{
	const struct sim_steer_setup *s = w->setup;
	struct sim_link *l = &w->path[s->dead].link;
	bool dead = s->dead_at > 0 && w->now >= w->count_from + s->dead_at &&
		    (s->back_at == 0 || w->now < w->count_from + s->back_at);

	if (s->dead_at > 0 && l->shape.down != dead) {
		struct sim_link_shape shape = l->shape;

		shape.down = dead;
		sim_link_set(l, &shape, w->now);
	}
}

static void trace_paths(const struct sim_world *w)
{
	if ((w->now - SIM_STEER_START) % (100 * MS) != 0) {
		return;
	}
	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		const struct sim_path *p = &w->path[i];
		const struct sim_transport *t = &p->transport;

		if (!p->exists) {
			continue;
		}
		sim_trace(w->run, w->now,
			  "path %u: rate %.1f in flight %llu of %llu rtt %.1f "
			  "queue %zu link %zu lost %llu; shared %zu; flow: "
			  "%llu of %llu lost %llu held %zu",
			  i, (double)p->estimate.rate_bps / 1e6,
			  (unsigned long long)t->in_flight,
			  (unsigned long long)t->cwnd, (double)t->srtt / 1e6,
			  p->queue[0].pkts, p->link.queued_bytes,
			  (unsigned long long)p->estimate.lost,
			  w->shared[0].pkts,
			  (unsigned long long)w->flow[0].transport.in_flight,
			  (unsigned long long)w->flow[0].transport.cwnd,
			  (unsigned long long)w->flow[0].transport.lost_pkts,
			  w->held);
	}
}

/* A step is 0.1 ms: links keep their own, exact time. */
void sim_steer_run(struct sim_run *run, const struct sim_steer_setup *setup,
		   struct sim_steer_result *ret)
{
	struct sim_world *w = world_new(run, setup, ret);

	for (; w->now < w->end && !run->failed; w->now += STEP) {
		kill_and_revive(w);
		for (unsigned i = 0; i < setup->profile->paths; i++) {
			if (w->path[i].exists) {
				sim_steer_receive(&w->path[i]);
				sim_steer_take_acks(&w->path[i]);
			}
		}
		trace_paths(w);
		mpq_steer_expire(w->steer, w->now);
		sim_steer_receiver_expire(w);
		for (unsigned i = 0; i < w->flows; i++) {
			sim_steer_flow_run(&w->flow[i]);
		}
		if (setup->critical) {
			sim_steer_flow_run(&w->flow[SIM_STEER_CRITICAL]);
		}
		if (w->now < w->start) {
			sim_steer_flow_run(&w->flow[SIM_STEER_WARM]);
		}
		sim_steer_send(w);
	}
	trace_counters(w);
	summarize(w);
	finish(w);
}
