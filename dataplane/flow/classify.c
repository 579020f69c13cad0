/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64 rules are the bits of a word: for each field that a packet shows, a table
 * says by a byte or half of one which rules it may match, and the AND of these
 * leaves few to be looked at, whatever there are. So the cost hardly grows with
 * their number.
 */
#include "dataplane/flow/classify.h"

#include <endian.h>
#include <netinet/in.h>
#include <string.h>

_Static_assert(MPQ_CLASSIFY_RULES <= 64, "a rule is a bit of a word");

/* ---- the index ---------------------------------------------------------- */

static bool wants_ports(const struct mpq_classify_rule *r)
{
	return r->source_ports > 0 || r->destination_ports > 0;
}

static bool has_ports(unsigned protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static void set_range(mpq_classify_set *table, unsigned first, unsigned last,
		      mpq_classify_set bit)
{
	for (unsigned i = first; i <= last; i++) {
		table[i] |= bit;
	}
}

static void index_protocol(struct mpq_classify_index *x,
			   const struct mpq_classify_rule *r,
			   mpq_classify_set bit)
{
	for (unsigned i = 0; i < 256; i++) {
		bool named = r->protocol == MPQ_CLASSIFY_ANY ||
			     r->protocol == (int)i;

		if (named && (!wants_ports(r) || has_ports(i))) {
			x->protocol[i] |= bit;
		}
	}
}

static unsigned nibble(const uint8_t *addr, unsigned i)
{
	return i % 2 == 0 ? addr[i / 2] >> 4 : addr[i / 2] & 15;
}

static unsigned nibbles_of(unsigned v6)
{
	return v6 ? MPQ_CLASSIFY_NIBBLES : 8;
}

static void index_prefix(mpq_classify_set table[MPQ_CLASSIFY_NIBBLES][16],
			 const struct mpq_prefix *p, mpq_classify_set bit)
{
	unsigned n = nibbles_of(p->family == 6);

	for (unsigned i = 0; i < n; i++) {
		unsigned left = p->length > 4 * i ? p->length - 4 * i : 0;
		unsigned any = left < 4 ? 15u >> left : 0;
		unsigned first = nibble(p->addr, i) & ~any;

		set_range(table[i], first, first | any, bit);
	}
}

static void index_prefixes(mpq_classify_set table[2][MPQ_CLASSIFY_NIBBLES][16],
			   const struct mpq_prefix *p, size_t n,
			   mpq_classify_set bit)
{
	static const struct mpq_prefix all[] = {{.family = 4}, {.family = 6}};

	if (n == 0) {
		p = all;
		n = 2;
	}
	for (size_t i = 0; i < n; i++) {
		index_prefix(table[p[i].family == 6], &p[i], bit);
	}
}

static void index_ports(mpq_classify_set table[2][256],
			const struct mpq_classify_ports *p, size_t n,
			mpq_classify_set bit)
{
	static const struct mpq_classify_ports all = {0, UINT16_MAX};

	if (n == 0) {
		p = &all;
		n = 1;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned high = p[i].first >> 8;
		bool same = high == p[i].last >> 8;

		set_range(table[0], high, p[i].last >> 8, bit);
		set_range(table[1], same ? p[i].first & 255 : 0,
			  same ? p[i].last & 255 : 255, bit);
	}
}

static void index_rule(struct mpq_classify_index *x,
		       const struct mpq_classify_rule *r, mpq_classify_set bit)
{
	for (unsigned i = 0; i < 64; i++) {
		if (r->dscp == 0 || (r->dscp >> i & 1) != 0) {
			x->dscp[i] |= bit;
		}
	}
	index_protocol(x, r, bit);
	index_prefixes(x->source, r->source, r->sources, bit);
	index_prefixes(x->destination, r->destination, r->destinations, bit);
	index_ports(x->source_port, r->source_port, r->source_ports, bit);
	index_ports(x->destination_port, r->destination_port,
		    r->destination_ports, bit);
	if (!wants_ports(r)) {
		x->portless |= bit;
	}
	if (r->sources > 0 || r->destinations > 0) {
		x->addressed |= bit;
	}
}

void mpq_classify_compile(struct mpq_classify *c)
{
	c->index = (struct mpq_classify_index){0};
	for (size_t i = 0; i < c->n_rules; i++) {
		index_rule(&c->index, &c->rule[i], UINT64_C(1) << i);
	}
}

/* ---- a packet ----------------------------------------------------------- */

static mpq_classify_set by_ports(const mpq_classify_set table[2][256],
				 uint16_t port)
{
	return table[0][port >> 8] & table[1][port & 255];
}

static mpq_classify_set
by_address(const mpq_classify_set table[MPQ_CLASSIFY_NIBBLES][16],
	   const uint8_t *addr, unsigned n)
{
	mpq_classify_set set = ~UINT64_C(0);

	for (unsigned i = 0; i < n; i += 2) {
		set &= table[i][addr[i / 2] >> 4];
		set &= table[i + 1][addr[i / 2] & 15];
	}
	return set;
}

static mpq_classify_set candidates(const struct mpq_classify_index *x,
				   const struct mpq_ip *ip)
{
	unsigned v6 = ip->version == 6, n = nibbles_of(v6);
	mpq_classify_set set =
		x->dscp[ip->traffic_class >> 2] & x->protocol[ip->protocol] &
		by_ports(x->source_port, ip->source_port) &
		by_ports(x->destination_port, ip->destination_port);

	if (ip->fragment_offset_bytes != 0) {
		set &= x->portless;
	}
	if ((set & x->addressed) != 0) {
		set &= by_address(x->source[v6], ip->source, n) &
		       by_address(x->destination[v6], ip->destination, n);
	}
	return set;
}

/* Do the first `length` bits of a word differ? In network order both. */
static bool words_differ(const uint8_t *a, const uint8_t *b, unsigned length)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return length > 0 && be64toh(x ^ y) >> (64 - length) != 0;
}

