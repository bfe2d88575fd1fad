/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * upload.c - add-entries: each package is proven to be part of a pending checkpoint before it is stored; when all
 * are here the checkpoint becomes the mirror's own, cosigned.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/file.h"
#include "ledger/layout.h"
#include "mirror/store/impl.h"
#include "util/cleanup.h"

#define COSIGN_AGAIN 10 /* seconds after which the same tree is cosigned anew, for its age */

struct upload {
	struct origin *o;
	struct pending to;
	uint64_t start, expected; /* packages of the whole upload */
	uint64_t taken;           /* of this request */
};

/* 202 or 409: where the client goes on. @size: of a pending checkpoint. The entries told of are durable. */
static void tell(struct origin *o, int status, uint64_t size, struct answer *a)
{
	struct err e;
	int r = ledger_commit(o->ledger, &e);

	if (r) {
		answer_trouble(a, r, &e);
		return;
	}
	a->status = status;
	a->type = WIRE_INFO_TYPE;
	snprintf(a->body, sizeof(a->body), "%" PRIu64 "\n%" PRIu64 "\n\n", size, ledger_committed(o->ledger));
}

/* The checkpoint that the upload goes to; NULL with the answer. In the order of the specification. */
static const struct pending *find(struct origin *o, const struct wire_head *h, struct answer *a)
{
	uint64_t next = ledger_size(o->ledger), end = h->end < next ? h->end : next;
	const struct pending *p;

	if (!o->n_pending) {
		answer_set(a, 422, "no checkpoint of this log was ever added");
		return NULL;
	}
	p = pending_of(o, h->end);
	if (!p || h->end < copy_least(o->ledger)) {
		tell(o, 409, pending_last(o)->c.size, a);
		return NULL;
	}
	if (h->start > next || (end > h->start && end - h->start > ORIGIN_EXCESS)) {
		tell(o, 409, h->end, a);
		return NULL;
	}
	return p;
}

struct upload *upload_begin(struct origin *o, const struct wire_head *h, struct answer *a)
{
	struct upload *u = calloc(1, sizeof(*u));
	const struct pending *p;

	pthread_mutex_lock(&o->lock);
	p = find(o, h, a);
	if (p && (!u || pending_copy(&u->to, p))) {
		answer_set(a, 500, "out of memory");
		p = NULL;
	}
	pthread_mutex_unlock(&o->lock);
	if (!p) {
		free(u);
		return NULL;
	}
	u->o = o;
	u->start = h->start;
	u->expected = wire_packages(h->start, h->end);
	return u;
}

/* Is the package, with the entries before it in its bundle, part of the checkpoint? */
static bool proven(struct upload *u, const struct wire_package *p)
{
	uint64_t before = p->at.start - p->at.base, n = p->at.end - p->at.start;
	struct hash leaf[LEDGER_BUNDLE], root;
	struct tree t = {0};
	int r = 0;

	if (before) {
		pthread_mutex_lock(&u->o->lock);
		r = copy_leaf_hashes(u->o->ledger, p->at.base, before, leaf);
		pthread_mutex_unlock(&u->o->lock);
	}
	if (r)
		return false;
	memcpy(leaf + before, p->leaf, n * sizeof(leaf[0]));
	for (uint64_t i = 0; i < before + n; i++)
		tree_add(&t, &leaf[i], NULL, NULL);
	tree_root(&t, &root);
	return !consistency_check(p->at.base, p->at.end, u->to.c.size, &root, p->proof, p->n_proof, &u->to.c.root);
}

/* The entries that are not here yet; another upload may have brought some of them meanwhile. */
static int store(struct origin *o, const struct wire_package *p, struct err *e)
{
	const char *at = p->entries.p;
	int r = 0;

	for (uint64_t i = p->at.start; i < p->at.end && !r; i++) {
		size_t n = (size_t)(uint8_t)at[0] << 8 | (uint8_t)at[1];

		if (i > ledger_size(o->ledger))
			r = err_set(e, EIO, "entry %" PRIu64 " does not follow on the last one", i);
		else if (i == ledger_size(o->ledger))
			r = copy_append(o->ledger, (struct span){at + LAYOUT_PREFIX, n},
				&p->leaf[i - p->at.start], e);
		at += LAYOUT_PREFIX + n;
	}
	return r;
}

bool upload_package(struct upload *u, const struct wire_package *p, struct answer *a)
{
	struct origin *o = u->o;
	bool good = proven(u, p);
	struct err e;
	int r = 0;

	pthread_mutex_lock(&o->lock);
	if (good)
		r = store(o, p, &e);
	o->packages += good && !r;
	o->refused += !good;
	pthread_mutex_unlock(&o->lock);
	if (!good)
		answer_set(a, 422, "entries %" PRIu64 " to %" PRIu64 " are not those of the checkpoint of %" PRIu64
			" records, or the proof is wrong", p->at.start, p->at.end - 1, u->to.c.size);
	else if (r)
		answer_trouble(a, r, &e);
	u->taken += good && !r;
	return good && !r;
}

/* The upload's checkpoint, cosigned, in the mirror's checkpoint's place, if that is not so already. */
static void seal(struct origin *o, const struct pending *p, uint64_t now, struct answer *a)
{
	char line[COSIGN_LINE_MAX];
	_cleanup_free_ char *note = NULL;
	struct err e;
	long n;
	int r;

	if (!o->cosigned_at || p->c.size != ledger_signed(o->ledger) || now < o->cosigned_at ||
		now - o->cosigned_at >= COSIGN_AGAIN) {
		n = cosign_make(o->keys->mirror, p->c.text, now, line, &e);
		note = n < 0 ? NULL : malloc(p->n + (size_t)n);
		if (!note) {
			answer_set(a, 500, "%s", n < 0 ? e.text : "out of memory");
			return;
		}
		memcpy(note, p->note, p->n);
		memcpy(note + p->n, line, (size_t)n);
		r = copy_seal(o->ledger, &p->c, &p->key, (struct span){note, p->n + (size_t)n}, &e);
		if (r) {
			answer_trouble(a, r, &e);
			return;
		}
		memcpy(o->line, line, sizeof(line));
		o->cosigned_at = now;
	}
	a->status = 200;
	a->type = "text/plain";
	snprintf(a->body, sizeof(a->body), "%s", o->line);
}

void upload_abort(struct upload *u)
{
	pending_free(&u->to);
	free(u);
}

void upload_end(struct upload *u, uint64_t now, struct answer *a)
{
	struct origin *o = u->o;
	uint64_t end = u->to.c.size;

	pthread_mutex_lock(&o->lock);
	if (u->expected && !u->taken)
		answer_set(a, 400, "the request ended before its first package did");
	else if (ledger_size(o->ledger) < end)
		tell(o, 202, end, a);
	else if (end < copy_least(o->ledger))
		tell(o, 409, pending_last(o)->c.size, a);
	else
		seal(o, &u->to, now, a);
	pthread_mutex_unlock(&o->lock);
	upload_abort(u);
}
