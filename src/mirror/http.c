/* SPDX-License-Identifier: BSD-3-Clause */
/* http.c - what libcurl is told, and what its answers mean. */
#include "mirror/http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "ledger/file.h"
#include "mirror/curl.h"
#include "mirror/http_url.h"
#include "mirror/relay.h"
#include "util/cleanup.h"

#define PEM_MAX (1 << 20)
#define CONNECT_S 10
#define WHOLE_S 600 /* for one request, however slowly it moves */
#define STALL_BYTES 64

struct blob {
	char *data; /* NULL: there is none */
	size_t n;
};

struct http {
	const struct curl_table *c;
	CURL *curl;
	struct http_url url;
	char shown[HTTP_URL_MAX];
	bool own;            /* an identity was given */
	struct blob client, ca;
	int meet;            /* of vsock: where libcurl meets the relay; else -1 */
	char meet_name[RELAY_NAME];
	char why[CURL_ERROR_SIZE];
};

/* The answer's body as it comes. */
struct taking {
	struct http_answer *a;
	size_t max;
	bool too_long;
};

/* The request's body as it goes. */
struct giving {
	const struct http_request *q;
	size_t have, at; /* so many bytes are there; so many were given */
};

static int load(int dir, const char *identity, const char *name, struct blob *b, struct err *e)
{
	int r = file_load(dir, name, PEM_MAX, &b->data, &b->n);

	if (r && r != -ENOENT)
		return err_set(e, -r, "%.300s/%s: %s", identity, name, file_strerror(r));
	return 0;
}

static int load_identity(struct http *h, const char *identity, struct err *e)
{
	_cleanup_fd_ int dir = open(identity, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (dir < 0)
		return err_set(e, errno, "%.300s: %s; give the directory that 'logvisor mirror add' made for this VM",
			identity, strerror(errno));
	h->own = true;
	r = load(dir, identity, "client.pem", &h->client, e);
	return r ? r : load(dir, identity, "ca.pem", &h->ca, e);
}

int http_open(struct http **out, const char *url, const char *identity, struct err *e)
{
	struct http *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return err_set(e, ENOMEM, "out of memory");
	h->meet = -1;
	r = http_url_parse(url, &h->url, e);
	if (!r)
		snprintf(h->shown, sizeof(h->shown), "%s", url);
	if (!r && identity)
		r = load_identity(h, identity, e);
	if (!r && !(h->c = curl_load(e)))
		r = -ENOENT;
	if (!r && !(h->curl = h->c->init()))
		r = err_set(e, ENOMEM, "out of memory");
	if (r) {
		http_close(h);
		return r;
	}
	*out = h;
	return 0;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	if (h->curl)
		h->c->cleanup(h->curl);
	if (h->meet >= 0)
		close(h->meet);
	if (h->client.data)
		explicit_bzero(h->client.data, h->client.n);
	free(h->client.data);
	free(h->ca.data);
	free(h);
}

static size_t take(char *data, size_t size, size_t n, void *ctx)
{
	struct taking *t = ctx;
	struct http_answer *a = t->a;
	char *body;

	n *= size;
	if (n > t->max - a->n) {
		t->too_long = true;
		return 0;
	}
	body = realloc(a->body, a->n + n + 1);
	if (!body)
		return 0;
	memcpy(body + a->n, data, n);
	a->body = body;
	a->n += n;
	a->body[a->n] = '\0';
	return n;
}

static size_t give(char *to, size_t size, size_t n, void *ctx)
{
	struct giving *g = ctx;

	n *= size;
	if (g->at == g->have && g->have < g->q->n) {
		long have = g->q->more(g->q->ctx, g->have);

		if (have < 0)
			return CURL_READFUNC_ABORT;
		g->have = (size_t)have;
	}
	if (n > g->have - g->at)
		n = g->have - g->at;
	memcpy(to, (const char *)g->q->body + g->at, n);
	g->at += n;
	return n;
}

/* A kept connection turned out to be closed: libcurl begins again on another one. */
static int give_again(void *ctx, curl_off_t at, int origin)
{
	struct giving *g = ctx;

	if (origin != SEEK_SET || at < 0 || (uint64_t)at > g->have)
		return CURL_SEEKFUNC_FAIL;
	g->at = (size_t)at;
	return CURL_SEEKFUNC_OK;
}

static curl_socket_t open_vsock(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	const struct http *h = ctx;
	const struct http_url *u = &h->url;
	const struct sockaddr_vm to = {.svm_family = AF_VSOCK, .svm_cid = u->cid, .svm_port = u->port};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)purpose;
	/* The kernel gives up by itself after two seconds: net/vmw_vsock/af_vsock.c, Linux 6.12. */
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		fd = -1;
	}
	if (fd < 0 || relay_start(h->meet, fd))
		return CURL_SOCKET_BAD;
	/* It connects this one by itself, and meets the relay. */
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* A blob is not copied: it lives as long as the handle. */
static void set_blob(struct http *h, CURLoption option, const struct blob *b)
{
	struct curl_blob blob = {b->data, b->n, CURL_BLOB_NOCOPY};

	if (b->data)
		h->c->setopt(h->curl, option, &blob);
}

