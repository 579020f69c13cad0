/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/guest.h"
#include "tests/sim/tunnel_private.h"

#include <stdlib.h>
#include <string.h>

static unsigned on_request(struct mpq_channel *ch,
			   const struct mpq_h3_request *request,
			   char reason[MPQ_CHANNEL_REASON_BYTES])
{
	struct tunnel_world *w = ((struct tunnel_guest *)ch->owner)->world;

	(void)reason;
	sim_holds(w->run, strcmp(request->tunnel, "mpq1") == 0, w->now,
		  "asked for tunnel \"%s\"", request->tunnel);
	ch->wanted_bytes = w->inner_bytes;
	return w->refuse_status != 0 ? w->refuse_status : 200;
}

static void on_guest_packet(struct mpq_channel *ch, const uint8_t *data,
			    size_t len)
{
	struct tunnel_world *w = ((struct tunnel_guest *)ch->owner)->world;

	w->carrier = ch; /* downlink follows uplink */
	tunnel_received(w, &w->concentrator, data, len);
}

static int on_cid_added(struct mpq_channel *ch, const uint8_t *cid, size_t len)
{
	struct tunnel_guest *g = ch->owner;

	return mpq_demux_add(g->world->demux, cid, len, g);
}

static void on_cid_removed(struct mpq_channel *ch, const uint8_t *cid,
			   size_t len)
{
	struct tunnel_guest *g = ch->owner;

	mpq_demux_remove(g->world->demux, cid, len);
}

static const struct mpq_channel_events concentrator_events = {
	.request = on_request,
	.packet = on_guest_packet,
	.cid_added = on_cid_added,
	.cid_removed = on_cid_removed,
};

static struct tunnel_guest *admit(struct tunnel_world *w,
				  const struct sim_link_packet *p,
				  const struct mpq_conn_initial *initial)
{
	struct mpq_conn_config config = {
		.tls = w->concentrator_tls,
		.local = p->to,
		.remote = p->from,
		.max_udp_bytes =
			mpq_channel_max_udp(MPQ_PACKET_MAX_BYTES, &p->from),
		.idle_timeout = TUNNEL_IDLE_TIMEOUT,
		.handshake_timeout = TUNNEL_HANDSHAKE_TIMEOUT / 2,
		.initial_rtt = TUNNEL_INITIAL_RTT,
		.reset_secret = w->secret,
	};

	for (int i = 0; i < TUNNEL_GUESTS; i++) {
		struct tunnel_guest *g = &w->guest[i];

		if (g->channel == NULL) {
			return mpq_channel_accept(&g->channel, &config, initial,
						  &concentrator_events, g,
						  w->now) == 0
				       ? g
				       : NULL;
		}
	}
	sim_holds(w->run, false, w->now, "too many connections pile up");
	return NULL;
}

void tunnel_concentrator_receive(struct tunnel_world *w,
				 const struct sim_link_packet *p)
{
	struct mpq_demux_result result;
	struct tunnel_guest *g = NULL;

	if (w->concentrator_away) {
		return;
	}
	switch (mpq_demux_route(w->demux, &p->from, p->data, p->len, w->now,
				&result)) {
	case MPQ_DEMUX_OWNER:
		g = result.owner;
		break;
	case MPQ_DEMUX_ACCEPT:
		g = admit(w, p, &result.initial);
		break;
	case MPQ_DEMUX_REPLY:
		tunnel_send_down(w, &p->to, &p->from, 0, result.reply,
				 result.reply_len);
		break;
	case MPQ_DEMUX_DROP:
		break;
	}
	if (g != NULL) {
		mpq_channel_read(g->channel, &p->to, &p->from, p->ecn, p->data,
				 p->len, w->now);
	}
}

static void free_guest(struct tunnel_world *w, struct tunnel_guest *g)
{
	if (w->carrier == g->channel) {
		w->carrier = NULL;
	}
	mpq_channel_free(g->channel);
	g->channel = NULL;
}

static void send_away(struct tunnel_world *w, struct tunnel_guest *g)
{
	struct mpq_conn_info info;

	if (g->channel->up && !g->channel->over) {
		mpq_conn_info(g->channel->conn, &info);
		if (mpq_guest_is_stuck(&info, w->now)) {
			mpq_channel_close(g->channel, "nothing arrives");
		}
	}
}

void tunnel_concentrator_turn(struct tunnel_world *w)
{
	for (int i = 0; i < TUNNEL_GUESTS; i++) {
		struct tunnel_guest *g = &w->guest[i];

		if (g->channel == NULL) {
			continue;
		}
		if (mpq_channel_deadline(g->channel) <= w->now) {
			mpq_channel_expire(g->channel, w->now);
		}
		tunnel_write(w, g->channel,
			     g->channel == w->carrier ? &w->concentrator.out
						      : NULL);
		send_away(w, g);
		if (g->channel->over) {
			free_guest(w, g);
		}
	}
}

void tunnel_world_kill_concentrator(struct tunnel_world *w)
{
	w->concentrator_away = true;
	for (int i = 0; i < TUNNEL_GUESTS; i++) {
		free_guest(w, &w->guest[i]);
	}
	mpq_demux_free(w->demux);
	w->demux = NULL;
}

void tunnel_world_start_concentrator(struct tunnel_world *w)
{
	w->concentrator_away = false;
	w->demux = mpq_demux_new(w->secret);
	if (w->demux == NULL) {
		abort();
	}
}
