/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/steer_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HELD_PKTS    16384
#define HELD_BYTES   (HELD_PKTS * (size_t)SIM_STEER_INNER)
#define REFRESH      (100 * MS)
#define REPAIR_SLACK (100 * MS)

/* Order holds copies of what was in the datagrams. */
static void deliver(void *owner, void *packet, bool late)
{
	struct sim_world *w = owner;
	const struct sim_wire *wire = packet;
	mpq_duration gap = w->now - w->last_delivery;

	w->held--;
	w->result->late += late;
	if (late) {
		sim_trace(w->run, w->now,
			  "%llu is late, sent again %u times; it came after "
			  "%.1f ms",
			  (unsigned long long)wire->inner, wire->again,
			  (double)(w->now - wire->sent) / 1e6);
	}
	if (w->setup->dead_at > 0 &&
	    w->now > w->setup->dead_at + w->count_from &&
	    gap > w->result->gap) {
		w->result->gap = gap;
	}
	w->last_delivery = w->now;
	sim_steer_flow_deliver(&w->flow[wire->flow], wire);
	free(packet);
}

static void drop(void *owner, void *packet, enum mpq_order_drop why)
{
	struct sim_world *w = owner;

	w->held--;
	w->result->duplicates += why == MPQ_ORDER_DUPLICATE;
	free(packet);
}

static const struct mpq_order_events order_events = {deliver, drop};

/* As dataplane/session does it. The other end has the same connections, so it
 * knows the same round trips. */
static mpq_duration repair_time(const struct sim_world *w)
{
	mpq_duration rtt = 0;

	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		mpq_duration own = w->path[i].transport.srtt;

		rtt = own > rtt ? own : rtt;
	}
	return 2 * rtt + REPAIR_SLACK;
}

static void set_classes(struct sim_world *w)
{
	mpq_duration repair = repair_time(w);
	struct mpq_order_class class = {.cap = w->setup->class.order_cap,
					.repair = w->setup->no_repair ? 0
						  : repair < SIM_STEER_DEADLINE
							  ? repair
							  : SIM_STEER_DEADLINE};

	for (unsigned i = 0; i < SIM_STEER_CLASSES; i++) {
		mpq_order_set_class(&w->order, i, &class);
	}
}

void sim_steer_receiver_init(struct sim_world *w)
{
	const struct mpq_order_config config = {.classes = SIM_STEER_CLASSES,
						.held_pkts = HELD_PKTS,
						.held_bytes = HELD_BYTES,
						.seed = w->run->seed};

	mpq_delay_init(&w->delay);
	if (mpq_order_init(&w->order, &config, &w->delay, &order_events, w) !=
	    0) {
		abort();
	}
	set_classes(w);
}

void sim_steer_receiver_finish(struct sim_world *w)
{
	mpq_order_finish(&w->order);
	sim_holds(w->run, w->held == 0, w->now, "order keeps %zu packets",
		  w->held);
}

static void take(struct sim_path *p, const struct sim_wire *wire)
{
	struct sim_world *w = p->world;
	mpq_time sent =
		mpq_delay_arrived(&w->delay, p->index, &wire->header, w->now);
	struct sim_wire *copy;

	if (!mpq_header_in_lane(&wire->header)) {
		return;
	}
	copy = malloc(sizeof(*copy));
	if (copy == NULL) {
		abort();
	}
	*copy = *wire;
	w->held++;
	w->result->held_max =
		w->held > w->result->held_max ? w->held : w->result->held_max;
	mpq_order_arrived(&w->order, &wire->header, p->index, sent, copy,
			  SIM_STEER_INNER, w->now);
}

void sim_steer_receive(struct sim_path *p)
{
	struct sim_world *w = p->world;
	const struct sim_link_packet *packet;

	while ((packet = sim_link_pop(&p->link, w->now)) != NULL) {
		struct sim_wire wire;

		memcpy(&wire, packet->data, sizeof(wire));
		if (!p->link.shape.down) {
			sim_steer_push_ack(&p->acks, wire.id,
					   w->now + p->link.shape.delay + MS);
		}
		if (!wire.probe) {
			take(p, &wire);
		}
	}
}

void sim_steer_receiver_expire(struct sim_world *w)
{
	if ((w->now - SIM_STEER_START) % REFRESH == 0) {
		set_classes(w);
	}
	mpq_order_expire(&w->order, w->now);
}
