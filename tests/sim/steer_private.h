/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of sim_steer's world, for its own files: steer_world (the loop and
 * the figures), steer_flow (inner transports), steer_sender (what the tunnel's
 * sending end does), steer_receiver (and its receiving end).
 */
#ifndef MPQ_TESTS_SIM_STEER_PRIVATE_H
#define MPQ_TESTS_SIM_STEER_PRIVATE_H

#include "dataplane/bond/delay.h"
#include "dataplane/bond/order.h"
#include "tests/sim/steer_world.h"

#define MS                 MPQ_MILLISECOND
#define SIM_STEER_START    MPQ_SECOND
#define SIM_STEER_POOL     40000
#define SIM_STEER_ACKS     32768
#define SIM_STEER_LANES    256
#define SIM_STEER_CLASSES  2
#define SIM_STEER_DEADLINE (300 * MS) /* of repairs */
#define SIM_STEER_URGENT   2000
#define SIM_STEER_CRITICAL (SIM_STEER_FLOWS + 1)
#define SIM_STEER_WARM     SIM_STEER_FLOWS /* the flow that fills all first */

struct sim_wire { /* what is in a datagram */
	struct mpq_header header;
	bool numbered; /* the header's sequence is set */
	bool probe;    /* of the connection, without a packet */
	uint64_t id, inner;
	mpq_time sent; /* into the tunnel */
	uint32_t flow, again;
};

struct sim_acks { /* in flight back; in order */
	struct {
		mpq_time at;
		uint64_t id;
	} ring[SIM_STEER_ACKS];
	uint64_t head, tail;
};

struct sim_path {
	struct sim_world *world;
	unsigned index;
	bool exists;
	struct sim_link link;
	struct sim_transport transport;
	struct mpq_estimate estimate;
	struct sim_queue queue[SIM_STEER_CLASSES], urgent;
	struct mpq_repair_item again[SIM_STEER_URGENT]; /* urgent's */
	uint64_t again_head, again_tail;
	struct sim_acks acks;
	uint16_t sequence;
	uint64_t bytes; /* onto the link */
	bool turn, refused;
};

struct sim_flow {
	struct sim_world *world;
	unsigned index, class;
	struct sim_transport transport;
	struct sim_acks acks;
	double udp_mbps; /* 0: a transport */
	mpq_time start, count_from, stop, udp_next;
	uint64_t udp_sent, udp_delivered;
	uint64_t payload;
	uint32_t delays[SIM_STEER_DELAYS];
	uint64_t delivered;
};

struct sim_world {
	struct sim_run *run;
	const struct sim_steer_setup *setup;
	struct sim_steer_result *result;
	mpq_time now, start, count_from, count_until, end;
	struct mpq_packet_pool pool;
	struct mpq_steer *steer;
	struct mpq_repair *repair;
	struct sim_queue shared[SIM_STEER_CLASSES];
	struct sim_path path[SIM_PROFILE_PATHS];
	struct sim_flow flow[SIM_STEER_FLOWS + 2];
	unsigned flows;
	uint32_t sequence[SIM_STEER_CLASSES][SIM_STEER_LANES];
	struct mpq_delay delay;
	struct mpq_order order;
	size_t held;       /* by order */
	mpq_steer_set out; /* paths whose silence was answered */
	mpq_time last_delivery;
	uint64_t footprint;
};

/* steer_flow.c */
void sim_steer_push_ack(struct sim_acks *a, uint64_t id, mpq_time at);
/* false: none has come by now. */
bool sim_steer_pop_ack(struct sim_acks *a, mpq_time now, uint64_t *ret_id,
		       bool *ret_more);
void sim_steer_flow_init(struct sim_world *w, unsigned i);
void sim_steer_flow_warm(struct sim_world *w);
void sim_steer_flow_critical(struct sim_world *w);
void sim_steer_flow_run(struct sim_flow *f);
void sim_steer_flow_deliver(struct sim_flow *f, const struct sim_wire *wire);

/* steer_sender.c */
void sim_steer_path_init(struct sim_world *w, unsigned i);
void sim_steer_path_finish(struct sim_path *p);
void sim_steer_move(struct sim_world *w, const struct mpq_steer_event *e);
void sim_steer_into_tunnel(struct sim_flow *f, uint64_t inner);
void sim_steer_take_acks(struct sim_path *p);
/* Silence, repairs, and what each path may send. */
void sim_steer_send(struct sim_world *w);

/* steer_receiver.c */
void sim_steer_receiver_init(struct sim_world *w);
void sim_steer_receiver_finish(struct sim_world *w);
void sim_steer_receive(struct sim_path *p);
void sim_steer_receiver_expire(struct sim_world *w);

#endif
