/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/tunnel_private.h"

#include <stdlib.h>
#include <string.h>

#define KEEP_ALIVE (2 * MPQ_SECOND)
#define DRAIN      (1 * MPQ_SECOND)

static void on_up(struct mpq_channel *ch)
{
	ch->dirty = true;
}

static void on_edge_packet(struct mpq_channel *ch, const uint8_t *data,
			   size_t len)
{
	struct tunnel_slot *slot = ch->owner;

	tunnel_received(slot->world, &slot->world->edge, data, len);
}

static void on_token(struct mpq_channel *ch, const uint8_t *token, size_t len)
{
	struct tunnel_world *w = ((struct tunnel_slot *)ch->owner)->world;

	if (len <= sizeof(w->token)) {
		memcpy(w->token, token, len);
		w->token_len = len;
	}
}

static const struct mpq_channel_events edge_events = {
	.up = on_up,
	.packet = on_edge_packet,
	.token = on_token,
};

static void drop_slot(struct tunnel_slot *slot, const char *reason)
{
	if (slot->channel == NULL) {
		return;
	}
	if (!slot->channel->over) {
		mpq_channel_close(slot->channel, reason);
		tunnel_write(slot->world, slot->channel, NULL);
	}
	mpq_channel_free(slot->channel);
	slot->channel = NULL;
	slot->drain_until = MPQ_TIME_NEVER;
}

static void dial(struct tunnel_world *w)
{
	int i = w->current == 0 ? 1 : 0;
	struct tunnel_slot *slot = &w->slot[i];
	struct mpq_conn_config config = {
		.tls = w->edge_tls,
		.server_name = "concentrator.example",
		.remote = tunnel_address(TUNNEL_CONCENTRATOR, TUNNEL_PORT),
		.idle_timeout = TUNNEL_IDLE_TIMEOUT,
		.keep_alive = KEEP_ALIVE,
		.handshake_timeout = TUNNEL_HANDSHAKE_TIMEOUT,
		.initial_rtt = TUNNEL_INITIAL_RTT,
		.token = w->token_len > 0 ? w->token : NULL,
		.token_len = w->token_len,
	};

	drop_slot(slot, "dialling anew");
	config.local = slot->local;
	config.max_udp_bytes =
		mpq_channel_max_udp(w->inner_bytes, &config.remote);
	if (mpq_channel_connect(&slot->channel, &config,
				"concentrator.example:45001", "mpq1",
				&edge_events, slot, w->now) < 0) {
		abort();
	}
	slot->channel->wanted_bytes = w->inner_bytes;
	w->candidate = i;
}

static void promote(struct tunnel_world *w)
{
	if (w->current >= 0) {
		w->slot[w->current].drain_until = w->now + DRAIN;
	}
	w->current = w->candidate;
	w->candidate = -1;
}

void tunnel_edge_act(struct tunnel_world *w, unsigned actions)
{
	if (actions & MPQ_LIFE_DROP_CURRENT && w->current >= 0) {
		drop_slot(&w->slot[w->current], w->life.reason);
		w->current = -1;
	}
	if (actions & MPQ_LIFE_DROP_CANDIDATE && w->candidate >= 0) {
		drop_slot(&w->slot[w->candidate], w->life.reason);
		w->candidate = -1;
	}
	if (actions & MPQ_LIFE_PROMOTE) {
		promote(w);
	}
	if (actions & MPQ_LIFE_DIAL) {
		dial(w);
	}
	if (actions & MPQ_LIFE_PROBE && w->current >= 0) {
		mpq_channel_ping(w->slot[w->current].channel, w->now);
	}
	if (actions & MPQ_LIFE_CHANGED) {
		w->state_changes++;
		sim_trace(w->run, w->now, "%s: %s",
			  mpq_life_state_name(w->life.state), w->life.reason);
	}
}

static void watch_life(struct tunnel_world *w)
{
	struct mpq_conn_info info;

	if (w->candidate >= 0) {
		struct mpq_channel *ch = w->slot[w->candidate].channel;

		mpq_conn_info(ch->conn, &info);
		tunnel_edge_act(w,
				ch->up ? mpq_life_established(&w->life, w->now)
				       : mpq_life_observe_candidate(
						 &w->life, info.last_read,
						 info.rtt_smoothed, w->now));
	}
	if (w->current >= 0) {
		struct mpq_channel *ch = w->slot[w->current].channel;

		mpq_conn_info(ch->conn, &info);
		tunnel_edge_act(
			w, mpq_life_observe(&w->life,
					    mpq_time_min(info.oldest_unanswered,
							 mpq_loss_stalled_since(
								 &ch->loss)),
					    info.rtt_smoothed, w->now));
	}
	if (mpq_life_deadline(&w->life) <= w->now) {
		tunnel_edge_act(w, mpq_life_expire(&w->life, w->now));
	}
}

static void reap_slot(struct tunnel_world *w, int i)
{
	struct tunnel_slot *slot = &w->slot[i];
	struct mpq_channel *ch = slot->channel;
	bool current = i == w->current, refused;
	char reason[MPQ_CERTIFICATE_REASON_BYTES];

	if (ch == NULL || !ch->over) {
		return;
	}
	refused = mpq_channel_refused(ch);
	memcpy(reason, ch->end.reason, sizeof(reason));
	drop_slot(slot, reason);
	if (current) {
		w->current = -1;
	} else if (i == w->candidate) {
		w->candidate = -1;
	} else {
		return;
	}
	tunnel_edge_act(w, mpq_life_ended(&w->life, current, refused, reason,
					  w->now));
}

void tunnel_edge_turn(struct tunnel_world *w)
{
	for (int i = 0; i < 2; i++) {
		struct tunnel_slot *slot = &w->slot[i];

		if (slot->channel != NULL &&
		    mpq_channel_deadline(slot->channel) <= w->now) {
			mpq_channel_expire(slot->channel, w->now);
		}
		if (slot->drain_until <= w->now) {
			drop_slot(slot, "a fresh connection took over");
		}
		reap_slot(w, i);
	}
	watch_life(w);
	for (int i = 0; i < 2; i++) {
		if (w->slot[i].channel != NULL) {
			tunnel_write(w, w->slot[i].channel,
				     i == w->current ? &w->edge.out : NULL);
		}
	}
}

void tunnel_edge_receive(struct tunnel_world *w,
			 const struct sim_link_packet *p)
{
	uint16_t port = (uint16_t)(mpq_sockaddr_port(&p->to) - w->nat_shift);

	for (int i = 0; i < 2 && w->link_ready; i++) {
		struct tunnel_slot *slot = &w->slot[i];

		if (slot->channel != NULL &&
		    mpq_sockaddr_port(&slot->local) == port) {
			mpq_channel_read(slot->channel, &slot->local, &p->from,
					 p->ecn, p->data, p->len, w->now);
		}
	}
}

void tunnel_edge_free(struct tunnel_world *w)
{
	w->link_ready = false;
	drop_slot(&w->slot[0], "the end");
	drop_slot(&w->slot[1], "the end");
}
