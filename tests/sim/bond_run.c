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

#define MS   MPQ_MILLISECOND
#define LAST (2 * MPQ_SECOND) /* for what is still under way */

static void child(struct sim_run *run,
		  void (*body)(struct sim_run *run, void *shared), void *shared,
		  struct sim_run *ret)
{
	bond_io_seed(run->seed);
	body(run, shared);
	*ret = *run;
	(void)fflush(stdout);
	_exit(0);
}

void bond_run_apart(struct sim_run *run,
		    void (*body)(struct sim_run *run, void *shared),
		    void *shared, size_t shared_bytes)
{
	size_t bytes = sizeof(*run) + shared_bytes;
	uint8_t *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t pid;

	assert(map != MAP_FAILED);
	memcpy(map + sizeof(*run), shared, shared_bytes);
	(void)fflush(stdout);
	pid = fork();
	assert(pid >= 0);
	if (pid == 0) {
		child(run, body, map + sizeof(*run), (void *)map);
	}
	(void)waitpid(pid, &status, 0);
	if (status == 0) {
		memcpy(run, map, sizeof(*run));
		memcpy(shared, map + sizeof(*run), shared_bytes);
	}
	sim_holds(run, status == 0, 0, "the run ended with status %#x",
		  (unsigned)status);
	(void)munmap(map, bytes);
}

struct job {
	struct bond_load load;
	struct bond_result result;
};

static void add_flow(struct bond_result *r, const struct bond_flow *f,
		     mpq_duration time)
{
	r->mbps += (double)f->goodput_bytes * 8e3 / (double)time;
	r->sent += f->sent;
	r->lost += f->sent - f->came;
	r->refused += f->refused;
	r->reordered += f->reordered;
	r->behind = f->behind > r->behind ? f->behind : r->behind;
	r->spurious += f->transport.spurious;
	r->gap = f->gap > r->gap ? f->gap : r->gap;
	r->p50_ms = bond_flow_delay_ms(f, 0.5);
	r->p99_ms = bond_flow_delay_ms(f, 0.99);
}

static void print(struct bond_result *r, uint64_t value)
{
	r->print = (r->print ^ value) * UINT64_C(0x100000001b3);
}

static void summarize(struct bond_world *w, struct bond_result *r,
		      mpq_time from, mpq_duration time)
{
	for (size_t i = 0; i < w->flows; i++) {
		add_flow(r, w->flow[i], time);
		print(r, w->flow[i]->came);
		print(r, w->flow[i]->goodput_bytes);
	}
	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		print(r, w->path[i].up.counters.delivered_bytes);
		print(r, w->path[i].down.counters.delivered_bytes);
	}
	r->link_mbps = w->flows > 0
			       ? bond_world_mbps(w, w->flow[0]->config.down,
						 from, time)
			       : 0;
	r->paths_up = bond_world_paths_up(w);
	r->pool_most = w->pool_most;
}

static void clear_gaps(struct bond_world *w)
{
	for (size_t i = 0; i < w->flows; i++) {
		w->flow[i]->gap = 0;
		w->flow[i]->last = w->now;
	}
}

/* The load for its time, with what befalls its path. */
static void pass(struct bond_world *w, const struct bond_load *l)
{
	mpq_time start = w->now, end = start + l->setup.time;

	if (l->dead_at > 0) {
		bond_world_run(w, l->dead_at);
		clear_gaps(w);
		if (l->unplug) {
			bond_world_unplug(w, l->dead);
		} else {
			bond_world_silence(w, l->dead, true);
		}
	}
	if (l->back_at > 0) {
		bond_world_run(w, start + l->back_at - w->now);
		if (l->unplug) {
			bond_world_replug(w, l->dead);
		} else {
			bond_world_silence(w, l->dead, false);
		}
	}
	bond_world_run(w, end - w->now);
}

static void body(struct sim_run *run, void *shared)
{
	struct job *j = shared;
	const struct bond_load *l = &j->load;
	struct bond_world *w = bond_world_new(run, &l->setup);
	mpq_time from;

	sim_holds(run, bond_world_up(w), w->now, "the tunnel is not up");
	from = w->now;
	for (unsigned i = 0; i < l->flows && !run->failed; i++) {
		(void)bond_world_flow(w, &l->flow);
	}
	w->cpu_seconds = 0;
	pass(w, l);
	j->result.cpu_seconds = w->cpu_seconds * 1e9 / (double)l->setup.time;
	for (size_t i = 0; i < w->flows; i++) {
		w->flow[i]->on = false;
	}
	bond_world_run(w, l->flow.kind == BOND_FLOW_UDP ? LAST : 0);
	summarize(w, &j->result, from, l->setup.time);
	bond_world_free(w);
}

void bond_run(struct sim_run *run, const struct bond_load *load,
	      struct bond_result *ret)
{
	struct job j = {.load = *load};

	bond_run_apart(run, body, &j, sizeof(j));
	*ret = j.result;
}
