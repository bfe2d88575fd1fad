/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pump between a vchan and a socket, with a vchan that is two small buffers and an eventfd: bytes both ways through
 * rings that are full or empty most of the time, the other end gone, the socket gone, an other end that lies.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "mirror/port/vchan.h"

#define RING 100
#define MANY 200000

struct ring {
	char data[RING];
	size_t n;
};

struct libxenvchan {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* for the test's side */
	struct ring in, out;    /* to the pump, from it */
	int event;
	int open, closed, lies;
};

static int min(size_t a, size_t b)
{
	return (int)(a < b ? a : b);
}

static int take(struct ring *r, void *data, size_t n)
{
	int k = min(n, r->n);

	memcpy(data, r->data, (size_t)k);
	r->n -= (size_t)k;
	memmove(r->data, r->data + k, r->n);
	return k;
}

static int give(struct ring *r, const void *data, size_t n)
{
	int k = min(n, RING - r->n);

	memcpy(r->data + r->n, data, (size_t)k);
	r->n += (size_t)k;
	return k;
}

static int lib_read(struct libxenvchan *c, void *data, size_t n)
{
	int k;

	pthread_mutex_lock(&c->lock);
	k = c->lies ? -1 : take(&c->in, data, n);
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return k;
}

static int lib_write(struct libxenvchan *c, const void *data, size_t n)
{
	int k;

	pthread_mutex_lock(&c->lock);
	k = give(&c->out, data, n);
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return k;
}

static int lib_wait(struct libxenvchan *c)
{
	uint64_t v;

	return read(c->event, &v, sizeof(v)) == sizeof(v) ? 0 : -1;
}

static int lib_fd(struct libxenvchan *c)
{
	return c->event;
}

static int lib_open(struct libxenvchan *c)
{
	int r;

	pthread_mutex_lock(&c->lock);
	r = c->open;
	pthread_mutex_unlock(&c->lock);
	return r;
}

static int lib_ready(struct libxenvchan *c)
{
	int r;

	pthread_mutex_lock(&c->lock);
	r = c->lies ? INT_MAX : (int)c->in.n;
	pthread_mutex_unlock(&c->lock);
	return r;
}

static int lib_space(struct libxenvchan *c)
{
	int r;

	pthread_mutex_lock(&c->lock);
	r = (int)(RING - c->out.n);
	pthread_mutex_unlock(&c->lock);
	return r;
}

static void lib_close(struct libxenvchan *c)
{
	c->closed++;
}

static const struct vchan_lib lib = {lib_read, lib_write, lib_wait, lib_fd, lib_open, lib_ready, lib_space, lib_close};

struct rig {
	struct libxenvchan c;
	pthread_t pump;
	int ours, theirs;
};

static void *pump(void *ctx)
{
	struct rig *r = ctx;

	vchan_pump(&lib, &r->c, r->theirs);
	close(r->theirs);
	return NULL;
}

static void begin(struct rig *r)
{
	int s[2];

	memset(r, 0, sizeof(*r));
	pthread_mutex_init(&r->c.lock, NULL);
	pthread_cond_init(&r->c.changed, NULL);
	r->c.event = eventfd(0, EFD_CLOEXEC);
	r->c.open = 1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	r->ours = s[0];
	r->theirs = s[1];
	fcntl(r->theirs, F_SETFL, O_NONBLOCK);
	assert_int_equal(pthread_create(&r->pump, NULL, pump, r), 0);
}

/* It has ended, by itself. */
static void end(struct rig *r)
{
	pthread_join(r->pump, NULL);
	assert_int_equal(r->c.closed, 1);
	close(r->ours);
	close(r->c.event);
}

static void ring_bell(struct rig *r)
{
	uint64_t one = 1;

	assert_int_equal(write(r->c.event, &one, sizeof(one)), sizeof(one));
}

/* The other end's side: all of @n bytes into the vchan, or out of it. */
static void far_put(struct rig *r, const char *data, size_t n)
{
	while (n) {
		int k;

		pthread_mutex_lock(&r->c.lock);
		while (!(k = give(&r->c.in, data, n)))
			pthread_cond_wait(&r->c.changed, &r->c.lock);
		pthread_mutex_unlock(&r->c.lock);
		ring_bell(r);
		data += k;
		n -= (size_t)k;
	}
}

static void far_get(struct rig *r, char *data, size_t n)
{
	while (n) {
		int k;

		pthread_mutex_lock(&r->c.lock);
		while (!(k = take(&r->c.out, data, n)))
			pthread_cond_wait(&r->c.changed, &r->c.lock);
		pthread_mutex_unlock(&r->c.lock);
		ring_bell(r);
		data += k;
		n -= (size_t)k;
	}
}

static void near_get(struct rig *r, char *data, size_t n)
{
	while (n) {
		ssize_t k = recv(r->ours, data, n, 0);

		assert_true(k > 0);
		data += k;
		n -= (size_t)k;
	}
}

static char sent[MANY], got[MANY];

static void *sender(void *ctx)
{
	struct rig *r = ctx;

	for (size_t at = 0; at < MANY; at += 1000)
		assert_int_equal(send(r->ours, sent + at, 1000, MSG_NOSIGNAL), 1000);
	return NULL;
}

static void test_both_ways(void **state)
{
	struct rig r;
	pthread_t t;
	char word[4];

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		sent[i] = (char)(i * 7 + i / 253);
	begin(&r);
	assert_int_equal(pthread_create(&t, NULL, sender, &r), 0);
	far_get(&r, got, MANY);
	pthread_join(t, NULL);
	assert_memory_equal(got, sent, MANY);
	for (size_t at = 0; at < MANY; at += 500) {
		far_put(&r, sent + at, 500);
		near_get(&r, got + at, 500);
	}
	assert_memory_equal(got, sent, MANY);
	/* What was sent before the other end went arrives. */
	far_put(&r, "last", 4);
	pthread_mutex_lock(&r.c.lock);
	r.c.open = 0;
	pthread_mutex_unlock(&r.c.lock);
	ring_bell(&r);
	near_get(&r, word, 4);
	assert_memory_equal(word, "last", 4);
	assert_int_equal(recv(r.ours, word, 1, 0), 0);
	end(&r);
}

static void test_socket_ends(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	shutdown(r.ours, SHUT_RDWR);
	end(&r);
	/* While the ring is full: what was sent before arrives when there is room. */
	begin(&r);
	assert_int_equal(send(r.ours, sent, 1000, MSG_NOSIGNAL), 1000);
	shutdown(r.ours, SHUT_RDWR);
	far_get(&r, got, 1000);
	assert_memory_equal(got, sent, 1000);
	end(&r);
}

/* A ring whose counters make no sense: the library says so, and that is the end. */
static void test_lies(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	pthread_mutex_lock(&r.c.lock);
	r.c.lies = 1;
	pthread_mutex_unlock(&r.c.lock);
	ring_bell(&r);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_socket_ends),
		cmocka_unit_test(test_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
