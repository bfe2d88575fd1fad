/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_test.c - the server over its sockets, in this process: uploads plain and packed, through TLS and not;
 * rights; what each wrong request is answered; what a body can make it hold.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "mirror/server/impl.h"
#include "mirror/server/setup.h"
#include "util/clock.h"
#include "unit/mirror/http_rig.h"

static char config[300], store[300], sock[100], clients[320], said[600];

static void say(const char *text)
{
	snprintf(said, sizeof(said), "%s", text);
}

/* Every certificate of "vm". */
static const struct setup_revoke of_all = {.dir = config, .name = "vm"};

static void add_vm(const char *name, const struct vkey *vkey, bool renew)
{
	const struct setup_add q = {.dir = config, .name = name, .vkey = vkey, .days = 10, .renew = renew};
	struct setup_added done;
	struct err e = {""};

	if (setup_add(&q, &done, &e))
		fail_msg("%s", e.text);
}

/* A mirror below @base with VM "vm" of @g; it listens at a Unix socket, and with TLS. */
static struct server *start(const char *base, const struct log_rig *g)
{
	static char unix_url[320];
	static const char *where[] = {unix_url, "https://127.0.0.1:0"};
	struct server_options o = {.config = config, .store = store, .listen = where, .n_listen = 2, .say = say};
	struct setup_init q = {.dir = config, .name = "logvm.example", .days = 10};
	struct server *s = NULL;
	struct err e = {""};

	snprintf(config, sizeof(config), "%s/config", base);
	snprintf(store, sizeof(store), "%s/store", base);
	assert_true(snprintf(sock, sizeof(sock), "%s/sock", base) < (int)sizeof(sock));
	snprintf(clients, sizeof(clients), "%s/clients/vm", config);
	snprintf(unix_url, sizeof(unix_url), "unix://%s", sock);
	mkdir(store, 0700);
	*said = '\0';
	if (setup_init(&q, &e))
		fail_msg("%s", e.text);
	add_vm("vm", &g->conf.key[0], false);
	if (server_open(&s, &o, &e) || server_start(s, &e))
		fail_msg("%s", e.text);
	assert_string_equal(said, "");
	return s;
}

static void stop(struct server *s)
{
	struct err e = {""};

	if (server_close(s, &e))
		fail_msg("%s", e.text);
}

static int send_checkpoint(struct http *h, const struct log_rig *g, uint64_t old, char *body)
{
	struct tamper_file note = log_rig_note(g);
	struct wire_checkpoint w;
	char *data;
	size_t n;
	int status;

	log_rig_checkpoint(g, note, old, &w);
	assert_int_equal(wire_checkpoint_put(&w, &data, &n), 0);
	status = ask(h, "add-checkpoint", "text/plain", data, n, false, body);
	free(data);
	free(note.data);
	return status;
}

static int send_entries(struct http *h, const struct log_rig *g, uint64_t start, uint64_t end, uint64_t max, bool gzip,
	char *body)
{
	size_t n, packed;
	char *data = entries(g, start, end, max, &n), *p;
	int status;

	if (gzip) {
		p = pack(data, n, &packed);
		free(data);
		data = p;
		n = packed;
	}
	status = ask(h, "add-entries", WIRE_ENTRIES_TYPE, data, n, gzip, body);
	free(data);
	return status;
}

