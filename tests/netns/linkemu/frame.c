/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/netns/linkemu/frame.h"

#include <stdlib.h>

#define BLOCK_FRAMES 256

struct emu_block {
	struct emu_block *next;
	struct emu_frame frames[BLOCK_FRAMES];
};

void emu_pool_init(struct emu_pool *p, size_t cap_frames)
{
	*p = (struct emu_pool){.cap = cap_frames};
}

void emu_pool_finish(struct emu_pool *p)
{
	struct emu_block *block;

	while ((block = p->blocks)) {
		p->blocks = block->next;
		free(block);
	}
	p->free = NULL;
}

static void grow(struct emu_pool *p)
{
	struct emu_block *block;

	if (p->made >= p->cap) {
		return;
	}
	block = malloc(sizeof(*block));
	if (!block) {
		return;
	}
	block->next = p->blocks;
	p->blocks = block;
	p->made += BLOCK_FRAMES;
	for (int i = 0; i < BLOCK_FRAMES; i++) {
		emu_pool_put(p, &block->frames[i]);
	}
}

struct emu_frame *emu_pool_get(struct emu_pool *p)
{
	struct emu_frame *f;

	if (!p->free) {
		grow(p);
	}
	f = p->free;
	if (f) {
		p->free = f->next;
		f->next = NULL;
	}
	return f;
}

void emu_pool_put(struct emu_pool *p, struct emu_frame *f)
{
	f->next = p->free;
	p->free = f;
}
