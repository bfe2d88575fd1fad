/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor.c - everything the kvm backend needs of a host, one check after the other. */
#include <cpuid.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "trap/kvm/host/host.h"
#include "trap/kvm/kvm.h"
#include "util/cleanup.h"

struct doctor {
	void (*f)(void *ctx, const struct host_check *c);
	void *ctx;
	int bad;
};

__attribute__((format(printf, 4, 5)))
static void tell(struct doctor *d, const char *what, int ok, const char *fmt, ...)
{
	struct host_check c = {.what = what, .ok = ok};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c.text, sizeof(c.text), fmt, ap);
	va_end(ap);
	d->bad += !ok;
	d->f(d->ctx, &c);
}

/* The first line of @path that begins with @key, without it; false if there is none. */
static bool line_of(const char *path, const char *key, char *buf, size_t cap)
{
	_cleanup_file_ FILE *f = fopen(path, "re");
	size_t n = strlen(key);

	while (f && fgets(buf, (int)cap, f))
		if (!strncmp(buf, key, n)) {
			buf[strcspn(buf, "\n")] = 0;
			memmove(buf, buf + n, strlen(buf + n) + 1);
			return true;
		}
	return false;
}

/* bpf_loop(), and memory slots kept in hash lists: 5.17. */
static void check_kernel(struct doctor *d)
{
	struct utsname u;
	unsigned major = 0, minor = 0;
	bool ok;

	uname(&u);
	ok = sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
		(major > 5 || (major == 5 && minor >= 17));
	tell(d, "host kernel", ok, "%.64s%s", u.release, ok ? "" : "; 5.17 or newer is needed");
}

/* AMD's or Hygon's CPU, else Intel's. */
static bool is_amd(void)
{
	unsigned a, b, c, d;

	/* "AuthenticAMD", "HygonGenuine": CPUID leaf 0, EBX */
	return __get_cpuid(0, &a, &b, &c, &d) && (b == 0x68747541 || b == 0x6f677948);
}

static void check_cpu(struct doctor *d)
{
	char flags[8192];
	bool found = line_of("/proc/cpuinfo", "flags", flags, sizeof(flags)), ok;

	ok = found && (strstr(flags, " svm") || strstr(flags, " vmx"));
	tell(d, "CPU", ok, "%s%s", is_amd() ? "AMD" : "Intel",
		ok ? "" : "; it shows no virtualization (svm, vmx): enable it in the firmware");
}

static void check_kvm(struct doctor *d)
{
	struct err e = {""};
	bool ok = !host_probe_kvm(&e);

	tell(d, "KVM", ok, "%s%s", ok ? "runs guests" : e.text,
		ok ? "" : "; load kvm_amd or kvm_intel, or use the gdb backend");
}

static void check_btf(struct doctor *d)
{
	bool core = !access("/sys/kernel/btf/vmlinux", R_OK);
	bool module = !access("/sys/kernel/btf/kvm", R_OK), builtin;

	builtin = !module && access("/sys/module/kvm/initstate", F_OK) && !access("/sys/module/kvm", F_OK);
	tell(d, "BTF", core && (module || builtin), "%s", !core ? "the kernel has none; use one with "
		"CONFIG_DEBUG_INFO_BTF, or the gdb backend" : module ? "of the kernel and of the kvm module" :
		builtin ? "of the kernel, with KVM built in" : "the kvm module is not loaded or has none");
}

static void check_lockdown(struct doctor *d)
{
	char line[128];
	bool known = line_of("/sys/kernel/security/lockdown", "", line, sizeof(line));
	bool bad = known && strstr(line, "[confidentiality]");

	tell(d, "lockdown", !bad, "%s", bad ? "confidentiality keeps BPF from reading kernel memory; boot with "
		"lockdown=integrity" : known ? line : "none");
}

static void check_privilege(struct doctor *d)
{
	struct err e = {""};
	bool ok = !kvm_privilege(&e);

	tell(d, "privilege", ok, "%.250s", ok ? "enough to attach" : e.text);
}

static void check_scan(struct doctor *d)
{
	struct err e = {""};
	struct scan *s;

	if (scan_open(&s, 0, &e)) {
		tell(d, "VM discovery", 0, "%.250s", e.text);
		return;
	}
	scan_close(s);
	tell(d, "VM discovery", 1, "the BPF iterator loads");
}

static void check_hook(struct doctor *d)
{
	struct err e = {""};
	const struct hook_vm nobody = {.kvm = (uintptr_t)&e, .vcpus = 1}; /* no VM's address */
	struct hook h;
	bool calls = false;
	unsigned n = 0;
	int r = hook_load(&h, &nobody, 16, &e);

	if (!r) {
		calls = h.calls;
		r = hook_attach(&h, &e);
		n = r ? 0 : gate_count(&h.gate) - 1;
		hook_unload(&h);
	}
	if (r)
		tell(d, "trap", 0, "%.250s", e.text);
	else
		tell(d, "trap", 1, "the BPF programs load and attach to kvm_emulate_invd%s; %u VM%s protected",
			calls ? ", but the verifier refuses direct loads, so that a copy takes half as long again" : "", n,
			n == 1 ? "" : "s");
}

int host_doctor(void (*f)(void *ctx, const struct host_check *c), void *ctx)
{
	struct doctor d = {f, ctx, 0};

	check_kernel(&d);
	check_cpu(&d);
	check_kvm(&d);
	check_btf(&d);
	check_lockdown(&d);
	check_privilege(&d);
	check_scan(&d);
	check_hook(&d);
	return d.bad;
}
