/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of mpquic-control; its man page is mpquic-control(8). */
#ifndef MPQ_CONTROLPLANE_OPTIONS_H
#define MPQ_CONTROLPLANE_OPTIONS_H

#include "common/log.h"

enum mpq_options_action {
	MPQ_OPTIONS_RUN,
	MPQ_OPTIONS_CHECK, /* validate a file and end */
	MPQ_OPTIONS_PURGE, /* remove all that is ours from the kernel, end */
	MPQ_OPTIONS_HELP,
	MPQ_OPTIONS_VERSION,
};

struct mpq_options {
	enum mpq_options_action action;
	const char *config;      /* --config */
	const char *check;       /* --check */
	const char *state_dir;   /* --state-dir */
	const char *runtime_dir; /* --runtime-dir */
	const char *yang_dir;    /* --yang-dir, $MPQUIC_YANG_DIR */
	const char *data_user;   /* --data-user; NULL: mpquic, or root */
	enum mpq_log_level log_level;
};

/* 0, or -EINVAL: what is wrong was said on stderr. */
int mpq_options_parse(int argc, char *const argv[], struct mpq_options *ret);
void mpq_options_help(void); /* on stdout */

#endif
