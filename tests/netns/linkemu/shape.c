/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/netns/linkemu/shape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_QUEUE_BYTES 3100 /* two frames: less would stop the link */

void emu_shape_init(struct emu_shape *s)
{
	*s = (struct emu_shape){
		.queue_time = 100 * MPQ_MILLISECOND,
		.gap = 5 * MPQ_MILLISECOND,
		.burst_loss = 1,
	};
}

uint64_t emu_shape_queue_bytes(const struct emu_shape *s)
{
	double bytes;

	if (!s->queue_time || s->rate_bps <= 0) {
		return s->queue_bytes;
	}
	bytes = s->rate_bps / 8 * (double)s->queue_time / 1e9;
	return bytes < MIN_QUEUE_BYTES ? MIN_QUEUE_BYTES : (uint64_t)bytes;
}

/* A number that is not negative, and what follows it. */
static int number(const char *text, double *ret, const char **ret_unit)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || !(value >= 0) || value > 1e15) {
		return -EINVAL;
	}
	*ret = value;
	*ret_unit = end;
	return 0;
}

static int scaled(const char *text, double *ret)
{
	static const char units[] = "kMG";
	const char *unit, *found;
	double value, scale = 1;

	if (number(text, &value, &unit)) {
		return -EINVAL;
	}
	if (*unit) {
		found = strchr(units, *unit);
		if (!found || unit[1]) {
			return -EINVAL;
		}
		for (const char *u = units; u <= found; u++) {
			scale *= 1000;
		}
	}
	*ret = value * scale;
	return 0;
}

/* "1%" or "0.01", up to a colon. Returns what follows, NULL if it is wrong. */
static const char *share(const char *text, double *ret)
{
	const char *unit;
	double value;

	if (number(text, &value, &unit)) {
		return NULL;
	}
	if (*unit == '%') {
		value /= 100;
		unit++;
	}
	if (value > 1 || (*unit && *unit != ':')) {
		return NULL;
	}
	*ret = value;
	return *unit == ':' ? unit + 1 : unit;
}

static int one_share(const char *text, double *ret)
{
	double value;
	const char *rest = share(text, &value);

	if (!rest || *rest) {
		return -EINVAL;
	}
	*ret = value;
	return 0;
}

int emu_shape_duration(const char *text, mpq_duration *ret)
{
	static const struct {
		const char *name;
		mpq_duration length;
	} units[] = {
		{"", MPQ_MILLISECOND},
		{"us", MPQ_MICROSECOND},
		{"ms", MPQ_MILLISECOND},
		{"s", MPQ_SECOND},
	};
	const char *unit;
	double value;

	if (number(text, &value, &unit)) {
		return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (!strcmp(unit, units[i].name)) {
			*ret = (mpq_duration)(value * (double)units[i].length);
			return 0;
		}
	}
	return -EINVAL;
}

static int set_rate(struct emu_shape *s, const char *text)
{
	return scaled(text, &s->rate_bps);
}

static int set_delay(struct emu_shape *s, const char *text)
{
	return emu_shape_duration(text, &s->delay);
}

static int set_jitter(struct emu_shape *s, const char *text)
{
	return emu_shape_duration(text, &s->jitter);
}

static int set_gap(struct emu_shape *s, const char *text)
{
	return emu_shape_duration(text, &s->gap);
}

static int set_order(struct emu_shape *s, const char *text)
{
	if (strcmp(text, "keep") && strcmp(text, "free")) {
		return -EINVAL;
	}
	s->free_order = text[0] == 'f';
	return 0;
}

static int set_loss(struct emu_shape *s, const char *text)
{
	return one_share(text, &s->loss);
}

static int set_reorder(struct emu_shape *s, const char *text)
{
	return one_share(text, &s->reorder);
}

static int set_duplicate(struct emu_shape *s, const char *text)
{
	return one_share(text, &s->duplicate);
}

static int set_burst(struct emu_shape *s, const char *text)
{
	double begin, end, loss = 1;
	const char *rest = share(text, &begin);

	rest = rest ? share(rest, &end) : NULL;
	if (rest && *rest) {
		rest = share(rest, &loss);
	}
	if (!rest || *rest) {
		return -EINVAL;
	}
	s->burst_begin = begin;
	s->burst_end = end;
	s->burst_loss = loss;
	return 0;
}

static int set_queue(struct emu_shape *s, const char *text)
{
	mpq_duration time;
	double bytes;

	if (strchr(text, 's')) {
		if (emu_shape_duration(text, &time)) {
			return -EINVAL;
		}
		s->queue_time = time;
		s->queue_bytes = 0;
		return 0;
	}
	if (scaled(text, &bytes)) {
		return -EINVAL;
	}
	s->queue_time = 0;
	s->queue_bytes = (uint64_t)bytes;
	return 0;
}

static int set_overhead(struct emu_shape *s, const char *text)
{
	double bytes;

	if (scaled(text, &bytes) || bytes > 1000) {
		return -EINVAL;
	}
	s->overhead_bytes = (uint32_t)bytes;
	return 0;
}

static int set_hole(struct emu_shape *s, const char *text)
{
	if (strcmp(text, "0") && strcmp(text, "1")) {
		return -EINVAL;
	}
	s->hole = text[0] == '1';
	return 0;
}

static const struct {
	const char *name;
	int (*set)(struct emu_shape *s, const char *text);
} names[] = {
	{"rate", set_rate},           {"delay", set_delay},
	{"jitter", set_jitter},       {"order", set_order},
	{"loss", set_loss},           {"burst", set_burst},
	{"reorder", set_reorder},     {"gap", set_gap},
	{"duplicate", set_duplicate}, {"queue", set_queue},
	{"overhead", set_overhead},   {"hole", set_hole},
};

int emu_shape_set(struct emu_shape *s, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t length;

	if (!equals) {
		return -EINVAL;
	}
	length = (size_t)(equals - word);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strlen(names[i].name) == length &&
		    !memcmp(names[i].name, word, length)) {
			return names[i].set(s, equals + 1);
		}
	}
	return -EINVAL;
}
