/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a connection ended: from the library's and the peer's codes to one
 * sentence for people and one layer for the state machine.
 */
#include "dataplane/quic/connection.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *alert_name(uint8_t alert)
{
	switch (alert) {
	case GNUTLS_A_HANDSHAKE_FAILURE:
		return "handshake failure";
	case GNUTLS_A_BAD_CERTIFICATE:
		return "bad certificate";
	case GNUTLS_A_UNSUPPORTED_CERTIFICATE:
		return "unsupported certificate";
	case GNUTLS_A_CERTIFICATE_REVOKED:
		return "certificate revoked";
	case GNUTLS_A_CERTIFICATE_EXPIRED:
		return "certificate expired or not yet valid";
	case GNUTLS_A_CERTIFICATE_UNKNOWN:
		return "certificate unknown";
	case GNUTLS_A_UNKNOWN_CA:
		return "unknown authority";
	case GNUTLS_A_ACCESS_DENIED:
		return "access denied";
	case GNUTLS_A_PROTOCOL_VERSION:
		return "no common TLS version";
	case GNUTLS_A_NO_APPLICATION_PROTOCOL:
		return "no common application protocol, ours is h3";
	case GNUTLS_A_CERTIFICATE_REQUIRED:
		return "no certificate";
	default:
		break;
	}
	const char *name = gnutls_alert_get_name(alert);

	return name ? name : "unknown";
}

static bool alert_is_about_certificate(uint8_t alert)
{
	return (alert >= GNUTLS_A_BAD_CERTIFICATE &&
		alert <= GNUTLS_A_CERTIFICATE_UNKNOWN) ||
	       alert == GNUTLS_A_UNKNOWN_CA ||
	       alert == GNUTLS_A_ACCESS_DENIED ||
	       alert == GNUTLS_A_CERTIFICATE_REQUIRED;
}

static const char *transport_name(uint64_t code)
{
	static const char *const names[] = {
		/* RFC 9000 §20.1 */
		"no error",
		"internal error",
		"connection refused",
		"flow control error",
		"stream limit error",
		"stream state error",
		"final size error",
		"frame encoding error",
		"transport parameter error",
		"connection ID limit error",
		"protocol violation",
		"invalid address validation token",
		"application error",
		"crypto buffer exceeded",
		"key update error",
		"AEAD limit reached",
		"no viable path",
	};

	return code < sizeof(names) / sizeof(*names) ? names[code]
						     : "unknown error";
}

/* The first reason stays: what follows is its consequence. */
static void say(struct mpq_conn *c, enum mpq_conn_layer layer, bool by_peer,
		uint64_t code, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

static void say(struct mpq_conn *c, enum mpq_conn_layer layer, bool by_peer,
		uint64_t code, const char *format, ...)
{
	va_list args;

	if (c->end.layer != MPQ_CONN_OPEN) {
		return;
	}
	c->end.layer = layer;
	c->end.by_peer = by_peer;
	c->end.code = code;
	va_start(args, format);
	vsnprintf(c->end.reason, sizeof(c->end.reason), format, args);
	va_end(args);
}

/* The peer's own words, fit to be printed. */
static const char *peer_words(const ngtcp2_ccerr *error, char *text,
			      size_t size)
{
	size_t n = error->reasonlen < size - 3 ? error->reasonlen : size - 3;

	if (n == 0) {
		return "";
	}
	text[0] = ':';
	text[1] = ' ';
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = error->reason[i];

		text[2 + i] = byte >= ' ' && byte < 0x7f ? (char)byte : '?';
	}
	text[2 + n] = '\0';
	return text;
}

static void peer_alert(struct mpq_conn *c, uint8_t alert)
{
	const char *what = alert_is_about_certificate(alert)
				   ? "the peer refused our certificate"
				   : "the peer ended the TLS handshake";

	say(c, MPQ_CONN_TLS, true, alert, "%s (TLS alert %u, %s)", what, alert,
	    alert_name(alert));
}

