/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/verb.h"

#include <stdio.h>
#include <string.h>

#include "common/northbound.h"
#include "controlplane/mpqctl/cert.h"
#include "controlplane/mpqctl/config.h"
#include "controlplane/mpqctl/events.h"
#include "controlplane/mpqctl/explain.h"
#include "controlplane/mpqctl/help.h"
#include "controlplane/mpqctl/operate.h"
#include "controlplane/mpqctl/run.h"
#include "controlplane/mpqctl/status.h"

const struct mpq_option mpq_options[] = {
	{"--socket", "PATH", true,
	 "where mpquic-control listens (default: $MPQUIC_SOCKET, "
	 "then " MPQ_NORTHBOUND_SOCKET ")",
	 offsetof(struct mpq_call, socket)},
	{"--help", NULL, true, "this help", offsetof(struct mpq_call, help)},
	{"--version", NULL, true, "the version, as the verb",
	 offsetof(struct mpq_call, version)},
	{"--json", NULL, false, "what mpquic-control answered, as JSON",
	 offsetof(struct mpq_call, json)},
	{"--watch", NULL, false, "draw again every second until interrupted",
	 offsetof(struct mpq_call, watch)},
	{"--follow", NULL, false, "stay and print events as they come",
	 offsetof(struct mpq_call, follow)},
	{"--dscp", "NAME", false,
	 "the packets' code point, by name or number (default: 0)",
	 offsetof(struct mpq_call, dscp)},
	{"--edge", "NAME", false,
	 "the edge's name in its certificate (cert init's default: "
	 "edge.mpquic.internal)",
	 offsetof(struct mpq_call, edge)},
	{"--concentrator", "NAME", false,
	 "the concentrator's (cert init's default: "
	 "concentrator.mpquic.internal)",
	 offsetof(struct mpq_call, concentrator)},
	{"--days", "N", false,
	 "how long the ends' certificates are valid (default: 730)",
	 offsetof(struct mpq_call, days)},
	{NULL, NULL, false, NULL, 0},
};

