/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * btf_test.c - types are found and measured; blobs made to crash, loop or take for ever are refused or
 * answered "not there" at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "guest/btf.h"

static struct btf_index b;
static const char *why;

/* A blob of these words as types and this as strings. */
static int load(const uint32_t *types, size_t words, const char *strings, size_t strings_len)
{
	uint32_t head[6] = {0xeb9f | 1u << 16, 24, 0, (uint32_t)words * 4, (uint32_t)words * 4,
		(uint32_t)strings_len};
	size_t len = sizeof(head) + words * 4 + strings_len;
	uint8_t *blob = malloc(len);

	assert_non_null(blob);
	memcpy(blob, head, sizeof(head));
	memcpy(blob + sizeof(head), types, words * 4);
	memcpy(blob + sizeof(head) + words * 4, strings, strings_len);
	return btf_load(&b, blob, len, &why);
}

#define LOAD(types, strings) load(types, sizeof(types) / 4, strings, sizeof(strings))
#define INFO(kind, vlen) ((uint32_t)(kind) << 24 | (vlen))

static void members(void **state)
{
	static const uint32_t types[] = {
		1, INFO(1, 0), 4, 32,               /* 1: INT "int", 4 bytes */
		0, INFO(3, 0), 0, 1, 1, 10,         /* 2: ARRAY of 10 */
		0, INFO(2, 0), 1,                   /* 3: PTR */
		5, INFO(4, 3), 64,                  /* 4: STRUCT "outer" */
		11, 1, 0, 13, 2, 32, 15, 6, 384,    /*    a: int, b: array, q: const inner */
		17, INFO(4, 1), 8, 23, 3, 0,        /* 5: STRUCT "inner" { p } */
		0, INFO(10, 0), 5,                  /* 6: CONST inner */
		25, INFO(8, 0), 4,                  /* 7: TYPEDEF "alias" = outer */
		31, INFO(19, 1) | 1u << 31, 8, 33, 0x89abcdef, 0xffffffff, /* 8: ENUM64 "e" { big } */
	};
	struct btf_member_at at;
	uint32_t size;
	int64_t v;

	(void)state;
	assert_int_equal(LOAD(types, "\0int\0outer\0a\0b\0q\0inner\0p\0alias\0e\0big"), 0);
	assert_int_equal(btf_find_size(&b, "outer", &size), 0);
	assert_int_equal(size, 64);
	assert_int_equal(btf_find_size(&b, "alias", &size), 0);
	assert_int_equal(size, 64);
	assert_int_equal(btf_find_member(&b, "outer", "b", &at), 0);
	assert_int_equal(at.bit_offset, 32);
	assert_int_equal(at.bit_size, 320);
	assert_int_equal(btf_find_member(&b, "alias", "q.p", &at), 0);
	assert_int_equal(at.bit_offset, 384);
	assert_int_equal(at.bit_size, 64);
	assert_int_equal(btf_find_member(&b, "outer", "q.p.x", &at), -ENOENT);
	assert_int_equal(btf_find_member(&b, "outer", "", &at), -ENOENT);
	assert_int_equal(btf_find_member(&b, "outer", ".a", &at), -ENOENT);
	assert_int_equal(btf_find_member(&b, "int", "a", &at), -ENOENT);
	assert_int_equal(btf_find_enum(&b, "big", &v), 0);
	assert_int_equal((uint64_t)v, 0xffffffff89abcdefull);
	btf_free(&b);
}

/* A struct that holds itself, thousands of times, in members without a name. */
static void bomb(void **state)
{
	enum { N = 60000 };
	uint32_t *types = calloc(3 + 3 * N, sizeof(*types));
	struct btf_member_at at;

	(void)state;
	assert_non_null(types);
	types[0] = 1;
	types[1] = INFO(4, N);
	types[2] = 8;
	for (unsigned i = 0; i < N; i++)
		types[3 + 3 * i + 1] = 1;
	assert_int_equal(load(types, 3 + 3 * N, "\0s", 3), 0);
	assert_int_equal(btf_find_member(&b, "s", "x", &at), -ENOENT);
	btf_free(&b);
	free(types);
}

static void circles(void **state)
{
	static const uint32_t types[] = {
		1, INFO(8, 0), 2,             /* 1: TYPEDEF "a" = 2 */
		3, INFO(8, 0), 1,             /* 2: TYPEDEF "b" = 1 */
		5, INFO(4, 1), 8, 1, 4, 0,    /* 3: STRUCT "s" { a: array } */
		0, INFO(3, 0), 0, 4, 4, 2,    /* 4: ARRAY of itself */
		7, INFO(8, 0), 99,            /* 5: TYPEDEF "n" of nothing */
	};
	struct btf_member_at at;
	uint32_t size;

	(void)state;
	assert_int_equal(LOAD(types, "\0a\0b\0s\0n"), 0);
	assert_int_equal(btf_find_size(&b, "a", &size), -ENOENT);
	assert_int_equal(btf_find_size(&b, "n", &size), -ENOENT);
	assert_int_equal(btf_find_member(&b, "a", "a", &at), -ENOENT);
	assert_int_equal(btf_find_member(&b, "s", "a", &at), -ENOENT);
	btf_free(&b);
}

static void refused(void **state)
{
	static const uint32_t cut[] = {1, INFO(4, 100), 8};
	static const uint32_t unknown[] = {1, INFO(31, 0), 8};
	static const uint32_t fine[] = {1, INFO(15, 0), 8};
	static const uint8_t lies[24] = {0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0xf0, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0};
	uint8_t *blob = malloc(sizeof(lies));

	(void)state;
	assert_int_equal(LOAD(cut, "\0a"), -EBADMSG);
	assert_int_equal(LOAD(unknown, "\0a"), -EBADMSG);
	assert_int_equal(load(fine, 3, "\0abc", 4), -EBADMSG);
	assert_int_equal(load(fine, 3, "xabc", 5), -EBADMSG);
	assert_non_null(blob);
	memcpy(blob, lies, sizeof(lies));
	assert_int_equal(btf_load(&b, blob, sizeof(lies), &why), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members), cmocka_unit_test(bomb), cmocka_unit_test(circles),
		cmocka_unit_test(refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
