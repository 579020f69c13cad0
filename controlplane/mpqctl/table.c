/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/mpqctl/format.h"
#include "controlplane/mpqctl/wrap.h"

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

#define GAP      2  /* blanks between columns */
#define INDENT   2  /* of a row's further lines */
#define WRAP_MIN 24 /* columns in which text can be wrapped and read */

/* How a table is set: each row in `lines` lines, which begin with these
 * columns. */
struct layout {
	size_t columns; /* of the terminal; 0: no line is too long */
	bool colour;
	size_t lines, first[MPQ_TABLE_COLUMNS + 1];
	size_t width[MPQ_TABLE_COLUMNS];
};

static const char *head_of(const struct mpq_table *t, size_t column)
{
	const char *head = t->heads[column];

	return head[0] == '>' ? head + 1 : head[0] == '-' ? "" : head;
}

static size_t column_width(const struct mpq_table *t, size_t column)
{
	size_t widest = 0;

	for (size_t i = column; i < t->cells; i += t->columns) {
		size_t w = mpq_wrap_width(t->cell[i].text);

		widest = w > widest ? w : widest;
	}
	return widest;
}

/* Without those that are empty but for their heading, where room is scarce. */
static size_t measure(const struct mpq_table *t, struct layout *l)
{
	size_t sum = 0;

	for (size_t c = 0; c < t->columns; c++) {
		size_t cells = column_width(t, c),
		       head = mpq_wrap_width(head_of(t, c));

		if (cells == 0 && l->columns > 0) {
			head = 0;
		}
		l->width[c] = cells > head ? cells : head;
		sum += l->width[c] + (c > 0 ? GAP : 0);
	}
	return sum;
}

static bool is_right(const struct mpq_table *t, size_t column)
{
	return t->heads[column][0] == '>';
}

/* Text in the last column, with room enough at its own place. */
static bool wraps_there(const struct mpq_table *t, const struct layout *l,
			size_t column, size_t at)
{
	return column + 1 == t->columns && !is_right(t, column) &&
	       at + GAP + WRAP_MIN <= l->columns;
}

static bool is_glued(const struct mpq_table *t, size_t column)
{
	return strcmp(t->heads[column], "-+") == 0;
}

/* Begins a line with this column, or with the one that it is glued to. How many
 * columns of the terminal the line takes so far. */
static size_t begin_line(const struct mpq_table *t, struct layout *l,
			 size_t column)
{
	size_t end = INDENT + l->width[column];

	if (is_glued(t, column) && l->first[l->lines - 1] + 1 < column) {
		column--;
		end += l->width[column] + GAP;
	}
	l->first[l->lines++] = column;
	return end;
}

static void fold(const struct mpq_table *t, struct layout *l)
{
	size_t at = l->width[0];

	l->first[0] = 0;
	l->lines = 1;
	for (size_t c = 1; c < t->columns; c++) {
		size_t end = at + GAP + l->width[c];
		bool fits = l->columns == 0 || end <= l->columns ||
			    l->width[c] == 0 || wraps_there(t, l, c, at);

		at = fits ? end : begin_line(t, l, c);
	}
	l->first[l->lines] = t->columns;
}

static struct layout lay_out(const struct mpq_table *t, bool colour,
			     size_t columns)
{
	struct layout l = {.colour = colour};

	if (columns > 0 && measure(t, &l) > columns) {
		l.columns = columns;
	}
	(void)measure(t, &l);
	fold(t, &l);
	return l;
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

/* Row 0 is the headings. */
static const char *text_at(const struct mpq_table *t, const struct layout *l,
			   size_t row, size_t column)
{
	if (row > 0) {
		return t->cell[(row - 1) * t->columns + column].text;
	}
	return l->width[column] > 0 ? head_of(t, column) : "";
}

static const char *code_at(const struct mpq_table *t, const struct layout *l,
			   size_t row, size_t column)
{
	if (!l->colour) {
		return "";
	}
	return tint_code(row > 0 ? t->cell[(row - 1) * t->columns + column].tint
				 : MPQ_TABLE_DIM);
}

static void print_text(const struct layout *l, const char *text,
		       const char *code, size_t at, bool wraps)
{
	(void)fputs(code, stdout);
	mpq_wrap_print(text, at, at, wraps ? l->columns : 0);
	(void)fputs(code[0] != '\0' ? "\033[0m" : "", stdout);
}

/* Nothing follows the last text, not even blanks: they wait until something
 * does. */
static void print_line(const struct mpq_table *t, const struct layout *l,
		       size_t row, size_t line)
{
	size_t next = line > 0 ? INDENT : 0, at = 0;

	for (size_t c = l->first[line]; c < l->first[line + 1]; c++) {
		const char *text = text_at(t, l, row, c);
		size_t width = mpq_wrap_width(text);
		size_t from = next + (is_right(t, c) ? l->width[c] - width : 0);

		if (width > 0) {
			(void)printf("%*s", (int)(from - at), "");
			print_text(l, text, code_at(t, l, row, c), from,
				   c + 1 == t->columns && !is_right(t, c));
			at = from + width;
		}
		next += l->width[c] + GAP;
	}
	if (at > 0) {
		(void)putchar('\n');
	}
}

/* A further line of text alone needs no heading; a number does. */
static bool is_text_alone(const struct mpq_table *t, const struct layout *l,
			  size_t line)
{
	return line > 0 && l->first[line] + 1 == t->columns &&
	       !is_right(t, t->columns - 1);
}

void mpq_table_print(const struct mpq_table *t, bool colour, size_t columns)
{
	struct layout l = lay_out(t, colour, columns);

	for (size_t row = 0; row <= t->cells / t->columns; row++) {
		for (size_t line = 0; line < l.lines; line++) {
			if (row > 0 || !is_text_alone(t, &l, line)) {
				print_line(t, &l, row, line);
			}
		}
	}
}