const struct mpq_verb mpq_verbs[] = {
	{"status",
	 "",
	 0,
	 0,
	 {"--json", "--watch"},
	 "tunnels and paths: state, since when, RTT, loss, rates",
	 "What mpqctl does without a verb, too. Rates are measured over half "
	 "a\n"
	 "second. A path that is not up says why on the right. Of a bonded\n"
	 "tunnel also what its session makes of each path, and its classes "
	 "and\n"
	 "rules.\n",
	 mpq_status_run},
	{"explain",
	 "TUNNEL PROTOCOL FROM TO",
	 4,
	 4,
	 {"--dscp", "--json"},
	 "which paths a flow takes, and why",
	 "Of the packets that leave by the tunnel here: FROM and TO are\n"
	 "address:port of TCP and UDP, [address]:port in IPv6, and addresses\n"
	 "of other protocols. Tells the class, the rule that chose it, the\n"
	 "paths, since when, and the reason.\n",
	 mpq_explain_run},
	{"check",
	 "FILE",
	 1,
	 1,
	 {"--json"},
	 "is this configuration whole and sound? Changes nothing",
	 "FILE is JSON (RFC 7951) of the YANG module mpquic; '-' reads "
	 "standard\n"
	 "input. Without mpquic-control running: mpquic-control --check "
	 "FILE.\n"
	 "'hint:' says what is sound and can yet hardly be meant; nothing is\n"
	 "refused for it.\n",
	 mpq_config_check},
	{"load",
	 "FILE",
	 1,
	 1,
	 {"--json"},
	 "make this configuration the candidate",
	 "The whole candidate is replaced and nothing else happens: 'diff' "
	 "shows\n"
	 "what a commit would change, 'discard' drops it.\n",
	 mpq_config_load},
	{"diff",
	 "",
	 0,
	 0,
	 {"--json"},
	 "what a commit of the candidate would change, and its cost",
	 "Each line ends with what the change costs: live (no packet is "
	 "lost),\n"
	 "path (its connection is made anew), session (all paths of the "
	 "tunnel\n"
	 "are), tunnel (the device is made anew), restart (all of it). "
	 "'warning:'\n"
	 "tells of LANs that would lose their guard.\n",
	 mpq_config_diff},
	{"commit",
	 "",
	 0,
	 0,
	 {"--json"},
	 "run the candidate and keep it",
	 "Taken as a whole or refused as a whole; when refused, everything "
	 "stays\n"
	 "as it was. Certificates and keys are read anew, also without a "
	 "change.\n",
	 mpq_config_commit},
	{"discard",
	 "",
	 0,
	 0,
	 {"--json"},
	 "drop the candidate",
	 "The candidate is what runs, again.\n",
	 mpq_config_discard},
	{"show config",
	 "[running|candidate]",
	 0,
	 1,
	 {"--json"},
	 "print a configuration",
	 "Without an argument the running one. The output can be loaded "
	 "again.\n",
	 mpq_config_show},
	{"path hold",
	 "NAME [SECONDS]",
	 1,
	 2,
	 {"--json"},
	 "take a path out of service for a while",
	 "Without SECONDS (1 to 86400) until released. Not kept over a "
	 "restart\n"
	 "of mpquic-control.\n",
	 mpq_operate_path_hold},
	{"path release",
	 "NAME",
	 1,
	 1,
	 {"--json"},
	 "put a held path back into service",
	 "",
	 mpq_operate_path_release},
	{"tunnel enable",
	 "NAME",
	 1,
	 1,
	 {"--json"},
	 "commit that this tunnel is enabled",
	 "Kept over restarts, as any commit.\n",
	 mpq_operate_tunnel_enable},
	{"tunnel disable",
	 "NAME",
	 1,
	 1,
	 {"--json"},
	 "commit that this tunnel is disabled",
	 "Kept over restarts, as any commit. Its LANs stay guarded: nothing "
	 "of\n"
	 "theirs leaves in clear.\n",
	 mpq_operate_tunnel_disable},
	{"tunnel run",
	 "NAME",
	 1,
	 1,
	 {NULL},
	 "enable a tunnel, watch it, disable it at the end",
	 "For the systemd unit mpquic@N: stays in the foreground, tells "
	 "systemd\n"
	 "the tunnel's state (sd_notify), prints each change, and disables "
	 "the\n"
	 "tunnel on SIGTERM or SIGINT. A restart of mpquic-control is waited\n"
	 "out; when another disables the tunnel, it ends.\n",
	 mpq_run_tunnel},
	{"events",
	 "",
	 0,
	 0,
	 {"--follow", "--json"},
	 "the last events, or all from now on",
	 "With --json one object a line.\n",
	 mpq_events_run},
	{"cert init",
	 "DIR",
	 1,
	 1,
	 {"--edge", "--concentrator", "--days"},
	 "make an authority and certificates for both ends",
	 "For people who have no PKI: P-256 keys, files authority.pem, "
	 "edge.pem,\n"
	 "concentrator.pem and a .key (mode 0600) beside each. Nothing is "
	 "ever\n"
	 "overwritten. Prints the configuration that uses them. Keep\n"
	 "authority.key off both machines: who has it can make edges.\n",
	 mpq_cert_init},
	{"cert issue",
	 "DIR",
	 1,
	 1,
	 {"--edge", "--concentrator", "--days"},
	 "make one end's certificate more, by the same authority",
	 "For a further edge, and for the next certificate of an end whose "
	 "own\n"
	 "ends. DIR is where 'cert init' made authority.pem and "
	 "authority.key;\n"
	 "NAME.pem and NAME.key are made there, never overwritten. Give one "
	 "of\n"
	 "--edge and --concentrator.\n",
	 mpq_cert_issue},
	{"cert show",
	 "FILE",
	 1,
	 1,
	 {"--json"},
	 "what the certificates in a PEM file say",
	 "Holder, issuer, names, usage, dates, key and the pin (SHA-256 of "
	 "the\n"
	 "public key) for peer-pin and spki-sha256.\n",
	 mpq_cert_show},
	{"version",
	 "",
	 0,
	 0,
	 {NULL},
	 "the version of mpqctl",
	 "",
	 mpq_help_version},
	{"help",
	 "[VERB]",
	 0,
	 2,
	 {NULL},
	 "this list, or all about one verb",
	 "",
	 mpq_help_run},
	{NULL, NULL, 0, 0, {NULL}, NULL, NULL, NULL},
};

