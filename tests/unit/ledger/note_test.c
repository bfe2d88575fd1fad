/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * note_test.c - signed notes that are none, each refused for what is wrong with it, and verifier keys as
 * people hand them on. tests/interop/notes_test holds the same against Go's golang.org/x/mod/sumdb/note.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ledger/note.h"

#define DASH "\xe2\x80\x94 "
#define SIG "AAAAAAAA" /* six bytes */
#define ROOT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define TEXT "log\n5\n" ROOT "\n"
#define NOTE(sigs) TEXT "\n" sigs
#define N(s) s, sizeof(s) - 1

static const struct {
	const char *note;
	size_t n;
	const char *why; /* NULL: it is one */
} notes[] = {
	{N(NOTE(DASH "log " SIG "\n")), NULL},
	{N(NOTE(DASH "a " SIG "\n" DASH "b " SIG "\n")), NULL},
	{N(NOTE(DASH "gr\xc3\xbc\xc3\x9f" "e " SIG "\n")), NULL},
	{N(TEXT "extension \x7f \xe2\x80\xa8\n\n" DASH "log " SIG "\n"), NULL},
	{N(""), "empty"},
	{N("\n"), "no blank line"},
	{N("\n\n"), "no signature"},
	{N(TEXT), "no blank line"},
	{N(TEXT "\n"), "no signature"},
	{N(NOTE(DASH "log " SIG)), "cut off"},
	{N(NOTE(DASH "log " SIG "\n\n")), "no signature"},
	{N(NOTE("garbage\n" DASH "log " SIG "\n")), "signature line 1 does not begin"},
	{N(NOTE(DASH "log " SIG "\ngarbage\n")), "signature line 2 does not begin"},
	{N(NOTE("- log " SIG "\n")), "does not begin"},
	{N(NOTE("\xe2\x80\x93 log " SIG "\n")), "does not begin"},
	{N(NOTE(" " DASH "log " SIG "\n")), "does not begin"},
	{N(NOTE("\xe2\x80\x94log " SIG "\n")), "does not begin"},
	{N(NOTE("\xe2\x80\x94\xc2\xa0log " SIG "\n")), "does not begin"},
	{N(NOTE(DASH "log\n")), "has no signature after"},
	{N(NOTE(DASH "\n")), "has no signature after"},
	{N(NOTE(DASH " " SIG "\n")), "key name"},
	{N(NOTE(DASH "a+b " SIG "\n")), "key name"},
	{N(NOTE(DASH "a\xc2\xa0" "b " SIG "\n")), "key name"},
	{N(NOTE(DASH "a\xc2\x85" "b " SIG "\n")), "key name"},
	{N(NOTE(DASH "a\xe1\x9a\x80" "b " SIG "\n")), "key name"},
	{N(NOTE(DASH "a\xe2\x80\x83" "b " SIG "\n")), "key name"},
	{N(NOTE(DASH "a\xe3\x80\x80" "b " SIG "\n")), "key name"},
	{N(NOTE(DASH "log \n")), "not base64"},
	{N(NOTE(DASH "log  " SIG "\n")), "not base64"},
	{N(NOTE(DASH "log " SIG " \n")), "not base64"},
	{N(NOTE(DASH "log " SIG "A\n")), "not base64"},
	{N(NOTE(DASH "log " SIG "=\n")), "not base64"},
	{N(NOTE(DASH "log AAAA=AAA\n")), "not base64"},
	{N(NOTE(DASH "log AAAA-AAA\n")), "not base64"},
	{N(NOTE(DASH "log AAAAAB==\n")), "not base64"}, /* bits set beyond the end */
	{N(NOTE(DASH "log AAAAAA==\n")), "too short"},
	{N(NOTE(DASH "log " SIG "\r\n")), "control byte"},
	{N(TEXT "a\tb\n\n" DASH "log " SIG "\n"), "control byte"},
	{N(TEXT "a\0b\n\n" DASH "log " SIG "\n"), "control byte"},
	{N(TEXT "a\033[2Jb\n\n" DASH "log " SIG "\n"), "control byte"},
	{N(TEXT "\xff\n\n" DASH "log " SIG "\n"), "not UTF-8"},
	{N(TEXT "\xc0\x80\n\n" DASH "log " SIG "\n"), "not UTF-8"},
	{N(TEXT "\xed\xa0\x80\n\n" DASH "log " SIG "\n"), "not UTF-8"},
	{N(TEXT "\xf4\x90\x80\x80\n\n" DASH "log " SIG "\n"), "not UTF-8"},
	{N(TEXT "\xe2\x80\n\n" DASH "log " SIG "\n"), "not UTF-8"},
	{N(NOTE(DASH "l\xffg " SIG "\n")), "not UTF-8"},
	{N("\n5\n" ROOT "\n\n" DASH "log " SIG "\n"), "origin"},
	{N("log\n05\n" ROOT "\n\n" DASH "log " SIG "\n"), "tree size"},
	{N("log\n+5\n" ROOT "\n\n" DASH "log " SIG "\n"), "tree size"},
	{N("log\n18446744073709551616\n" ROOT "\n\n" DASH "log " SIG "\n"), "tree size"},
	{N("log\n5\nAAAA\n\n" DASH "log " SIG "\n"), "root hash"},
	{N("log\n5\n\n" DASH "log " SIG "\n"), "root hash"},
	{N(TEXT "\next\n\n" DASH "log " SIG "\n"), "empty extension"},
};

