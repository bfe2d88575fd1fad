/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/lost.h"
#include "source/printk/printk.h"
#include "util/among.h"
#include "util/clock.h"
#include "util/hash.h"

#define CLOCK_STEP_US 500000 /* a clock that jumps by more was set, not slewed */

/* The store directory itself; the VM's own is the ledger's to make. */
static int make_parent(const char *dir, struct err *e)
{
	char parent[4096];
	size_t n = strlen(dir);

	if (n >= sizeof(parent))
		return err_set(e, ENAMETOOLONG, "the store directory's name is too long");
	memcpy(parent, dir, n + 1);
	for (char *p = parent + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(parent, 0750) && errno != EEXIST)
			return err_set(e, errno, "cannot make %s: %s; choose another with --store",
				parent, strerror(errno));
		*p = '/';
	}
	return 0;
}

static int find_lost(const char *dir, uint64_t *lost, struct err *e)
{
	struct ledger_reader *reader;
	int r = ledger_reader_open(&reader, dir, e);

	if (r)
		return r;
	r = lost_total(reader, UINT64_MAX, lost, e);
	ledger_reader_close(reader);
	return r < 0 ? r : 0;
}

int store_open(struct store *s, const char *dir, const char *name, struct ledger_recovery *rec,
	struct err *e)
{
	int r;

