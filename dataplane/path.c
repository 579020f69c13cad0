/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/path_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long the old channel may still deliver what was under way: the peer
 * sends on it until it has heard us by the fresh one, and found the MTU. */
#define DRAIN(rtt) (1 * MPQ_SECOND + 2 * (rtt))

/* ---- what life decides -------------------------------------------------- */

static void drop_current(struct mpq_path *p, const char *reason, mpq_time now)
{
	if (p->current >= 0) {
		mpq_path_slot_drop(&p->slot[p->current], reason, now);
		p->current = -1;
	}
}

static void drop_candidate(struct mpq_path *p, const char *reason, mpq_time now)
{
	if (p->candidate >= 0) {
		mpq_path_slot_drop(&p->slot[p->candidate], reason, now);
		p->candidate = -1;
	}
}

static void drop_all(struct mpq_path *p, const char *reason, mpq_time now)
{
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		mpq_path_slot_drop(&p->slot[i], reason, now);
	}
	p->current = -1;
	p->candidate = -1;
}

/* On the socket that the current channel does not have. What it returns is
 * added to the actions. */
static unsigned dial_anew(struct mpq_path *p, mpq_time now)
{
	int i = p->current == 0 ? 1 : 0;
	char reason[128];
	int r;

	mpq_path_slot_drop(&p->slot[i], "dialling anew", now);
	r = mpq_path_slot_dial(&p->slot[i], now);
	if (r == 0) {
		p->candidate = i;
		return 0;
	}
	(void)snprintf(reason, sizeof(reason), "cannot dial: %s; trying again",
		       strerror(-r));
	return mpq_life_ended(&p->life, false, false, reason, now) &
	       MPQ_LIFE_CHANGED;
}

static void promote(struct mpq_path *p, mpq_time now)
{
	if (p->current >= 0) {
		p->slot[p->current].drain_until = now + DRAIN(p->life.rtt);
	}
	p->current = p->candidate;
	p->candidate = -1;
}

static void tell_tunnel(struct mpq_path *p)
{
	p->shared->events->tunnel(p->tunnel, p->shared->owner);
}

/* A bonded tunnel's session decides itself what a silent path is worth. One
 * that has left it cannot join again: were it the first to answer, the dial
 * that is under way would end for nothing. */
static void follow_session(struct mpq_path *p, struct mpq_channel *ch,
			   mpq_time now)
{
	if (ch != NULL && p->life.state == MPQ_LIFE_UP) {
		mpq_session_offer(p->tunnel->session, (unsigned)p->id, ch, now);
	} else if (ch != NULL) {
		mpq_tunnel_withdraw(p->tunnel, ch, p->life.reason, now);
		if (ch->own_context != 0) {
			drop_current(p, p->life.reason, now);
			mpq_life_dropped(&p->life);
		}
	}
	mpq_session_explain(p->tunnel->session, (unsigned)p->id,
			    p->life.reason);
	mpq_tunnel_explain(p->tunnel, p->life.reason);
}

/* The tunnel is up when the path is. One that has fallen silent carries none:
 * its packets would be old when they arrive, and nobody would know. */
static void follow(struct mpq_path *p, mpq_time now)
{
	struct mpq_channel *ch =
		p->current >= 0 ? p->slot[p->current].channel : NULL;

	if (p->tunnel == NULL) {
		return;
	}
	if (p->tunnel->session != NULL) {
		follow_session(p, ch, now);
		return;
	}
	if (ch != NULL && /* else whoever dropped it has told */
	    (p->life.state == MPQ_LIFE_UP
		     ? mpq_tunnel_attach(p->tunnel, ch, now)
		     : mpq_tunnel_detach(p->tunnel, ch, p->life.reason, now))) {
		tell_tunnel(p);
	}
	mpq_tunnel_explain(p->tunnel, p->life.reason);
}

void mpq_path_act(struct mpq_path *p, unsigned actions, mpq_time now)
{
	enum mpq_life_state was = p->told;

	if (actions & MPQ_LIFE_DROP_CURRENT) {
		drop_current(p, p->life.reason, now);
	}
	if (actions & MPQ_LIFE_DROP_CANDIDATE) {
		drop_candidate(p, p->life.reason, now);
	}
	if (actions & MPQ_LIFE_PROMOTE && p->candidate >= 0) {
		promote(p, now);
	}
	if (actions & MPQ_LIFE_DIAL) {
		actions |= dial_anew(p, now);
	}
	if (actions & MPQ_LIFE_PROBE && p->current >= 0) {
		mpq_channel_ping(p->slot[p->current].channel, now);
	}
	if (actions & MPQ_LIFE_CHANGED) {
		p->told = p->life.state;
		p->shared->events->changed(p, was, p->shared->owner);
	}
	follow(p, now);
}

/* ---- what mpquic-control says -------------------------------------------- */

struct mpq_path *mpq_path_new(const struct mpq_path_shared *shared,
			      const struct mpq_snapshot_path *config,
			      mpq_time now)
{
	struct mpq_path *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		return NULL;
	}
	p->shared = shared;
	p->config = *config;
	p->id = -1;
	p->current = -1;
	p->candidate = -1;
	p->renewed = MPQ_TIME_NEVER;
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		mpq_path_slot_init(&p->slot[i], p);
	}
	mpq_life_init(&p->life, &mpq_life_default, now);
	p->told = p->life.state;
	return p;
}

