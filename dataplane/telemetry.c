/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/telemetry_private.h"

#include <string.h>

void mpq_telemetry_text(struct json_object *o, const char *key,
			const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

void mpq_telemetry_uint(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

void mpq_telemetry_bool(struct json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

void mpq_telemetry_us(struct json_object *o, const char *key, mpq_duration d)
{
	mpq_telemetry_uint(o, key, d / MPQ_MICROSECOND);
}

static void add_address(struct json_object *o, const char *key,
			const struct mpq_sockaddr *a)
{
	char text[MPQ_SOCKADDR_TEXT_BYTES];

	if (a != NULL && a->len != 0) {
		mpq_telemetry_text(o, key, mpq_sockaddr_format(a, text));
	}
}

/* What it carries, if that is less than the tunnel wants. */
static void add_narrow(struct json_object *o, const struct mpq_channel *ch)
{
	size_t most = ch->own_context != 0
			      ? mpq_channel_max_bonded(ch, MPQ_HEADER_BYTES)
			      : mpq_channel_max_packet(ch);

	if (mpq_channel_carries(ch) &&
	    mpq_channel_max_packet(ch) < ch->wanted_bytes) {
		mpq_telemetry_uint(o, "narrow-bytes", most);
	}
}

/* What a channel measures; nothing when there is none. */
static void add_measures(struct json_object *o, const struct mpq_channel *ch)
{
	struct mpq_conn_info info;

	if (ch == NULL) {
		return;
	}
	mpq_conn_info(ch->conn, &info);
	mpq_telemetry_us(o, "rtt-us", info.rtt_smoothed);
	mpq_telemetry_us(o, "rtt-min-us", info.rtt_min);
	mpq_telemetry_us(o, "rtt-var-us", info.rtt_variation);
	mpq_telemetry_uint(o, "cwnd-bytes", info.cwnd_bytes);
	mpq_telemetry_uint(o, "in-flight-bytes", info.in_flight_bytes);
	mpq_telemetry_uint(o, "mtu-bytes", info.max_udp_bytes);
	add_narrow(o, ch);
	mpq_telemetry_uint(o, "discarded", info.discarded);
	mpq_telemetry_uint(o, "loss-ppm", mpq_loss_ppm(&ch->loss));
	add_address(o, "peer-address", &info.remote);
}

struct totals {
	uint64_t packets_in, packets_out, bytes_in, bytes_out, lost, spurious;
};

static void add_channel(struct totals *t, const struct mpq_channel *ch)
{
	if (ch == NULL) {
		return;
	}
	t->packets_in += ch->packets_in;
	t->packets_out += ch->packets_out;
	t->bytes_in += ch->bytes_in;
	t->bytes_out += ch->bytes_out;
	t->lost += ch->loss.lost;
	t->spurious += ch->loss.spurious;
}

static void add_totals(struct json_object *o, const struct totals *t)
{
	mpq_telemetry_uint(o, "in-packets", t->packets_in);
	mpq_telemetry_uint(o, "in-bytes", t->bytes_in);
	mpq_telemetry_uint(o, "out-packets", t->packets_out);
	mpq_telemetry_uint(o, "out-bytes", t->bytes_out);
	mpq_telemetry_uint(o, "lost", t->lost);
	mpq_telemetry_uint(o, "spurious", t->spurious);
}

static void add_drops_of(struct json_object *o, const struct mpq_tunnel *t)
{
	mpq_telemetry_uint(o, "in-drops",
			   t != NULL ? mpq_tunnel_in_drops(t) : 0);
	mpq_telemetry_uint(o, "out-drops",
			   t != NULL ? mpq_tunnel_out_drops(t) : 0);
}

static struct json_object *edge_path(const struct mpq_path *p, mpq_time now)
{
	struct json_object *o = json_object_new_object();
	struct totals totals = {p->packets_in, p->packets_out, p->bytes_in,
				p->bytes_out,  p->lost,        p->spurious};

	mpq_telemetry_text(o, "name", p->config.name);
	mpq_telemetry_text(o, "wan", p->config.wan);
	if (p->tunnel != NULL) {
		mpq_telemetry_text(o, "tunnel", p->tunnel->config.name);
	}
	mpq_telemetry_text(o, "state", mpq_life_state_name(p->life.state));
	mpq_telemetry_text(o, "reason", p->life.reason);
	mpq_telemetry_us(o, "age-us", mpq_time_elapsed(p->life.since, now));
	mpq_telemetry_text(o, "local-address", p->local_address);
	add_address(o, "peer-address", &p->config.remote);
	mpq_telemetry_uint(o, "connects", p->life.connects);
	mpq_telemetry_bool(o, "address-mismatch", p->address_mismatch);
	add_measures(o, mpq_path_channel(p));
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		add_channel(&totals, p->slot[i].channel);
	}
	add_totals(o, &totals);
	add_drops_of(o, p->tunnel);
	return o;
}

/* A concentrator's path is what carries one peer's tunnel on a listener. */
static struct json_object *plain_path(const struct mpq_engine *e,
				      const struct mpq_tunnel *t, mpq_time now)
{
	struct json_object *o = json_object_new_object();
	struct totals totals = {t->packets_in, t->packets_out, t->bytes_in,
				t->bytes_out,  t->lost,        t->spurious};
	const struct mpq_listener *l =
		mpq_engine_listener(e, t->config.paths[0]);

	mpq_telemetry_text(o, "name", t->config.paths[0]);
	mpq_telemetry_text(o, "tunnel", t->config.name);
	mpq_telemetry_text(o, "peer", t->config.peer);
	mpq_telemetry_text(o, "state",
			   !t->config.enabled    ? "disabled"
			   : mpq_tunnel_is_up(t) ? "up"
						 : "down");
	mpq_telemetry_text(o, "reason", mpq_tunnel_is_up(t) ? "" : t->reason);
	mpq_telemetry_us(o, "age-us", mpq_time_elapsed(t->since, now));
	if (l != NULL) {
		add_address(o, "local-address", &l->udp.local);
		mpq_listener_losses(l, t, &totals.lost, &totals.spurious);
	}
	add_measures(o, t->channel);
	add_totals(o, &totals);
	add_drops_of(o, t);
	return o;
}

/* Of a session it is a member that is there. */
static struct json_object *member_path(const struct mpq_tunnel *t,
				       const struct mpq_session_path *m,
				       mpq_time now)
{
	const struct mpq_guest *g = m->channel->owner;
	struct json_object *o = json_object_new_object();
	struct totals totals = {0};

	mpq_telemetry_text(o, "name", g->listener->config.name);
	mpq_telemetry_uint(o, "id", m->index);
	mpq_telemetry_text(o, "tunnel", t->config.name);
	mpq_telemetry_text(o, "peer", t->config.peer);
	mpq_telemetry_text(o, "state",
			   m->state == MPQ_SESSION_SILENT ? "down" : "up");
	mpq_telemetry_text(o, "reason",
			   m->state == MPQ_SESSION_SILENT ? m->reason : "");
	mpq_telemetry_us(o, "age-us", mpq_time_elapsed(m->since, now));
	add_address(o, "local-address", &g->listener->udp.local);
	add_measures(o, m->channel);
	add_channel(&totals, m->channel);
	add_totals(o, &totals);
	return o;
}

static void add_concentrator_paths(struct json_object *list,
				   const struct mpq_engine *e,
				   const struct mpq_tunnel *t, mpq_time now)
{
	if (t->session == NULL || !mpq_session_is_up(t->session)) {
		json_object_array_add(list, plain_path(e, t, now));
		return;
	}
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_session_path *m = &t->session->path[i];

		if (m->channel != NULL) {
			json_object_array_add(list, member_path(t, m, now));
		}
	}
}

static struct json_object *drops(const struct mpq_tunnel *t)
{
	struct json_object *o = json_object_new_object();

	mpq_telemetry_uint(o, "queue-full", t->queue.dropped_full);
	mpq_telemetry_uint(o, "queue-delay", t->queue.dropped_delay);
	for (int i = 0; i < MPQ_TUNNEL_DROPS; i++) {
		mpq_telemetry_uint(o, mpq_tunnel_drop_name(i), t->drops[i]);
	}
	mpq_telemetry_uint(o, "tun-write",
			   t->tun.write_errors + t->tun.write_full);
	return o;
}

static struct json_object *tunnel(const struct mpq_tunnel *t, mpq_time now)
{
	struct json_object *o = json_object_new_object();
	struct mpq_conn_info info;

	mpq_telemetry_text(o, "name", t->config.name);
	mpq_telemetry_bool(o, "enabled", t->config.enabled);
	mpq_telemetry_bool(o, "up", mpq_tunnel_is_up(t));
	mpq_telemetry_bool(o, "device-gone", t->device_gone);
	mpq_telemetry_text(o, "reason", t->reason);
	mpq_telemetry_us(o, "age-us", mpq_time_elapsed(t->since, now));
	mpq_telemetry_text(o, "path", t->config.paths[0]);
	if (t->config.peer[0] != '\0') {
		mpq_telemetry_text(o, "peer", t->config.peer);
	}
	if (t->channel != NULL) {
		mpq_conn_info(t->channel->conn, &info);
		add_address(o, "peer-address", &info.remote);
	}
	mpq_telemetry_uint(o, "queue-packets", t->queue.pkts);
	mpq_telemetry_us(o, "queue-us",
			 t->queue.pkts > 0 ? t->queue.sojourn : 0);
	mpq_telemetry_uint(o, "queue-marked", t->queue.marked);
	mpq_telemetry_uint(o, "in-packets", t->packets_in);
	mpq_telemetry_uint(o, "in-bytes", t->bytes_in);
	mpq_telemetry_uint(o, "out-packets", t->packets_out);
	mpq_telemetry_uint(o, "out-bytes", t->bytes_out);
	add_drops_of(o, t);
	json_object_object_add(o, "drops", drops(t));
	if (t->session != NULL) {
		json_object_object_add(o, "session",
				       mpq_telemetry_session(t, now));
	}
	return o;
}

static struct json_object *listener_drops(const struct mpq_listener *l)
{
	const struct mpq_demux_counters *c = mpq_demux_counters(l->demux);
	struct json_object *o = json_object_new_object();

	mpq_telemetry_uint(o, "too-short", c->too_short);
	mpq_telemetry_uint(o, "malformed", c->malformed);
	mpq_telemetry_uint(o, "unknown-version", c->unknown_version);
	mpq_telemetry_uint(o, "unknown-connection", c->unknown_connection);
	mpq_telemetry_uint(o, "small-initial", c->small_initial);
	mpq_telemetry_uint(o, "bad-token", c->bad_token);
	mpq_telemetry_uint(o, "rate-limited", c->limited);
	mpq_telemetry_uint(o, "full", l->dropped_full);
	mpq_telemetry_uint(o, "address-full", l->dropped_address);
	return o;
}

static struct json_object *listener(const struct mpq_listener *l)
{
	const struct mpq_demux_counters *c = mpq_demux_counters(l->demux);
	struct json_object *o = json_object_new_object();

	mpq_telemetry_text(o, "name", l->config.name);
	add_address(o, "local-address", &l->udp.local);
	mpq_telemetry_uint(o, "connections", l->n_guests);
	mpq_telemetry_uint(o, "handshakes", l->n_handshakes);
	mpq_telemetry_uint(o, "retries", c->retries);
	mpq_telemetry_uint(o, "resets", c->resets);
	mpq_telemetry_uint(o, "refusals", l->refusals);
	mpq_telemetry_uint(o, "in-packets", l->udp.packets_in);
	mpq_telemetry_uint(o, "in-bytes", l->udp.bytes_in);
	mpq_telemetry_uint(o, "out-packets", l->udp.packets_out);
	mpq_telemetry_uint(o, "out-bytes", l->udp.bytes_out);
	json_object_object_add(o, "drops", listener_drops(l));
	return o;
}

struct json_object *mpq_telemetry_list(struct json_object *o, const char *key)
{
	struct json_object *list = json_object_new_array();

	json_object_object_add(o, key, list);
	return list;
}

struct json_object *mpq_telemetry_status(const struct mpq_engine *e,
					 mpq_time now)
{
	struct json_object *o = json_object_new_object();
	struct json_object *paths = mpq_telemetry_list(o, "paths");
	struct json_object *tunnels = mpq_telemetry_list(o, "tunnels");
	struct json_object *listeners = mpq_telemetry_list(o, "listeners");

	mpq_telemetry_uint(o, "generation",
			   e->snapshot != NULL ? e->snapshot->generation : 0);
	for (size_t i = 0; i < e->n_paths; i++) {
		json_object_array_add(paths, edge_path(e->paths[i], now));
	}
	for (size_t i = 0; i < e->n_tunnels; i++) {
		json_object_array_add(tunnels, tunnel(e->tunnels[i], now));
		if (e->snapshot != NULL && !e->snapshot->edge) {
			add_concentrator_paths(paths, e, e->tunnels[i], now);
		}
	}
	for (size_t i = 0; i < e->n_listeners; i++) {
		json_object_array_add(listeners, listener(e->listeners[i]));
	}
	return o;
}

static const char *link_name(const struct mpq_path *p)
{
	return p->life.link == MPQ_LIFE_CONNECTING
		       ? "ready"
		       : mpq_life_state_name(p->life.link);
}

struct json_object *mpq_telemetry_sockets(const struct mpq_engine *e)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < e->n_paths; i++) {
		const struct mpq_path *p = e->paths[i];
		struct json_object *o = json_object_new_object();