	memset(s, 0, sizeof(*s));
	s->name = name;
	s->dir = -1;
	s->clock_us = clock_offset_us(CLOCK_BOOTTIME);
	r = make_parent(dir, e);
	if (r)
		return r;
	s->leaf = malloc(RECORD_LEAF_MAX);
	if (!s->leaf)
		return err_set(e, ENOMEM, "out of memory");
	r = ledger_open(&s->ledger, dir, name, rec, e);
	if (!r && !rec->created)
		r = store_find_resume(dir, &s->resume, e);
	if (!r && !rec->created)
		r = find_lost(dir, &s->lost, e);
	if (!r && (s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		r = err_set(e, errno, "%s: %s", dir, strerror(errno));
	if (r) {
		if (s->ledger)
			ledger_abandon(s->ledger);
		free(s->leaf);
		s->ledger = NULL;
		s->leaf = NULL;
	}
	return r;
}

static int failed(struct store *s, int r, const struct err *why)
{
	s->failing = true;
	s->retry_ms = clock_due_ms() + STORE_RETRY_MS;
	if (why != &s->why)
		s->why = *why;
	return r;
}

/* Remember @r as where to go on. */
static void note_resume(struct source_resume *at, const struct record *r)
{
	uint64_t first, count;

	if (r->channel != RECORD_KMSG)
		return;
	if (!r->has_seq) { /* a gap: accounted for, nothing to recognise the boot by */
		if (span_is(r->boot, at->boot) && meta_is(r, NULL) &&
			meta_get_u64(r, "first", &first) && meta_get_u64(r, "count", &count) &&
			first + count > at->next)
			at->next = first + count;
		return;
	}
	if (at->known && span_is(r->boot, at->boot) && r->seq < at->seq)
		return; /* filled in late */
	if (!at->known || !span_is(r->boot, at->boot) || r->seq >= at->next)
		at->next = r->seq + 1;
	if (!span_is(r->boot, at->boot))
		at->n_open = 0;
	at->known = true;
	memset(at->boot, 0, sizeof(at->boot));
	if (r->boot.n < sizeof(at->boot))
		memcpy(at->boot, r->boot.p, r->boot.n);
	at->seq = r->seq;
	at->guest_ns = r->guest_ns;
	at->text_hash = hash64(r->msg.p, r->msg.n);
}

/* Remember what gap records name until it is stored after all. */
static void note_open(struct source_resume *at, const struct record *r)
{
	uint64_t first, count;

	if (r->channel != RECORD_KMSG || !span_is(r->boot, at->boot))
		return;
	for (unsigned i = at->n_open; r->has_seq && i-- > 0;)
		if (at->open[i] == r->seq)
			at->open[i] = at->open[--at->n_open];
	if (r->has_seq || !meta_get_gap(r, &first, &count) || count > SOURCE_OPEN_MAX)
		return; /* so many were overwritten */
	for (uint64_t i = 0; i < count; i++) {
		if (at->n_open == SOURCE_OPEN_MAX)
			memmove(at->open, at->open + 1, --at->n_open * sizeof(*at->open));
		at->open[at->n_open++] = first + i;
	}
}

int store_put(void *store, struct record *r, struct err *e)
{
	struct store *s = store;
	uint64_t first, count;
	struct err why;
	long n;
	int ret;

	r->host = span_of(s->name);
	n = record_encode(r, s->leaf, RECORD_LEAF_MAX);
	if (n < 0)
		return err_set(e, EINVAL, "a record could not be encoded (%s)", strerror((int)-n));
	ret = ledger_append(s->ledger, s->leaf, (size_t)n, r->time_us, &why);
	if (ret) {
		if (e)
			*e = why;
		return failed(s, ret, &why);
	}
	if (!s->dirty_ms)
		s->dirty_ms = clock_due_ms();
	if (!s->unsigned_ms)
		s->unsigned_ms = s->dirty_ms;
	/* Out of order it can only be one that a gap record named and that was finished since. */
	if (r->fidelity == RECORD_LATE && r->has_seq && r->seq < s->resume.next && s->lost &&
		span_is(r->boot, s->resume.boot))
		s->lost--;
	if (span_is(r->msgid, "alert") && span_is(r->app, "logvisor"))
		s->unsigned_ms = 1; /* long ago: signed by the next store_tick() */
	note_resume(&s->resume, r);
	note_open(&s->resume, r);
	if (meta_get_gap(r, &first, &count))
		s->lost = lost_add(s->lost, count);
	return 0;
}

struct meta *store_meta(struct store *s, enum meta_kind kind)
{
	meta_begin(&s->meta, s->name, kind, clock_wall_us(), s->boot);
	return &s->meta;
}

int store_put_meta(struct store *s, struct err *e)
{
	enum meta_kind kind;

	if (meta_is(&s->meta.r, &kind) && (kind == META_ATTACH || kind == META_HEARTBEAT ||
		kind == META_DETACH || kind == META_END))
		meta_u64(&s->meta, META_TOTAL_LOST, s->lost);
	return store_put(s, &s->meta.r, e);
}

static int watch_clock(struct store *s)
{
	int64_t now = clock_offset_us(CLOCK_BOOTTIME), step = now - s->clock_us;
	int r = 0;

	if (step > CLOCK_STEP_US || step < -CLOCK_STEP_US) {
		store_meta(s, META_CLOCK);
		meta_clock(&s->meta, step);
		r = store_put_meta(s, &s->why);
	}
	if (!r)
		s->clock_us = now; /* a slewed clock drifts: only jumps count */
	return r;
}

int store_tick(struct store *s)
{
	int64_t now = clock_due_ms();
	int r;

	if (s->failing && now < s->retry_ms)
		return -EAGAIN;
	r = watch_clock(s);
	if (!r && s->unsigned_ms && now - s->unsigned_ms >= STORE_CHECKPOINT_MS) {
		r = ledger_checkpoint(s->ledger, &s->why);
		if (!r)
			s->unsigned_ms = s->dirty_ms = 0;
	} else if (!r && s->dirty_ms && now - s->dirty_ms >= STORE_COMMIT_MS) {
		r = ledger_commit(s->ledger, &s->why);
		if (!r)
			s->dirty_ms = 0;
	}
	if (r)
		return failed(s, r, &s->why);
	if (s->failing && (s->dirty_ms || s->unsigned_ms)) {
		/* It failed, nothing was due: see whether it works again. */
		r = ledger_commit(s->ledger, &s->why);
		if (r)
			return failed(s, r, &s->why);
		s->dirty_ms = 0;
	}
	s->failing = false;
	return 0;
}

int store_prune(struct store *s, uint64_t keep_bytes, int64_t min_time_us, uint64_t *pruned, struct err *e)
{
	const struct ledger_retention keep = {keep_bytes, min_time_us, s->name, clock_wall_us()};
	int r = ledger_prune(s->ledger, &keep, pruned, e);

	/* Its record may have been put, and not signed. */
	if (r && !s->unsigned_ms)
		s->unsigned_ms = s->dirty_ms = clock_due_ms();
	return r;
}

static int64_t until(int64_t since, int64_t after, int64_t now, int64_t max)
{
	int64_t left = since + after - now;

	return left < 0 ? 0 : left < max ? left : max;
}

int store_due(const struct store *s, int max)
{
	int64_t now = clock_due_ms(), left = max;

	if (s->failing)
		return (int)until(s->retry_ms, 0, now, left);
	if (s->dirty_ms)
		left = until(s->dirty_ms, STORE_COMMIT_MS, now, left);
	if (s->unsigned_ms)
		left = until(s->unsigned_ms, STORE_CHECKPOINT_MS, now, left);
	return (int)left;
}

int64_t store_lag(const struct store *s)
{
	return s->dirty_ms ? clock_due_ms() - s->dirty_ms : 0;
}

int store_close(struct store *s, struct err *e)
{
	int r = s->ledger ? ledger_close(s->ledger, e) : 0;

	if (s->dir >= 0)
		close(s->dir);
	s->dir = -1;
	free(s->leaf);
	s->ledger = NULL;
	s->leaf = NULL;
	return r;
}

/* ---- where to go on, from the ledger ---- */

#define RESUME_LOOK 256 /* kmsg leaves looked at: late ones come out of order */

struct look {
	struct ledger_reader *reader;
	struct record r;
	char scratch[RECORD_LEAF_MAX];
	uint64_t seqs[RESUME_LOOK]; /* of the last boot's records looked at */
	unsigned n_seqs;
};

/* The next older kmsg leaf, gaps among them: 1 with k->r, 0 at the beginning, or -errno. */
static int older(struct look *k, uint64_t *index, struct err *e)
{
	struct span leaf;
	int r;

	while ((r = ledger_reader_prev(k->reader, &leaf, index, e)) == 1)
		if (!record_decode(leaf.p, leaf.n, &k->r, k->scratch, sizeof(k->scratch), NULL) &&
			k->r.channel == RECORD_KMSG)
			break;
	return r;
}

/* The record of the last boot that has the highest number; *@oldest: how far back was looked. */
static int last_record(struct look *k, struct source_resume *at, uint64_t *oldest, struct err *e)
{
	uint64_t index;
	int r;

	while (k->n_seqs < RESUME_LOOK && (r = older(k, &index, e)) != 0) {
		if (r < 0)
			return r;
		if (!k->r.has_seq)
			continue;
		if (at->known && !span_is(k->r.boot, at->boot))
			break;
		k->seqs[k->n_seqs++] = k->r.seq;
		*oldest = index;
		if (at->known && k->r.seq <= at->seq)
			continue;
		at->known = false;
		note_resume(at, &k->r);
	}
	return 0;
}

/* What the gap k->r names and no record looked at has, up to a few. */
static void find_open(const struct look *k, struct source_resume *at)
{
	uint64_t first, count;

	if (!span_is(k->r.boot, at->boot) || !meta_get_gap(&k->r, &first, &count) || count > SOURCE_OPEN_MAX)
		return;
	for (uint64_t i = 0; i < count && at->n_open < SOURCE_OPEN_MAX; i++)
		if (!among(first + i, k->seqs, k->n_seqs) && !among(first + i, at->open, at->n_open))
			at->open[at->n_open++] = first + i;
}

/* Gaps of that boot that were written down after it, or not long before. */
static int last_gaps(struct look *k, struct source_resume *at, uint64_t oldest, struct err *e)
{
	uint64_t index = UINT64_MAX;
	int r = 0;

	while (index > oldest && (r = older(k, &index, e)) == 1)
		if (!k->r.has_seq) {
			note_resume(at, &k->r);
			find_open(k, at);
		}
	return r < 0 ? r : 0;
}

int store_recall(void *store, source_known known, void *ctx, struct err *e)
{
	struct store *s = store;
	struct look *k = calloc(1, sizeof(*k));
	uint64_t index;
	char boot[17], path[32];
	int r, done = 0;

	if (!k)
		return err_set(e, ENOMEM, "out of memory");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->dir);
	r = ledger_commit(s->ledger, e);
	if (!r)
		r = ledger_reader_open(&k->reader, path, e);
	if (!r)
		r = ledger_reader_seek(k->reader, ledger_reader_end(k->reader), e);
	while (!r && !done && (r = older(k, &index, e)) == 1) {
		r = 0;
		if (!k->r.has_seq || k->r.boot.n >= sizeof(boot))
			continue;
		snprintf(boot, sizeof(boot), "%.*s", (int)k->r.boot.n, k->r.boot.p);
		done = known(ctx, boot, k->r.seq, k->r.guest_ns,
			hash64(k->r.msg.p, k->r.msg.n));
	}
	ledger_reader_close(k->reader);
	free(k);
	return r;
}

int store_find_resume(const char *dir, struct source_resume *at, struct err *e)
{
	struct look *k = calloc(1, sizeof(*k));
	uint64_t oldest = 0;
	int r;

	memset(at, 0, sizeof(*at));
	if (!k)
		return err_set(e, ENOMEM, "out of memory");
	r = ledger_reader_open(&k->reader, dir, e);
	if (!r)
		r = ledger_reader_seek(k->reader, ledger_reader_end(k->reader), e);
	if (!r)
		r = last_record(k, at, &oldest, e);
	if (!r && at->known)
		r = ledger_reader_seek(k->reader, ledger_reader_end(k->reader), e);
	if (!r && at->known)
		r = last_gaps(k, at, oldest, e);
	ledger_reader_close(k->reader);
	free(k);
	return r;
}
