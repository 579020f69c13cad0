/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's turn: what is due, what is written, what it shows of its peer. */
#include "dataplane/guest_private.h"

#include "dataplane/listener.h"

#include <stdio.h>

#define REQUEST_TIMEOUT (10 * MPQ_SECOND)
#define STALL           (1 * MPQ_SECOND) /* large packets do not pass */
#define STUCK           (2 * MPQ_SECOND) /* nothing of ours is acknowledged .. */
#define STUCK_RTTS      3
#define HEARD           (500 * MPQ_MILLISECOND) /* .. of a peer that is there */
#define NO_ANSWER       (5 * MPQ_SECOND)        /* gone without a word */
#define UNDECIDED       (1 * MPQ_SECOND)        /* bonded, or plain? */

/* RFC 9484 §4.7: what the edge may use, and where we forward to. */
static int offer(struct mpq_channel *ch, const struct mpq_tunnel *t)
{
	static const struct mpq_prefix everything[] = {{.family = 4},
						       {.family = 6}};
	size_t n = t->config.assign.n < MPQ_CONNECT_IP_ADDRESSES
			   ? t->config.assign.n
			   : MPQ_CONNECT_IP_ADDRESSES;
	int r = mpq_channel_assign(ch, t->config.assign.prefix, n);

	return r == 0 ? mpq_channel_advertise(ch, everything, 2) : r;
}

/* One that is to be bonded says so at once; until then it is not known that it
 * is a plain client (RFC 9484), which carries the tunnel alone. */
static bool may_open_session(const struct mpq_guest *g, mpq_time now)
{
	return (g->tunnel->session != NULL || g->tunnel->config.n_paths > 1) &&
	       mpq_time_elapsed(g->accepted, now) < UNDECIDED;
}

/* The latest to ask carries the tunnel, once it can take full-size packets; at
 * once when nothing else carries it. */
static void welcome(struct mpq_guest *g, mpq_time now)
{
	if (g->offered != g->tunnel->addresses_version &&
	    offer(g->channel, g->tunnel) == 0) {
		g->offered = g->tunnel->addresses_version;
	}
	if (g->newcomer && !may_open_session(g, now) &&
	    (g->tunnel->channel == NULL || mpq_channel_carries(g->channel))) {
		g->newcomer = false;
		mpq_guest_attach(g, now);
	}
}

/* Only the edge can dial, so it is sent away to do so. */
static void send_away(struct mpq_guest *g, mpq_time now)
{
	if (g->tunnel == NULL &&
	    mpq_time_elapsed(g->admitted, now) >= REQUEST_TIMEOUT) {
		mpq_channel_close(g->channel, "no request came in time");
	}
	if (g->channel->up &&
	    mpq_time_elapsed(mpq_loss_stalled_since(&g->channel->loss), now) >=
		    STALL) {
		mpq_channel_close(g->channel, "the path carries small packets "
					      "only: dial anew");
	}
}

static void write_guest(struct mpq_guest *g, mpq_time now)
{
	struct mpq_udp *udp = &g->listener->udp;
	struct mpq_channel *ch = g->channel;
	const struct mpq_channel_source *source;
	struct mpq_conn_written written;
	void *owner = NULL;

	if (!ch->dirty && !mpq_tunnel_waits(g->tunnel, ch)) {
		return;
	}
	source = mpq_tunnel_source(g->tunnel, ch, &owner, now);
	for (;;) {
		uint8_t *dest = mpq_udp_reserve(udp, MPQ_CONN_MAX_UDP_BYTES);
		size_t n = mpq_channel_write(ch, source, owner, dest,
					     MPQ_CONN_MAX_UDP_BYTES, &written,
					     now);

		if (n == 0) {
			break;
		}
		mpq_udp_commit(udp, n, written.ecn, &written.local,
			       &written.remote);
	}
	mpq_channel_burst_end(ch, now);
}

bool mpq_guest_is_stuck(const struct mpq_conn_info *info, mpq_time now)
{
	mpq_duration stuck = mpq_time_elapsed(info->stuck_since, now);

	return stuck >= STUCK && stuck >= STUCK_RTTS * info->rtt_smoothed &&
	       mpq_time_elapsed(info->last_read, now) < HEARD;
}

/* What the connection shows of its peer. */
static void judge(struct mpq_guest *g, const struct mpq_conn_info *info,
		  mpq_time now)
{
	if (g->tunnel == NULL || !g->channel->up || g->bonded) {
		return; /* a session judges its members itself */
	}
	if (mpq_time_elapsed(info->oldest_unanswered, now) >= NO_ANSWER) {
		g->silent = true;
		mpq_guest_detach(g, "no answer from the edge for 5 s", now);
	} else if (!g->newcomer && g->tunnel->channel == NULL) {
		mpq_guest_attach(g, now);
	} else {
		g->silent = false;
	}
	if (g->tunnel->channel == g->channel) {
		mpq_tunnel_set_rtt(g->tunnel, info->rtt_smoothed);
	}
}

static void bury(struct mpq_guest *g, mpq_time now)
{
	const struct mpq_conn_end *end = &g->channel->end;
	char reason[MPQ_CERTIFICATE_REASON_BYTES];

	if (!g->refused &&
	    (end->layer == MPQ_CONN_VERIFY || end->layer == MPQ_CONN_TLS)) {
		mpq_listener_refused(g->listener, NULL, &g->remote,
				     end->reason);
	}
	(void)snprintf(reason, sizeof(reason), "%s", end->reason);
	mpq_guest_free(g, reason, now);
}

static mpq_time deadline(const struct mpq_guest *g,
			 const struct mpq_conn_info *info)
{
	const struct mpq_channel *ch = g->channel;
	mpq_time due = mpq_channel_deadline(ch);
	mpq_time stalled = mpq_loss_stalled_since(&ch->loss);

	if (g->tunnel == NULL) {
		due = mpq_time_min(due, g->admitted + REQUEST_TIMEOUT);
	} else if (ch->up && !g->silent && !g->bonded &&
		   info->oldest_unanswered != MPQ_TIME_NEVER) {
		due = mpq_time_min(due, info->oldest_unanswered + NO_ANSWER);
	}
	if (g->newcomer && g->accepted != MPQ_TIME_NEVER) {
		due = mpq_time_min(due, g->accepted + UNDECIDED);
	}
	if (ch->up && stalled != MPQ_TIME_NEVER) {
		due = mpq_time_min(due, stalled + STALL);
	}
	return ch->dirty ? 0 : due;
}

void mpq_guest_turn(struct mpq_guest *g, mpq_time now)
{
	struct mpq_conn_info info;

	if (mpq_channel_deadline(g->channel) <= now) {
		mpq_channel_expire(g->channel, now);
	}
	send_away(g, now);
	if (g->tunnel != NULL && g->channel->up) {
		welcome(g, now);
	}
	write_guest(g, now);
	if (g->channel->over) {
		bury(g, now);
		return;
	}
	mpq_conn_info(g->channel->conn, &info);
	if (g->channel->up && mpq_guest_is_stuck(&info, now)) {
		mpq_channel_close(g->channel, "nothing of ours arrives, though "
					      "the edge is heard: dial anew");
	}
	judge(g, &info, now);
	mpq_agenda_wait(&g->turn, deadline(g, &info));
}
