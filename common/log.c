/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES 1024

/* The one setting of the process's one log. */
static enum mpq_log_level max_level = MPQ_LOG_INFO;

void mpq_log_set_level(enum mpq_log_level max)
{
	max_level = max;
}

/* systemd.exec(5): $JOURNAL_STREAM names the device and inode of the stream
 * that it gave us; stderr may have been redirected since. */
static bool journal_reads_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream != NULL && fstat(STDERR_FILENO, &st) == 0 &&
	       sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       st.st_dev == device && st.st_ino == inode;
}

static const char *level_word(enum mpq_log_level level)
{
	switch (level) {
	case MPQ_LOG_ERROR:
		return "error";
	case MPQ_LOG_WARN:
		return "warning";
	case MPQ_LOG_NOTICE:
		return "notice";
	case MPQ_LOG_INFO:
		return "info";
	case MPQ_LOG_DEBUG:
		return "debug";
	}
	return "log";
}

/* A peer's or an operator's text may hold line ends: one entry stays one line,
 * and nobody forges a second one. */
static void blunt_controls(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f) {
			*text = '?';
		}
	}
}

void mpq_log_write(enum mpq_log_level level, const char *format, ...)
{
	char message[LINE_BYTES], line[LINE_BYTES + 32];
	va_list ap;
	int n;

	if (level > max_level) {
		return;
	}
	va_start(ap, format);
	(void)vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	blunt_controls(message);
	if (journal_reads_stderr()) {
		n = snprintf(line, sizeof(line), "<%d>%s\n", (int)level,
			     message);
	} else {
		n = snprintf(line, sizeof(line), "%s: %s\n", level_word(level),
			     message);
	}
	/* One write a line: two processes' lines do not mix in one file. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0) {
		return; /* nobody to tell */
	}
}
