/* SPDX-License-Identifier: BSD-3-Clause */
/* http_test.c - URLs taken apart; requests to a server in this process, which also does what none should. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mirror/http_url.h"
#include "unit/ledger/fixture.h"
#include "unit/mirror/peer.h"

static void test_urls(void **state)
{
	static const struct {
		const char *url;
		enum http_scheme scheme;
		const char *base, *host, *path;
		unsigned cid, port;
		bool near, private;
	} good[] = {
		{"https://log.example", HTTP_TLS, "https://log.example", "log.example", "", 0, 0, false, true},
		{"https://log.example:8443/a/b/", HTTP_TLS, "https://log.example:8443/a/b", "log.example", "", 0, 0, false,
			true},
		{"https://[::1]:1/", HTTP_TLS, "https://[::1]:1", "::1", "", 0, 0, true, true},
		{"http://127.0.0.9:80", HTTP_PLAIN, "http://127.0.0.9:80", "127.0.0.9", "", 0, 0, true, true},
		{"http://localhost", HTTP_PLAIN, "http://localhost", "localhost", "", 0, 0, true, true},
		{"http://10.0.0.1", HTTP_PLAIN, "http://10.0.0.1", "10.0.0.1", "", 0, 0, false, false},
		{"http://127.0.0.1.example", HTTP_PLAIN, "http://127.0.0.1.example", "127.0.0.1.example", "", 0, 0, false,
			false},
		{"vsock://3:9000", HTTP_VSOCK, "https://logvisor-mirror", "", "", 3, 9000, true, true},
		{"vsock://2:4294967294", HTTP_VSOCK, "https://logvisor-mirror", "", "", 2, 4294967294U, true, true},
		{"unix:///run/m.sock", HTTP_UNIX, "http://logvisor-mirror", "", "/run/m.sock", 0, 0, true, true},
	};
	static const char *const bad[] = {"", "log.example", "ftp://x", "https://", "https:///x", "https://u@x", "https://x?q",
		"https://x#f", "https://x y", "https://x\n", "https://:5", "https://x:", "https://x:0", "https://x:65536",
		"https://x:5x", "https://[::1", "https://[::1]x", "https://[]", "vsock://", "vsock://3", "vsock://3:",
		"vsock://0:1", "vsock://4294967295:1", "vsock://3:0", "vsock://x:1", "vsock://3:1/x", "unix://",
		"unix://run/x", "unix:///", "HTTPS://x"};
	struct http_url u;
	char longer[300];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (http_url_parse(good[i].url, &u, &e))
			fail_msg("%s", e.text);
		assert_int_equal(u.scheme, good[i].scheme);
		assert_string_equal(u.base, good[i].base);
		assert_string_equal(u.host, good[i].host);
		assert_string_equal(u.path, good[i].path);
		assert_int_equal(u.cid, good[i].cid);
		assert_int_equal(u.port, good[i].port);
		assert_int_equal(http_is_near(good[i].url), good[i].near);
		assert_int_equal(http_is_private(good[i].url), good[i].private);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!http_url_parse(bad[i], &u, &e))
			fail_msg("taken: '%s'", bad[i]);
	snprintf(longer, sizeof(longer), "unix:///%0200d", 0);
	assert_int_equal(http_check(longer, &e), -EINVAL);
}

/* Says what it was asked. */
static void echo(void *ctx, const struct peer_request *q, struct peer_answer *a)
{
	(void)ctx;
	a->status = 409;
	a->type = "text/x.tlog.size; charset=utf-8";
	a->header = "Retry-After: 7\r\n";
	a->n = (size_t)asprintf(&a->body, "%s %s %s %d %.*s", q->method, q->path, q->type, q->gzip, (int)q->n, q->body);
}

static void ask(struct http *h, const struct http_request *q, const char *body)
{
	struct http_answer a;
	struct err e = {""};

	if (http_send(h, q, &a, &e))
		fail_msg("%s", e.text);
	assert_int_equal(a.status, 409);
	assert_string_equal(a.type, "text/x.tlog.size");
	assert_int_equal(a.retry_after, 7);
	assert_string_equal(a.body, body);
	http_answer_free(&a);
}

static long a_byte(void *ctx, size_t have)
{
	(void)ctx;
	return (long)have + 1;
}

