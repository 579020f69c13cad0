/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bond_flow.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define MS        MPQ_MILLISECOND
#define IP_BYTES  28 /* IPv4 and UDP */
#define PORT      5000
#define MAGIC     0x6d707153
#define ACK_EVERY 2
#define ACK_DELAY (25 * MS)

const char *const bond_flow_names[BOND_FLOW_KINDS] = {
	[BOND_FLOW_CUBIC] = "CUBIC",
	[BOND_FLOW_BBR] = "BBR",
	[BOND_FLOW_QUIC] = "QUIC-like",
	[BOND_FLOW_UDP] = "UDP",
};

struct content { /* of a packet, behind its headers */
	uint32_t magic;
	uint16_t flow, ranges; /* ranges: it is an acknowledgement */
	uint64_t id;
	mpq_time sent;
	struct bond_flow_range range[];
};

void bond_flow_init(struct bond_flow *f, uint16_t number,
		    const struct bond_flow_config *config, mpq_time now)
{
	static const enum sim_transport_kind kinds[BOND_FLOW_KINDS] = {
		SIM_TRANSPORT_CUBIC, SIM_TRANSPORT_BBR, SIM_TRANSPORT_QUIC,
		SIM_TRANSPORT_CUBIC};

	memset(f, 0, sizeof(*f));
	f->config = *config;
	f->number = number;
	f->on = true;
	f->next = f->last = now;
	f->ack_at = MPQ_TIME_NEVER;
	sim_transport_init(&f->transport, kinds[config->kind], false, now);
}

/* ---- packets ------------------------------------------------------------- */

static void fill_headers(const struct bond_flow *f, bool down, uint8_t *p,
			 size_t len)
{
	static const uint8_t site[4] = {10, 1, 0, 7};
	static const uint8_t far[4] = {198, 51, 100, 1};
	uint16_t port = htons((uint16_t)(PORT + f->number));
	uint16_t bytes = htons((uint16_t)len);
	uint16_t rest = htons((uint16_t)(len - 20));
	uint32_t sum = 0;

	memset(p, 0, IP_BYTES);
	p[0] = 0x45;
	p[1] = (uint8_t)(f->config.dscp << 2);
	memcpy(p + 2, &bytes, 2);
	p[8] = 64;
	p[9] = IPPROTO_UDP;
	memcpy(p + 12, down ? far : site, 4);
	memcpy(p + 16, down ? site : far, 4);
	for (int i = 0; i < 20; i += 2) {
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	}
	sum = (sum & 0xffff) + (sum >> 16);
	p[10] = (uint8_t)(~sum >> 8);
	p[11] = (uint8_t)~sum;
	memcpy(p + 20, &port, 2);
	memcpy(p + 22, &port, 2);
	memcpy(p + 24, &rest, 2);
}

static void send_data(struct bond_flow *f, uint64_t id, mpq_time now)
{
	uint8_t packet[BOND_FLOW_MAX_BYTES] = {0};
	struct content c = {.magic = MAGIC,
			    .flow = f->number,
			    .id = id,
			    .sent = now};

	fill_headers(f, f->config.down, packet, f->config.bytes);
	memcpy(packet + IP_BYTES, &c, sizeof(c));
	f->sent++;
	f->refused +=
		!f->send(f->owner, f->config.down, packet, f->config.bytes);
}

static void send_ack(struct bond_flow *f, mpq_time now)
{
	uint8_t packet[IP_BYTES + sizeof(struct content) + sizeof(f->range)];
	struct content c = {.magic = MAGIC,
			    .flow = f->number,
			    .ranges = (uint16_t)f->ranges,
			    .sent = now};
	size_t range_bytes = f->ranges * sizeof(f->range[0]);
	size_t len = IP_BYTES + sizeof(c) + range_bytes;

	fill_headers(f, !f->config.down, packet, len);
	memcpy(packet + IP_BYTES, &c, sizeof(c));
	memcpy(packet + IP_BYTES + sizeof(c), f->range, range_bytes);
	(void)f->send(f->owner, !f->config.down, packet, len);
	f->unacked = 0;
	f->ack_at = MPQ_TIME_NEVER;
}

