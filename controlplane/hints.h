/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is sound in a configuration, and yet can hardly be meant: settings
 * without an effect, devices that are not there, and changes by which a LAN
 * loses its guard. Nothing is refused for one. Pure.
 */
#ifndef MPQ_CONTROLPLANE_HINTS_H
#define MPQ_CONTROLPLANE_HINTS_H

#include "controlplane/config.h"

/* Of a configuration that was checked: [{"path", "message"}], the caller's to
 * put. */
struct json_object *mpq_hints_new(const struct mpq_config *c);

/* Adds to such a list each WAN and LAN that is no device of this machine now.
 * That is no fault: a modem may come later; and may be a slip of the pen. */
void mpq_hints_of_devices(const struct mpq_config *c,
			  bool (*exists)(void *context, const char *interface),
			  void *context, struct json_object *list);

/* Adds to such a list what an operator may not expect of the change from `was`
 * to `is`, both checked: LANs that are guarded no longer. */
void mpq_hints_of_change(const struct mpq_config *was,
			 const struct mpq_config *is, struct json_object *list);

#endif
