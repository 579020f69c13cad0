/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/transaction.h"

#include "common/log.h"
#include "common/southbound.h"
#include "controlplane/daemon.h"
#include "controlplane/requests.h"
#include "controlplane/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mpq_transaction {
	struct mpq_daemon *daemon;
	struct mpq_running next; /* what is to be */
	struct json_object *changes;
	char by[64];
	bool applied;               /* the kernel follows it already */
	bool sent;                  /* mpquic-data may follow it already */
	mpq_transaction_done *done; /* NULL: nobody asks any more */
	void *context;
};

static void free_running(struct mpq_running *r)
{
	mpq_policy_free(r->policy);
	mpq_version_free(r->version);
	*r = (struct mpq_running){0};
}

/* Ends the transaction and tells. `why` NULL: it is in force. */
static void end(struct mpq_transaction *t, const struct mpq_refusal *why)
{
	struct mpq_daemon *d = t->daemon;

	if (d->transaction == t) {
		d->transaction = NULL;
	}
	if (t->done) {
		t->done(t->context, why, d->running.generation, t->changes);
	}
	free_running(&t->next);
	json_object_put(t->changes);
	free(t);
	if (d->dataplane.push_due) {
		mpq_dataplane_push(d);
	}
	mpq_requests_resume(d);
}

static bool runs(void *context, const char *name)
{
	const struct mpq_daemon *d = context;

	return d->running.version &&
	       mpq_config_tunnel(d->running.version->config, name);
}

/* Everything as it was; `why` says the reason. */
static void undo(struct mpq_transaction *t, const struct mpq_refusal *why)
{
	struct mpq_daemon *d = t->daemon;

	mpq_store_drop(&d->store);
	mpq_kernel_drop_tuns(d->kernel, runs, d);
	if (t->sent) {
		mpq_dataplane_push(d);
	}
	mpq_log_warn("configuration refused: %s%s%s", why->path,
		     why->path[0] ? ": " : "", why->message);
	end(t, why);
}

static void announce(struct mpq_transaction *t)
{
	struct mpq_daemon *d = t->daemon;
	struct json_object *event =
		mpq_events_new("configuration-changed", "by", t->by, NULL);

	json_object_object_add(event, "generation",
			       json_object_new_int64(d->running.generation));
	json_object_object_add(event, "changes", json_object_get(t->changes));
	mpq_log_notice("generation %u is in force (%s)", d->running.generation,
		       t->by);
	mpq_events_publish(&d->events, event);
}

/* The new one is the running one from here on. */
static void take_over(struct mpq_transaction *t)
{
	struct mpq_daemon *d = t->daemon;
	struct mpq_running was = d->running;

	d->running = t->next;
	t->next = (struct mpq_running){0};
	if (mpq_paths_configure(&d->paths, d->running.version->config,
				d->running.policy)) {
		mpq_log_error("out of memory: ending, to start afresh");
		abort();
	}
	mpq_kernel_apply(d->kernel, d->running.policy);
	mpq_kernel_drop_tuns(d->kernel, runs, d);
	free_running(&was);
	mpq_paths_review(&d->paths, mpq_kernel_monitor(d->kernel),
			 d->southbound);
	announce(t);
	end(t, NULL);
}

static void finish(struct mpq_transaction *t)
{
	struct mpq_refusal why;

	if (mpq_store_keep(&t->daemon->store, &why)) {
		undo(t, &why);
		return;
	}
	take_over(t);
}

static void refused_by_data(struct json_object *parameters,
			    struct mpq_refusal *why)
{
	struct json_object *path = NULL, *message = NULL;

	(void)json_object_object_get_ex(parameters, "path", &path);
	(void)json_object_object_get_ex(parameters, "message", &message);
	(void)mpq_refusal_set(why, "", "mpquic-data refuses it: %s%s%s",
			      path ? json_object_get_string(path) : "",
			      path ? ": " : "",
			      message ? json_object_get_string(message)
				      : "without a reason");
}

