/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/tunnel_private.h"

#include "tests/unit/common/pki.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_PKTS 256
#define POOL_PKTS  1024

struct mpq_sockaddr tunnel_address(const char *text, uint16_t port)
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

/* ---- traffic */

static void traffic_init(struct tunnel_world *w, struct tunnel_traffic *t,
			 size_t size_bytes, mpq_duration interval)
{
	const struct mpq_fair_config config = {.limit_pkts = QUEUE_PKTS};

	mpq_fair_init(&t->out.queue, &w->pool, &config, &t->out.room);
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
		p->flow = 0;
		memset(p->data, (int)(t->sent & 0xff), t->size_bytes);
		memcpy(p->data, &t->sent, sizeof(t->sent));
		(void)mpq_fair_push(&t->out.queue, p, w->now);
	}
}

void tunnel_received(struct tunnel_world *w, struct tunnel_traffic *t,
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

/* ---- the wire */

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

void tunnel_send_down(struct tunnel_world *w, const struct mpq_sockaddr *from,
		      const struct mpq_sockaddr *to, uint8_t ecn,
		      const uint8_t *data, size_t len)
{
	sim_link_push(&w->down, from, to, ecn, data, len, w->now);
}

void tunnel_write(struct tunnel_world *w, struct mpq_channel *ch,
		  struct queue_source *out)
{
	uint8_t dest[MPQ_CONN_MAX_UDP_BYTES];
	struct mpq_conn_written written;
	size_t n;

	while ((n = mpq_channel_write(ch, out != NULL ? &queue_source : NULL,
				      out, dest, sizeof(dest), &written,
				      w->now)) > 0) {
		if (ch->server) {
			tunnel_send_down(w, &written.local, &written.remote,
					 written.ecn, dest, n);
		} else {
			send_up(w, &written.local, &written.remote, written.ecn,
				dest, n);
		}
	}
	mpq_channel_burst_end(ch, w->now);
}

/* ---- life and time */

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
		w->slot[i].local = tunnel_address(TUNNEL_EDGE, w->next_port++);
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
	tunnel_edge_free(w);
	if (w->demux != NULL) {
		tunnel_world_kill_concentrator(w);
	}
	mpq_fair_finish(&w->edge.out.queue);
	mpq_fair_finish(&w->concentrator.out.queue);
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
		tunnel_concentrator_receive(w, p);
	}
	while ((p = sim_link_pop(&w->down, w->now)) != NULL) {
		tunnel_edge_receive(w, p);
	}
	send_due(w, &w->edge);
	send_due(w, &w->concentrator);
	tunnel_edge_turn(w);
	tunnel_concentrator_turn(w);
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
		tunnel_edge_act(w, mpq_life_link(&w->life, MPQ_LIFE_NO_LINK,
						 NULL, w->now));
		fresh_sockets(w);
		w->link_ready = true;
	}
	tunnel_edge_act(w, mpq_life_link(&w->life, link, NULL, w->now));
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
