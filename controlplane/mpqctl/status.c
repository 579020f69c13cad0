/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/status.h"

#include <stdio.h>
#include <time.h>

#include "controlplane/mpqctl/client.h"
#include "controlplane/mpqctl/format.h"
#include "controlplane/mpqctl/picture.h"
#include "controlplane/mpqctl/wrap.h"

#define FIRST_MS 500 /* between the two samples that the rates come from */
#define WATCH_MS 1000

static void wait_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	(void)nanosleep(&t, NULL);
}

static enum mpq_exit take(struct mpq_client *c, const struct mpq_call *call,
			  struct mpq_picture *p)
{
	struct json_object *status;
	enum mpq_exit result =
		mpq_client_call(c, call, "Status", NULL, &status);

	if (result != MPQ_EXIT_OK) {
		return result;
	}
	json_object_put(p->before.status);
	p->before = p->now;
	p->now = (struct mpq_picture_sample){status, mpq_clock_now()};
	p->wall = time(NULL);
	p->columns = mpq_wrap_columns();
	return MPQ_EXIT_OK;
}

static enum mpq_exit once(struct mpq_client *c, const struct mpq_call *call,
			  struct mpq_picture *p)
{
	enum mpq_exit result = take(c, call, p);

	if (result == MPQ_EXIT_OK && call->json) {
		mpq_format_json(p->now.status, true);
		return MPQ_EXIT_OK;
	}
	if (result == MPQ_EXIT_OK) {
		wait_ms(FIRST_MS);
		result = take(c, call, p);
	}
	if (result == MPQ_EXIT_OK) {
		mpq_picture_draw(p);
	}
	return result;
}

static void clear(const struct mpq_picture *p)
{
	(void)fputs(p->colour ? "\033[H\033[2J" : "\n", stdout);
}

/* For ever, over restarts of mpquic-control: each turn has its connection. */
static enum mpq_exit watch(const struct mpq_call *call, struct mpq_picture *p)
{
	for (;;) {
		struct mpq_client *c = NULL;
		int error = mpq_client_connect(call->socket, &c);

		if (!call->json) {
			clear(p);
		}
		if (error != 0) {
			(void)mpq_client_complain(call->socket, error);
		} else if (take(c, call, p) == MPQ_EXIT_OK && call->json) {
			mpq_format_json(p->now.status, false);
		} else if (p->now.status != NULL && !call->json) {
			mpq_picture_draw(p);
		}
		mpq_client_close(c);
		if (fflush(stdout) != 0) {
			return MPQ_EXIT_REFUSED; /* nobody looks any more */
		}
		wait_ms(WATCH_MS);
	}
}

enum mpq_exit mpq_status_run(const struct mpq_call *call)
{
	struct mpq_picture p = {.colour = mpq_format_colour()};
	struct mpq_client *c;
	enum mpq_exit result = mpq_client_open(call, &c);

	if (result != MPQ_EXIT_OK) {
		return result;
	}
	if (!call->watch) {
		result = once(c, call, &p);
	}
	mpq_client_close(c);
	if (call->watch) {
		result = watch(call, &p);
	}
	json_object_put(p.before.status);
	json_object_put(p.now.status);
	return result;
}
