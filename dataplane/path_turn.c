/* SPDX-License-Identifier: Apache-2.0 */
/* A path's turn: what its connections show is told to its life (bond/life), and
 * what is due is done. */
#include "dataplane/path_private.h"

#include <stdio.h>

#define RENEWED (30 * MPQ_SECOND) /* not again within */

static bool is_slot(const struct mpq_path *p, const struct mpq_path_slot *slot,
		    int i)
{
	return i >= 0 && slot == &p->slot[i];
}

static void reap(struct mpq_path *p, struct mpq_path_slot *slot, mpq_time now)
{
	bool current = is_slot(p, slot, p->current);
	bool candidate = is_slot(p, slot, p->candidate);
	char reason[MPQ_CERTIFICATE_REASON_BYTES];
	bool refused;

	if (slot->channel == NULL || !slot->channel->over) {
		return;
	}
	refused = mpq_channel_refused(slot->channel);
	(void)snprintf(reason, sizeof(reason), "%s", slot->channel->end.reason);
	mpq_path_slot_drop(slot, reason, now);
	if (current) {
		p->current = -1;
	}
	if (candidate) {
		p->candidate = -1;
	}
	if (current || candidate) {
		mpq_path_act(p,
			     mpq_life_ended(&p->life, current, refused, reason,
					    now),
			     now);
	}
}

/* A session that can still send on the current one first lets it join. */
static bool is_taken(const struct mpq_path *p, struct mpq_channel *ch,
		     mpq_time now)
{
	return p->current < 0 || p->tunnel == NULL ||
	       p->tunnel->session == NULL ||
	       mpq_session_replace(p->tunnel->session, (unsigned)p->id, ch,
				   now);
}

static void watch_candidate(struct mpq_path *p, mpq_time now)
{
	struct mpq_channel *ch = p->slot[p->candidate].channel;
	struct mpq_conn_info info;

	if (ch->up && is_taken(p, ch, now)) {
		mpq_path_act(p, mpq_life_established(&p->life, now), now);
		return;
	}
	mpq_conn_info(ch->conn, &info);
	if (info.last_read != MPQ_TIME_NEVER) {
		mpq_path_act(p,
			     mpq_life_observe_candidate(
				     &p->life, info.last_read,
				     info.rtt_latest > 0 ? info.rtt_smoothed
							 : 0,
				     now),
			     now);
	}
}

/* One that is refused, or shrinks at once again, is not dialled for ever. */
static void renew(struct mpq_path *p, const struct mpq_channel *ch,
		  mpq_time now)
{
	unsigned actions;

	if (p->tunnel == NULL || p->tunnel->session == NULL ||
	    !mpq_session_wants_renewal(p->tunnel->session, ch, now) ||
	    (p->renewed != MPQ_TIME_NEVER &&
	     mpq_time_elapsed(p->renewed, now) < RENEWED)) {
		return;
	}
	actions =
		mpq_life_renew(&p->life,
			       "dialling anew: it carries less than it should",
			       now);
	if (actions != 0) {
		p->renewed = now;
		mpq_session_renews(p->tunnel->session, now);
		mpq_path_act(p, actions, now);
	}
}

static void watch_current(struct mpq_path *p, mpq_time now)
{
	const struct mpq_channel *ch = p->slot[p->current].channel;
	struct mpq_conn_info info;
	mpq_time unanswered;

	mpq_conn_info(ch->conn, &info);
	if (p->tunnel != NULL) {
		mpq_tunnel_set_rtt(p->tunnel, info.rtt_smoothed);
	}
	/* A path that lost its MTU answers small packets only: dial anew,
	 * which finds out what it carries now. */
	unanswered = mpq_time_min(info.oldest_unanswered,
				  mpq_loss_stalled_since(&ch->loss));
	mpq_path_act(p,
		     mpq_life_observe(&p->life, unanswered, info.rtt_smoothed,
				      now),
		     now);
	if (p->current >= 0) {
		renew(p, p->slot[p->current].channel, now);
	}
}

static void watch_life(struct mpq_path *p, mpq_time now)
{
	if (p->candidate >= 0) {
		watch_candidate(p, now);
	}
	if (p->current >= 0) {
		watch_current(p, now);
	}
	if (mpq_life_deadline(&p->life) <= now) {
		mpq_path_act(p, mpq_life_expire(&p->life, now), now);
	}
}

static void turn_slot(struct mpq_path *p, struct mpq_path_slot *slot,
		      mpq_time now)
{
	if (slot->channel != NULL &&
	    mpq_channel_deadline(slot->channel) <= now) {
		mpq_channel_expire(slot->channel, now);
	}
	if (slot->drain_until <= now) {
		mpq_path_slot_drop(slot, "a fresh connection took over", now);
	}
	reap(p, slot, now);
}

void mpq_path_turn(struct mpq_path *p, mpq_time now)
{
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		turn_slot(p, &p->slot[i], now);
	}
	watch_life(p, now);
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		mpq_path_slot_write(&p->slot[i], now);
	}
}

mpq_time mpq_path_deadline(const struct mpq_path *p)
{
	mpq_time due = mpq_life_deadline(&p->life);

	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		const struct mpq_path_slot *slot = &p->slot[i];

		due = mpq_time_min(due, slot->drain_until);
		if (slot->channel != NULL &&
		    (slot->channel->over || slot->channel->dirty)) {
			return 0;
		}
		if (slot->channel != NULL) {
			due = mpq_time_min(due,
					   mpq_channel_deadline(slot->channel));
		}
	}
	return due;
}
