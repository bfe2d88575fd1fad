/* SPDX-License-Identifier: BSD-3-Clause */
/* mirrors_test.c - what the ledger says of its mirrors: when one is late, refuses, is back; once each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/cosign.h"
#include "ledger/file.h"
#include "mirror/push/state.h"
#include "unit/worker/store_rig.h"
#include "worker/mirrors.h"

#define MINUTE 60000

static struct status status;
static struct report report = {&s, &status, "fake:", NULL, 0, false};
static struct cosign_key *key;
static struct upload_target peer;
static struct mirrors m;

/* A record more, signed; the mirror's key cosigns it, or not. */
static void grow(bool cosigned)
{
	char *note, line[COSIGN_LINE_MAX], *both = NULL;
	struct checkpoint c;
	struct err e = {""};
	size_t n;
	long k;

	meta_clock(store_meta(&s, META_CLOCK), 1);
	assert_int_equal(store_put_meta(&s, &e), 0);
	assert_int_equal(ledger_checkpoint(s.ledger, &e), 0);
	if (!cosigned)
		return;
	assert_int_equal(file_load(s.dir, "checkpoint", NOTE_MAX, &note, &n), 0);
	assert_int_equal(checkpoint_parse(note, n, &c, &e), 0);
	k = cosign_make(key, c.text, 1700000000, line, &e);
	assert_true(k > 0 && asprintf(&both, "%.*s%.*s", (int)n, note, (int)k, line) > 0);
	assert_int_equal(cosigned_put(s.dir, &peer.key, both, strlen(both)), 0);
	free(both);
	free(note);
}

static void trouble(const char *word, const char *text)
{
	struct push_state p = {.kind = "mirror", .has = UINT64_MAX};

	snprintf(p.name, sizeof(p.name), "%s", peer.key.name);
	snprintf(p.trouble, sizeof(p.trouble), "%s", word);
	snprintf(p.text, sizeof(p.text), "%s", text);
	assert_int_equal(push_state_put(s.dir, &peer.key, &p), 0);
}

/* Look at minute @at: what is new in the ledger? "" or the alert's `what` and text. */
static const char *said(int at)
{
	static char text[1200];
	uint64_t before = ledger_size(s.ledger);
	struct ledger_reader *r;
	struct span leaf;
	uint64_t index;
	struct err e = {""};

	mirrors_tick(&m, &report, 1000 + (int64_t)at * MINUTE);
	if (ledger_size(s.ledger) == before)
		return "";
	assert_int_equal(ledger_size(s.ledger), before + 1);
	assert_int_equal(ledger_checkpoint(s.ledger, &e), 0);
	assert_int_equal(ledger_reader_open(&r, ledger, &e), 0);
	assert_int_equal(ledger_reader_seek(r, before, &e), 0);
	assert_int_equal(ledger_reader_next(r, &leaf, &index, &e), 1);
	snprintf(text, sizeof(text), "%.*s", (int)leaf.n, leaf.p);
	ledger_reader_close(r);
	return text;
}

static void has(const char *text, const char *what, const char *words)
{
	if (!strstr(text, what) || !strstr(text, words))
		fail_msg("'%s', without %s or '%s'", text, what, words);
}

static void begin(void)
{
	struct err e = {""};
	size_t n;
	char *pem;

	open_store();
	status_init(&status, "vm");
	if (note_key_generate(&pem, &n, &e) || cosign_key_load(pem, n, "logvm.example", &key, &e))
		fail_msg("%s", e.text);
	free(pem);
	peer = (struct upload_target){.url = "https://logvm.example", .key = *cosign_key_vkey(key)};
	assert_int_equal(mkdirat(s.dir, COSIGNED_DIR, 0755), 0);
	mirrors_init(&m, &peer, 1, 1000);
}

static void end(void)
{
	struct err e;

	assert_int_equal(store_close(&s, &e), 0);
	cosign_key_free(key);
}

static void test_late(void **state)
{
	(void)state;
	begin();
	grow(true);
	assert_string_equal(said(0), "");
	grow(false);
	trouble("away", "https://logvm.example: Connection refused");
	assert_string_equal(said(4), "");
	has(said(5), "what=\"mirror-late\"", "logvm.example has cosigned 1 records of 2: https://logvm.example: Connection refused");
	assert_string_equal(said(600), ""); /* once */
	grow(true);
	trouble("", "");
	has(said(601), "what=\"mirror-back\"", "it cosigns again");
	assert_string_equal(said(602), "");
	/* The next time too; without a reason that is known. */
	grow(true);
	assert_string_equal(said(603), "");
	grow(false);
	has(said(700), "what=\"mirror-late\"", "nothing new for 97 minutes");
	end();
}

/* Nothing new to cosign is not late; nor is one that gets on, however slowly. */
static void test_in_time(void **state)
{
	(void)state;
	begin();
	grow(true);
	for (int i = 0; i < 5; i++)
		assert_string_equal(said(10 * i), "");
	for (int i = 0; i < 5; i++) {
		grow(true);
		grow(false);
		assert_string_equal(said(50 + 4 * i), "");
	}
	end();
}

static void test_never(void **state)
{
	(void)state;
	begin();
	grow(false);
	assert_string_equal(said(1), "");
	trouble("refused", "it does not know the log");
	has(said(6), "what=\"mirror-late\"", "has cosigned 0 records of 1: it does not know the log");
	end();
}

static void test_refuses(void **state)
{
	(void)state;
	begin();
	grow(true);
	trouble("fork", "it holds another history");
	has(said(0), "what=\"mirror-refuses\"", "it holds another history");
	grow(false);
	assert_string_equal(said(9), ""); /* that it is late, too, says nothing new */
	grow(true);
	trouble("", "");
	has(said(10), "what=\"mirror-back\"", "has cosigned 4 records of 4");
	trouble("lies", "a wrong cosignature");
	has(said(11), "what=\"mirror-refuses\"", "a wrong cosignature");
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
