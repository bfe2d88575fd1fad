/* SPDX-License-Identifier: BSD-3-Clause */
/* limit: 300 */
/*
 * What only has a segment's name or claims a size: read, verified, opened, pruned, exported and proven, each
 * ends soon, says what it met, and counts no records that are not there. And a segment that the disk does not
 * give: it is named, and all others are there.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "ledger/note.h"
#include "ledger/proof.h"
#include "ledger/pruned.h"
#include "ledger/hashes.h"
#include "ledger/tiles.h"
#include "unit/ledger/tamper.h"

#define N (3 * LEDGER_SEGMENT + 500)

static char good[250], work[250], out[250];

/* ---- a disk that does not give one file from an offset on ---- */

static char bad_file[64]; /* the end of its name; "": none */
static off_t bad_from;

/* The library's calls come here: it is linked into this program. */
ssize_t pread(int fd, void *buf, size_t n, off_t off)
{
	char link[64], path[512];
	size_t len = strlen(bad_file);
	ssize_t r;

	if (len) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		r = readlink(link, path, sizeof(path));
		if (r >= (ssize_t)len && !memcmp(path + r - len, bad_file, len) && off + (off_t)n > bad_from) {
			if (off >= bad_from) {
				errno = EIO;
				return -1;
			}
			n = (size_t)(bad_from - off);
		}
	}
	return preadv(fd, &(struct iovec){buf, n}, 1, off);
}

/* ---- names and sizes ---- */

static char *at(const char *name)
{
	return tamper_path(work, name);
}

