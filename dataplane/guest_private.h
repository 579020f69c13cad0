/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two files of a guest share: guest.c (who it is and what it may
 * have), guest_turn.c. For nobody else.
 */
#ifndef MPQ_DATAPLANE_GUEST_PRIVATE_H
#define MPQ_DATAPLANE_GUEST_PRIVATE_H

#include "dataplane/guest.h"

/* It carries its tunnel. */
void mpq_guest_attach(struct mpq_guest *g, mpq_time now);
/* No longer: another guest of the same tunnel does, if there is one. */
void mpq_guest_detach(struct mpq_guest *g, const char *reason, mpq_time now);

#endif
