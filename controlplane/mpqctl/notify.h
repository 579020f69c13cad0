/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd wants to hear of a Type=notify unit: sd_notify(3)'s protocol,
 * a datagram to $NOTIFY_SOCKET. Without that variable nothing is sent.
 */
#ifndef MPQ_MPQCTL_NOTIFY_H
#define MPQ_MPQCTL_NOTIFY_H

/* Lines "READY=1\nSTATUS=up". Best effort: nothing depends on it. */
void mpq_notify_send(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

#endif
