/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/guard.h"

#include "controlplane/netlink/guard-table.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUARD_LIST   "list table inet " MPQ_GUARD_TABLE
#define GUARD_DELETE "delete table inet " MPQ_GUARD_TABLE "\n"
/* To add first makes the deletion good also when there is no table. */
#define GUARD_REPLACE "add table inet " MPQ_GUARD_TABLE "\n" GUARD_DELETE

struct mpq_guard {
	struct nft_ctx *nft;
	char *wanted; /* the table that was last brought about; NULL: none */
	char *listed; /* what nft printed of it then: another version of nft
			 may print it otherwise than we write it */
	bool doubt;
};

int mpq_guard_new(struct mpq_guard **ret)
{
	struct mpq_guard *g = calloc(1, sizeof(*g));

	if (g == NULL) {
		return -ENOMEM;
	}
	g->doubt = true;
	g->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (g->nft == NULL || nft_ctx_buffer_output(g->nft) != 0 ||
	    nft_ctx_buffer_error(g->nft) != 0) {
		mpq_guard_free(g);
		return -ENOMEM;
	}
	*ret = g;
	return 0;
}

void mpq_guard_free(struct mpq_guard *g)
{
	if (g == NULL) {
		return;
	}
	if (g->nft != NULL) {
		nft_ctx_free(g->nft);
	}
	free(g->wanted);
	free(g->listed);
	free(g);
}

void mpq_guard_doubt(struct mpq_guard *g)
{
	g->doubt = true;
}

/* nft's first line says it; those after it repeat the command. */
static void take_reason(struct mpq_guard *g, char *reason)
{
	const char *text = nft_ctx_get_error_buffer(g->nft);

	(void)snprintf(reason, MPQ_GUARD_REASON_BYTES, "nftables: %.*s",
		       (int)strcspn(text, "\n"), text);
}

static int run(struct mpq_guard *g, const char *command, char *reason)
{
	/* Reading the buffers empties them. */
	(void)nft_ctx_get_output_buffer(g->nft);
	(void)nft_ctx_get_error_buffer(g->nft);
	if (nft_run_cmd_from_buffer(g->nft, command) != 0) {
		take_reason(g, reason);
		return -EIO;
	}
	return 0;
}

/* *ret: the table's text, "" when there is none; the caller's to free. */
static int list(struct mpq_guard *g, unsigned flags, char **ret, char *reason)
{
	char *text;

	nft_ctx_output_set_flags(g->nft, flags);
	if (run(g, GUARD_LIST, reason) == 0) {
		text = strdup(nft_ctx_get_output_buffer(g->nft));
	} else if (strstr(reason, strerror(ENOENT)) != NULL) {
		text = strdup("");
	} else {
		return -EIO;
	}
	if (text == NULL) {
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

/* What is in the kernel: known, or looked at. */
static int installed(struct mpq_guard *g, char **ret, char *reason)
{
	if (g->doubt || g->listed == NULL) {
		return list(g, NFT_CTX_OUTPUT_STATELESS, ret, reason);
	}
	*ret = strdup(g->listed);
	return *ret == NULL ? -ENOMEM : 0;
}

static bool matches(const struct mpq_guard *g, const char *wanted,
		    const char *is)
{
	return strcmp(wanted, is) == 0 ||
	       (g->wanted != NULL && strcmp(wanted, g->wanted) == 0 &&
		strcmp(is, g->listed) == 0);
}

static int remember(struct mpq_guard *g, const char *wanted, const char *listed)
{
	char *w = strdup(wanted), *l = strdup(listed);

	if (w == NULL || l == NULL) {
		free(w);
		free(l);
		return -ENOMEM;
	}
	free(g->wanted);
	free(g->listed);
	g->wanted = w;
	g->listed = l;
	g->doubt = false;
	return MPQ_GUARD_SAME;
}

static int replace(struct mpq_guard *g, const char *table, char *reason)
{
	char *command = NULL;
	int r;

	if (asprintf(&command, GUARD_REPLACE "%s", table) < 0) {
		return -ENOMEM;
	}
	r = run(g, command, reason);
	free(command);
	return r;
}

static int install(struct mpq_guard *g,
		   const struct mpq_guard_table_pairs *pairs,
		   const struct mpq_desired *d, char *reason)
{
	char *counters = NULL, *table = NULL;
	int r = list(g, 0, &counters, reason);

	if (r == 0) {
		table = mpq_guard_table_write(pairs, d, counters);
		r = table == NULL ? -ENOMEM : 0;
	}
	if (r == 0) {
		r = replace(g, table, reason);
	}
	free(counters);
	free(table);
	return r;
}

/* Brings `wanted` about, the table of pairs and d, and remembers it. */
static int bring(struct mpq_guard *g, const struct mpq_guard_table_pairs *pairs,
		 const struct mpq_desired *d, const char *wanted, char *reason)
{
	bool again = g->wanted != NULL && strcmp(g->wanted, wanted) == 0;
	char *listed = NULL;
	int r;

	r = wanted[0] == '\0' ? run(g, GUARD_DELETE, reason)
			      : install(g, pairs, d, reason);
	if (r == 0) {
		r = list(g, NFT_CTX_OUTPUT_STATELESS, &listed, reason);
	}
	if (r < 0) {
		return r;
	}
	r = remember(g, wanted, listed);
	free(listed);
	if (r < 0) {
		return r;
	}
	if (wanted[0] == '\0') {
		return MPQ_GUARD_REMOVED;
	}
	return again ? MPQ_GUARD_RESTORED : MPQ_GUARD_CHANGED;
}

static int compare(struct mpq_guard *g, const struct mpq_desired *d, bool keep,
		   const char *is, char *reason)
{
	struct mpq_guard_table_pairs pairs;
	char *wanted;
	int r = mpq_guard_table_wanted(&pairs, d);

	if (r == 0 && keep) {
		r = mpq_guard_table_keep(&pairs, is);
	}
	if (r < 0) {
		(void)snprintf(reason, MPQ_GUARD_REASON_BYTES,
			       "more than %d LANs", MPQ_GUARD_TABLE_PAIRS_MAX);
		return r;
	}
	wanted = mpq_guard_table_write(&pairs, d, NULL);
	if (wanted == NULL) {
		return -ENOMEM;
	}
	r = matches(g, wanted, is) ? remember(g, wanted, is)
				   : bring(g, &pairs, d, wanted, reason);
	free(wanted);
	return r;
}

int mpq_guard_apply(struct mpq_guard *g, const struct mpq_desired *d, bool keep,
		    char reason[MPQ_GUARD_REASON_BYTES])
{
	char *is = NULL;
	int r;

	reason[0] = '\0';
	r = installed(g, &is, reason);
	if (r < 0) {
		return r;
	}
	r = compare(g, d, keep, is, reason);
	free(is);
	return r;
}

int mpq_guard_read_counters(struct mpq_guard *g,
			    void (*each)(void *context,
					 const struct mpq_guard_counter *c),
			    void *context)
{
	char reason[MPQ_GUARD_REASON_BYTES];
	char *text = NULL;
	int r = list(g, 0, &text, reason);

	if (r == 0) {
		mpq_guard_table_counters(text, each, context);
		free(text);
	}
	return r;
}
