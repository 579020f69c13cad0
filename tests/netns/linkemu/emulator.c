/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/netns/linkemu/emulator.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define RECEIVE_ROUNDS 8 /* then the other links get their turn */

static const char *const direction_names[2] = {"up", "down"};

void emu_init(struct emu *e, uint64_t seed)
{
	*e = (struct emu){.seed = seed};
	emu_pool_init(&e->pool, EMU_POOL_FRAMES);
}

void emu_finish(struct emu *e)
{
	for (int i = 0; i < e->n_links; i++) {
		for (int j = 0; j < 2; j++) {
			emu_device_finish(&e->link[i].device[j]);
			emu_direction_finish(&e->link[i].direction[j]);
		}
	}
	emu_pool_finish(&e->pool);
}

static int add_devices(struct emu *e, char *text)
{
	struct emu_link *l = &e->link[e->n_links];
	char first[IF_NAMESIZE], second[IF_NAMESIZE];
	uint64_t seed = e->seed * 1000 + (uint64_t)e->n_links * 2;

	if (sscanf(text, "%15[^:]:%15[^:]:%15s", l->name, first, second) != 3) {
		return -EINVAL;
	}
	emu_device_init(&l->device[EMU_UP], first);
	emu_device_init(&l->device[EMU_DOWN], second);
	emu_direction_init(&l->direction[EMU_UP], &e->pool, seed);
	emu_direction_init(&l->direction[EMU_DOWN], &e->pool, seed + 1);
	e->n_links++;
	return 0;
}

/* "rate=1M" for both directions, "up.rate=1M" for one. */
static int add_shape(struct emu_link *l, const char *word)
{
	struct emu_shape shape;

	for (int i = 0; i < 2; i++) {
		size_t length = strlen(direction_names[i]);

		if (!strncmp(word, direction_names[i], length) &&
		    word[length] == '.') {
			return emu_shape_set(&l->direction[i].shape,
					     word + length + 1);
		}
	}
	for (int i = 0; i < 2; i++) {
		shape = l->direction[i].shape;
		if (emu_shape_set(&shape, word)) {
			return -EINVAL;
		}
		l->direction[i].shape = shape;
	}
	return 0;
}

int emu_add_link(struct emu *e, const char *text)
{
	char copy[EMU_MESSAGE_BYTES], *rest = copy, *word;
	int result;

	if (e->n_links == EMU_LINKS) {
		return -ENOSPC;
	}
	if (strlen(text) >= sizeof(copy)) {
		return -EINVAL;
	}
	strcpy(copy, text);
	word = strsep(&rest, ",");
	result = add_devices(e, word);
	while (!result && (word = strsep(&rest, ","))) {
		result = add_shape(&e->link[e->n_links - 1], word);
	}
	return result;
}

/* All words on a copy first, so that a wrong one changes nothing. */
static int shape_direction(struct emu_direction *d, char *const *words, int n)
{
	struct emu_shape shape = d->shape;

	for (int i = 0; i < n; i++) {
		if (emu_shape_set(&shape, words[i])) {
			return -EINVAL;
		}
	}
	emu_direction_shape(d, &shape);
	return 0;
}

static int apply_words(struct emu *e, char *const *words, int n)
{
	int matched = 0;

	for (int i = 0; i < e->n_links; i++) {
		if (strcmp(words[0], "all") &&
		    strcmp(words[0], e->link[i].name)) {
			continue;
		}
		for (int j = 0; j < 2; j++) {
			if (strcmp(words[1], "both") &&
			    strcmp(words[1], direction_names[j])) {
				continue;
			}
			if (shape_direction(&e->link[i].direction[j], words + 2,
					    n - 2)) {
				return -EINVAL;
			}
			matched++;
		}
	}
	return matched ? 0 : -EINVAL;
}

int emu_apply(struct emu *e, const char *text)
{
	char copy[EMU_MESSAGE_BYTES], *rest = copy, *word, *words[EMU_WORDS];
	int n = 0;

	if (strlen(text) >= sizeof(copy)) {
		return -EINVAL;
	}
	strcpy(copy, text);
	while ((word = strsep(&rest, " \t\r\n"))) {
		if (!*word) {
			continue;
		}
		if (n == EMU_WORDS) {
			return -EINVAL;
		}
		words[n++] = word;
	}
	return n < 3 ? -EINVAL : apply_words(e, words, n);
}

