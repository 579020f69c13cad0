/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/flow/fair_private.h"

#include "dataplane/flow/ip.h"

#include <assert.h>

#define SMALL_MORE     16  /* times the limit, of small packets .. */
#define SMALL_MOST     512 /* .. and no more beyond the limit than to this */
#define OWED_MAX_BYTES (32 * MPQ_FAIR_QUANTUM_BYTES)
#define SETS           (MPQ_FAIR_BUCKETS / MPQ_FAIR_WAYS)

_Static_assert((SETS & (SETS - 1)) == 0, "a set is chosen by bits");
_Static_assert(MPQ_FAIR_BUCKETS < 256, "places fit into a byte, and 0 is none");
_Static_assert(MPQ_PACKET_MAX_BYTES <= MPQ_FAIR_QUANTUM_BYTES,
	       "a turn is enough for a packet");

enum list {
	NOWHERE, /* empty, and not waiting for its turn either */
	FRESH,
	OLD,
};

/* ---- lists -------------------------------------------------------------- */

static void append(struct mpq_fair *f, enum list which, unsigned b)
{
	struct mpq_fair_list *l = which == FRESH ? &f->fresh : &f->old;
	uint8_t place = (uint8_t)(b + 1);

	f->room->list[b] = (uint8_t)which;
	f->room->next[b] = 0;
	if (l->last != 0) {
		f->room->next[l->last - 1] = place;
	} else {
		l->first = place;
	}
	l->last = place;
}

static unsigned take_first(struct mpq_fair *f, enum list which)
{
	struct mpq_fair_list *l = which == FRESH ? &f->fresh : &f->old;
	unsigned b = l->first - 1u;

	l->first = f->room->next[b];
	if (l->first == 0) {
		l->last = 0;
	}
	f->room->list[b] = NOWHERE;
	return b;
}

/* ---- buckets ------------------------------------------------------------ */

static unsigned mix(uint32_t flow)
{
	return flow * UINT32_C(0x9e3779b1);
}

unsigned mpq_fair_set_of(uint32_t flow)
{
	return (mix(flow) >> 24 & (SETS - 1)) * MPQ_FAIR_WAYS;
}

/* The flow's own; or one that nobody uses; or, when there is none in its set,
 * that at its home, of which it is a guest. While there are guests, others go
 * there, too: one of them may be this flow's, and its order has to stay. */
static unsigned bucket_of(struct mpq_fair *f, uint32_t flow)
{
	struct mpq_fair_room *r = f->room;
	unsigned set = mpq_fair_set_of(flow);
	unsigned home = set + (mix(flow) >> 16) % MPQ_FAIR_WAYS, b = home;

	for (unsigned i = set; i < set + MPQ_FAIR_WAYS; i++) {
		if (r->tag[i] == flow) {
			return i;
		}
		b = r->list[i] == NOWHERE ? i : b;
	}
	if (r->list[b] != NOWHERE || r->guests[home]) {
		r->guests[home] = true;
		return home;
	}
	r->tag[b] = flow;
	r->bucket[b].codel = (struct mpq_codel){0};
	return b;
}

void mpq_fair_put_last(struct mpq_fair *f, unsigned b, struct mpq_packet *p)
{
	struct mpq_fair_bucket *k = &f->room->bucket[b];

	p->next = NULL;
	if (k->tail == NULL) {
		k->head = p;
		f->flows++;
	} else {
		k->tail->next = p;
	}
	k->tail = p;
	f->room->bytes[b] += p->len_bytes;
}

/* p is out of its bucket's list. */
static void took(struct mpq_fair *f, unsigned b, struct mpq_packet *p)
{
	struct mpq_fair_bucket *k = &f->room->bucket[b];

	if (k->head == NULL) {
		k->tail = NULL;
		f->room->guests[b] = false;
		f->flows--;
	}
	p->next = NULL;
	f->room->bytes[b] -= p->len_bytes;
}

struct mpq_packet *mpq_fair_take_head(struct mpq_fair *f, unsigned b)
{
	struct mpq_fair_bucket *k = &f->room->bucket[b];
	struct mpq_packet *p = k->head;

	assert(f->room->bytes[b] >= p->len_bytes);
	if (k->passed != NULL) {
		k->passed_bytes -= p->len_bytes;
		k->passed = k->passed != p ? k->passed : NULL;
	}
	k->head = p->next;
	took(f, b, p);
	return p;
}

/* The first of those that nobody has passed; NULL: all are. */
static struct mpq_packet *first_open(const struct mpq_fair_bucket *k)
{
	return k->passed != NULL ? k->passed->next : k->head;
}

static struct mpq_packet *take_open(struct mpq_fair *f, unsigned b)
{
	struct mpq_fair_bucket *k = &f->room->bucket[b];
	struct mpq_packet *p = first_open(k);

