/* SPDX-License-Identifier: BSD-3-Clause */
/* origin.c - open and close a log in the mirror's keeping, and take in checkpoints of it. */
#include "mirror/store/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/file.h"
#include "mirror/store/impl.h"
#include "util/cleanup.h"

int answer_set(struct answer *a, int status, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	a->status = status;
	a->type = NULL;
	va_start(ap, fmt);
	vsnprintf(a->body, sizeof(a->body) - 1, fmt, ap);
	va_end(ap);
	n = strlen(a->body);
	a->body[n] = '\n';
	a->body[n + 1] = '\0';
	return status;
}

int answer_trouble(struct answer *a, int error, const struct err *e)
{
	bool room = error == -ENOSPC || error == -EDQUOT;

	return answer_set(a, room ? 507 : 500, "%s%s", e->text, room ? "" : " (nothing stored is lost)");
}

int origin_open(struct origin **out, const char *store, const struct origin_conf *conf,
	const struct cosigners *keys, bool *mended, struct err *e)
{
	struct origin *o = calloc(1, sizeof(*o));
	struct ledger_recovery rec = {0};
	char path[4096];
	int r;

	if (!o)
		return err_set(e, ENOMEM, "out of memory");
	pthread_mutex_init(&o->lock, NULL);
	o->conf = *conf;
	o->keys = keys;
	o->dir = -1;
	if (snprintf(path, sizeof(path), "%s/%s", store, conf->name) >= (int)sizeof(path))
		r = err_set(e, ENAMETOOLONG, "the store directory's name is too long");
	else
		r = copy_open(&o->ledger, path, &(struct copy_keys){o->conf.key, o->conf.n_keys}, &rec, e);
	if (!r) {
		o->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = o->dir < 0 ? err_set(e, errno, "%.300s: %s", path, strerror(errno)) : pending_load(o, e);
	}
	if (r) {
		ledger_abandon(o->ledger);
		o->ledger = NULL;
		origin_close(o, NULL);
		return r;
	}
	*mended = rec.torn_bytes || rec.hashes_rebuilt;
	if (*mended)
		err_set(e, 0, "after a crash: %" PRIu64 " bytes of an unfinished record cut off, %" PRIu64
			" hashes made again; nothing that was acknowledged", rec.torn_bytes, rec.hashes_rebuilt);
	*out = o;
	return 0;
}

int origin_close(struct origin *o, struct err *e)
{
	int r = ledger_close(o->ledger, e);

	for (size_t i = 0; i < o->n_pending; i++)
		pending_free(&o->pending[i]);
	if (o->dir >= 0)
		close(o->dir);
	pthread_mutex_destroy(&o->lock);
	free(o);
	return r;
}

const struct origin_conf *origin_conf(const struct origin *o)
{
	return &o->conf;
}

void origin_reconf(struct origin *o, const struct origin_conf *conf)
{
	pthread_mutex_lock(&o->lock);
	memcpy(o->conf.key, conf->key, sizeof(o->conf.key));
	o->conf.n_keys = conf->n_keys;
	pthread_mutex_unlock(&o->lock);
}

void origin_state(struct origin *o, struct origin_state *out)
{
	pthread_mutex_lock(&o->lock);
	*out = (struct origin_state){
		.size = ledger_size(o->ledger),
		.pending = o->n_pending ? pending_last(o)->c.size : 0,
		.cosigned = ledger_signed(o->ledger),
		.cosigned_at = o->cosigned_at,
		.packages = o->packages,
		.refused = o->refused,
	};
	pthread_mutex_unlock(&o->lock);
}

/* The place among the log's keys of the one that signed the youngest checkpoint taken. */
static size_t last_key(const struct origin *o)
{
	const struct pending *last = pending_last(o);

	for (size_t i = 0; last && i < o->conf.n_keys; i++)
		if (!memcmp(o->conf.key[i].pub, last->key.pub, sizeof(last->key.pub)))
			return i;
	return 0;
}

/*
 * The key that signed @c, or NULL with 403: none that is known; one of which the signature is wrong; or one that has
 * been replaced: once a younger one (they stand in that order) has signed, who had the old one goes on no more.
 */
