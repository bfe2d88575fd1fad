/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * toy_mirror.h - a mirror or witness for one log, in memory, as the C2SP texts have it; and a bad one. The real
 * mirror is not used here so that the two cannot be wrong together.
 */
#ifndef TESTS_UNIT_MIRROR_TOY_MIRROR_H
#define TESTS_UNIT_MIRROR_TOY_MIRROR_H

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "ledger/consistency.h"
#include "ledger/cosign.h"
#include "ledger/seal.h"
#include "mirror/http.h"
#include "mirror/wire.h"

#define TOY_LEAVES 300000

enum toy_lie {
	TOY_HONEST, TOY_WRONG_SIGNATURE, TOY_NO_SIGNATURE, TOY_OLD_SIZE, TOY_HUGE_SIZE, TOY_GARBAGE, TOY_STUCK, TOY_FROM_FUTURE,
	TOY_SEESAW, TOY_STATUS, TOY_REFUSES, TOY_LIES
};

struct toy {
	bool witness;
	enum toy_lie lie;
	unsigned packages;      /* taken of one request; 0: all */
	long busy;              /* answer so many requests with 503 */
	struct vkey log;
	struct cosign_key *key;
	char note[NOTE_MAX];    /* the pending checkpoint */
	struct checkpoint c;
	uint64_t next, done;    /* entries, and of these cosigned */
	struct hash *leaf;
	unsigned requests, entries; /* entries: that came, again or not */
	uint64_t time;
};

static inline void toy_open(struct toy *t, const char *name, const char *ledger)
{
	struct err e = {""};
	struct seal s;
	char *pem;
	size_t n;
	int d = open(ledger, O_RDONLY | O_DIRECTORY);

	memset(t, 0, sizeof(*t));
	t->leaf = calloc(TOY_LEAVES, sizeof(*t->leaf));
	t->time = 1700000000;
	if (note_key_generate(&pem, &n, &e) || cosign_key_load(pem, n, name, &t->key, &e) || seal_load(d, NULL, &s, &e))
		fail_msg("%s", e.text);
	t->log = s.key;
	seal_free(&s);
	free(pem);
	close(d);
}

static inline void toy_close(struct toy *t)
{
	cosign_key_free(t->key);
	free(t->leaf);
}

/* Root of the tree of leaves [from, to). */
static inline void toy_root(const struct toy *t, uint64_t from, uint64_t to, struct hash *out)
{
	struct tree tree = {.size = 0};

	for (; from < to; from++)
		tree_add(&tree, &t->leaf[from], NULL, NULL);
	tree_root(&tree, out);
}

static inline void toy_cosign(struct toy *t, struct http_answer *a)
{
	char line[COSIGN_LINE_MAX];
	long n = cosign_make(t->key, t->c.text, t->time++, line, NULL);

	if (t->lie == TOY_WRONG_SIGNATURE)
		line[n - 8] = line[n - 8] == 'A' ? 'B' : 'A';
	a->status = 200;
	a->n = (size_t)asprintf(&a->body, "\xe2\x80\x94 somebody AAAAAAAA\n%s", t->lie == TOY_NO_SIGNATURE ? "" : line);
	if (!t->witness)
		t->done = t->c.size;
}

static inline void toy_info(struct toy *t, long status, struct http_answer *a)
{
	struct wire_info i = {.size = t->c.size, .next = t->next, .ticket = {"toy", 3}};

	if (t->lie == TOY_STUCK)
		i.next = 0;
	if (t->lie == TOY_FROM_FUTURE)
		i.next = i.size = UINT64_MAX;
	if (t->lie == TOY_SEESAW)
		i.next = t->requests % 2 ? 0 : t->c.size;
	a->status = status;
	wire_info_put(&i, &a->body, &a->n);
}

