/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line to mpquic-control (common/southbound.h): connects, says Hello, does
 * what it is told, reports events. When the line breaks, packets flow on and it
 * tries again; nothing here ever waits.
 */
#ifndef MPQ_DATAPLANE_CONTROL_H
#define MPQ_DATAPLANE_CONTROL_H

#include "dataplane/engine.h"

#include "common/frame.h"

struct mpq_control {
	const char *socket_path; /* borrowed */
	struct mpq_engine *engine;
	struct mpq_frame *frame; /* NULL while not connected */
	struct mpq_loop_fd watch;
	int retry_fd; /* a timerfd */
	struct mpq_loop_fd retry;
	bool patient;         /* it was for a reason that stays, as a refusal */
	uint64_t lost_events; /* nobody listened */
	mpq_time stories_spent; /* as lately told decisions reach */
	mpq_time members_spent; /* .. those of a class's members */
};

/* The engine's events, for mpq_engine_init(.., &mpq_control_events, control).
 */
extern const struct mpq_engine_events mpq_control_events;

int mpq_control_start(struct mpq_control *c, struct mpq_engine *engine,
		      const char *socket_path);
void mpq_control_stop(struct mpq_control *c);

#endif