static void set_peer(struct http *h)
{
	const struct curl_table *c = h->c;

	if (h->url.scheme == HTTP_UNIX)
		c->setopt(h->curl, CURLOPT_UNIX_SOCKET_PATH, h->url.path);
	if (h->url.scheme == HTTP_VSOCK) {
		c->setopt(h->curl, CURLOPT_ABSTRACT_UNIX_SOCKET, h->meet_name);
		c->setopt(h->curl, CURLOPT_OPENSOCKETFUNCTION, open_vsock);
		c->setopt(h->curl, CURLOPT_OPENSOCKETDATA, h);
	}
	c->setopt(h->curl, CURLOPT_SSLVERSION, h->own ? (long)CURL_SSLVERSION_TLSv1_3 : (long)CURL_SSLVERSION_TLSv1_2);
	set_blob(h, CURLOPT_SSLCERT_BLOB, &h->client);
	set_blob(h, CURLOPT_SSLKEY_BLOB, &h->client);
	if (h->ca.data) {
		set_blob(h, CURLOPT_CAINFO_BLOB, &h->ca);
		c->setopt(h->curl, CURLOPT_CAPATH, NULL);
	}
}

static void set_bounds(struct http *h)
{
	const struct curl_table *c = h->c;

	c->setopt(h->curl, CURLOPT_ERRORBUFFER, h->why);
	c->setopt(h->curl, CURLOPT_NOSIGNAL, 1L);
	c->setopt(h->curl, CURLOPT_PROXY, "");
	c->setopt(h->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	c->setopt(h->curl, CURLOPT_FOLLOWLOCATION, 0L);
	c->setopt(h->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	c->setopt(h->curl, CURLOPT_USERAGENT, "logvisor/" VERSION);
	c->setopt(h->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	c->setopt(h->curl, CURLOPT_TIMEOUT, (long)WHOLE_S);
	c->setopt(h->curl, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
	c->setopt(h->curl, CURLOPT_LOW_SPEED_TIME, (long)HTTP_STALL_S);
}

static struct curl_slist *headers(const struct curl_table *c, const struct http_request *q)
{
	/* Without a body's 100-continue: a mirror that refuses answers at once, and curl then stops sending. */
	struct curl_slist *list = c->slist_append(NULL, "Expect:");
	char type[128];

	if (q->type) {
		snprintf(type, sizeof(type), "Content-Type: %s", q->type);
		list = c->slist_append(list, type);
	}
	if (q->gzip)
		list = c->slist_append(list, "Content-Encoding: gzip");
	return list;
}

/*
 * Did the peer refuse our certificate? With TLS 1.3 the handshake is over by then for us, and what comes is an alert
 * (RFC 8446 section 6.2) in the place of an answer; libcurl has OpenSSL's words for it.
 */
static bool refused(const char *why)
{
	const char *alert = strstr(why, "alert ");

	return alert && (strstr(alert, "certificate") || strstr(alert, "unknown ca") || strstr(alert, "access denied"));
}

static int failed(const struct http *h, CURLcode code, const struct taking *t, struct err *e)
{
	const char *why = h->why[0] ? h->why : h->c->strerror(code);
	long os = 0;
	int x = EIO;

	h->c->getinfo(h->curl, CURLINFO_OS_ERRNO, &os);
	switch ((int)code) {
	case CURLE_WRITE_ERROR:
		x = t->too_long ? E2BIG : ENOMEM;
		why = t->too_long ? "its answer is longer than any that could be right" : "out of memory";
		break;
	case CURLE_COULDNT_RESOLVE_HOST:
		x = EHOSTUNREACH;
		break;
	case CURLE_COULDNT_CONNECT:
		x = os > 0 ? (int)os : ECONNREFUSED;
		break;
	case CURLE_OPERATION_TIMEDOUT:
		x = ETIMEDOUT;
		break;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		x = refused(why) ? EACCES : EPIPE;
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
		x = EACCES;
		break;
	}
	return err_set(e, x, "%.200s: %.250s", h->shown, why);
}

static void tell(struct http *h, struct http_answer *a)
{
	char *type = NULL;
	curl_off_t wait = 0;

	h->c->getinfo(h->curl, CURLINFO_RESPONSE_CODE, &a->status);
	h->c->getinfo(h->curl, CURLINFO_CONTENT_TYPE, &type);
	h->c->getinfo(h->curl, CURLINFO_RETRY_AFTER, &wait);
	if (type)
		snprintf(a->type, sizeof(a->type), "%.*s", (int)strcspn(type, "; \t"), type);
	a->retry_after = wait < 0 ? 0 : wait > 3600 ? 3600 : (long)wait;
}

static void set_body(struct http *h, const struct http_request *q, struct giving *g)
{
	const struct curl_table *c = h->c;

	c->setopt(h->curl, CURLOPT_POST, 1L);
	c->setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->n);
	if (!q->more) {
		c->setopt(h->curl, CURLOPT_POSTFIELDS, q->body ? q->body : "");
		return;
	}
	c->setopt(h->curl, CURLOPT_READFUNCTION, give);
	c->setopt(h->curl, CURLOPT_READDATA, g);
	c->setopt(h->curl, CURLOPT_SEEKFUNCTION, give_again);
	c->setopt(h->curl, CURLOPT_SEEKDATA, g);
}

int http_send(struct http *h, const struct http_request *q, struct http_answer *a, struct err *e)
{
	const struct curl_table *c = h->c;
	struct curl_slist *list = headers(c, q);
	struct taking t = {a, q->max, false};
	struct giving g = {q, 0, 0};
	char url[HTTP_URL_MAX + 256];
	CURLcode code;

	memset(a, 0, sizeof(*a));
	/* Not before: Landlock lets nobody connect to what was there before it. */
	if (h->url.scheme == HTTP_VSOCK && h->meet < 0 && (h->meet = relay_listen(h->meet_name)) < 0) {
		c->slist_free_all(list);
		return err_set(e, -h->meet, "cannot make a socket: %s", strerror(-h->meet));
	}
	h->why[0] = '\0';
	c->reset(h->curl); /* connections stay */
	set_bounds(h);
	set_peer(h);
	snprintf(url, sizeof(url), "%s/%s", h->url.base, q->path);
	c->setopt(h->curl, CURLOPT_URL, url);
	c->setopt(h->curl, CURLOPT_HTTPHEADER, list);
	c->setopt(h->curl, CURLOPT_WRITEFUNCTION, take);
	c->setopt(h->curl, CURLOPT_WRITEDATA, &t);
	if (q->type)
		set_body(h, q, &g);
	code = c->perform(h->curl);
	if (code == CURLE_OK)
		tell(h, a);
	c->slist_free_all(list);
	return code == CURLE_OK ? 0 : failed(h, code, &t, e);
}

void http_answer_free(struct http_answer *a)
{
	free(a->body);
	a->body = NULL;
}