		mpq_telemetry_text(o, "name", p->config.name);
		mpq_telemetry_text(o, "link", link_name(p));
		mpq_telemetry_uint(o, "device-index", p->device_index);
		mpq_telemetry_text(o, "local-address", p->local_address);
		json_object_array_add(list, o);
	}
	for (size_t i = 0; i < e->n_listeners; i++) {
		struct json_object *o = json_object_new_object();

		mpq_telemetry_text(o, "name", e->listeners[i]->config.name);
		mpq_telemetry_text(o, "link", "listening");
		add_address(o, "local-address", &e->listeners[i]->udp.local);
		json_object_array_add(list, o);
	}
	return list;
}

struct json_object *mpq_telemetry_path_event(const struct mpq_path *p,
					     enum mpq_life_state was)
{
	struct json_object *o = json_object_new_object();

	mpq_telemetry_text(o, "event", "path");
	mpq_telemetry_text(o, "path", p->config.name);
	if (p->tunnel != NULL) {
		mpq_telemetry_text(o, "tunnel", p->tunnel->config.name);
	}
	mpq_telemetry_text(o, "was", mpq_life_state_name(was));
	mpq_telemetry_text(o, "is", mpq_life_state_name(p->life.state));
	mpq_telemetry_text(o, "reason", p->life.reason);
	return o;
}

struct json_object *
mpq_telemetry_tunnel_event(const struct mpq_tunnel *t,
			   const struct mpq_sockaddr *remote)
{
	struct json_object *o = json_object_new_object();

	mpq_telemetry_text(o, "event", "tunnel");
	mpq_telemetry_text(o, "tunnel", t->config.name);
	mpq_telemetry_bool(o, "up", mpq_tunnel_is_up(t));
	mpq_telemetry_text(o, "reason", t->reason);
	add_address(o, "peer-address", remote);
	return o;
}

struct json_object *
mpq_telemetry_refused_event(const char *path, const struct mpq_tunnel *t,
			    const struct mpq_sockaddr *remote,
			    const char *reason)
{
	struct json_object *o = json_object_new_object();

	mpq_telemetry_text(o, "event", "refused");
	mpq_telemetry_text(o, "path", path);
	if (t != NULL) {
		mpq_telemetry_text(o, "tunnel", t->config.name);
	}
	add_address(o, "peer-address", remote);
	mpq_telemetry_text(o, "reason", reason);
	return o;
}
