/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/netns/linkemu/random.h"

static uint64_t rotate(uint64_t x, int n)
{
	return (x << n) | (x >> (64 - n));
}

static uint64_t next(struct emu_random *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

/* splitmix64, as xoshiro's authors advise: a seed of 0 is fine too. */
void emu_random_init(struct emu_random *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15;

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
		z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
		r->s[i] = z ^ (z >> 31);
	}
}

double emu_random_unit(struct emu_random *r)
{
	return (double)(next(r) >> 11) * 0x1p-53;
}

bool emu_random_chance(struct emu_random *r, double p)
{
	return p > 0 && emu_random_unit(r) < p;
}
