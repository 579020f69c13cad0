/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/netns/linkemu/device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BUFFER_BYTES (16 << 20)

void emu_device_init(struct emu_device *d, const char *name)
{
	*d = (struct emu_device){.fd = -1};
	(void)snprintf(d->name, sizeof(d->name), "%s", name);
}

void emu_device_finish(struct emu_device *d)
{
	if (d->fd >= 0) {
		(void)close(d->fd);
	}
	d->fd = -1;
	d->index = 0;
}

/* Whatever stands here but the binding is a matter of speed: not checked. */
static void tune(int fd)
{
	int on = 1, bytes = RECEIVE_BUFFER_BYTES;

	(void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
			 sizeof(on));
	(void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
}

static int open_bound(unsigned index)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)index,
	};
	struct packet_mreq all = {
		.mr_ifindex = (int)index,
		.mr_type = PACKET_MR_PROMISC,
	};
	int fd, error;

	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	tune(fd);
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all,
		       sizeof(all)) ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to))) {
		error = -errno;
		(void)close(fd);
		return error;
	}
	return fd;
}

int emu_device_refresh(struct emu_device *d)
{
	unsigned index = if_nametoindex(d->name);
	int fd;

	if (index == d->index) {
		return 0;
	}
	emu_device_finish(d);
	if (!index) {
		return 0;
	}
	fd = open_bound(index);
	if (fd < 0) {
		return fd;
	}
	d->fd = fd;
	d->index = index;
	return 1;
}

/* Frames to receive into; fewer at the pool's cap. */
static int prepare(struct emu_pool *pool, struct emu_frame **frames,
		   struct mmsghdr *messages, struct iovec *parts)
{
	int n;

	memset(messages, 0, EMU_DEVICE_BATCH * sizeof(*messages));
	for (n = 0; n < EMU_DEVICE_BATCH; n++) {
		frames[n] = emu_pool_get(pool);
		if (!frames[n]) {
			break;
		}
		parts[n] = (struct iovec){frames[n]->data, EMU_FRAME_BYTES};
		messages[n].msg_hdr.msg_iov = &parts[n];
		messages[n].msg_hdr.msg_iovlen = 1;
	}
	return n;
}

/* At the pool's cap: makes room in the socket, or we would spin on it. */
static void discard(struct emu_device *d)
{
	while (recv(d->fd, NULL, 0, MSG_DONTWAIT) >= 0) {
		d->missed++;
	}
}

int emu_device_receive(struct emu_device *d, struct emu_pool *pool,
		       struct emu_frame *ret_frames[EMU_DEVICE_BATCH])
{
	struct mmsghdr messages[EMU_DEVICE_BATCH];
	struct iovec parts[EMU_DEVICE_BATCH];
	struct emu_frame *frames[EMU_DEVICE_BATCH];
	int n, got, kept = 0;

	if (d->fd < 0) {
		return 0;
	}
	n = prepare(pool, frames, messages, parts);
	if (!n) {
		discard(d);
		return 0;
	}
	got = recvmmsg(d->fd, messages, (unsigned)n, MSG_DONTWAIT | MSG_TRUNC,
		       NULL);
	for (int i = 0; i < n; i++) {
		if (i < got && messages[i].msg_len <= EMU_FRAME_BYTES) {
			frames[i]->bytes = messages[i].msg_len;
			ret_frames[kept++] = frames[i];
			continue;
		}
		if (i < got) {
			d->oversized++;
		}
		emu_pool_put(pool, frames[i]);
	}
	return kept;
}

void emu_device_send(struct emu_device *d, struct emu_frame *const *frames,
		     int n)
{
	struct mmsghdr messages[EMU_DEVICE_BATCH];
	struct iovec parts[EMU_DEVICE_BATCH];
	int done = 0, sent;

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < n; i++) {
		parts[i] = (struct iovec){frames[i]->data, frames[i]->bytes};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < n) {
		sent = d->fd < 0 ? -1
				 : sendmmsg(d->fd, messages + done,
					    (unsigned)(n - done), 0);
		if (sent <= 0) {
			d->send_failed++;
			sent = 1; /* leave this one, try the next */
		}
		done += sent;
	}
}

void emu_device_count_missed(struct emu_device *d)
{
	struct tpacket_stats stats;
	socklen_t size = sizeof(stats);

	if (d->fd >= 0 &&
	    !getsockopt(d->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size)) {
		d->missed += stats.tp_drops;
	}
}
