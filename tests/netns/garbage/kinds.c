/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/netns/garbage/kinds.h"

#include "tests/netns/garbage/initial.h"

#include <string.h>

#define INITIAL_MIN_BYTES 1200 /* RFC 9000 §14.1 */
#define FULL_BYTES        1280

static size_t below(struct emu_random *r, size_t n)
{
	return (size_t)(emu_random_unit(r) * (double)n);
}

static void fill(struct emu_random *r, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		to[i] = (uint8_t)below(r, 256);
	}
}

static size_t nothing(struct emu_random *r, uint8_t *to)
{
	(void)r;
	(void)to;
	return 0;
}

static size_t noise(struct emu_random *r, uint8_t *to)
{
	size_t n = below(r, GARBAGE_MAX_BYTES + 1);

	fill(r, to, n);
	return n;
}

/* RFC 9000 §10.3: too small to be anything. */
static size_t crumb(struct emu_random *r, uint8_t *to)
{
	size_t n = 1 + below(r, 20);

	fill(r, to, n);
	to[0] = (uint8_t)(0x40 | below(r, 0xc0));
	return n;
}

static size_t short_header(struct emu_random *r, uint8_t *to)
{
	size_t n = 21 + below(r, 1400);

	fill(r, to, n);
	to[0] = (uint8_t)(0x40 | below(r, 0x40));
	return n;
}

/* A long header of `type` (bits 4-5) with consistent connection IDs, the rest
 * noise. The size of the header. */
static size_t long_header(struct emu_random *r, uint8_t *to, uint8_t type,
			  uint32_t version)
{
	fill(r, to, FULL_BYTES);
	to[0] = (uint8_t)(0xc0 | type << 4 | below(r, 16));
	to[1] = (uint8_t)(version >> 24);
	to[2] = (uint8_t)(version >> 16);
	to[3] = (uint8_t)(version >> 8);
	to[4] = (uint8_t)version;
	to[5] = 8;
	to[14] = 8;
	return 23;
}

static size_t unknown_version(struct emu_random *r, uint8_t *to)
{
	(void)long_header(r, to, 0, 0x1a2a3a4a);
	return FULL_BYTES;
}

static size_t unknown_version_small(struct emu_random *r, uint8_t *to)
{
	(void)long_header(r, to, 0, 0x1a2a3a4a);
	return 40 + below(r, 1000);
}

static size_t version_negotiation(struct emu_random *r, uint8_t *to)
{
	size_t n = long_header(r, to, 0, 0);

	return n + 4 * below(r, 40);
}

static size_t initial_of_noise(struct emu_random *r, uint8_t *to)
{
	size_t n = long_header(r, to, 0, 1), length;

	to[n] = 0; /* no token */
	length = FULL_BYTES - n - 3;
	to[n + 1] = (uint8_t)(0x40 | length >> 8);
	to[n + 2] = (uint8_t)length;
	return FULL_BYTES;
}

static size_t initial_with_token(struct emu_random *r, uint8_t *to)
{
	size_t n = long_header(r, to, 0, 1);

	to[n] = (uint8_t)below(r, 64); /* a token of noise */
	return FULL_BYTES;
}

static size_t initial_too_small(struct emu_random *r, uint8_t *to)
{
	(void)initial_of_noise(r, to);
	return 30 + below(r, INITIAL_MIN_BYTES - 30);
}

static size_t initial_cut_short(struct emu_random *r, uint8_t *to)
{
	size_t n = long_header(r, to, 0, 1);

	to[n] = 0;
	to[n + 1] = 0x7f; /* a length far beyond the datagram */
	to[n + 2] = 0xff;
	return FULL_BYTES;
}

static size_t connection_id_too_long(struct emu_random *r, uint8_t *to)
{
	(void)long_header(r, to, 0, 1);
	to[5] = (uint8_t)(21 + below(r, 235));
	return FULL_BYTES;
}

static size_t zero_rtt(struct emu_random *r, uint8_t *to)
{
	(void)long_header(r, to, 1, 1);
	return FULL_BYTES;
}

static size_t handshake(struct emu_random *r, uint8_t *to)
{
	(void)long_header(r, to, 2, 1);
	return 30 + below(r, 1200);
}

static size_t retry(struct emu_random *r, uint8_t *to)
{
	(void)long_header(r, to, 3, 1);
	return 60 + below(r, 200);
}

