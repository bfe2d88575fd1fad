/* SPDX-License-Identifier: BSD-3-Clause */
/* limit: 400 */
/*
 * Stop the world before every operation of a mirror that takes in a log, lose what was not synced in several ways,
 * and open what is left: what was answered to the host is there, the upload goes on from there, and in the end
 * the copy is the host's log, no record twice. Then the same operations failing one by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crash/disk.h"
#include "unit/mirror/log_rig.h"

#define STEPS 3

static const uint64_t sizes[STEPS] = {300, 700, 1000};

static struct io_ops fast;

static struct {
	char scratch[250], store[250];
	struct log_rig g;                /* the host: has all of it */
	struct tamper_file note[STEPS];  /* its checkpoints */
	/* What was answered. */
	uint64_t pending, next, cosigned;
	unsigned ways;
	uint64_t looked, mended;
} test;

static void wipe(const char *dir)
{
	nftw(dir, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static struct origin *open_store(const char *store)
{
	struct origin *o = NULL;
	struct err e = {""};
	bool mended = false;

	if (origin_open(&o, store, &test.g.conf, &test.g.keys, &mended, &e))
		fail_msg("op %" PRIu64 ": %s", disk.ops, e.text);
	test.mended += mended;
	return o;
}

/* As a host that has forgotten everything: to the last checkpoint, from what the mirror says. */
static void finish(struct origin *o)
{
	struct origin_state st;
	struct wire_checkpoint w;
	struct answer a;

	origin_state(o, &st);
	log_rig_checkpoint(&test.g, test.note[STEPS - 1], st.pending, &w);
	origin_add_checkpoint(o, &w, LOG_NOW, &a);
	if (a.status != 200)
		fail_msg("op %" PRIu64 ": add-checkpoint: %d %s", disk.ops, a.status, a.body);
	if (log_rig_upload(&test.g, o, st.size, sizes[STEPS - 1], UINT64_MAX, &a) != 200)
		fail_msg("op %" PRIu64 ": add-entries: %d %s", disk.ops, a.status, a.body);
}

static void check_complete(const char *store)
{
	struct told t;
	char dir[600];

	snprintf(dir, sizeof(dir), "%s/vm", store);
	tamper_verify(dir, &t, (struct verify_options){.name = "vm", .pin = &test.g.conf.key[0]});
	if (t.n)
		fail_msg("op %" PRIu64 ": %s", disk.ops, t.f[0].text);
	assert_int_equal(t.sum.size, sizes[STEPS - 1]);
	assert_int_equal(t.sum.end, sizes[STEPS - 1]);
}

static void check_crash(unsigned how)
{
	struct origin_state st;
	struct origin *o;
	struct err e = {""};

	wipe(test.scratch);
	disk_crash(test.scratch, how);
	o = open_store(test.scratch);
	origin_state(o, &st);
	if (st.size < test.next || st.cosigned < test.cosigned || st.pending < test.pending || st.size > st.pending)
		fail_msg("op %" PRIu64 ", way %u: %" PRIu64 " stored, %" PRIu64 " pending, %" PRIu64 " cosigned; told %"
			PRIu64 ", %" PRIu64 ", %" PRIu64, disk.ops, how, st.size, st.pending, st.cosigned, test.next,
			test.pending, test.cosigned);
	finish(o);
	if (origin_close(o, &e))
		fail_msg("%s", e.text);
	check_complete(test.scratch);
	test.looked++;
}

static void before(enum disk_op op)
{
	(void)op;
	io = &fast;
	for (unsigned how = 0; how < test.ways; how++)
		check_crash(how < 2 ? how : (unsigned)disk.ops * 16 + how);
	io = &disk_io;
}

static void make_host(const char *base)
{
	memset(&test, 0, sizeof(test));
	log_rig_open(&test.g, base, "host");
	for (unsigned i = 0; i < STEPS; i++) {
		log_rig_grow(&test.g, sizes[i]);
		test.note[i] = log_rig_note(&test.g);
	}
}

static void begin(const char *base, unsigned ways)
{
	test.pending = test.next = test.cosigned = 0;
	test.ways = ways;
	snprintf(test.store, sizeof(test.store), "%.200s/store", base);
	snprintf(test.scratch, sizeof(test.scratch), "%.200s/crash", base);
	assert_int_equal(mkdir(test.store, 0700), 0);
	disk_begin(test.store);
	fast = disk_fast();
}

static void end(void)
{
	io = &io_libc;
	wipe(test.scratch);
	wipe(test.store);
	disk_end();
}

/* Whatever is asked, again and again until it is done; @tries errors are forgiven. */
static void add(struct origin *o, unsigned step, unsigned tries)
{
	struct wire_checkpoint w;
	struct answer a;

	log_rig_checkpoint(&test.g, test.note[step], step ? sizes[step - 1] : 0, &w);
	do
		origin_add_checkpoint(o, &w, LOG_NOW, &a);
	while (a.status >= 500 && tries--);
	if (a.status != 200 && a.status != 409)
		fail_msg("op %" PRIu64 ": add-checkpoint: %d %s", disk.ops, a.status, a.body);
	test.pending = sizes[step];
}

static void upload(struct origin *o, unsigned step, uint64_t max, unsigned tries)
{
	struct origin_state st;
	struct answer a;

	do {
		origin_state(o, &st);
		log_rig_upload(&test.g, o, st.size, sizes[step], max, &a);
	} while (a.status >= 500 && tries--);
	if (a.status == 202) {
		struct wire_info i;

		assert_int_equal(wire_info_get(a.body, strlen(a.body), &i, NULL), 0);
		test.next = i.next;
		wire_info_free(&i);
	} else if (a.status == 200) {
		test.next = test.cosigned = sizes[step];
	} else {
		fail_msg("op %" PRIu64 ": add-entries: %d %s", disk.ops, a.status, a.body);
	}
}

static void all_steps(struct origin *o, unsigned tries)
{
	for (unsigned step = 0; step < STEPS; step++) {
		add(o, step, tries);
		upload(o, step, 1, tries);
		upload(o, step, UINT64_MAX, tries);
	}
}

static void cut_everywhere(void **state)
{
	struct origin *o;
	struct err e = {""};

	make_host(*state);
	begin(*state, 6);
	disk.before = before;
	io = &disk_io;
	o = open_store(test.store);
	all_steps(o, 0);
	assert_int_equal(origin_close(o, &e), 0);
	printf("# %" PRIu64 " operations, %" PRIu64 " crashes, %" PRIu64 " mended\n", disk.ops, test.looked, test.mended);
	assert_true(test.looked > 300);
	end();
	log_rig_close(&test.g);
}

static void errors_everywhere(void **state)
{
	static const int errors[] = {ENOSPC, EIO};
	uint64_t total = 0, at;

	make_host(*state);
	for (at = 1; !total || at <= total; at++) {
		struct origin *o = NULL;
		struct err e = {""};
		bool mended;

		begin(*state, 3);
		disk.fail_at = at;
		disk.fail_n = at % 3 ? 1 : 5;
		disk.fail_errno = errors[at % 2];
		io = &disk_io;
		for (unsigned i = 0; !o; i++) {
			assert_true(i < 10);
			if (origin_open(&o, test.store, &test.g.conf, &test.g.keys, &mended, &e))
				assert_true(strlen(e.text) > 10);
		}
		all_steps(o, 10);
		if (disk.ops < at)
			total = at;
		io = &fast;
		for (unsigned how = 0; how < 3; how++)
			check_crash(how == 2 ? (unsigned)at : how);
		io = &disk_io;
		assert_int_equal(origin_close(o, &e), 0);
		end();
	}
	printf("# %" PRIu64 " operations failed in turn\n", at - 1);
	assert_true(at > 50);
	log_rig_close(&test.g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(cut_everywhere),
		fixture_test(errors_everywhere),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