	assert(p != NULL);
	if (k->passed != NULL) {
		k->passed->next = p->next;
	} else {
		k->head = p->next;
	}
	if (k->tail == p) {
		k->tail = k->passed;
	}
	took(f, b, p);
	return p;
}

struct mpq_packet *mpq_fair_let_go(struct mpq_fair *f, struct mpq_packet *p)
{
	assert(f->pkts > 0 && f->bytes >= p->len_bytes);
	f->pkts--;
	f->bytes -= p->len_bytes;
	return p;
}

void mpq_fair_drop_head(struct mpq_fair *f, unsigned b, uint64_t *counter)
{
	(*counter)++;
	mpq_packet_put(f->pool, mpq_fair_let_go(f, mpq_fair_take_head(f, b)));
}

/* What was passed has a place among others that have left: it goes last. */
static struct mpq_packet *victim_of(const struct mpq_fair_bucket *k)
{
	struct mpq_packet *open = first_open(k);

	return open != NULL ? open : k->head;
}

static void drop_victim(struct mpq_fair *f, unsigned b, uint64_t *counter)
{
	bool open = first_open(&f->room->bucket[b]) != NULL;

	(*counter)++;
	mpq_packet_put(f->pool,
		       mpq_fair_let_go(f, open ? take_open(f, b)
					       : mpq_fair_take_head(f, b)));
}

/* Most often it is the only one, and the one it was. */
static unsigned longest(const struct mpq_fair *f)
{
	unsigned best = 0;

	if (f->flows == 1 && f->room->bytes[f->behind] > 0) {
		return f->behind;
	}
	for (unsigned b = 1; b < MPQ_FAIR_BUCKETS; b++) {
		best = f->room->bytes[b] > f->room->bytes[best] ? b : best;
	}
	return best;
}

/* ---- in ----------------------------------------------------------------- */

void mpq_fair_init(struct mpq_fair *f, struct mpq_packet_pool *pool,
		   const struct mpq_fair_config *config,
		   struct mpq_fair_room *room)
{
	*f = (struct mpq_fair){.config = *config, .pool = pool, .room = room};
}

void mpq_fair_finish(struct mpq_fair *f)
{
	if (f != NULL && f->pool != NULL) {
		(void)mpq_fair_clear(f);
	}
}

/* RFC 8290 §4.1 */
void mpq_fair_put(struct mpq_fair *f, struct mpq_packet *p)
{
	unsigned b = bucket_of(f, p->flow);

	f->oldest = f->pkts == 0 ? p->enqueued
				 : mpq_time_min(f->oldest, p->enqueued);
	mpq_fair_put_last(f, b, p);
	f->pkts++;
	f->bytes += p->len_bytes;
	if (f->room->list[b] == NOWHERE) {
		f->room->bucket[b].deficit_bytes = MPQ_FAIR_QUANTUM_BYTES;
		append(f, FRESH, b);
	}
}

/* By bytes, so that a queue of small packets is not shorter in time; yet each
 * takes a buffer of the pool that all share. */
static bool is_too_full(const struct mpq_fair *f)
{
	size_t limit = f->config.limit_pkts, most = SMALL_MORE * limit;

	most = most < SMALL_MOST ? most : SMALL_MOST;
	return f->pkts > limit &&
	       (f->bytes > f->config.limit_bytes || f->pkts > most);
}

bool mpq_fair_put_back(struct mpq_fair *f, struct mpq_packet *p)
{
	unsigned victim;
	bool stays;

	mpq_fair_put(f, p);
	if (!is_too_full(f)) {
		return true;
	}
	victim = longest(f);
	stays = victim_of(&f->room->bucket[victim]) != p;
	drop_victim(f, victim, &f->dropped_full);
	return stays;
}

bool mpq_fair_push(struct mpq_fair *f, struct mpq_packet *p, mpq_time now)
{
	bool stays;

	p->enqueued = now;
	stays = mpq_fair_put_back(f, p);
	f->enqueued += stays;
	return stays;
}

/* ---- out ---------------------------------------------------------------- */

/* The head pays for the queue: by a mark (true, it stays) or by its life. */
static bool mark_or_drop(struct mpq_fair *f, unsigned b)
{
	struct mpq_packet *p = f->room->bucket[b].head;

	if (mpq_ip_mark_ce(p->data, p->len_bytes)) {
		f->marked++;
		return true;
	}
	drop_victim(f, b, &f->dropped_delay);
	return false;
}

/* What stands is the whole queue: many flows of a packet each are a delay for
 * all of them, too. */
static bool is_charged(struct mpq_fair *f, struct mpq_fair_bucket *k,
		       mpq_time now)
{
	size_t left_bytes = f->bytes - k->head->len_bytes;

	return mpq_codel_charges(&k->codel, f->config.target,
				 f->config.interval,
				 mpq_time_elapsed(k->head->enqueued, now),
				 left_bytes > MPQ_PACKET_MAX_BYTES, now);
}

