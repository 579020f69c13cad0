/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bond_run.h"

#include "tests/sim/bond_io.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETURN_STEP (100 * MPQ_MILLISECOND)
#define LAST        (3 * MPQ_SECOND) /* for what is still under way */

struct job { /* shared with the child */
	const struct bond_plan *plan;
	struct bond_result result;
};

struct scene {
	struct bond_world *w;
	const struct bond_plan *plan;
	struct bond_result *result;
	mpq_time start, marked;
	mpq_time back;     /* 0: none is, or all were seen in full use again */
	unsigned returned; /* sets of paths: came back, ever .. */
	unsigned used, full; /* .. and were seen to carry since `back` */
	uint64_t seen_bytes[SIM_PROFILE_PATHS];
	uint64_t link_bytes[SIM_PROFILE_PATHS]; /* at the mark */
	struct sim_link_waits link_waits[SIM_PROFILE_PATHS];
	uint64_t goodput_bytes[BOND_WORLD_FLOWS]; /* at the end */
	uint64_t marked_bytes[BOND_WORLD_FLOWS];  /* at the mark */
};

/* ---- what happens -------------------------------------------------------- */

static const struct sim_link *link_of(const struct scene *s, unsigned i)
{
	const struct bond_path *p = &s->w->path[i];

	return s->plan->load[0].flow.down ? &p->down : &p->up;
}

static void mark(struct scene *s)
{
	struct bond_world *w = s->w;

	s->marked = w->now;
	for (size_t i = 0; i < w->flows; i++) {
		w->flow[i]->gap = 0;
		memset(w->flow[i]->delays, 0, sizeof(w->flow[i]->delays));
		w->flow[i]->last = w->now;
		s->marked_bytes[i] = w->flow[i]->goodput_bytes;
	}
	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		s->link_bytes[i] = link_of(s, i)->counters.delivered_bytes;
		s->link_waits[i] = link_of(s, i)->waits;
	}
}

static void see_return(struct scene *s, unsigned i)
{
	const struct sim_link *l = link_of(s, i);
	uint64_t could = l->shape.rate_bps / 8 * RETURN_STEP / MPQ_SECOND;
	uint64_t carried = l->counters.delivered_bytes - s->seen_bytes[i];

	s->seen_bytes[i] = l->counters.delivered_bytes;
	s->used |= carried > could / 8 ? 1U << i : 0;
	s->full |= carried > could * 4 / 5 ? 1U << i : 0;
}

static void see_returns(struct scene *s)
{
	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		if (s->w->path[i].exists) {
			see_return(s, i);
		}
	}
}

/* Looks how far paths that came back are used again. */
static void watch_return(struct scene *s, mpq_time until)
{
	while (s->back != 0 && s->w->now + RETURN_STEP <= until &&
	       !s->w->run->failed) {
		mpq_duration since = s->w->now - s->back + 1; /* 0: never */

		bond_world_run(s->w, RETURN_STEP);
		see_returns(s);
		if ((s->used & s->returned) == s->returned &&
		    s->result->used_after == 0) {
			s->result->used_after = since;
		}
		if ((s->full & s->returned) == s->returned) {
			s->result->full_after = since;
			s->back = 0;
		}
	}
}

static void begin_return(struct scene *s, unsigned path)
{
	s->back = s->w->now;
	s->returned |= 1U << path;
	s->result->used_after = s->result->full_after = 0;
	see_returns(s);
	s->used = s->full = 0;
}

static void pass_until(struct scene *s, mpq_time until)
{
	watch_return(s, until);
	bond_world_run(s->w, until > s->w->now ? until - s->w->now : 0);
}

static void happen(struct scene *s, const struct bond_event *e)
{
	switch (e->kind) {
	case BOND_SILENT:
	case BOND_HEARD:
		bond_world_silence(s->w, e->path, e->kind == BOND_SILENT);
		break;
	case BOND_UNPLUGGED:
		bond_world_unplug(s->w, e->path);
		break;
	case BOND_REPLUGGED:
		bond_world_replug(s->w, e->path);
		break;
	case BOND_MARK:
		mark(s);
		break;
	}
	if (e->kind == BOND_HEARD || e->kind == BOND_REPLUGGED) {
		begin_return(s, e->path);
	}
}

