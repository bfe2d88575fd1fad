/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/push/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/cosign.h"
#include "ledger/file.h"
#include "util/cleanup.h"

#define ANSWER_MAX NOTE_MAX
#define OFFERS 4      /* of one checkpoint, while the peer says each time that it has another */
#define STRAYS 16     /* answers since the last cosignature that did not lead on */
#define VKEY_FILE_MAX 1024

const char *upload_trouble_name(enum upload_trouble t)
{
	static const char *const names[] = {"", "away", "refused", "fork", "ahead", "behind", "lies", "here"};

	return names[t];
}

static int trouble(struct upload *u, enum upload_trouble t, int code, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

static int trouble(struct upload *u, enum upload_trouble t, int code, struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	u->trouble = t;
	return err_set(e, code, "%s", text);
}

int upload_open(struct upload *u, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	struct err why;
	size_t n;
	int r;

	u->peer_has = UINT64_MAX;
	u->fd = open(u->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	hashes_open(&u->hashes, u->fd);
	if (u->fd < 0)
		return err_set(e, errno, "%.300s: %s", u->dir, strerror(errno));
	r = file_load(u->fd, "vkey", VKEY_FILE_MAX, &text, &n);
	if (r)
		return err_set(e, -r, "the ledger's vkey cannot be read: %s", file_strerror(r));
	if (vkey_read(text, n, &u->log, &why))
		return err_set(e, EBADMSG, "the ledger's vkey is damaged: %s", why.text);
	r = cosigned_get(u->fd, &u->target->key, &u->log, &u->done, &why);
	if (r && r != -ENOENT && u->tell)
		u->tell(u->ctx, why.text);
	if (r)
		memset(&u->done, 0, sizeof(u->done));
	u->pending = u->next = u->done.size;
	u->unsure = true;
	return 0;
}

void upload_free(struct upload *u)
{
	ledger_reader_close(u->reader);
	hashes_close(&u->hashes);
	if (u->fd >= 0)
		close(u->fd);
	body_free(&u->body);
	body_free(&u->ahead);
	wire_info_free(&u->info);
	free(u->note);
	u->note = NULL;
	u->reader = NULL;
	u->fd = -1;
}

/* The present checkpoint. */
static int load_checkpoint(struct upload *u, struct err *e)
{
	struct err why;
	int r;

	free(u->note);
	u->note = NULL;
	r = file_load(u->fd, "checkpoint", NOTE_MAX, &u->note, &u->note_n);
	if (r)
		return trouble(u, UPLOAD_HERE, -r, e, "the ledger's checkpoint cannot be read: %s", file_strerror(r));
	if (checkpoint_parse(u->note, u->note_n, &u->c, &why) || checkpoint_verify(&u->c, &u->log, &why))
		return trouble(u, UPLOAD_HERE, EBADMSG, e, "the ledger's checkpoint is damaged: %s", why.text);
	u->signed_size = u->c.size;
	if (!u->done.size)
		return 0;
	if (u->c.size < u->done.size || (u->c.size == u->done.size && memcmp(&u->c.root, &u->done.root, LEDGER_HASH)))
		return trouble(u, u->c.size < u->done.size ? UPLOAD_AHEAD : UPLOAD_FORK, EBADMSG, e, "this ledger was "
			"rolled back or rewritten: it has %" PRIu64 " signed records, and %s has cosigned %" PRIu64
			" of another history", u->c.size, u->target->key.name, u->done.size);
	return 0;
}

/* Send a request. 0 with an answer below 500 other than 429; else the peer is away. */
static int ask(struct upload *u, const struct http_request *q, struct http_answer *a, struct err *e)
{
	int r = u->send(u->ctx, q, a, e);

	u->retry_after = 0;
	if (r) {
		u->trouble = r == -E2BIG ? UPLOAD_LIES : r == -EACCES ? UPLOAD_REFUSED : UPLOAD_AWAY;
		return r;
	}
	if (a->status < 500 && a->status != 429)
		return 0;
	u->retry_after = a->retry_after;
	return trouble(u, UPLOAD_AWAY, EBUSY, e, "%s: it answers %ld%s: it cannot take records now", u->target->url, a->status,
		a->status == 507 ? " (its disk is full)" : "");
}

/* An answer that ends the round. */
static int refused(struct upload *u, const char *what, long status, struct err *e)
{
	const char *url = u->target->url, *origin = u->log.name;

	switch (status) {
	case 401:
	case 403:
		return trouble(u, UPLOAD_REFUSED, EACCES, e, "%s: it does not accept the key %s+%08" PRIx32 " for this log "
			"(status %ld); give it the ledger's vkey", url, origin, u->log.id, status);
	case 404:
		return trouble(u, UPLOAD_REFUSED, ENOENT, e, "%s: it does not know the log '%s', or not that it is ours; "
			"'logvisor mirror add' there makes it known", url, origin);
	case 422:
		return trouble(u, UPLOAD_FORK, EBADMSG, e, "%s: it holds another history of '%s' than this ledger (%s, status "
			"422): this ledger was rewritten or forked, or another host pushes under the same key", url,
			origin, what);
	}
	return trouble(u, UPLOAD_LIES, EPROTO, e, "%s: it answers %s with status %ld, which means nothing here", url, what,
		status);
}

/* The peer says that its newest checkpoint has @size leaves. Say so if it had more. */
static void has_forgotten(struct upload *u, uint64_t size)
{
	char text[400];

	if (size >= u->done.size) {
		u->peer_has = UINT64_MAX;
		return;
	}
	if (u->peer_has == UINT64_MAX) {
		snprintf(text, sizeof(text), "%.150s: it has gone back: it cosigned %" PRIu64 " records and says now that it "
			"has %" PRIu64 " (restored from an older copy?)", u->target->url, u->done.size, size);
		u->tell(u->ctx, text);
	}
	u->peer_has = size;
}

static int ahead(struct upload *u, uint64_t size, struct err *e)
{
	return trouble(u, UPLOAD_AHEAD, EBADMSG, e, "%s: it has %" PRIu64 " records of '%s', this ledger %" PRIu64 ": the ledger "
		"was rolled back, or another host pushes under the same key", u->target->url, size, u->log.name, u->c.size);
}

/* Keep the cosignature in @body, which must be there and right. */
static int take_cosignature(struct upload *u, const char *body, size_t n, struct err *e)
{
	struct span rest = {body, n};
	struct cosigned now = {.size = u->c.size, .root = u->c.root};
	struct note_signature s;
	_cleanup_free_ char *note = NULL;
	bool found = false;
	struct err why = {"no line of it is by that key"};
	int r = 0;

	while (!found && note_signature_next(&rest, &s)) {
		r = cosign_verify_line(&s, u->c.text, &u->target->key, &now.time, &why);
		if (r && r != -ENOENT)
			break;
		found = !r;
	}
	if (!found)
		return trouble(u, UPLOAD_LIES, EBADMSG, e, "%s: it does not give the cosignature of %s: %s", u->target->url,
			u->target->key.name, why.text);
	r = asprintf(&note, "%.*s%.*s\n", (int)u->note_n, u->note, (int)s.line.n, s.line.p);
	if (r < 0) {
		note = NULL;
		return trouble(u, UPLOAD_HERE, ENOMEM, e, "out of memory");
	}
	r = cosigned_put(u->fd, &u->target->key, note, (size_t)r);
	if (r)
		return trouble(u, UPLOAD_HERE, -r, e, "a cosignature cannot be kept: %s", file_strerror(r));
	u->done = now;
	u->strays = 0;
	u->peer_has = UINT64_MAX;
	return 0;
}

/* The checkpoint, and the proof that it goes on from the peer's. */
static int make_offer(struct upload *u, char **body, size_t *n, struct err *e)
{
	struct wire_checkpoint w = {.old = u->pending, .note = {u->note, u->note_n}};
	int r = 0;

	if (w.old)
		r = consistency_make(&u->hashes, 0, w.old, u->c.size, w.proof, &w.n_proof);
	if (r == -ENODATA)
		return trouble(u, UPLOAD_BEHIND, ENODATA, e, "%s: it has %" PRIu64 " records, and what would prove that these are "
			"the first of the ledger's was pruned or is damaged", u->target->url, u->pending);
	if (r)
		return trouble(u, UPLOAD_HERE, -r, e, "cannot read the hashes: %s", file_strerror(r));
	return wire_checkpoint_put(&w, body, n) ? trouble(u, UPLOAD_HERE, ENOMEM, e, "out of memory") : 0;
}

/* One add-checkpoint. 0: taken; -EAGAIN: u->pending is another now; else the round is over. */
static int offer_once(struct upload *u, struct err *e)
{
	struct http_request q = {.path = "add-checkpoint", .type = "text/plain", .max = ANSWER_MAX};
	_cleanup_free_ char *body = NULL;
	struct http_answer a = {0};
	uint64_t size;
	int r = make_offer(u, &body, &q.n, e);

	q.body = body;
	if (!r)
		r = ask(u, &q, &a, e);
	if (!r && a.status == 409) {
		if (wire_size_get(a.body ? a.body : "", a.n, &size, NULL)) {
			r = trouble(u, UPLOAD_LIES, EPROTO, e, "%s: it answers add-checkpoint with 409 and no size",
				u->target->url);
		} else {
			has_forgotten(u, size);
			r = size > u->c.size ? ahead(u, size, e) : -EAGAIN;
			u->pending = r == -EAGAIN ? size : u->pending;
		}
	} else if (!r && a.status != 200) {
		r = refused(u, "add-checkpoint", a.status, e);
	} else if (!r) {
		u->pending = u->c.size;
		u->offered = true;
		if (u->target->kind == UPLOAD_WITNESS)
			r = take_cosignature(u, a.body, a.n, e);
	}
	http_answer_free(&a);
	return r;
}

static int offer(struct upload *u, struct err *e)
{
	int r = -EAGAIN;

	/* A mirror that has this checkpoint already needs it no second time; a witness has not cosigned it. */
	if (u->target->kind == UPLOAD_MIRROR && u->pending == u->c.size)
		return 0;
	for (int i = 0; i < OFFERS && r == -EAGAIN; i++)
		r = offer_once(u, e);
	if (r == -EAGAIN)
		r = trouble(u, UPLOAD_LIES, EPROTO, e, "%s: each time it is asked it has another checkpoint of '%s': another host "
			"pushes under the same key, or it does not tell the truth", u->target->url, u->log.name);
	return r;
}

static int open_reader(struct upload *u, struct err *e)
{
	char path[32];
	int r;

	/* It may be out of reach by its name: upload_open() was called with more rights. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", u->fd);
	r = u->reader ? ledger_reader_refresh(u->reader, e) : ledger_reader_open(&u->reader, path, e);

	if (r < 0)
		u->trouble = UPLOAD_HERE;
	return r < 0 ? r : 0;
}

/* 202 and 409: where the mirror is. -EAGAIN: that is some way on, or back; or it was only @asked. */
static int take_info(struct upload *u, const struct http_answer *a, bool asked, struct err *e)
{
	uint64_t from = u->next, pending = u->pending;
	struct err why;

	wire_info_free(&u->info);
	if (wire_info_get(a->body ? a->body : "", a->n, &u->info, &why))
		return trouble(u, UPLOAD_LIES, EPROTO, e, "%s: it answers add-entries with %ld and %s", u->target->url, a->status,
			why.text);
	if (u->info.size > u->c.size)
		return ahead(u, u->info.size, e);
	/* It may have more than we sent: a restored ledger is pushed by a host that does not know what is there. */
	if (u->info.next > u->info.size)
		return trouble(u, UPLOAD_LIES, EPROTO, e, "%s: it says that it has entries which nobody can have sent it: next %"
			PRIu64 " of %" PRIu64, u->target->url, u->info.next, u->info.size);
	if (u->info.next < from)
		has_forgotten(u, u->info.next);
	u->next = u->info.next;
	u->pending = u->info.size;
	if (asked)
		return -EAGAIN;
	u->strays += u->next <= from;
	if ((u->next == from && u->pending == pending) || u->strays > STRAYS) {
		u->strays = 0;
		return trouble(u, UPLOAD_LIES, EPROTO, e, "%s: it answers %ld, and wants again what it was sent: entries from %"
			PRIu64 " on", u->target->url, a->status, u->next);
	}
	return -EAGAIN;
}

/* A body with the entries of the ledger from @from on, up to the checkpoint at most. */
static int build(struct upload *u, uint64_t from, struct body *b, struct err *e)
{
	const struct wire_head head = {span_of(u->log.name), from, u->c.size, u->info.ticket};
	int r = body_build(b, u->reader, &u->hashes, &head, e);

	if (!r && !http_is_near(u->target->url) && body_gzip(b))
		r = err_set(e, ENOMEM, "out of memory");
	if (r)
		b->n = 0;
	return r;
}

void upload_ahead(struct upload *u)
{
	struct err e;

	/* With a ticket, the next one is not known; what is wrong with the files is told when it is sent. */
	u->ahead.n = 0;
	if (u->body.n && u->body.to < u->body.end && u->body.end == u->c.size && !u->info.ticket.n)
		build(u, u->body.to, &u->ahead, &e);
}

/* Have in u->body the entries from @from on. */
static int have_body(struct upload *u, uint64_t from, struct err *e)
{
	struct body was = u->body;
	int r;

	if (u->ahead.n && u->ahead.from == from && u->ahead.end == u->c.size && !u->info.ticket.n) {
		u->body = u->ahead;
		u->ahead = was;
		u->ahead.n = 0;
		return 0;
	}
	r = build(u, from, &u->body, e);
	if (r)
		u->trouble = r == -ERANGE && u->next < ledger_reader_first(u->reader) ? UPLOAD_BEHIND : UPLOAD_HERE;
	return r;
}

/*
 * Part of the entries up to the checkpoint. 0: all are there, and cosigned; -EAGAIN: go on.
 *
 * Of what was sent before a connection broke, whole packages are kept. Where the mirror is now it says when it is
 * offered no entry, from the end on: so there is progress by any connection that lasts for a package.
 */
static int send_entries(struct upload *u, struct err *e)
{
	const bool asks = u->unsure && u->c.size - u->next > LEDGER_BUNDLE;
	struct http_request q = {.path = "add-entries", .type = WIRE_ENTRIES_TYPE, .max = ANSWER_MAX};
	struct http_answer a = {0};
	int r = have_body(u, asks ? u->c.size : u->next, e);

	if (r)
		return r;
	q.gzip = u->body.gzip;
	q.body = u->body.buf;
	q.n = u->body.n;
	r = ask(u, &q, &a, e);
	u->body.n = 0;
	u->unsure = r != 0;
	if (!r && a.status == 200) {
		r = take_cosignature(u, a.body, a.n, e);
		u->next = u->c.size;
	} else if (!r && (a.status == 202 || a.status == 409)) {
		r = take_info(u, &a, asks, e);
	} else if (!r && a.status == 422 && !u->offered) {
		/* That it never had a checkpoint of this log: its store is a new one. Whatever else it is, the offer tells. */
		u->pending = 0;
		r = -EAGAIN;
	} else if (!r) {
		r = refused(u, "add-entries", a.status, e);
	}
	http_answer_free(&a);
	return r;
}

/* Until the mirror has all of this checkpoint, or wants to be offered it again. */
static int upload_entries(struct upload *u, struct err *e)
{
	int r = open_reader(u, e);

	while (!r || r == -EAGAIN) {
		r = send_entries(u, e);
		if (r != -EAGAIN || u->pending != u->c.size)
			break;
	}
	return r;
}

int upload_round(struct upload *u, struct err *e)
{
	int r;

	u->trouble = UPLOAD_FINE;
	u->offered = false;
	r = load_checkpoint(u, e);
	if (r || u->c.size == 0 || (u->asked && u->c.size == u->done.size && u->peer_has == UINT64_MAX))
		return r;
	r = offer(u, e);
	if (!r && u->target->kind == UPLOAD_MIRROR)
		r = upload_entries(u, e);
	u->asked |= !r;
	return r;
}
