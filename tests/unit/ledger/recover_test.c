/* SPDX-License-Identifier: BSD-3-Clause */
/* limit: 300 */
/*
 * Opening what somebody damaged: a ledger that is refused is left as it was, byte for byte, and verify names
 * the same records afterwards; of one that is taken everything that follows from something else is as it
 * was before the damage.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/ledger/tamper.h"

#define N (2 * LEDGER_SEGMENT + 1000)
#define UNSIGNED 600 /* whole entries beyond the checkpoint */

static char good[250], pruned[250], work[250];

static void copy(const char *from)
{
	char cmd[1024];

	nftw(work, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
	snprintf(cmd, sizeof(cmd), "cp -a '%s' '%s'", from, work);
	assert_int_equal(system(cmd), 0);
}

/* ---- everything below a directory but `lock`, as one hash ---- */

static struct hash sum;

static void mix(const void *data, size_t n)
{
	struct hash both[2] = {sum};

	tree_sha256(data, n, &both[1]);
	tree_sha256(both, sizeof(both), &sum);
}

static int mix_file(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	char head[600];
	int n;

	if (!strcmp(path + f->base, "lock"))
		return 0;
	/* Of a directory the time of its last change would tell of a file that came and went. */
	n = snprintf(head, sizeof(head), "%.300s %o %lld %lld.%09ld", path, st->st_mode, (long long)st->st_size,
		(long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	if (f->level == 0) /* `lock` is made in it */
		n = snprintf(head, sizeof(head), "%.300s %o", path, st->st_mode);
	mix(head, (size_t)n);
	if (kind == FTW_F && S_ISREG(st->st_mode)) {
		struct tamper_file file = tamper_load(path);

		mix(file.data, file.n);
		free(file.data);
	}
	return 0;
}

/* nftw() goes in the order of the directory, which opening files does not change. */
static struct hash digest(const char *dir)
{
	memset(&sum, 0, sizeof(sum));
	nftw(dir, mix_file, 16, FTW_PHYS);
	return sum;
}

/* ---- damages ---- */

static char *at(const char *name)
{
	return tamper_path(work, name);
}

static void garble(const char *name, uint64_t off, size_t n)
{
	struct tamper_file f = tamper_load(at(name));

	for (size_t i = 0; i < n && off + i < f.n; i++)
		f.data[off + i] ^= 0x5a;
	tamper_store(at(name), f);
}

static void put(const char *name, const char *text)
{
	struct tamper_file f = {strdup(text), strlen(text)};

	tamper_store(at(name), f);
}

static void altered(void) { tamper_flip(work, 1000, false); }
static void altered_hash(void) { tamper_flip(work, 1000, true); }
static void altered_fold(void) { tamper_flip(work, 1000, true); tamper_fold(work, 0, false); }
static void altered_all(void) { tamper_flip(work, 1000, true); tamper_fold(work, 0, true); }
static void altered_last(void) { tamper_flip(work, N - 1, false); }
static void altered_last_hash(void) { tamper_flip(work, N - 1, true); }
static void altered_no_hashes(void)
{
	tamper_flip(work, 70000, false);
	assert_int_equal(truncate(at("log/hash.2"), 0), 0);
	assert_int_equal(truncate(at("log/hash.1"), 0), 0);
	assert_int_equal(truncate(at("log/00000001.hashes"), 0), 0);
}
static void altered_tail_no_hashes(void)
{
	tamper_flip(work, N - 500, false);
	assert_int_equal(truncate(at("log/00000002.hashes"), 0), 0);
}
static void altered_length(void)
{
	struct tamper_file f = tamper_load(at("log/00000002.entries"));

	f.data[tamper_entry(f, 300) + 1] ^= 3;
	tamper_store(at("log/00000002.entries"), f);
}
static void removed_some(void) { tamper_remove(work, 2, 500, 10, false); }
static void removed_some_hashes(void) { tamper_remove(work, 2, 500, 10, true); }
static void removed_early(void) { tamper_remove(work, 0, 500, 10, true); }
static void swapped(void) { tamper_swap(work, 100, N - 100, true); }
static void cut_tail(void) { assert_int_equal(truncate(at("log/00000002.entries"), 20000), 0); }
static void empty_tail(void) { assert_int_equal(truncate(at("log/00000002.entries"), 0), 0); }
static void no_tail(void) { unlink(at("log/00000002.entries")); }
static void no_middle(void) { unlink(at("log/00000001.entries")); }
static void no_checkpoint(void) { unlink(at("checkpoint")); }
static void no_size(void) { unlink(at("size")); }
static void empty_size(void) { assert_int_equal(truncate(at("size"), 0), 0); }
static void no_key(void) { unlink(at("key")); }
static void no_vkey(void) { unlink(at("vkey")); }
static void bad_key(void) { put("key", "nonsense\n"); }
static void bad_checkpoint(void) { garble("checkpoint", 20, 4); }
static void bad_first(void) { put("first", "65537\n"); }
static void false_first(void) { put("first", "65536\n65537\n"); }
static void no_log(void) { nftw(at("log"), fixture_unlink, 16, FTW_DEPTH | FTW_PHYS); }
static void foreign(void) { put("log/99999999.entries", ""); }
static void foreign_next(void) { put("log/00000003.entries", ""); }
static void foreign_full(void) { put("log/00000004.entries", "\x01" "abc"); }
static void next_directory(void) { assert_int_equal(mkdir(at("log/00000003.index"), 0755), 0); }
static void level_fifo(void) { assert_int_equal(mkfifo(at("log/hash.3"), 0600), 0); }
static void level_directory(void) { unlink(at("log/hash.1")); assert_int_equal(mkdir(at("log/hash.1"), 0755), 0); }
static void tail_link(void)
{
	unlink(at("log/00000002.index"));
	assert_int_equal(symlink("/dev/null", at("log/00000002.index")), 0);
}
/* Another root for a size above the checkpoint, and one for a size below it. */
static void slot(uint64_t size)
{
	char text[LAYOUT_SIZE_TEXT];
	struct tamper_file f = tamper_load(at("size"));
	struct hash other = {{7}};

	layout_size_put(size, &other, text);
	f.data = realloc(f.data, LAYOUT_SIZE_SLOT + LAYOUT_SIZE_TEXT);
	f.n = LAYOUT_SIZE_SLOT + LAYOUT_SIZE_TEXT;
	memcpy(f.data + LAYOUT_SIZE_SLOT, text, sizeof(text));
	tamper_store(at("size"), f);
}
static void forked_above(void) { slot(N + 100); }
static void forked_below(void) { slot(N - 300); }
static void forked_far_below(void) { slot(70001); }
static void too_much(void) { slot(N + UNSIGNED + 1); }

static const struct damage {
	void (*damage)(void);
	bool refused;
	const char *word; /* of the refusal */
} damages[] = {
	/* What is under the checkpoint is verify's to read: these are taken, and stay named. */
	{altered, false, NULL}, {altered_hash, false, NULL}, {altered_last, false, NULL}, {no_middle, false, NULL},
	{removed_early, false, NULL}, {swapped, true, "signed over"},
	{altered_fold, false, NULL},
	{altered_all, true, "signed over"}, {altered_last_hash, true, "signed over"},
	{altered_no_hashes, true, "signed over"}, {altered_tail_no_hashes, true, "signed over"},
	{altered_length, true, "records"}, {removed_some, true, "signed"},
	{removed_some_hashes, true, "signed over"}, {cut_tail, true, "records"}, {empty_tail, true, "records"},
	{no_tail, true, "segment"}, {no_checkpoint, true, "checkpoint"}, {no_size, true, "size"},
	{empty_size, true, "size"}, {no_key, true, "key"}, {no_vkey, true, "key"}, {bad_key, true, "key"},
	{bad_checkpoint, true, "checkpoint"}, {bad_first, true, "first"}, {false_first, true, "first"},
	{no_log, true, "log"}, {foreign, true, "99999999.entries"}, {foreign_next, true, "00000003.entries"},
	{foreign_full, true, "00000004.entries"}, {next_directory, true, "00000003.index"},
	{level_fifo, true, "hash.3"}, {level_directory, true, "hash.1"}, {tail_link, true, "00000002.index"},
	{forked_above, true, "another history"}, {forked_below, true, "another history"},
	{forked_far_below, true, "another history"}, {too_much, true, "about to be signed"},
};

static bool same_finding(const struct finding *a, const struct finding *b)
{
	return a->kind == b->kind && a->first == b->first && a->last == b->last && !strcmp(a->text, b->text);
}

/* All that verify said of records before is said still. */
static void check_told(const struct told *before, const struct told *after, size_t which)
{
	for (size_t i = 0; i < before->n; i++) {
		bool found = before->f[i].kind == FINDING_HASHES || before->f[i].kind == FINDING_INDEX;

		for (size_t k = 0; k < after->n && !found; k++)
			found = same_finding(&before->f[i], &after->f[k]);
		if (!found)
			fail_msg("damage %zu: no longer told: %s", which, before->f[i].text);
	}
}

static void judge(const struct damage *d, size_t which)
{
	static struct told before, after;
	struct hash was, is;
	struct err e = {""};
	struct ledger *l;
	int r;

	copy(good);
	d->damage();
	if (d->damage != no_log)
		tamper_verify(work, &before, (struct verify_options){0});
	was = digest(work);
	r = ledger_open(&l, work, "test.example/vm", NULL, &e);
	if (!r)
		ledger_abandon(l);
	if (d->refused != (r != 0))
		fail_msg("damage %zu: %s", which, r ? e.text : "taken");
	is = digest(work);
	if (r && memcmp(&was, &is, sizeof(was)))
		fail_msg("damage %zu, refused (%s): something was changed", which, e.text);
	if (r && !strstr(e.text, d->word))
		fail_msg("damage %zu: '%s' does not speak of '%s'", which, e.text, d->word);
	if (d->damage == no_log)
		return;
	tamper_verify(work, &after, (struct verify_options){0});
	check_told(&before, &after, which);
}

static void refused_is_untouched(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++)
		judge(&damages[i], i);
}

/* A directory that only looks like one in creation. */
static void creation_refused_is_untouched(void **state)
{
	static const struct {
		const char *name, *text, *word;
	} odd[] = {{"vkey", "x+00000000+AAAA\n", "vkey"}, {"key", "nonsense\n", "key"},
		{"log", "a file", "log"}, {"size", NULL, "size"}};
	struct hash was, is;
	struct err e = {""};
	struct ledger *l;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		nftw(work, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
		assert_int_equal(mkdir(work, 0700), 0);
		if (odd[i].text)
			put(odd[i].name, odd[i].text);
		else
			assert_int_equal(mkdir(at(odd[i].name), 0700), 0);
		was = digest(work);
		assert_true(ledger_open(&l, work, "test.example/vm", NULL, &e) < 0);
		if (!strstr(e.text, odd[i].word))
			fail_msg("'%s' does not speak of '%s'", e.text, odd[i].word);
		is = digest(work);
		assert_memory_equal(&was, &is, sizeof(was));
	}
}

/* ---- made again ---- */

static void same(const char *ref, const char *name)
{
	struct tamper_file a = tamper_load(tamper_path(ref, name)), b;

	b = tamper_load(at(name));
	if (a.n != b.n || memcmp(a.data, b.data, a.n))
		fail_msg("'%s' is not what it was", name);
	free(a.data);
	free(b.data);
}

/* Open @work and look whether the files named are as they are in @ref. */
static void taken(const char *ref, const char *const *names)
{
	struct ledger_recovery rec;
	struct err e = {""};
	struct ledger *l;

	if (ledger_open(&l, work, NULL, &rec, &e))
		fail_msg("open: %s", e.text);
	ledger_abandon(l);
	for (; *names; names++)
		same(ref, *names);
}

static void follows_from_something_else(void **state)
{
	static const char *const files[] = {"log/00000000.hashes", "log/00000001.hashes", "log/00000002.hashes",
		"log/00000000.index", "log/00000001.index", "log/00000002.index", "log/hash.1", "log/hash.2", NULL};
	static const char *const but_last[] = {"log/00000000.hashes", "log/00000001.hashes", "log/00000000.index",
		"log/00000001.index", "log/hash.2", NULL};
	static struct told t;

	(void)state;
	/* Each, gone, cut, and where it is looked at, garbled. */
	for (unsigned i = 0; files[i]; i++)
		for (unsigned how = 0; how < 3; how++) {
			struct stat st;

			if (how == 2 && (i == 0 || i == 1))
				continue; /* verify's to read */
			copy(good);
			assert_int_equal(stat(at(files[i]), &st), 0);
			if (how == 0)
				assert_int_equal(unlink(at(files[i])), 0);
			else if (how == 1)
				assert_int_equal(truncate(at(files[i]), st.st_size / 2), 0);
			else
				/* A leaf of the last bundle signed; a row's end; a hash. */
				garble(files[i], i == 2 ? 999 * 32 : i < 6 ? 24 : 40, 8);
			/* Without its hash an entry beyond the checkpoint was never committed. */
			taken(good, i == 2 && how < 2 ? but_last : files);
			tamper_verify(work, &t, (struct verify_options){0});
			assert_int_equal(t.n, 0);
			assert_int_equal(t.sum.end, i == 2 && how < 2 ? N : N + UNSIGNED);
		}
	/* All of them at once. */
	copy(good);
	for (unsigned i = 0; files[i]; i++)
		if (i != 2) /* which says what of the unsigned was committed */
			unlink(at(files[i]));
	taken(good, files);
}

/* Of pruned leaves nothing is there but two levels. */
static void pruned_hashes(void **state)
{
	static const char *const files[] = {"log/hash.2", NULL}, *const none[] = {NULL};
	static struct told t;

	(void)state;
	copy(pruned);
	garble("log/hash.2", 0, 32);
	taken(pruned, files);
	copy(pruned);
	assert_int_equal(unlink(at("log/hash.2")), 0);
	taken(pruned, files);
	tamper_verify(work, &t, (struct verify_options){0});
	assert_int_equal(t.n, 0);
	/* The other way round nothing can be done, and nothing depends on it. */
	copy(pruned);
	garble("log/hash.1", 64, 32);
	taken(pruned, none);
	same(pruned, "log/hash.2");
	/* One each way: every choice is tried. */
	copy(pruned);
	garble("log/hash.1", 64, 32);
	garble("log/hash.2", 32, 32);
	taken(pruned, files);
	/* Both of the same one: refused, and named. */
	copy(pruned);
	garble("log/hash.1", 64, 32);
	garble("log/hash.2", 0, 32);
	{
		struct hash was = digest(work), is;
		struct err e = {""};
		struct ledger *l;

		assert_int_equal(ledger_open(&l, work, NULL, NULL, &e), -EBADMSG);
		assert_non_null(strstr(e.text, "pruned records 0 to 65535"));
		is = digest(work);
		assert_memory_equal(&was, &is, sizeof(was));
	}
}

static int setup(void **state)
{
	struct ledger *l;
	uint64_t gone;
	struct err e;

	if (fixture_setup(state))
		return -1;
	snprintf(good, sizeof(good), "%.200s/good", (char *)*state);
	snprintf(pruned, sizeof(pruned), "%.200s/pruned", (char *)*state);
	snprintf(work, sizeof(work), "%.200s/work", (char *)*state);
	l = fixture_open(good, NULL);
	tamper_append(l, 0, N);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	tamper_append(l, N, N + UNSIGNED);
	assert_int_equal(ledger_commit(l, &e), 0);
	ledger_abandon(l);
	copy(good);
	l = fixture_open(work, NULL);
	assert_int_equal(fixture_prune(l, 1, 0, &gone, &e), 0);
	assert_int_equal(gone, 2 * LEDGER_SEGMENT);
	assert_int_equal(ledger_close(l, &e), 0);
	return rename(work, pruned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refused_is_untouched, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(creation_refused_is_untouched, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(follows_from_something_else, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(pruned_hashes, setup, fixture_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
