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

/* Then there are counters of that tunnel's. */
static bool has_addresses(const struct mpq_desired *d, const char *tunnel)
{
	for (size_t i = 0; i < d->n_tunnels; i++) {
		if (strcmp(d->tunnels[i].name, tunnel) == 0) {
			return d->tunnels[i].n_addresses > 0;
		}
	}
	return false;
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
		if (d->tunnels[i].n_addresses > 0 && d->n_wans > 0) {
			write_counter(out, "answer", d->tunnels[i].name,
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

/* Neither this host nor the tunnel nor one of its LANs. `way`: iifname or
 * oifname. */
static void write_elsewhere(FILE *out,
			    const struct mpq_guard_table_pairs *pairs,
			    const char *tunnel, const char *way)
{
	(void)fprintf(out, "\t\t%s != \"lo\" %s != \"%s\"", way, way, tunnel);
	for (size_t i = 0; i < pairs->n; i++) {
		if (strcmp(pairs->pair[i].tunnel, tunnel) == 0) {
			(void)fprintf(out, " %s != \"%s\"", way,
				      pairs->pair[i].lan);
		}
	}
}

/* `end`: saddr or daddr. */
static void write_address(FILE *out, const struct mpq_prefix *address,
			  const char *end)
{
	char text[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(address->family == 4 ? AF_INET : AF_INET6,
			address->addr, text, sizeof(text));
	(void)fprintf(out, " %s %s %s", address->family == 4 ? "ip" : "ip6",
		      end, text);
}

/* CVE-2019-14899: an address of the tunnel answers to the tunnel, to this host
 * and to the tunnel's LANs; to the WANs' side it is not there. */
static void write_spoof(FILE *out, const struct mpq_guard_table_pairs *pairs,
			const struct mpq_desired_tunnel *t,
			const struct mpq_prefix *address)
{
	write_elsewhere(out, pairs, t->name, "iifname");
	write_address(out, address, "daddr");
	(void)fprintf(out, " counter name \"spoof-%s\" drop\n", t->name);
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

/* An answer from an address of the tunnel to somebody far away would follow
 * table main, and that is a WAN. */
static void write_answer(FILE *out, const struct mpq_guard_table_pairs *pairs,
			 const struct mpq_desired_tunnel *t)
{
	for (size_t i = 0; i < t->n_addresses; i++) {
		write_elsewhere(out, pairs, t->name, "oifname");
		write_address(out, &t->addresses[i], "saddr");
		(void)fprintf(out, " counter name \"answer-%s\" drop\n",
			      t->name);
	}
}

/* The first whole bytes of `p`, masked, as nft prints a number. */
static void write_number(FILE *out, const struct mpq_prefix *p, bool mask)
{
	bool begun = false;

	(void)fputs("0x", out);
	for (unsigned i = 0; i < (p->length + 7u) / 8; i++) {
		unsigned bits = p->length - i * 8;
		uint8_t m = bits < 8 ? (uint8_t)(0xff00u >> bits) : 0xff;
		uint8_t byte = mask ? m : p->addr[i] & m;

		if (begun) {
			(void)fprintf(out, "%02x", byte);
		} else if (byte != 0) {
			(void)fprintf(out, "%x", byte);
			begun = true;
		}
	}
	(void)fputs(begun ? "" : "0", out);
}

/* Where RFC 792's and RFC 4443's errors quote the destination, in bits. */
#define QUOTED4 ((8 + 16) * 8)
#define QUOTED6 ((8 + 24) * 8)

static void write_quoted(FILE *out, const struct mpq_prefix *p)
{
	(void)fputs(p->family == 4 ? " icmp type { destination-unreachable, "
				     "time-exceeded, parameter-problem }"
				   : " icmpv6 type { destination-unreachable, "
				     "packet-too-big, time-exceeded, "
				     "parameter-problem }",
		    out);
	if (p->length == 0) {
		return;
	}
	(void)fprintf(out, " @th,%d,%u ", p->family == 4 ? QUOTED4 : QUOTED6,
		      (p->length + 7u) / 8 * 8);
	if (p->length % 8 != 0) {
		(void)fputs("& ", out);
		write_number(out, p, true);
		(void)fputs(" == ", out);
	}
	write_number(out, p, false);
}

/* The kernel's own errors about what came for a LAN quote up to half a KiB of
 * it, come from whatever address it likes, and would go by a WAN, too. */
static void write_errors(FILE *out, const struct mpq_guard_table_pairs *pairs,
			 const struct mpq_desired_lan *lan)
{
	for (size_t i = 0; i < lan->n_prefixes; i++) {
		write_elsewhere(out, pairs, lan->tunnel, "oifname");
		write_quoted(out, &lan->prefixes[i]);
		(void)fprintf(out, " counter name \"answer-%s\" drop\n",
			      lan->tunnel);
	}
}

/* What mpquic-data sends comes by here as well, and is nearly all there is. nft
 * prints a set of one without braces, and so do we. */
static void write_accept(FILE *out, const struct mpq_desired *d)
{
	bool set = d->n_wans > 1;

	(void)fprintf(out, "\t\tmeta mark %s", set ? "{ " : "");
	for (size_t i = 0; i < d->n_wans; i++) {
		(void)fprintf(out, "%s0x%08" PRIx32, i > 0 ? ", " : "",
			      d->wans[i].mark);
	}
	(void)fprintf(out, "%s accept\n", set ? " }" : "");
}

static void write_output(FILE *out, const struct mpq_guard_table_pairs *pairs,
			 const struct mpq_desired *d)
{
	(void)fputs("\n\tchain output {\n"
		    "\t\ttype filter hook output priority raw;"
		    " policy accept;\n",
		    out);
	write_accept(out, d);
	for (size_t i = 0; i < d->n_tunnels; i++) {
		write_answer(out, pairs, &d->tunnels[i]);
	}
	for (size_t i = 0; i < d->n_lans; i++) {
		if (has_addresses(d, d->lans[i].tunnel)) {
			write_errors(out, pairs, &d->lans[i]);
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
	if (d->n_wans > 0) {
		write_output(out, pairs, d);
	}
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
