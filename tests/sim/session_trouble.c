/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a world: to its links, devices, policy and connections. */
#include "tests/sim/session_world.h"

static void set_links(struct session_world *w, unsigned path,
		      const struct sim_link_shape shape[SESSION_ENDS])
{
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		sim_link_set(&w->link[path][e], &shape[e], w->now);
	}
}

static void set_holed(struct session_world *w, unsigned path, bool holed)
{
	struct session_path *p = &w->path[path];
	struct sim_link_shape down[SESSION_ENDS];

	if (p->holed == holed) {
		return;
	}
	p->holed = holed;
	if (!holed) {
		set_links(w, path, p->shape);
		return;
	}
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		p->shape[e] = down[e] = w->link[path][e].shape;
		down[e].down = true;
	}
	set_links(w, path, down);
}

static void unplug(struct session_world *w, unsigned path)
{
	set_holed(w, path, true);
	w->path[path].gone = true;
	w->path[path].dial_at = MPQ_TIME_NEVER;
	for (unsigned i = 0; i < SESSION_CHANNELS; i++) {
		struct session_channel *c = w->end[0].channel[path][i];

		if (c != NULL) {
			session_world_remove(&w->end[0], c,
					     "the device is gone");
		}
	}
}

static void shut(struct session_world *w, unsigned path)
{
	for (unsigned i = 0; i < SESSION_CHANNELS; i++) {
		struct session_channel *c = w->end[1].channel[path][i];

		if (c != NULL) {
			mpq_channel_close(&c->channel, "shut");
		}
	}
	w->end[1].touched = true;
}

static void configure(struct session_world *w, unsigned policy)
{
	for (unsigned i = 0; i < w->flows; i++) {
		if (w->renumbers) {
			w->flow[i].unordered = w->now + 2 * MPQ_SECOND;
		}
		w->flow[i].waits_since = MPQ_TIME_NEVER;
	}
	mpq_session_configure(w->end[0].session, &w->policy[policy], true,
			      SESSION_QUEUE_DELAY, w->now);
	w->end[0].touched = true;
}

/* To both ends' sessions, as if by the connections that they have. */
static void forge(struct session_world *w, unsigned path, unsigned n)
{
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		struct mpq_session_path *m = &w->end[e].session->path[path];

		for (unsigned i = 0; i < n && m->channel != NULL; i++) {
			uint8_t data[1500];
			size_t len =
				sim_random_range(&w->random, 0, sizeof(data));

			for (size_t k = 0; k < len && k < 64; k++) {
				data[k] = (uint8_t)sim_random_next(&w->random);
			}
			m->channel->now = w->now;
			if (m->channel->member != NULL) {
				m->channel->member->datagram(
					m->channel->member_owner, data, len);
			}
		}
		w->end[e].touched = true;
	}
}

static void happen(struct session_world *w, const struct session_event *e)
{
	struct session_path *p = &w->path[e->path];

	sim_trace(w->run, w->now, "event %d, path %u, %u", (int)e->kind,
		  e->path, e->number);
	switch (e->kind) {
	case SESSION_SHAPE:
		p->shape[0] = p->shape[1] = e->shape;
		if (!p->holed) {
			set_links(w, e->path, p->shape);
		}
		break;
	case SESSION_HOLE:
	case SESSION_UNHOLE:
		if (!p->gone) {
			set_holed(w, e->path, e->kind == SESSION_HOLE);
		}
		break;
	case SESSION_GONE:
		unplug(w, e->path);
		break;
	case SESSION_BACK:
		set_holed(w, e->path, false);
		p->gone = false;
		p->dial_at = w->now;
		break;
	case SESSION_REDIAL:
		if (!p->gone) {
			session_world_dial(w, e->path);
		}
		break;
	case SESSION_POLICY:
		configure(w, e->number);
		break;
	case SESSION_FORGED:
		forge(w, e->path, e->number);
		break;
	case SESSION_SHUT:
		shut(w, e->path);
		break;
	}
}

mpq_time session_trouble_next(const struct session_world *w)
{
	return w->next_event < w->events ? w->start + w->event[w->next_event].at
					 : MPQ_TIME_NEVER;
}

void session_trouble_happen(struct session_world *w)
{
	while (session_trouble_next(w) <= w->now) {
		happen(w, &w->event[w->next_event++]);
	}
}
