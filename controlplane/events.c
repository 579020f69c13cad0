/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/events.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void mpq_events_init(struct mpq_events *e,
		     void (*published)(void *owner, struct json_object *event),
		     void *owner)
{
	*e = (struct mpq_events){.published = published, .owner = owner};
}

void mpq_events_finish(struct mpq_events *e)
{
	size_t i;

	for (i = 0; i < MPQ_EVENTS_BACKLOG; i++) {
		json_object_put(e->ring[i]);
		e->ring[i] = NULL;
	}
	e->n = 0;
}

struct json_object *mpq_events_time(uint64_t ago_us)
{
	struct timespec ts;
	char text[40];
	struct tm tm;
	int64_t ms;
	time_t s;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	ms = ts.tv_sec * 1000 + ts.tv_nsec / 1000000 - (int64_t)(ago_us / 1000);
	s = (time_t)(ms / 1000);
	(void)gmtime_r(&s, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
		       ".%03dZ", (int)(ms % 1000));
	return json_object_new_string(text);
}

void mpq_events_publish(struct mpq_events *e, struct json_object *event)
{
	json_object_object_add(event, "time", mpq_events_time(0));
	json_object_put(e->ring[e->next]);
	e->ring[e->next] = event;
	e->next = (e->next + 1) % MPQ_EVENTS_BACKLOG;
	if (e->n < MPQ_EVENTS_BACKLOG) {
		e->n++;
	}
	e->published(e->owner, event);
}

void mpq_events_replay(const struct mpq_events *e,
		       void (*each)(void *context, struct json_object *event),
		       void *context)
{
	size_t first = e->next + MPQ_EVENTS_BACKLOG - e->n, i;

	for (i = 0; i < e->n; i++) {
		each(context, e->ring[(first + i) % MPQ_EVENTS_BACKLOG]);
	}
}

struct json_object *mpq_events_new(const char *name, ...)
{
	struct json_object *o = json_object_new_object();
	const char *key;
	va_list ap;

	json_object_object_add(o, "event", json_object_new_string(name));
	va_start(ap, name);
	while ((key = va_arg(ap, const char *))) {
		json_object_object_add(o, key,
				       json_object_new_string(
					       va_arg(ap, const char *)));
	}
	va_end(ap);
	return o;
}
