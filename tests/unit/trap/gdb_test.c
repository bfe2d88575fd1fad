/* SPDX-License-Identifier: BSD-3-Clause */
/* The gdb backend against stubs that lie, stall, babble and vanish: an error in time, never a hang. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "trap/trap.h"
#include "unit/trap/stub.h"

static struct err e;

static int64_t ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int attach(struct stub *b, struct trap **t)
{
	char target[128];

	memset(&e, 0, sizeof(e));
	snprintf(target, sizeof(target), "gdb:%s", b->path);
	return trap_attach(t, target, &e);
}

/* Attaching to a stub with @fault fails with one of @want1, @want2 and says where, within 20 s. */
static void refused(enum stub_fault fault, unsigned at, int want1, int want2)
{
	int64_t t0 = ms();
	struct trap *t;
	struct stub b;
	int rc;

	stub_start(&b, fault, at, NULL);
	rc = attach(&b, &t);
	if (rc == 0)
		fail_msg("fault %d: attached", fault);
	if (rc != want1 && rc != want2)
		fail_msg("fault %d: %d %s", fault, rc, e.text);
	assert_non_null(strstr(e.text, b.path));
	assert_null(strchr(e.text, '\n'));
	assert_true(ms() - t0 < 20000);
	stub_stop(&b);
}

static void says_nothing(void **state)
{
	(void)state;
	refused(STUB_SILENT, 0, -EBUSY, 0);
}

static void is_no_stub(void **state)
{
	(void)state;
	refused(STUB_NOISE, 0, -EPROTO, 0);
	refused(STUB_HTTP, 0, -EPROTO, -ESRCH);
	refused(STUB_BAD_SUM, 0, -EPROTO, -EBUSY);
	refused(STUB_REFUSES, 0, -EPROTO, -EBUSY);
	refused(STUB_NO_END, 0, -EPROTO, -EBUSY);
}

static void closes_at_any_request(void **state)
{
	struct trap *t;
	struct stub b;
	unsigned at = 0;
	int rc;

	(void)state;
	for (;; at++) {
		stub_start(&b, STUB_CLOSES, at, NULL);
		rc = attach(&b, &t);
		if (rc == 0)
			break;
		if (rc != -ESRCH && rc != -ENOTSUP)
			fail_msg("closed at request %u: %d %s", at, rc, e.text);
		stub_stop(&b);
	}
	t->ops->detach(t);
	stub_stop(&b);
	assert_true(at > 8);
}

static void never_comes_to_the_point(void **state)
{
	(void)state;
	refused(STUB_THREADS, 0, -E2BIG, 0);
	refused(STUB_XML, 0, -ENOTSUP, 0);
	refused(STUB_XML_EMPTY, 0, -ENOTSUP, 0);
	refused(STUB_STOPS, 0, -EBUSY, 0);
	refused(STUB_BABBLE, 0, -EPROTO, 0);
}

/* Console output without end, for "info status" or for the map: given up by its size, long before the time. */
static void monitor_without_end(void **state)
{
	(void)state;
	refused(STUB_MONITOR, 0, -ETIMEDOUT, 0);
	refused(STUB_MONITOR, 8, -ETIMEDOUT, 0);
}

static void lacks_something(void **state)
{
	(void)state;
	refused(STUB_BAD_THREADS, 0, -EPROTO, 0);
	refused(STUB_NO_XML, 0, -ENOTSUP, 0);
	refused(STUB_BAD_MONITOR, 0, -EPROTO, 0);
	refused(STUB_NO_RAM, 0, -ENOTSUP, 0);
	refused(STUB_NO_MEMORY, 0, -EFAULT, 0);
	refused(STUB_SHORT_MEMORY, 0, -EPROTO, 0);
}

static struct trap *attached(struct stub *b, enum stub_fault fault, const char *events)
{
	struct trap *t = NULL;

	stub_start(b, fault, 0, events);
	if (attach(b, &t) != 0)
		fail_msg("%s", e.text);
	return t;
}

