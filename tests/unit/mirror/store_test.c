/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store_test.c - the rules by which a log in the mirror's keeping grows: each status of tlog-witness and
 * tlog-mirror, what is on the disk afterwards, and what a path of tlog-tiles gives.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/mirror/log_rig.h"

static struct origin *open_at(const struct log_rig *g, const char *base)
{
	struct origin *o = NULL;
	struct err e = {""};
	bool mended;

	if (origin_open(&o, base, &g->conf, &g->keys, &mended, &e))
		fail_msg("%s", e.text);
	return o;
}

static void close_it(struct origin *o)
{
	struct err e = {""};

	if (origin_close(o, &e))
		fail_msg("%s", e.text);
}

/* The cosigner's line in @a is good for the host's checkpoint. */
static void check_line(const struct log_rig *g, const struct answer *a, const struct cosign_key *by)
{
	struct tamper_file note = log_rig_note(g);
	struct span lines = span_of(a->body);
	struct note_signature s;
	struct checkpoint c;
	struct err e = {""};
	uint64_t t;

	assert_int_equal(checkpoint_parse(note.data, note.n, &c, &e), 0);
	assert_true(note_signature_next(&lines, &s));
	assert_int_equal(cosign_verify_line(&s, c.text, cosign_key_vkey(by), &t, &e), 0);
	assert_int_equal(t, LOG_NOW);
	assert_int_equal(lines.n, 0);
	free(note.data);
}

/* The mirror's directory is a ledger that `verify` finds complete, cosigned. */
static void check_stored(const struct log_rig *g, const char *base, uint64_t size)
{
	char dir[512];
	struct tamper_file f;
	struct checkpoint c;
	struct err e = {""};
	struct told t;

	snprintf(dir, sizeof(dir), "%s/vm", base);
	tamper_verify(dir, &t, (struct verify_options){.name = "vm", .pin = &g->conf.key[0]});
	if (t.n)
		fail_msg("%s", t.f[0].text);
	assert_int_equal(t.sum.size, size);
	f = tamper_load(tamper_path(dir, "checkpoint"));
	assert_int_equal(checkpoint_parse(f.data, f.n, &c, &e), 0);
	assert_int_equal(cosign_verify(&c, cosign_key_vkey(g->mirror), NULL, &e), 0);
	free(f.data);
}

static void grows(void **state)
{
	struct log_rig g;
	struct origin *o;
	struct answer a;

	log_rig_open(&g, *state, "host");
	log_rig_grow(&g, 300);
	o = open_at(&g, *state);
	/* Nothing is known: no entries yet. */
	assert_int_equal(log_rig_upload(&g, o, 0, 300, 9, &a), 422);
	assert_int_equal(log_rig_add(&g, o, 0, &a), 200);
	check_line(&g, &a, g.witness);
	/* A prefix, the rest, all of it again. */
	assert_int_equal(log_rig_upload(&g, o, 0, 300, 1, &a), 202);
	assert_string_equal(a.body, "300\n256\n\n");
	assert_int_equal(log_rig_upload(&g, o, 256, 300, 9, &a), 200);
	check_line(&g, &a, g.mirror);
	assert_int_equal(log_rig_upload(&g, o, 0, 300, 9, &a), 200);
	assert_int_equal(log_rig_upload(&g, o, 300, 300, 9, &a), 200);
	check_line(&g, &a, g.mirror);
	check_stored(&g, *state, 300);
	/* On, from the middle of a bundle, over two of them. */
	log_rig_grow(&g, 1000);
	assert_int_equal(log_rig_add(&g, o, 300, &a), 200);
	assert_int_equal(log_rig_upload(&g, o, 300, 1000, 2, &a), 202);
	assert_string_equal(a.body, "1000\n768\n\n");
	close_it(o);
	o = open_at(&g, *state);
	assert_int_equal(log_rig_upload(&g, o, 700, 1000, 9, &a), 200);
	check_line(&g, &a, g.mirror);
	close_it(o);
	check_stored(&g, *state, 1000);
	log_rig_close(&g);
}