void emu_receive(struct emu *e, int link, int direction, mpq_time now)
{
	struct emu_link *l = &e->link[link];
	struct emu_frame *frames[EMU_DEVICE_BATCH];
	int n;

	for (int round = 0; round < RECEIVE_ROUNDS; round++) {
		n = emu_device_receive(&l->device[direction], &e->pool, frames);
		/* Not the turn's time: what came since, perhaps while others
		 * had the processor, would have a way that is too short. */
		now = mpq_clock_now();
		for (int i = 0; i < n; i++) {
			emu_direction_push(&l->direction[direction], frames[i],
					   now);
		}
		if (n < EMU_DEVICE_BATCH) {
			return;
		}
	}
}

static void send_direction(struct emu *e, struct emu_direction *d,
			   struct emu_device *to, mpq_time now)
{
	struct emu_frame *frames[EMU_DEVICE_BATCH];
	int n;

	do {
		for (n = 0; n < EMU_DEVICE_BATCH; n++) {
			frames[n] = emu_direction_pop(d, now);
			if (!frames[n]) {
				break;
			}
		}
		emu_device_send(to, frames, n);
		for (int i = 0; i < n; i++) {
			emu_pool_put(&e->pool, frames[i]);
		}
	} while (n == EMU_DEVICE_BATCH);
}

mpq_time emu_send(struct emu *e, mpq_time now)
{
	mpq_time next = MPQ_TIME_NEVER;

	for (int i = 0; i < e->n_links; i++) {
		struct emu_link *l = &e->link[i];

		for (int j = 0; j < 2; j++) {
			struct emu_direction *d = &l->direction[j];

			send_direction(e, d, &l->device[!j], now);
			next = mpq_time_min(next, emu_direction_deadline(d));
		}
	}
	return next;
}

static void add_number(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)value));
}

static struct json_object *direction_json(const struct emu_direction *d,
					  struct emu_device *from,
					  const struct emu_device *to)
{
	const struct emu_direction_counters *c = &d->counters;
	struct json_object *o = json_object_new_object();

	emu_device_count_missed(from);
	add_number(o, "received", c->received);
	add_number(o, "received-bytes", c->received_bytes);
	add_number(o, "sent", c->sent);
	add_number(o, "sent-bytes", c->sent_bytes);
	add_number(o, "lost", c->lost);
	add_number(o, "burst-lost", c->burst_lost);
	add_number(o, "queue-full", c->queue_full);
	add_number(o, "hole", c->hole);
	add_number(o, "reordered", c->reordered);
	add_number(o, "duplicated", c->duplicated);
	add_number(o, "no-memory", c->no_memory);
	add_number(o, "queue-bytes", d->queue_bytes);
	add_number(o, "queue-peak-bytes", c->queue_peak_bytes);
	add_number(o, "under-way", d->n_heap);
	add_number(o, "oversized", from->oversized);
	add_number(o, "missed", from->missed);
	add_number(o, "send-failed", to->send_failed);
	json_object_object_add(o, "attached",
			       json_object_new_boolean(from->fd >= 0));
	return o;
}

static uint64_t cpu_us(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

char *emu_statistics(struct emu *e, mpq_time now)
{
	struct json_object *all = json_object_new_object();
	struct json_object *links = json_object_new_object();
	char *text;

	add_number(all, "time-us", now / MPQ_MICROSECOND);
	add_number(all, "cpu-us", cpu_us());
	json_object_object_add(all, "links", links);
	for (int i = 0; i < e->n_links; i++) {
		struct emu_link *l = &e->link[i];
		struct json_object *o = json_object_new_object();

		json_object_object_add(links, l->name, o);
		for (int j = 0; j < 2; j++) {
			json_object_object_add(o, direction_names[j],
					       direction_json(&l->direction[j],
							      &l->device[j],
							      &l->device[!j]));
		}
	}
	text = strdup(
		json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN));
	json_object_put(all);
	return text;
}