static void end_flows(struct scene *s)
{
	for (size_t i = 0; i < s->w->flows; i++) {
		if (s->w->flow[i]->on) {
			s->w->flow[i]->on = false;
			s->goodput_bytes[i] = s->w->flow[i]->goodput_bytes;
		}
	}
}

/* Those loads that begin now. */
static void start_flows(struct scene *s, mpq_duration begins)
{
	for (unsigned l = 0; l < BOND_LOADS; l++) {
		const struct bond_load *load = &s->plan->load[l];

		for (unsigned i = 0; load->begins == begins && i < load->flows;
		     i++) {
			(void)bond_world_flow(s->w, &load->flow);
		}
	}
}

static void pass_events(struct scene *s, mpq_duration from, mpq_duration until)
{
	const struct bond_event *e = s->plan->event;

	for (unsigned i = 0; i < BOND_EVENTS && e[i].at > 0; i++) {
		if (e[i].at > from && e[i].at <= until) {
			pass_until(s, s->start + e[i].at);
			happen(s, &e[i]);
		}
	}
	pass_until(s, s->start + until);
}

/* When load l gives way to the next, or all is over. */
static mpq_duration end_of(const struct bond_plan *p, unsigned l)
{
	mpq_duration begins = p->load[l].begins;

	for (l++; l < BOND_LOADS; l++) {
		if (p->load[l].begins > begins) {
			return p->load[l].begins;
		}
	}
	return p->setup.time;
}

static void pass(struct scene *s)
{
	mpq_duration from = 0, until;

	for (unsigned l = 0; l < BOND_LOADS && from < s->plan->setup.time;
	     l++) {
		if (s->plan->load[l].begins == from) {
			until = end_of(s->plan, l);
			end_flows(s);
			start_flows(s, from);
			if (from == 0) {
				mark(s);
			}
			pass_events(s, from, until);
			from = until;
		}
	}
}

/* ---- what came of it ----------------------------------------------------- */

static void print(struct bond_result *r, uint64_t value)
{
	r->print = (r->print ^ value) * UINT64_C(0x100000001b3);
}

static double mbps_of(uint64_t bytes, mpq_duration time)
{
	return time > 0 ? (double)bytes * 8e3 / (double)time : 0;
}

static void add_flow(struct bond_outcome *o, const struct bond_flow *f,
		     double mbps)
{
	o->mbps += mbps;
	o->least_mbps = o->least_mbps == 0 || mbps < o->least_mbps
				? mbps
				: o->least_mbps;
	o->sent += f->sent;
	o->lost += f->sent - f->came;
	o->refused += f->refused;
	o->reordered += f->reordered;
	o->behind = f->behind > o->behind ? f->behind : o->behind;
	o->spurious += f->transport.spurious;
	o->gap = f->gap > o->gap ? f->gap : o->gap;
	o->p50_ms = bond_flow_delay_ms(f, 0.5);
	o->p95_ms = bond_flow_delay_ms(f, 0.95);
	o->p99_ms = bond_flow_delay_ms(f, 0.99);
	o->max_ms = bond_flow_delay_ms(f, 1);
}

static void count_flows(struct scene *s)
{
	size_t flow = 0;

	for (unsigned l = 0; l < BOND_LOADS; l++) {
		struct bond_outcome *o = &s->result->load[l];
		mpq_duration begins = s->plan->load[l].begins,
			     ends = end_of(s->plan, l),
			     marked = s->marked - s->start;
		mpq_duration after = marked > begins ? marked : begins;

		for (unsigned i = 0; i < s->plan->load[l].flows; i++) {
			const struct bond_flow *f = s->w->flow[flow];
			uint64_t bytes = s->goodput_bytes[flow];

			add_flow(o, f, mbps_of(bytes, ends - begins));
			if (ends > after) {
				bytes -= s->marked_bytes[flow];
				o->marked_mbps += mbps_of(bytes, ends - after);
			}
			flow++;
			print(s->result, f->came);
			print(s->result, f->goodput_bytes);
		}
	}
}