static const struct trap_site site = {.kind = SITE_WATCH, .gva = 0x9000, .len = 8, .tag = 5};

/* Memory by packets: across their limit, at the edges, beyond them. */
static void memory_through_the_stub(void **state)
{
	static uint8_t buf[70000];
	uint64_t start, end;
	struct trap *t;
	struct stub b;

	(void)state;
	t = attached(&b, STUB_DRIBBLE, NULL);
	assert_int_equal(t->pid, 0);
	assert_int_equal(t->mem.ram_bytes, 1 << 20);
	assert_int_equal(gmem_read(&t->mem, 0x1fff, buf, sizeof(buf)), 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], (0x1fff + i) & 255);
	assert_int_equal(gmem_read(&t->mem, 0xfffff, buf, 1), 0);
	assert_int_equal(gmem_read(&t->mem, 0xfffff, buf, 2), -EFAULT);
	assert_int_equal(gmem_read(&t->mem, 0x100000, buf, 1), -EFAULT);
	assert_int_equal(gmem_read(&t->mem, UINT64_MAX, buf, 1), -EFAULT);
	assert_int_equal(gmem_read(&t->mem, UINT64_MAX, buf, 2), -EFAULT);
	assert_int_equal(gmem_read(&t->mem, 0, buf, 0), 0);
	assert_int_equal(t->mem.next(t->mem.ctx, 0, &start, &end), 0);
	assert_true(start == 0 && end == 1 << 20);
	assert_int_equal(t->mem.next(t->mem.ctx, end, &start, &end), -ENOENT);
	t->ops->detach(t);
	stub_stop(&b);
}

static void registers_and_sites(void **state)
{
	struct trap_site s = site;
	struct trap *t;
	struct gcpu c;
	struct stub b;

	(void)state;
	t = attached(&b, STUB_GOOD, NULL);
	assert_int_equal(t->ops->cpu(t, 0, &c, &e), 0);
	assert_true(c.rip == 0x1122334455667788 && c.cr3 == c.rip && c.cr0 == 0);
	assert_int_equal(t->ops->cpu(t, 1, &c, &e), -ENOENT);
	s.kind = SITE_CODE;
	assert_int_equal(t->ops->plant(t, &s, &e), -ENOTSUP);
	s = site;
	s.len = 3;
	assert_int_equal(t->ops->plant(t, &s, &e), -EINVAL);
	s = site;
	s.gva++;
	assert_int_equal(t->ops->plant(t, &s, &e), -EINVAL);
	for (int i = 0; i < 100; i++)
		assert_int_equal(t->ops->plant(t, &site, &e), 0);
	assert_int_equal(t->ops->unplant(t, 0, site.tag, &e), 0);
	assert_int_equal(t->ops->plant(t, &site, &e), 0);
	t->ops->detach(t);
	stub_stop(&b);

	t = attached(&b, STUB_NO_WATCH, NULL);
	assert_int_equal(t->ops->plant(t, &site, &e), -ENOSPC);
	assert_int_equal(t->ops->unplant(t, 0, site.tag, &e), 0);
	t->ops->detach(t);
	stub_stop(&b);

	for (unsigned i = 0; i < 3; i++) {
		static const enum stub_fault bad[] = {STUB_BAD_REGISTER, STUB_NO_REGISTER, STUB_LONG_REGISTER};

		t = attached(&b, bad[i], NULL);
		assert_int_equal(t->ops->cpu(t, 0, &c, &e), -EPROTO);
		t->ops->detach(t);
		stub_stop(&b);
	}
}

/* Of a map that contradicts itself only what fits together is RAM. */
static void map_that_lies(void **state)
{
	uint64_t start, end;
	struct trap *t;
	struct stub b;
	uint8_t byte;

	(void)state;
	t = attached(&b, STUB_BAD_MAP, NULL);
	assert_int_equal(t->mem.next(t->mem.ctx, 0, &start, &end), 0);
	assert_true(start == 0 && end == 1 << 20);
	assert_int_equal(gmem_read(&t->mem, 1 << 20, &byte, 1), -EFAULT);
	t->ops->detach(t);
	stub_stop(&b);
}

