/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cosign_test.c - cosignatures: the message and the line by hand, and every way in which one is wrong. The key is
 * that of RFC 8032 section 7.1, TEST 1; the signature was made with `openssl pkeyutl -sign -rawin`.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ledger/cosign.h"

static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	"-----END PRIVATE KEY-----\n";

static const char text[] = "web01\n3\nxvR5kz+RpcWbhgOQfajhnwZ1hN0jUCSXumHjkoOUZ8M=\n";

static const char known[] = "\xe2\x80\x94 logvm.example "
	"SGc4DQAAAABkGFDLWxyU08zkH8Bf0W15cm6zE95FOKMVJZIWQOSmosN5FAyi"
	"7sN2M98GXsAr6epB+lvzngRpNmKcxTC0wCYrcHAUDA==\n";

static struct cosign_key *key(void)
{
	struct cosign_key *k = NULL;
	struct err e = {""};

	if (cosign_key_load(pem, strlen(pem), "logvm.example", &k, &e))
		fail_msg("%s", e.text);
	return k;
}

/* A checkpoint with a signature of nobody's, then @lines. */
static void note(char *out, size_t cap, const char *lines, struct checkpoint *c)
{
	struct err e = {""};

	snprintf(out, cap, "%s\n\xe2\x80\x94 web01 AAAAAAAA\n%s", text, lines);
	if (checkpoint_parse(out, strlen(out), c, &e))
		fail_msg("%s: %s", e.text, out);
}

static void test_vkey(void **state)
{
	char out[NOTE_VKEY_MAX + 1];
	struct cosign_key *k = key();
	struct vkey again;
	struct err e;

	(void)state;
	cosign_vkey_format(cosign_key_vkey(k), out);
	assert_string_equal(out, "logvm.example+4867380d+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea");
	assert_int_equal(cosign_vkey_parse(out, strlen(out), &again, &e), 0);
	assert_memory_equal(&again.pub, cosign_key_vkey(k)->pub, 32);
	/* A log's key is none, nor the other way round. */
	assert_int_equal(vkey_parse(out, strlen(out), &again, &e), -EINVAL);
	vkey_set_id(&again);
	vkey_format(&again, out);
	assert_int_equal(cosign_vkey_parse(out, strlen(out), &again, &e), -EINVAL);
	cosign_key_free(k);
}

static void test_known(void **state)
{
	char line[COSIGN_LINE_MAX], buf[2048];
	struct cosign_key *k = key();
	struct checkpoint c;
	struct err e = {""};
	uint64_t t = 0;

	(void)state;
	assert_int_equal(cosign_make(k, span_of(text), 1679315147, line, &e), strlen(known));
	assert_string_equal(line, known);
	note(buf, sizeof(buf), line, &c);
	assert_int_equal(cosign_verify(&c, cosign_key_vkey(k), &t, &e), 0);
	assert_int_equal(t, 1679315147);
	cosign_key_free(k);
}

static void test_wrong(void **state)
{
	char a[COSIGN_LINE_MAX], b[COSIGN_LINE_MAX], two[2 * COSIGN_LINE_MAX], buf[2048];
	struct cosign_key *k = key();
	struct checkpoint c;
	struct vkey other;
	struct err e = {""};
	uint64_t t = 0;

	(void)state;
	assert_int_equal(cosign_make(k, span_of(text), 0, a, &e), -EINVAL);
	assert_int_equal(cosign_make(k, span_of(text), (uint64_t)INT64_MAX + 1, a, &e), -EINVAL);
	assert_true(cosign_make(k, span_of(text), 5, a, &e) > 0);
	assert_true(cosign_make(k, span_of(text), 9, b, &e) > 0);
	/* None; another's; the younger of two. */
	note(buf, sizeof(buf), "", &c);
	assert_int_equal(cosign_verify(&c, cosign_key_vkey(k), NULL, &e), -ENOENT);
	other = *cosign_key_vkey(k);
	other.id ^= 1;
	note(buf, sizeof(buf), a, &c);
	assert_int_equal(cosign_verify(&c, &other, NULL, &e), -ENOENT);
	snprintf(two, sizeof(two), "%s%s", b, a);
	note(buf, sizeof(buf), two, &c);
	assert_int_equal(cosign_verify(&c, cosign_key_vkey(k), &t, &e), 0);
	assert_int_equal(t, 9);
	/* Another key under the same id, another text, a time changed: each is wrong. */
	other = *cosign_key_vkey(k);
	other.pub[0] ^= 1;
	assert_int_equal(cosign_verify(&c, &other, NULL, &e), -EBADMSG);
	c.text.n--;
	assert_int_equal(cosign_verify(&c, cosign_key_vkey(k), NULL, &e), -EBADMSG);
	for (size_t i = strlen("\xe2\x80\x94 logvm.example ") + 6; i < strlen(a) - 4; i += 7) {
		char was = a[i];

		a[i] = was == 'A' ? 'B' : 'A';
		note(buf, sizeof(buf), a, &c);
		assert_int_equal(cosign_verify(&c, cosign_key_vkey(k), NULL, &e), -EBADMSG);
		a[i] = was;
	}
	cosign_key_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vkey),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_wrong),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
