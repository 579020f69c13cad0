/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/session_scene.h"

#include <stdio.h>

#define MS MPQ_MILLISECOND
#define S  MPQ_SECOND

#define LENGTH      (1900 * MS)
#define LENGTH_LONG (20 * S)
#define SUM_BPS     4000000 /* of the links: seconds of it are cheap */

uint64_t scene_some(struct session_world *w, uint64_t low, uint64_t high)
{
	return sim_random_range(&w->random, low, high);
}

bool scene_chance(struct session_world *w, unsigned percent)
{
	return sim_random_chance(&w->random, percent * 10000);
}

/* ---- links --------------------------------------------------------------- */

static void scale_shape(struct sim_link_shape *s, double by)
{
	s->rate_bps = (uint64_t)((double)s->rate_bps * by);
	s->queue_bytes = (size_t)((double)s->queue_bytes * by);
	s->queue_bytes = s->queue_bytes > 9000 ? s->queue_bytes : 9000;
}

static void scale_link(struct sim_link *l, double by)
{
	scale_shape(&l->shape, by);
	for (size_t i = 0; i < l->n_changes; i++) {
		scale_shape(&l->changes[i].shape, by);
	}
}

void scene_event(struct session_world *w, mpq_duration at,
		 enum session_event_kind kind, unsigned path, unsigned number)
{
	session_world_event(w, &(struct session_event){.at = at,
						       .kind = kind,
						       .path = path,
						       .number = number});
}

void scene_hole(struct session_world *w, mpq_duration at, mpq_duration time,
		unsigned path)
{
	scene_event(w, at, SESSION_HOLE, path, 0);
	scene_event(w, at + time, SESSION_UNHOLE, path, 0);
}

/* A satellite's; each run has one. */
static void hand_over(struct session_world *w, unsigned path)
{
	struct session_event e = {.at = scene_some(w, 400 * MS, w->length),
				  .kind = SESSION_SHAPE,
				  .path = path,
				  .shape = w->link[path][0].shape};
	mpq_duration time = scene_some(w, 100 * MS, 250 * MS);

	e.shape.delay = scene_some(w, 15 * MS, 40 * MS);
	e.shape.rate_bps = e.shape.rate_bps / 100 * scene_some(w, 60, 100);
	scene_hole(w, e.at - time, time, path);
	session_world_event(w, &e);
}

static struct session_world *begin(struct sim_run *run, unsigned paths)
{
	struct session_world *w = session_world_begin(run, paths);

	w->length = run->is_long ? LENGTH_LONG : LENGTH;
	w->grid = scene_some(w, 1, 20) * 50 * MPQ_MICROSECOND;
	mpq_policy_init(&w->policy[0]);
	return w;
}

struct session_world *scene_begin_profile(struct sim_run *run,
					  const struct sim_profile *p)
{
	struct session_world *w = begin(run, p->paths);
	double sum = 0;

	for (unsigned i = 0; i < p->paths; i++) {
		sum += p->path[i].mbps * 1e6;
	}
	for (unsigned i = 0; i < p->paths; i++) {
		for (unsigned e = 0; e < SESSION_ENDS; e++) {
			struct sim_link *l = &w->link[i][e];

			sim_profile_link(p, i, l, run->seed * 2 + e, w->start,
					 w->length);
			if (p->path[i].kind == SIM_LEO) {
				l->n_changes = 0;
			}
			scale_link(l, run->is_long ? 1 : SUM_BPS / sum);
		}
		if (p->path[i].kind == SIM_LEO) {
			hand_over(w, i);
		}
	}
	return w;
}

/* Two to four links of any kind. */
struct session_world *scene_begin_any(struct sim_run *run)
{
	struct sim_profile p = {.name = "any"};
	struct sim_random r = {run->seed};

	p.paths = (unsigned)sim_random_range(&r, 2, 4);
	for (unsigned i = 0; i < p.paths; i++) {
		p.path[i].mbps = (double)sim_random_range(&r, 5, 50);
		p.path[i].rtt_ms = (double)sim_random_range(&r, 4, 120);
		p.path[i].loss_percent =
			sim_random_chance(&r, 300000)
				? (double)sim_random_range(&r, 1, 30) / 10
				: 0;
		p.path[i].jitter_ms = (double)sim_random_range(&r, 0, 10);
	}
	return scene_begin_profile(run, &p);
}

