/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/mpqctl/format.h"

void mpq_table_init(struct mpq_table *t, const char *const *heads,
		    size_t columns)
{
	*t = (struct mpq_table){.heads = heads, .columns = columns};
}

void mpq_table_finish(struct mpq_table *t)
{
	for (size_t i = 0; i < t->cells; i++) {
		free(t->cell[i].text);
	}
	free(t->cell);
	*t = (struct mpq_table){0};
}

static bool make_room(struct mpq_table *t)
{
	size_t size = t->size > 0 ? 2 * t->size : 64;
	struct mpq_table_cell *cell;

	if (t->cells < t->size) {
		return true;
	}
	cell = realloc(t->cell, size * sizeof(*cell));
	if (cell == NULL) {
		return false;
	}
	t->cell = cell;
	t->size = size;
	return true;
}

void mpq_table_add(struct mpq_table *t, enum mpq_table_tint tint,
		   const char *format, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0) {
		return;
	}
	if (!make_room(t)) {
		free(text);
		return;
	}
	mpq_format_blunt(text);
	t->cell[t->cells++] = (struct mpq_table_cell){text, tint};
}

/* Characters, not bytes: UTF-8's continuation bytes take no column. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		n += ((unsigned char)*text & 0xc0) != 0x80;
	}
	return n;
}

static const char *head_of(const struct mpq_table *t, size_t column)
{
	const char *head = t->heads[column];

	return head[0] == '>' ? head + 1 : head[0] == '-' ? "" : head;
}

static size_t column_width(const struct mpq_table *t, size_t column)
{
	size_t widest = width_of(head_of(t, column));

	for (size_t i = column; i < t->cells; i += t->columns) {
		size_t w = width_of(t->cell[i].text);

		widest = w > widest ? w : widest;
	}
	return widest;
}

static const char *tint_code(enum mpq_table_tint tint)
{
	switch (tint) {
	case MPQ_TABLE_GOOD:
		return "\033[32m";
	case MPQ_TABLE_BAD:
		return "\033[31m";
	case MPQ_TABLE_DIM:
		return "\033[2m";
	case MPQ_TABLE_PLAIN:
		break;
	}
	return "";
}

struct padding {
	int before, after;
};

/* Nothing follows the last column, not even blanks. */
static struct padding pad(const struct mpq_table *t, size_t column,
			  const char *text)
{
	int missing = (int)(column_width(t, column) - width_of(text));
	bool last = column + 1 == t->columns;

	if (t->heads[column][0] == '>') {
		return (struct padding){missing, last ? 0 : 2};
	}
	return (struct padding){0, last ? 0 : missing + 2};
}

/* The blanks between columns wait until something follows them. */
static void print_cell(const struct mpq_table *t, size_t column,
		       const char *text, const char *code, int *waiting)
{
	struct padding p = pad(t, column, text);

	if (text[0] != '\0') {
		(void)printf("%*s%s%s%s", *waiting + p.before, "", code, text,
			     code[0] != '\0' ? "\033[0m" : "");
		*waiting = p.after;
	} else {
		*waiting += p.before + p.after;
	}
}

static void print_heads(const struct mpq_table *t, bool colour)
{
	int waiting = 0;
	bool any = false;

	for (size_t c = 0; c < t->columns; c++) {
		any = any || head_of(t, c)[0] != '\0';
	}
	for (size_t c = 0; any && c < t->columns; c++) {
		print_cell(t, c, head_of(t, c),
			   colour ? tint_code(MPQ_TABLE_DIM) : "", &waiting);
	}
	if (any) {
		(void)putchar('\n');
	}
}

void mpq_table_print(const struct mpq_table *t, bool colour)
{
	int waiting = 0;

	print_heads(t, colour);
	for (size_t i = 0; i < t->cells; i++) {
		const struct mpq_table_cell *cell = &t->cell[i];

		print_cell(t, i % t->columns, cell->text,
			   colour ? tint_code(cell->tint) : "", &waiting);
		if ((i + 1) % t->columns == 0) {
			(void)putchar('\n');
			waiting = 0;
		}
	}
}
