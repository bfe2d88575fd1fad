/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ledger_files_fuzz.c - a good ledger whose files the input damages: overwritten, cut, lengthened, removed, made
 * huge, replaced by a directory, a FIFO or a link; and files of other names put beside them. Reading, verifying, proving and recovering may refuse it; they may not crash, hang, or open a ledger
 * with less than was signed. What verify calls complete the writer takes. There are two ledgers, one of which
 * was pruned; the input's first bit says which.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/file.h"
#include "ledger/ledger.h"
#include "ledger/proof.h"
#include "ledger/pruned.h"
#include "ledger/tiles.h"
#include "ledger/verify.h"
#include "record/record.h"
#include "util/io.h"

#define SIGNED 520
#define ALL 600

#define FILES 11
#define KEY 9 /* the one that verify does not need */

static struct kit {
	uint64_t base;            /* records that were pruned */
	const char *names[FILES];
	struct {
		char *data;
		size_t n;
		bool there;
	} good[FILES];
} kits[2] = {
	{.names = {"log/00000000.entries", "log/00000000.index", "log/00000000.hashes", "log/hash.1",
		"checkpoint", "size", "first", "log/00000001.entries", "vkey", "key", "log/hash.2"}},
	{.base = LEDGER_SEGMENT, .names = {"log/00000001.entries", "log/00000001.index", "log/00000001.hashes",
		"log/hash.1", "checkpoint", "size", "first", "log/00000002.entries", "vkey", "key", "log/hash.2"}},
};
static struct kit *kit;

static char dir[256];
static bool key_damaged;
static struct io_ops ops;

static int no_sync(int fd)
{
	(void)fd;
	return 0;
}

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* All that is in @sub, but for the directory log itself. */
static void empty(const char *sub)
{
	char path[512];
	struct dirent *d;
	DIR *list;

	snprintf(path, sizeof(path), "%s/%s", dir, sub);
	list = opendir(path);
	while (list && (d = readdir(list)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, "..") && (*sub || strcmp(d->d_name, "log")) &&
			unlinkat(dirfd(list), d->d_name, 0))
			check(!unlinkat(dirfd(list), d->d_name, AT_REMOVEDIR));
	if (list)
		closedir(list);
}

static void wipe(void)
{
	empty("log");
	empty("");
}

static void prune(struct ledger *l)
{
	const struct ledger_retention keep = {.keep_bytes = 1, .host = "vm", .now_us = 1700000000000000};
	uint64_t gone;
	struct err e;

	check(!ledger_checkpoint(l, &e) && !ledger_prune(l, &keep, &gone, &e) && gone == kit->base);
}

static void make_good(void)
{
	struct ledger *l;
	char leaf[512];
	struct err e;

	wipe();
	check(!ledger_open(&l, dir, "test.example/vm", NULL, &e));
	for (uint64_t i = 0; i < kit->base + ALL; i++) {
		struct record r = {.time_us = 1700000000000000 + (int64_t)i, .severity = 6,
			.host = span_of("vm"), .app = span_of("kernel"), .msgid = span_of("kmsg"),
			.channel = RECORD_KMSG, .has_seq = true, .seq = i,
			.boot = span_of("00112233445566aa"), .msg = span_of("x")};
		long n = record_encode(&r, leaf, sizeof(leaf));

		check(n > 0 && !ledger_append(l, leaf, (size_t)n, r.time_us, &e));
		if (kit->base && i + 1 == kit->base + 100)
			prune(l);
		check(i + 1 != kit->base + SIGNED || !ledger_checkpoint(l, &e));
	}
	check(!ledger_commit(l, &e));
	ledger_abandon(l);
	for (size_t i = 0; i < FILES; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", dir, kit->names[i]);
		kit->good[i].there = !file_load(AT_FDCWD, path, 1 << 24, &kit->good[i].data, &kit->good[i].n);
	}
}

static void put(size_t i, const char *data, size_t n)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, kit->names[i]);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	check(fd >= 0 && !file_pwrite(fd, data, n, 0));
	close(fd);
}

/* Names that a ledger has not, or not yet. */
static const char *const others[] = {"log/99999999.entries", "log/00000003.entries", "log/00000002.entries",
	"log/00000001.index", "log/00000002.index", "log/00000003.hashes", "log/77777777.index", "log/hash.3",
	"log/hash.9", "log/0000001.entries", "log/000000001.entries", "log/-0000001.entries", "checkpoint.new",
	"log/00000000.entries", "log/00000000.hashes", "log/00000001.entries"};

/* Something else in the place of a file, or only more of it. */
static void replace(const char *path, unsigned how)
{
	if (how == 1) {
		int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);

		/* As far as the file system goes. */
		for (int bits = 60; fd >= 0 && bits > 30 && ftruncate(fd, (off_t)1 << bits); bits--)
			continue;
		if (fd >= 0)
			close(fd);
		return;
	}
	unlink(path);
	if (how == 2)
		mkdir(path, 0700);
	else if (how == 3)
		mkfifo(path, 0600);
	else if (how == 4)
		check(!symlink("/dev/zero", path) || true);
}