/* ---- flows --------------------------------------------------------------- */

static double link_bps(const struct session_world *w, unsigned end)
{
	double sum = 0;

	for (unsigned i = 0; i < w->paths; i++) {
		sum += (double)w->link[i][end].shape.rate_bps;
	}
	return sum;
}

struct session_flow_plan *scene_steady(struct session_world *w, unsigned end,
				       double share, unsigned bytes)
{
	struct session_flow_plan *f = session_world_flow(w);

	*f = (struct session_flow_plan){.kind = SESSION_STEADY,
					.end = end,
					.bytes = bytes,
					.pps = share * link_bps(w, end) / 8 /
					       (bytes + 66),
					.start = scene_some(w, 100 * MS,
							    400 * MS),
					.stop = w->length - SCENE_TAIL};
	return f;
}

static void window(struct session_world *w, unsigned end, uint8_t dscp)
{
	struct session_flow_plan f = {.kind = SESSION_WINDOW,
				      .end = end,
				      .dscp = dscp,
				      .bytes = 1400,
				      .window = (unsigned)scene_some(w, 4, 60),
				      .start = scene_some(w, 50 * MS, 400 * MS),
				      .stop = w->length - SCENE_TAIL};

	*session_world_flow(w) = f;
	f.kind = SESSION_ANSWERS;
	f.end = 1 - end;
	f.bytes = 80;
	*session_world_flow(w) = f;
}

/* Some that fill what there is, some that do not, of all classes. */
void scene_mixed_flows(struct session_world *w, unsigned classes)
{
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		window(w, e, (uint8_t)(8 * scene_some(w, 0, classes - 1)));
		for (uint64_t n = scene_some(w, 1, 3); n > 0; n--) {
			double share =
				scene_chance(w, 15)
					? 1.2
					: (double)scene_some(w, 2, 30) / 100;
			struct session_flow_plan *f =
				scene_steady(w, e, share,
					     (unsigned)scene_some(w, 60, 1400));

			f->dscp = (uint8_t)(8 * scene_some(w, 0, classes - 1));
			f->burst = (unsigned)scene_some(w, 1, 4);
		}
	}
}

/* ---- policies ------------------------------------------------------------ */

static void set_rules(struct mpq_policy *p)
{
	for (size_t i = 0; i < p->n_classes; i++) {
		struct mpq_classify_rule *r = &p->classify.rule[i];

		*r = (struct mpq_classify_rule){.class_id = (uint8_t)i,
						.dscp = UINT64_C(1) << (8 * i),
						.protocol = MPQ_CLASSIFY_ANY};
		(void)snprintf(p->rule_name[i], sizeof(p->rule_name[i]),
			       "rule-%zu", i);
		(void)snprintf(p->class[i].name, sizeof(p->class[i].name),
			       i == 0 ? "default" : "class-%zu", i);
	}
	p->classify.n_rules = p->n_classes;
	mpq_classify_compile(&p->classify);
}

void scene_add_classes(struct mpq_policy *p, unsigned n)
{
	mpq_policy_init(p);
	p->n_classes = n;
	for (unsigned i = 1; i < n; i++) {
		mpq_policy_class_init(&p->class[i]);
	}
	set_rules(p);
}

static void any_class(struct session_world *w, struct mpq_policy_class *c)
{
	c->steer.mode =
		(enum mpq_steer_mode)scene_some(w, 0, MPQ_STEER_MODES - 1);
	c->steer.order_cap = scene_some(w, 20, 300) * MS;
	c->steer.copies =
		(uint8_t)(scene_chance(w, 50) ? scene_some(w, 1, 3) : 0);
	c->steer.loss_max_ppm = scene_chance(w, 50) ? 80000 : 0;
	c->steer.avoid_metered = scene_chance(w, 20);
	c->repair_deadline =
		scene_chance(w, 80) ? scene_some(w, 100, 500) * MS : 0;
	c->priority = (uint8_t)scene_some(w, 2, 4);
}

void scene_any_policy(struct session_world *w, unsigned i, unsigned classes)
{
	struct mpq_policy *p = &w->policy[i];

	scene_add_classes(p, classes);
	for (unsigned c = 0; c < classes; c++) {
		any_class(w, &p->class[c]);
	}
	p->metered = scene_chance(w, 20) ? 1 : 0;
}
