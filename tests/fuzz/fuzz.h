/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fuzz target defines, and how it says that something is wrong. Under
 * libFuzzer (-Dfuzz=true) the fuzzer calls it; in the default build replay.c
 * calls it with each file of the corpus.
 */
#ifndef MPQ_TESTS_FUZZ_H
#define MPQ_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Returns 0; whatever is wrong ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As assert(), but part of the test: never compiled away. */
#define FUZZ_HOLDS(condition)                                                  \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: does not hold: %s\n",          \
				__FILE__, __LINE__, #condition);               \
			abort();                                               \
		}                                                              \
	} while (0)

#endif
