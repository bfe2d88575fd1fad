/* SPDX-License-Identifier: BSD-3-Clause */
/* pending.c - the checkpoints that entries are uploaded to. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/file.h"
#include "mirror/store/impl.h"
#include "util/cleanup.h"

const struct pending *pending_last(const struct origin *o)
{
	return o->n_pending ? &o->pending[o->n_pending - 1] : NULL;
}

const struct pending *pending_of(const struct origin *o, uint64_t size)
{
	for (size_t i = o->n_pending; i-- > 0;)
		if (o->pending[i].c.size == size)
			return &o->pending[i];
	return NULL;
}

void pending_push(struct origin *o, struct pending *p)
{
	if (o->n_pending == ORIGIN_PENDING) {
		pending_free(&o->pending[0]);
		memmove(o->pending, o->pending + 1, (ORIGIN_PENDING - 1) * sizeof(*p));
		o->n_pending--;
	}
	o->pending[o->n_pending++] = *p;
	memset(p, 0, sizeof(*p));
}

void pending_free(struct pending *p)
{
	free(p->note);
	memset(p, 0, sizeof(*p));
}

/* @p->note is filled; take it apart. */
static int parse(struct pending *p, const struct vkey *key)
{
	p->key = *key;
	return checkpoint_parse(p->note, p->n, &p->c, NULL);
}

int pending_make(struct pending *p, const struct checkpoint *c, const struct vkey *key)
{
	struct span rest = c->sigs;
	struct note_signature s;

	memset(p, 0, sizeof(*p));
	if (c->text.n > ORIGIN_NOTE_MAX)
		return -EFBIG;
	p->note = malloc(ORIGIN_NOTE_MAX + 1);
	if (!p->note)
		return -ENOMEM;
	memcpy(p->note, c->text.p, c->text.n);
	p->n = c->text.n;
	p->note[p->n++] = '\n';
	while (note_signature_next(&rest, &s)) {
		if (!note_signature_is(&s, key))
			continue;
		if (s.line.n + 1 > ORIGIN_NOTE_MAX - p->n) {
			pending_free(p);
			return -EFBIG;
		}
		memcpy(p->note + p->n, s.line.p, s.line.n);
		p->n += s.line.n;
		p->note[p->n++] = '\n';
	}
	return parse(p, key);
}

int pending_copy(struct pending *to, const struct pending *from)
{
	memset(to, 0, sizeof(*to));
	to->note = malloc(from->n);
	if (!to->note)
		return -ENOMEM;
	memcpy(to->note, from->note, from->n);
	to->n = from->n;
	return parse(to, &from->key);
}

/* The checkpoint in file @name, by one of the log's keys, into *@p. -ENOENT: there is no such file. */
static int load(const struct origin *o, const char *name, struct pending *p, struct err *e)
{
	const struct copy_keys keys = {o->conf.key, o->conf.n_keys};
	_cleanup_free_ char *note = NULL;
	const struct vkey *key;
	struct checkpoint c;
	struct err why;
	size_t n;
	int r = file_load(o->dir, name, NOTE_MAX, &note, &n);

	if (r == -ENOENT)
		return r;
	if (r)
		return err_set(e, -r, "its file '%s' cannot be read: %s", name, file_strerror(r));
	if (checkpoint_parse(note, n, &c, &why) || !(key = copy_signer(&c, &keys, &why)))
		return err_set(e, EBADMSG, "its file '%s' is damaged: %.300s", name, why.text);
	r = pending_make(p, &c, key);
	return r ? err_set(e, -r, "its file '%s' cannot be used: %s", name, strerror(-r)) : 0;
}

int pending_load(struct origin *o, struct err *e)
{
	struct pending stored = {0}, young = {0};
	uint64_t have = ledger_size(o->ledger);
	int r;

	r = load(o, "checkpoint", &stored, e);
	if (!r)
		pending_push(o, &stored);
	if (r && r != -ENOENT)
		return r;
	r = load(o, "pending", &young, e);
	if (r && r != -ENOENT)
		return r;
	/* The mirror's own checkpoint was pending once: one that is older was put back by somebody. */
	if (!r && (!o->n_pending || young.c.size > o->pending[0].c.size))
		pending_push(o, &young);
	pending_free(&young);
	if (have > (o->n_pending ? pending_last(o)->c.size : 0))
		return err_set(e, EBADMSG, "it holds %" PRIu64 " records, and no checkpoint of its log covers more than "
			"%" PRIu64 ": its file 'pending' was removed or put back", have,
			o->n_pending ? pending_last(o)->c.size : 0);
	return 0;
}
