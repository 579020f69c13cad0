/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/masque/connect_ip.h"

#include "dataplane/masque/capsule.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct reader {
	const uint8_t *at;
	size_t left;
};

struct writer {
	uint8_t *at;
	size_t left;
	bool full;
};

/* 4 or 16; 0 for what is no IP version. */
static size_t address_bytes(uint8_t family)
{
	return family == 4 ? 4 : family == 6 ? 16 : 0;
}

static int read_bytes(struct reader *r, void *ret, size_t n)
{
	if (r->left < n) {
		return -EBADMSG;
	}
	memcpy(ret, r->at, n);
	r->at += n;
	r->left -= n;
	return 0;
}

static int read_varint(struct reader *r, uint64_t *ret)
{
	size_t n = mpq_varint_read(r->at, r->left, ret);

	r->at += n;
	r->left -= n;
	return n > 0 ? 0 : -EBADMSG;
}

static int read_family(struct reader *r, uint8_t *ret)
{
	if (read_bytes(r, ret, 1) < 0 || address_bytes(*ret) == 0) {
		return -EBADMSG;
	}
	return 0;
}

static void clear_host_bits(struct mpq_prefix *p)
{
	size_t whole = p->length / 8, rest = p->length % 8;

	if (rest > 0) {
		p->addr[whole++] &= (uint8_t)(0xff00 >> rest);
	}
	memset(p->addr + whole, 0, sizeof(p->addr) - whole);
}

static bool host_bits_set(const struct mpq_prefix *p)
{
	struct mpq_prefix masked = *p;

	clear_host_bits(&masked);
	return memcmp(masked.addr, p->addr, sizeof(p->addr)) != 0;
}

static int read_address(struct reader *r, struct mpq_connect_ip_address *ret)
{
	struct mpq_connect_ip_address a = {0};
	size_t n;

	if (read_varint(r, &a.request_id) < 0 ||
	    read_family(r, &a.prefix.family) < 0) {
		return -EBADMSG;
	}
	n = address_bytes(a.prefix.family);
	if (read_bytes(r, a.prefix.addr, n) < 0 ||
	    read_bytes(r, &a.prefix.length, 1) < 0 || a.prefix.length > 8 * n ||
	    host_bits_set(&a.prefix)) {
		return -EBADMSG;
	}
	*ret = a;
	return 0;
}

int mpq_connect_ip_parse_addresses(const uint8_t *value, size_t len,
				   struct mpq_connect_ip_address *ret,
				   size_t room, int is_request)
{
	struct reader r = {.at = value, .left = len};
	struct mpq_connect_ip_address a;
	size_t n = 0;

	while (r.left > 0) {
		if (read_address(&r, &a) < 0 ||
		    (is_request && a.request_id == 0)) {
			return -EBADMSG;
		}
		if (n == room) {
			return -E2BIG;
		}
		ret[n++] = a;
	}
	/* RFC 9484 §4.7.2: a request for nothing aborts the stream. */
	return is_request && n == 0 ? -EBADMSG : (int)n;
}

static int read_route(struct reader *r, struct mpq_connect_ip_route *ret)
{
	struct mpq_connect_ip_route route = {0};
	size_t n;

	if (read_family(r, &route.family) < 0) {
		return -EBADMSG;
	}
	n = address_bytes(route.family);
	if (read_bytes(r, route.start, n) < 0 ||
	    read_bytes(r, route.end, n) < 0 ||
	    read_bytes(r, &route.protocol, 1) < 0 ||
	    memcmp(route.start, route.end, n) > 0) {
		return -EBADMSG;
	}
	*ret = route;
	return 0;
}

/* RFC 9484 §4.7.3: by version, then protocol, then without overlap. */
static bool route_precedes(const struct mpq_connect_ip_route *a,
			   const struct mpq_connect_ip_route *b)
{
	if (a->family != b->family) {
		return a->family < b->family;
	}
	if (a->protocol != b->protocol) {
		return a->protocol < b->protocol;
	}
	return memcmp(a->end, b->start, sizeof(a->end)) < 0;
}

