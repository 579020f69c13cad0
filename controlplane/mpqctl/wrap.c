/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/wrap.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_MIN 20 /* of less, nothing can be made */

size_t mpq_wrap_columns(void)
{
	struct winsize size = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 ||
	    size.ws_col < COLUMNS_MIN) {
		return 0;
	}
	return size.ws_col;
}

/* Characters, not bytes: UTF-8's continuation bytes take no column. */
static size_t width_of(const char *text, size_t bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes; i++) {
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	}
	return n;
}

size_t mpq_wrap_width(const char *text)
{
	return width_of(text, strlen(text));
}

void mpq_wrap_print(const char *text, size_t at, size_t indent, size_t columns)
{
	while (*text != '\0') {
		size_t blanks = strspn(text, " "),
		       word = strcspn(text + blanks, " "),
		       width = width_of(text + blanks, word);

		if (columns > 0 && at > indent &&
		    at + blanks + width > columns) {
			(void)printf("\n%*s%.*s", (int)indent, "", (int)word,
				     text + blanks);
			at = indent + width;
		} else {
			(void)printf("%.*s", (int)(blanks + word), text);
			at += blanks + width;
		}
		text += blanks + word;
	}
}