static void add_checkpoint_refuses(void **state)
{
	struct tamper_file early, late;
	struct wire_checkpoint w;
	struct log_rig g, other;
	struct origin *o;
	struct answer a;
	char was;

	log_rig_open(&g, *state, "host");
	log_rig_open(&other, *state, "other");
	o = open_at(&g, *state);
	log_rig_grow(&g, 100);
	early = log_rig_note(&g);
	assert_int_equal(log_rig_add(&g, o, 0, &a), 200);
	assert_int_equal(log_rig_add(&g, o, 0, &a), 409);
	assert_string_equal(a.body, "100\n");
	assert_string_equal(a.type, WIRE_SIZE_TYPE);
	assert_int_equal(log_rig_add(&g, o, 100, &a), 200); /* the same again */
	assert_int_equal(log_rig_add(&g, o, 101, &a), 400);
	/* Another's signature; a wrong one by ours. */
	log_rig_grow(&other, 100);
	assert_int_equal(log_rig_add(&other, o, 100, &a), 403);
	was = early.data[early.n - 10];
	early.data[early.n - 10] = was == 'A' ? 'B' : 'A'; /* base64 still */
	log_rig_checkpoint(&g, early, 100, &w);
	origin_add_checkpoint(o, &w, LOG_NOW, &a);
	assert_int_equal(a.status, 403);
	early.data[early.n - 10] = was;
	/* Proofs that are none. */
	log_rig_grow(&g, 777);
	late = log_rig_note(&g);
	log_rig_checkpoint(&g, late, 100, &w);
	w.proof[2].b[5] ^= 1;
	origin_add_checkpoint(o, &w, LOG_NOW, &a);
	assert_int_equal(a.status, 422);
	w.proof[2].b[5] ^= 1;
	w.n_proof--;
	origin_add_checkpoint(o, &w, LOG_NOW, &a);
	assert_int_equal(a.status, 422);
	w.n_proof++;
	origin_add_checkpoint(o, &w, LOG_NOW, &a);
	assert_int_equal(a.status, 200);
	/* Back again. */
	log_rig_checkpoint(&g, early, 100, &w);
	origin_add_checkpoint(o, &w, LOG_NOW, &a);
	assert_int_equal(a.status, 409);
	w.old = 777;
	origin_add_checkpoint(o, &w, LOG_NOW, &a);
	assert_int_equal(a.status, 400);
	/* A proof where none belongs. */
	close_it(o);
	fixture_teardown(&(void *){strdup(tamper_path(*state, "vm"))});
	o = open_at(&g, *state);
	log_rig_checkpoint(&g, early, 0, &w);
	w.n_proof = 1;
	origin_add_checkpoint(o, &w, LOG_NOW, &a);
	assert_int_equal(a.status, 422);
	free(early.data);
	free(late.data);
	close_it(o);
	log_rig_close(&g);
	log_rig_close(&other);
}

/* A history that the log's own key has signed, and that is another one. */
static void a_fork_is_refused(void **state)
{
	struct log_rig g, fork;
	struct tamper_file key;
	struct origin *o;
	struct answer a;
	struct err e;

	log_rig_open(&g, *state, "host");
	log_rig_open(&fork, *state, "fork");
	ledger_abandon(fork.ledger);
	fixture_teardown(&(void *){strdup(fork.dir)});
	assert_int_equal(mkdir(fork.dir, 0700), 0);
	key = tamper_load(tamper_path(g.dir, "key"));
	tamper_store(tamper_path(fork.dir, "key"), key);
	fork.ledger = fixture_open(fork.dir, NULL);
	log_rig_grow(&g, 40);
	tamper_append(fork.ledger, 1, 41);
	assert_int_equal(ledger_checkpoint(fork.ledger, &e), 0);
	o = open_at(&g, *state);
	assert_int_equal(log_rig_add(&g, o, 0, &a), 200);
	assert_int_equal(log_rig_add(&fork, o, 40, &a), 422);
	assert_int_equal(log_rig_upload(&g, o, 0, 40, 9, &a), 200);
	tamper_append(fork.ledger, 41, 90);
	assert_int_equal(ledger_checkpoint(fork.ledger, &e), 0);
	assert_int_equal(log_rig_add(&fork, o, 40, &a), 422);
	close_it(o);
	check_stored(&g, *state, 40);
	log_rig_close(&g);
	log_rig_close(&fork);
}

