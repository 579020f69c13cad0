/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/session_channel.h"

#include "dataplane/quic/export.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS          MPQ_MILLISECOND
#define ACK_DELAY   (10 * MS)
#define ACK_EVERY   2
#define HELLO_WAIT  (100 * MS)
#define INITIAL_RTT (100 * MS)
/* BBR's, a little late so that runs of a few seconds see it. */
#define PROBE_RTT_EVERY (10 * MPQ_SECOND)
#define PROBE_RTT_TIME  (200 * MS)
#define PROBE_RTT_LEAST (UINT64_C(4) * SIM_TRANSPORT_MSS)

enum frame {
	ACK, /* nothing else */
	HELLO,
	ANSWER,
	PING,
	CAPSULE,
	DATAGRAM,
	CLOSE,
};

struct head { /* of each packet */
	uint64_t number;
	uint64_t packet;  /* its number + 1; 0: it is not acknowledged */
	uint64_t largest; /* that came from the peer, + 1; 0: none */
	uint8_t came[SESSION_CHANNEL_ACKED / 8];
	uint8_t frame;
};

struct capsule_head {
	uint32_t number;
	uint64_t type;
};

_Static_assert(sizeof(struct head) <= SESSION_CHANNEL_HEAD_BYTES, "as drawn");

static struct sim_random *chance;

void session_channel_seed(struct sim_random *random)
{
	chance = random;
}

/* ---- keys ---------------------------------------------------------------- */

static void mix_in(struct sim_random *r, const void *data, size_t len)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < len; i++) {
		r->state = sim_random_next(r) ^ at[i];
	}
}

static void fill(struct sim_random *r, void *ret, size_t len)
{
	uint8_t *out = ret;

	for (size_t i = 0; i < len; i++) {
		out[i] = (uint8_t)(sim_random_next(r) >> 56);
	}
}

int mpq_export_key(const struct mpq_conn *c, const char *label,
		   const void *context, size_t context_len,
		   uint8_t ret[MPQ_EXPORT_BYTES])
{
	struct sim_random r = {c->number};

	mix_in(&r, label, strlen(label));
	mix_in(&r, context, context_len);
	fill(&r, ret, MPQ_EXPORT_BYTES);
	return 0;
}

int mpq_export_hmac(const uint8_t key[MPQ_EXPORT_BYTES], const void *data,
		    size_t len, uint8_t ret[MPQ_EXPORT_BYTES])
{
	struct sim_random r = {0};

	mix_in(&r, key, MPQ_EXPORT_BYTES);
	mix_in(&r, data, len);
	fill(&r, ret, MPQ_EXPORT_BYTES);
	return 0;
}

bool mpq_export_equal(const uint8_t a[MPQ_EXPORT_BYTES],
		      const uint8_t b[MPQ_EXPORT_BYTES])
{
	return memcmp(a, b, MPQ_EXPORT_BYTES) == 0;
}

int mpq_export_random(void *ret, size_t len)
{
	fill(chance, ret, len);
	return 0;
}

/* ---- what a session asks of its channels --------------------------------- */

static struct session_channel *of(struct mpq_channel *ch)
{
	return (struct session_channel *)ch;
}

bool mpq_channel_carries(const struct mpq_channel *ch)
{
	return ch->up && !ch->over;
}

size_t mpq_channel_max_bonded(const struct mpq_channel *ch, size_t head_bytes)
{
	return ((const struct session_channel *)ch)->max_bytes - head_bytes;
}

void mpq_channel_close(struct mpq_channel *ch, const char *reason)
{
	(void)reason;
	if (!ch->over && ch->end.layer == MPQ_CONN_OPEN) {
		ch->end.layer = MPQ_CONN_LOCAL;
		ch->up = false;
		ch->dirty = true;
		of(ch)->close_due = true;
	}
}

void mpq_channel_wake(struct mpq_channel *ch)
{
	ch->dirty = true; /* the world writes what is dirty */
}

void mpq_channel_reject(struct mpq_channel *ch, const char *reason)
{
	mpq_channel_close(ch, reason);
}

void mpq_channel_malformed(struct mpq_channel *ch, const char *reason)
{
	mpq_channel_close(ch, reason);
}

