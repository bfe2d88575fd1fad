/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * upload_test.c - a ledger brought to a mirror and to witnesses that are honest, stopped half-way, restored from an
 * old copy, or lie. No network: requests are calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "mirror/push/state.h"
#include "mirror/push/upload.h"
#include "mirror/quorum.h"
#include "unit/ledger/fixture.h"
#include "unit/mirror/toy_mirror.h"

struct rig {
	const char *dir;
	struct toy toy;
	struct upload_target target;
	struct upload u;
	struct err e;
	char told[400];
};

static struct rig *rig_of(void *toy)
{
	return (struct rig *)((char *)toy - offsetof(struct rig, toy));
}

static void tell(void *ctx, const char *text)
{
	snprintf(rig_of(ctx)->told, sizeof(rig_of(ctx)->told), "%s", text);
}

/* As the uploader does: what comes next is got ready while the answer is awaited. */
static int send_ahead(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	upload_ahead(&rig_of(ctx)->u);
	return toy_send(ctx, q, a, e);
}

static void begin_upload(struct rig *r)
{
	r->u = (struct upload){.dir = r->dir, .target = &r->target, .send = send_ahead, .tell = tell, .ctx = &r->toy};
	if (upload_open(&r->u, &r->e))
		fail_msg("%s", r->e.text);
}

static struct rig *begin(const char *dir, enum upload_kind kind, uint64_t leaves, const char *url)
{
	struct rig *r = calloc(1, sizeof(*r));
	char sub[300];

	r->dir = dir;
	fixture_grow(dir, 0, leaves);
	snprintf(sub, sizeof(sub), "%s/" COSIGNED_DIR, dir);
	mkdir(sub, 0755);
	toy_open(&r->toy, "toy.example/m", dir);
	r->toy.witness = kind == UPLOAD_WITNESS;
	r->target = (struct upload_target){.kind = kind, .url = url, .key = *cosign_key_vkey(r->toy.key)};
	begin_upload(r);
	return r;
}

static void end(struct rig *r)
{
	upload_free(&r->u);
	toy_close(&r->toy);
	free(r);
}

/* Rounds until one is not -EAGAIN. */
static int go(struct rig *r)
{
	int x, rounds = 0;

	do
		x = upload_round(&r->u, &r->e);
	while (x == -EAGAIN && ++rounds < 100);
	return x;
}

static void must(struct rig *r)
{
	if (go(r))
		fail_msg("%s", r->e.text);
}

static void must_not(struct rig *r, enum upload_trouble t, const char *text)
{
	if (go(r) >= 0 || r->u.trouble != t || !strstr(r->e.text, text))
		fail_msg("trouble %d: %s", r->u.trouble, r->e.text);
}

/* What is kept is what was cosigned, and of this history. */
static void check_kept(struct rig *r, uint64_t size)
{
	struct cosigned c;
	struct hashes h;
	int d = open(r->dir, O_RDONLY | O_DIRECTORY);

	if (cosigned_get(d, &r->target.key, &r->toy.log, &c, &r->e))
		fail_msg("%s", r->e.text);
	assert_int_equal(c.size, size);
	hashes_open(&h, d);
	assert_int_equal(cosigned_check(&h, &c, &r->e), 0);
	hashes_close(&h);
	close(d);
}

static void test_mirror(void **state)
{
	struct rig *r = begin(*state, UPLOAD_MIRROR, 70000, "unix:///m");
	const uint64_t sizes[] = {70001, 70002, 70255, 70256, 70257, 70513};

	must(r);
	check_kept(r, 70000);
	assert_int_equal(r->toy.done, 70000);
	assert_int_equal(r->toy.entries, 70000); /* each once */
	assert_int_equal(r->toy.requests, 2 + 9); /* the checkpoint, and where the mirror is */
	must(r);
	assert_int_equal(r->toy.requests, 11); /* nothing to do */
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fixture_grow(r->dir, i ? sizes[i - 1] : 70000, sizes[i]);
		must(r);
		check_kept(r, sizes[i]);
	}
	assert_int_equal(r->toy.entries, 70513);
	end(r);
}

