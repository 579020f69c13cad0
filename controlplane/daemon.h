/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mpquic-control as a whole: the running configuration and everything that
 * follows it. The modules below the daemon do not know one another; what one of
 * them reports is passed on here.
 */
#ifndef MPQ_CONTROLPLANE_DAEMON_H
#define MPQ_CONTROLPLANE_DAEMON_H

#include "controlplane/alarms.h"
#include "controlplane/dataplane.h"
#include "controlplane/events.h"
#include "controlplane/holds.h"
#include "controlplane/kernel.h"
#include "controlplane/northbound.h"
#include "controlplane/options.h"
#include "controlplane/paths.h"
#include "controlplane/policy.h"
#include "controlplane/southbound.h"
#include "controlplane/store.h"
#include "controlplane/supply.h"
#include "controlplane/version.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct mpq_transaction;

/* What the daemon is at: one whole configuration in force. */
struct mpq_running {
	struct mpq_version *version;
	struct mpq_policy *policy;
	uint32_t generation;
	uint64_t file_hash; /* of the configuration file last taken */
};

struct mpq_daemon {
	const struct mpq_options *options;
	struct ev_loop *loop;
	struct mpq_schema *schema;
	struct mpq_store store;
	char secret[MPQ_STORE_SECRET_TEXT];
	char file_trouble[640]; /* why the configuration file was passed over */
	struct mpq_running running;
	struct mpq_version *candidate;       /* NULL: the same as running */
	struct mpq_transaction *transaction; /* NULL: none under way */
	struct mpq_kernel *kernel;
	struct mpq_supply supply; /* what mpquic-data holds of us */
	struct mpq_paths paths;
	struct mpq_southbound *southbound;
	struct mpq_dataplane dataplane;
	char dates[MPQ_ALARMS_TEXT_BYTES]; /* as last logged */
	int lock; /* a file: one mpquic-control a runtime folder */
	struct mpq_holds holds;
	struct mpq_northbound *northbound;
	/* Calls that have to wait for a commit of another; a client has one. */
	struct mpq_northbound_call *waiting[MPQ_NORTHBOUND_CLIENTS];
	size_t n_waiting;
	struct mpq_events events;
	ev_timer grace;  /* for mpquic-data to bring back what it holds */
	ev_timer review; /* of what changes by time alone */
	ev_signal terminate, interrupt;
};

/* Everything up to the loop. 0; -errno with *r. */
int mpq_daemon_start(struct mpq_daemon *d, const struct mpq_options *options,
		     struct mpq_refusal *r);
void mpq_daemon_run(struct mpq_daemon *d); /* until SIGTERM or SIGINT */
void mpq_daemon_stop(struct mpq_daemon *d);

/* Removes all that is ours from the kernel. 0; -errno with *r. */
int mpq_daemon_purge(const struct mpq_options *options, struct mpq_refusal *r);

#endif