void mpq_channel_set_contexts(struct mpq_channel *ch, uint64_t own,
			      uint64_t peer)
{
	ch->own_context = own;
	ch->peer_context = peer;
}

void mpq_channel_set_member(struct mpq_channel *ch,
			    const struct mpq_channel_member *member,
			    void *owner)
{
	ch->member = member;
	ch->member_owner = owner;
}

int mpq_channel_send_capsule(struct mpq_channel *ch, uint64_t type,
			     const void *value, size_t len)
{
	struct session_channel *c = of(ch);
	struct session_channel_capsule **at = &c->capsules;
	struct session_channel_capsule *capsule;

	if (!ch->up) {
		return -ENOTCONN;
	}
	capsule = calloc(1, sizeof(*capsule) + len);
	if (capsule == NULL) {
		return -ENOMEM;
	}
	while (*at != NULL) {
		at = &(*at)->next;
	}
	capsule->number = c->next_capsule++;
	capsule->due = true;
	capsule->type = type;
	capsule->len = len;
	memcpy(capsule->value, value, len);
	*at = capsule;
	ch->dirty = true;
	return 0;
}

void mpq_conn_info(const struct mpq_conn *c, struct mpq_conn_info *ret)
{
	const struct sim_transport *t = c->transport;

	*ret = (struct mpq_conn_info){
		.rtt_smoothed = t->srtt > 0 ? t->srtt : INITIAL_RTT,
		.rtt_min = t->srtt > 0 ? t->min_rtt : 0,
		.rtt_latest = t->srtt,
		.rtt_variation = t->variation,
		.cwnd_bytes = t->cwnd,
		.in_flight_bytes = t->in_flight,
		.last_read = c->last_read,
		.oldest_unanswered = MPQ_TIME_NEVER,
	};
}

/* Its own pace leaves no queue. */
void mpq_conn_keep_short(struct mpq_conn *c, bool keep)
{
	(void)c;
	(void)keep;
}

/* ---- life ---------------------------------------------------------------- */

static struct session_channel_sent *sent_of(struct session_channel *c,
					    uint64_t packet)
{
	return &c->sent[packet % SIM_TRANSPORT_FLIGHT];
}

static struct session_channel_capsule *find_capsule(struct session_channel *c,
						    uint32_t number)
{
	struct session_channel_capsule *capsule = c->capsules;

	while (capsule != NULL && capsule->number != number) {
		capsule = capsule->next;
	}
	return capsule;
}

static void on_lost(void *owner, uint64_t packet, mpq_time now)
{
	struct session_channel *c = owner;
	const struct session_channel_sent *sent = sent_of(c, packet);

	(void)now;
	if (sent->capsule != 0) {
		struct session_channel_capsule *capsule =
			find_capsule(c, sent->capsule - 1);

		if (capsule != NULL) {
			capsule->due = true;
		}
	}
	if (sent->datagram != 0 && c->channel.member != NULL) {
		c->channel.member->lost(c->channel.member_owner,
					sent->datagram - 1);
	}
}

struct session_channel *
session_channel_new(bool server, uint64_t number,
		    const struct session_channel_events *events, void *owner,
		    unsigned path, mpq_time now)
{
	struct session_channel *c = calloc(1, sizeof(*c));

	if (c == NULL ||
	    (c->conn.transport = malloc(sizeof(*c->conn.transport))) == NULL) {
		abort();
	}
	sim_transport_init(c->conn.transport, SIM_TRANSPORT_BBR, true, now);
	c->conn.transport->on_lost = on_lost;
	c->conn.transport->owner = c;
	c->conn.number = number;
	c->conn.last_read = now;
	c->channel.conn = &c->conn;
	c->channel.server = server;
	c->channel.up = server;
	c->channel.now = now;
	c->events = events;
	c->owner = owner;
	c->path = path;
	c->max_bytes = SESSION_CHANNEL_MAX_BYTES - SESSION_CHANNEL_HEAD_BYTES;
	c->hello_due = now;
	c->hello_wait = HELLO_WAIT;
	c->ack_due = MPQ_TIME_NEVER;
	c->probe_rtt = now + sim_random_range(chance, 0, PROBE_RTT_EVERY);
	return c;
}

