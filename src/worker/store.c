/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store.c - group commit. Each record put starts two clocks if they stand still: until it is durable
 * (dirty_ms) and until it is signed (unsigned_ms); store_tick() does what is due and stops them. While the
 * ledger takes nothing (failing), records are refused, not dropped: who offers them holds them, or the VM.
 */
#include "worker/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/lost.h"
#include "util/clock.h"
#include "util/dirs.h"

#define CLOCK_STEP_US 500000 /* a clock that jumps by more was set, not slewed */

static int find_lost(const char *dir, struct store *s, struct err *e)
{
	struct ledger_reader *reader;
	struct lost_sum sum;
	int r = ledger_reader_open(&reader, dir, e);

	if (r)
		return r;
	r = lost_total(reader, UINT64_MAX, &sum, e);
	ledger_reader_close(reader);
	s->lost = sum.lost;
	s->blind = sum.blind;
	memcpy(s->records, sum.records, sizeof(s->records));
	return r < 0 ? r : 0;
}

int store_open(struct store *s, const char *dir, const char *name, struct ledger_recovery *rec,
	struct err *e)
{
	int r;

	memset(s, 0, sizeof(*s));
	s->name = name;
	s->dir = -1;
	s->sign_ms = STORE_CHECKPOINT_MS;
	s->clock_us = clock_offset_us(CLOCK_BOOTTIME);
	r = dirs_above(AT_FDCWD, dir, 0750);
	if (r)
		return err_set(e, -r, "cannot make what is above %s: %s; choose another with --store", dir, strerror(-r));
	s->leaf = malloc(RECORD_LEAF_MAX);
	if (!s->leaf)
		return err_set(e, ENOMEM, "out of memory");
	r = ledger_open(&s->ledger, dir, name, rec, e);
	if (!r && !rec->created)
		r = find_lost(dir, s, e);
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

int store_put(struct store *s, struct record *r, struct err *e)
{
	uint64_t first, count;
	enum meta_kind kind;
	struct err why;
	long n;
	int ret;

	r->host = span_of(s->name);
	if (!r->boot.n)
		r->boot = span_of(s->boot);
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
	if (span_is(r->msgid, "alert") && span_is(r->app, "logvisor"))
		s->unsigned_ms = 1; /* long ago: signed by the next store_tick() */
	if (meta_get_gap(r, &first, &count))
		s->lost = lost_add(s->lost, count);
	s->blind += meta_is_blind(r);
	s->records[r->channel] += !meta_is(r, &kind);
	return 0;
}

void store_found(struct store *s)
{
	s->lost -= s->lost != 0;
}

int store_readable(struct store *s, char *path, size_t n, struct err *e)
{
	snprintf(path, n, "/proc/self/fd/%d", s->dir);
	return ledger_commit(s->ledger, e);
}

struct meta *store_meta(struct store *s, enum meta_kind kind)
{
	meta_begin(&s->meta, s->name, kind, clock_wall_us(), s->boot);
	return &s->meta;
}

static void put_totals(struct store *s)
{
	char name[32];

	meta_u64(&s->meta, META_TOTAL_LOST, s->lost);
	if (s->blind)
		meta_u64(&s->meta, META_TOTAL_BLIND, s->blind);
	for (int ch = RECORD_KMSG; ch < RECORD_CHANNELS; ch++) {
		snprintf(name, sizeof(name), META_TOTAL_RECORDS "%s", record_channel_name(ch));
		if (s->records[ch] || ch == RECORD_KMSG)
			meta_u64(&s->meta, name, s->records[ch]);
	}
}

int store_put_meta(struct store *s, struct err *e)
{
	enum meta_kind kind;

	if (meta_is(&s->meta.r, &kind) && (kind == META_ATTACH || kind == META_HEARTBEAT ||
		kind == META_DETACH || kind == META_END))
		put_totals(s);
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
	if (!r && s->unsigned_ms && now - s->unsigned_ms >= s->sign_ms) {
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

int store_prune(struct store *s, uint64_t keep_bytes, int64_t min_time_us, const struct policy *policy, uint64_t *pruned,
	struct quorum *q, struct err *e)
{
	struct ledger_retention keep = {keep_bytes, min_time_us, s->name, clock_wall_us(), policy != NULL, 0};
	int r;

	memset(q, 0, sizeof(*q));
	if (policy)
		quorum_find(s->dir, policy, ledger_vkey(s->ledger), q);
	keep.covered = q->covered;
	r = ledger_prune(s->ledger, &keep, pruned, e);

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
		left = until(s->unsigned_ms, s->sign_ms, now, left);
	return (int)left;
}

int64_t store_lag(const struct store *s)
{
	return s->dirty_ms ? clock_due_ms() - s->dirty_ms : 0;
}

int store_close(struct store *s, struct err *e)
{
	int r = 0;

	s->unsaved = 0;
	if (s->ledger) {
		r = ledger_checkpoint(s->ledger, e);
		s->unsaved = ledger_size(s->ledger) - ledger_committed(s->ledger);
		ledger_abandon(s->ledger); /* nothing is left for it but to try the same again */
	}
	if (s->dir >= 0)
		close(s->dir);
	s->dir = -1;
	free(s->leaf);
	s->ledger = NULL;
	s->leaf = NULL;
	return r;
}
