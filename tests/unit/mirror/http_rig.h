/* SPDX-License-Identifier: BSD-3-Clause */
/* http_rig.h - a host's requests over HTTP. */
#ifndef TESTS_UNIT_MIRROR_HTTP_RIG_H
#define TESTS_UNIT_MIRROR_HTTP_RIG_H

#include <zlib.h>

#include "mirror/http.h"
#include "unit/mirror/log_rig.h"

static inline struct http *client(const char *url, const char *identity)
{
	struct http *h = NULL;
	struct err e = {""};

	if (http_open(&h, url, identity, &e))
		fail_msg("%s", e.text);
	return h;
}

/* The status of a request, and the answer's body in @body, if that is not NULL. */
static inline int ask(struct http *h, const char *path, const char *type, const void *data, size_t n, bool gzip, char *body)
{
	const struct http_request q = {.path = path, .type = type, .body = data, .n = n, .gzip = gzip, .max = 1 << 20};
	struct http_answer a = {0};
	struct err e = {""};
	int status;

	if (http_send(h, &q, &a, &e))
		fail_msg("%s: %s", path, e.text);
	status = (int)a.status;
	if (body)
		snprintf(body, 400, "%s", a.body ? a.body : "");
	http_answer_free(&a);
	return status;
}

static inline int get(struct http *h, const char *path, char *body)
{
	return ask(h, path, NULL, NULL, 0, false, body);
}

/* The body of add-entries with packages of [@start, @end), at most @max, allocated. */
static inline char *entries(const struct log_rig *g, uint64_t start, uint64_t end, uint64_t max, size_t *n)
{
	const struct wire_head head = {span_of("test.example/vm"), start, end, {NULL, 0}};
	char *out = malloc(1 << 22);
	size_t at = wire_head_put(&head, out);

	for (uint64_t i = 0; i < wire_packages(start, end) && i < max; i++) {
		struct wire_package p;
		char *buf;

		log_rig_package(g, start, end, i, &p, &buf);
		memcpy(out + at, p.entries.p, p.entries.n);
		at += p.entries.n;
		at += wire_proof_put(p.proof, p.n_proof, out + at);
		free(buf);
	}
	*n = at;
	return out;
}

static inline char *pack(const char *data, size_t n, size_t *packed)
{
	z_stream z = {0};
	char *out;

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	out = malloc(deflateBound(&z, n) + 64);
	z.next_in = (Bytef *)data;
	z.avail_in = (uInt)n;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)(deflateBound(&z, n) + 64);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	*packed = z.total_out;
	deflateEnd(&z);
	return out;
}

#endif
