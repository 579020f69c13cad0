/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/netns/linkemu/schedule.h"

#include "tests/netns/linkemu/shape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(struct emu_schedule *s, mpq_duration at, const char *text)
{
	struct emu_schedule_line *lines;

	if (s->n && at < s->lines[s->n - 1].at) {
		return -EINVAL;
	}
	lines = realloc(s->lines, (s->n + 1) * sizeof(*lines));
	if (!lines) {
		return -ENOMEM;
	}
	s->lines = lines;
	lines[s->n].at = at;
	lines[s->n].text = strdup(text);
	if (!lines[s->n].text) {
		return -ENOMEM;
	}
	s->n++;
	return 0;
}

static int read_line(struct emu_schedule *s, char *line)
{
	char *word;
	mpq_duration at;

	line[strcspn(line, "#\r\n")] = '\0';
	line += strspn(line, " \t");
	if (!*line) {
		return 0;
	}
	word = strsep(&line, " \t");
	if (!line) {
		return -EINVAL;
	}
	if (!strcmp(word, "repeat")) {
		return emu_shape_duration(line, &s->period);
	}
	if (emu_shape_duration(word, &at)) {
		return -EINVAL;
	}
	return add(s, at, line);
}

int emu_schedule_read(struct emu_schedule *s, const char *file,
		      unsigned *ret_line)
{
	char line[1024];
	unsigned number = 0;
	int result = 0;
	FILE *f = fopen(file, "re");

	*s = (struct emu_schedule){0};
	if (!f) {
		return -errno;
	}
	while (!result && fgets(line, sizeof(line), f)) {
		number++;
		result = read_line(s, line);
	}
	(void)fclose(f);
	if (!result && s->period && s->n &&
	    s->lines[s->n - 1].at >= s->period) {
		result = -EINVAL;
	}
	if (result == -EINVAL) {
		*ret_line = number;
	}
	return result;
}

void emu_schedule_finish(struct emu_schedule *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->lines[i].text);
	}
	free(s->lines);
	s->lines = NULL;
	s->n = 0;
}

void emu_schedule_start(struct emu_schedule *s, mpq_time now)
{
	s->begun = now;
	s->next = 0;
}

mpq_time emu_schedule_deadline(const struct emu_schedule *s)
{
	if (s->next == s->n) {
		return MPQ_TIME_NEVER;
	}
	return s->begun + s->lines[s->next].at;
}

const char *emu_schedule_pop(struct emu_schedule *s, mpq_time now)
{
	const char *text;

	if (emu_schedule_deadline(s) > now) {
		return NULL;
	}
	text = s->lines[s->next++].text;
	if (s->next == s->n && s->period) {
		s->next = 0;
		s->begun += s->period;
	}
	return text;
}
