/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One inner flow, both ends of it: real IPv4 packets into one device and out of
 * another, acknowledgements as packets the other way. The congestion control
 * is a model (steer_transport.h): CUBIC, BBR-like, QUIC-like; or none: a
 * constant stream. Notices what comes twice, out of order, or late.
 */
#ifndef MPQ_TESTS_SIM_BOND_FLOW_H
#define MPQ_TESTS_SIM_BOND_FLOW_H

#include "tests/sim/steer_transport.h"

#define BOND_FLOW_HEADERS   52    /* IPv4 and TCP with time stamps */
#define BOND_FLOW_DELAYS    16384 /* quarters of a millisecond */
#define BOND_FLOW_RANGES    16
#define BOND_FLOW_WINDOW    65536 /* ids that are remembered */
#define BOND_FLOW_MAX_BYTES 1500

enum bond_flow_kind {
	BOND_FLOW_CUBIC,
	BOND_FLOW_BBR,
	BOND_FLOW_QUIC,
	BOND_FLOW_UDP,
	BOND_FLOW_KINDS
};
extern const char *const bond_flow_names[BOND_FLOW_KINDS];

struct bond_flow_config {
	enum bond_flow_kind kind;
	bool down;    /* from the concentrator's side to the edge's */
	double mbps;  /* UDP: of IP packets */
	size_t bytes; /* of an IP packet */
	uint8_t dscp;
};

struct bond_flow_range {
	uint32_t first, last;
};

struct bond_flow {
	struct bond_flow_config config;
	uint16_t number;
	bool on;
	/* the sender's end */
	struct sim_transport transport;
	struct bond_flow_range known[BOND_FLOW_RANGES];
	mpq_time next; /* UDP */
	uint64_t sent, refused, goodput_bytes;
	/* the receiver's */
	struct bond_flow_range range[BOND_FLOW_RANGES]; /* the newest first */
	size_t ranges;
	uint64_t seen[BOND_FLOW_WINDOW / 64];
	uint64_t newest; /* + 1 */
	unsigned unacked;
	mpq_time ack_at, last;
	uint64_t came, duplicates, reordered;
	uint64_t behind;   /* the most that one came behind, in packets */
	mpq_duration gap;  /* the longest without any, since it was cleared */
	mpq_duration late; /* the most that one took, likewise */
	uint32_t delays[BOND_FLOW_DELAYS];
	/* a packet into the device on the sender's side, or the receiver's */
	bool (*send)(void *owner, bool down, const void *packet, size_t len);
	void *owner;
};

void bond_flow_init(struct bond_flow *f, uint16_t number,
		    const struct bond_flow_config *config, mpq_time now);
/* Sends what may be sent; what is under way may still come when it is off. */
void bond_flow_run(struct bond_flow *f, mpq_time now);
mpq_time bond_flow_deadline(const struct bond_flow *f, mpq_time now);
/* The flow's number of a packet that came out of a device; -1: none of ours. */
int bond_flow_of(const uint8_t *packet, size_t len);
void bond_flow_came(struct bond_flow *f, const uint8_t *packet, size_t len,
		    mpq_time now);
/* That this part of them, 0 to 1, did not exceed. */
double bond_flow_delay_ms(const struct bond_flow *f, double part);

#endif