static const struct vkey *signer(const struct origin *o, const struct checkpoint *c, struct answer *a)
{
	const struct vkey *found = NULL;
	struct err e;

	for (size_t i = 0; i < o->conf.n_keys; i++) {
		int r = checkpoint_verify(c, &o->conf.key[i], &e);

		if (r == -EBADMSG) {
			answer_set(a, 403, "%s", e.text);
			return NULL;
		}
		if (!r)
			found = &o->conf.key[i];
	}
	if (found && found < &o->conf.key[last_key(o)]) {
		answer_set(a, 403, "the checkpoint is signed by a key of the log that was replaced by another one");
		return NULL;
	}
	if (!found)
		answer_set(a, 403, "the checkpoint is signed by no key that is known of its log; 'logvisor mirror "
			"add' makes one known");
	return found;
}

/* Is @c a growth of what was pending? 0, or the status of the answer. In the order of the specification. */
static int check_growth(const struct pending *last, const struct wire_checkpoint *w, struct answer *a)
{
	const struct checkpoint *c = &w->checkpoint;
	uint64_t size = last ? last->c.size : 0;
	struct tree empty = {0};
	struct hash none;

	if (w->old > c->size)
		return answer_set(a, 400, "old size %" PRIu64 " is above the checkpoint's, %" PRIu64, w->old, c->size);
	if (w->old != size) {
		answer_set(a, 409, "%s", "");
		wire_size_put(size, a->body);
		a->type = WIRE_SIZE_TYPE;
		return 409;
	}
	tree_root(&empty, &none);
	if (c->size == 0 && memcmp(&c->root, &none, sizeof(none)))
		return answer_set(a, 422, "a tree of no records has another root");
	if (w->old == 0)
		return w->n_proof ? answer_set(a, 422, "a proof from an empty tree is empty") : 0;
	if (consistency_check(0, w->old, c->size, &last->c.root, w->proof, w->n_proof, &c->root))
		return answer_set(a, 422, "the checkpoint of %" PRIu64 " records is no growth of the one of %" PRIu64
			" that is known: the log was forked, or the proof is wrong", c->size, w->old);
	return 0;
}

/* Durable, with the witness's cosignature, which is in a->body. 0, or the status. */
static int store_pending(const struct origin *o, const struct pending *p, struct answer *a)
{
	size_t n = strlen(a->body);
	_cleanup_free_ char *file = malloc(p->n + n);
	struct err e;
	int r;

	if (!file)
		return answer_set(a, 500, "out of memory");
	memcpy(file, p->note, p->n);
	memcpy(file + p->n, a->body, n);
	r = file_replace(o->dir, "pending", file, p->n + n, 0644);
	if (!r)
		return 0;
	err_set(&e, -r, "the checkpoint cannot be stored: %s", file_strerror(r));
	return answer_trouble(a, r, &e);
}

static void add_checkpoint(struct origin *o, const struct wire_checkpoint *w, uint64_t now, struct answer *a)
{
	const struct checkpoint *c = &w->checkpoint;
	const struct vkey *key = signer(o, c, a);
	struct pending p = {0};
	struct err e;
	int r;

	if (!key || check_growth(pending_last(o), w, a))
		return;
	r = pending_make(&p, c, key);
	if (r) {
		answer_set(a, r == -EFBIG ? 400 : 500, "%s", r == -EFBIG ? "the checkpoint is too long" : "out of memory");
		return;
	}
	if (cosign_make(o->keys->witness, p.c.text, now, a->body, &e) < 0) {
		answer_set(a, 500, "%s", e.text);
	} else if (!store_pending(o, &p, a)) {
		a->status = 200;
		a->type = "text/plain";
		pending_push(o, &p);
	}
	pending_free(&p);
}

void origin_add_checkpoint(struct origin *o, const struct wire_checkpoint *c, uint64_t now, struct answer *a)
{
	pthread_mutex_lock(&o->lock);
	add_checkpoint(o, c, now, a);
	pthread_mutex_unlock(&o->lock);
}
