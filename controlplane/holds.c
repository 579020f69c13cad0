/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/holds.h"

#include "controlplane/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mpq_holds_item {
	struct mpq_holds_item *next;
	struct mpq_holds *holds;
	char path[MPQ_CONFIG_NAME_BYTES];
	ev_timer timer;
};

void mpq_holds_clear(struct mpq_holds *h, const char *path)
{
	struct mpq_holds_item **at = &h->items, *i;

	while ((i = *at) && strcmp(i->path, path) != 0) {
		at = &i->next;
	}
	if (i) {
		*at = i->next;
		ev_timer_stop(h->loop, &i->timer);
		free(i);
	}
}

static void on_over(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct mpq_holds_item *i = w->data;
	struct mpq_holds *h = i->holds;
	char path[MPQ_CONFIG_NAME_BYTES];

	(void)loop;
	(void)revents;
	memcpy(path, i->path, sizeof(path));
	mpq_holds_clear(h, path);
	h->over(h->owner, path);
}

void mpq_holds_set(struct mpq_holds *h, const char *path, uint64_t seconds)
{
	struct mpq_holds_item *i = calloc(1, sizeof(*i));

	mpq_holds_clear(h, path);
	if (!i) {
		return; /* held, and not noted: until released */
	}
	i->holds = h;
	(void)snprintf(i->path, sizeof(i->path), "%s", path);
	ev_timer_init(&i->timer, on_over, (double)seconds, 0.0);
	i->timer.data = i;
	if (seconds > 0) {
		ev_timer_start(h->loop, &i->timer);
	}
	i->next = h->items;
	h->items = i;
}

/* Seconds until the hold of this path is over, rounded up; 0: it is not held,
 * or until released. */
static uint64_t seconds_left(const struct mpq_holds *h, const char *path)
{
	struct mpq_holds_item *i = h->items;
	ev_tstamp left;

	while (i && strcmp(i->path, path) != 0) {
		i = i->next;
	}
	if (!i || !ev_is_active(&i->timer)) {
		return 0;
	}
	left = ev_timer_remaining(h->loop, &i->timer);
	return (uint64_t)left + (left > (double)(uint64_t)left);
}

void mpq_holds_tell(const struct mpq_holds *h, struct json_object *entry,
		    const char *key)
{
	struct json_object *path = NULL, *reason = NULL;
	char text[64];
	uint64_t left;

	if (!json_object_object_get_ex(entry, key, &path) ||
	    !json_object_is_type(path, json_type_string) ||
	    !json_object_object_get_ex(entry, "reason", &reason) ||
	    !json_object_is_type(reason, json_type_string) ||
	    strncmp(json_object_get_string(reason), "held ", 5) != 0) {
		return; /* held or not, it is down for another reason */
	}
	left = seconds_left(h, json_object_get_string(path));
	if (left) {
		(void)snprintf(text, sizeof(text), "held for %llu s more",
			       (unsigned long long)left);
		json_object_object_add(entry, "reason",
				       json_object_new_string(text));
	}
}

void mpq_holds_finish(struct mpq_holds *h)
{
	while (h->items) {
		mpq_holds_clear(h, h->items->path);
	}
}

void mpq_holds_each(const struct mpq_holds *h,
		    void (*each)(void *context, const char *path),
		    void *context)
{
	const struct mpq_holds_item *i;

	for (i = h->items; i; i = i->next) {
		each(context, i->path);
	}
}