/* A well-protected Initial around n bytes of frames. */
static size_t protect(struct emu_random *r, uint8_t *to, const uint8_t *frames,
		      size_t n)
{
	uint8_t dcid[20];
	struct garbage_initial p = {
		.dcid = dcid,
		.dcid_bytes = 8 + below(r, 13),
		.number = (uint16_t)below(r, 65536),
		.frames = frames,
		.frames_bytes = n,
	};

	fill(r, dcid, sizeof(dcid));
	return garbage_initial_write(&p, to, GARBAGE_MAX_BYTES);
}

static size_t frames_of_noise(struct emu_random *r, uint8_t *to)
{
	uint8_t frames[FULL_BYTES];

	fill(r, frames, sizeof(frames));
	return protect(r, to, frames, sizeof(frames));
}

/* PADDING after `head`. */
static size_t padded(struct emu_random *r, uint8_t *to, const void *head,
		     size_t n)
{
	uint8_t frames[FULL_BYTES] = {0};

	memcpy(frames, head, n);
	return protect(r, to, frames, sizeof(frames));
}

static size_t only_padding(struct emu_random *r, uint8_t *to)
{
	return padded(r, to, "", 0);
}

static size_t no_frames(struct emu_random *r, uint8_t *to)
{
	return protect(r, to, (const uint8_t *)"", 0);
}

/* CRYPTO at offset 0: what should be a ClientHello is noise. */
static size_t hello_of_noise(struct emu_random *r, uint8_t *to)
{
	uint8_t frames[FULL_BYTES];

	fill(r, frames, sizeof(frames));
	memcpy(frames, "\x06\x00\x44\xf0", 4); /* 1264 bytes */
	if (below(r, 2)) {
		frames[4] = 1; /* client_hello, of a plausible length */
		frames[5] = 0;
		frames[6] = 4;
	}
	return protect(r, to, frames, 4 + 1264);
}

static size_t crypto_far_away(struct emu_random *r, uint8_t *to)
{
	return padded(r, to, "\x06\xbf\xff\xff\xff\x04noop", 10);
}

static size_t crypto_of_wrong_length(struct emu_random *r, uint8_t *to)
{
	return padded(r, to, "\x06\x00\x7f\xff", 4);
}

static size_t ack_of_nothing(struct emu_random *r, uint8_t *to)
{
	return padded(r, to, "\x02\x80\x01\x00\x00\x00\x00\x80\x00\x10\x00",
		      11);
}

static size_t close_at_once(struct emu_random *r, uint8_t *to)
{
	return padded(r, to, "\x1c\x01\x00\x00", 4);
}

/* STREAM, DATAGRAM, MAX_DATA, HANDSHAKE_DONE have no place in an Initial. */
static size_t forbidden_frame(struct emu_random *r, uint8_t *to)
{
	static const char *const frames[] = {"\x0a\x00\x01x", "\x31\x02hi",
					     "\x10\x40\xff", "\x1e"};
	const char *one = frames[below(r, 4)];

	return padded(r, to, one, strlen(one));
}

static const struct {
	const char *name;
	size_t (*write)(struct emu_random *r, uint8_t *to);
} kinds[] = {
	{"nothing", nothing},
	{"noise", noise},
	{"crumb", crumb},
	{"short-header", short_header},
	{"unknown-version", unknown_version},
	{"unknown-version-small", unknown_version_small},
	{"version-negotiation", version_negotiation},
	{"initial-of-noise", initial_of_noise},
	{"initial-with-token", initial_with_token},
	{"initial-too-small", initial_too_small},
	{"initial-cut-short", initial_cut_short},
	{"connection-id-too-long", connection_id_too_long},
	{"zero-rtt", zero_rtt},
	{"handshake", handshake},
	{"retry", retry},
	{"frames-of-noise", frames_of_noise},
	{"only-padding", only_padding},
	{"no-frames", no_frames},
	{"hello-of-noise", hello_of_noise},
	{"crypto-far-away", crypto_far_away},
	{"crypto-of-wrong-length", crypto_of_wrong_length},
	{"ack-of-nothing", ack_of_nothing},
	{"close-at-once", close_at_once},
	{"forbidden-frame", forbidden_frame},
};

size_t garbage_kinds(void)
{
	return sizeof(kinds) / sizeof(*kinds);
}

const char *garbage_kind_name(size_t kind)
{
	return kinds[kind].name;
}

size_t garbage_kind_write(size_t kind, struct emu_random *r,
			  uint8_t to[GARBAGE_MAX_BYTES])
{
	return kinds[kind].write(r, to);
}
