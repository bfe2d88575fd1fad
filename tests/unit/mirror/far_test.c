/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * far_test.c - a log read from a server that nobody trusts: what arrives is the ledger byte for byte, or refused;
 * and where two histories part is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include "mirror/read/fetch.h"
#include "unit/mirror/far.h"

/* Good until a thousand later calls. */
static const char *path_in(const char *dir, const char *name)
{
	static char out[1000][512];
	static unsigned k;

	k = (k + 1) % 1000;
	snprintf(out[k], sizeof(out[k]), "%s/%s", dir, name);
	return out[k];
}

static void same_file(const char *a, const char *b, const char *name, bool wanted)
{
	char *x = NULL, *y = NULL;
	size_t n = 0, m = 0;
	int r = file_load(AT_FDCWD, path_in(a, name), 64 << 20, &x, &n);

	if (!r || wanted) {
		assert_int_equal(r, 0);
		assert_int_equal(file_load(AT_FDCWD, path_in(b, name), 64 << 20, &y, &m), 0);
		assert_int_equal(n, m);
		assert_memory_equal(x, y, n);
	}
	free(x);
	free(y);
}

static void same_ledger(const char *a, const char *b)
{
	static const char *const must[] = {"checkpoint", "vkey", "log/00000000.entries", "log/00000000.hashes",
		"log/00000000.index"};
	static const char *const may[] = {"log/hash.1", "log/hash.2", "log/00000001.entries", "log/00000001.hashes",
		"log/00000001.index"};

	for (unsigned i = 0; i < 5; i++) {
		same_file(a, b, must[i], true);
		same_file(a, b, may[i], false);
	}
	assert_int_equal(access(path_in(b, "key"), F_OK), -1);
}

static void test_byte_for_byte(void **state)
{
	static const uint64_t sizes[] = {0, 1, 255, 256, 257, 700, 65536, 65537 + 300};
	struct far *f = malloc(sizeof(*f));
	struct err e = {""};
	struct far_dir d;
	uint64_t had = 0;

	/* One ledger that grows, copied anew at each size, and a copy that grows with it. */
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const char *here = path_in(*state, "ledger"), *copy;
		char name[32];

		far_fill(here, had, sizes[i]);
		had = sizes[i];
		far_serve(&d, here, path_in(*state, "tiles"));
		if (far_open(f, &d.server, FAR_ORIGIN, NULL, &e))
			fail_msg("%s", e.text);
		assert_int_equal(f->checkpoint.size, had);
		snprintf(name, sizeof(name), "copy%u", i);
		copy = path_in(*state, name);
		if (fetch_all(f, copy, &e) || fetch_all(f, path_in(*state, "grown"), &e))
			fail_msg("%s", e.text);
		same_ledger(here, copy);
		same_ledger(here, path_in(*state, "grown"));
		far_close(f);
	}
	free(f);
}

static void test_refresh(void **state)
{
	const char *here = path_in(*state, "ledger");
	struct far *f = malloc(sizeof(*f));
	struct hash root, signed_root;
	struct err e = {""};
	struct far_dir d;

	far_fill(here, 0, 300);
	far_serve(&d, here, path_in(*state, "tiles"));
	assert_int_equal(far_open(f, &d.server, FAR_ORIGIN, NULL, &e), 0);
	signed_root = f->checkpoint.root;
	assert_int_equal(far_refresh(f, &e), 0);
	far_fill(here, 300, 1000);
	far_serve(&d, here, path_in(*state, "tiles"));
	assert_int_equal(far_refresh(f, &e), 1);
	assert_int_equal(f->checkpoint.size, 1000);
	assert_int_equal(far_root(f, 300, &root, &e), 0);
	assert_memory_equal(&root, &signed_root, sizeof(root));
	far_close(f);
	free(f);
}

static void test_no_such_log(void **state)
{
	const char *here = path_in(*state, "ledger");
	struct far *f = malloc(sizeof(*f));
	struct vkey other = {.name = "web02"};
	struct far_trust trust = {.log = &other};
	struct err e = {""};
	struct far_dir d;

	far_fill(here, 0, 3);
	far_serve(&d, here, path_in(*state, "tiles"));
	/* Another log's name, another key, a cosigner that has not signed. */
	assert_int_equal(far_open(f, &d.server, "web02", NULL, &e), -EBADMSG);
	far_close(f);
	snprintf(other.name, sizeof(other.name), FAR_ORIGIN);
	vkey_set_id(&other);
	assert_int_equal(far_open(f, &d.server, FAR_ORIGIN, &trust, &e), -EBADMSG);
	far_close(f);
	trust = (struct far_trust){.cosigner = &other};
	assert_int_equal(far_open(f, &d.server, FAR_ORIGIN, &trust, &e), -EBADMSG);
	far_close(f);
	snprintf(d.dir, sizeof(d.dir), "%s", (const char *)*state);
	assert_int_equal(far_open(f, &d.server, FAR_ORIGIN, NULL, &e), -ENOENT);
	far_close(f);
	free(f);
}