bool mpq_verb_takes(const struct mpq_verb *v, const struct mpq_option *o)
{
	if (o->general) {
		return true;
	}
	for (size_t i = 0; i < MPQ_VERB_OPTIONS && v->option[i] != NULL; i++) {
		if (strcmp(v->option[i], o->name) == 0) {
			return true;
		}
	}
	return false;
}

/* How many of the words are this verb's name, 0 when they are not. */
static size_t match(const struct mpq_verb *v, const char *const *words,
		    size_t n)
{
	const char *space = strchr(v->name, ' ');
	size_t first =
		space != NULL ? (size_t)(space - v->name) : strlen(v->name);

	if (n == 0 || strlen(words[0]) != first ||
	    strncmp(words[0], v->name, first) != 0) {
		return 0;
	}
	if (space == NULL) {
		return 1;
	}
	return n > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

const struct mpq_verb *mpq_verb_find(const char *const *words, size_t n,
				     size_t *ret_words)
{
	for (const struct mpq_verb *v = mpq_verbs; v->name != NULL; v++) {
		size_t matched = match(v, words, n);

		if (matched > 0) {
			*ret_words = matched;
			return v;
		}
	}
	return NULL;
}

#define LONGEST 32

/* Edits (insert, delete, replace) from a to b; of long words a large number. */
static size_t distance(const char *a, const char *b)
{
	size_t row[LONGEST + 1], n = strlen(b), diagonal, above;

	if (n > LONGEST || strlen(a) > LONGEST) {
		return LONGEST;
	}
	for (size_t j = 0; j <= n; j++) {
		row[j] = j;
	}
	for (size_t i = 0; a[i] != '\0'; i++) {
		diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			size_t best = diagonal + (a[i] != b[j]);

			above = row[j + 1];
			best = above + 1 < best ? above + 1 : best;
			best = row[j] + 1 < best ? row[j] + 1 : best;
			diagonal = above;
			row[j + 1] = best;
		}
	}
	return row[n];
}

/* Near: two typing errors, or the beginning of it. */
static bool nearer(const char *typed, const char *meant, size_t *best)
{
	size_t d = distance(typed, meant);

	if (strlen(typed) > 2 && strncmp(typed, meant, strlen(typed)) == 0) {
		d = 1;
	}
	if (d >= *best || d >= strlen(meant)) {
		return false;
	}
	*best = d;
	return true;
}

const char *mpq_verb_nearest(const char *word, const char *second)
{
	const char *nearest = NULL;
	char typed[2 * LONGEST + 2];
	size_t best = 3;

	for (const struct mpq_verb *v = mpq_verbs; v->name != NULL; v++) {
		bool two = strchr(v->name, ' ') != NULL && second != NULL;

		(void)snprintf(typed, sizeof(typed), "%s%s%s", word,
			       two ? " " : "", two ? second : "");
		if (nearer(typed, v->name, &best)) {
			nearest = v->name;
		}
	}
	return nearest;
}

const char *mpq_option_nearest(const char *text)
{
	const char *nearest = NULL;
	size_t best = 3;

	for (const struct mpq_option *o = mpq_options; o->name != NULL; o++) {
		if (nearer(text, o->name, &best)) {
			nearest = o->name;
		}
	}
	return nearest;
}