int bond_flow_of(const uint8_t *packet, size_t len)
{
	struct content c;

	if (len < IP_BYTES + sizeof(c) || packet[9] != IPPROTO_UDP) {
		return -1;
	}
	memcpy(&c, packet + IP_BYTES, sizeof(c));
	return c.magic == MAGIC ? c.flow : -1;
}

/* ---- the receiver -------------------------------------------------------- */

/* false: it came before. */
static bool first_time(struct bond_flow *f, uint64_t id)
{
	uint64_t bit = (uint64_t)1 << id % 64;
	uint64_t *word = &f->seen[id / 64 % (BOND_FLOW_WINDOW / 64)];

	for (; f->newest <= id; f->newest++) {
		f->seen[f->newest / 64 % (BOND_FLOW_WINDOW / 64)] &=
			~((uint64_t)1 << f->newest % 64);
	}
	if (id + BOND_FLOW_WINDOW <= f->newest || (*word & bit) != 0) {
		return false;
	}
	*word |= bit;
	return true;
}

static void remove_range(struct bond_flow *f, size_t i)
{
	memmove(&f->range[i], &f->range[i + 1],
		(f->ranges - i - 1) * sizeof(f->range[0]));
	f->ranges--;
}

static void insert_range(struct bond_flow *f, size_t i, uint32_t id)
{
	size_t moved;

	if (i == BOND_FLOW_RANGES) {
		return; /* too old to tell */
	}
	f->ranges = f->ranges < BOND_FLOW_RANGES ? f->ranges + 1 : f->ranges;
	moved = f->ranges - i - 1;
	memmove(&f->range[i + 1], &f->range[i], moved * sizeof(f->range[0]));
	f->range[i] = (struct bond_flow_range){id, id};
}

static void note(struct bond_flow *f, uint32_t id)
{
	size_t i = 0;

	while (i < f->ranges && f->range[i].first > id + 1) {
		i++;
	}
	if (i < f->ranges && f->range[i].first == id + 1) {
		f->range[i].first = id;
		if (i + 1 < f->ranges && f->range[i + 1].last + 1 == id) {
			f->range[i].first = f->range[i + 1].first;
			remove_range(f, i + 1);
		}
	} else if (i < f->ranges && f->range[i].last + 1 == id) {
		f->range[i].last = id;
	} else {
		insert_range(f, i, id);
	}
}

static void data_came(struct bond_flow *f, const struct content *c,
		      mpq_time now)
{
	uint64_t slot = (now - c->sent) / (MS / 4);

	f->gap = now - f->last > f->gap ? now - f->last : f->gap;
	f->last = now;
	f->late = now - c->sent > f->late ? now - c->sent : f->late;
	if (c->id + 1 < f->newest) {
		uint64_t behind = f->newest - 1 - c->id;

		f->reordered++;
		f->behind = behind > f->behind ? behind : f->behind;
	}
	if (!first_time(f, c->id)) {
		f->duplicates++;
		return;
	}
	f->came++;
	f->delays[slot < BOND_FLOW_DELAYS ? slot : BOND_FLOW_DELAYS - 1]++;
	if (f->config.kind == BOND_FLOW_UDP) {
		f->goodput_bytes += f->config.bytes;
		return;
	}
	note(f, (uint32_t)c->id);
	f->unacked++;
	f->ack_at = mpq_time_min(f->ack_at, now + ACK_DELAY);
}

