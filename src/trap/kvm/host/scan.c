/* SPDX-License-Identifier: BSD-3-Clause */
/* scan.c - run the iterator and read what it finds. */
#include "trap/kvm/host/scan.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trap/kvm/bpf/scan.skel.h"
#include "util/cleanup.h"

struct scan {
	struct scan_bpf *skel;
	int (*create)(void *ctx, struct err *e); /* NULL: do it here */
	void *ctx;
};

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (getenv("LOGVISOR_BPF_DEBUG") && level != LIBBPF_DEBUG)
		return vfprintf(stderr, fmt, ap);
	return 0;
}

/* /sys/kernel/security/lockdown: "none integrity [confidentiality]". */
static bool lockdown_confidential(void)
{
	_cleanup_file_ FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	char line[128] = "";

	return f && fgets(line, sizeof(line), f) && strstr(line, "[confidentiality]");
}

int scan_explain(int code, struct err *e)
{
	if (access("/sys/kernel/btf/vmlinux", F_OK))
		return err_set(e, ENOTSUP, "the host's kernel has no BTF (/sys/kernel/btf/vmlinux); use a "
			"kernel with CONFIG_DEBUG_INFO_BTF, or the gdb backend");
	if (lockdown_confidential())
		return err_set(e, EPERM, "the host's kernel is locked down (confidentiality), which keeps BPF "
			"from reading kernel memory; boot with lockdown=integrity, or use the gdb backend");
	if ((code == EPERM || code == EACCES) && geteuid() == 0)
		return err_set(e, code, "the host's kernel does not permit this BPF program, not even to root "
			"(a container, or a security policy?); use the gdb backend");
	if (code == EPERM || code == EACCES)
		return err_set(e, code, "not permitted to load BPF programs; run as root, or with CAP_BPF, "
			"CAP_PERFMON, CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_KILL");
	if (code == ESRCH || code == ENOENT)
		return err_set(e, ENOTSUP, "the host's kernel has no KVM with BTF; load kvm_amd or kvm_intel "
			"(CONFIG_DEBUG_INFO_BTF_MODULES), or use the gdb backend");
	return err_set(e, code, "the host's kernel refuses the BPF program: %s; LOGVISOR_BPF_DEBUG=1 shows "
		"why", strerror(code));
}

int scan_open(struct scan **out, pid_t pid, struct err *e)
{
	struct scan *s = calloc(1, sizeof(*s));
	int r;

	*out = NULL;
	if (!s)
		return err_set(e, ENOMEM, "out of memory");
	libbpf_set_print(quiet);
	s->skel = scan_bpf__open();
	if (!s->skel) {
		r = scan_explain(errno, e);
		goto fail;
	}
	s->skel->rodata->only_pid = (__u32)pid;
	r = scan_bpf__load(s->skel);
	if (!r)
		r = scan_bpf__attach(s->skel);
	if (r) {
		r = scan_explain(-r, e);
		goto fail;
	}
	*out = s;
	return 0;
fail:
	scan_close(s);
	return r;
}

void scan_close(struct scan *s)
{
	if (!s)
		return;
	scan_bpf__destroy(s->skel);
	free(s);
}

void scan_through(struct scan *s, int (*create)(void *ctx, struct err *e), void *ctx)
{
	s->create = create;
	s->ctx = ctx;
}

int scan_link(const struct scan *s)
{
	return bpf_link__fd(s->skel->links.scan);
}

static int create(const struct scan *s, struct err *e)
{
	int fd = s->create ? s->create(s->ctx, e) : bpf_iter_create(scan_link(s));

	return fd < 0 && !s->create ? err_set(e, errno, "cannot list the host's VMs: %s", strerror(errno)) : fd;
}

int scan_run(const struct scan *s, int (*f)(void *ctx, const struct scan_rec *r), void *ctx,
	struct err *e)
{
	_cleanup_fd_ int fd = create(s, e);
	struct scan_rec rec[64];
	size_t have = 0;
	int r = 0;

	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = read(fd, (char *)rec + have, sizeof(rec) - have);
		size_t whole;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "cannot list the host's VMs: %s", strerror(errno));
		if (n == 0)
			return 0;
		have += (size_t)n;
		whole = have / sizeof(rec[0]);
		for (size_t i = 0; i < whole && !r; i++)
			r = f(ctx, &rec[i]);
		if (r)
			return r;
		have -= whole * sizeof(rec[0]);
		memmove(rec, &rec[whole], have);
	}
}
