/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/tunnel_world.h"

#include "tests/unit/common/pki.h"

#include <stdlib.h>
#include <string.h>

#define PORT              45001
#define EDGE              "10.64.0.2"
#define CONCENTRATOR      "192.0.2.1"
#define QUEUE_PKTS        256
#define POOL_PKTS         1024
#define IDLE_TIMEOUT      (30 * MPQ_SECOND)
#define HANDSHAKE_TIMEOUT (10 * MPQ_SECOND)
#define KEEP_ALIVE        (2 * MPQ_SECOND)
#define INITIAL_RTT       (100 * MPQ_MILLISECOND)
#define DRAIN             (1 * MPQ_SECOND)

static struct mpq_sockaddr address(const char *text, uint16_t port)
{
	struct mpq_sockaddr a;

	if (mpq_sockaddr_parse(text, port, &a) < 0) {
		abort();
	}
	return a;
}

static struct mpq_sockaddr with_port(const struct mpq_sockaddr *a,
				     uint16_t port)
{
	struct mpq_sockaddr other = *a;

	other.in.sin_port = htons(port);
	return other;
}

/* ---- traffic ------------------------------------------------------------- */

static void traffic_init(struct tunnel_world *w, struct tunnel_traffic *t,
			 size_t size_bytes, mpq_duration interval)
{
	const struct mpq_queue_config config = {.limit_pkts = QUEUE_PKTS};

	mpq_queue_init(&t->queue, &w->pool, &config);
	t->interval = interval;
	t->size_bytes = size_bytes;
	t->next = interval > 0 ? w->now : MPQ_TIME_NEVER;
	t->last = w->now;
}

static void send_due(struct tunnel_world *w, struct tunnel_traffic *t)
{
	for (; t->next <= w->now; t->next += t->interval) {
		struct mpq_packet *p = mpq_packet_get(&w->pool);

		t->sent++;
		if (p == NULL) {
			continue;
		}
		p->len_bytes = (uint16_t)t->size_bytes;
		memset(p->data, (int)(t->sent & 0xff), t->size_bytes);
		memcpy(p->data, &t->sent, sizeof(t->sent));
		(void)mpq_queue_push(&t->queue, p, w->now);
	}
}

static void received(struct tunnel_world *w, struct tunnel_traffic *t,
		     const uint8_t *data, size_t len)
{
	uint32_t number = 0;

	memcpy(&number, data, len < 4 ? len : 4);
	t->corrupt += len < 5 || data[len - 1] != (number & 0xff);
	if (w->now - t->last > t->longest_gap) {
		t->longest_gap = w->now - t->last;
	}
	t->last = w->now;
	t->received++;
	t->bytes += len;
}

static void count_anew(struct tunnel_traffic *t, mpq_time now)
{
	t->received = t->bytes = 0;
	t->last = now;
	t->longest_gap = 0;
}

void tunnel_world_count_anew(struct tunnel_world *w)
{
	count_anew(&w->edge, w->now);
	count_anew(&w->concentrator, w->now);
}

/* ---- the wire ------------------------------------------------------------ */

static void send_up(struct tunnel_world *w, const struct mpq_sockaddr *from,
		    const struct mpq_sockaddr *to, uint8_t ecn,
		    const uint8_t *data, size_t len)
{
	struct mpq_sockaddr outside =
		with_port(from,
			  (uint16_t)(mpq_sockaddr_port(from) + w->nat_shift));

	if (w->link_ready) {
		sim_link_push(&w->up, &outside, to, ecn, data, len, w->now);
	}
}

static void send_down(struct tunnel_world *w, const struct mpq_sockaddr *from,
		      const struct mpq_sockaddr *to, uint8_t ecn,
		      const uint8_t *data, size_t len)
{
	sim_link_push(&w->down, from, to, ecn, data, len, w->now);
}

static void write_channel(struct tunnel_world *w, struct mpq_channel *ch,
			  struct mpq_queue *q)
{
	uint8_t dest[MPQ_CONN_MAX_UDP_BYTES];
	struct mpq_conn_written written;
	size_t n;

	while ((n = mpq_channel_write(ch, q, dest, sizeof(dest), &written,
				      w->now)) > 0) {
		if (ch->server) {
			send_down(w, &written.local, &written.remote,
				  written.ecn, dest, n);
		} else {
			send_up(w, &written.local, &written.remote, written.ecn,
				dest, n);
		}
	}
	mpq_channel_burst_end(ch, w->now);
}

/* ---- the edge: as dataplane/path ----------------------------------------- */

static void on_up(struct mpq_channel *ch)
{
	ch->dirty = true;
}

static void on_edge_packet(struct mpq_channel *ch, const uint8_t *data,
			   size_t len)
{
	struct tunnel_slot *slot = ch->owner;

	received(slot->world, &slot->world->edge, data, len);
}