void session_channel_free(struct session_channel *c)
{
	if (c == NULL) {
		return;
	}
	while (c->capsules != NULL) {
		struct session_channel_capsule *next = c->capsules->next;

		free(c->capsules);
		c->capsules = next;
	}
	free(c->conn.transport);
	free(c);
}

/* ---- in ------------------------------------------------------------------ */

uint64_t session_channel_number(const uint8_t *data, size_t len,
				bool *ret_hello)
{
	struct head head;

	assert(len >= sizeof(head));
	memcpy(&head, data, sizeof(head));
	*ret_hello = head.frame == HELLO;
	return head.number;
}

static void on_acked(struct session_channel *c, uint64_t packet, mpq_time now)
{
	struct session_channel_sent *sent = sent_of(c, packet);
	struct session_channel_sent was = *sent;
	struct session_channel_capsule **at = &c->capsules;

	if (c->conn.transport->flight[packet % SIM_TRANSPORT_FLIGHT].id !=
	    packet + 1) {
		return;
	}
	(void)sim_transport_acked(c->conn.transport, packet, now);
	while (was.capsule != 0 && *at != NULL) {
		struct session_channel_capsule *capsule = *at;

		if (capsule->number != was.capsule - 1) {
			at = &capsule->next;
			continue;
		}
		*at = capsule->next;
		free(capsule);
	}
	if (was.datagram != 0 && c->channel.member != NULL) {
		c->channel.member->acked(c->channel.member_owner,
					 was.datagram - 1);
	}
}

static bool has_come(const uint8_t *came, uint64_t packet)
{
	unsigned bit = packet % SESSION_CHANNEL_ACKED;

	return (came[bit / 8] >> bit % 8 & 1) != 0;
}

/* The oldest first, as QUIC's ranges would not have it: then round trips are
 * those of the newest. */
static void take_acks(struct session_channel *c, const struct head *head,
		      mpq_time now)
{
	uint64_t packet = head->largest > SESSION_CHANNEL_ACKED
				  ? head->largest - SESSION_CHANNEL_ACKED
				  : 0;

	if (packet < c->conn.transport->oldest &&
	    c->conn.transport->oldest < head->largest) {
		uint64_t least = c->conn.transport->oldest;

		/* spurious losses are taken back for a while */
		packet = least > packet + 64 ? least - 64 : packet;
	}
	for (; packet < head->largest; packet++) {
		if (has_come(head->came, packet)) {
			on_acked(c, packet, now);
		}
	}
	if (head->largest > 0) {
		sim_transport_detect(c->conn.transport, now);
	}
}

/* false: it came before. */
static bool note_packet(struct session_channel *c, uint64_t packet,
			mpq_time now)
{
	unsigned bit = packet % SESSION_CHANNEL_ACKED;
	bool in_order = packet + 1 == c->largest + 1;

	if (packet + SESSION_CHANNEL_ACKED < c->largest ||
	    (packet < c->largest && has_come(c->came, packet))) {
		return false;
	}
	for (; c->largest <= packet; c->largest++) {
		unsigned clear = c->largest % SESSION_CHANNEL_ACKED;

		c->came[clear / 8] &= (uint8_t) ~(1U << clear % 8);
	}
	c->came[bit / 8] |= (uint8_t)(1U << bit % 8);
	c->unacked++;
	c->ack_due = !in_order || c->unacked >= ACK_EVERY
			     ? now
			     : mpq_time_min(c->ack_due, now + ACK_DELAY);
	return true;
}

static void take_capsule(struct session_channel *c, const uint8_t *data,
			 size_t len)
{
	struct capsule_head head;

	memcpy(&head, data, sizeof(head));
	if (head.number != c->expected_capsule ||
	    c->channel.end.layer != MPQ_CONN_OPEN) {
		return; /* it comes again; or nobody reads any more */
	}
	c->expected_capsule++;
	c->events->capsule(c->owner, c,
			   &(struct mpq_capsule){.type = head.type,
						 .value = data + sizeof(head),
						 .len_bytes =
							 len - sizeof(head)});
}

static void take_datagram(struct session_channel *c, const uint8_t *data,
			  size_t len)
{
	if (c->channel.peer_context == 0 || c->channel.member == NULL) {
		c->channel.dropped_context++;
		c->events->early(c->owner);
		return;
	}
	c->events->arrives(c->owner, c, data, len);
	c->channel.member->datagram(c->channel.member_owner, data, len);
}

