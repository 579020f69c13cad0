/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main of a fuzz target where there is no fuzzer: runs it once on every
 * file that is named, or that is in a folder that is named. 0: the target went
 * through all of them, and there was at least one in each place.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX_BYTES (1 << 20)

/* A buffer of exactly the file's length, so that AddressSanitizer sees a read
 * past its end. */
static int run_file(const char *path)
{
	static uint8_t buffer[INPUT_MAX_BYTES];
	FILE *file = fopen(path, "rb");
	uint8_t *data;
	size_t size;

	if (file == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -errno;
	}
	size = fread(buffer, 1, sizeof(buffer), file);
	(void)fclose(file);
	data = malloc(size == 0 ? 1 : size);
	if (data == NULL) {
		return -ENOMEM;
	}
	memcpy(data, buffer, size);
	/* Said before it runs: a crash leaves the name of its cause. */
	printf("%s: %zu bytes\n", path, size);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int run_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_visible, alphasort);
	int r = n > 0 ? 0 : -ENOENT;

	for (int i = 0; i < n; i++) {
		char *name;

		if (r == 0 &&
		    asprintf(&name, "%s/%s", path, entries[i]->d_name) > 0) {
			r = run_file(name);
			free(name);
		}
		free(entries[i]);
	}
	if (n >= 0) {
		free(entries);
	}
	if (n <= 0) {
		fprintf(stderr, "%s: no input\n", path);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct stat status;
	int r = argc > 1 ? 0 : -EINVAL;

	if (argc < 2) {
		fprintf(stderr, "Usage: %s FILE|FOLDER ...\n", argv[0]);
	}
	for (int i = 1; i < argc && r == 0; i++) {
		if (stat(argv[i], &status) != 0) {
			fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
			r = -errno;
		} else if (S_ISDIR(status.st_mode)) {
			r = run_folder(argv[i]);
		} else {
			r = run_file(argv[i]);
		}
	}
	return r == 0 ? 0 : 1;
}