static void wipe(const char *dir)
{
	nftw(dir, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static void copy(void)
{
	char cmd[1024];

	wipe(work);
	snprintf(cmd, sizeof(cmd), "cp -a '%s' '%s'", good, work);
	assert_int_equal(system(cmd), 0);
}

static void put(const char *name, size_t n)
{
	struct tamper_file f = {calloc(1, n + 1), n};

	if (n)
		f.data[n > 1] = 1; /* a leaf of one byte */
	tamper_store(at(name), f);
}

static void sparse(const char *name)
{
	int fd = open(at(name), O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	/* As far as the file system goes. */
	for (int bits = 60; bits > 30 && ftruncate(fd, (off_t)1 << bits); bits--)
		continue;
	close(fd);
}

static void last_empty(void) { put("log/99999999.entries", 0); }
static void last_one(void) { put("log/99999999.entries", 3); }
static void last_sparse(void) { sparse("log/99999999.entries"); }
static void gap_then_one(void) { put("log/00000005.entries", 3); }
static void next_one(void) { put("log/00000004.entries", 3); }
static void last_directory(void) { assert_int_equal(mkdir(at("log/99999999.entries"), 0700), 0); }
static void last_fifo(void) { assert_int_equal(mkfifo(at("log/99999999.entries"), 0600), 0); }
static void last_link(void) { assert_int_equal(symlink("/dev/zero", at("log/99999999.entries")), 0); }
static void odd_digits(void)
{
	put("log/0000004.entries", 3);
	put("log/000000004.entries", 3);
	put("log/-0000004.entries", 3);
	put("log/ 0000004.entries", 3);
	put("log/0x000004.entries", 3);
	put("log/00000004.entries~", 3);
	put("log/00000004entries", 3);
	put("log/hash.9", 3);
	put("log/hash.10", 3);
}
static void strays(void)
{
	put("log/00000004.index", 240);
	put("log/00000004.hashes", 320);
	put("log/77777777.index", 3);
}
static void tail_sparse(void) { sparse("log/00000003.entries"); }
static void hashes_sparse(void) { sparse("log/00000003.hashes"); sparse("log/hash.1"); sparse("log/00000003.index"); }
static void middle_missing(void) { unlink(at("log/00000001.entries")); }
static void middle_directory(void) { middle_missing(); assert_int_equal(mkdir(at("log/00000001.entries"), 0700), 0); }
static void middle_fifo(void) { middle_missing(); assert_int_equal(mkfifo(at("log/00000001.entries"), 0600), 0); }
static void middle_empty(void) { put("log/00000001.entries", 0); }
static void middle_sparse(void) { put("log/00000001.entries", 0); sparse("log/00000001.entries"); }
static void front_missing(void) { unlink(at("log/00000000.entries")); }
static void all_missing(void)
{
	for (uint64_t s = 0; s < 4; s++)
		unlink(tamper_segment(work, s, "entries"));
	last_empty();
}
static void huge_small_files(void) { sparse("first"); sparse("size"); }

enum { GOOD, BAD, ANY };

static const struct hostile {
	void (*make)(void);
	uint64_t records;    /* what `list` counts */
	uint64_t readable;   /* of them, what `show` prints */
	int verify, open;    /* GOOD, BAD or ANY */
	const char *word;    /* in what is said by those that are BAD */
} hostile[] = {
	{last_empty, N, N, BAD, BAD, "99999999.entries"},
	{last_one, N, N, BAD, BAD, "99999999.entries"},
	{last_sparse, N, N, BAD, BAD, "99999999.entries"},
	{gap_then_one, N, N, BAD, BAD, "00000005.entries"},
	{next_one, N, N, BAD, BAD, "00000004.entries"},
	{last_directory, N, N, BAD, BAD, "99999999.entries"},
	{last_fifo, N, N, BAD, BAD, "99999999.entries"},
	{last_link, N, N, BAD, BAD, "99999999.entries"},
	{odd_digits, N, N, GOOD, GOOD, NULL},
	{strays, N, N, GOOD, GOOD, NULL},
	{tail_sparse, N, N, ANY, GOOD, NULL},
	{hashes_sparse, N, N, ANY, GOOD, NULL},
	{middle_missing, N - LEDGER_SEGMENT, N - LEDGER_SEGMENT, BAD, GOOD, "65536 to 131071"},
	{middle_directory, N - LEDGER_SEGMENT, N - LEDGER_SEGMENT, BAD, GOOD, "65536 to 131071"},
	{middle_fifo, N - LEDGER_SEGMENT, N - LEDGER_SEGMENT, BAD, GOOD, "65536 to 131071"},
	{middle_empty, N, N - LEDGER_SEGMENT, BAD, GOOD, "65536 to 131071"},
	{middle_sparse, N, N - LEDGER_SEGMENT, BAD, GOOD, "65536"},
	{front_missing, N - LEDGER_SEGMENT, N - LEDGER_SEGMENT, BAD, GOOD, "0 to 65535"},
	{all_missing, 0, 0, BAD, BAD, "196608|removed|missing"},
	{huge_small_files, UINT64_MAX, 0, BAD, BAD, "first"},
};

/* As `show` reads: a bundle that cannot be read is passed over, a hole at once. */
static uint64_t read_all(const struct ledger_reader *peek, struct ledger_reader *r)
{
	uint64_t i = ledger_reader_first(peek), n = 0, from, to, base, count, steps = 0;
	struct span bytes;

	while (i < ledger_reader_end(r)) {
		assert_true(++steps < 3000);
		if (ledger_reader_hole(r, i, &from, &to)) {
			assert_true(from <= i && to > i);
			i = to;
		} else if (!ledger_reader_bundle(r, i, &bytes, &base, &count, NULL)) {
			n += base + count - i;
			i = base + count;
		} else {
			i = (i / LEDGER_BUNDLE + 1) * LEDGER_BUNDLE;
		}
	}
	return n;
}

static bool speaks(const char *text, const char *words)
{
	char copy[64], *save, *w;

	snprintf(copy, sizeof(copy), "%s", words);
	for (w = strtok_r(copy, "|", &save); w; w = strtok_r(NULL, "|", &save))
		if (strstr(text, w))
			return true;
	return false;
}

static void try_read(const struct hostile *h, size_t which)
{
	struct ledger_reader *r;
	struct err e = {""};

	if (ledger_reader_open(&r, work, &e)) {
		if (h->records != UINT64_MAX || !speaks(e.text, h->word))
			fail_msg("%zu: reader: %s", which, e.text);
		return;
	}
	if (ledger_reader_count(r) != h->records)
		fail_msg("%zu: %" PRIu64 " records counted", which, ledger_reader_count(r));
	if (read_all(r, r) != h->readable)
		fail_msg("%zu: %" PRIu64 " records read", which, read_all(r, r));
	ledger_reader_since(r, 1700000000000000);
	ledger_reader_until(r, 1700000000000000);
	assert_true(ledger_reader_refresh(r, &e) >= 0);
	ledger_reader_close(r);
}

static void try_verify(const struct hostile *h, size_t which)
{
	static struct told t;
	bool said = false;

	tamper_verify(work, &t, (struct verify_options){0});
	if (h->verify != ANY && (t.n > 0) != (h->verify == BAD))
		fail_msg("%zu: verify found %zu, %s", which, t.n, t.n ? t.f[0].text : "");
	for (size_t i = 0; i < t.n; i++)
		said = said || (h->word && speaks(t.f[i].text, h->word));
	if (h->verify == BAD && !said)
		fail_msg("%zu: verify does not name it: %s", which, t.f[0].text);
}

static void try_rest(const struct hostile *h, size_t which)
{
	struct tiles_sum sum;
	struct err e = {""};
	struct ledger *l;
	uint64_t gone;
	char *text;
	size_t n;
	int r;

	wipe(out);
	tiles_export(work, out, &sum, &e);
	for (uint64_t i = 10; i < N; i += LEDGER_SEGMENT) {
		proof_make(work, i, &text, &n, &e);
		free(text);
	}
	r = ledger_open(&l, work, NULL, NULL, &e);
	if ((r != 0) != (h->open == BAD))
		fail_msg("%zu: open: %s", which, r ? e.text : "taken");
	if (r && !speaks(e.text, h->word))
		fail_msg("%zu: open does not name it: %s", which, e.text);
	if (r)
		return;
	r = fixture_prune(l, 30u << 20, 0, &gone, &e);
	if (r && r != -EBADMSG)
		fail_msg("%zu: prune: %s", which, e.text);
	assert_int_equal(ledger_close(l, &e), 0);
}

static void names_and_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		copy();
		hostile[i].make();
		alarm(60);
		try_read(&hostile[i], i);
		try_verify(&hostile[i], i);
		try_rest(&hostile[i], i);
		alarm(0);
	}
}

/* ---- `first` as far away as it can be, and hash files that are one hole up to there ---- */

#define FAR ((uint64_t)99999999 * LEDGER_SEGMENT)

static void put_text(const char *name, const char *text, size_t n)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, n), n);
	close(fd);
}