static void uploads(void **state)
{
	char body[400], path[200], hex[65];
	struct log_rig g;
	struct server *s;
	struct http *local, *tls_client;
	struct hash h;

	log_rig_open(&g, *state, "host");
	s = start(*state, &g);
	local = client(s->listener[0].url, NULL);
	tls_client = client(server_url(s, 1), clients);
	log_rig_grow(&g, 1000);
	assert_int_equal(send_entries(local, &g, 0, 1000, 1, false, body), 422);
	assert_int_equal(send_checkpoint(local, &g, 0, body), 200);
	assert_non_null(strstr(body, " logvm.example/witness "));
	assert_int_equal(send_checkpoint(tls_client, &g, 7, body), 409);
	assert_string_equal(body, "1000\n");
	assert_int_equal(send_entries(tls_client, &g, 0, 1000, 1, true, body), 202);
	assert_string_equal(body, "1000\n256\n\n");
	assert_int_equal(send_entries(local, &g, 200, 1000, 2, true, body), 202);
	assert_int_equal(send_entries(tls_client, &g, 512, 1000, 9, false, body), 200);
	assert_non_null(strstr(body, " logvm.example "));
	/* Read back. */
	tree_sha256("test.example/vm", 15, &h);
	for (unsigned i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", h.b[i]);
	snprintf(path, sizeof(path), "%s/checkpoint", hex);
	assert_int_equal(get(tls_client, path, body), 200);
	assert_true(!strncmp(body, "test.example/vm\n1000\n", 21));
	snprintf(path, sizeof(path), "%s/tile/entries/003.p/232", hex);
	assert_int_equal(get(tls_client, path, body), 200);
	snprintf(path, sizeof(path), "witness/%s/checkpoint", hex);
	assert_int_equal(get(tls_client, path, body), 200);
	snprintf(path, sizeof(path), "%s/pending", hex);
	assert_int_equal(get(tls_client, path, body), 404);
	assert_int_equal(get(tls_client, "logs", body), 200);
	assert_string_equal(body, "test.example/vm 1000 vm\n");
	assert_int_equal(get(local, "readyz", body), 200);
	assert_int_equal(get(local, "metrics", body), 200);
	http_close(local);
	http_close(tls_client);
	stop(s);
	log_rig_close(&g);
}

/* With one VM's certificate nothing of another is read, written, listed or told from what is not there. */
static void rights_of_others(void **state)
{
	char body[400], path[200], other[320];
	struct log_rig g, g2;
	struct http *mine, *others;
	struct server *s;
	struct vkey key;
	struct err e;
	unsigned n;

	log_rig_open(&g, *state, "host");
	log_rig_open(&g2, *state, "host2");
	s = start(*state, &g);
	key = g2.conf.key[0];
	snprintf(key.name, sizeof(key.name), "other");
	vkey_set_id(&key);
	add_vm("other", &key, false);
	assert_int_equal(server_reload(s, &e), 0);
	snprintf(other, sizeof(other), "%s/clients/other", config);
	log_rig_grow(&g, 10);
	mine = client(server_url(s, 1), clients);
	others = client(server_url(s, 1), other);
	assert_int_equal(send_checkpoint(mine, &g, 0, body), 200);
	assert_int_equal(send_entries(mine, &g, 0, 10, 9, false, body), 200);
	assert_int_equal(send_checkpoint(others, &g, 10, body), 404);
	assert_string_equal(body, "no such log is known\n");
	assert_int_equal(send_entries(others, &g, 0, 10, 9, false, body), 404);
	assert_string_equal(body, "no such log is known\n");
	snprintf(path, sizeof(path), "%s/checkpoint", s->entry[0]->hash);
	assert_int_equal(get(mine, path, NULL), 200);
	assert_int_equal(get(others, path, body), 404);
	assert_string_equal(body, "no such log is known\n");
	assert_int_equal(get(others, "0000/checkpoint", body), 404);
	assert_string_equal(body, "no such log is known\n");
	assert_int_equal(get(others, "logs", body), 200);
	assert_string_equal(body, "other 0 other\n");
	/* A right that is taken away is gone: the connection is cut off, and the next handshake fails. */
	assert_int_equal(setup_revoke(&of_all, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_int_equal(s->count[COUNT_CUT_OFF], 0);
	assert_int_equal(server_reload(s, &e), 0);
	assert_int_equal(s->count[COUNT_CUT_OFF], 1);
	{
		const struct http_request q = {.path = "logs", .max = 1000};
		struct http_answer a = {0};

		assert_true(http_send(mine, &q, &a, &e) < 0);
		http_answer_free(&a);
	}
	assert_int_equal(s->count[COUNT_HANDSHAKES_REFUSED], 1);
	/* A new certificate. */
	http_close(mine);
	add_vm("vm", NULL, true);
	assert_int_equal(server_reload(s, &e), 0);
	mine = client(server_url(s, 1), clients);
	assert_int_equal(get(mine, path, NULL), 200);
	http_close(mine);
	http_close(others);
	stop(s);
	log_rig_close(&g);
	log_rig_close(&g2);
}

/*
 * Taken away in the middle of an upload, by a client that has another log still, so that its connection stays: what came
 * before is there, what comes after is not, and nothing is cosigned.
 */
static void revoked_meanwhile(void **state)
{
	struct peer p = {.known = true, .until = INT64_MAX};
	struct entries_request *q;
	struct origin_state st;
	struct log_rig g;
	struct server *s;
	struct answer a;
	struct http *h;
	struct err e;
	char body[400], *data;
	unsigned gone;
	size_t n;

	log_rig_open(&g, *state, "host");
	s = start(*state, &g);
	log_rig_grow(&g, 1000);
	h = client(s->listener[0].url, NULL);
	assert_int_equal(send_checkpoint(h, &g, 0, body), 200);
	http_close(h);
	p.server = s;
	p.cert = s->entry[0]->rights.client[0];
	data = entries(&g, 0, 1000, 9, &n);
	q = entries_begin(s, &p, false);
	assert_non_null(q);
	entries_feed(q, data, n / 2);
	assert_int_equal(setup_revoke(&of_all, &gone, &e), 0);
	assert_int_equal(server_reload(s, &e), 0);
	entries_feed(q, data + n / 2, n - n / 2);
	entries_end(q, &a);
	assert_int_equal(a.status, 404);
	assert_string_equal(a.body, "no such log is known\n");
	origin_state(s->entry[0]->origin, &st);
	assert_int_equal(st.size, 256);
	assert_int_equal(st.cosigned, 0);
	/* Or between the last package and the end. */
	add_vm("vm", NULL, true);
	assert_int_equal(server_reload(s, &e), 0);
	p.cert = s->entry[0]->rights.client[0];
	q = entries_begin(s, &p, false);
	assert_non_null(q);
	entries_feed(q, data, n);
	assert_int_equal(setup_revoke(&of_all, &gone, &e), 0);
	assert_int_equal(server_reload(s, &e), 0);
	entries_end(q, &a);
	assert_int_equal(a.status, 404);
	origin_state(s->entry[0]->origin, &st);
	assert_int_equal(st.size, 1000);
	assert_int_equal(st.cosigned, 0);
	/* Or the certificate's last second is over. */
	add_vm("vm", NULL, true);
	assert_int_equal(server_reload(s, &e), 0);
	p.cert = s->entry[0]->rights.client[0];
	q = entries_begin(s, &p, false);
	assert_non_null(q);
	entries_feed(q, data, n);
	p.until = clock_wall_us() / 1000000 - 1;
	entries_end(q, &a);
	assert_int_equal(a.status, 404);
	origin_state(s->entry[0]->origin, &st);
	assert_int_equal(st.cosigned, 0);
	free(data);
	stop(s);
	log_rig_close(&g);
}

static int64_t two_weeks_on(clockid_t id)
{
	return clock_libc.ns(id) + (id == CLOCK_REALTIME ? 14 * 86400 * INT64_C(1000000000) : 0);
}

/* A certificate of ten days, on a connection that lives longer. GnuTLS, which has the time from the system, lets it in. */
static void expired_meanwhile(void **state)
{
	const struct clock later = {.ns = two_weeks_on, .sleep_ns = clock_libc.sleep_ns};
	char body[400];
	struct log_rig g;
	struct server *s;
	struct http *h;

	log_rig_open(&g, *state, "host");
	s = start(*state, &g);
	log_rig_grow(&g, 10);
	h = client(server_url(s, 1), clients);
	assert_int_equal(send_checkpoint(h, &g, 0, body), 200);
	assert_int_equal(get(h, "logs", body), 200);
	clock_now = &later;
	assert_int_equal(get(h, "logs", body), 403);
	assert_string_equal(body, "no client certificate that has rights\n");
	assert_int_equal(send_checkpoint(h, &g, 10, body), 403);
	assert_int_equal(send_entries(h, &g, 0, 10, 9, false, body), 403);
	clock_now = &clock_libc;
	assert_int_equal(get(h, "logs", body), 200);
	/* It asks nothing. */
	server_tick(s);
	assert_int_equal(s->count[COUNT_CUT_OFF], 0);
	clock_now = &later;
	server_tick(s);
	assert_int_equal(s->count[COUNT_CUT_OFF], 1);
	clock_now = &clock_libc;
	assert_int_equal(send_entries(h, &g, 0, 10, 9, false, body), 200);
	http_close(h);
	stop(s);
	log_rig_close(&g);
}

/* An origin is looked up, and never becomes a path: one that would be one is as unknown as any. */
static void unknown_origins(void **state)
{
	static const char *const origins[] = {"../../../../etc", "../../../../etc/passwd", "/", "..", "../store/vm",
		"vm", "test.example/vm/", "test.example/vm/../vm", "test.example%2fvm"};
	char body[400], text[600], head[400];
	struct tamper_file note;
	struct log_rig g;
	struct server *s;
	struct http *h;

	log_rig_open(&g, *state, "host");
	s = start(*state, &g);
	log_rig_grow(&g, 10);
	note = log_rig_note(&g);
	h = client(server_url(s, 1), clients);
	for (unsigned i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		const struct wire_head w = {span_of(origins[i]), 0, 10, {NULL, 0}};
		int n = snprintf(text, sizeof(text), "old 0\n\n%s%.*s", origins[i], (int)note.n - 15, note.data + 15);

		assert_int_equal(ask(h, "add-checkpoint", "text/plain", text, (size_t)n, false, body), 404);
		assert_string_equal(body, "no such log is known\n");
		assert_int_equal(ask(h, "add-entries", WIRE_ENTRIES_TYPE, head, wire_head_put(&w, head), false, body), 404);
		assert_string_equal(body, "no such log is known\n");
		snprintf(text, sizeof(text), "%s/checkpoint", origins[i]);
		assert_int_equal(get(h, text, NULL), 404);
	}
	assert_int_equal(send_checkpoint(h, &g, 0, body), 200);
	free(note.data);
	http_close(h);
	stop(s);
	log_rig_close(&g);
}

/* Send @raw as it is to the Unix socket, and give the answer's first line. */
static void raw(const char *bytes, size_t n, char line[200])
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ssize_t got = 0, r;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", sock);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	for (size_t at = 0; at < n; at += (size_t)r) {
		r = send(fd, bytes + at, n - at, MSG_NOSIGNAL);
		if (r <= 0)
			break;
	}
	shutdown(fd, SHUT_WR);
	while (got < 199 && (r = read(fd, line + got, (size_t)(199 - got))) > 0)
		got += r;
	line[got] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	close(fd);
}

static void check_raw(const char *bytes, const char *status)
{
	char line[200];

	raw(bytes, strlen(bytes), line);
	if (strncmp(line, "HTTP/1.1 ", 9) || strncmp(line + 9, status, 3))
		fail_msg("'%.60s' is answered '%s', not %s", bytes, line, status);
}

static void wrong_requests(void **state)
{
	static const char bad_gzip[] = "POST /add-entries HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
		"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd";
	char body[400], big[70000], line[200];
	struct log_rig g;
	struct server *s;
	struct http *h;
	size_t n, packed;
	char *data, *p;

	log_rig_open(&g, *state, "host");
	s = start(*state, &g);
	h = client(s->listener[0].url, NULL);
	log_rig_grow(&g, 600);
	assert_int_equal(send_checkpoint(h, &g, 0, body), 200);
	check_raw("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "404");
	check_raw("GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", "404");
	check_raw("DELETE /logs HTTP/1.1\r\nHost: x\r\n\r\n", "405");
	check_raw("GET /add-entries HTTP/1.1\r\nHost: x\r\n\r\n", "405");
	check_raw("POST /add-entries HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n", "415");
	check_raw("POST /add-entries HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
		"Content-Encoding: br\r\nContent-Length: 0\r\n\r\n", "415");
	check_raw("POST /add-entries HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
		"Content-Length: 99999999999\r\n\r\n", "413");
	check_raw("POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n", "413");
	check_raw("POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nold 0", "400");
	check_raw(bad_gzip, "400");
	check_raw("GET /logs\r\n\r\n", "400");
	/* No HTTP, and a head that is too long for the connection's memory: refused, or just cut off. */
	raw("NONSENSE\r\n\r\n", 12, line);
	assert_true(!*line || !strncmp(line, "HTTP/1.1 4", 10));
	memset(big, 'a', sizeof(big));
	memcpy(big, "GET /", 5);
	raw(big, sizeof(big), line);
	assert_true(!*line || !strncmp(line, "HTTP/1.1 4", 10) || !strncmp(line, "HTTP/1.1 5", 10));
	/* Half a head, half a package, a package and a half. */
	data = entries(&g, 0, 600, 9, &n);
	assert_int_equal(ask(h, "add-entries", WIRE_ENTRIES_TYPE, data, 10, false, body), 400);
	assert_int_equal(ask(h, "add-entries", WIRE_ENTRIES_TYPE, data, 3000, false, body), 400);
	assert_int_equal(ask(h, "add-entries", WIRE_ENTRIES_TYPE, data, n / 2, false, body), 202);
	assert_string_equal(body, "600\n256\n\n");
	/* Packed data that was cut off, and such with an altered record. */
	p = pack(data, n, &packed);
	assert_int_equal(ask(h, "add-entries", WIRE_ENTRIES_TYPE, p, packed * 3 / 4, true, body), 202);
	free(p);
	data[n - 2000] ^= 1;
	assert_int_equal(ask(h, "add-entries", WIRE_ENTRIES_TYPE, data, n, false, body), 422);
	free(data);
	assert_int_equal(send_entries(h, &g, 512, 600, 9, false, body), 200);
	http_close(h);
	stop(s);
	log_rig_close(&g);
}

/* Who sends a request and never its end is cut off, after a time that is not waited for here; others go on. */
static void slow(void **state)
{
	static const char half[] = "POST /add-entries HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
		"Content-Length: 100000\r\n\r\nab";
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct log_rig g;
	struct server *s;
	struct http *h;
	char c;

	log_rig_open(&g, *state, "host");
	s = start(*state, &g);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", sock);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(send(fd, half, sizeof(half) - 1, MSG_NOSIGNAL), sizeof(half) - 1);
	for (int i = 0; i < 6000 && !s->active; i++)
		usleep(10000);
	assert_int_equal(s->active, 1);
	server_tick(s);
	assert_int_equal(s->count[COUNT_CUT_OFF], 0);
	s->peers->since_ms -= SERVER_REQUEST * 1000 + 1;
	server_tick(s);
	assert_int_equal(s->count[COUNT_CUT_OFF], 1);
	assert_true(read(fd, &c, 1) <= 0);
	close(fd);
	h = client(s->listener[0].url, NULL);
	assert_int_equal(get(h, "healthz", NULL), 200);
	http_close(h);
	stop(s);
	log_rig_close(&g);
}

/* Of those who have shown no certificate the oldest goes, when they are many. */
static void strangers(void **state)
{
	const unsigned n = SERVER_STRANGERS + 20;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd[SERVER_STRANGERS + 20];
	struct log_rig g;
	struct server *s;
	struct http *h;
	char c;

	log_rig_open(&g, *state, "host");
	s = start(*state, &g);
	a.sin_port = htons((uint16_t)atoi(strrchr(server_url(s, 1), ':') + 1));
	for (unsigned i = 0; i < n; i++) {
		/* Of several addresses: each may have SERVER_PER_IP. */
		struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + i % 4)};

		fd[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(bind(fd[i], (struct sockaddr *)&from, sizeof(from)), 0);
		assert_int_equal(connect(fd[i], (struct sockaddr *)&a, sizeof(a)), 0);
	}
	for (int k = 0; k < 6000 && s->count[COUNT_CUT_OFF] < 20; k++)
		usleep(10000);
	assert_int_equal(s->count[COUNT_CUT_OFF], 20);
	assert_true(read(fd[0], &c, 1) <= 0);
	assert_int_equal(recv(fd[n - 1], &c, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	h = client(server_url(s, 1), clients);
	assert_int_equal(get(h, "healthz", NULL), 200);
	http_close(h);
	for (unsigned i = 0; i < n; i++)
		close(fd[i]);
	stop(s);
	log_rig_close(&g);
}

/* 64 MiB of one byte, packed into little: no more than a package's bytes is ever held, and it is refused. */
static void gzip_bomb(void **state)
{
	const struct wire_head head = {span_of("test.example/vm"), 0, 600, {NULL, 0}};
	size_t n = 64u << 20, packed;
	char *data = malloc(n), *p, body[400];
	struct log_rig g;
	struct server *s;
	struct http *h;

	log_rig_open(&g, *state, "host");
	s = start(*state, &g);
	h = client(s->listener[0].url, NULL);
	log_rig_grow(&g, 600);
	assert_int_equal(send_checkpoint(h, &g, 0, body), 200);
	memset(data, 0xff, n); /* entries of 65,535 bytes */
	wire_head_put(&head, data);
	p = pack(data, n, &packed);
	assert_true(packed < n / 500);
	assert_int_equal(ask(h, "add-entries", WIRE_ENTRIES_TYPE, p, packed, true, body), 422);
	assert_true(s->count[COUNT_BYTES_UNPACKED] < 20u << 20);
	assert_int_equal(s->held, 0);
	free(data);
	free(p);
	http_close(h);
	stop(s);
	log_rig_close(&g);
}

/* A log that cannot be used is answered 503, and named; the others go on. */
static void one_log_damaged(void **state)
{
	char body[400], path[400];
	struct log_rig g;
	struct server *s;
	struct http *h;
	struct err e = {""};
	struct server_options o;

	log_rig_open(&g, *state, "host");
	s = start(*state, &g);
	o = s->options;
	h = client(s->listener[0].url, NULL);
	log_rig_grow(&g, 300);
	assert_int_equal(send_checkpoint(h, &g, 0, body), 200);
	assert_int_equal(send_entries(h, &g, 0, 300, 9, false, body), 200);
	http_close(h);
	stop(s);
	snprintf(path, sizeof(path), "%s/vm/size", store);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(server_open(&s, &o, &e), 0);
	assert_int_equal(server_start(s, &e), 0);
	assert_non_null(strstr(said, "vm: "));
	assert_non_null(strstr(said, "'size'"));
	h = client(s->listener[0].url, NULL);
	assert_int_equal(send_checkpoint(h, &g, 300, body), 503);
	assert_int_equal(get(h, "readyz", NULL), 503);
	assert_int_equal(get(h, "healthz", NULL), 200);
	http_close(h);
	stop(s);
	log_rig_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(uploads),
		fixture_test(rights_of_others),
		fixture_test(revoked_meanwhile),
		fixture_test(expired_meanwhile),
		fixture_test(unknown_origins),
		fixture_test(wrong_requests),
		fixture_test(slow),
		fixture_test(strangers),
		fixture_test(gzip_bomb),
		fixture_test(one_log_damaged),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
