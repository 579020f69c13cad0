/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: stderr, one line an entry, "<N>" priorities (sd-daemon(3)) when the
 * journal reads it, the level's word when a person does. Only composing code
 * logs, and state transitions only; the packet path counts.
 *
 *   mpq_log_warn("path=%s: no answer for %u ms, dialling again", name, ms);
 */
#ifndef MPQ_COMMON_LOG_H
#define MPQ_COMMON_LOG_H

enum mpq_log_level { /* syslog's numbers */
	MPQ_LOG_ERROR = 3,
	MPQ_LOG_WARN = 4,
	MPQ_LOG_NOTICE = 5,
	MPQ_LOG_INFO = 6,
	MPQ_LOG_DEBUG = 7,
};

void mpq_log_set_level(enum mpq_log_level max); /* MPQ_LOG_INFO at first */
void mpq_log_write(enum mpq_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define mpq_log_error(...)  mpq_log_write(MPQ_LOG_ERROR, __VA_ARGS__)
#define mpq_log_warn(...)   mpq_log_write(MPQ_LOG_WARN, __VA_ARGS__)
#define mpq_log_notice(...) mpq_log_write(MPQ_LOG_NOTICE, __VA_ARGS__)
#define mpq_log_info(...)   mpq_log_write(MPQ_LOG_INFO, __VA_ARGS__)
#define mpq_log_debug(...)  mpq_log_write(MPQ_LOG_DEBUG, __VA_ARGS__)

#endif
