/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which class a packet belongs to: the first rule that matches decides. And
 * which flow: a hash of what stays the same from packet to packet. Pure; of
 * fixed size.
 */
#ifndef MPQ_FLOW_CLASSIFY_H
#define MPQ_FLOW_CLASSIFY_H

#include "common/prefix.h"
#include "dataplane/flow/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_CLASSIFY_RULES    64
#define MPQ_CLASSIFY_PREFIXES 8 /* of a rule and direction */
#define MPQ_CLASSIFY_PORTS    8
#define MPQ_CLASSIFY_ANY      (-1)

struct mpq_classify_ports {
	uint16_t first, last; /* both belong to it */
};

/* What is empty matches all. A rule with ports matches TCP and UDP only, and no
 * later fragment, which does not show them. */
struct mpq_classify_rule {
	uint8_t class_id;
	uint64_t dscp;    /* bit i: code point i (RFC 2474) */
	int16_t protocol; /* MPQ_CLASSIFY_ANY, or a number */
	uint8_t sources, destinations, source_ports, destination_ports; /* n */
	struct mpq_prefix source[MPQ_CLASSIFY_PREFIXES];
	struct mpq_prefix destination[MPQ_CLASSIFY_PREFIXES];
	struct mpq_classify_ports source_port[MPQ_CLASSIFY_PORTS];
	struct mpq_classify_ports destination_port[MPQ_CLASSIFY_PORTS];
};

/* A set of rules: bit i is rule i. */
typedef uint64_t mpq_classify_set;

#define MPQ_CLASSIFY_NIBBLES 16 /* of an address that the index looks at */

/* Which rules a packet may match, seen by one byte or half byte of it. */
struct mpq_classify_index {
	mpq_classify_set dscp[64], protocol[256];
	/* [0] the high byte, [1] the low one */
	mpq_classify_set source_port[2][256], destination_port[2][256];
	/* [0] IPv4, [1] IPv6: half bytes, the first of an address first */
	mpq_classify_set source[2][MPQ_CLASSIFY_NIBBLES][16];
	mpq_classify_set destination[2][MPQ_CLASSIFY_NIBBLES][16];
	mpq_classify_set portless;  /* these ask for no ports */
	mpq_classify_set addressed; /* these ask for addresses */
};

struct mpq_classify {
	struct mpq_classify_rule rule[MPQ_CLASSIFY_RULES];
	size_t n_rules;
	uint8_t fallback;                /* the class of what no rule matches */
	struct mpq_classify_index index; /* by mpq_classify_compile() */
	struct {
		uint64_t packets, bytes;
	} hits[MPQ_CLASSIFY_RULES + 1]; /* the last: fallback's */
};

/* After rules were written or changed, before a packet is classified. Counters
 * stay. */
void mpq_classify_compile(struct mpq_classify *c);

/* The class; counts. */
uint8_t mpq_classify(struct mpq_classify *c, const struct mpq_ip *ip);

/* The same rules for the way back: sources and destinations change places.
 * Compiles them, too. */
void mpq_classify_reverse(struct mpq_classify *c);

/* Of addresses, protocol and ports (fragments: of addresses only, all of them
 * alike), keyed by `seed`, so that nobody can choose what shares a hash. Never
 * UINT32_MAX. */
uint32_t mpq_classify_flow(const struct mpq_ip *ip, uint64_t seed);

#endif