static void talk(const char *dir)
{
	const struct http_request get = {.path = "checkpoint", .max = 1000};
	const struct http_request post = {.path = "add-entries", .type = "application/octet-stream", .body = "body", .n = 4,
		.gzip = true, .max = 1000};
	const struct http_request bits = {.path = "add-entries", .type = "application/octet-stream", .body = "body", .n = 4,
		.max = 1000, .more = a_byte};
	struct peer p = {.answer = echo};
	struct err e = {""};
	struct http *h;

	assert_int_equal(peer_start(&p, dir), 0);
	if (http_open(&h, p.url, NULL, &e))
		fail_msg("%s", e.text);
	ask(h, &get, "GET /checkpoint  0 ");
	ask(h, &post, "POST /add-entries application/octet-stream 1 body");
	ask(h, &get, "GET /checkpoint  0 ");
	ask(h, &bits, "POST /add-entries application/octet-stream 0 body");
	http_close(h);
	peer_stop(&p);
	assert_int_equal(p.requests, 4);
	assert_int_equal(p.connections, 1); /* it is kept */
}

static void test_talk(void **state)
{
	talk(NULL);
	talk(*state);
}

/* Breaks the connection off behind each answer, which it does not say. */
static void curt(void *ctx, const struct peer_request *q, struct peer_answer *a)
{
	unsigned *right = ctx;

	*right += q->n == 4 && !memcmp(q->body, "body", 4);
	a->raw = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
}

static long nothing(void *ctx, size_t have)
{
	(void)ctx;
	(void)have;
	return -ECHILD;
}

/* A body that comes in bits is sent again from its beginning; one that does not come ends the request. */
static void test_bits(void **state)
{
	struct http_request bits = {.path = "x", .type = "text/plain", .body = "body", .n = 4, .max = 9, .more = a_byte};
	struct http_answer a;
	unsigned right = 0;
	struct peer p = {.answer = curt, .ctx = &right};
	struct err e = {""};
	struct http *h;

	assert_int_equal(peer_start(&p, *state), 0);
	assert_int_equal(http_open(&h, p.url, NULL, &e), 0);
	for (int i = 0; i < 5; i++) {
		if (http_send(h, &bits, &a, &e))
			fail_msg("%s", e.text);
		assert_int_equal(a.status, 200);
		http_answer_free(&a);
	}
	bits.more = nothing;
	assert_true(http_send(h, &bits, &a, &e) < 0);
	http_answer_free(&a);
	http_close(h);
	peer_stop(&p);
	assert_int_equal(right, 5);
}

struct misdeed {
	const char *raw;
	size_t n, cut;
	int error;
};

static void misbehave(void *ctx, const struct peer_request *q, struct peer_answer *a)
{
	const struct misdeed *m = ctx;

	(void)q;
	a->raw = m->raw;
	a->status = m->n ? 200 : 0;
	a->n = m->n;
	a->cut = m->cut;
	a->body = calloc(1, m->n + 1);
}

static void test_bad_servers(void **state)
{
	static const struct misdeed all[] = {
		{"garbage\r\n\r\n", 0, 0, -EIO},
		{"HTTP/1.1 999999 X\r\n\r\n", 0, 0, -EIO},
		{NULL, 0, 0, -EPIPE},
		{NULL, 900, 100, -EPIPE},
		{NULL, 1001, 0, -E2BIG},
		{NULL, 100000, 0, -E2BIG},
	};
	const struct http_request get = {.path = "x", .max = 1000};
	struct http_answer a;
	struct http *h;
	struct err e;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct peer p = {.answer = misbehave, .ctx = (void *)&all[i]};
		int r;

		assert_int_equal(peer_start(&p, *state), 0);
		assert_int_equal(http_open(&h, p.url, NULL, &e), 0);
		r = http_send(h, &get, &a, &e);
		if (r >= 0 || (r != all[i].error && all[i].error != -EIO))
			fail_msg("misdeed %zu: %d %s", i, r, e.text);
		assert_non_null(strstr(e.text, "unix:///"));
		http_answer_free(&a);
		http_close(h);
		peer_stop(&p);
	}
}

static void test_nobody(void **state)
{
	const struct http_request get = {.path = "x", .max = 1000};
	char url[300], dir[200];
	struct http_answer a;
	struct http *h;
	struct err e;

	snprintf(url, sizeof(url), "unix://%s/none", (char *)*state);
	assert_int_equal(http_open(&h, url, NULL, &e), 0);
	assert_true(http_send(h, &get, &a, &e) < 0);
	http_close(h);
	snprintf(dir, sizeof(dir), "%s/nothing", (char *)*state);
	assert_int_equal(http_open(&h, url, dir, &e), -ENOENT);
	assert_non_null(strstr(e.text, "mirror add"));
	assert_int_equal(http_open(&h, "gopher://x", NULL, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		fixture_test(test_talk),
		fixture_test(test_bits),
		fixture_test(test_bad_servers),
		fixture_test(test_nobody),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