static void on_applied(void *context, int error, struct json_object *parameters)
{
	struct mpq_transaction *t = context;
	struct mpq_daemon *d = t->daemon;
	struct mpq_refusal why;

	if (error == -EREMOTE) {
		refused_by_data(parameters, &why);
		t->sent = false; /* refused as a whole */
		undo(t, &why);
	} else if (error == -ETIMEDOUT) {
		(void)mpq_refusal_set(&why, "", "mpquic-data does not answer.");
		(void)mpq_refusal_next(&why, "see its log, restart it, then "
					     "commit again");
		undo(t, &why);
	} else {
		/* Gone in mid-sentence: it will be told when it is back. */
		if (!error) {
			mpq_supply_delivered(&d->supply,
					     t->next.version->config, NULL);
		}
		finish(t);
	}
}

static struct json_object *apply_parameters(const struct mpq_daemon *d,
					    const struct mpq_running *r)
{
	struct json_object *p = json_object_new_object();

	json_object_object_add(p, "snapshot",
			       mpq_snapshot_new(r->version->config,
						r->version->material,
						r->generation, d->secret));
	return p;
}

/* 0: on_applied() will be called; -errno with *why otherwise. */
static int send_apply(struct mpq_transaction *t, struct mpq_refusal *why)
{
	struct mpq_daemon *d = t->daemon;
	struct mpq_supply_parcel parcel;
	int e = mpq_supply_pack(&d->supply, d->kernel, t->next.version->config,
				&parcel, why);

	if (e) {
		return e;
	}
	e = mpq_southbound_call(d->southbound, MPQ_SOUTHBOUND_APPLY,
				apply_parameters(d, &t->next),
				json_object_get(parcel.labels), parcel.fds,
				parcel.n, on_applied, t);
	mpq_supply_parcel_finish(&parcel);
	if (e) {
		(void)mpq_refusal_set(why, "",
				      "mpquic-data cannot be told: %s.",
				      strerror(-e));
		return mpq_refusal_next(why, "see systemctl status "
					     "mpquic-data, then commit again");
	}
	t->sent = true;
	return 0;
}

static int stage(struct mpq_transaction *t, struct mpq_refusal *why)
{
	struct mpq_store_generation g = {
		.number = t->next.generation,
		.file_hash = t->next.file_hash,
		.config = mpq_tree_json(t->next.version->tree, false),
	};
	int e = g.config ? mpq_store_stage(&t->daemon->store, &g, why)
			 : -ENOMEM;

	json_object_put(g.config);
	return e;
}

/* Can the kernel hold it? Only its own rules are asked, nothing is touched. */
static int plan(struct mpq_transaction *t, struct mpq_refusal *why)
{
	char reason[MPQ_DESIRED_REASON_BYTES];
	int e = mpq_policy_new(&t->next.policy, t->next.version->config);

	if (e) {
		return e;
	}
	if (mpq_desired_check(&t->next.policy->desired, reason)) {
		return mpq_refusal_set(why, "/mpquic:mpquic", "%s", reason);
	}
	return 0;
}

static void start(struct mpq_transaction *t)
{
	struct mpq_daemon *d = t->daemon;
	struct mpq_refusal why;
	int e;

	(void)mpq_refusal_set(&why, "", "out of memory.");
	e = t->changes ? plan(t, &why) : -ENOMEM;
	if (!e) {
		e = stage(t, &why);
	}
	if (!e && mpq_southbound_connected(d->southbound)) {
		e = send_apply(t, &why);
	} else if (!e) {
		finish(t);
		return;
	}
	if (e) {
		undo(t, &why);
	}
}

void mpq_transaction_start(struct mpq_daemon *d, struct mpq_version *version,
			   uint64_t file_hash, const char *by,
			   mpq_transaction_done *done, void *context)
{
	struct mpq_transaction *t = calloc(1, sizeof(*t));
	struct mpq_refusal why;

	assert(!d->transaction && !d->dataplane.pushing);
	if (!t) {
		(void)mpq_refusal_set(&why, "", "out of memory.");
		mpq_version_free(version);
		done(context, &why, d->running.generation, NULL);
		return;
	}
	t->daemon = d;
	t->next.version = version;
	t->next.generation = d->running.generation + 1;
	t->next.file_hash = file_hash ? file_hash : d->running.file_hash;
	t->changes = mpq_tree_diff(d->running.version ? d->running.version->tree
						      : NULL,
				   version->tree);
	t->done = done;
	t->context = context;
	(void)snprintf(t->by, sizeof(t->by), "%s", by);
	d->transaction = t;
	start(t);
}
