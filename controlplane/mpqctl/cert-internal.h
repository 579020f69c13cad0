/* SPDX-License-Identifier: Apache-2.0 */
/* What cert init and cert issue have in common. Complaints go to standard
 * error. */
#ifndef MPQ_MPQCTL_CERT_INTERNAL_H
#define MPQ_MPQCTL_CERT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "common/certificate.h"
#include "controlplane/mpqctl/issue.h"

#define MPQ_CERT_DAY      ((time_t)86400)
#define MPQ_CERT_DAYS     730 /* when nobody says */
#define MPQ_CERT_DAYS_MAX 3650

/* A host's name, or a complaint about this option. */
bool mpq_cert_check_name(const char *option, const char *name);
/* `text` NULL: not said. */
bool mpq_cert_read_days(const char *text, long *ret);

/* Is it good, with the eyes of mpquic-control? */
bool mpq_cert_check_pair(const struct mpq_certificate_trust *t,
			 const struct mpq_issue_pair *pair,
			 enum mpq_certificate_usage usage, time_t now);

struct mpq_cert_file {
	const char *name;
	mode_t mode;
	const char *text;
};

/* All or none, into the folder `path`: what was written before a failure is
 * taken away again. Nothing is ever overwritten; `instead`: what to do when one
 * of the files is there already. */
bool mpq_cert_write(const char *path, const struct mpq_cert_file *file,
		    size_t n, const char *instead);

#endif
