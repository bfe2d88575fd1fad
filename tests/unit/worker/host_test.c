/* SPDX-License-Identifier: BSD-3-Clause */
/* host_test.c - a worker that follows a log of this host's own: there is no VM to find, to look at or to lose. */
#include "unit/worker/follow_rig.h"

#include <errno.h>

#include "guest/guest.h"

static const struct guest_info host = {.boot = "0123456789abcdef", .release = "6.1.0"};
static const char *const *coming;

static long read_kmsg(struct trap *t, uint64_t *at, char *buf, size_t cap, struct err *why)
{
	(void)t, (void)at, (void)why;
	return *coming ? snprintf(buf, cap, "%s", *coming++) : 0;
}

static void begin_host(const char *const *lines)
{
	begin(0, false);
	vm.ops.what = TRAP_HOST_KMSG;
	vm.ops.cpu = NULL;
	vm.ops.read = read_kmsg;
	vm.t.host = &host;
	f.pump.table = source_table_of(&vm.ops);
	coming = lines;
}

static void follows(void **state)
{
	static const char *const some[] = {"6,0,1,-;a\n", "6,1,1,-;b\n", NULL}, *const more[] = {"6,2,1,-;c\n", NULL},
		*const last[] = {"6,9,1,-;d\n", NULL};

	(void)state;
	begin_host(some);
	assert_int_equal(pass(1000), 0);
	assert_true(boot_found(&f.boot));
	coming = more;
	assert_int_equal(pass(100000), 0);
	assert_string_equal(all(), "boot b:a b:b l:c ");
	coming = last;
	follow_stop(&f);
	assert_string_equal(all(), "boot b:a b:b l:c gap:3+6 l:d ");
	assert_int_equal(counters().lost, 6);
	assert_int_equal(vm.holds, 1); /* which does nothing to a log */
	end();
}

static void goes_on(void **state)
{
	static const char *const some[] = {"6,0,1,-;a\n", "6,1,1,-;b\n", NULL}, *const same[] = {"6,0,1,-;a\n",
		"6,1,1,-;b\n", "6,2,1,-;c\n", NULL};
	(void)state;
	begin_host(some);
	assert_int_equal(pass(1000), 0);
	end();
	begin_host(same);
	assert_int_equal(resume_find(&resume, pump_numbered(f.pump.table), place, &e), 0);
	assert_int_equal(pass(1000), 0);
	assert_string_equal(all(), "boot b:a b:b b:c ");
	end();
}

/* What of its channels is asked for has to be there. */
static void channels(void **state)
{
	static const struct trap_ops kmsg = {.name = "host-kmsg", .what = TRAP_HOST_KMSG};
	const struct source_ops *const *table = source_table_of(&kmsg);

	(void)state;
	assert_int_equal(pump_supported(table, ~RECORD_FILES, &kmsg, &e), 0);
	assert_int_equal(pump_supported(table, 1u << RECORD_KMSG, &kmsg, &e), 0);
	assert_int_equal(pump_supported(table, 1u << RECORD_SYSLOG, &kmsg, &e), -ENOTSUP);
	assert_int_equal(pump_supported(table, 1u << RECORD_KMSG | RECORD_FILES, &kmsg, &e), -ENOTSUP);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(follows), TEST(goes_on), cmocka_unit_test(channels)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