static bool is_too_old(const struct mpq_fair *f, const struct mpq_packet *p,
		       mpq_time now)
{
	return f->config.max_age != 0 &&
	       mpq_time_elapsed(p->enqueued, now) > f->config.max_age;
}

static void control_delay(struct mpq_fair *f, unsigned b, mpq_time now)
{
	struct mpq_fair_bucket *k = &f->room->bucket[b];
	bool marked = f->config.target == 0;

	while (k->head != NULL && is_too_old(f, k->head, now)) {
		mpq_fair_drop_head(f, b, &f->dropped_delay);
	}
	while (!marked && k->head != NULL && is_charged(f, k, now)) {
		marked = mark_or_drop(f, b);
	}
	if (k->head == NULL) {
		mpq_codel_rest(&k->codel);
	}
}

/* RFC 8290 §4.2: the bucket whose turn it is, with a packet that is to be sent.
 * Each is seen at most twice: its turn's bytes suffice for any packet. */
static struct mpq_packet *decide(struct mpq_fair *f, mpq_time now)
{
	while (f->fresh.first != 0 || f->old.first != 0) {
		enum list which = f->fresh.first != 0 ? FRESH : OLD;
		unsigned b = (which == FRESH ? f->fresh : f->old).first - 1u;
		struct mpq_fair_bucket *k = &f->room->bucket[b];

		if (k->deficit_bytes <= 0) {
			k->deficit_bytes += MPQ_FAIR_QUANTUM_BYTES;
			append(f, OLD, take_first(f, which));
			continue;
		}
		control_delay(f, b, now);
		if (k->head != NULL) {
			k->deficit_bytes -= k->head->len_bytes;
			return mpq_fair_take_head(f, b);
		}
		(void)take_first(f, which);
		/* Once around the others, else it could be new for ever. */
		if (which == FRESH && f->old.first != 0) {
			append(f, OLD, b);
		}
	}
	return NULL;
}

struct mpq_packet *mpq_fair_peek(struct mpq_fair *f, mpq_time now)
{
	if (f->decided == NULL) {
		f->decided = decide(f, now);
	}
	return f->decided;
}

struct mpq_packet *mpq_fair_pop(struct mpq_fair *f, mpq_time now)
{
	struct mpq_packet *p = mpq_fair_peek(f, now);

	if (p == NULL) {
		return NULL;
	}
	f->decided = NULL;
	f->sojourn = mpq_time_elapsed(p->enqueued, now);
	return mpq_fair_let_go(f, p);
}

/* ---- out, from behind -----------------------------------------------------
 */

/* Of a bucket, what leaves within this time, by how long its first has waited:
 * so many bytes came since, and as many have left. */
static size_t leaves_within(const struct mpq_fair *f, unsigned b,
			    mpq_duration time, mpq_time now)
{
	const struct mpq_packet *head = f->room->bucket[b].head;
	mpq_duration waited =
		head != NULL ? mpq_time_elapsed(head->enqueued, now) : 0;

	return time < waited ? f->room->bytes[b] * time / waited
			     : f->room->bytes[b];
}

struct mpq_packet *mpq_fair_peek_behind(struct mpq_fair *f, size_t ahead_bytes,
					mpq_duration after, mpq_time now,
					void (*pass)(void *owner,
						     struct mpq_packet *p),
					void *owner)
{
	unsigned b = longest(f);
	struct mpq_fair_bucket *k = &f->room->bucket[b];
	size_t least_bytes = leaves_within(f, b, after, now);
	struct mpq_packet *p;

	ahead_bytes /= f->flows > 0 ? f->flows : 1;
	ahead_bytes = ahead_bytes < least_bytes ? ahead_bytes : least_bytes;
	if (f->decided != NULL) {
		pass(owner, f->decided);
	}
	for (p = first_open(k);
	     p != NULL && p->next != NULL && k->passed_bytes < ahead_bytes;
	     p = p->next) {
		pass(owner, p);
		k->passed = p;
		k->passed_bytes += p->len_bytes;
	}
	f->behind = b;
	return p;
}

/* While nobody takes by turns, nobody pays: a path that is stuck would leave a
 * debt for which others are then served alone. */
static int32_t owed_after(int32_t deficit_bytes, const struct mpq_packet *p)
{
	int32_t left_bytes = deficit_bytes - p->len_bytes;

	return left_bytes > -OWED_MAX_BYTES ? left_bytes : -OWED_MAX_BYTES;
}

struct mpq_packet *mpq_fair_pop_behind(struct mpq_fair *f, mpq_time now)
{
	struct mpq_packet *p = take_open(f, f->behind);

	f->room->bucket[f->behind].deficit_bytes =
		owed_after(f->room->bucket[f->behind].deficit_bytes, p);
	f->sojourn = mpq_time_elapsed(p->enqueued, now);
	return mpq_fair_let_go(f, p);
}
