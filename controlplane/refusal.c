/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int mpq_refusal_set(struct mpq_refusal *r, const char *path,
		    const char *message, ...)
{
	va_list ap;

	*r = (struct mpq_refusal){0};
	(void)snprintf(r->path, sizeof(r->path), "%s", path);
	va_start(ap, message);
	(void)vsnprintf(r->message, sizeof(r->message), message, ap);
	va_end(ap);
	return -EINVAL;
}

int mpq_refusal_allow(struct mpq_refusal *r, const char *allowed, ...)
{
	va_list ap;

	va_start(ap, allowed);
	(void)vsnprintf(r->allowed, sizeof(r->allowed), allowed, ap);
	va_end(ap);
	return -EINVAL;
}

void mpq_refusal_also(struct mpq_refusal *r, const char *allowed, ...)
{
	size_t len = strlen(r->allowed), cap = sizeof(r->allowed);
	va_list ap;

	if (len > 0 && len + 2 < cap) {
		(void)snprintf(r->allowed + len, cap - len, ", ");
		len += 2;
	}
	va_start(ap, allowed);
	(void)vsnprintf(r->allowed + len, cap - len, allowed, ap);
	va_end(ap);
}

int mpq_refusal_next(struct mpq_refusal *r, const char *next, ...)
{
	va_list ap;

	va_start(ap, next);
	(void)vsnprintf(r->next, sizeof(r->next), next, ap);
	va_end(ap);
	return -EINVAL;
}

const char *mpq_refusal_format(const struct mpq_refusal *r, char *text,
			       unsigned long cap)
{
	(void)snprintf(text, cap, "%s%s%s%s%s%s%s", r->path[0] ? r->path : "",
		       r->path[0] ? ": " : "", r->message,
		       r->allowed[0] ? "\n  allowed: " : "", r->allowed,
		       r->next[0] ? "\n  next: " : "", r->next);
	return text;
}

const char *mpq_refusal_path(char text[MPQ_REFUSAL_PATH_BYTES],
			     const char *list, const char *name,
			     const char *node)
{
	(void)snprintf(text, MPQ_REFUSAL_PATH_BYTES,
		       "/mpquic:mpquic/%s[name='%s']%s%s", list, name,
		       node[0] ? "/" : "", node);
	return text;
}
