/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/channel.h"

#include "common/frame.h"

#include <errno.h>
#include <stdlib.h>

struct mpq_channel {
	struct ev_loop *loop;
	struct mpq_frame *frame;
	ev_io readable, writable;
	bool paused, closing;
	int error; /* why it is closing */
	const struct mpq_channel_events *events;
	void *owner;
};

/* The end comes by the loop, so that nobody is freed under his own feet. */
static void close_with(struct mpq_channel *c, int error)
{
	if (c->closing) {
		return;
	}
	c->closing = true;
	c->error = error;
	ev_feed_event(c->loop, &c->readable, EV_READ);
}

static void watch_writable(struct mpq_channel *c)
{
	if (mpq_frame_wants_write(c->frame)) {
		ev_io_start(c->loop, &c->writable);
	} else {
		ev_io_stop(c->loop, &c->writable);
	}
}

/* One whole message to the owner; false: there is none, or the end. */
static bool deliver(struct mpq_channel *c)
{
	int fds[MPQ_FRAME_MAX_DESCRIPTORS];
	struct json_object *message = NULL;
	size_t n = 0;
	int ret;

	if (c->closing || c->paused) {
		return false;
	}
	ret = mpq_frame_next(c->frame, &message, fds, &n);
	if (ret < 0) {
		close_with(c, ret);
	}
	if (ret <= 0) {
		return false;
	}
	c->events->message(c->owner, message, fds, n);
	json_object_put(message);
	return true;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct mpq_channel *c = w->data;
	int ret;

	(void)loop;
	(void)revents;
	if (!c->closing && !c->paused) {
		ret = mpq_frame_receive(c->frame);
		while (deliver(c)) {
		}
		if (ret) {
			close_with(c, ret);
		}
	}
	if (c->closing) {
		c->events->closed(c->owner, c->error);
	}
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct mpq_channel *c = w->data;
	int ret = mpq_frame_flush(c->frame);

	(void)loop;
	(void)revents;
	if (ret) {
		close_with(c, ret);
	}
	watch_writable(c);
}

struct mpq_channel *mpq_channel_new(struct ev_loop *loop, int fd,
				    const struct mpq_channel_events *events,
				    void *owner)
{
	struct mpq_frame *frame = mpq_frame_new(fd);
	struct mpq_channel *c = frame ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		mpq_frame_free(frame);
		return NULL;
	}
	c->loop = loop;
	c->frame = frame;
	c->events = events;
	c->owner = owner;
	ev_io_init(&c->readable, on_readable, fd, EV_READ);
	ev_io_init(&c->writable, on_writable, fd, EV_WRITE);
	c->readable.data = c;
	c->writable.data = c;
	ev_io_start(loop, &c->readable);
	return c;
}

void mpq_channel_free(struct mpq_channel *c)
{
	if (c) {
		ev_io_stop(c->loop, &c->readable);
		ev_io_stop(c->loop, &c->writable);
		ev_clear_pending(c->loop, &c->readable);
		mpq_frame_free(c->frame);
		free(c);
	}
}

void mpq_channel_send(struct mpq_channel *c, struct json_object *message,
		      const int *fds, size_t n)
{
	int ret = c->closing ? 0 : mpq_frame_send(c->frame, message, fds, n);

	json_object_put(message);
	if (ret) {
		close_with(c, ret);
	}
	watch_writable(c);
}

void mpq_channel_pause(struct mpq_channel *c, bool paused)
{
	c->paused = paused;
	if (paused) {
		ev_io_stop(c->loop, &c->readable);
	} else {
		ev_io_start(c->loop, &c->readable);
		/* Whole messages may be waiting already. */
		ev_feed_event(c->loop, &c->readable, EV_READ);
	}
}

void mpq_channel_close(struct mpq_channel *c)
{
	close_with(c, 0);
}