static void on_edge_too_big(struct mpq_channel *ch, const struct mpq_packet *p)
{
	struct tunnel_slot *slot = ch->owner;

	(void)p;
	slot->world->too_big++;
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
	.too_big = on_edge_too_big,
	.token = on_token,
};

static void drop_slot(struct tunnel_slot *slot, const char *reason)
{
	if (slot->channel == NULL) {
		return;
	}
	if (!slot->channel->over) {
		mpq_channel_close(slot->channel, reason);
		write_channel(slot->world, slot->channel, NULL);
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
		.remote = address(CONCENTRATOR, PORT),
		.idle_timeout = IDLE_TIMEOUT,
		.keep_alive = KEEP_ALIVE,
		.handshake_timeout = HANDSHAKE_TIMEOUT,
		.initial_rtt = INITIAL_RTT,
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

static void act(struct tunnel_world *w, unsigned actions)
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
		act(w, ch->up ? mpq_life_established(&w->life, w->now)
			      : mpq_life_observe_candidate(&w->life,
							   info.last_read,
							   info.rtt_smoothed,
							   w->now));
	}
	if (w->current >= 0) {
		struct mpq_channel *ch = w->slot[w->current].channel;

		mpq_conn_info(ch->conn, &info);
		act(w, mpq_life_observe(&w->life,
					mpq_time_min(info.oldest_unanswered,
						     mpq_loss_stalled_since(
							     &ch->loss)),
					info.rtt_smoothed, w->now));
	}
	if (mpq_life_deadline(&w->life) <= w->now) {
		act(w, mpq_life_expire(&w->life, w->now));
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
	act(w, mpq_life_ended(&w->life, current, refused, reason, w->now));
}

static void edge_turn(struct tunnel_world *w)
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
			write_channel(w, w->slot[i].channel,
				      i == w->current ? &w->edge.queue : NULL);
		}
	}
}