int mpq_connect_ip_parse_routes(const uint8_t *value, size_t len,
				struct mpq_connect_ip_route *ret, size_t room)
{
	struct reader r = {.at = value, .left = len};
	struct mpq_connect_ip_route route;
	size_t n = 0;

	while (r.left > 0) {
		if (read_route(&r, &route) < 0 ||
		    (n > 0 && !route_precedes(&ret[n - 1], &route))) {
			return -EBADMSG;
		}
		if (n == room) {
			return -E2BIG;
		}
		ret[n++] = route;
	}
	return (int)n;
}

static void write_bytes(struct writer *w, const void *data, size_t n)
{
	if (w->full || w->left < n) {
		w->full = true;
		return;
	}
	memcpy(w->at, data, n);
	w->at += n;
	w->left -= n;
}

static void write_varint(struct writer *w, uint64_t value)
{
	uint8_t text[MPQ_VARINT_MAX_BYTES];

	write_bytes(w, text, mpq_varint_write(text, value));
}

/* Half a list would be another list. */
static size_t written(const struct writer *w, size_t cap)
{
	return w->full ? 0 : cap - w->left;
}

size_t
mpq_connect_ip_write_addresses(uint8_t *out, size_t cap,
			       const struct mpq_connect_ip_address *addresses,
			       size_t n)
{
	struct writer w = {.at = out, .left = cap};

	for (size_t i = 0; i < n; i++) {
		struct mpq_prefix p = addresses[i].prefix;

		clear_host_bits(&p);
		write_varint(&w, addresses[i].request_id);
		write_bytes(&w, &p.family, 1);
		write_bytes(&w, p.addr, address_bytes(p.family));
		write_bytes(&w, &p.length, 1);
	}
	return written(&w, cap);
}

/* The inclusive range that a prefix is. */
static struct mpq_connect_ip_route to_range(const struct mpq_prefix *p)
{
	struct mpq_connect_ip_route route = {.family = p->family};
	struct mpq_prefix start = *p;
	size_t n = address_bytes(p->family);

	clear_host_bits(&start);
	memcpy(route.start, start.addr, n);
	memcpy(route.end, start.addr, n);
	for (size_t bit = p->length; bit < 8 * n; bit++) {
		route.end[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	}
	return route;
}

/* By family and start, the larger of two that start together first. */
static int compare(const struct mpq_connect_ip_route *a,
		   const struct mpq_connect_ip_route *b)
{
	int order = (int)a->family - (int)b->family;

	if (order == 0) {
		order = memcmp(a->start, b->start, sizeof(a->start));
	}
	return order != 0 ? order : memcmp(b->end, a->end, sizeof(a->end));
}

static void insert(struct mpq_connect_ip_route *sorted, size_t n,
		   const struct mpq_connect_ip_route *route)
{
	for (; n > 0 && compare(&sorted[n - 1], route) > 0; n--) {
		sorted[n] = sorted[n - 1];
	}
	sorted[n] = *route;
}

static void write_route(struct writer *w,
			const struct mpq_connect_ip_route *route)
{
	size_t n = address_bytes(route->family);

	write_bytes(w, &route->family, 1);
	write_bytes(w, route->start, n);
	write_bytes(w, route->end, n);
	write_bytes(w, &route->protocol, 1);
}

size_t mpq_connect_ip_write_routes(uint8_t *out, size_t cap,
				   const struct mpq_prefix *prefixes, size_t n)
{
	struct mpq_connect_ip_route sorted[MPQ_CONNECT_IP_ROUTES], route;
	struct writer w = {.at = out, .left = cap};
	const struct mpq_connect_ip_route *last = NULL;

	if (n > MPQ_CONNECT_IP_ROUTES) {
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		route = to_range(&prefixes[i]);
		insert(sorted, i, &route);
	}
	/* Two prefixes are nested or apart, so what does not lie behind the
	 * last one is inside it, and said already. */
	for (size_t i = 0; i < n; i++) {
		if (last == NULL || route_precedes(last, &sorted[i])) {
			write_route(&w, &sorted[i]);
			last = &sorted[i];
		}
	}
	return written(&w, cap);
}