/* One damage: kind and file, an offset, a count, bytes. Returns what it used of the input. */
static size_t damage(const uint8_t *d, size_t n)
{
	size_t file = d[0] % 16, off, len, used = 1;
	const char *name;
	char path[512];
	int fd;

	if (file < FILES) {
		name = kit->names[file];
	} else if (n > used) {
		name = others[d[used++] % (sizeof(others) / sizeof(*others))];
	} else {
		return n;
	}
	key_damaged = key_damaged || file == KEY;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (d[0] >> 6 == 3) {
		replace(path, n > used ? d[used] % 5 : 0);
		return used + 1;
	}
	d += used;
	n -= used;
	if (n < 3)
		return used + n;
	off = (size_t)d[0] << 8 | d[1];
	len = d[2] % 64 < n - 3 ? d[2] % 64 : n - 3;
	fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return used + 3 + len;
	switch (d[-(ptrdiff_t)used] >> 6) {
	case 1:
		check(!ftruncate(fd, (off_t)off) || true);
		len = 0;
		break;
	case 2:
		off = (size_t)lseek(fd, 0, SEEK_END);
		break;
	default:
		break;
	}
	check(!file_pwrite(fd, d + 3, len, off) || true);
	close(fd);
	return used + 3 + len;
}

static void told(void *ctx, const struct finding *f)
{
	(void)ctx;
	check(finding_name(f->kind)[0] && f->text[0]);
}

static void read_all(void)
{
	struct ledger_reader *r;
	struct span leaf, bytes;
	uint64_t at, base, count;
	struct err e;

	if (ledger_reader_open(&r, dir, &e))
		return;
	for (int x = 1; x == 1;)
		x = ledger_reader_next(r, &leaf, &at, &e);
	if (!ledger_reader_seek(r, ledger_reader_end(r), &e))
		for (int x = 1; x == 1;)
			x = ledger_reader_prev(r, &leaf, &at, &e);
	for (at = ledger_reader_first(r); at < ledger_reader_end(r); at = base + count) {
		if (ledger_reader_bundle(r, at, &bytes, &base, &count, &e))
			break;
		check(base <= at && at < base + count && bytes.n >= 3 * count);
	}
	for (int64_t t = 1699999999999999; t < 1700000000000700; t += 233) {
		uint64_t since = ledger_reader_since(r, t), until = ledger_reader_until(r, t);

		check(since <= ledger_reader_end(r) && until <= ledger_reader_end(r));
	}
	ledger_reader_refresh(r, &e);
	ledger_reader_close(r);
}

/* Does verify call it complete and unaltered? */
static bool prove(void)
{
	struct verify_options opt = {.tell = told, .threads = 1};
	struct verify_sum sum;
	struct proof p;
	struct err e;
	char *text;
	bool whole;
	size_t n;

	whole = ledger_verify(dir, &opt, &sum, &e) == 0;
	for (uint64_t i = kit->base; i < kit->base + ALL; i += 255) {
		if (!proof_make(dir, i, &text, &n, &e)) {
			/* Whatever is damaged: a proof that is given holds. */
			check(!proof_parse(text, n, &p, &e) && !proof_check(&p, NULL, &e));
			proof_free(&p);
		}
		free(text);
	}
	return whole;
}

static void recover(bool whole)
{
	struct ledger_recovery rec;
	struct ledger *l;
	struct err e;

	if (ledger_open(&l, dir, "test.example/vm", &rec, &e)) {
		check(e.text[0] && (!whole || key_damaged));
		return;
	}
	check(rec.created || ledger_size(l) >= ledger_signed(l));
	if (!ledger_append(l, "after", 5, 5, &e))
		check(!ledger_checkpoint(l, &e) && ledger_signed(l) == ledger_size(l));
	ledger_abandon(l);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *tmp = getenv("TMPDIR");

	(void)argc;
	(void)argv;
	ops = io_libc;
	ops.fdatasync = ops.fsync = no_sync;
	io = &ops;
	snprintf(dir, sizeof(dir), "%s/ledger-fuzz.XXXXXX", tmp ? tmp : "/tmp");
	check(mkdtemp(dir));
	for (kit = kits; kit < kits + 2; kit++)
		make_good();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct prune_record record;

	check(prune_record_get((struct span){(const char *)data, size}, &record) || record.first > record.from);
	kit = &kits[size && data[0] & 1];
	wipe();
	for (size_t i = 0; i < FILES; i++)
		if (kit->good[i].there)
			put(i, kit->good[i].data, kit->good[i].n);
	key_damaged = false;
	for (size_t at = 1, k = 0; at < size && k < 8; k++)
		at += damage(data + at, size - at);
	read_all();
	recover(prove());
	read_all();
	return 0;
}
