/* SPDX-License-Identifier: BSD-3-Clause */
/* wire_test.c - what one side writes the other reads, in whatever pieces it comes; what is none is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mirror/wire.h"
#include "util/cleanup.h"

#define ROOT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define NOTE "log\n5\n" ROOT "\n\n\xe2\x80\x94 log AAAAAAAA\n"

static void test_add_checkpoint(void **state)
{
	struct wire_checkpoint c = {.old = 3, .n_proof = 2, .note = span_of(NOTE)}, back;
	_cleanup_free_ char *body = NULL;
	struct err e = {""};
	size_t n;

	(void)state;
	memset(c.proof[1].b, 0xff, LEDGER_HASH);
	assert_int_equal(wire_checkpoint_put(&c, &body, &n), 0);
	assert_int_equal(wire_checkpoint_get(body, n, &back, &e), 0);
	assert_int_equal(back.old, 3);
	assert_int_equal(back.n_proof, 2);
	assert_memory_equal(back.proof, c.proof, 2 * sizeof(c.proof[0]));
	assert_true(span_eq(back.note, c.note));
	assert_int_equal(back.checkpoint.size, 5);
	/* No beginning of it is one, up to the whole note. */
	for (size_t i = 0; i < n; i++)
		assert_int_equal(wire_checkpoint_get(body, i, &back, &e), -EBADMSG);
}

