/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/agenda.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct mpq_agenda_entry *entry_of(struct mpq_heap_entry *due)
{
	return (struct mpq_agenda_entry *)((char *)due -
					   offsetof(struct mpq_agenda_entry,
						    due));
}

/* ---- those touched ------------------------------------------------------- */

bool mpq_agenda_is_touched(const struct mpq_agenda_entry *e)
{
	return e->before != NULL ||
	       (e->agenda != NULL && e->agenda->first == e);
}

void mpq_agenda_touch(struct mpq_agenda_entry *e)
{
	struct mpq_agenda *a = e->agenda;

	if (a == NULL || mpq_agenda_is_touched(e)) {
		return;
	}
	e->before = a->last;
	*(a->last != NULL ? &a->last->after : &a->first) = e;
	a->last = e;
}

static void leave(struct mpq_agenda_entry *e)
{
	struct mpq_agenda *a = e->agenda;

	*(e->before != NULL ? &e->before->after : &a->first) = e->after;
	*(e->after != NULL ? &e->after->before : &a->last) = e->before;
	e->before = e->after = NULL;
}

size_t mpq_agenda_gather(struct mpq_agenda *a, mpq_time now)
{
	struct mpq_heap_entry *least;
	size_t n = 0;

	while ((least = mpq_heap_least(&a->heap)) != NULL &&
	       least->key <= now) {
		mpq_heap_remove(&a->heap, least);
		mpq_agenda_touch(entry_of(least));
	}
	for (struct mpq_agenda_entry *e = a->first; e != NULL; e = e->after) {
		n++;
	}
	return n;
}

struct mpq_agenda_entry *mpq_agenda_take(struct mpq_agenda *a)
{
	struct mpq_agenda_entry *e = a->first;

	if (e != NULL) {
		leave(e);
	}
	return e;
}

/* ---- those that wait ----------------------------------------------------- */

void mpq_agenda_wait(struct mpq_agenda_entry *e, mpq_time due)
{
	if (mpq_agenda_is_touched(e)) {
		leave(e);
	}
	if (due == MPQ_TIME_NEVER) {
		mpq_heap_remove(&e->agenda->heap, &e->due);
	} else {
		mpq_heap_put(&e->agenda->heap, &e->due, due);
	}
}

mpq_time mpq_agenda_due(const struct mpq_agenda_entry *e)
{
	return e->due.place > 0 ? e->due.key : MPQ_TIME_NEVER;
}

mpq_time mpq_agenda_deadline(const struct mpq_agenda *a)
{
	const struct mpq_heap_entry *least = mpq_heap_least(&a->heap);

	if (a->first != NULL) {
		return 0;
	}
	return least != NULL ? least->key : MPQ_TIME_NEVER;
}

/* ---- life ---------------------------------------------------------------- */

void mpq_agenda_init(struct mpq_agenda *a)
{
	memset(a, 0, sizeof(*a));
}

void mpq_agenda_finish(struct mpq_agenda *a)
{
	assert(a->entries == 0);
	free(a->heap.slots);
	memset(a, 0, sizeof(*a));
}

static int make_room(struct mpq_agenda *a)
{
	size_t room = 2 * a->room + 8;
	void *slots;

	if (a->entries < a->room) {
		return 0;
	}
	slots = realloc(a->heap.slots, room * sizeof(*a->heap.slots));
	if (slots == NULL) {
		return -ENOMEM;
	}
	a->heap.slots = slots;
	a->room = room;
	return 0;
}

int mpq_agenda_add(struct mpq_agenda *a, struct mpq_agenda_entry *e)
{
	int r = make_room(a);

	if (r == 0) {
		a->entries++;
		*e = (struct mpq_agenda_entry){.agenda = a};
		mpq_agenda_touch(e);
	}
	return r;
}

void mpq_agenda_remove(struct mpq_agenda_entry *e)
{
	if (e->agenda == NULL) {
		return;
	}
	if (mpq_agenda_is_touched(e)) {
		leave(e);
	}
	mpq_heap_remove(&e->agenda->heap, &e->due);
	e->agenda->entries--;
	e->agenda = NULL;
}
