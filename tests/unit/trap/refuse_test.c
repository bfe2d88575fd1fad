/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * refuse_test.c - which VMs the kvm backend refuses, from what a host's kernel says of them. Machines
 * with such VMs are rare; the values are those of Linux 6.1 to 7.2 (asm/kvm.h, arch/x86/kvm/svm/sev.c,
 * arch/x86/kvm/vmx/tdx.c).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "trap/kvm/kvm.h"
#include "trap/kvm/bpf/scan_rec.h"

static const struct {
	const char *what;
	struct scan_vm_state state;
	const char *said; /* NULL: not refused */
} vms[] = {
	{"a default VM", {0}, NULL},
	{"a software-protected VM without such memory", {.vm_type = 1}, NULL},
	{"guest_memfd", {.vm_type = 1, .memfd_slots = 1}, "encrypted or private"},
	{"SEV up to 6.8, which has no type of its own", {.sev_active = 1}, "encrypted or private"},
	{"SEV", {.vm_type = 2, .sev_active = 1}, "encrypted or private"},
	{"SEV-ES", {.vm_type = 3, .protected_state = 1, .sev_active = 1}, "encrypted or private"},
	{"SEV-SNP", {.vm_type = 4, .protected_state = 1, .memfd_slots = 1}, "encrypted or private"},
	{"TDX", {.vm_type = 5, .protected_state = 1, .memfd_slots = 1}, "encrypted or private"},
};

static void vms_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vms) / sizeof(vms[0]); i++) {
		struct err e = {""};
		int r = kvm_refuse(scan_vm_flags(&vms[i].state), &e);

		print_message("# %s: %s\n", vms[i].what, r ? e.text : "taken");
		assert_int_equal(r, vms[i].said ? -ENOTSUP : 0);
		if (r)
			assert_non_null(strstr(e.text, vms[i].said));
	}
}

/* What is told of the slots of one VM fits into what an iterator may write in one step. */
static void crowded(void **state)
{
	struct err e = {""};

	(void)state;
	assert_true((SCAN_SLOTS_MAX + 1) * sizeof(struct scan_rec) <= 32768);
	assert_true(SCAN_SLOTS_MAX > RAM_SEGS_MAX);
	assert_int_equal(kvm_refuse(SCAN_CROWDED, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "memory slots"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(vms_refused), cmocka_unit_test(crowded)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