static void test_add_checkpoint_refused(void **state)
{
	static const char *const bad[] = {
		"", "\n", "old\n\n" NOTE, "old \n\n" NOTE, "old 01\n\n" NOTE, "old -1\n\n" NOTE, "old 1 \n\n" NOTE,
		"Old 1\n\n" NOTE, "old 18446744073709551616\n\n" NOTE, "old 1\r\n\r\n" NOTE, "old 1\nAAAA\n\n" NOTE,
		"old 1\n" ROOT "A\n\n" NOTE, "old 1\n" NOTE, "old 1\n\n", "old 1\n\n\n" NOTE,
	};
	_cleanup_free_ char *many = NULL;
	struct wire_checkpoint c;
	struct err e;
	size_t n;
	FILE *f = open_memstream(&many, &n);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (wire_checkpoint_get(bad[i], strlen(bad[i]), &c, &e) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
	fputs("old 1\n", f);
	for (int i = 0; i <= CONSISTENCY_MAX; i++)
		fputs(ROOT "\n", f);
	fputs("\n" NOTE, f);
	fclose(f);
	assert_int_equal(wire_checkpoint_get(many, n, &c, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "more than 63"));
}

static void test_size(void **state)
{
	static const char *const bad[] = {"", "5", "\n", "05\n", "5\n\n", "5\n6\n", " 5\n", "5\r\n", "x\n"};
	char text[WIRE_SIZE_TEXT];
	struct err e;
	uint64_t v;

	(void)state;
	assert_int_equal(wire_size_put(UINT64_MAX, text), 21);
	assert_int_equal(wire_size_get(text, 21, &v, &e), 0);
	assert_true(v == UINT64_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(wire_size_get(bad[i], strlen(bad[i]), &v, &e), -EBADMSG);
}

static void test_info(void **state)
{
	static const char *const bad[] = {"", "1\n2\n", "1\n2\n\n\n", "1\n2\nA\n", "1\n2\n", "1\n\n\n", "01\n2\n\n",
		"1\n2\nAAAA", "1\n2\nAA AA\n"};
	struct wire_info i = {7, 5, {"a\0b", 3}, NULL}, back;
	_cleanup_free_ char *body = NULL;
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(wire_info_put(&i, &body, &n), 0);
	assert_int_equal(wire_info_get(body, n, &back, &e), 0);
	assert_int_equal(back.size, 7);
	assert_int_equal(back.next, 5);
	assert_true(span_eq(back.ticket, i.ticket));
	wire_info_free(&back);
	assert_int_equal(wire_info_get("7\n5\n\n", 5, &back, &e), 0);
	assert_int_equal(back.ticket.n, 0);
	wire_info_free(&back);
	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
		assert_int_equal(wire_info_get(bad[k], strlen(bad[k]), &back, &e), -EBADMSG);
		wire_info_free(&back);
	}
}

static void test_packages(void **state)
{
	const struct wire_interval first = wire_package(300, 1000, 0), last = wire_package(300, 1000, 2);
	const struct wire_interval end = wire_package(UINT64_MAX - 1, UINT64_MAX, 0);

	(void)state;
	assert_int_equal(wire_packages(5, 5), 0);
	assert_int_equal(wire_packages(0, 256), 1);
	assert_int_equal(wire_packages(0, 257), 2);
	assert_int_equal(wire_packages(255, 257), 2);
	assert_int_equal(wire_packages(300, 1000), 3);
	assert_true(wire_packages(0, UINT64_MAX) == 1ULL << 56);
	assert_true(first.base == 256 && first.start == 300 && first.end == 512);
	assert_true(last.base == 768 && last.start == 768 && last.end == 1000);
	assert_true(end.base == UINT64_MAX - 255 && end.start == UINT64_MAX - 1 && end.end == UINT64_MAX);
}

/* A request of leaves [start, end), each a few bytes that say its number. */
static char *request(uint64_t start, uint64_t end, size_t *n)
{
	const struct wire_head head = {span_of("example.org/log"), start, end, {"ticket", 6}};
	struct hash proof[3] = {{{1}}, {{2}}, {{3}}};
	char *body = NULL, buf[WIRE_PROOF_MAX + 256];
	FILE *f = open_memstream(&body, n);

	fwrite(buf, 1, wire_head_put(&head, buf), f);
	for (uint64_t i = 0; i < wire_packages(start, end); i++) {
		struct wire_interval at = wire_package(start, end, i);

		for (uint64_t k = at.start; k < at.end; k++) {
			int len = snprintf(buf + 2, 64, "leaf %u", (unsigned)k);

			buf[0] = 0;
			buf[1] = (char)len;
			fwrite(buf, 1, (size_t)len + 2, f);
		}
		fwrite(buf, 1, wire_proof_put(proof, i % 4, buf), f);
	}
	fclose(f);
	return body;
}

static void check_package(const struct wire_package *k, uint64_t start, uint64_t end, uint64_t i)
{
	struct wire_interval at = wire_package(start, end, i);
	struct hash want;
	char leaf[64];

	assert_memory_equal(&k->at, &at, sizeof(at));
	assert_int_equal(k->n_proof, i % 4);
	for (size_t p = 0; p < k->n_proof; p++)
		assert_int_equal(k->proof[p].b[0], p + 1);
	for (uint64_t l = at.start; l < at.end; l++) {
		tree_leaf_hash(leaf, (size_t)snprintf(leaf, sizeof(leaf), "leaf %u", (unsigned)l), &want);
		assert_memory_equal(&k->leaf[l - at.start], &want, sizeof(want));
	}
	assert_memory_equal(k->entries.p + 2, "leaf ", 5);
}

static void test_reader(void **state)
{
	const size_t pieces[] = {1, 2, 7, 4096, 1 << 20};
	const uint64_t start = 300, end = 1000;
	size_t n;
	_cleanup_free_ char *body = request(start, end, &n);
	struct err e = {""};

	(void)state;
	for (size_t s = 0; s < sizeof(pieces) / sizeof(pieces[0]); s++) {
		struct wire_reader r;
		uint64_t got = 0;
		int x = WIRE_MORE, heads = 0;

		wire_reader_init(&r);
		for (size_t at = 0; at < n; at += pieces[s]) {
			assert_int_equal(wire_feed(&r, body + at, n - at < pieces[s] ? n - at : pieces[s]), 0);
			while ((x = wire_next(&r, &e)) == WIRE_HEAD || x == WIRE_PACKAGE) {
				if (x == WIRE_HEAD)
					heads++;
				else
					check_package(&r.package, start, end, got++);
			}
			assert_true(x == WIRE_MORE || x == WIRE_END);
		}
		assert_int_equal(x, WIRE_END);
		assert_int_equal(heads, 1);
		assert_int_equal(got, 3);
		assert_true(span_is(r.head.origin, "example.org/log") && span_is(r.head.ticket, "ticket"));
		/* What follows is nobody's. */
		assert_int_equal(wire_feed(&r, "more", 4), 0);
		assert_int_equal(wire_next(&r, &e), WIRE_END);
		wire_reader_free(&r);
	}
}

static int read_all(const char *body, size_t n, unsigned *packages, struct err *e)
{
	struct wire_reader r;
	int x;

	*packages = 0;
	wire_reader_init(&r);
	assert_int_equal(wire_feed(&r, body, n), 0);
	while ((x = wire_next(&r, e)) > WIRE_MORE && x != WIRE_END)
		*packages += x == WIRE_PACKAGE;
	wire_reader_free(&r);
	return x;
}

static void test_reader_refuses(void **state)
{
	const struct wire_head back = {span_of("o"), 6, 5, {NULL, 0}}, one = {span_of("o"), 5, 6, {NULL, 0}};
	size_t n;
	_cleanup_free_ char *body = request(0, 300, &n);
	struct err e = {""};
	unsigned packages;
	char buf[64];

	(void)state;
	/* A beginning of it is a prefix upload, wherever it is cut. */
	for (size_t i = 0; i < n; i += 13) {
		assert_int_equal(read_all(body, i, &packages, &e), WIRE_MORE);
		assert_true(packages <= 1);
	}
	assert_int_equal(read_all(buf, wire_head_put(&back, buf), &packages, &e), -EBADMSG);
	n = wire_head_put(&one, buf);
	memcpy(buf + n, "\0\0", 2);
	assert_int_equal(read_all(buf, n + 2, &packages, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "entry 5 has no bytes"));
	memcpy(buf + n, "\0\1x\100", 4);
	assert_int_equal(read_all(buf, n + 4, &packages, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "proof of 64 hashes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_checkpoint),
		cmocka_unit_test(test_add_checkpoint_refused),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_packages),
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_reader_refuses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
