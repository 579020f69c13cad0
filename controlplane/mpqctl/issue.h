/* SPDX-License-Identifier: Apache-2.0 */
/* Makes P-256 certificates in memory. Writes no file. */
#ifndef MPQ_MPQCTL_ISSUE_H
#define MPQ_MPQCTL_ISSUE_H

#include <time.h>

enum mpq_issue_kind {
	MPQ_ISSUE_AUTHORITY,
	MPQ_ISSUE_EDGE,         /* clientAuth */
	MPQ_ISSUE_CONCENTRATOR, /* serverAuth */
};

struct mpq_issue_pair {
	char *certificate_pem;
	char *key_pem;
};

/* `name`: the common name and, of an end, the dNSName. `issuer`: NULL for an
 * authority, which signs itself. 0, or a negative GnuTLS error. */
int mpq_issue_make(enum mpq_issue_kind kind, const char *name,
		   const struct mpq_issue_pair *issuer, time_t not_before,
		   time_t not_after, struct mpq_issue_pair *ret);
void mpq_issue_finish(struct mpq_issue_pair *p);

#endif
