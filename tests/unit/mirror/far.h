/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * far.h - a server for tests of mirror/read: the tiles that `export` writes of a ledger, below the hash of its
 * origin; and one answer that is not what it should be.
 */
#ifndef TESTS_UNIT_MIRROR_FAR_H
#define TESTS_UNIT_MIRROR_FAR_H

#include <errno.h>
#include <fcntl.h>

#include "ledger/file.h"
#include "ledger/tiles.h"
#include "mirror/read/far.h"
#include "record/record.h"
#include "unit/ledger/fixture.h"

#define FAR_ORIGIN "web01"
#define FAR_START INT64_C(1795428000000000)

struct far_dir {
	char dir[256];
	struct far_server server;
	unsigned gets;
	/* The answer that is altered, counted from 0, and how. */
	unsigned at;
	void (*alter)(char **data, size_t *n);
};

static int far_dir_get(void *ctx, const char *path, size_t max, char **data, size_t *n, struct err *e)
{
	struct far_dir *d = ctx;
	int fd = open(d->dir, O_RDONLY | O_DIRECTORY), r;

	/* Nothing but what tlog-tiles names is asked for. */
	assert_non_null(strchr(path, '/'));
	assert_null(strstr(path, ".."));
	assert_int_equal(strchr(path, '/') - path, 64);
	r = file_load(fd, strchr(path, '/') + 1, max, data, n);
	close(fd);
	if (r)
		return err_set(e, -r, "%s: %s", path, file_strerror(r));
	if (d->gets++ == d->at && d->alter)
		d->alter(data, n);
	return 0;
}

/* Records @from to @to - 1 of a ledger in @dir, as a worker writes them, a checkpoint over all. */
static inline void far_fill(const char *dir, uint64_t from, uint64_t to)
{
	static char leaf[RECORD_LEAF_MAX];
	struct ledger *l;
	struct err e = {""};

	assert_int_equal(ledger_open(&l, dir, FAR_ORIGIN, NULL, &e), 0);
	for (uint64_t i = from; i < to; i++) {
		char text[64];
		struct record r = {.time_us = FAR_START + (int64_t)(i * 977 % 65521), .severity = 6,
			.host = span_of("web01"), .app = span_of("kernel"), .msgid = span_of("kmsg"),
			.channel = RECORD_KMSG, .has_seq = true, .seq = i};
		long n;

		snprintf(text, sizeof(text), "record %llu", (unsigned long long)i);
		r.msg = span_of(text);
		n = record_encode(&r, leaf, sizeof(leaf));
		assert_true(n > 0);
		assert_int_equal(ledger_append(l, leaf, (size_t)n, r.time_us, &e), 0);
	}
	assert_int_equal(ledger_close(l, &e), 0);
}

/* Serve the ledger in @ledger as it is now, from directory @out. */
static inline void far_serve(struct far_dir *d, const char *ledger, const char *out)
{
	struct tiles_sum sum;
	struct err e = {""};

	memset(d, 0, sizeof(*d));
	d->at = UINT32_MAX;
	d->server = (struct far_server){far_dir_get, d};
	snprintf(d->dir, sizeof(d->dir), "%s", out);
	if (tiles_export(ledger, out, &sum, &e))
		fail_msg("export: %s", e.text);
}

#endif
