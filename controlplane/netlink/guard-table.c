/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/guard-table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_pair(struct mpq_guard_table_pairs *pairs, const char *lan,
		    const char *tunnel)
{
	struct mpq_guard_table_pair *p = &pairs->pair[pairs->n];

	if (pairs->n == MPQ_GUARD_TABLE_PAIRS_MAX) {
		return -E2BIG;
	}
	(void)snprintf(p->lan, sizeof(p->lan), "%s", lan);
	(void)snprintf(p->tunnel, sizeof(p->tunnel), "%s", tunnel);
	pairs->n++;
	return 0;
}

static bool has_lan(const struct mpq_guard_table_pairs *pairs, const char *lan)
{
	for (size_t i = 0; i < pairs->n; i++) {
		if (strcmp(pairs->pair[i].lan, lan) == 0) {
			return true;
		}
	}
	return false;
}

int mpq_guard_table_wanted(struct mpq_guard_table_pairs *ret,
			   const struct mpq_desired *d)
{
	int r = 0;

	ret->n = 0;
	for (size_t i = 0; r == 0 && i < d->n_lans; i++) {
		r = add_pair(ret, d->lans[i].interface, d->lans[i].tunnel);
	}
	return r;
}

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end == NULL ? line + strlen(line) : end + 1;
}

int mpq_guard_table_keep(struct mpq_guard_table_pairs *pairs, const char *text)
{
	int r = 0;

	for (const char *l = text; r == 0 && *l != '\0'; l = next_line(l)) {
		char lan[IFNAMSIZ], tunnel[IFNAMSIZ];
		int end = 0;

		(void)sscanf(l,
			     "\t\tiifname \"%15[^\"]\" oifname != \"%15[^\"]\""
			     " counter name \"leak-%n",
			     lan, tunnel, &end);
		if (end > 0 && !has_lan(pairs, lan)) {
			r = add_pair(pairs, lan, tunnel);
		}
	}
	return r;
}

/* Is i the first pair with its tunnel? */
static bool first_of_tunnel(const struct mpq_guard_table_pairs *pairs, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (strcmp(pairs->pair[k].tunnel, pairs->pair[i].tunnel) == 0) {
			return false;
		}
	}
	return true;
}

struct find {
	const char *name;
	struct mpq_guard_counter found;
};

static void find_counter(void *context, const struct mpq_guard_counter *c)
{
	struct find *find = context;

	if (strcmp(c->name, find->name) == 0) {
		find->found = *c;
	}
}

static void write_counter(FILE *out, const char *kind, const char *device,
			  const char *counters)
{
	char name[sizeof(((struct mpq_guard_counter *)NULL)->name)];
	struct find find = {.name = name};

	(void)snprintf(name, sizeof(name), "%s-%s", kind, device);
	(void)fprintf(out, "\tcounter %s {\n", name);
	if (counters != NULL) {
		mpq_guard_table_counters(counters, find_counter, &find);
		(void)fprintf(out,
			      "\t\tpackets %" PRIu64 " bytes %" PRIu64 "\n",
			      find.found.packets, find.found.bytes);
	}
	(void)fputs("\t}\n\n", out);
}

static void write_counters(FILE *out, const struct mpq_guard_table_pairs *pairs,
			   const struct mpq_desired *d, const char *counters)
{
	for (size_t i = 0; i < pairs->n; i++) {
		const struct mpq_guard_table_pair *p = &pairs->pair[i];

		write_counter(out, "leak", p->lan, counters);
		write_counter(out, "inject", p->lan, counters);
		if (first_of_tunnel(pairs, i)) {
			write_counter(out, "stray", p->tunnel, counters);
		}
	}
	for (size_t i = 0; i < d->n_tunnels; i++) {
		if (d->tunnels[i].n_addresses > 0) {
			write_counter(out, "spoof", d->tunnels[i].name,
				      counters);
		}
	}
}

/* Out of a tunnel that has LANs: to one of them, or not on at all. */
static void write_stray(FILE *out, const struct mpq_guard_table_pairs *pairs,
			const char *tunnel)
{
	(void)fprintf(out, "\t\tiifname \"%s\"", tunnel);
	for (size_t i = 0; i < pairs->n; i++) {
		if (strcmp(pairs->pair[i].tunnel, tunnel) == 0) {
			(void)fprintf(out, " oifname != \"%s\"",
				      pairs->pair[i].lan);
		}
	}
	(void)fprintf(out, " counter name \"stray-%s\" drop\n", tunnel);
}

