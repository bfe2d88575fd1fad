/* SPDX-License-Identifier: BSD-3-Clause */
/* policy_test.c - the C2SP text's example and rules; files that are none; what a quorum covers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/cosign.h"
#include "mirror/policy.h"
#include "util/base64.h"

static char vkeys[6][NOTE_VKEY_MAX + 1], logs[2][NOTE_VKEY_MAX + 1];

static int make_keys(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		struct vkey k = {.pub = {(uint8_t)(i + 1)}};

		snprintf(k.name, sizeof(k.name), "w%d.example", i);
		vkey_set_id_kind(VKEY_COSIGNER, &k);
		cosign_vkey_format(&k, vkeys[i]);
		if (i > 1)
			continue;
		snprintf(k.name, sizeof(k.name), "log%d.example", i);
		vkey_set_id(&k);
		vkey_format(&k, logs[i]);
	}
	return 0;
}

/* @text with $0 to $5 for the cosigners' keys, $a and $b for the logs'. */
static int parse(const char *text, struct policy *p, struct err *e)
{
	char *full = NULL;
	size_t n;
	FILE *f = open_memstream(&full, &n);
	int r;

	for (; *text; text++) {
		if (*text != '$')
			fputc(*text, f);
		else if (*++text >= 'a')
			fputs(logs[*text - 'a'], f);
		else
			fputs(vkeys[*text - '0'], f);
	}
	fclose(f);
	r = policy_parse(full, n, p, e);
	free(full);
	return r;
}

/* The sizes by the digit in the cosigner's name. */
static uint64_t size_of(void *ctx, const struct vkey *k)
{
	return ((const uint64_t *)ctx)[k->name[1] - '0'];
}

#define EXAMPLE                                                                                    \
	"# two levels\n"                                                                           \
	"log $a\n"                                                                                 \
	"\n"                                                                                       \
	"witness X1 $0\nwitness X2 $1 https://x2.example\n  witness\tX3   $2  \n"                  \
	"group X-witnesses 2 X1 X2 X3\n"                                                           \
	"witness Y1 $3\nwitness Y2 $4\nwitness Y3 $5\n"                                            \
	"group Y-witnesses any Y1 Y2 Y3\n"                                                         \
	"group X-and-Y all X-witnesses Y-witnesses\n"                                              \
	"quorum X-and-Y\n"

static void test_example(void **state)
{
	static const struct {
		uint64_t size[6], covered;
	} all[] = {
		{{0}, 0},
		{{5, 5, 5, 0, 0, 0}, 0},
		{{5, 0, 0, 5, 5, 5}, 0},
		{{5, 5, 0, 0, 5, 0}, 5},
		{{5, 7, 9, 6, 0, 0}, 6},
		{{5, 7, 9, 6, 0, 8}, 7},
		{{UINT64_MAX, UINT64_MAX, 0, 1, 2, 3}, 3},
	};
	struct policy p;
	struct vkey k;
	struct err e = {""};

	(void)state;
	if (parse(EXAMPLE, &p, &e))
		fail_msg("%s", e.text);
	assert_int_equal(p.n_logs, 1);
	assert_int_equal(p.n_names, 9);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_true(policy_covered(&p, size_of, (void *)all[i].size) == all[i].covered);
	assert_string_equal(policy_find_url(&p, "https://x2.example")->key.name, "w1.example");
	assert_null(policy_find_url(&p, "https://x1.example"));
	assert_int_equal(vkey_parse(logs[0], strlen(logs[0]), &k, &e), 0);
	assert_non_null(policy_find_log(&p, &k));
	k.pub[3] ^= 1;
	assert_null(policy_find_log(&p, &k));
	policy_free(&p);
}

static void test_simple(void **state)
{
	const uint64_t size[6] = {3};
	struct policy p;
	struct err e;

	(void)state;
	assert_int_equal(parse("quorum none\n", &p, &e), 0);
	assert_true(policy_covered(&p, size_of, (void *)size) == UINT64_MAX);
	policy_free(&p);
	assert_int_equal(parse("witness \xff" "a $0\nquorum \xff" "a\n", &p, &e), 0);
	assert_true(policy_covered(&p, size_of, (void *)size) == 3);
	policy_free(&p);
}