static void far_first(void)
{
	char name[LAYOUT_NAME], text[PRUNED_TEXT];
	struct pruned p = {FAR, FAR};

	copy();
	for (uint64_t s = 0; s < 4; s++)
		unlink(tamper_segment(work, s, "entries"));
	last_one();
	put_text("first", text, (size_t)pruned_put(&p, text));
	for (unsigned level = 1; level < LAYOUT_LEVELS; level++) {
		layout_level(name, level);
		sparse(name);
	}
}

/* Sign @size leaves of hashes that are not there: by the ledger's own key, as only its owner can. */
static void sign_holes(uint64_t size)
{
	char *pem, note[NOTE_SIGNED_MAX];
	struct note_key *k;
	struct hash root;
	struct hashes h;
	struct tree t;
	struct err e;
	size_t n;
	long len;
	int dir = open(work, O_RDONLY | O_DIRECTORY);

	assert_int_equal(file_load(dir, "key", 4096, &pem, &n), 0);
	assert_int_equal(note_key_load(pem, n, "test.example/vm", &k, &e), 0);
	hashes_open(&h, dir);
	assert_int_equal(hashes_tree(&h, size, &t), 0);
	hashes_close(&h);
	tree_root(&t, &root);
	len = note_sign_checkpoint(k, size, &root, note, &e);
	assert_true(len > 0);
	put_text("checkpoint", note, (size_t)len);
	note_key_free(k);
	free(pem);
	close(dir);
}

static void holes_end(void **state)
{
	static struct told t;
	char text[LAYOUT_SIZE_TEXT];
	struct tiles_sum sum;
	struct err e = {""};

	(void)state;
	alarm(60);
	/* Level 1 stands in for those above, segment after segment. */
	far_first();
	unlink(at("checkpoint"));
	unlink(at("log/hash.5"));
	tamper_verify(work, &t, (struct verify_options){0});
	assert_int_equal(t.result, VERIFY_FINDINGS);
	/* The tree of an older size is grown up to there. */
	far_first();
	layout_size_put(LEDGER_BUNDLE, &(struct hash){{1}}, text);
	put_text("size", text, sizeof(text));
	unlink(at("checkpoint"));
	tamper_verify(work, &t, (struct verify_options){0});
	assert_int_equal(t.result, VERIFY_FINDINGS);
	/* All of it is exported. */
	far_first();
	sign_holes(FAR);
	wipe(out);
	assert_int_equal(tiles_export(work, out, &sum, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "level 1 are missing"));
	assert_true(sum.files <= 3); /* of what there is */
	alarm(0);
}

/* The log grows into the next segment: what somebody put there meanwhile is not written over. */
static void appears_later(void **state)
{
	struct ledger *l;
	struct err e = {""};
	char buf[1024];

	(void)state;
	wipe(work);
	l = fixture_open(work, NULL);
	tamper_append(l, 0, LEDGER_SEGMENT);
	put("log/00000001.entries", 9);
	put("log/00000001.index", 9);
	assert_int_equal(ledger_append(l, buf, tamper_leaf(buf, sizeof(buf), LEDGER_SEGMENT), 1, &e), -EEXIST);
	assert_non_null(strstr(e.text, "00000001.entries"));
	assert_int_equal(ledger_append(l, buf, tamper_leaf(buf, sizeof(buf), LEDGER_SEGMENT), 1, &e), -EEXIST);
	unlink(at("log/00000001.entries"));
	tamper_append(l, LEDGER_SEGMENT, LEDGER_SEGMENT + 300);
	assert_int_equal(ledger_close(l, &e), 0);
	l = fixture_open(work, NULL);
	assert_int_equal(ledger_size(l), LEDGER_SEGMENT + 300);
	assert_int_equal(ledger_close(l, &e), 0);
}