/* CONNECTION_CLOSE came, or the like of it. */
static void peer_closed(struct mpq_conn *c)
{
	const ngtcp2_ccerr *error = ngtcp2_conn_get_ccerr(c->quic);
	uint64_t code = error->error_code;
	char words[128];

	if (c->reset) {
		say(c, MPQ_CONN_RESET, true, 0,
		    "the peer knows this connection no more (stateless "
		    "reset): it was restarted");
	} else if (error->type == NGTCP2_CCERR_TYPE_APPLICATION) {
		say(c, MPQ_CONN_APPLICATION, true, code,
		    "the peer closed the connection (HTTP/3 0x%llx%s)",
		    (unsigned long long)code,
		    peer_words(error, words, sizeof(words)));
	} else if ((code & ~(uint64_t)0xff) == NGTCP2_CRYPTO_ERROR) {
		peer_alert(c, (uint8_t)code);
	} else {
		say(c, MPQ_CONN_TRANSPORT, true, code,
		    "the peer closed the connection (QUIC 0x%llx, %s%s)",
		    (unsigned long long)code, transport_name(code),
		    peer_words(error, words, sizeof(words)));
	}
}

static void close_with_alert(struct mpq_conn *c)
{
	struct mpq_handshake *h = &c->handshake;
	uint8_t alert =
		h->alert ? h->alert : ngtcp2_conn_get_tls_alert(c->quic);

	if (h->alert) {
		say(c, MPQ_CONN_VERIFY, false, alert, "%s", h->refusal);
	} else if (alert_is_about_certificate(alert)) {
		say(c, MPQ_CONN_VERIFY, false, alert,
		    "we refused the peer: %s (TLS alert %u)", alert_name(alert),
		    alert);
	} else {
		say(c, MPQ_CONN_TLS, false, alert,
		    "the TLS handshake failed here (alert %u, %s)", alert,
		    alert_name(alert));
	}
	ngtcp2_ccerr_set_tls_alert(&c->close, alert, NULL, 0);
	c->close_due = true;
}

static void close_with_error(struct mpq_conn *c, int error)
{
	if (c->close_due) {
		return; /* an event has called mpq_conn_close() */
	}
	ngtcp2_ccerr_set_liberr(&c->close, error, NULL, 0);
	say(c, MPQ_CONN_TRANSPORT, false, c->close.error_code,
	    "we closed the connection (QUIC 0x%llx, %s): %s",
	    (unsigned long long)c->close.error_code,
	    transport_name(c->close.error_code), ngtcp2_strerror(error));
	c->close_due = true;
}

int mpq_connection_fail(struct mpq_conn *c, int error)
{
	switch (error) {
	case NGTCP2_ERR_DRAINING:
		peer_closed(c);
		c->close_due = false;
		break;
	case NGTCP2_ERR_IDLE_CLOSE:
		say(c, MPQ_CONN_IDLE, false, 0,
		    "nothing was heard from the peer for the idle time-out");
		break;
	case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
		say(c, MPQ_CONN_IDLE, false, 0,
		    "the handshake was not finished in time");
		break;
	case NGTCP2_ERR_DROP_CONN:
	case NGTCP2_ERR_RETRY:
		say(c, MPQ_CONN_TRANSPORT, false, 0,
		    "the first packet of the connection is of no use");
		break;
	case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
		say(c, MPQ_CONN_TRANSPORT, true, 0,
		    "the peer does not speak QUIC version 1");
		break;
	case NGTCP2_ERR_CLOSING:
		break;
	case NGTCP2_ERR_CRYPTO:
		close_with_alert(c);
		break;
	default:
		close_with_error(c, error);
	}
	return -ECONNRESET;
}

void mpq_conn_close(struct mpq_conn *c, uint64_t application_code,
		    const char *reason)
{
	if (c->end.layer != MPQ_CONN_OPEN) {
		return;
	}
	say(c, MPQ_CONN_LOCAL, false, application_code, "%s", reason);
	ngtcp2_ccerr_set_application_error(&c->close, application_code,
					   (const uint8_t *)c->end.reason,
					   strlen(c->end.reason));
	c->close_due = true;
}

int mpq_conn_verify(struct mpq_conn *c, struct mpq_tls *tls)
{
	if (c->end.layer != MPQ_CONN_OPEN ||
	    mpq_handshake_verify(&c->handshake, tls)) {
		return 0;
	}
	close_with_alert(c);
	return -ECONNRESET;
}

const struct mpq_conn_end *mpq_conn_end(const struct mpq_conn *c)
{
	return &c->end;
}
