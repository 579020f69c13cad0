/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why something that an operator asked for was refused, in the form in which he
 * reads it: where, what is wrong, what would be allowed, what to do next. The
 * one shape that every check of the control plane fills.
 */
#ifndef MPQ_CONTROLPLANE_REFUSAL_H
#define MPQ_CONTROLPLANE_REFUSAL_H

struct mpq_refusal {
	char path[512];    /* /mpquic:mpquic/path[name='wan1']/wan, or "" */
	char message[512]; /* one sentence */
	char allowed[512]; /* "1..65535", "edge, concentrator", or "" */
	char next[256];    /* what to do, or "" */
};

/* Fills path (printf-like `message`), clears the rest. Returns -EINVAL, so that
 * a check can end with `return mpq_refusal_set(...)`. */
int mpq_refusal_set(struct mpq_refusal *r, const char *path,
		    const char *message, ...)
	__attribute__((format(printf, 3, 4)));

/* The path of `node` ("": of the entry itself) of an entry of a list:
 * /mpquic:mpquic/path[name='wan1']/wan. Returns text. */
#define MPQ_REFUSAL_PATH_BYTES 256
const char *mpq_refusal_path(char text[MPQ_REFUSAL_PATH_BYTES],
			     const char *list, const char *name,
			     const char *node);

/* Adds what is allowed; after mpq_refusal_set(). Returns -EINVAL too. */
int mpq_refusal_allow(struct mpq_refusal *r, const char *allowed, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds one more to a list of what is allowed: "edge, concentrator". */
void mpq_refusal_also(struct mpq_refusal *r, const char *allowed, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds what to do next; after mpq_refusal_set(). Returns -EINVAL too. */
int mpq_refusal_next(struct mpq_refusal *r, const char *next, ...)
	__attribute__((format(printf, 2, 3)));

/* All of it as a few lines of text for a terminal or the log; in `text`. */
const char *mpq_refusal_format(const struct mpq_refusal *r, char *text,
			       unsigned long cap);

#endif
