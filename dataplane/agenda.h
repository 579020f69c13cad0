/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is to have a turn: those to whom something has happened, and those whose
 * time has come. All others cost nothing, however many they are. Pure; does not
 * know what a turn is.
 *
 *	something happens --touch--> touched --take--> (turn) --wait--> by time
 *	                                ^                                  |
 *	                                '------------ gather <-------------'
 *
 * Whoever changes what an entry's turn or its deadline depends on touches it;
 * one that is not touched keeps the deadline that it had.
 */
#ifndef MPQ_DATAPLANE_AGENDA_H
#define MPQ_DATAPLANE_AGENDA_H

#include "common/clock.h"
#include "dataplane/bond/heap.h"

#include <stdbool.h>

struct mpq_agenda;

struct mpq_agenda_entry { /* all zero: on no agenda */
	struct mpq_agenda *agenda;
	struct mpq_agenda_entry *before, *after; /* touched; else NULL */
	struct mpq_heap_entry due;
};

struct mpq_agenda {
	struct mpq_agenda_entry *first, *last; /* touched */
	struct mpq_heap heap;
	size_t room, entries;
};

void mpq_agenda_init(struct mpq_agenda *a);
/* Everybody has been removed. */
void mpq_agenda_finish(struct mpq_agenda *a);

/* Touched from the beginning. 0 or -ENOMEM. */
int mpq_agenda_add(struct mpq_agenda *a, struct mpq_agenda_entry *e);
/* Harmless when it is on none. */
void mpq_agenda_remove(struct mpq_agenda_entry *e);

/* Harmless when it is on none, or touched already. */
void mpq_agenda_touch(struct mpq_agenda_entry *e);
bool mpq_agenda_is_touched(const struct mpq_agenda_entry *e);

/* Touches those that are due. Their number, with those touched before: so many
 * are to be taken in this turn; who is touched meanwhile comes behind them. */
size_t mpq_agenda_gather(struct mpq_agenda *a, mpq_time now);
/* The first, touched no longer; NULL: nobody is. */
struct mpq_agenda_entry *mpq_agenda_take(struct mpq_agenda *a);
/* It is due then, and touched no longer. */
void mpq_agenda_wait(struct mpq_agenda_entry *e, mpq_time due);
mpq_time mpq_agenda_due(const struct mpq_agenda_entry *e);

/* 0: somebody is touched. */
mpq_time mpq_agenda_deadline(const struct mpq_agenda *a);

#endif
