/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mpqctl: the operator's hand on mpquic-control. Speaks common/northbound.h
 * and nothing else; reads none of the daemon's files.
 */
#include <stdio.h>

#include "controlplane/mpqctl/command_line.h"
#include "controlplane/mpqctl/help.h"

int main(int argc, char **argv)
{
	struct mpq_call call;
	enum mpq_exit result = mpq_command_line_read(argc, argv, &call);

	if (result != MPQ_EXIT_OK) {
		return result;
	}
	if (call.version) {
		return mpq_help_version(&call);
	}
	if (call.help && argc > 2) {
		mpq_help_verb(call.verb);
		return MPQ_EXIT_OK;
	}
	if (call.help) {
		mpq_help_list();
		return MPQ_EXIT_OK;
	}
	result = call.verb->run(&call);
	/* A full disk behind a redirection is not a success. */
	if (fflush(stdout) != 0 && result == MPQ_EXIT_OK) {
		perror("mpqctl: standard output");
		return MPQ_EXIT_REFUSED;
	}
	return result;
}
