/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * follow_rig.h - a worker without its process: follow.h on the fake VM, a real ledger, and what is in it.
 * Included once by each test program.
 */
#ifndef LOGVISOR_TESTS_FOLLOW_RIG_H
#define LOGVISOR_TESTS_FOLLOW_RIG_H

#include "unit/worker/fake_vm.h"

#include "record/meta.h"
#include "source/printk/printk.h"
#include "worker/follow.h"

static char dir[128], place[192];
static struct store store;
static struct status status;
static struct report_pace report_pace;
static struct report report = {&store, &status, "fake:", &report_pace, 0, false};
static struct resume resume;
static struct follow f;
static struct err e;

static inline int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%.80s/follow.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(place, sizeof(place), "%s/vm", dir);
	status_init(&status, "vm");
	return 0;
}

static inline int teardown(void **state)
{
	char cmd[256];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

/* The fake VM has a kernel's log and nothing else. */
static const struct source_ops *const kernel_only[] = {&source_printk, NULL};

static inline void begin(unsigned caps, bool has_runs)
{
	struct ledger_recovery rec;

	vm_make(caps, has_runs);
	if (store_open(&store, place, "vm", &rec, &e))
		fail_msg("%s", e.text);
	memset(&resume, 0, sizeof(resume));
	memset(&report_pace, 0, sizeof(report_pace));
	follow_init(&f, &vm.t, &report, &resume, 1000);
	f.pump.table = kernel_only;
}

static inline void end(void)
{
	follow_stop(&f);
	assert_int_equal(vm.n_planted, 0);
	assert_false(vm.held);
	assert_int_equal(store_close(&store, &e), 0);
	vm_free();
}

/* Time passes: as the worker's loop does it, with a backend that has nothing to say. */
static inline int pass(int64_t ms)
{
	const struct trap_event none = {.type = TRAP_IDLE, .emptied = true};
	int64_t until = vm_ns + ms * 1000000;
	int r = 0;

	while (!r && vm_ns < until) {
		int64_t left;

		r = follow_tick(&f, &e);
		if (r)
			break;
		left = follow_due(&f, 100) * 1000000ll;
		left = left < 1000000 ? 1000000 : left;
		vm_ns += left < until - vm_ns ? left : until - vm_ns;
		vm.waits++;
		r = follow_event(&f, &none, &e);
		store_tick(&store);
	}
	return r ? r : follow_tick(&f, &e);
}

/* The doorbell of @tag rings, if it is planted. */
static inline void ring(uint32_t tag)
{
	const struct trap_site *s = vm_planted(tag);
	struct trap_event ev = {.type = TRAP_STOPPED, .tag = tag, .held = true, .time_us = clock_wall_us(),
		.vcpu = UINT32_MAX};

	if (!s)
		return;
	vm.held = true;
	assert_int_equal(follow_event(&f, &ev, &e), 0);
	assert_false(vm.held);
}

/* The copy that the kvm backend's program makes at the commit's entry. */
static inline void copy(uint64_t id)
{
	const struct trap_site *s = vm_planted(PRINTK_TAG_FINAL);
	struct prb_copy c;
	struct trap_event ev = {.type = TRAP_COPY, .tag = PRINTK_TAG_FINAL, .time_us = clock_wall_us(), .data = &c};
	uint64_t sv = *rw_desc(&vm.w, id), entry = RW_BASE + vm.w.rb + RW_STACK;

	if (!s)
		return;
	*rw_desc(&vm.w, id) = RW_SV(id, PRB_RESERVED);
	*rw_word(&vm.w, vm.w.rb + RW_STACK) = RW_BASE + vm.w.rb;
	*rw_word(&vm.w, vm.w.rb + RW_STACK + 16) = id;
	assert_int_equal(prb_fetch_commit(&vm.w.mem, s->arg, entry, &c), 0);
	*rw_desc(&vm.w, id) = sv;
	ev.len = prb_copy_size(&c);
	assert_int_equal(follow_event(&f, &ev, &e), 0);
}

/* ---- what is stored ---- */

static char stored[16384];

/*
 * Every record of the ledger in a word: its fidelity's first letter and its text, or its kind with an alert's
 * name, or a gap's numbers.
 */
static inline const char *all(void)
{
	static char scratch[RECORD_LEAF_MAX];
	struct ledger_reader *reader;
	struct record r;
	struct span leaf;
	uint64_t index;
	size_t n = 0;

	assert_int_equal(ledger_commit(store.ledger, &e), 0);
	assert_int_equal(ledger_reader_open(&reader, place, &e), 0);
	assert_int_equal(ledger_reader_seek(reader, 0, &e), 0);
	stored[0] = 0;
	while (ledger_reader_next(reader, &leaf, &index, &e) == 1) {
		enum meta_kind kind;
		uint64_t first, count;
		struct span what;

		assert_int_equal(record_decode(leaf.p, leaf.n, &r, scratch, sizeof(scratch), NULL), 0);
		if (!meta_is(&r, &kind)) {
			n += (size_t)snprintf(stored + n, sizeof(stored) - n, "%c:%.*s ",
				record_fidelity_name(r.fidelity)[0], (int)r.msg.n, r.msg.p);
			continue;
		}
		what = meta_get(&r, "what");
		if (meta_get_gap(&r, &first, &count))
			n += (size_t)snprintf(stored + n, sizeof(stored) - n, "gap:%d+%d ", (int)first, (int)count);
		else
			n += (size_t)snprintf(stored + n, sizeof(stored) - n, "%s%s%.*s ", meta_kind_name(kind),
				what.n ? ":" : "", (int)what.n, what.p);
		assert_true(n < sizeof(stored));
	}
	ledger_reader_close(reader);
	return stored;
}

static inline struct meta_counters counters(void)
{
	struct meta_counters c;

	follow_counters(&f, &c);
	return c;
}

#endif