static void add_entries_refuses(void **state)
{
	const struct wire_head empty = {span_of("test.example/vm"), 0, 600, {NULL, 0}};
	struct wire_package p;
	struct upload *u, *two;
	struct log_rig g;
	struct origin *o;
	struct answer a;
	char *buf;

	log_rig_open(&g, *state, "host");
	o = open_at(&g, *state);
	log_rig_grow(&g, 600);
	assert_int_equal(log_rig_add(&g, o, 0, &a), 200);
	/* No such pending checkpoint; beyond what is here. */
	u = upload_begin(o, &(struct wire_head){span_of("test.example/vm"), 0, 599, {NULL, 0}}, &a);
	assert_null(u);
	assert_int_equal(a.status, 409);
	assert_string_equal(a.body, "600\n0\n\n");
	assert_string_equal(a.type, WIRE_INFO_TYPE);
	assert_int_equal(log_rig_upload(&g, o, 1, 600, 9, &a), 409);
	/* A record altered; a wrong proof; a package in another's place; one too few. */
	u = upload_begin(o, &empty, &a);
	log_rig_package(&g, 0, 600, 0, &p, &buf);
	p.leaf[17].b[0] ^= 1;
	assert_false(upload_package(u, &p, &a));
	assert_int_equal(a.status, 422);
	p.leaf[17].b[0] ^= 1;
	p.proof[0].b[0] ^= 1;
	assert_false(upload_package(u, &p, &a));
	p.proof[0].b[0] ^= 1;
	p.at.base = p.at.start = 256;
	p.at.end = 512;
	assert_false(upload_package(u, &p, &a));
	free(buf);
	log_rig_package(&g, 0, 600, 2, &p, &buf);
	p.at.end--;
	assert_false(upload_package(u, &p, &a));
	free(buf);
	upload_end(u, LOG_NOW, &a);
	assert_int_equal(a.status, 400);
	/* Two at a time: nothing is stored twice. */
	u = upload_begin(o, &empty, &a);
	two = upload_begin(o, &empty, &a);
	for (uint64_t i = 0; i < 3; i++) {
		log_rig_package(&g, 0, 600, i, &p, &buf);
		assert_true(upload_package(u, &p, &a));
		if (i < 2)
			assert_true(upload_package(two, &p, &a));
		free(buf);
	}
	upload_end(u, LOG_NOW, &a);
	assert_int_equal(a.status, 200);
	upload_end(two, LOG_NOW, &a);
	assert_int_equal(a.status, 200); /* the other one's are here */
	check_stored(&g, *state, 600);
	/* What was pending before: too late. */
	u = upload_begin(o, &(struct wire_head){span_of("test.example/vm"), 600, 600, {NULL, 0}}, &a);
	log_rig_grow(&g, 700);
	assert_int_equal(log_rig_add(&g, o, 600, &a), 200);
	assert_int_equal(log_rig_upload(&g, o, 600, 700, 9, &a), 200);
	upload_end(u, LOG_NOW, &a);
	assert_int_equal(a.status, 409);
	assert_string_equal(a.body, "700\n700\n\n");
	close_it(o);
	check_stored(&g, *state, 700);
	log_rig_close(&g);
}

/* The entries of a later checkpoint are here when an earlier one is asked for. */
static void an_earlier_checkpoint(void **state)
{
	struct log_rig g;
	struct origin *o;
	struct answer a;
	struct upload *u;
	struct err e;
	struct tamper_file f;
	struct checkpoint c;

	log_rig_open(&g, *state, "host");
	o = open_at(&g, *state);
	log_rig_grow(&g, 300);
	assert_int_equal(log_rig_add(&g, o, 0, &a), 200);
	u = upload_begin(o, &(struct wire_head){span_of("test.example/vm"), 0, 300, {NULL, 0}}, &a);
	log_rig_grow(&g, 900);
	assert_int_equal(log_rig_add(&g, o, 300, &a), 200);
	assert_int_equal(log_rig_upload(&g, o, 0, 900, 2, &a), 202);
	upload_abort(u);
	u = upload_begin(o, &(struct wire_head){span_of("test.example/vm"), 300, 300, {NULL, 0}}, &a);
	upload_end(u, LOG_NOW, &a);
	assert_int_equal(a.status, 200);
	close_it(o);
	f = tamper_load(tamper_path(*state, "vm/checkpoint"));
	assert_int_equal(checkpoint_parse(f.data, f.n, &c, &e), 0);
	assert_int_equal(c.size, 300);
	free(f.data);
	o = open_at(&g, *state);
	assert_int_equal(log_rig_upload(&g, o, 512, 900, 9, &a), 200);
	close_it(o);
	check_stored(&g, *state, 900);
	log_rig_close(&g);
}

