/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/desired.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int refuse(char *reason, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(char *reason, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(reason, MPQ_DESIRED_REASON_BYTES, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

bool mpq_desired_name_valid(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t length = strlen(name);

	return length > 0 && length < IFNAMSIZ &&
	       strspn(name, allowed) == length && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

static int check_name(const char *name, char *reason)
{
	if (!mpq_desired_name_valid(name)) {
		return refuse(reason,
			      "interface name '%s': 1 to 15 letters, digits, "
			      "'.', '_' and '-' can be guarded",
			      name);
	}
	return 0;
}

static int check_table(uint32_t table, const char *whose, char *reason)
{
	if (table == RT_TABLE_UNSPEC || table == RT_TABLE_DEFAULT ||
	    table == RT_TABLE_MAIN || table == RT_TABLE_LOCAL) {
		return refuse(
			reason,
			"%s: table %u is the system's own; take 1..252 or "
			"one from 256 on",
			whose, table);
	}
	return 0;
}

static bool has_tunnel(const struct mpq_desired *d, const char *name)
{
	for (size_t i = 0; i < d->n_tunnels; i++) {
		if (strcmp(d->tunnels[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static int check_address(const struct mpq_prefix *a, const char *whose,
			 char *reason)
{
	if ((a->family != 4 && a->family != 6) ||
	    a->length > (a->family == 4 ? 32 : 128)) {
		return refuse(reason, "%s: an address that is none", whose);
	}
	return 0;
}

static int check_tunnel(const struct mpq_desired *d, size_t i, char *reason)
{
	const struct mpq_desired_tunnel *t = &d->tunnels[i];
	int r = check_name(t->name, reason);

	for (size_t k = 0; r == 0 && k < i; k++) {
		if (strcmp(d->tunnels[k].name, t->name) == 0) {
			r = refuse(reason, "tunnel %s is there twice", t->name);
		}
	}
	for (size_t k = 0; r == 0 && k < t->n_addresses; k++) {
		r = check_address(&t->addresses[k], t->name, reason);
	}
	return r;
}

static int check_lan_pair(const struct mpq_desired_lan *a,
			  const struct mpq_desired_lan *b, char *reason)
{
	bool same_tunnel = strcmp(a->tunnel, b->tunnel) == 0;

	if (strcmp(a->interface, b->interface) == 0) {
		return refuse(reason, "%s is a LAN twice (of %s and %s)",
			      a->interface, b->tunnel, a->tunnel);
	}
	if (same_tunnel != (a->table == b->table)) {
		return refuse(reason,
			      same_tunnel ? "%s and %s: LANs of one tunnel "
					    "share its table"
					  : "%s and %s: LANs of two tunnels "
					    "cannot share a table",
			      b->interface, a->interface);
	}
	return 0;
}

static int check_lan(const struct mpq_desired *d, size_t i, char *reason)
{
	const struct mpq_desired_lan *l = &d->lans[i];
	int r = check_name(l->interface, reason);

	if (r == 0) {
		r = check_table(l->table, l->interface, reason);
	}
	if (r == 0 && !has_tunnel(d, l->tunnel)) {
		r = refuse(reason, "%s: there is no tunnel %s", l->interface,
			   l->tunnel);
	}
	if (r == 0 && has_tunnel(d, l->interface)) {
		r = refuse(reason, "%s is a LAN and a tunnel", l->interface);
	}
	for (size_t k = 0; r == 0 && k < i; k++) {
		r = check_lan_pair(l, &d->lans[k], reason);
	}
	return r;
}

static int check_wan_and_lans(const struct mpq_desired *d,
			      const struct mpq_desired_wan *w, char *reason)
{
	for (size_t i = 0; i < d->n_lans; i++) {
		if (strcmp(d->lans[i].interface, w->interface) == 0) {
			return refuse(reason, "%s is a LAN and a WAN",
				      w->interface);
		}
		if (d->lans[i].table == w->table) {
			return refuse(reason,
				      "%s and %s: a LAN and a WAN cannot share "
				      "table %u",
				      d->lans[i].interface, w->interface,
				      w->table);
		}
	}
	return 0;
}

static int check_wan(const struct mpq_desired *d, size_t i, char *reason)
{
	const struct mpq_desired_wan *w = &d->wans[i];
	int r = check_name(w->interface, reason);

	if (r == 0) {
		r = check_table(w->table, w->interface, reason);
	}
	if (r == 0 && w->mark == 0) {
		r = refuse(reason, "%s: a WAN's mark cannot be 0",
			   w->interface);
	}
	if (r == 0 && has_tunnel(d, w->interface)) {
		r = refuse(reason, "%s is a WAN and a tunnel", w->interface);
	}
	if (r == 0) {
		r = check_wan_and_lans(d, w, reason);
	}
	for (size_t k = 0; r == 0 && k < i; k++) {
		const struct mpq_desired_wan *o = &d->wans[k];

		if (strcmp(o->interface, w->interface) == 0 ||
		    o->table == w->table || o->mark == w->mark) {
			r = refuse(reason,
				   "%s and %s: each WAN is there once, with a "
				   "table and a mark of its own",
				   o->interface, w->interface);
		}
	}
	return r;
}

static int check_remote(const struct mpq_desired *d, size_t i, char *reason)
{
	const struct mpq_desired_remote *remote = &d->remotes[i];
	int r = check_address(&remote->prefix, remote->tunnel, reason);

	if (r == 0 && !has_tunnel(d, remote->tunnel)) {
		r = refuse(reason, "a remote prefix: there is no tunnel %s",
			   remote->tunnel);
	}
	for (size_t k = 0; r == 0 && k < i; k++) {
		if (mpq_prefix_equal(&d->remotes[k].prefix, &remote->prefix)) {
			char text[MPQ_PREFIX_TEXT_BYTES];

			r = refuse(reason, "%s is behind %s and behind %s",
				   mpq_prefix_format(&remote->prefix, text),
				   d->remotes[k].tunnel, remote->tunnel);
		}
	}
	return r;
}

int mpq_desired_check(const struct mpq_desired *d,
		      char reason[MPQ_DESIRED_REASON_BYTES])
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->n_tunnels; i++) {
		r = check_tunnel(d, i, reason);
	}
	for (size_t i = 0; r == 0 && i < d->n_lans; i++) {
		r = check_lan(d, i, reason);
	}
	for (size_t i = 0; r == 0 && i < d->n_wans; i++) {
		r = check_wan(d, i, reason);
	}
	for (size_t i = 0; r == 0 && i < d->n_remotes; i++) {
		r = check_remote(d, i, reason);
	}
	return r;
}

/* FNV-1a */
static uint64_t add_bytes(uint64_t hash, const void *bytes, size_t n)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < n; i++) {
		hash = (hash ^ b[i]) * 0x100000001b3u;
	}
	return hash;
}

static uint64_t add_text(uint64_t hash, const char *text)
{
	return add_bytes(hash, text, strlen(text) + 1);
}

static uint64_t add_number(uint64_t hash, uint32_t number)
{
	return add_bytes(hash, &number, sizeof(number));
}

static uint64_t add_prefix(uint64_t hash, const struct mpq_prefix *p)
{
	hash = add_number(hash, (uint32_t)p->family << 8 | p->length);
	return add_bytes(hash, p->addr, p->family == 4 ? 4 : 16);
}

static uint64_t add_tunnel(uint64_t hash, const struct mpq_desired_tunnel *t)
{
	hash = add_text(hash, t->name);
	hash = add_number(hash, t->mtu);
	hash = add_number(hash, t->up);
	hash = add_number(hash, (uint32_t)t->n_addresses);
	for (size_t i = 0; i < t->n_addresses; i++) {
		hash = add_prefix(hash, &t->addresses[i]);
	}
	return hash;
}

static uint64_t add_lan(uint64_t hash, const struct mpq_desired_lan *l)
{
	hash = add_text(hash, l->interface);
	hash = add_text(hash, l->tunnel);
	hash = add_number(hash, l->table);
	hash = add_number(hash, (uint32_t)l->n_prefixes);
	for (size_t i = 0; i < l->n_prefixes; i++) {
		hash = add_prefix(hash, &l->prefixes[i]);
	}
	return hash;
}

uint64_t mpq_desired_fingerprint(const struct mpq_desired *d)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < d->n_tunnels; i++) {
		hash = add_tunnel(hash, &d->tunnels[i]);
	}
	hash = add_number(hash, (uint32_t)d->n_lans);
	for (size_t i = 0; i < d->n_lans; i++) {
		hash = add_lan(hash, &d->lans[i]);
	}
	hash = add_number(hash, (uint32_t)d->n_wans);
	for (size_t i = 0; i < d->n_wans; i++) {
		hash = add_text(hash, d->wans[i].interface);
		hash = add_number(hash, d->wans[i].table);
		hash = add_number(hash, d->wans[i].mark);
	}
	for (size_t i = 0; i < d->n_remotes; i++) {
		hash = add_prefix(hash, &d->remotes[i].prefix);
		hash = add_text(hash, d->remotes[i].tunnel);
	}
	return hash;
}
