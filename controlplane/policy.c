/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The number at a name's end, 1..MPQ_POLICY_NUMBERS; without one, some number
 * that follows from the name alone. */
static uint32_t number_of(const char *name)
{
	size_t len = strlen(name), digits = 0;
	unsigned long n;
	uint32_t hash = 2166136261u;

	while (digits < len && name[len - digits - 1] >= '0' &&
	       name[len - digits - 1] <= '9') {
		digits++;
	}
	n = digits > 0 && digits < 6 ? strtoul(name + len - digits, NULL, 10)
				     : 0;
	if (n >= 1 && n <= MPQ_POLICY_NUMBERS) {
		return (uint32_t)n;
	}
	for (; *name; name++) {
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	}
	return hash % MPQ_POLICY_NUMBERS + 1;
}

static uint32_t next_number(uint32_t n)
{
	return n % MPQ_POLICY_NUMBERS + 1;
}

static bool table_taken(const struct mpq_config *c, const uint32_t *tables,
			size_t n, uint32_t table)
{
	size_t i;

	for (i = 0; i < c->n_tunnels; i++) {
		if (c->tunnels[i].table == table ||
		    (i < n && tables[i] == table)) {
			return true;
		}
	}
	return false;
}

/* One table a tunnel; those that the operator named are his. */
static void choose_tables(const struct mpq_config *c, uint32_t *tables)
{
	uint32_t number;
	size_t i;

	for (i = 0; i < c->n_tunnels; i++) {
		tables[i] = c->tunnels[i].table;
		number = number_of(c->tunnels[i].name);
		while (!tables[i]) {
			if (!table_taken(c, tables, i,
					 MPQ_POLICY_TABLE_LAN + number)) {
				tables[i] = MPQ_POLICY_TABLE_LAN + number;
			}
			number = next_number(number);
		}
	}
}

static void fill_tunnels(struct mpq_policy *p, const struct mpq_config *c)
{
	const struct mpq_config_tunnel *t;
	size_t i;

	for (i = 0; i < c->n_tunnels; i++) {
		t = &c->tunnels[i];
		p->tunnels[i] = (struct mpq_desired_tunnel){
			.name = t->name,
			.mtu = t->mtu_bytes,
			.up = t->enabled,
			.addresses = t->addresses.item,
			.n_addresses = t->addresses.n,
		};
	}
	p->desired.tunnels = p->tunnels;
	p->desired.n_tunnels = c->n_tunnels;
}

static void fill_lans(struct mpq_policy *p, const struct mpq_config *c,
		      const uint32_t *tables)
{
	size_t i, j, n = 0;

	for (i = 0; i < c->n_tunnels; i++) {
		for (j = 0; j < c->tunnels[i].n_lans; j++) {
			const struct mpq_config_lan *lan =
				&c->tunnels[i].lans[j];

			p->lans[n++] = (struct mpq_desired_lan){
				.interface = lan->interface,
				.tunnel = c->tunnels[i].name,
				.table = tables[i],
				.prefixes = lan->prefixes.item,
				.n_prefixes = lan->prefixes.n,
			};
		}
	}
	p->desired.lans = p->lans;
	p->desired.n_lans = n;
}

static bool mark_taken(const struct mpq_policy *p, uint32_t mark)
{
	size_t i;

	for (i = 0; i < p->desired.n_wans; i++) {
		if (p->wans[i].mark == mark) {
			return true;
		}
	}
	return false;
}

static void fill_wans(struct mpq_policy *p, const struct mpq_config *c)
{
	const struct mpq_config_path *path;
	uint32_t number;
	size_t i;

	p->desired.wans = p->wans;
	for (i = 0; i < c->n_paths; i++) {
		path = &c->paths[i];
		if (!path->wan[0] || mpq_policy_mark(p, path->wan)) {
			continue;
		}
		number = number_of(path->name);
		while (mark_taken(p, MPQ_POLICY_MARK + number)) {
			number = next_number(number);
		}
		p->wans[p->desired.n_wans++] = (struct mpq_desired_wan){
			.interface = path->wan,
			.table = MPQ_POLICY_TABLE_WAN + number,
			.mark = MPQ_POLICY_MARK + number,
		};
	}
}

/* Is it on the device's own network, and so routed there anyway? */
static bool connected(const struct mpq_config_tunnel *t,
		      const struct mpq_prefix *p)
{
	size_t i;

	for (i = 0; i < t->addresses.n; i++) {
		if (t->addresses.item[i].length <= p->length &&
		    mpq_prefix_contains(&t->addresses.item[i], p->family,
					p->addr)) {
			return true;
		}
	}
	return false;
}

static void add_remotes(struct mpq_policy *p, const struct mpq_config_tunnel *t,
			const struct mpq_config_prefixes *prefixes)
{
	size_t i;

	for (i = 0; i < prefixes->n; i++) {
		if (!connected(t, &prefixes->item[i])) {
			p->remotes[p->desired.n_remotes++] =
				(struct mpq_desired_remote){
					.prefix = prefixes->item[i],
					.tunnel = t->name,
				};
		}
	}
}

static void fill_remotes(struct mpq_policy *p, const struct mpq_config *c)
{
	size_t i;

	p->desired.remotes = p->remotes;
	for (i = 0; i < c->n_tunnels; i++) {
		add_remotes(p, &c->tunnels[i], &c->tunnels[i].remote_prefixes);
		add_remotes(p, &c->tunnels[i], &c->tunnels[i].assign);
	}
}

static int allocate(struct mpq_policy *p, const struct mpq_config *c)
{
	size_t lans = 0, remotes = 0, i;

	for (i = 0; i < c->n_tunnels; i++) {
		lans += c->tunnels[i].n_lans;
		remotes += c->tunnels[i].remote_prefixes.n +
			   c->tunnels[i].assign.n;
	}
	/* One more each: an empty array is not a failed allocation. */
	p->tunnels = calloc(c->n_tunnels + 1, sizeof(*p->tunnels));
	p->lans = calloc(lans + 1, sizeof(*p->lans));
	p->wans = calloc(c->n_paths + 1, sizeof(*p->wans));
	p->remotes = calloc(remotes + 1, sizeof(*p->remotes));
	return p->tunnels && p->lans && p->wans && p->remotes ? 0 : -ENOMEM;
}

int mpq_policy_new(struct mpq_policy **ret, const struct mpq_config *c)
{
	struct mpq_policy *p = calloc(1, sizeof(*p));
	uint32_t *tables = calloc(c->n_tunnels + 1, sizeof(*tables));
	int e = p && tables ? allocate(p, c) : -ENOMEM;

	if (!e) {
		choose_tables(c, tables);
		fill_tunnels(p, c);
		fill_lans(p, c, tables);
		fill_wans(p, c);
		fill_remotes(p, c);
		*ret = p;
		p = NULL;
	}
	free(tables);
	mpq_policy_free(p);
	return e;
}

void mpq_policy_free(struct mpq_policy *p)
{
	if (p) {
		free(p->tunnels);
		free(p->lans);
		free(p->wans);
		free(p->remotes);
		free(p);
	}
}

uint32_t mpq_policy_mark(const struct mpq_policy *p, const char *wan)
{
	size_t i;

	for (i = 0; i < p->desired.n_wans; i++) {
		if (!strcmp(p->wans[i].interface, wan)) {
			return p->wans[i].mark;
		}
	}
	return 0;
}
