/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/export.h"

#include "dataplane/quic/connection.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

/* Not before both sides have seen all of the handshake: the exporter's secret
 * is there sooner, but a server's peer is not yet known by then. */
int mpq_export_key(const struct mpq_conn *c, const char *label,
		   const void *context, size_t context_len,
		   uint8_t ret[MPQ_EXPORT_BYTES])
{
	char out[MPQ_EXPORT_BYTES];

	if (!c->established) {
		return -ENOTCONN;
	}
	if (gnutls_prf_rfc5705(c->handshake.session, strlen(label), label,
			       context_len, context, sizeof(out), out) < 0) {
		return -EIO;
	}
	memcpy(ret, out, sizeof(out));
	explicit_bzero(out, sizeof(out));
	return 0;
}

int mpq_export_hmac(const uint8_t key[MPQ_EXPORT_BYTES], const void *data,
		    size_t len, uint8_t ret[MPQ_EXPORT_BYTES])
{
	return gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, MPQ_EXPORT_BYTES, data,
				len, ret) < 0
		       ? -EIO
		       : 0;
}

bool mpq_export_equal(const uint8_t a[MPQ_EXPORT_BYTES],
		      const uint8_t b[MPQ_EXPORT_BYTES])
{
	return gnutls_memcmp(a, b, MPQ_EXPORT_BYTES) == 0;
}

int mpq_export_random(void *ret, size_t len)
{
	return gnutls_rnd(GNUTLS_RND_KEY, ret, len) < 0 ? -EIO : 0;
}