/* A ledger without a record has nothing to be cosigned, and that is no trouble. */
static void test_empty(void **state)
{
	struct rig *r = begin(*state, UPLOAD_MIRROR, 0, "unix:///toy");

	assert_int_equal(go(r), 0);
	assert_int_equal(r->u.trouble, UPLOAD_FINE);
	assert_int_equal(r->toy.requests, 0);
	fixture_grow(*state, 0, 10);
	assert_int_equal(go(r), 0);
	assert_int_equal(r->toy.done, 10);
	end(r);
}

/* Far away it is compressed. */
static void test_gzip(void **state)
{
	struct rig *r = begin(*state, UPLOAD_MIRROR, 1000, "https://m.example");

	must(r);
	check_kept(r, 1000);
	end(r);
}

/* The mirror takes a package at a time; the uploader is another one after each. */
static void test_resume(void **state)
{
	struct rig *r = begin(*state, UPLOAD_MIRROR, 1500, "unix:///m");

	r->toy.packages = 1;
	must(r);
	fixture_grow(r->dir, 1500, 3000);
	for (int i = 0; i < 3; i++) {
		struct http_request q = {.path = "add-entries", .max = 1000};
		struct http_answer a;

		upload_free(&r->u);
		begin_upload(r);
		/* Stopped after one request: what a killed uploader leaves. */
		if (i == 0)
			assert_int_equal(toy_send(&r->toy, &q, &a, &r->e), 0);
		r->toy.busy = i < 2 ? 1 : 0;
		if (i < 2)
			must_not(r, UPLOAD_AWAY, "503");
	}
	must(r);
	check_kept(r, 3000);
	assert_int_equal(r->toy.entries, 3000);
	end(r);
}

static void test_witness(void **state)
{
	struct rig *r = begin(*state, UPLOAD_WITNESS, 300, "unix:///w");

	must(r);
	check_kept(r, 300);
	assert_int_equal(r->toy.requests, 1);
	fixture_grow(r->dir, 300, 900);
	must(r);
	check_kept(r, 900);
	/* Another uploader, without what came back: the witness says where it is. */
	upload_free(&r->u);
	begin_upload(r);
	memset(&r->u.done, 0, sizeof(r->u.done));
	r->u.pending = 0;
	must(r);
	check_kept(r, 900);
	end(r);
}

