/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tamper.h - a ledger of real records, and the ways to damage it as someone would who can write its files
 * but not sign.
 */
#ifndef TESTS_UNIT_LEDGER_TAMPER_H
#define TESTS_UNIT_LEDGER_TAMPER_H

#include <fcntl.h>
#include <sys/stat.h>

#include "ledger/file.h"
#include "ledger/layout.h"
#include "ledger/verify.h"
#include "record/meta.h"
#include "unit/ledger/fixture.h"

#define TAMPER_BOOT "00112233445566aa"

static inline size_t tamper_leaf(char *buf, size_t cap, uint64_t seq)
{
	char text[128];
	struct record r = {.time_us = 1700000000000000 + (int64_t)seq * 1000, .severity = 6,
		.host = span_of("vm"), .app = span_of("kernel"), .msgid = span_of("kmsg"),
		.channel = RECORD_KMSG, .has_seq = true, .seq = seq, .has_guest_ns = true,
		.guest_ns = seq * 1000000, .boot = span_of(TAMPER_BOOT)};
	long n;

	snprintf(text, sizeof(text), "Hello %" PRIu64 "th world, %.*s", seq, (int)(seq % 40),
		"........................................");
	r.msg = span_of(text);
	n = record_encode(&r, buf, cap);
	assert_true(n > 0);
	return (size_t)n;
}

static inline void tamper_append(struct ledger *l, uint64_t from, uint64_t to)
{
	char buf[1024];
	struct err e;

	for (; from < to; from++)
		if (ledger_append(l, buf, tamper_leaf(buf, sizeof(buf), from),
			    1700000000000000 + (int64_t)from * 1000, &e))
			fail_msg("append: %s", e.text);
}

static inline void tamper_gap_of(struct ledger *l, enum record_channel channel, uint64_t first, uint64_t count)
{
	struct meta m;
	char buf[4096];
	struct err e;
	long n;

	meta_begin(&m, "vm", META_GAP, 1700000000000000 + (int64_t)first * 1000, TAMPER_BOOT);
	meta_gap(&m, channel, first, count, "overwritten");
	n = record_encode(&m.r, buf, sizeof(buf));
	assert_true(n > 0);
	assert_int_equal(ledger_append(l, buf, (size_t)n, m.r.time_us, &e), 0);
}

static inline void tamper_gap(struct ledger *l, uint64_t first, uint64_t count)
{
	tamper_gap_of(l, RECORD_KMSG, first, count);
}

static inline char *tamper_path(const char *dir, const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static inline char *tamper_segment(const char *dir, uint64_t segment, const char *kind)
{
	char name[LAYOUT_NAME];

	layout_segment(name, segment, kind);
	return tamper_path(dir, name);
}

struct tamper_file {
	char *data;
	size_t n;
};

static inline struct tamper_file tamper_load(const char *path)
{
	struct tamper_file f;

	if (file_load(AT_FDCWD, path, 1u << 30, &f.data, &f.n))
		fail_msg("cannot load %s", path);
	return f;
}

static inline void tamper_store(const char *path, struct tamper_file f)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_equal(file_pwrite(fd, f.data, f.n, 0), 0);
	close(fd);
	free(f.data);
}

/* Offset of entry @k in a segment's bytes. */
static inline size_t tamper_entry(struct tamper_file f, uint64_t k)
{
	const uint8_t *p = (const uint8_t *)f.data;
	size_t at = 0;

	while (k--)
		at += 2 + ((size_t)p[at] << 8 | p[at + 1]);
	assert_true(at < f.n);
	return at;
}

/* Change one byte of the text of record @index; with @hash its stored leaf hash too. */
static inline void tamper_flip(const char *dir, uint64_t index, bool hash)
{
	uint64_t segment = index / LEDGER_SEGMENT, k = index % LEDGER_SEGMENT;
	struct tamper_file f = tamper_load(tamper_segment(dir, segment, "entries"));
	size_t at = tamper_entry(f, k);
	size_t n = (size_t)(uint8_t)f.data[at] << 8 | (uint8_t)f.data[at + 1];
	struct hash h;

	f.data[at + 2 + n - 1] ^= 1;
	tree_leaf_hash(f.data + at + 2, n, &h);
	tamper_store(tamper_segment(dir, segment, "entries"), f);
	if (!hash)
		return;
	f = tamper_load(tamper_segment(dir, segment, "hashes"));
	memcpy(f.data + k * 32, &h, 32);
	tamper_store(tamper_segment(dir, segment, "hashes"), f);
}

/* Make hash.1 (and with @two hash.2, of a full segment) follow from the stored leaf hashes of @segment. */
static inline void tamper_fold(const char *dir, uint64_t segment, bool two)
{
	struct tamper_file leaf = tamper_load(tamper_segment(dir, segment, "hashes"));
	struct tamper_file up = tamper_load(tamper_path(dir, "log/hash.1"));
	struct hash h;

	for (uint64_t b = 0; b < leaf.n / 32 / 256; b++) {
		tree_fold((struct hash *)(void *)(leaf.data + b * 8192), 256, &h);
		memcpy(up.data + (segment * 256 + b) * 32, &h, 32);
	}
	if (two)
		tree_fold((struct hash *)(void *)(up.data + segment * 8192), 256, &h);
	tamper_store(tamper_path(dir, "log/hash.1"), up);
	free(leaf.data);
	if (!two)
		return;
	up = tamper_load(tamper_path(dir, "log/hash.2"));
	memcpy(up.data + segment * 32, &h, 32);
	tamper_store(tamper_path(dir, "log/hash.2"), up);
}

