/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/netns/garbage/initial.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define SECRET_BYTES 32
#define KEY_BYTES    16
#define IV_BYTES     12
#define TAG_BYTES    16
#define NUMBER_BYTES 2
#define SAMPLE_BYTES 16

struct keys {
	uint8_t key[KEY_BYTES], iv[IV_BYTES], header[KEY_BYTES];
};

static gnutls_datum_t datum(const uint8_t *data, size_t size)
{
	return (gnutls_datum_t){(uint8_t *)(uintptr_t)data, (unsigned)size};
}

/* HKDF-Expand-Label, RFC 8446 §7.1, without context. */
static void expand(const uint8_t secret[SECRET_BYTES], const char *label,
		   uint8_t *to, size_t size)
{
	uint8_t info[64];
	size_t length = strlen(label);
	gnutls_datum_t prk = datum(secret, SECRET_BYTES), about;

	info[0] = 0;
	info[1] = (uint8_t)size;
	info[2] = (uint8_t)(6 + length);
	memcpy(info + 3, "tls13 ", 6);
	memcpy(info + 9, label, length);
	info[9 + length] = 0;
	about = datum(info, 10 + length);
	(void)gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &prk, &about, to, size);
}

/* RFC 9001 §5.2 */
static void derive(const struct garbage_initial *p, struct keys *ret)
{
	static const uint8_t salt[] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34,
				       0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8,
				       0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
	gnutls_datum_t dcid = datum(p->dcid, p->dcid_bytes);
	gnutls_datum_t with = datum(salt, sizeof(salt));
	uint8_t initial[SECRET_BYTES], client[SECRET_BYTES];

	(void)gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &dcid, &with, initial);
	expand(initial, "client in", client, sizeof(client));
	expand(client, "quic key", ret->key, sizeof(ret->key));
	expand(client, "quic iv", ret->iv, sizeof(ret->iv));
	expand(client, "quic hp", ret->header, sizeof(ret->header));
}

/* Up to and with the packet number. */
static size_t write_header(const struct garbage_initial *p, uint8_t *to)
{
	size_t length = NUMBER_BYTES + p->frames_bytes + TAG_BYTES, n = 0;

	to[n++] = 0xc0 | (NUMBER_BYTES - 1);
	memcpy(to + n, "\x00\x00\x00\x01", 4);
	n += 4;
	to[n++] = (uint8_t)p->dcid_bytes;
	memcpy(to + n, p->dcid, p->dcid_bytes);
	n += p->dcid_bytes;
	to[n++] = 8; /* source connection ID: anything */
	memset(to + n, 0x5c, 8);
	n += 8;
	to[n++] = 0; /* no token */
	to[n++] = (uint8_t)(0x40 | length >> 8);
	to[n++] = (uint8_t)length;
	to[n++] = (uint8_t)(p->number >> 8);
	to[n++] = (uint8_t)p->number;
	return n;
}

static void encrypt(const struct garbage_initial *p, struct keys *k,
		    uint8_t *packet, size_t header)
{
	gnutls_datum_t key = datum(k->key, KEY_BYTES);
	gnutls_aead_cipher_hd_t cipher;
	size_t size = p->frames_bytes + TAG_BYTES;

	k->iv[10] ^= (uint8_t)(p->number >> 8);
	k->iv[11] ^= (uint8_t)p->number;
	if (gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_128_GCM, &key)) {
		return;
	}
	(void)gnutls_aead_cipher_encrypt(cipher, k->iv, IV_BYTES, packet,
					 header, TAG_BYTES, p->frames,
					 p->frames_bytes, packet + header,
					 &size);
	gnutls_aead_cipher_deinit(cipher);
}

/* RFC 9001 §5.4.3. One block of CBC with an IV of zeros is ECB's. */
static void mask_header(const struct keys *k, uint8_t *packet, size_t header)
{
	static uint8_t zero[16];
	gnutls_datum_t key = datum(k->header, KEY_BYTES);
	gnutls_datum_t iv = datum(zero, sizeof(zero));
	gnutls_cipher_hd_t cipher;
	uint8_t mask[SAMPLE_BYTES];
	uint8_t *number = packet + header - NUMBER_BYTES;

	if (gnutls_cipher_init(&cipher, GNUTLS_CIPHER_AES_128_CBC, &key, &iv)) {
		return;
	}
	(void)gnutls_cipher_encrypt2(cipher, number + 4, SAMPLE_BYTES, mask,
				     sizeof(mask));
	gnutls_cipher_deinit(cipher);
	packet[0] ^= mask[0] & 0x0f;
	for (int i = 0; i < NUMBER_BYTES; i++) {
		number[i] ^= mask[1 + i];
	}
}

size_t garbage_initial_write(const struct garbage_initial *p, uint8_t *to,
			     size_t room)
{
	struct keys k;
	size_t header;

	if (p->frames_bytes + GARBAGE_INITIAL_OVERHEAD > room ||
	    p->dcid_bytes > 20) {
		return 0;
	}
	derive(p, &k);
	header = write_header(p, to);
	encrypt(p, &k, to, header);
	mask_header(&k, to, header);
	return header + p->frames_bytes + TAG_BYTES;
}