static void write_forward(FILE *out, const struct mpq_guard_table_pairs *pairs)
{
	(void)fputs("\tchain forward {\n"
		    "\t\ttype filter hook forward priority raw;"
		    " policy accept;\n",
		    out);
	for (size_t i = 0; i < pairs->n; i++) {
		const struct mpq_guard_table_pair *p = &pairs->pair[i];

		(void)fprintf(out,
			      "\t\tiifname \"%s\" oifname != \"%s\""
			      " counter name \"leak-%s\" drop\n"
			      "\t\toifname \"%s\" iifname != \"%s\""
			      " counter name \"inject-%s\" drop\n",
			      p->lan, p->tunnel, p->lan, p->lan, p->tunnel,
			      p->lan);
		if (first_of_tunnel(pairs, i)) {
			write_stray(out, pairs, p->tunnel);
		}
	}
	(void)fputs("\t}\n", out);
}

/* CVE-2019-14899: an address of the tunnel answers to the tunnel, to this host
 * and to the tunnel's LANs; to the WANs' side it is not there. */
static void write_spoof(FILE *out, const struct mpq_guard_table_pairs *pairs,
			const struct mpq_desired_tunnel *t,
			const struct mpq_prefix *address)
{
	char text[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(address->family == 4 ? AF_INET : AF_INET6,
			address->addr, text, sizeof(text));
	(void)fprintf(out, "\t\tiifname != \"lo\" iifname != \"%s\"", t->name);
	for (size_t i = 0; i < pairs->n; i++) {
		if (strcmp(pairs->pair[i].tunnel, t->name) == 0) {
			(void)fprintf(out, " iifname != \"%s\"",
				      pairs->pair[i].lan);
		}
	}
	(void)fprintf(out, " %s daddr %s counter name \"spoof-%s\" drop\n",
		      address->family == 4 ? "ip" : "ip6", text, t->name);
}

static void write_prerouting(FILE *out,
			     const struct mpq_guard_table_pairs *pairs,
			     const struct mpq_desired *d)
{
	(void)fputs("\tchain prerouting {\n"
		    "\t\ttype filter hook prerouting priority raw;"
		    " policy accept;\n",
		    out);
	for (size_t i = 0; i < d->n_tunnels; i++) {
		const struct mpq_desired_tunnel *t = &d->tunnels[i];

		for (size_t k = 0; k < t->n_addresses; k++) {
			write_spoof(out, pairs, t, &t->addresses[k]);
		}
	}
	(void)fputs("\t}\n", out);
}

static bool nothing_to_guard(const struct mpq_guard_table_pairs *pairs,
			     const struct mpq_desired *d)
{
	for (size_t i = 0; i < d->n_tunnels; i++) {
		if (d->tunnels[i].n_addresses > 0) {
			return false;
		}
	}
	return pairs->n == 0;
}

char *mpq_guard_table_write(const struct mpq_guard_table_pairs *pairs,
			    const struct mpq_desired *d, const char *counters)
{
	char *text = NULL;
	size_t size;
	FILE *out;

	if (nothing_to_guard(pairs, d)) {
		return strdup("");
	}
	out = open_memstream(&text, &size);
	if (out == NULL) {
		return NULL;
	}
	(void)fputs("table inet " MPQ_GUARD_TABLE " {\n", out);
	write_counters(out, pairs, d, counters);
	write_forward(out, pairs);
	(void)fputs("\n", out);
	write_prerouting(out, pairs, d);
	(void)fputs("}\n", out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

void mpq_guard_table_counters(const char *text,
			      void (*each)(void *context,
					   const struct mpq_guard_counter *c),
			      void *context)
{
	for (const char *l = text; *l != '\0'; l = next_line(l)) {
		struct mpq_guard_counter c = {0};

		if (sscanf(l,
			   "\tcounter %31s {\n\t\tpackets %" SCNu64
			   " bytes %" SCNu64,
			   c.name, &c.packets, &c.bytes) == 3) {
			each(context, &c);
		}
	}
}