static void close_sockets(struct mpq_path *p)
{
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		mpq_path_slot_close(&p->slot[i]);
	}
}

void mpq_path_free(struct mpq_path *p)
{
	if (p == NULL) {
		return;
	}
	drop_all(p, "the path is no longer configured",
		 mpq_loop_now(p->shared->loop));
	close_sockets(p);
	free(p);
}

/* The link is as it was, but what ran is of another configuration. */
static void start_over(struct mpq_path *p, mpq_time now)
{
	char reason[sizeof(p->life.link_reason)];

	memcpy(reason, p->life.link_reason, sizeof(reason));
	p->token_len = 0;
	drop_all(p, "the configuration changed", now);
	mpq_path_act(p, mpq_life_link(&p->life, p->life.link, reason, now),
		     now);
}

/* The sockets are bound to the WAN of before: mpquic-control sends others. */
static void leave_wan(struct mpq_path *p, mpq_time now)
{
	char reason[64];

	(void)snprintf(reason, sizeof(reason), "waiting for a socket on %s",
		       p->config.wan);
	p->token_len = 0;
	(void)mpq_path_link(p, MPQ_LIFE_NO_LINK, reason, NULL, now);
}

uint16_t mpq_path_wanted_bytes(const struct mpq_path *p)
{
	return p->tunnel->config.mtu_bytes +
	       (p->tunnel->session != NULL ? MPQ_HEADER_BYTES : 0);
}

/* Larger packets than a channel was made for? */
static bool outgrown(const struct mpq_path *p)
{
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		const struct mpq_channel *ch = p->slot[i].channel;

		if (ch != NULL && mpq_path_wanted_bytes(p) > ch->wanted_bytes) {
			return true;
		}
	}
	return false;
}

static bool is_bonded(const struct mpq_tunnel *t)
{
	return t != NULL && t->session != NULL;
}

/* NULL: it may run. */
static const char *why_disabled(const struct mpq_snapshot_path *config,
				const struct mpq_tunnel *tunnel)
{
	if (!config->enabled) {
		return "disabled by configuration";
	}
	if (tunnel == NULL) {
		return "no tunnel has this path";
	}
	return tunnel->config.enabled ? NULL : "its tunnel is disabled";
}

void mpq_path_configure(struct mpq_path *p,
			const struct mpq_snapshot_path *config,
			struct mpq_tunnel *tunnel, int id, mpq_time now)
{
	bool same_wan = strcmp(p->config.wan, config->wan) == 0;
	bool same = mpq_snapshot_path_equal(&p->config, config) &&
		    p->tunnel == tunnel && p->id == id &&
		    p->bonded == is_bonded(tunnel);
	const char *why;

	if (p->tunnel != tunnel) {
		drop_all(p,
			 tunnel != NULL ? "the path has another tunnel now"
					: "no tunnel has this path",
			 now);
	}
	p->config = *config;
	p->tunnel = tunnel;
	p->id = id;
	p->bonded = is_bonded(tunnel);
	why = why_disabled(config, tunnel);
	mpq_path_act(p,
		     why == NULL ? mpq_life_enable(&p->life, now)
				 : mpq_life_disable(&p->life, why, now),
		     now);
	if (!same_wan) {
		leave_wan(p, now);
	} else if (!same || outgrown(p)) {
		start_over(p, now);
	}
}

void mpq_path_verify(struct mpq_path *p)
{
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		struct mpq_channel *ch = p->slot[i].channel;

		if (ch != NULL) { /* the turn reaps it */
			(void)mpq_channel_verify(ch, *p->shared->tls);
		}
	}
}

/* All or none. */
static int open_sockets(struct mpq_path *p, const int *fds)
{
	int result = 0;

	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		int r = mpq_path_slot_open(&p->slot[i], fds[i]);

		result = result == 0 ? r : result;
	}
	if (result < 0) {
		close_sockets(p);
	}
	return result;
}

int mpq_path_link(struct mpq_path *p, enum mpq_life_state link,
		  const char *reason, const int *fds, mpq_time now)
{
	char refusal[128];
	int r = 0;

	drop_all(p, reason[0] != '\0' ? reason : "the link changed", now);
	close_sockets(p);
	if (link == MPQ_LIFE_CONNECTING) {
		r = open_sockets(p, fds);
	}
	if (r < 0) {
		(void)snprintf(refusal, sizeof(refusal),
			       "no use can be made of its sockets: %s",
			       strerror(-r));
		link = MPQ_LIFE_NO_LINK;
		reason = refusal;
	}
	mpq_path_act(p, mpq_life_link(&p->life, link, reason, now), now);
	return r;
}

void mpq_path_hold(struct mpq_path *p, bool held, mpq_time now)
{
	mpq_path_act(p,
		     held ? mpq_life_hold(&p->life, MPQ_TIME_NEVER, now)
			  : mpq_life_release(&p->life, now),
		     now);
}

const struct mpq_channel *mpq_path_channel(const struct mpq_path *p)
{
	return p->current >= 0 ? p->slot[p->current].channel : NULL;
}
