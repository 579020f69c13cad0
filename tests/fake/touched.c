/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/touched.h"

#include <stdio.h>

static char text[160];

static const char *tell(const char *who, const char *name, const char *what,
			mpq_time known, mpq_time real)
{
	(void)snprintf(text, sizeof(text),
		       "%s %s was not touched, but %s (known %lld, is %lld)",
		       who, name, what, (long long)known, (long long)real);
	return text;
}

/* The connection of a member shows what the session has not seen. */
static bool is_unseen(const struct mpq_session *s)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_session_path *m = &s->path[i];
		struct mpq_conn_info info;

		if (m->channel == NULL || m->state < MPQ_SESSION_JOINED) {
			continue;
		}
		mpq_conn_info(m->channel->conn, &info);
		if (info.last_read != m->last_read) {
			return true;
		}
	}
	return false;
}

static const char *tunnel_missed(const struct mpq_tunnel *t)
{
	mpq_time known = mpq_agenda_due(&t->turn);
	mpq_time real = mpq_tunnel_deadline(t);

	if (mpq_agenda_is_touched(&t->turn)) {
		return NULL;
	}
	if (known != real) {
		return tell("tunnel", t->config.name, "its deadline changed",
			    known, real);
	}
	if (t->session != NULL && is_unseen(t->session)) {
		return tell("tunnel", t->config.name,
			    "a connection has news for its session", 0, 0);
	}
	return t->delivered ? tell("tunnel", t->config.name,
				   "what was merged is not written", 0, 0)
			    : NULL;
}

static const char *guest_missed(const struct mpq_guest *g)
{
	const struct mpq_channel *ch = g->channel;
	mpq_time known = mpq_agenda_due(&g->turn);

	if (mpq_agenda_is_touched(&g->turn) || known == 0) {
		return NULL;
	}
	if (ch->dirty || ch->over) {
		return tell("guest", "", "it is dirty", 0, 0);
	}
	return mpq_channel_deadline(ch) < known
		       ? tell("guest", "", "its connection is due", known,
			      mpq_channel_deadline(ch))
		       : NULL;
}

const char *touched_missed(const struct mpq_engine *e)
{
	const char *missed = NULL;

	for (size_t i = 0; missed == NULL && i < e->n_tunnels; i++) {
		missed = tunnel_missed(e->tunnels[i]);
	}
	for (size_t i = 0; i < e->n_listeners; i++) {
		const struct mpq_guest *g = e->listeners[i]->guests;

		for (; missed == NULL && g != NULL; g = g->next) {
			missed = guest_missed(g);
		}
	}
	return missed;
}
