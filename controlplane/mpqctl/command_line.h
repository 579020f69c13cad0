/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the command line by the tables of verb.h. */
#ifndef MPQ_MPQCTL_COMMAND_LINE_H
#define MPQ_MPQCTL_COMMAND_LINE_H

#include "controlplane/mpqctl/verb.h"

/* Options may stand anywhere, "--" ends them. MPQ_EXIT_OK, or MPQ_EXIT_USAGE
 * after a sentence on standard error. */
enum mpq_exit mpq_command_line_read(int argc, char **argv,
				    struct mpq_call *ret);

#endif
