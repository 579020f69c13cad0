/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/early.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct mpq_early_event {
	struct mpq_early_event *next;
	enum mpq_early_kind kind;
	int64_t stream_id;
	uint64_t value;
	size_t len;
	uint8_t data[];
};

int mpq_early_keep(struct mpq_early *e, enum mpq_early_kind kind,
		   int64_t stream_id, uint64_t value, const uint8_t *data,
		   size_t len)
{
	struct mpq_early_event *event;

	if (e->n >= MPQ_EARLY_MAX) {
		return -ENOSPC;
	}
	event = calloc(1, sizeof(*event) + len);
	if (!event) {
		return -ENOMEM;
	}
	event->kind = kind;
	event->stream_id = stream_id;
	event->value = value;
	event->len = len;
	if (len > 0) {
		memcpy(event->data, data, len);
	}
	*(e->last ? e->last : &e->first) = event;
	e->last = &event->next;
	e->n++;
	return 0;
}

static int tell(const struct mpq_early_event *e,
		const struct mpq_conn_events *events, void *owner)
{
	switch (e->kind) {
	case MPQ_EARLY_DATA:
		return events->stream_data
			       ? events->stream_data(owner, e->stream_id,
						     e->data, e->len, e->value)
			       : 0;
	case MPQ_EARLY_CLOSED:
		return events->stream_closed
			       ? events->stream_closed(owner, e->stream_id,
						       e->value)
			       : 0;
	case MPQ_EARLY_RESET:
		return events->stream_reset
			       ? events->stream_reset(owner, e->stream_id)
			       : 0;
	}
	return 0;
}

int mpq_early_replay(struct mpq_early *e, const struct mpq_conn_events *events,
		     void *owner)
{
	int rv = 0;

	for (struct mpq_early_event *i = e->first; i && rv == 0; i = i->next) {
		rv = tell(i, events, owner);
	}
	mpq_early_drop(e);
	return rv;
}

void mpq_early_drop(struct mpq_early *e)
{
	while (e->first) {
		struct mpq_early_event *next = e->first->next;

		free(e->first);
		e->first = next;
	}
	*e = (struct mpq_early){0};
}
