/* SPDX-License-Identifier: BSD-3-Clause */
/* Which domain a target means, and which domains can be protected: a Xen of a few domains, made up here. */
#include "trap/xen/dom.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* As xen/domctl.h lays out what xc_domain_getinfolist() fills, up to where versions differ. */
struct info {
	uint16_t domain, pad;
	uint32_t flags;
	uint64_t counts[6], cpu_time;
	uint32_t online, max_vcpu_id, ssidref;
	uint8_t handle[16];
};

static const struct info domains[] = {
	{.domain = 0, .max_vcpu_id = 0},
	{.domain = 3, .flags = 1 << 1, .counts = {65536}, .max_vcpu_id = 1, .cpu_time = 9, .handle = {0xab, 0xcd, [15] = 1}},
	{.domain = 4, .flags = 0, .max_vcpu_id = 0, .handle = {4}},
	{.domain = 7, .flags = 1 << 1 | 1, .max_vcpu_id = 0, .handle = {7}},
	{.domain = 8, .flags = 1 << 1 | 1 << 2 | 2 << 16, .max_vcpu_id = 0, .handle = {7}},
	{.domain = 9, .flags = 1 << 1, .max_vcpu_id = UINT32_MAX, .handle = {9}},
	{.domain = 11, .flags = 1 << 1, .max_vcpu_id = 7, .handle = {11}},
};
static int refuses; /* errno */

static int getinfolist(void *xch, uint32_t first, unsigned max, void *out)
{
	(void)xch, (void)max;
	if (refuses) {
		errno = refuses;
		return -1;
	}
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
		if (domains[i].domain >= first) {
			memcpy(out, &domains[i], offsetof(struct info, handle) + sizeof(domains[i].handle));
			return 1;
		}
	return 0;
}

static int maximum_gpfn(void *xch, uint32_t domid, unsigned long *gpfn)
{
	(void)xch;
	*gpfn = 1000 + domid;
	return 0;
}

static bool store_away;

static void *xs_open(unsigned long flags)
{
	(void)flags;
	errno = ENOENT;
	return store_away ? NULL : &store_away;
}

static void xs_close(void *xs)
{
	assert_ptr_equal(xs, &store_away);
}

static void *xs_read(void *xs, uint32_t transaction, const char *path, unsigned *len)
{
	static const struct {
		const char *path, *name;
	} names[] = {
		{"/local/domain/3/name", "web01"}, {"/local/domain/4/name", "old"}, {"/local/domain/7/name", "gone"},
		{"/local/domain/8/name", "gone"}, {"/local/domain/9/name", "a name that is longer than any name may be, "
			"which nobody can have given"}, {"/local/domain/11/name", "12"},
	};

	(void)xs, (void)transaction;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(path, names[i].path)) {
			*len = (unsigned)strlen(names[i].name);
			return strdup(names[i].name);
		}
	return NULL;
}

static const struct xen_lib lib = {
	.getinfolist = getinfolist, .maximum_gpfn = maximum_gpfn, .xs_open = xs_open, .xs_close = xs_close,
	.xs_read = xs_read,
};

static int find(const char *target, struct xen_dom *d, struct err *e)
{
	memset(d, 0, sizeof(*d));
	return xen_find(&lib, NULL, target, d, e);
}

static void finds(void **state)
{
	struct xen_dom d;
	struct err e;

	(void)state;
	assert_int_equal(find("web01", &d, &e), 0);
	assert_int_equal(d.id, 3);
	assert_int_equal(d.vcpus, 2);
	assert_true(d.hvm);
	assert_int_equal(d.ram_bytes, 65536 * 4096);
	assert_int_equal(d.max_gfn, 1003);
	assert_int_equal(d.end, XEN_RUNS);
	assert_int_equal(find("3", &d, &e), 0);
	assert_string_equal(d.name, "web01");
	assert_int_equal(find("abcd0000-0000-0000-0000-000000000001", &d, &e), 0);
	assert_int_equal(d.id, 3);
	assert_int_equal(find("ABCD0000-0000-0000-0000-000000000001", &d, &e), 0);
	/* of two of one uuid, or of one name, the one that is not dying */
	assert_int_equal(find("gone", &d, &e), 0);
	assert_int_equal(d.id, 8);
	assert_int_equal(d.end, XEN_SUSPEND);
	assert_int_equal(find("07000000-0000-0000-0000-000000000000", &d, &e), 0);
	assert_int_equal(d.id, 8);
	/* a number is one, whatever is called so */
	assert_int_equal(find("11", &d, &e), 0);
	assert_int_equal(find("12", &d, &e), -ENOENT);
	assert_int_equal(find("9", &d, &e), 0);
	assert_string_equal(d.name, "");
}

static void finds_not(void **state)
{
	static const char *const none[] = {"nobody", "web0", "web012", "5", "32752", "99999999999999999999", "-1", "3x",
		"abcd0000-0000-0000-0000-000000000002", "abcd0000x0000-0000-0000-000000000001", "../3", "%s%n"};
	struct xen_dom d;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_int_equal(find(none[i], &d, &e), -ENOENT);
		assert_non_null(strstr(e.text, none[i]));
	}
	assert_int_equal(find("", &d, &e), -EINVAL);
	store_away = true;
	assert_int_equal(find("web01", &d, &e), -ENOENT);
	assert_non_null(strstr(e.text, "xenstored"));
	assert_int_equal(find("3", &d, &e), 0);
	store_away = false;
	refuses = EPERM;
	assert_int_equal(find("3", &d, &e), -EPERM);
	assert_non_null(strstr(e.text, "XSM"));
	refuses = 0;
}

static void refused(void **state)
{
	static const struct {
		const char *target;
		int r;
	} of[] = {{"3", 0}, {"0", -ENOTSUP}, {"4", -ENOTSUP}, {"7", -ESRCH}, {"8", 0}, {"9", -EAGAIN}, {"11", 0}};
	struct xen_dom d;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		assert_int_equal(find(of[i].target, &d, &e), 0);
		assert_int_equal(xen_refuse(&d, &e), of[i].r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds), cmocka_unit_test(finds_not), cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
