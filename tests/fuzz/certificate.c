/* SPDX-License-Identifier: Apache-2.0 */
/* Input: the certificates that a peer sends, each behind two bytes of length.
 * The one authority is fixed (its key was thrown away). */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "common/certificate.h"

#define NOW ((time_t)1800000000)

static const char authority[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBjTCCATOgAwIBAgIIDTx2ro/XWdAwCgYIKoZIzj0EAwIwGTEXMBUGA1UEAxMO\n"
	"ZnV6eiBhdXRob3JpdHkwIBcNMjAwMTAxMDAwMDAwWhgPMjA5OTAxMDEwMDAwMDBa\n"
	"MBkxFzAVBgNVBAMTDmZ1enogYXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0D\n"
	"AQcDQgAE90v28SSV3qvdllTIJ1yTcig0qrLDYApnsfhUedno9srLi+b0loWgtu75\n"
	"lfjoJ0Aufml2u+Fo3nVlKDc9fpK8bKNjMGEwDwYDVR0TAQH/BAUwAwEB/zAOBgNV\n"
	"HQ8BAf8EBAMCAgQwHQYDVR0OBBYEFIsl1UtK8FpbtJF0Y+Wk5Q055/NBMB8GA1Ud\n"
	"IwQYMBaAFIsl1UtK8FpbtJF0Y+Wk5Q055/NBMAoGCCqGSM49BAMCA0gAMEUCIQDh\n"
	"JefVXFfATwu9MhAuDlPaXb8HNi5uYPePAtgG0x5tFwIgVM1NvxU4XhvSPbwNOMDi\n"
	"Map0gRpWnJk5Qf9W7kFWX44=\n"
	"-----END CERTIFICATE-----\n";

static struct mpq_certificate_trust *trust(const char *pem, uint8_t (*pin)[32])
{
	struct mpq_certificate_trust *t = NULL;
	char reason[MPQ_CERTIFICATE_REASON_BYTES];

	FUZZ_HOLDS(mpq_certificate_trust_new(&t, pem, NULL,
					     (const uint8_t(*)[32])pin,
					     pin != NULL, MPQ_CERTIFICATE_HIGH,
					     reason) == 0);
	return t;
}

static size_t split(const uint8_t *data, size_t size,
		    struct mpq_certificate_der *der, size_t most)
{
	size_t n = 0;

	while (size >= 2 && n < most) {
		size_t len = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		len = len < size ? len : size;
		der[n++] = (struct mpq_certificate_der){data, len};
		data += len;
		size -= len;
	}
	return n;
}

static void check_text(const char *text, size_t size)
{
	FUZZ_HOLDS(memchr(text, '\0', size) != NULL);
	for (; *text != '\0'; text++) {
		FUZZ_HOLDS(*text >= ' ' && *text <= '~');
	}
}

static enum mpq_certificate_result check(const struct mpq_certificate_trust *t,
					 const struct mpq_certificate_der *der,
					 size_t n, const char *host,
					 struct mpq_certificate_identity *id)
{
	char reason[MPQ_CERTIFICATE_REASON_BYTES];
	enum mpq_certificate_result r =
		mpq_certificate_check(t, der, n, MPQ_CERTIFICATE_SERVER, host,
				      NOW, id, reason);

	check_text(reason, sizeof(reason));
	FUZZ_HOLDS((r == MPQ_CERTIFICATE_OK) == (reason[0] == '\0'));
	if (r != MPQ_CERTIFICATE_UNREADABLE) {
		check_text(id->subject, sizeof(id->subject));
		FUZZ_HOLDS(id->names <= MPQ_CERTIFICATE_NAMES);
		for (size_t i = 0; i < id->names; i++) {
			check_text(id->name[i], sizeof(id->name[i]));
			FUZZ_HOLDS(mpq_certificate_has_name(id, id->name[i]));
		}
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mpq_certificate_der der[10];
	struct mpq_certificate_identity id = {0};
	struct mpq_certificate_trust *t = trust(authority, NULL);
	size_t n = split(data, size, der, 10);
	enum mpq_certificate_result r = check(t, der, n, "a.example", &id);

	mpq_certificate_trust_free(t);
	if (r != MPQ_CERTIFICATE_UNREADABLE) {
		t = trust(NULL, &id.spki_sha256); /* its own pin: further on */
		r = check(t, der, n, "a.example", &id);
		FUZZ_HOLDS(r != MPQ_CERTIFICATE_NOT_PINNED);
		FUZZ_HOLDS(r != MPQ_CERTIFICATE_OK || id.not_after >= NOW);
		mpq_certificate_trust_free(t);
	}
	return 0;
}