/* A key of the other kind is taken, and never counts. */
static void test_ml_dsa(void **state)
{
	const uint64_t size[6] = {3, 9, 9, 9, 9, 9};
	uint8_t key[1 + 1312] = {6};
	char b64[BASE64_LEN(sizeof(key)) + 1], *text;
	struct policy p;
	struct err e = {""};

	(void)state;
	base64_encode(key, sizeof(key), b64);
	assert_true(asprintf(&text, "witness m m.example+01234567+%s\nwitness o $0\ngroup g any m o\nquorum g\n", b64) > 0);
	if (parse(text, &p, &e))
		fail_msg("%s", e.text);
	assert_false(p.name[0].cosigner->known);
	assert_true(policy_covered(&p, size_of, (void *)size) == 3);
	policy_free(&p);
	free(text);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} all[] = {
		{"", "no quorum"},
		{"# quorum none\n", "no quorum"},
		{"quorum none", "line 1: the last line has no end"},
		{"quorum none\nquorum none\n", "line 2: a second quorum"},
		{"quorum\n", "line 1: a quorum is one name"},
		{"quorum a b\n", "a quorum is one name"},
		{"quorum x\n", "'x' is no witness or group"},
		{"quorum x\nwitness x $0\n", "line 1"},
		{"nonsense\nquorum none\n", "'nonsense' is not log"},
		{"log\nquorum none\n", "a log without a key"},
		{"log $0\nquorum none\n", "line 1"},
		{"log $a\nlog $a\nquorum none\n", "line 2: a log of the same key"},
		{"log $a u v\nquorum none\n", "'v' is one word too many"},
		{"witness x\nquorum none\n", "a witness wants"},
		{"witness x $a\nquorum none\n", "line 1"},
		{"witness x junk\nquorum none\n", "line 1"},
		{"witness none $0\nquorum none\n", "'none' is a name that is taken"},
		{"witness x $0\nwitness x $1\nquorum none\n", "line 2: 'x' is a name that is taken"},
		{"witness x $0\nwitness y $0\nquorum none\n", "line 2: a witness of the same key"},
		{"witness x $0\ngroup g any\nquorum none\n", "a group wants"},
		{"witness x $0\ngroup g 0 x\nquorum none\n", "'0' is not all"},
		{"witness x $0\ngroup g 2 x\nquorum none\n", "'2' is not all"},
		{"witness x $0\ngroup g 01 x\nquorum none\n", "'01' is not all"},
		{"witness x $0\ngroup g some x\nquorum none\n", "'some' is not all"},
		{"witness x $0\ngroup g any g\nquorum none\n", "'g' is no witness"},
		{"witness x $0\ngroup g any none\nquorum none\n", "'none' is no witness"},
		{"witness x $0\ngroup g 1 x x\nquorum none\n", "'x' is a member already"},
		{"witness x $0\ngroup g any x\ngroup h any x\nquorum none\n", "line 3: 'x' is a member already"},
		{"quorum none\r\n", "line 1: a control character"},
		{"quorum none\x7f\n", "line 1: a control character"},
	};
	struct policy p;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct err e = {""};

		if (parse(all[i].text, &p, &e) != -EINVAL || !strstr(e.text, all[i].why))
			fail_msg("%s: %s", all[i].text, e.text);
		policy_free(&p);
	}
}

static void test_many(void **state)
{
	struct policy p;
	struct err e;
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	for (int i = 0; i <= POLICY_NAMES; i++) {
		struct vkey k = {.name = "n", .pub = {(uint8_t)i, (uint8_t)(i >> 8), 1}};
		char v[NOTE_VKEY_MAX + 1];

		vkey_set_id_kind(VKEY_COSIGNER, &k);
		cosign_vkey_format(&k, v);
		fprintf(f, "witness %d %s\n", i, v);
	}
	fputs("quorum 0\n", f);
	fclose(f);
	assert_int_equal(policy_parse(text, n, &p, &e), -EINVAL);
	assert_non_null(strstr(e.text, "too many witnesses"));
	policy_free(&p);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_simple),
		cmocka_unit_test(test_ml_dsa),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_keys, NULL);
}
