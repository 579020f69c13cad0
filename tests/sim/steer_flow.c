/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/steer_private.h"

#include <assert.h>

#define WARM (1500 * MS)

void sim_steer_push_ack(struct sim_acks *a, uint64_t id, mpq_time at)
{
	assert(a->tail - a->head < SIM_STEER_ACKS);
	if (a->tail > a->head) { /* the way back keeps order */
		mpq_time before = a->ring[(a->tail - 1) % SIM_STEER_ACKS].at;

		at = at > before ? at : before;
	}
	a->ring[a->tail % SIM_STEER_ACKS].at = at;
	a->ring[a->tail++ % SIM_STEER_ACKS].id = id;
}

/* What comes at once is merged on the way, and acknowledged at once. */
bool sim_steer_pop_ack(struct sim_acks *a, mpq_time now, uint64_t *ret_id,
		       bool *ret_more)
{
	if (a->head == a->tail || a->ring[a->head % SIM_STEER_ACKS].at > now) {
		return false;
	}
	*ret_id = a->ring[a->head % SIM_STEER_ACKS].id;
	*ret_more = a->head + 1 < a->tail &&
		    a->ring[(a->head + 1) % SIM_STEER_ACKS].at ==
			    a->ring[a->head % SIM_STEER_ACKS].at;
	a->head++;
	return true;
}

static void lost(void *owner, uint64_t id, mpq_time now)
{
	struct sim_flow *f = owner;

	sim_trace(f->world->run, now, "flow %u takes %llu for lost", f->index,
		  (unsigned long long)id);
}

void sim_steer_flow_init(struct sim_world *w, unsigned i)
{
	static const enum sim_transport_kind kinds[SIM_TRAFFICS] = {
		SIM_TRANSPORT_CUBIC, SIM_TRANSPORT_BBR, SIM_TRANSPORT_CUBIC,
		SIM_TRANSPORT_QUIC, SIM_TRANSPORT_CUBIC};
	struct sim_flow *f = &w->flow[i];

	f->world = w;
	f->index = i;
	f->start = f->udp_next = w->start;
	f->count_from = w->count_from;
	f->stop = w->count_until;
	f->udp_mbps = w->setup->traffic == SIM_UDP ? w->setup->udp_mbps : 0;
	sim_transport_init(&f->transport, kinds[w->setup->traffic], false,
			   f->start);
	f->transport.on_lost = lost;
	f->transport.owner = f;
}

/* More than all paths carry, for a while, well before what is measured. */
void sim_steer_flow_warm(struct sim_world *w)
{
	struct sim_flow *f = &w->flow[SIM_STEER_WARM];

	*f = (struct sim_flow){.world = w,
			       .index = SIM_STEER_WARM,
			       .udp_mbps = 1.2 * w->result->link_mbps,
			       .start = SIM_STEER_START,
			       .count_from = MPQ_TIME_NEVER,
			       .stop = SIM_STEER_START + WARM,
			       .udp_next = SIM_STEER_START};
}

void sim_steer_flow_critical(struct sim_world *w)
{
	struct sim_flow *f = &w->flow[SIM_STEER_CRITICAL];

	*f = (struct sim_flow){.world = w,
			       .index = SIM_STEER_CRITICAL,
			       .class = 1,
			       .udp_mbps = 100 * SIM_STEER_INNER * 8 / 1e6,
			       .start = w->start,
			       .count_from = w->count_from + w->setup->time / 2,
			       .stop = w->count_until,
			       .udp_next = w->start};
}

static mpq_duration way_back(const struct sim_world *w)
{
	mpq_duration least = MPQ_SECOND;

	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		const struct sim_path *p = &w->path[i];

		if (p->exists && !p->link.shape.down &&
		    p->link.shape.delay < least) {
			least = p->link.shape.delay;
		}
	}
	return least;
}

static bool counts(const struct sim_flow *f)
{
	return f->world->now >= f->count_from &&
	       f->world->now < f->world->count_until;
}

void sim_steer_flow_deliver(struct sim_flow *f, const struct sim_wire *wire)
{
	struct sim_world *w = f->world;
	uint64_t bucket = (w->now - wire->sent) / (MS / 4);

	if (f->udp_mbps > 0) {
		f->udp_delivered++;
	} else {
		sim_steer_push_ack(&f->acks, wire->inner,
				   w->now + way_back(w) + MS);
	}
	if (!counts(f)) {
		return;
	}
	f->payload += f->udp_mbps > 0 ? SIM_STEER_INNER : 0;
	f->delays[bucket < SIM_STEER_DELAYS ? bucket : SIM_STEER_DELAYS - 1]++;
	f->delivered++;
}

static void take_acks(struct sim_flow *f)
{
	struct sim_world *w = f->world;
	bool any = false, more;
	uint64_t id;

	while (sim_steer_pop_ack(&f->acks, w->now, &id, &more)) {
		f->transport.merged = more;
		if (sim_transport_acked(&f->transport, id, w->now)) {
			f->payload += counts(f) ? SIM_STEER_PAYLOAD : 0;
		}
		any = true;
	}
	if (any) {
		sim_transport_detect(&f->transport, w->now);
	}
}

static void send_one(struct sim_flow *f)
{
	sim_steer_into_tunnel(f,
			      sim_transport_sent(&f->transport, SIM_STEER_INNER,
						 false, f->world->now));
}

void sim_steer_flow_run(struct sim_flow *f)
{
	struct sim_world *w = f->world;

	if (w->now < f->start) {
		return;
	}
	if (f->udp_mbps > 0) {
		mpq_duration gap =
			(mpq_duration)(SIM_STEER_INNER * 8e3 / f->udp_mbps);

		for (; f->udp_next <= w->now && w->now < f->stop;
		     f->udp_next += gap) {
			sim_steer_into_tunnel(f, f->udp_sent++);
		}
		return;
	}
	take_acks(f);
	if (sim_transport_expire(&f->transport, w->now)) {
		send_one(f);
	}
	while (sim_transport_may_send(&f->transport, w->now)) {
		send_one(f);
	}
}
