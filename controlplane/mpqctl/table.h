/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned columns of text, with colour on request. */
#ifndef MPQ_MPQCTL_TABLE_H
#define MPQ_MPQCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define MPQ_TABLE_COLUMNS 14

enum mpq_table_tint {
	MPQ_TABLE_PLAIN,
	MPQ_TABLE_GOOD,
	MPQ_TABLE_BAD,
	MPQ_TABLE_DIM,
};

struct mpq_table_cell {
	char *text;
	enum mpq_table_tint tint;
};

struct mpq_table {
	const char *const *heads; /* borrowed; ">RTT" is set to the right */
	size_t columns;
	struct mpq_table_cell *cell; /* row by row */
	size_t cells, size;
};

/* A heading that starts with '-' is not shown; when all do, there is none. A
 * column headed "-+" stays in one line with that before it. */
void mpq_table_init(struct mpq_table *t, const char *const *heads,
		    size_t columns);
/* The next cell, to the right and then down; blunted (format.h). */
void mpq_table_add(struct mpq_table *t, enum mpq_table_tint tint,
		   const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* To lines that are at most so many columns wide (0: any width): rows that do
 * not fit go on in indented lines, and the last column's text is wrapped. */
void mpq_table_print(const struct mpq_table *t, bool colour, size_t columns);
void mpq_table_finish(struct mpq_table *t);

#endif