static inline void toy_checkpoint(struct toy *t, const char *body, size_t n, struct http_answer *a)
{
	struct wire_checkpoint w;
	struct hash empty = {{0}};

	if (wire_checkpoint_get(body, n, &w, NULL) || w.old > w.checkpoint.size) {
		a->status = 400;
	} else if (!span_is(w.checkpoint.origin, t->log.name)) {
		a->status = 404;
	} else if (checkpoint_verify(&w.checkpoint, &t->log, NULL)) {
		a->status = 403;
	} else if (w.old != t->c.size || t->lie == TOY_OLD_SIZE || t->lie == TOY_HUGE_SIZE) {
		a->status = 409;
		a->n = (size_t)asprintf(&a->body, "%" PRIu64 "\n", t->lie == TOY_OLD_SIZE ? t->requests % 3 :
			t->lie == TOY_HUGE_SIZE ? UINT64_MAX : t->c.size);
	} else if (w.old == 0 ? w.n_proof != 0 : consistency_check(0, w.old, w.checkpoint.size, w.old ? &t->c.root : &empty,
		w.proof, w.n_proof, &w.checkpoint.root)) {
		a->status = 422;
	} else {
		memcpy(t->note, w.note.p, w.note.n);
		checkpoint_parse(t->note, w.note.n, &t->c, NULL);
		a->status = 200;
		if (t->witness)
			toy_cosign(t, a);
	}
}

static inline int toy_package(struct toy *t, const struct wire_package *k)
{
	struct hash sub;

	if (k->at.end > TOY_LEAVES)
		return -1;
	for (uint64_t i = k->at.start; i < k->at.end; i++, t->entries++)
		if (i >= t->next)
			t->leaf[i] = k->leaf[i - k->at.start];
	toy_root(t, k->at.base, k->at.end, &sub);
	if (consistency_check(k->at.base, k->at.end, t->c.size, &sub, k->proof, k->n_proof, &t->c.root))
		return -1;
	t->next = k->at.end > t->next ? k->at.end : t->next;
	return 0;
}

static inline void toy_entries(struct toy *t, const char *body, size_t n, struct http_answer *a)
{
	struct wire_reader r;
	unsigned packages = 0;
	int x;

	wire_reader_init(&r);
	wire_feed(&r, body, n);
	x = wire_next(&r, NULL);
	if (x != WIRE_HEAD)
		a->status = 400;
	else if (!span_is(r.head.origin, t->log.name))
		a->status = 404;
	else if (!t->c.size || t->lie == TOY_REFUSES)
		a->status = 422; /* the former: it never had a checkpoint of this log */
	else if (r.head.end != t->c.size || r.head.start > t->next || (t->lie >= TOY_STUCK && t->lie <= TOY_SEESAW))
		toy_info(t, 409, a);
	while (!a->status && (x = wire_next(&r, NULL)) == WIRE_PACKAGE && (!t->packages || packages < t->packages)) {
		packages++;
		if (toy_package(t, &r.package))
			a->status = 422;
	}
	if (!a->status && t->next >= r.head.end)
		toy_cosign(t, a);
	else if (!a->status)
		packages ? toy_info(t, 202, a) : (void)(a->status = 400);
	wire_reader_free(&r);
}

/* The answer to a request: what send() is in struct upload, with the toy as its context. */
static inline int toy_send(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct toy *t = ctx;
	char *plain = NULL;
	const char *body = q->body;
	size_t n = q->n;

	memset(a, 0, sizeof(*a));
	t->requests++;
	if (q->gzip) {
		z_stream z = {.next_in = (Bytef *)body, .avail_in = (uInt)n};

		n = 64 << 20;
		body = plain = malloc(n);
		z.next_out = (Bytef *)plain;
		z.avail_out = (uInt)n;
		assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
		assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
		n = z.total_out;
		inflateEnd(&z);
	}
	if (t->busy > 0) {
		t->busy--;
		a->status = 503;
		a->retry_after = 1;
	} else if (t->lie == TOY_STATUS) {
		a->status = 302;
	} else if (t->lie == TOY_GARBAGE) {
		a->status = t->requests % 2 ? 200 : 409;
		a->n = (size_t)asprintf(&a->body, "%c\xff garbage\n\n", 0);
	} else if (!strcmp(q->path, "add-checkpoint")) {
		toy_checkpoint(t, body, n, a);
	} else {
		toy_entries(t, body, n, a);
	}
	free(plain);
	if (a->n > q->max)
		return err_set(e, E2BIG, "too long");
	return 0;
}

#endif