/* A host that was lost has a new key; the log goes on. */
static void another_key(void **state)
{
	struct log_rig g;
	struct origin *o;
	struct answer a;
	struct err e = {""};
	bool mended;

	log_rig_open(&g, *state, "host");
	o = open_at(&g, *state);
	log_rig_grow(&g, 10);
	assert_int_equal(log_rig_add(&g, o, 0, &a), 200);
	assert_int_equal(log_rig_upload(&g, o, 0, 10, 9, &a), 200);
	close_it(o);
	/* Known by none of its keys, it is refused. */
	g.conf.key[1] = g.conf.key[0];
	g.conf.key[0].pub[3] ^= 1;
	vkey_set_id(&g.conf.key[0]);
	assert_int_equal(origin_open(&o, *state, &g.conf, &g.keys, &mended, &e), -EBADMSG);
	g.conf.n_keys = 2;
	o = open_at(&g, *state);
	log_rig_grow(&g, 20);
	assert_int_equal(log_rig_add(&g, o, 10, &a), 200);
	close_it(o);
	log_rig_close(&g);
}

/* add-checkpoint of the present tree after @old, signed by @k instead. */
static int add_by(const struct log_rig *g, struct origin *o, const struct note_key *k, uint64_t old, struct answer *a)
{
	struct tamper_file note = log_rig_note(g);
	struct wire_checkpoint w;
	struct checkpoint c;
	struct err e = {""};
	char *signed_by = malloc(NOTE_SIGNED_MAX);
	long n;

	assert_int_equal(checkpoint_parse(note.data, note.n, &c, &e), 0);
	n = note_sign_checkpoint(k, c.size, &c.root, signed_by, &e);
	assert_true(n > 0);
	log_rig_checkpoint(g, (struct tamper_file){signed_by, (size_t)n}, old, &w);
	origin_add_checkpoint(o, &w, LOG_NOW, a);
	free(signed_by);
	free(note.data);
	return a->status;
}

/* Once the new key has signed, who has the old one cannot go on, even with the same history. */
static void a_replaced_key(void **state)
{
	struct note_key *young;
	struct err e = {""};
	struct log_rig g;
	struct origin *o;
	struct answer a;

	log_rig_open(&g, *state, "host");
	assert_int_equal(note_key_load(LOG_PEM2, strlen(LOG_PEM2), "test.example/vm", &young, &e), 0);
	g.conf.key[1] = *note_key_vkey(young);
	g.conf.n_keys = 2;
	o = open_at(&g, *state);
	log_rig_grow(&g, 10);
	assert_int_equal(log_rig_add(&g, o, 0, &a), 200);
	log_rig_grow(&g, 20);
	assert_int_equal(log_rig_add(&g, o, 10, &a), 200);
	log_rig_grow(&g, 30);
	assert_int_equal(add_by(&g, o, young, 20, &a), 200);
	log_rig_grow(&g, 40);
	assert_int_equal(log_rig_add(&g, o, 30, &a), 403);
	assert_non_null(strstr(a.body, "replaced"));
	assert_int_equal(add_by(&g, o, young, 30, &a), 200);
	assert_int_equal(log_rig_upload(&g, o, 0, 40, 9, &a), 200);
	close_it(o);
	o = open_at(&g, *state);
	log_rig_grow(&g, 50);
	assert_int_equal(log_rig_add(&g, o, 40, &a), 403);
	assert_int_equal(add_by(&g, o, young, 40, &a), 200);
	close_it(o);
	note_key_free(young);
	log_rig_close(&g);
}