/* Attach, plant, and expect the types of events that @events bring, one letter each. */
static void brings(enum stub_fault fault, const char *events, const char *types)
{
	struct trap *t;
	struct stub b;

	t = attached(&b, fault, events);
	assert_int_equal(t->ops->plant(t, &site, &e), 0);
	for (; *types; types++) {
		struct trap_event ev;

		assert_int_equal(t->ops->wait(t, *types == 'i' ? 200 : 5000, &ev, &e), 0);
		assert_int_equal(ev.type, *types == 's' ? TRAP_STOPPED : *types == 'g' ? TRAP_GONE : TRAP_IDLE);
		if (ev.type == TRAP_STOPPED) {
			assert_int_equal(ev.tag, 5);
			assert_int_equal(t->ops->resume(t, &e), 0);
		}
	}
	t->ops->detach(t);
	stub_stop(&b);
}

/* The first event answers the "continue" of attach, before the site is planted: none, then. */
static void events(void **state)
{
	(void)state;
	brings(STUB_GOOD, "|T05thread:p01.01;watch:9000;|T05thread:p01.01;watch:9007;", "ssi");
	brings(STUB_DRIBBLE, "|T05thread:p01.01;watch:9000;|T05thread:p01.01;", "ssi");
	/* A watchpoint that is not ours any more may stand for a hit of one that is. */
	brings(STUB_GOOD, "|T05thread:01;watch:9008;|T05thread:01;watch:ffffffffffffffff;|T05watch:9004;",
		"sssi");
	/* Nonsense is no event. */
	brings(STUB_GOOD, "|T05watch:zz;", "i");
	brings(STUB_GOOD, "|E99", "i");
	brings(STUB_GOOD, "|T02thread:01;", "ii");
	brings(STUB_GOOD, "|W00", "gg");
	brings(STUB_GOOD, "|X09", "gg");
	brings(STUB_GOOD, "|T05watch:9000;|close", "sgg");
	brings(STUB_NAK_ONCE, "T05watch:9000;", "si");
}

/* A stop reply may have any number of registers, of any name and length, up to the longest packet. */
static void events_with_registers(void **state)
{
	static const char reg[] = "ffffffffffffffffffff:000102030405060708090a0b0c0d0e0f;:;;library:zz;";
	static char long_one[6000];
	size_t n;

	(void)state;
	n = (size_t)snprintf(long_one, sizeof(long_one), "|T05");
	while (n + sizeof(reg) + 64 < sizeof(long_one))
		n += (size_t)snprintf(long_one + n, sizeof(long_one) - n, "%s", reg);
	snprintf(long_one + n, sizeof(long_one) - n, "thread:p01.01;watch:9000;");
	brings(STUB_GOOD, long_one, "si");
	brings(STUB_DRIBBLE, long_one, "si");
	/* Of fields that come twice, the last counts; a thread that is nobody's is no vCPU, and no fault. */
	brings(STUB_GOOD, "|T05watch:1;watch:9000;thread:pffffffffffffffff.ffffffffffffffff;", "si");
	brings(STUB_GOOD, "|T05thread:p01.01", "si");
	brings(STUB_GOOD, "|T05thread:pffffffffffffffff0.1;", "i");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_nothing),
		cmocka_unit_test(is_no_stub),
		cmocka_unit_test(closes_at_any_request),
		cmocka_unit_test(never_comes_to_the_point),
		cmocka_unit_test(monitor_without_end),
		cmocka_unit_test(lacks_something),
		cmocka_unit_test(memory_through_the_stub),
		cmocka_unit_test(registers_and_sites),
		cmocka_unit_test(map_that_lies),
		cmocka_unit_test(events),
		cmocka_unit_test(events_with_registers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
