/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/masque/h3_request.h"

#include <string.h>

#define PATH_PREFIX "/.well-known/masque/ip/"

void mpq_h3_request_init(struct mpq_h3_request_fields *f)
{
	memset(f, 0, sizeof(*f));
}

/* The first fault counts: what follows may be its consequence. */
static void fault(struct mpq_h3_request_fields *f, unsigned status,
		  const char *sentence)
{
	if (f->status == 0) {
		f->status = status;
		f->sentence = sentence;
	}
}

bool mpq_h3_request_tunnel_valid(const char *name, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";

	if (len == 0 || len >= sizeof((struct mpq_h3_request){0}.tunnel)) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (memchr(allowed, name[i], sizeof(allowed) - 1) == NULL) {
			return false;
		}
	}
	return true;
}

static void keep_tunnel(struct mpq_h3_request_fields *f, const char *value,
			size_t len)
{
	if (f->request.tunnel[0] != '\0') {
		fault(f, 400, "the header mpquic-tunnel is there twice");
		return;
	}
	if (!mpq_h3_request_tunnel_valid(value, len)) {
		fault(f, 400,
		      "the header mpquic-tunnel is not 1 to 32 letters, "
		      "digits or _.-");
		return;
	}
	memcpy(f->request.tunnel, value, len);
}

struct slot {
	const char *name;
	char *value;
	size_t size;
	unsigned status; /* when the value is too long for us */
	const char *sentence;
};

static bool matches(const char *name, const char *given, size_t given_len)
{
	return strlen(name) == given_len && memcmp(name, given, given_len) == 0;
}

static bool keep(struct mpq_h3_request_fields *f, const struct slot *slot,
		 const char *name, size_t name_len, const char *value,
		 size_t value_len)
{
	if (!matches(slot->name, name, name_len)) {
		return false;
	}
	if (value_len >= slot->size) {
		fault(f, slot->status, slot->sentence);
		return true;
	}
	memcpy(slot->value, value, value_len);
	slot->value[value_len] = '\0';
	return true;
}

/* RFC 9297 §3.2: the Capsule Protocol goes with none of these. */
static bool forbidden(const char *name, size_t len)
{
	return matches("content-length", name, len) ||
	       matches("content-type", name, len) ||
	       matches("transfer-encoding", name, len);
}

void mpq_h3_request_field(struct mpq_h3_request_fields *f, const char *name,
			  size_t name_len, const char *value, size_t value_len)
{
	const struct slot slots[] = {
		{":method", f->method, sizeof(f->method), 501,
		 "the method is not CONNECT"},
		{":protocol", f->protocol, sizeof(f->protocol), 501,
		 "the protocol is not connect-ip"},
		{":scheme", f->scheme, sizeof(f->scheme), 400,
		 "the scheme is not https"},
		{":authority", f->request.authority,
		 sizeof(f->request.authority), 400,
		 "the authority is too long"},
		{":path", f->request.path, sizeof(f->request.path), 404,
		 "the path is too long"},
	};

	if (++f->n_fields > MPQ_H3_REQUEST_FIELDS) {
		fault(f, 431, "there are too many header fields");
		return;
	}
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		if (keep(f, &slots[i], name, name_len, value, value_len)) {
			return;
		}
	}
	if (matches("mpquic-tunnel", name, name_len)) {
		keep_tunnel(f, value, value_len);
	} else if (forbidden(name, name_len)) {
		fault(f, 400,
		      "capsules do not go with a content-length, content-type "
		      "or transfer-encoding");
	}
}

/* The wildcard as a variable's value: plain, as RFC 9484 §4.6's examples have
 * it, or percent-encoded, as RFC 6570 §3.2.2 expands it. */
static bool take_wildcard(const char **at)
{
	if (**at == '*') {
		*at += 1;
	} else if (strncasecmp(*at, "%2a", 3) == 0) {
		*at += 3;
	} else {
		return false;
	}
	if (**at != '/') {
		return false;
	}
	*at += 1;
	return true;
}

static void check_path(struct mpq_h3_request_fields *f)
{
	const char *at = f->request.path + strlen(PATH_PREFIX);

	if (strncmp(f->request.path, PATH_PREFIX, strlen(PATH_PREFIX)) != 0) {
		fault(f, 404, "the path is not " MPQ_H3_REQUEST_PATH);
		return;
	}
	/* RFC 9484 §4.6: a scope may be refused. */
	if (!take_wildcard(&at)) {
		fault(f, 400, "no target but * is served");
	} else if (!take_wildcard(&at)) {
		fault(f, 400, "no protocol but * is served");
	} else if (*at != '\0') {
		fault(f, 404, "the path goes on after " MPQ_H3_REQUEST_PATH);
	}
}

unsigned mpq_h3_request_check(struct mpq_h3_request_fields *f,
			      const char **ret_sentence)
{
	/* RFC 9484 §4.4, RFC 9220 §3 */
	if (strcmp(f->method, "CONNECT") != 0) {
		fault(f, 501, "the method is not CONNECT");
	}
	if (strcmp(f->protocol, "connect-ip") != 0) {
		fault(f, 501, "the protocol is not connect-ip");
	}
	if (strcasecmp(f->scheme, "https") != 0) {
		fault(f, 400, "the scheme is not https");
	}
	if (f->request.authority[0] == '\0') {
		fault(f, 400, "there is no authority");
	}
	check_path(f);
	*ret_sentence = f->sentence;
	return f->status;
}
