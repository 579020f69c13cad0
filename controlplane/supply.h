/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which descriptors mpquic-data holds already, so that each Apply brings only
 * those that it lacks: TUN devices by name, listeners by name and address.
 */
#ifndef MPQ_CONTROLPLANE_SUPPLY_H
#define MPQ_CONTROLPLANE_SUPPLY_H

#include "common/frame.h"
#include "controlplane/config.h"
#include "controlplane/kernel.h"

#include <json-c/json.h>

struct mpq_supply_item;

struct mpq_supply {
	struct mpq_supply_item *items;
};

/* Descriptors and their labels for one Apply. */
struct mpq_supply_parcel {
	struct json_object *labels;
	int fds[MPQ_FRAME_MAX_DESCRIPTORS];
	bool ours[MPQ_FRAME_MAX_DESCRIPTORS]; /* to be closed after sending */
	size_t n;
	struct json_object *lacking; /* {"tunnel" or "path": name}: what could
				      * not be made */
};

void mpq_supply_clear(struct mpq_supply *s); /* it holds nothing */

void mpq_supply_note_tun(struct mpq_supply *s, const char *name);
void mpq_supply_forget_tun(struct mpq_supply *s, const char *name);
/* As Hello reports it: "[::]:45001". */
void mpq_supply_note_listener(struct mpq_supply *s, const char *name,
			      const char *address);

/* Makes what `c` needs and mpquic-data lacks: TUN devices and listening
 * sockets. 0; -errno with *r: nothing is left over but TUN devices. */
int mpq_supply_pack(const struct mpq_supply *s, struct mpq_kernel *k,
		    const struct mpq_config *c, struct mpq_supply_parcel *ret,
		    struct mpq_refusal *r);

/* The same as far as it goes: what cannot be made is in ret->lacking, and *r
 * says why of the first. */
void mpq_supply_pack_some(const struct mpq_supply *s, struct mpq_kernel *k,
			  const struct mpq_config *c,
			  struct mpq_supply_parcel *ret, struct mpq_refusal *r);
void mpq_supply_parcel_finish(struct mpq_supply_parcel *p);

/* mpquic-data took the configuration `c` and what was packed for it, but for
 * what is `lacking` (or NULL). */
void mpq_supply_delivered(struct mpq_supply *s, const struct mpq_config *c,
			  struct json_object *lacking);

#endif