double bond_flow_delay_ms(const struct bond_flow *f, double part)
{
	uint64_t all = 0, seen = 0;

	for (unsigned i = 0; i < BOND_FLOW_DELAYS; i++) {
		all += f->delays[i];
	}
	for (unsigned i = 0; i < BOND_FLOW_DELAYS; i++) {
		seen += f->delays[i];
		if ((double)seen >= part * (double)all) {
			return i / 4.0;
		}
	}
	return BOND_FLOW_DELAYS / 4.0;
}

/* ---- the sender ---------------------------------------------------------- */

/* What was told before is not looked through again. */
static uint32_t first_unknown(const struct bond_flow *f, uint32_t first)
{
	for (size_t i = 0; i < BOND_FLOW_RANGES; i++) {
		const struct bond_flow_range *k = &f->known[i];

		if (k->first <= first && first <= k->last) {
			return k->last; /* once more, it is harmless */
		}
	}
	return first;
}

static void ack_came(struct bond_flow *f, const struct bond_flow_range *range,
		     size_t n, mpq_time now)
{
	size_t payload = f->config.bytes - BOND_FLOW_HEADERS;

	assert(n <= BOND_FLOW_RANGES);
	for (size_t i = n; i > 0; i--) {
		uint32_t id = first_unknown(f, range[i - 1].first);

		for (; id <= range[i - 1].last; id++) {
			if (sim_transport_acked(&f->transport, id, now)) {
				f->goodput_bytes += payload;
			}
		}
	}
	sim_transport_detect(&f->transport, now);
	/* One that was overtaken tells less than what is known. */
	if (n > 0 && range[0].last >= f->known[0].last) {
		memset(f->known, 0, sizeof(f->known));
		memcpy(f->known, range, n * sizeof(*range));
	}
}

void bond_flow_came(struct bond_flow *f, const uint8_t *packet, size_t len,
		    mpq_time now)
{
	struct bond_flow_range range[BOND_FLOW_RANGES];
	struct content c;

	memcpy(&c, packet + IP_BYTES, sizeof(c));
	if (c.ranges == 0) {
		data_came(f, &c, now);
		return;
	}
	assert(len == IP_BYTES + sizeof(c) + c.ranges * sizeof(range[0]));
	memcpy(range, packet + IP_BYTES + sizeof(c),
	       c.ranges * sizeof(range[0]));
	ack_came(f, range, c.ranges, now);
}

static void run_udp(struct bond_flow *f, mpq_time now)
{
	mpq_duration gap =
		(mpq_duration)((double)f->config.bytes * 8e3 / f->config.mbps);

	if (!f->on) {
		f->next = MPQ_TIME_NEVER;
	}
	for (; f->next <= now; f->next += gap) {
		send_data(f, f->sent, now);
	}
}

static void run_transport(struct bond_flow *f, mpq_time now)
{
	struct sim_transport *t = &f->transport;

	if (f->unacked >= ACK_EVERY || f->ack_at <= now) {
		send_ack(f, now);
	}
	if (!f->on) {
		return;
	}
	if (sim_transport_expire(t, now)) {
		send_data(f, sim_transport_sent(t, f->config.bytes, false, now),
			  now);
	}
	while (sim_transport_may_send(t, now)) {
		send_data(f, sim_transport_sent(t, f->config.bytes, false, now),
			  now);
	}
}

void bond_flow_run(struct bond_flow *f, mpq_time now)
{
	if (f->config.kind == BOND_FLOW_UDP) {
		run_udp(f, now);
	} else {
		run_transport(f, now);
	}
}

mpq_time bond_flow_deadline(const struct bond_flow *f, mpq_time now)
{
	const struct sim_transport *t = &f->transport;
	mpq_time due = f->ack_at;

	if (f->config.kind == BOND_FLOW_UDP) {
		return f->next;
	}
	if (!f->on) {
		return due;
	}
	due = mpq_time_min(due, sim_transport_deadline(t));
	if (t->in_flight < t->cwnd && t->next_send > now) {
		due = mpq_time_min(due, t->next_send);
	}
	return due;
}