static void test_lies(void **state)
{
	static const struct {
		enum upload_kind kind;
		enum toy_lie lie;
		enum upload_trouble trouble;
		const char *text;
	} all[] = {
		{UPLOAD_MIRROR, TOY_WRONG_SIGNATURE, UPLOAD_LIES, "is wrong"},
		{UPLOAD_WITNESS, TOY_WRONG_SIGNATURE, UPLOAD_LIES, "is wrong"},
		{UPLOAD_MIRROR, TOY_NO_SIGNATURE, UPLOAD_LIES, "does not give the cosignature"},
		{UPLOAD_WITNESS, TOY_NO_SIGNATURE, UPLOAD_LIES, "does not give the cosignature"},
		{UPLOAD_MIRROR, TOY_OLD_SIZE, UPLOAD_LIES, "another checkpoint"},
		{UPLOAD_WITNESS, TOY_OLD_SIZE, UPLOAD_LIES, "another checkpoint"},
		{UPLOAD_MIRROR, TOY_HUGE_SIZE, UPLOAD_AHEAD, "18446744073709551615 records"},
		{UPLOAD_WITNESS, TOY_GARBAGE, UPLOAD_LIES, "cosignature"},
		{UPLOAD_MIRROR, TOY_GARBAGE, UPLOAD_LIES, "add-entries"},
		{UPLOAD_MIRROR, TOY_STUCK, UPLOAD_LIES, "wants again"},
		{UPLOAD_MIRROR, TOY_FROM_FUTURE, UPLOAD_AHEAD, "records of"},
		{UPLOAD_MIRROR, TOY_SEESAW, UPLOAD_LIES, ""},
		{UPLOAD_MIRROR, TOY_STATUS, UPLOAD_LIES, "status 302"},
		{UPLOAD_MIRROR, TOY_REFUSES, UPLOAD_FORK, "holds another history"},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct rig *r = begin(*state, all[i].kind, 600, "unix:///m");
		struct cosigned c;

		r->toy.lie = all[i].lie;
		must_not(r, all[i].trouble, all[i].text);
		assert_int_equal(cosigned_get(r->u.fd, &r->target.key, &r->toy.log, &c, &r->e), -ENOENT);
		/* It comes to its senses. */
		r->toy.lie = TOY_HONEST;
		must(r);
		check_kept(r, 600);
		end(r);
		nftw(*state, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
		mkdir(*state, 0700);
	}
}

static void test_refused(void **state)
{
	struct rig *r = begin(*state, UPLOAD_MIRROR, 10, "unix:///m");

	snprintf(r->toy.log.name, sizeof(r->toy.log.name), "other");
	must_not(r, UPLOAD_REFUSED, "does not know the log 'test.example/vm'");
	snprintf(r->toy.log.name, sizeof(r->toy.log.name), "test.example/vm");
	r->toy.log.id ^= 1;
	must_not(r, UPLOAD_REFUSED, "does not accept the key");
	end(r);
}

/* A mirror that was restored from an older copy says so, and gets again what it lost. */
static void test_rollback(void **state)
{
	struct rig *r = begin(*state, UPLOAD_MIRROR, 600, "unix:///m");
	struct push_state s;
	struct toy old;

	must(r);
	old = r->toy;
	memcpy(old.note, r->toy.note, sizeof(old.note));
	fixture_grow(r->dir, 600, 2000);
	must(r);
	check_kept(r, 2000);
	r->toy.c.size = old.c.size;
	r->toy.c.root = old.c.root;
	r->toy.next = r->toy.done = 600;
	fixture_grow(r->dir, 2000, 2001);
	r->toy.busy = 0;
	r->told[0] = '\0';
	assert_int_equal(upload_round(&r->u, &r->e), 0);
	assert_non_null(strstr(r->told, "it cosigned 2000 records and says now that it has 600"));
	check_kept(r, 2001);
	push_state_of(&r->u, &r->e, &s);
	assert_true(s.has == UINT64_MAX);
	end(r);
}

/* One whose store is a new one gets all again, though the ledger has not grown since it had all. */
static void test_emptied(void **state)
{
	struct rig *r = begin(*state, UPLOAD_MIRROR, 600, "unix:///m");

	must(r);
	upload_free(&r->u);
	memset(&r->toy.c, 0, sizeof(r->toy.c));
	r->toy.next = r->toy.done = 0;
	begin_upload(r);
	r->told[0] = '\0';
	must(r);
	assert_non_null(strstr(r->told, "it cosigned 600 records and says now that it has 0"));
	assert_int_equal(r->toy.done, 600);
	check_kept(r, 600);
	end(r);
}

/* What is pruned here and forgotten there is gone: said, and nothing breaks. */
static void test_pruned_and_forgotten(void **state)
{
	struct rig *r = begin(*state, UPLOAD_MIRROR, 2 * LEDGER_SEGMENT + 10, "unix:///m");
	struct ledger *l;
	uint64_t gone;

	must(r);
	l = fixture_open(r->dir, NULL);
	assert_int_equal(fixture_prune(l, 1, 0, &gone, &r->e), 0);
	assert_true(gone > 0);
	ledger_abandon(l);
	memset(&r->toy.c, 0, sizeof(r->toy.c));
	r->toy.next = r->toy.done = 0;
	must_not(r, UPLOAD_BEHIND, "were pruned");
	end(r);
}

static void copy_file(const char *from, const char *to, const char *name)
{
	char cmd[700];

	snprintf(cmd, sizeof(cmd), "cp -a '%s/%s' '%s/'", from, name, to);
	assert_int_equal(system(cmd), 0);
}

/* Two copies of a ledger go on by themselves, under one key: the first to come is believed, the other named. */
static void test_fork(void **state)
{
	struct rig *r = begin(*state, UPLOAD_MIRROR, 300, "unix:///m");
	char twin[300];
	struct ledger *l;

	must(r);
	snprintf(twin, sizeof(twin), "%s.twin", r->dir);
	mkdir(twin, 0700);
	copy_file(r->dir, twin, ".");
	fixture_grow(r->dir, 300, 500);
	must(r);
	upload_free(&r->u);
	r->dir = twin;
	l = fixture_open(twin, NULL);
	fixture_append(l, 1000, 1100); /* other leaves */
	assert_int_equal(ledger_checkpoint(l, &r->e), 0);
	begin_upload(r);
	must_not(r, UPLOAD_AHEAD, "it has 500 records of 'test.example/vm', this ledger 400");
	fixture_append(l, 1100, 1400);
	assert_int_equal(ledger_checkpoint(l, &r->e), 0);
	ledger_abandon(l);
	must_not(r, UPLOAD_FORK, "another history");
	check_kept(r, 300);
	end(r);
	nftw(twin, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* This ledger was put back to an older copy, but what came back was not. */
static void test_local_rollback(void **state)
{
	struct rig *r = begin(*state, UPLOAD_WITNESS, 300, "unix:///w");
	char old[300], dir[300], cmd[2000];

	snprintf(dir, sizeof(dir), "%s", r->dir);
	snprintf(old, sizeof(old), "%s.old", r->dir);
	must(r);
	snprintf(cmd, sizeof(cmd), "cp -a '%s' '%s'", dir, old);
	assert_int_equal(system(cmd), 0);
	fixture_grow(r->dir, 300, 400);
	must(r);
	snprintf(cmd, sizeof(cmd), "cp -a '%s/cosigned' '%s/' && rm -rf '%s' && mv '%s' '%s'", dir, old, dir, old, dir);
	assert_int_equal(system(cmd), 0);
	upload_free(&r->u);
	begin_upload(r);
	must_not(r, UPLOAD_AHEAD, "rolled back or rewritten");
	end(r);
}

/* Retention's bound: what the quorum has, by signatures that hold and roots that are this ledger's. */
static void test_quorum(void **state)
{
	struct rig *a = begin(*state, UPLOAD_MIRROR, 300, "unix:///m");
	struct upload_target second;
	struct policy p;
	struct vkey keys[2];
	struct push_state s = {.has = UINT64_MAX};
	struct quorum q;
	struct toy other;

	toy_open(&other, "other.example/w", *state);
	other.witness = true;
	second = (struct upload_target){UPLOAD_WITNESS, "unix:///w", NULL, *cosign_key_vkey(other.key)};
	keys[0] = a->target.key;
	keys[1] = second.key;
	assert_int_equal(policy_all(keys, 2, &p, &a->e), 0);
	must(a);
	quorum_find(a->u.fd, &p, &a->toy.log, &q);
	assert_int_equal(q.covered, 0);
	upload_free(&a->u);
	a->u = (struct upload){.dir = *state, .target = &second, .send = toy_send, .tell = tell, .ctx = &other};
	assert_int_equal(upload_open(&a->u, &a->e), 0);
	fixture_grow(a->dir, 300, 400);
	must(a);
	quorum_find(a->u.fd, &p, &a->toy.log, &q);
	assert_int_equal(q.covered, 300);
	assert_true(q.time >= 1700000000 && !q.forks && !q.wrong);
	s.has = 17; /* it has forgotten most */
	assert_int_equal(push_state_put(a->u.fd, &keys[0], &s), 0);
	quorum_find(a->u.fd, &p, &a->toy.log, &q);
	assert_int_equal(q.covered, 17);
	/* A cosignature that is another's. */
	a->toy.log.id ^= 1;
	quorum_find(a->u.fd, &p, &a->toy.log, &q);
	assert_int_equal(q.covered, 0);
	assert_int_equal(q.wrong, 2);
	policy_free(&p);
	toy_close(&other);
	end(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_mirror),
		fixture_test(test_empty),
		fixture_test(test_gzip),
		fixture_test(test_resume),
		fixture_test(test_witness),
		fixture_test(test_lies),
		fixture_test(test_refused),
		fixture_test(test_rollback),
		fixture_test(test_emptied),
		fixture_test(test_pruned_and_forgotten),
		fixture_test(test_fork),
		fixture_test(test_local_rollback),
		fixture_test(test_quorum),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