/* Somebody takes a writer's lock file for one left behind. */
static void lock_removed(void **state)
{
	struct ledger *l, *other;
	struct err e = {""};
	int status;
	pid_t pid;

	(void)state;
	wipe(work);
	l = fixture_open(work, NULL);
	tamper_append(l, 0, 1000);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	assert_int_equal(unlink(at("lock")), 0);
	pid = fork();
	if (pid == 0)
		_exit(ledger_open(&other, work, NULL, NULL, &e) != -EBUSY || !strstr(e.text, "another process"));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	tamper_append(l, 1000, 2000);
	assert_int_equal(ledger_close(l, &e), 0);
	l = fixture_open(work, NULL);
	assert_int_equal(ledger_size(l), 2000);
	assert_int_equal(ledger_close(l, &e), 0);
}

/* ---- a segment that the disk does not give ---- */

static void disk_gives_not(void **state)
{
	static const struct {
		const char *file;
		off_t from;
		uint64_t first, last; /* the segment */
	} bad[] = {{"00000001.entries", 0, LEDGER_SEGMENT, 2 * LEDGER_SEGMENT - 1},
		{"00000001.entries", 5000000, LEDGER_SEGMENT, 2 * LEDGER_SEGMENT - 1},
		{"00000000.entries", 0, 0, LEDGER_SEGMENT - 1},
		{"00000003.entries", 0, 3 * LEDGER_SEGMENT, N - 1}};
	static struct told t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t lost = bad[i].last - bad[i].first + 1, got;
		struct ledger_reader *r;
		struct tiles_sum sum;
		struct hash row;
		struct err e = {""};
		char path[600];
		int fd;

		copy();
		tamper_flip(work, bad[i].first == 2 * LEDGER_SEGMENT ? 5 : 2 * LEDGER_SEGMENT + 5, false);
		snprintf(bad_file, sizeof(bad_file), "%s", bad[i].file);
		bad_from = bad[i].from;
		tamper_verify(work, &t, (struct verify_options){0});
		assert_int_equal(t.result, VERIFY_FINDINGS);
		assert_true(tamper_told(&t, FINDING_UNCHECKED, bad[i].first, bad[i].last));
		assert_non_null(strstr(t.f[0].text, "log/"));
		/* The others are judged: an altered record is found. */
		assert_true(tamper_told(&t, FINDING_ALTERED, 2 * LEDGER_SEGMENT + 5, 2 * LEDGER_SEGMENT + 5));
		assert_int_equal(t.n, 2);
		if (ledger_reader_open(&r, work, &e))
			fail_msg("%zu: %s", i, e.text);
		assert_int_equal(ledger_reader_end(r), N);
		got = read_all(r, r);
		assert_true(bad[i].from ? got > N - lost && got < N : got == N - lost);
		assert_int_equal(ledger_reader_seek(r, bad[i].last, &e), 0);
		ledger_reader_close(r);
		bad_file[0] = '\0';
		tamper_flip(work, 2 * LEDGER_SEGMENT + 5, false);
		snprintf(bad_file, sizeof(bad_file), "%s", bad[i].file);
		/* Alone it is no finding, and not "complete" either. */
		tamper_verify(work, &t, (struct verify_options){0});
		assert_int_equal(t.result, VERIFY_UNCHECKED);
		wipe(out);
		assert_true(tiles_export(work, out, &sum, &e) < 0);
		assert_non_null(strstr(e.text, "segment"));
		assert_int_equal(sum.unreadable, bad[i].from ? lost - (got - (N - lost)) : lost);
		/* All else is there, but not the checkpoint that would promise all. */
		snprintf(path, sizeof(path), "%s/tile/1/002", out);
		fd = open(path, O_RDONLY);
		assert_true(fd >= 0 && file_pread(fd, &row, sizeof(row), 0) == sizeof(row));
		close(fd);
		snprintf(path, sizeof(path), "%s/checkpoint", out);
		assert_int_equal(access(path, F_OK), -1);
		bad_file[0] = '\0';
	}
}

static int setup(void **state)
{
	struct ledger *l;
	struct err e;

	if (fixture_setup(state))
		return -1;
	snprintf(good, sizeof(good), "%.200s/good", (char *)*state);
	snprintf(work, sizeof(work), "%.200s/work", (char *)*state);
	snprintf(out, sizeof(out), "%.200s/out", (char *)*state);
	l = fixture_open(good, NULL);
	tamper_append(l, 0, N);
	return ledger_close(l, &e);
}

static int teardown(void **state)
{
	bad_file[0] = '\0';
	return fixture_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_and_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(holes_end, setup, teardown),
		cmocka_unit_test_setup_teardown(appears_later, setup, teardown),
		cmocka_unit_test_setup_teardown(lock_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(disk_gives_not, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
