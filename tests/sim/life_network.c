/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/life_private.h"

#define HANDSHAKE_STEPS   3
#define HANDSHAKE_TIMEOUT (10 * MPQ_SECOND)
#define IDLE_TIMEOUT      (30 * MPQ_SECOND)
#define WINDOW_PKTS       20

enum packet_kind {
	PACKET_HANDSHAKE,
	PACKET_DATA, /* and its acknowledgement */
	PACKET_REFUSAL,
	PACKET_RESET,
};

static bool peer_away(const struct life_world *w)
{
	return w->active[LIFE_RESTART] > 0 || w->active[LIFE_AMNESIA] > 0;
}

static void post(struct life_world *w, bool to_server, unsigned id,
		 enum packet_kind kind, unsigned step)
{
	if (!life_link_ready(w) || w->active[LIFE_HOLE] > 0 ||
	    sim_random_chance(&w->random, w->loss_ppm)) {
		return;
	}
	if (!sim_holds(w->run, w->n_packets < LIFE_PACKETS, w->now,
		       "too many packets under way")) {
		return;
	}
	w->packets[w->n_packets++] = (struct life_packet){
		.at = w->now + w->rtt / 2,
		.to_server = to_server,
		.id = id,
		.kind = kind,
		.step = step,
	};
}

void life_send(struct life_world *w, struct life_connection *c)
{
	if (c->oldest_unanswered == MPQ_TIME_NEVER) {
		c->oldest_unanswered = w->now;
	}
	c->unacked++;
	if (c->next_timeout == MPQ_TIME_NEVER) {
		c->next_timeout = w->now + (c->step == 0 ? LIFE_INITIAL_TIMEOUT
							 : 3 * w->rtt);
	}
	post(w, true, c->id, c->established ? PACKET_DATA : PACKET_HANDSHAKE,
	     c->step);
}

static void server_receive(struct life_world *w, const struct life_packet *p)
{
	if (peer_away(w)) {
		return;
	}
	if (p->kind == PACKET_HANDSHAKE && p->step == 0) {
		w->known[p->id] = true;
	}
	if (!w->known[p->id]) {
		if (w->tells_resets) {
			post(w, false, p->id, PACKET_RESET, 0);
		}
		return;
	}
	if (p->kind == PACKET_HANDSHAKE && p->step == HANDSHAKE_STEPS - 1 &&
	    w->active[LIFE_REFUSE] > 0) {
		w->known[p->id] = false;
		post(w, false, p->id, PACKET_REFUSAL, 0);
		return;
	}
	post(w, false, p->id, (enum packet_kind)p->kind, p->step);
}

static void advance(struct life_world *w, struct life_connection *c,
		    const struct life_packet *p)
{
	if (p->kind == PACKET_HANDSHAKE && p->step == c->step &&
	    !c->established) {
		c->established = ++c->step == HANDSHAKE_STEPS;
		life_send(w, c);
		if (c->established) {
			c->next_traffic = w->now + w->traffic;
		}
	}
}

static struct life_connection *find(struct life_world *w, unsigned id)
{
	for (int i = 0; i < 2; i++) {
		if (w->slot[i].used && w->slot[i].id == id) {
			return &w->slot[i];
		}
	}
	return NULL;
}

static void client_receive(struct life_world *w, const struct life_packet *p)
{
	struct life_connection *c = find(w, p->id);

	if (c == NULL) {
		return;
	}
	c->last_read = w->now;
	c->oldest_unanswered = MPQ_TIME_NEVER;
	c->next_timeout = MPQ_TIME_NEVER;
	c->unacked = c->timeouts = 0;
	switch (p->kind) {
	case PACKET_REFUSAL:
		life_ended(w, c, true, "the peer refuses us");
		break;
	case PACKET_RESET:
		life_ended(w, c, false, "the peer knows us no more");
		break;
	default:
		advance(w, c, p);
		break;
	}
}

static void deliver(struct life_world *w, size_t i)
{
	struct life_packet p = w->packets[i];

	w->packets[i] = w->packets[--w->n_packets];
	if (p.to_server) {
		server_receive(w, &p);
	} else {
		client_receive(w, &p);
	}
}

static void connection_timers(struct life_world *w, struct life_connection *c)
{
	if (c->used && c->next_timeout <= w->now) {
		c->timeouts++;
		c->next_timeout = MPQ_TIME_NEVER;
		life_send(w, c);
		c->next_timeout =
			w->now +
			((c->step == 0 ? LIFE_INITIAL_TIMEOUT : 3 * w->rtt)
			 << c->timeouts);
	}
	if (c->used && c->next_traffic <= w->now) {
		c->next_traffic = w->now + w->traffic;
		if (c->unacked < WINDOW_PKTS) {
			life_send(w, c);
		}
	}
	if (c->used && !c->established &&
	    w->now - c->created >= HANDSHAKE_TIMEOUT) {
		life_ended(w, c, false, "no handshake within 10 s");
	}
	if (c->used && c->established &&
	    w->now - c->last_read >= IDLE_TIMEOUT) {
		life_ended(w, c, false, "no answer for 30 s");
	}
}

void life_network_turn(struct life_world *w)
{
	for (size_t i = 0; i < w->n_packets;) {
		if (w->packets[i].at <= w->now) {
			deliver(w, i);
			i = 0; /* the list may have been emptied */
		} else {
			i++;
		}
	}
	connection_timers(w, &w->slot[0]);
	connection_timers(w, &w->slot[1]);
}

mpq_time life_network_deadline(const struct life_world *w)
{
	mpq_time next = MPQ_TIME_NEVER;

	for (size_t i = 0; i < w->n_packets; i++) {
		next = mpq_time_min(next, w->packets[i].at);
	}
	for (int i = 0; i < 2; i++) {
		const struct life_connection *c = &w->slot[i];

		if (c->used) {
			next = mpq_time_min(next, c->next_timeout);
			next = mpq_time_min(next, c->next_traffic);
			next = mpq_time_min(
				next, c->established
					      ? c->last_read + IDLE_TIMEOUT
					      : c->created + HANDSHAKE_TIMEOUT);
		}
	}
	return next;
}
