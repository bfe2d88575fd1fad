/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan.h - ask the host's kernel which KVM VMs there are, and where their memory and registers are.
 */
#ifndef LOGVISOR_TRAP_KVM_HOST_SCAN_H
#define LOGVISOR_TRAP_KVM_HOST_SCAN_H

#include <sys/types.h>

#include "trap/kvm/bpf/scan_rec.h"
#include "util/err.h"

struct scan;

/*
 * Load the iterator, for the VMs of process @pid or of all (0). Freed by scan_close(). -EPERM, -ENOTSUP
 * or another errno with @e saying what the host lacks. Needs CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN
 * (module BTF), later scan_run() only CAP_BPF.
 */
int scan_open(struct scan **out, pid_t pid, struct err *e);
void scan_close(struct scan *s);

/* Call @f for each finding, as of now, until it returns non-zero, which is returned. Or -errno. */
int scan_run(const struct scan *s, int (*f)(void *ctx, const struct scan_rec *r), void *ctx,
	struct err *e);

/*
 * From now on let @create make the iterator's file descriptor, for a process that may not any more
 * itself: it returns one, or -errno with @e. And what such a process needs for that: the link.
 */
void scan_through(struct scan *s, int (*create)(void *ctx, struct err *e), void *ctx);
int scan_link(const struct scan *s);

/*
 * Turn the errno with which loading a BPF program failed into a message: what is missing on this host
 * and what to do about it. Returns -@code.
 */
int scan_explain(int code, struct err *e);

#endif