/* What somebody took away from the mirror's disk is said. */
static void damage_is_named(void **state)
{
	struct log_rig g;
	struct origin *o;
	struct answer a;
	struct err e = {""};
	bool mended;

	log_rig_open(&g, *state, "host");
	o = open_at(&g, *state);
	log_rig_grow(&g, 300);
	assert_int_equal(log_rig_add(&g, o, 0, &a), 200);
	assert_int_equal(log_rig_upload(&g, o, 0, 300, 1, &a), 202);
	close_it(o);
	assert_int_equal(unlink(tamper_path(*state, "vm/pending")), 0);
	assert_int_equal(origin_open(&o, *state, &g.conf, &g.keys, &mended, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "256 records"));
	log_rig_close(&g);
}

static void check_path(struct origin *o, const char *path, const char *file, uint64_t off, uint64_t n)
{
	struct resource r;
	char got[8192], want[8192];
	struct tamper_file f = tamper_load(file);

	if (origin_read(o, path, &r))
		fail_msg("%s is not there", path);
	assert_int_equal(r.n, n);
	assert_int_equal(pread(r.fd, got, n < sizeof(got) ? n : sizeof(got), (off_t)r.off),
		n < sizeof(got) ? n : sizeof(got));
	assert_true(off + n <= f.n);
	memcpy(want, f.data + off, n < sizeof(want) ? n : sizeof(want));
	assert_memory_equal(got, want, n < sizeof(got) ? n : sizeof(got));
	close(r.fd);
	free(f.data);
}

static void tiles(void **state)
{
	static const char *const none[] = {"", "key", "size", "lock", "log/00000000.entries", "tile", "tile/",
		"tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/00/000", "tile/64/000", "tile/-1/000",
		"tile/0/x000/000", "tile/0/x001", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01",
		"tile/0/000.p/", "tile/0/000/", "tile/0/003", "tile/0/002.p/89", "tile/1/000", "tile/1/000.p/3",
		"tile/2/000.p/1", "tile/entries/003", "tile/entries/002.p/89", "tile/entries/002.p/",
		"tile/entries/../../key", "../vm/key", "checkpoint/", "checkpoint\n", "tile/63/000.p/1",
		"tile/0/x999/x999/x999/x999/x999/x999/x999/999", "tile/8/000.p/1"};
	char host[512];
	struct tamper_file f;
	struct resource r;
	struct log_rig g;
	struct origin *o;
	struct answer a;
	uint64_t one;

	log_rig_open(&g, *state, "host");
	o = open_at(&g, *state);
	assert_int_equal(origin_read(o, "checkpoint", &r), -ENOENT);
	log_rig_grow(&g, 600);
	assert_int_equal(log_rig_add(&g, o, 0, &a), 200);
	assert_int_equal(log_rig_upload(&g, o, 0, 600, 9, &a), 200);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (origin_read(o, none[i], &r) != -ENOENT)
			fail_msg("'%s' is there", none[i]);
	snprintf(host, sizeof(host), "%s/log/00000000.hashes", g.dir);
	check_path(o, "tile/0/000", host, 0, 8192);
	check_path(o, "tile/0/001", host, 8192, 8192);
	check_path(o, "tile/0/002.p/88", host, 16384, 88 * 32);
	check_path(o, "tile/0/002.p/1", host, 16384, 32);
	snprintf(host, sizeof(host), "%s/log/hash.1", g.dir);
	check_path(o, "tile/1/000.p/2", host, 0, 64);
	snprintf(host, sizeof(host), "%s/log/00000000.entries", g.dir);
	f = tamper_load(host);
	one = tamper_entry(f, 256);
	check_path(o, "tile/entries/000", host, 0, one);
	check_path(o, "tile/entries/000.p/7", host, 0, tamper_entry(f, 7));
	check_path(o, "tile/entries/002.p/87", host, tamper_entry(f, 512), tamper_entry(f, 599) - tamper_entry(f, 512));
	check_path(o, "tile/entries/002.p/88", host, tamper_entry(f, 512), f.n - tamper_entry(f, 512));
	free(f.data);
	close_it(o);
	log_rig_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(grows),
		fixture_test(add_checkpoint_refuses),
		fixture_test(a_fork_is_refused),
		fixture_test(add_entries_refuses),
		fixture_test(an_earlier_checkpoint),
		fixture_test(another_key),
		fixture_test(a_replaced_key),
		fixture_test(damage_is_named),
		fixture_test(tiles),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