static void notes_that_are_none(void **state)
{
	struct checkpoint c;

	(void)state;
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		/* On the heap, so that the sanitizers see a byte read behind it. */
		char *note = malloc(notes[i].n + !notes[i].n);
		struct err e = {""};
		int r;

		assert_non_null(note);
		memcpy(note, notes[i].note, notes[i].n);
		r = checkpoint_parse(note, notes[i].n, &c, &e);
		if ((r != 0) != (notes[i].why != NULL) || (notes[i].why && !strstr(e.text, notes[i].why)))
			fail_msg("note %zu: %d, '%s', not '%s'", i, r, e.text,
				notes[i].why ? notes[i].why : "accepted");
		free(note);
	}
}

static void many_signatures(void **state)
{
	static char note[sizeof(TEXT) + 101 * 8192];
	struct checkpoint c;
	struct err e;
	size_t n;

	(void)state;
	for (int count = 99; count <= 101; count++) {
		n = (size_t)sprintf(note, TEXT "\n");
		for (int i = 0; i < count; i++)
			n += (size_t)sprintf(note + n, DASH "w%d " SIG "\n", i);
		assert_int_equal(checkpoint_parse(note, n, &c, &e), count > 100 ? -EBADMSG : 0);
	}
	/* Sixteen, as the specification wants, of ML-DSA-87: 4,627 bytes (FIPS 204, table 2). */
	n = (size_t)sprintf(note, TEXT "\n");
	for (int i = 0; i < 16; i++) {
		n += (size_t)sprintf(note + n, DASH "witness.example/w%d ", i);
		memset(note + n, 'A', (4627 + 12 + 3) / 3 * 4);
		n += (4627 + 12 + 3) / 3 * 4;
		note[n++] = '\n';
	}
	assert_int_equal(checkpoint_parse(note, n, &c, &e), 0);
}

/* A line by our key that is no signature of it is a wrong one, not another's. */
static void our_line_counts(void **state)
{
	char note[NOTE_SIGNED_MAX], other[2 * NOTE_SIGNED_MAX], *pem;
	struct hash root = {{1}};
	struct note_key *key;
	struct checkpoint c;
	struct err e;
	size_t n_pem;
	long n;
	char *sig;

	(void)state;
	assert_int_equal(note_key_generate(&pem, &n_pem, &e), 0);
	assert_int_equal(note_key_load(pem, n_pem, "log", &key, &e), 0);
	n = note_sign_checkpoint(key, 5, &root, note, &e);
	assert_true(n > 0);
	note[n] = '\0';
	sig = strstr(note, DASH) + strlen(DASH "log ");
	/* Its first eight bytes only: the id is right, the signature no signature. */
	snprintf(other, sizeof(other), "%.*s%.12s\n", (int)(sig - note), note, sig);
	assert_int_equal(checkpoint_parse(other, strlen(other), &c, &e), 0);
	assert_int_equal(checkpoint_verify(&c, note_key_vkey(key), &e), -EBADMSG);
	/* A second, wrong one after the right one. */
	snprintf(other, sizeof(other), "%s" DASH "log %.12s\n", note, sig);
	assert_int_equal(checkpoint_parse(other, strlen(other), &c, &e), 0);
	assert_int_equal(checkpoint_verify(&c, note_key_vkey(key), &e), -EBADMSG);
	/* The same name with another id is another key. */
	snprintf(other, sizeof(other), "%s" DASH "log " SIG "\n", note);
	assert_int_equal(checkpoint_parse(other, strlen(other), &c, &e), 0);
	assert_int_equal(checkpoint_verify(&c, note_key_vkey(key), &e), 0);
	note_key_free(key);
	free(pem);
}

#define KEY "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"

static void keys_as_people_have_them(void **state)
{
	static const struct {
		const char *text, *why;
	} keys[] = {
		{KEY, NULL}, {KEY "\n", NULL}, {KEY "\r\n", NULL}, {"\n" KEY "\n\n", NULL}, {"  " KEY " ", NULL},
		{"\xef\xbb\xbf" KEY "\r\n", NULL},
		{"example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", NULL},
		{"", "blank"}, {"\r\n", "blank"},
		{KEY "\n" KEY "\n", "more than one line"},
		{"-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n", "private key"},
		{"example.com/foo", "not a verifier key"},
		{"example.com/foo+530d903+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "not a verifier key"},
		{"+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "name"},
		{"example.com/f o+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "name"},
		{"example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "computed"},
		{"example.com/fox+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "computed"},
		{"example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "not an Ed25519 key"},
		{"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2", "not an Ed25519 key"},
	};
	char again[NOTE_VKEY_MAX + 1];
	struct vkey k;

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct err e = {""};
		int r = vkey_read(keys[i].text, strlen(keys[i].text), &k, &e);

		if ((r != 0) != (keys[i].why != NULL) || (keys[i].why && !strstr(e.text, keys[i].why)))
			fail_msg("key %zu: %d, '%s', not '%s'", i, r, e.text,
				keys[i].why ? keys[i].why : "accepted");
		if (r)
			continue;
		vkey_format(&k, again);
		assert_string_equal(again, KEY);
	}
	/* In a proof there is one form. */
	assert_int_equal(vkey_parse(KEY "\r\n", strlen(KEY) + 2, &k, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_that_are_none), cmocka_unit_test(many_signatures),
		cmocka_unit_test(our_line_counts), cmocka_unit_test(keys_as_people_have_them),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
