/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * printk_fetch_test.c - the fetcher as a backend runs it that has a vCPU's registers in user space: what it
 * delivers is what printk takes.
 */
#include "fetch/printk.h"
#include "unit/source/printk_rig.h"

#define ENTRY (RW_BASE + w.rb + RW_STACK + PRB_FRAME_BELOW)

/* Print a record and fetch it at its commit. What run() returned. */
static int fetch(const char *text, size_t len, uint8_t *out, size_t cap)
{
	uint64_t id = rw_print(&w, text, len, true), sv = *rw_desc(&w, id);
	struct fetch_regs regs;
	int r;

	on_stack(id);
	regs = (struct fetch_regs){.rdi = ENTRY};
	*rw_desc(&w, id) = RW_SV(id, PRB_RESERVED);
	r = fetch_printk.run(&w.mem, &regs, &w.layout.g, out, cap);
	*rw_desc(&w, id) = sv;
	return r;
}

static void by_registers(void **state)
{
	uint8_t out[sizeof(struct prb_copy)];
	struct fetch_regs nowhere = {.rdi = 0x1000};
	char buf[2048];
	struct err e;

	(void)state;
	assert_true(fetch_printk.out_max <= sizeof(out));
	begin(6, 12, true, true);
	open_copies();
	for (uint64_t i = 0; i < 300; i++) {
		size_t len = text_of(i, buf, 1 + i % 200);
		int r = fetch(buf, len, out, sizeof(out));

		assert_true(r > 0 && (size_t)r < sizeof(out));
		assert_int_equal(printk_copy(p, true, out, (size_t)r, 1000, &e), 0);
		expect(&seen[i], i, 1 + i % 200, RECORD_LIVE);
	}
	assert_int_equal(printk_counters(p)->live, 300);
	/* Room for a part of it is none; nor is a register that points nowhere a record. */
	assert_true(fetch("x", 1, out, sizeof(out) - 1) < 0);
	assert_true(fetch_printk.run(&w.mem, &nowhere, &w.layout.g, out, sizeof(out)) < 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(by_registers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