static bool contains_v4(const struct mpq_prefix *p, const uint8_t *addr)
{
	uint32_t x, y;

	memcpy(&x, p->addr, sizeof(x));
	memcpy(&y, addr, sizeof(y));
	return p->family == 4 &&
	       (uint64_t)ntohl(x ^ y) >> (32 - p->length) == 0;
}

static bool contains_v6(const struct mpq_prefix *p, const uint8_t *addr)
{
	unsigned length = p->length;

	if (p->family != 6) {
		return false;
	}
	if (length <= 64) {
		return !words_differ(p->addr, addr, length);
	}
	return !words_differ(p->addr, addr, 64) &&
	       !words_differ(p->addr + 8, addr + 8, length - 64);
}

static bool within_prefixes(const struct mpq_prefix *p, size_t n,
			    uint8_t version, const uint8_t *addr)
{
	for (size_t i = 0; i < n; i++) {
		if (version == 4 ? contains_v4(&p[i], addr)
				 : contains_v6(&p[i], addr)) {
			return true;
		}
	}
	return n == 0;
}

static bool within_ports(const struct mpq_classify_ports *p, size_t n,
			 uint16_t port)
{
	for (size_t i = 0; i < n; i++) {
		if (port >= p[i].first && port <= p[i].last) {
			return true;
		}
	}
	return n == 0;
}

/* DSCP and protocol were seen to. */
static bool matches(const struct mpq_classify_rule *r, const struct mpq_ip *ip)
{
	return within_ports(r->destination_port, r->destination_ports,
			    ip->destination_port) &&
	       within_ports(r->source_port, r->source_ports, ip->source_port) &&
	       within_prefixes(r->destination, r->destinations, ip->version,
			       ip->destination) &&
	       within_prefixes(r->source, r->sources, ip->version, ip->source);
}

static unsigned first_match(const struct mpq_classify *c,
			    const struct mpq_ip *ip)
{
	mpq_classify_set set = candidates(&c->index, ip);

	for (; set != 0; set &= set - 1) {
		unsigned i = (unsigned)__builtin_ctzll(set);

		if (matches(&c->rule[i], ip)) {
			return i;
		}
	}
	return MPQ_CLASSIFY_RULES;
}

uint8_t mpq_classify(struct mpq_classify *c, const struct mpq_ip *ip)
{
	unsigned i = first_match(c, ip);

	c->hits[i].packets++;
	c->hits[i].bytes += ip->total_bytes;
	return i < MPQ_CLASSIFY_RULES ? c->rule[i].class_id : c->fallback;
}

static void reverse_rule(struct mpq_classify_rule *r)
{
	struct mpq_classify_rule was = *r;

	r->sources = was.destinations;
	r->destinations = was.sources;
	r->source_ports = was.destination_ports;
	r->destination_ports = was.source_ports;
	memcpy(r->source, was.destination, sizeof(r->source));
	memcpy(r->destination, was.source, sizeof(r->destination));
	memcpy(r->source_port, was.destination_port, sizeof(r->source_port));
	memcpy(r->destination_port, was.source_port,
	       sizeof(r->destination_port));
}

void mpq_classify_reverse(struct mpq_classify *c)
{
	for (size_t i = 0; i < c->n_rules; i++) {
		reverse_rule(&c->rule[i]);
	}
	mpq_classify_compile(c);
}

/* ---- flows -------------------------------------------------------------- */

/* SipHash-1-3 (Aumasson, Bernstein 2012; the rounds of hash tables): whoever
 * does not know the seed cannot make two flows share a hash but by trying. */
struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

static inline void sip_add(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

static inline uint64_t word_of(const uint8_t *data, size_t n)
{
	uint64_t word = 0;

	memcpy(&word, data, n);
	return word;
}

static void sip_add_addresses(struct sip *s, const struct mpq_ip *ip)
{
	if (ip->version == 4) {
		sip_add(s, word_of(ip->source, 4) << 32 |
				   word_of(ip->destination, 4));
		return;
	}
	sip_add(s, word_of(ip->source, 8));
	sip_add(s, word_of(ip->source + 8, 8));
	sip_add(s, word_of(ip->destination, 8));
	sip_add(s, word_of(ip->destination + 8, 8));
}

/* What a fragment does not show, or shows only in the first, is left out. */
static uint64_t rest_of(const struct mpq_ip *ip)
{
	uint64_t ports = (uint64_t)ip->source_port << 16 | ip->destination_port;

	return ip->fragment ? ip->version
			    : ports << 16 | (uint64_t)ip->protocol << 8 |
				      ip->version;
}

uint32_t mpq_classify_flow(const struct mpq_ip *ip, uint64_t seed)
{
	uint64_t k0 = seed,
		 k1 = rotate(seed, 32) ^ UINT64_C(0x9e3779b97f4a7c15);
	struct sip s = {k0 ^ UINT64_C(0x736f6d6570736575),
			k1 ^ UINT64_C(0x646f72616e646f6d),
			k0 ^ UINT64_C(0x6c7967656e657261),
			k1 ^ UINT64_C(0x7465646279746573)};
	uint32_t hash;

	sip_add_addresses(&s, ip);
	sip_add(&s, rest_of(ip));
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	hash = (uint32_t)(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
	return hash != UINT32_MAX ? hash : 0;
}
