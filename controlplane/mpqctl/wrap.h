/* SPDX-License-Identifier: Apache-2.0 */
/* Text that fits the terminal's width. */
#ifndef MPQ_MPQCTL_WRAP_H
#define MPQ_MPQCTL_WRAP_H

#include <stddef.h>

/* Of the terminal that standard output is. 0: it is none, or does not say. */
size_t mpq_wrap_columns(void);

/* How many columns the text takes. */
size_t mpq_wrap_width(const char *text);

/* To standard output, without a line end, where `at` columns are taken already;
 * what does not fit into `columns` (0: all fits) goes on in new lines, behind
 * `indent` blanks. Breaks between words only. */
void mpq_wrap_print(const char *text, size_t at, size_t indent, size_t columns);

#endif