static void take_frame(struct session_channel *c, enum frame frame,
		       const uint8_t *data, size_t len)
{
	switch (frame) {
	case ANSWER:
		if (!c->channel.up && c->channel.end.layer == MPQ_CONN_OPEN) {
			c->channel.up = true;
			c->hello_due = MPQ_TIME_NEVER;
			c->events->up(c->owner, c);
		}
		break;
	case CAPSULE:
		take_capsule(c, data, len);
		break;
	case DATAGRAM:
		take_datagram(c, data, len);
		break;
	case CLOSE:
		c->channel.end.layer = MPQ_CONN_APPLICATION;
		c->channel.end.by_peer = true;
		c->channel.up = false;
		c->channel.over = true;
		break;
	default:
		break;
	}
}

/* A capsule that overtook another one is not acknowledged, so that it comes
 * again: the model keeps no store for it. */
static bool is_early(const struct session_channel *c, const struct head *head,
		     const uint8_t *data)
{
	struct capsule_head capsule;

	if (head->frame != CAPSULE) {
		return false;
	}
	memcpy(&capsule, data, sizeof(capsule));
	return capsule.number > c->expected_capsule;
}

void session_channel_read(struct session_channel *c, const uint8_t *data,
			  size_t len, mpq_time now)
{
	const uint8_t *rest = data + SESSION_CHANNEL_HEAD_BYTES;
	struct head head;

	memcpy(&head, data, sizeof(head));
	if (c->channel.over) {
		return;
	}
	c->channel.now = now;
	c->channel.dirty = true;
	c->conn.last_read = now;
	take_acks(c, &head, now);
	if (is_early(c, &head, rest)) {
		return;
	}
	if (head.packet != 0 && !note_packet(c, head.packet - 1, now)) {
		return;
	}
	if (head.frame == HELLO) {
		c->hello_due = now; /* the answer was lost, or is to come */
	}
	take_frame(c, (enum frame)head.frame, rest,
		   len - SESSION_CHANNEL_HEAD_BYTES);
}

/* ---- out ----------------------------------------------------------------- */

static size_t begin(struct session_channel *c, uint8_t *dest, enum frame frame,
		    uint64_t packet)
{
	struct head head = {.number = c->conn.number,
			    .packet = packet,
			    .largest = c->largest,
			    .frame = (uint8_t)frame};

	memcpy(head.came, c->came, sizeof(head.came));
	memset(dest, 0, SESSION_CHANNEL_HEAD_BYTES);
	memcpy(dest, &head, sizeof(head));
	c->unacked = 0;
	c->ack_due = MPQ_TIME_NEVER;
	return SESSION_CHANNEL_HEAD_BYTES;
}

/* One that is acknowledged. */
static size_t emit(struct session_channel *c, uint8_t *dest, enum frame frame,
		   size_t len, struct session_channel_sent sent, mpq_time now)
{
	uint64_t packet = sim_transport_sent(c->conn.transport,
					     SESSION_CHANNEL_HEAD_BYTES + len,
					     false, now);

	*sent_of(c, packet) = sent;
	return begin(c, dest, frame, packet + 1) + len;
}

static bool may_send(const struct session_channel *c, mpq_time now)
{
	const struct sim_transport *t = c->conn.transport;
	mpq_duration phase = now >= c->probe_rtt
				     ? (now - c->probe_rtt) % PROBE_RTT_EVERY
				     : PROBE_RTT_TIME;
	uint64_t most = t->cwnd / 4; /* half of what fits the way */

	most = most > PROBE_RTT_LEAST ? most : PROBE_RTT_LEAST;
	return sim_transport_may_send(t, now) &&
	       (phase >= PROBE_RTT_TIME || t->in_flight < most);
}

static size_t write_hello(struct session_channel *c, uint8_t *dest,
			  mpq_time now)
{
	if (c->channel.server) {
		c->hello_due = MPQ_TIME_NEVER;
		return begin(c, dest, ANSWER, 0);
	}
	c->hello_due = now + c->hello_wait;
	c->hello_wait = c->hello_wait * 3 / 2;
	return begin(c, dest, HELLO, 0);
}