static void flip_first(char **data, size_t *n)
{
	if (*n)
		(*data)[0] ^= 1;
}

static void flip_last(char **data, size_t *n)
{
	if (*n)
		(*data)[*n - 1] ^= 0x40;
}

static void cut(char **data, size_t *n)
{
	(void)data;
	*n = *n ? *n - 1 : 0;
}

static void lengthen(char **data, size_t *n)
{
	*data = realloc(*data, *n + 1);
	(*data)[(*n)++] = 'x';
}

static void empty(char **data, size_t *n)
{
	(void)data;
	*n = 0;
}

/* Whichever answer is altered, and however: refused, or it made no difference. */
static void test_lies(void **state)
{
	static void (*const lies[])(char **, size_t *) = {flip_first, flip_last, cut, lengthen, empty};
	const char *here = path_in(*state, "ledger");
	struct far *f = malloc(sizeof(*f));
	unsigned refused = 0, all = 0;
	struct err e = {""};
	struct far_dir d;
	char name[32];

	far_fill(here, 0, 700);
	far_serve(&d, here, path_in(*state, "tiles"));
	for (unsigned at = 0; at < 9; at++) {
		for (unsigned how = 0; how < 5; how++, all++) {
			int r;

			snprintf(name, sizeof(name), "copy%u.%u", at, how);
			d.gets = 0;
			d.at = at;
			d.alter = lies[how];
			r = far_open(f, &d.server, FAR_ORIGIN, NULL, &e);
			if (!r)
				r = fetch_all(f, path_in(*state, name), &e);
			far_close(f);
			if (!r)
				same_file(here, path_in(*state, name), "log/00000000.entries", true);
			else
				assert_true(r == -EBADMSG && e.text[0]);
			refused += r != 0;
			/* With the truth, the same copy goes on. */
			d.alter = NULL;
			assert_int_equal(far_open(f, &d.server, FAR_ORIGIN, NULL, &e), 0);
			if (r && !fetch_all(f, path_in(*state, name), &e))
				same_ledger(here, path_in(*state, name));
			else
				assert_int_equal(r, 0);
			far_close(f);
		}
	}
	/* Seven answers are used; what stands behind a bundle, or a vkey's line, makes no difference. */
	assert_true(refused > 25 && refused < all);
	free(f);
}

/* One record of a history altered, everything behind it as it was: its owner signs anew. */
static void test_compare(void **state)
{
	static const uint64_t first[] = {0, 255, 256, 300, 65535, 65536, 65999};
	const char *here = path_in(*state, "ledger"), *other = path_in(*state, "other");
	struct far *f = malloc(sizeof(*f));
	struct err e = {""};
	struct far_dir d;
	uint64_t same;
	int dir;

	far_fill(here, 0, 66000);
	far_serve(&d, here, path_in(*state, "tiles"));
	assert_int_equal(far_open(f, &d.server, FAR_ORIGIN, NULL, &e), 0);
	dir = open(here, O_RDONLY | O_DIRECTORY);
	assert_int_equal(far_compare(f, dir, 66000, &same, &e), 0);
	assert_int_equal(same, 66000);
	assert_int_equal(far_compare(f, dir, 700, &same, &e), 0);
	assert_int_equal(same, 700);
	close(dir);
	for (unsigned i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		fixture_teardown((void *[]){strdup(other)});
		far_fill(other, 0, first[i]);
		far_fill(other, first[i] + 1, 66001 + i); /* one left out */
		dir = open(other, O_RDONLY | O_DIRECTORY);
		assert_int_equal(far_compare(f, dir, 66000 + i, &same, &e), 0);
		assert_int_equal(same, first[i]);
		close(dir);
	}
	far_close(f);
	free(f);
}

static void test_logs(void **state)
{
	static const char *const bad[] = {"web01 3 web01", "web01 3\n", "web01 x web01\n", "web01 03 web01\n", " 3 web01\n",
		"web01 3 ../web01\n", "web01 3 web01 \n", "web+01 3 web01\n", "\n"};
	struct fetch_log *l;
	struct err e = {""};
	size_t n;

	(void)state;
	assert_int_equal(fetch_logs_parse(span_of(""), &l, &n, &e), 0);
	assert_int_equal(n, 0);
	free(l);
	assert_int_equal(fetch_logs_parse(span_of("example.com/web01 3 web01\nb 18446744073709551615 c\n"), &l, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_string_equal(l[0].origin, "example.com/web01");
	assert_int_equal(l[0].size, 3);
	assert_string_equal(l[1].name, "c");
	free(l);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(fetch_logs_parse(span_of(bad[i]), &l, &n, &e), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_byte_for_byte),
		fixture_test(test_refresh),
		fixture_test(test_no_such_log),
		fixture_test(test_lies),
		fixture_test(test_compare),
		cmocka_unit_test(test_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
