/* SPDX-License-Identifier: Apache-2.0 */
/* Packets, for those who have no site, too. */
#include "tests/unit/dataplane/site.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

void site_udp(uint8_t *packet, size_t len, const char *from, const char *to)
{
	uint32_t sum = 0;

	memset(packet, 0, len);
	packet[0] = 0x45;
	packet[2] = (uint8_t)(len >> 8);
	packet[3] = (uint8_t)len;
	packet[8] = 64;
	packet[9] = IPPROTO_UDP;
	assert_int_equal(inet_pton(AF_INET, from, packet + 12), 1);
	assert_int_equal(inet_pton(AF_INET, to, packet + 16), 1);
	for (int i = 0; i < 20; i += 2) {
		sum += (uint32_t)packet[i] << 8 | packet[i + 1];
	}
	sum = (sum & 0xffff) + (sum >> 16);
	packet[10] = (uint8_t)(~sum >> 8);
	packet[11] = (uint8_t)~sum;
	packet[21] = 7;
	packet[23] = 7;
	packet[24] = (uint8_t)((len - 20) >> 8);
	packet[25] = (uint8_t)(len - 20);
}
