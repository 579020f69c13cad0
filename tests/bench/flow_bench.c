/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dataplane/flow costs: nanoseconds of CPU a packet, the least of several
 * rounds, because the machine is rarely alone. Not a test: it prints and exits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/flow/classify.h"
#include "dataplane/flow/coalesce.h"
#include "dataplane/flow/fair.h"
#include "dataplane/flow/guard.h"
#include "dataplane/flow/ip.h"
#include "dataplane/flow/segment.h"
#include "tests/unit/flow/sample.h"

#define ROUNDS     40
#define TURNS      200 /* of a frame, in a round */
#define FRAME_PKTS 47  /* of 1348 bytes, in a frame of 64 KiB */
#define FRAME      65535

struct bench {
	struct virtio_net_hdr hdr;
	uint8_t frame[FRAME];
	size_t len;
	size_t pkts;
	struct mpq_packet_pool pool;
	struct mpq_packet *packet[FRAME_PKTS];
	struct mpq_coalesce *coalesce;
	struct mpq_fair fair;
	struct mpq_fair_room room;
	struct mpq_guard guard;
	uint64_t result; /* keeps the compiler from leaving things out */
};

static void count_frame(void *owner, const struct virtio_net_hdr *hdr,
			const uint8_t *frame, size_t len)
{
	struct bench *b = owner;

	b->result += hdr->gso_size + frame[len - 1];
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void cut(struct bench *b)
{
	struct mpq_segment s;
	int n = mpq_segment_start(&s, &b->hdr, b->frame, b->len);

	if (n != 0) {
		abort();
	}
	for (b->pkts = 0; b->pkts < FRAME_PKTS; b->pkts++) {
		struct mpq_packet *p = b->packet[b->pkts];

		n = mpq_segment_next(&s, p->data, sizeof(p->data));
		if (n <= 0) {
			break;
		}
		p->len_bytes = (uint16_t)n;
	}
}

static void merge(struct bench *b)
{
	for (size_t i = 0; i < b->pkts; i++) {
		mpq_coalesce_push(b->coalesce, b->packet[i]->data,
				  b->packet[i]->len_bytes);
	}
	mpq_coalesce_flush(b->coalesce);
}

static void through_fair(struct bench *b)
{
	mpq_time now = 1000 + b->result;

	for (size_t i = 0; i < b->pkts; i++) {
		struct mpq_packet *p = b->packet[i];
		struct mpq_ip ip;

		(void)mpq_ip_parse(&ip, p->data, p->len_bytes);
		p->flow = mpq_classify_flow(&ip, 1);
		(void)mpq_fair_push(&b->fair, p, now);
	}
	for (size_t i = 0; i < b->pkts; i++) {
		(void)mpq_fair_peek(&b->fair, now);
		b->packet[i] = mpq_fair_pop(&b->fair, now + 1000);
	}
}

static void guard(struct bench *b)
{
	for (size_t i = 0; i < b->pkts; i++) {
		struct mpq_packet *p = b->packet[i];
		struct mpq_ip ip;

		if (mpq_ip_parse(&ip, p->data, p->len_bytes) == 0) {
			b->result += mpq_guard_check(&b->guard, &ip);
		}
	}
}

static void copy(struct bench *b)
{
	for (size_t i = 0; i < b->pkts; i++) {
		struct mpq_packet *p = b->packet[i];

		memcpy(p->data, b->frame + i * p->len_bytes, p->len_bytes);
		__asm__ volatile("" : : "r"(p->data) : "memory");
	}
}

static void sum(struct bench *b)
{
	for (size_t i = 0; i < b->pkts; i++) {
		b->result += mpq_ip_sum(b->packet[i]->data,
					b->packet[i]->len_bytes, 0);
	}
}

static void measure(struct bench *b, const char *name,
		    void (*step)(struct bench *b))
{
	uint64_t least = UINT64_MAX;
	double ns;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = cpu_ns(), took;

		for (int turn = 0; turn < TURNS; turn++) {
			step(b);
		}
		took = cpu_ns() - start;
		least = took < least ? took : least;
	}
	ns = (double)least / (double)(TURNS * b->pkts);
	printf("  %-28s %7.1f ns a packet, %6.1f Gbit/s\n", name, ns,
	       (double)b->packet[0]->len_bytes * 8 / ns);
}

static void bench(struct bench *b, const char *title, struct sample s,
		  uint16_t gso_bytes)
{
	s.payload_bytes = (size_t)gso_bytes * FRAME_PKTS;
	b->len = sample_write_frame(&s, gso_bytes, &b->hdr, b->frame);
	cut(b);
	printf("%s, %zu packets of %u bytes\n", title, b->pkts,
	       b->packet[0]->len_bytes);
	measure(b, "segment", cut);
	measure(b, "coalesce", merge);
	measure(b, "fair, parse and hash", through_fair);
	measure(b, "ip and guard", guard);
	measure(b, "(memcpy, for comparison)", copy);
	cut(b);
	measure(b, "(sum, for comparison)", sum);
}

int main(void)
{
	static const struct mpq_coalesce_events events = {.frame = count_frame};
	static const struct mpq_fair_config config = {
		.limit_pkts = 1000,
		.target = 5 * MPQ_MILLISECOND,
		.interval = 100 * MPQ_MILLISECOND,
	};
	static struct bench b = {
		.guard = {.source = {{.family = 4}, {.family = 6}},
			  .sources = 2},
	};

	b.coalesce = mpq_coalesce_new(&events, &b, true);
	if (b.coalesce == NULL ||
	    mpq_packet_pool_init(&b.pool, FRAME_PKTS) != 0) {
		return 1;
	}
	mpq_fair_init(&b.fair, &b.pool, &config, &b.room);
	for (size_t i = 0; i < FRAME_PKTS; i++) {
		b.packet[i] = mpq_packet_get(&b.pool);
	}
	bench(&b, "TCP over IPv4", sample_tcp(4), 1348);
	bench(&b, "TCP over IPv6", sample_tcp(6), 1348);
	bench(&b, "UDP over IPv4", sample_udp(4), 1200);
	bench(&b, "UDP over IPv4, small", sample_udp(4), 172);
	mpq_coalesce_free(b.coalesce);
	for (size_t i = 0; i < FRAME_PKTS; i++) {
		mpq_packet_put(&b.pool, b.packet[i]);
	}
	mpq_packet_pool_finish(&b.pool);
	return b.result == 0;
}