static size_t write_capsule(struct session_channel *c, uint8_t *dest,
			    mpq_time now)
{
	struct session_channel_capsule *capsule = c->capsules;
	struct capsule_head head;
	uint8_t *at = dest + SESSION_CHANNEL_HEAD_BYTES;

	while (capsule != NULL && !capsule->due) {
		capsule = capsule->next;
	}
	if (capsule == NULL) {
		return 0;
	}
	assert(SESSION_CHANNEL_HEAD_BYTES + sizeof(head) + capsule->len <=
	       SESSION_CHANNEL_MAX_BYTES);
	capsule->due = false;
	head = (struct capsule_head){capsule->number, capsule->type};
	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), capsule->value, capsule->len);
	return emit(c, dest, CAPSULE, sizeof(head) + capsule->len,
		    (struct session_channel_sent){.capsule =
							  capsule->number + 1},
		    now);
}

static size_t write_datagram(struct session_channel *c, uint8_t *dest,
			     const struct mpq_channel_source *source,
			     void *owner, const struct mpq_channel_offer *offer,
			     mpq_time now)
{
	uint8_t *at = dest + SESSION_CHANNEL_HEAD_BYTES;
	uint64_t id = c->channel.next_id++;
	size_t n =
		emit(c, dest, DATAGRAM, offer->head_bytes + offer->data_bytes,
		     (struct session_channel_sent){.datagram = id + 1}, now);

	memcpy(at, offer->head, offer->head_bytes);
	memcpy(at + offer->head_bytes, offer->data, offer->data_bytes);
	c->events->taken(c->owner, c, id, offer);
	source->taken(owner, id, now);
	return n;
}

/* What the source has that fits; as mpq_channel_write() it asks also when the
 * window is closed. */
static size_t write_source(struct session_channel *c,
			   const struct mpq_channel_source *source, void *owner,
			   uint8_t *dest, mpq_time now)
{
	struct mpq_channel_offer offer = {0};

	while (source != NULL && mpq_channel_carries(&c->channel) &&
	       source->offer(owner, &offer, now)) {
		if (offer.head_bytes + offer.data_bytes > c->max_bytes) {
			source->too_big(owner, c->max_bytes - offer.head_bytes,
					now);
			continue;
		}
		c->paced = !may_send(c, now);
		return c->paced ? 0
				: write_datagram(c, dest, source, owner, &offer,
						 now);
	}
	if (may_send(c, now)) {
		sim_transport_idle(c->conn.transport);
	}
	return 0;
}

size_t session_channel_write(struct session_channel *c,
			     const struct mpq_channel_source *source,
			     void *owner,
			     uint8_t dest[SESSION_CHANNEL_MAX_BYTES],
			     mpq_time now)
{
	size_t n = 0;

	c->channel.now = now;
	c->paced = false;
	if (c->channel.over) {
		return 0;
	}
	if (c->close_due) {
		c->channel.over = true;
		return begin(c, dest, CLOSE, 0);
	}
	if (c->hello_due <= now) {
		return write_hello(c, dest, now);
	}
	if (c->ping_due) {
		c->ping_due = false;
		return emit(c, dest, PING, 0, (struct session_channel_sent){0},
			    now);
	}
	n = c->channel.up ? write_capsule(c, dest, now) : 0;
	n = n > 0 ? n : write_source(c, source, owner, dest, now);
	if (n == 0 && c->ack_due <= now) {
		return begin(c, dest, ACK, 0);
	}
	c->channel.dirty = n > 0;
	return n;
}

mpq_time session_channel_deadline(const struct session_channel *c)
{
	const struct sim_transport *t = c->conn.transport;
	mpq_time due = mpq_time_min(c->hello_due, c->ack_due);

	if (c->channel.over) {
		return MPQ_TIME_NEVER;
	}
	due = mpq_time_min(due, sim_transport_deadline(t));
	/* A window that is full opens by an acknowledgement. */
	if (c->paced && t->in_flight < t->cwnd) {
		due = mpq_time_min(due, t->next_send > c->channel.now
						? t->next_send
						: c->channel.now + MS);
	}
	return due;
}

void session_channel_expire(struct session_channel *c, mpq_time now)
{
	c->channel.now = now;
	c->channel.dirty = true;
	if (c->channel.up && sim_transport_expire(c->conn.transport, now)) {
		c->ping_due = true;
	}
}