static double link_wait_ms(const struct sim_link *l,
			   const struct sim_link_waits *before, double part)
{
	double packets = (double)(l->waits.pkts - before->pkts);
	uint64_t seen = 0;
	unsigned i = 0;

	for (; i < SIM_LINK_WAITS && packets > 0; i++) {
		seen += l->waits.slot[i] - before->slot[i];
		if ((double)seen >= part * packets) {
			break;
		}
	}
	return (double)i * SIM_LINK_WAIT / 1e6;
}

static void count_links(struct scene *s)
{
	double time = (double)(s->w->now - s->marked);

	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		uint64_t bytes = link_of(s, i)->counters.delivered_bytes;

		s->result->path_mbps[i] =
			(double)(bytes - s->link_bytes[i]) * 8e3 / time;
		s->result->link_p95_ms[i] =
			link_wait_ms(link_of(s, i), &s->link_waits[i], .95);
		print(s->result, bytes);
	}
	s->result->link_mbps = bond_world_mbps(s->w, s->plan->load[0].flow.down,
					       s->start, s->plan->setup.time);
	s->result->paths_up = bond_world_paths_up(s->w);
	s->result->pool_most = s->w->pool_most;
}

static uint64_t late_of(const struct bond_side *side)
{
	const struct mpq_session *s = side->engine.tunnels[0]->session;
	uint64_t late = 0;

	for (unsigned c = 0; s != NULL && c < MPQ_SESSION_CLASSES; c++) {
		late += s->order.counters[c].late;
	}
	return late;
}

static void stop_flows(struct scene *s)
{
	end_flows(s);
	bond_world_run(s->w, LAST);
	bond_world_rest(s->w);
}

static void play(struct sim_run *run, const struct bond_plan *plan,
		 struct bond_result *result)
{
	struct scene s = {.plan = plan, .result = result};

	s.w = bond_world_new(run, &plan->setup);
	sim_holds(run, run->failed || bond_world_up(s.w), s.w->now,
		  "the paths are not up");
	s.start = s.w->now;
	s.w->cpu_seconds = 0;
	if (!run->failed) {
		pass(&s);
		result->cpu_seconds =
			s.w->cpu_seconds * 1e9 / (double)plan->setup.time;
		count_links(&s);
		stop_flows(&s);
		count_flows(&s);
		result->late = late_of(&s.w->edge) + late_of(&s.w->vps);
	}
	bond_world_free(s.w);
}

/* ---- apart --------------------------------------------------------------- */

static void child(struct sim_run *shared,
		  void (*what)(struct sim_run *run, void *arg), void *arg)
{
	struct sim_run run = *shared;

	bond_io_seed(run.seed);
	what(&run, arg);
	*shared = run;
	(void)fflush(stdout);
	_exit(0);
}

static void *shared_memory(size_t bytes)
{
	void *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert(m != MAP_FAILED);
	return m;
}

void bond_run_apart(struct sim_run *run,
		    void (*what)(struct sim_run *run, void *arg), void *arg)
{
	struct sim_run *shared = shared_memory(sizeof(*shared));
	int status = 0;
	pid_t pid;

	*shared = *run;
	(void)fflush(stdout);
	pid = fork();
	assert(pid >= 0);
	if (pid == 0) {
		child(shared, what, arg);
	}
	(void)waitpid(pid, &status, 0);
	*run = *shared;
	sim_holds(run, status == 0, 0, "the run ended with status %#x",
		  (unsigned)status);
	(void)munmap(shared, sizeof(*shared));
}

static void play_job(struct sim_run *run, void *arg)
{
	struct job *j = arg;

	play(run, j->plan, &j->result);
}

void bond_run(struct sim_run *run, const struct bond_plan *plan,
	      struct bond_result *ret)
{
	struct job *j = shared_memory(sizeof(*j));

	j->plan = plan;
	bond_run_apart(run, play_job, j);
	*ret = j->result;
	(void)munmap(j, sizeof(*j));
}