static void edge_receive(struct tunnel_world *w,
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

/* ---- the concentrator: as dataplane/listener ----------------------------- */

static unsigned on_request(struct mpq_channel *ch,
			   const struct mpq_h3_request *request)
{
	struct tunnel_world *w = ((struct tunnel_guest *)ch->owner)->world;

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
	received(w, &w->concentrator, data, len);
}

static void on_guest_too_big(struct mpq_channel *ch, const struct mpq_packet *p)
{
	struct tunnel_world *w = ((struct tunnel_guest *)ch->owner)->world;

	(void)p;
	w->too_big++;
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
	.too_big = on_guest_too_big,
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
		.idle_timeout = IDLE_TIMEOUT,
		.handshake_timeout = HANDSHAKE_TIMEOUT / 2,
		.initial_rtt = INITIAL_RTT,
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

static void concentrator_receive(struct tunnel_world *w,
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
		send_down(w, &p->to, &p->from, 0, result.reply,
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

static void concentrator_turn(struct tunnel_world *w)
{
	for (int i = 0; i < TUNNEL_GUESTS; i++) {
		struct tunnel_guest *g = &w->guest[i];

		if (g->channel == NULL) {
			continue;
		}
		if (mpq_channel_deadline(g->channel) <= w->now) {
			mpq_channel_expire(g->channel, w->now);
		}
		write_channel(w, g->channel,
			      g->channel == w->carrier ? &w->concentrator.queue
						       : NULL);
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

/* ---- life and time ------------------------------------------------------- */

static struct mpq_tls *new_tls(const struct pki_set *pki, bool server)
{
	const struct pki_certificate *own = server ? pki->server : pki->client;
	const struct mpq_tls_config config = {
		.certificate_pem = own->certificate_pem,
		.private_key_pem = own->key_pem,
		.authority_pem = pki->authority->certificate_pem,
		.profile = MPQ_CERTIFICATE_HIGH,
		.server = server,
	};
	char reason[MPQ_CERTIFICATE_REASON_BYTES];
	struct mpq_tls *tls;

	if (mpq_tls_new(&tls, &config, reason) < 0) {
		abort();
	}
	return tls;
}

static void fresh_sockets(struct tunnel_world *w)
{
	for (int i = 0; i < 2; i++) {
		w->slot[i].local = address(EDGE, w->next_port++);
	}
}

struct tunnel_world *tunnel_world_new(struct sim_run *run,
				      const struct sim_link_shape *shape,
				      uint16_t inner_bytes, size_t size_bytes,
				      mpq_duration interval)
{
	struct tunnel_world *w = calloc(1, sizeof(*w));
	struct pki_set pki = pki_set_new();

	if (w == NULL || mpq_packet_pool_init(&w->pool, POOL_PKTS) < 0) {
		abort();
	}
	w->run = run;
	w->now = 1000 * MPQ_SECOND;
	w->inner_bytes = inner_bytes;
	w->next_port = 40000;
	w->current = w->candidate = -1;
	w->edge_tls = new_tls(&pki, false);
	w->concentrator_tls = new_tls(&pki, true);
	pki_set_free(&pki);
	sim_link_init(&w->up, shape, run->seed, w->now);
	sim_link_init(&w->down, shape, ~run->seed, w->now);
	mpq_life_init(&w->life, &mpq_life_default, w->now);
	traffic_init(w, &w->edge, size_bytes, interval);
	traffic_init(w, &w->concentrator, size_bytes, interval);
	for (int i = 0; i < 2; i++) {
		w->slot[i].world = w;
		w->slot[i].drain_until = MPQ_TIME_NEVER;
	}
	for (int i = 0; i < TUNNEL_GUESTS; i++) {
		w->guest[i].world = w;
	}
	memset(w->secret, 7, sizeof(w->secret));
	tunnel_world_start_concentrator(w);
	return w;
}

void tunnel_world_free(struct tunnel_world *w)
{
	w->link_ready = false;
	drop_slot(&w->slot[0], "the end");
	drop_slot(&w->slot[1], "the end");
	if (w->demux != NULL) {
		tunnel_world_kill_concentrator(w);
	}
	mpq_queue_finish(&w->edge.queue);
	mpq_queue_finish(&w->concentrator.queue);
	mpq_packet_pool_finish(&w->pool);
	sim_link_finish(&w->up);
	sim_link_finish(&w->down);
	mpq_tls_unref(w->edge_tls);
	mpq_tls_unref(w->concentrator_tls);
	free(w);
}

static mpq_time next_event(const struct tunnel_world *w)
{
	mpq_time next = mpq_time_min(sim_link_deadline(&w->up),
				     sim_link_deadline(&w->down));

	next = mpq_time_min(next, mpq_life_deadline(&w->life));
	next = mpq_time_min(next, w->edge.next);
	next = mpq_time_min(next, w->concentrator.next);
	for (int i = 0; i < 2; i++) {
		next = mpq_time_min(next, w->slot[i].drain_until);
		if (w->slot[i].channel != NULL) {
			next = mpq_time_min(next, mpq_channel_deadline(
							  w->slot[i].channel));
		}
	}
	for (int i = 0; i < TUNNEL_GUESTS; i++) {
		if (w->guest[i].channel != NULL) {
			next = mpq_time_min(next, mpq_channel_deadline(
							  w->guest[i].channel));
		}
	}
	return next;
}

static void turn(struct tunnel_world *w)
{
	const struct sim_link_packet *p;

	while ((p = sim_link_pop(&w->up, w->now)) != NULL) {
		concentrator_receive(w, p);
	}
	while ((p = sim_link_pop(&w->down, w->now)) != NULL) {
		edge_receive(w, p);
	}
	send_due(w, &w->edge);
	send_due(w, &w->concentrator);
	edge_turn(w);
	concentrator_turn(w);
}

mpq_duration tunnel_world_until(struct tunnel_world *w,
				bool (*done)(const struct tunnel_world *w),
				mpq_duration limit)
{
	mpq_time begun = w->now, end = w->now + limit;

	for (unsigned idle = 0; !w->run->failed;) {
		mpq_time next = next_event(w);

		if (done != NULL && done(w)) {
			return w->now - begun;
		}
		if (next > end) {
			w->now = end;
			break;
		}
		idle = next > w->now ? 0 : idle + 1;
		sim_holds(w->run, idle < 1000, w->now, "turns without end");
		w->now = next > w->now ? next : w->now;
		turn(w);
	}
	return MPQ_TIME_NEVER;
}

void tunnel_world_run(struct tunnel_world *w, mpq_duration time)
{
	(void)tunnel_world_until(w, NULL, time);
}

void tunnel_world_link(struct tunnel_world *w, enum mpq_life_state link)
{
	w->link_ready = false; /* no good-byes on a wire that is gone */
	if (link == MPQ_LIFE_CONNECTING) {
		act(w, mpq_life_link(&w->life, MPQ_LIFE_NO_LINK, NULL, w->now));
		fresh_sockets(w);
		w->link_ready = true;
	}
	act(w, mpq_life_link(&w->life, link, NULL, w->now));
	turn(w);
}

void tunnel_world_shape(struct tunnel_world *w,
			const struct sim_link_shape *shape)
{
	sim_link_set(&w->up, shape, w->now);
	sim_link_set(&w->down, shape, w->now);
}

void tunnel_world_rebind(struct tunnel_world *w)
{
	w->nat_shift += 1000;
}

bool tunnel_world_is_up(const struct tunnel_world *w)
{
	return w->life.state == MPQ_LIFE_UP && w->current >= 0 &&
	       mpq_channel_carries(w->slot[w->current].channel);
}

bool tunnel_world_carries(const struct tunnel_world *w)
{
	return w->edge.received > 0 && w->concentrator.received > 0;
}
