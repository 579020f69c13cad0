/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that `trust` names, read once and checked: our chain and key, the
 * authorities, the revocation lists. What is handed to mpquic-data is what was
 * checked, whatever happens to the files afterwards.
 */
#ifndef MPQ_CONTROLPLANE_MATERIAL_H
#define MPQ_CONTROLPLANE_MATERIAL_H

#include "common/certificate.h"
#include "controlplane/config.h"
#include "controlplane/refusal.h"

#include <time.h>

struct mpq_material {
	char *certificate_pem, *private_key_pem;
	char *authority_pem; /* all of them in one; NULL: pins only */
	char *crl_pem;       /* or NULL */
	struct mpq_certificate_identity own;
};

/* 0; -ENOMEM; -EINVAL with *r, which names the file. `known`: this
 * configuration was accepted once, so the dates of our certificate are no
 * reason to refuse it (it has expired since then, or this machine booted
 * without a clock); there is an alarm for that. */
int mpq_material_load(struct mpq_material **ret, const struct mpq_config *c,
		      time_t now, bool known, struct mpq_refusal *r);
void mpq_material_free(struct mpq_material *m); /* wipes the key */

#endif