/* Take @count entries out of a segment from its entry @k on; with @hashes their hashes too. */
static inline void tamper_remove(const char *dir, uint64_t segment, uint64_t k, uint64_t count,
	bool hashes)
{
	struct tamper_file f = tamper_load(tamper_segment(dir, segment, "entries"));
	size_t from = tamper_entry(f, k), to = from;

	for (uint64_t i = 0; i < count; i++)
		to += 2 + ((size_t)(uint8_t)f.data[to] << 8 | (uint8_t)f.data[to + 1]);
	memmove(f.data + from, f.data + to, f.n - to);
	f.n -= to - from;
	tamper_store(tamper_segment(dir, segment, "entries"), f);
	if (!hashes)
		return;
	f = tamper_load(tamper_segment(dir, segment, "hashes"));
	memmove(f.data + k * 32, f.data + (k + count) * 32, f.n - (k + count) * 32);
	f.n -= count * 32;
	tamper_store(tamper_segment(dir, segment, "hashes"), f);
}

/* Exchange two records; with @hashes their leaf hashes too. They may be in different segments. */
static inline void tamper_swap(const char *dir, uint64_t i, uint64_t j, bool hashes)
{
	uint64_t at[2] = {i, j};
	struct tamper_file f[2];
	size_t off[2], len[2];
	char *leaf[2];

	for (int x = 0; x < 2; x++) {
		f[x] = tamper_load(tamper_segment(dir, at[x] / LEDGER_SEGMENT, "entries"));
		off[x] = tamper_entry(f[x], at[x] % LEDGER_SEGMENT);
		len[x] = 2 + ((size_t)(uint8_t)f[x].data[off[x]] << 8 |
			(uint8_t)f[x].data[off[x] + 1]);
		leaf[x] = malloc(len[x]);
		memcpy(leaf[x], f[x].data + off[x], len[x]);
		free(f[x].data);
	}
	for (int x = 1; x >= 0; x--) {
		struct tamper_file g = tamper_load(tamper_segment(dir, at[x] / LEDGER_SEGMENT, "entries"));
		struct tamper_file out = {malloc(g.n + len[!x]), g.n - len[x] + len[!x]};

		memcpy(out.data, g.data, off[x]);
		memcpy(out.data + off[x], leaf[!x], len[!x]);
		memcpy(out.data + off[x] + len[!x], g.data + off[x] + len[x], g.n - off[x] - len[x]);
		free(g.data);
		tamper_store(tamper_segment(dir, at[x] / LEDGER_SEGMENT, "entries"), out);
	}
	if (hashes) {
		char h[2][32];

		for (int x = 0; x < 2; x++) {
			struct tamper_file g =
				tamper_load(tamper_segment(dir, at[x] / LEDGER_SEGMENT, "hashes"));

			memcpy(h[x], g.data + at[x] % LEDGER_SEGMENT * 32, 32);
			free(g.data);
		}
		for (int x = 0; x < 2; x++) {
			struct tamper_file g =
				tamper_load(tamper_segment(dir, at[x] / LEDGER_SEGMENT, "hashes"));

			memcpy(g.data + at[x] % LEDGER_SEGMENT * 32, h[!x], 32);
			tamper_store(tamper_segment(dir, at[x] / LEDGER_SEGMENT, "hashes"), g);
		}
	}
	free(leaf[0]);
	free(leaf[1]);
}

/* What verify told. */
struct told {
	struct finding f[200];
	size_t n;
	struct verify_sum sum;
	int result;
};

static inline void tamper_tell(void *ctx, const struct finding *f)
{
	struct told *t = ctx;

	if (t->n < 200)
		t->f[t->n++] = *f;
}

static inline void tamper_verify(const char *dir, struct told *t, struct verify_options opt)
{
	struct err e = {""};

	memset(t, 0, sizeof(*t));
	opt.tell = tamper_tell;
	opt.ctx = t;
	t->result = ledger_verify(dir, &opt, &t->sum, &e);
	if (t->result < 0)
		fail_msg("verify: %s", e.text);
	if (getenv("TAMPER_SHOW"))
		for (size_t i = 0; i < t->n; i++)
			printf("# %s: %s\n", finding_name(t->f[i].kind), t->f[i].text);
	assert_int_equal(t->result, t->sum.findings ? VERIFY_FINDINGS : t->sum.unchecked ? VERIFY_UNCHECKED :
		VERIFY_PROVEN);
	assert_int_equal(t->result > 0, t->n > 0);
}

/* Was there a finding of this kind and range? */
static inline bool tamper_told(const struct told *t, enum finding_kind kind, uint64_t first,
	uint64_t last)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->f[i].kind == kind && t->f[i].first == first && t->f[i].last == last)
			return true;
	for (size_t i = 0; i < t->n; i++)
		printf("# told: %s %" PRIu64 " %" PRIu64 " %s\n", finding_name(t->f[i].kind),
			t->f[i].first, t->f[i].last, t->f[i].text);
	return false;
}

#endif
