/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to mpquic-control: calls and their replies. Says on standard
 * error what went wrong, once, and returns mpqctl's exit status for it.
 */
#ifndef MPQ_MPQCTL_CLIENT_H
#define MPQ_MPQCTL_CLIENT_H

#include <json-c/json.h>

#include "controlplane/mpqctl/verb.h"

struct mpq_client;

/* 0, or -errno without a word. */
int mpq_client_connect(const char *socket, struct mpq_client **ret);
/* The same with a word. */
enum mpq_exit mpq_client_open(const struct mpq_call *call,
			      struct mpq_client **ret);
void mpq_client_close(struct mpq_client *c); /* NULL allowed */

/* `method` without the prefix: "Status". Takes parameters (NULL: none).
 * *ret_reply: the reply's parameters, the caller's; may be NULL. With
 * call->json an error is printed as JSON on standard output, too. */
enum mpq_exit mpq_client_call(struct mpq_client *c, const struct mpq_call *call,
			      const char *method,
			      struct json_object *parameters,
			      struct json_object **ret_reply);

/* Open, call, close. */
enum mpq_exit mpq_client_once(const struct mpq_call *call, const char *method,
			      struct json_object *parameters,
			      struct json_object **ret_reply);

/* A call with "more": its replies come by mpq_client_next. 0 or -errno. */
int mpq_client_subscribe(struct mpq_client *c, const char *method,
			 struct json_object *parameters);
int mpq_client_fd(const struct mpq_client *c);

/* Waits at most timeout_ms (-1: for ever) for the next reply. 1: *ret_reply is
 * the whole reply, the caller's; 0: none yet; -errno: the connection is lost.
 */
int mpq_client_next(struct mpq_client *c, int timeout_ms,
		    struct json_object **ret_reply);

/* Tells why mpquic-control cannot be reached and what to do about it. */
enum mpq_exit mpq_client_complain(const char *socket, int error);

#endif
