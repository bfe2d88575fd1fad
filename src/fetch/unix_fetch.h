/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unix_fetch.h - following the pointers of a message that is being sent to a log socket or to auditd, and of
 * the task that sends it: no loops, no function pointers. The layout is described in unix_rec.h.
 */
#ifndef LOGVISOR_FETCH_UNIX_FETCH_H
#define LOGVISOR_FETCH_UNIX_FETCH_H

#include "fetch/unix_rec.h"

/*
 * How what lies in the guest's direct map is read, which begins at @base: a backend may have a shorter way
 * there than a walk of the page table.
 */
#ifndef FETCH_DIRECT
#define FETCH_DIRECT(mem, base, dst, len, gva) FETCH_READ(mem, dst, len, gva)
#endif

#define APP_READ(dst, len, gva) FETCH_DIRECT(ctx, g->page_offset, (dst), (len), (gva))

/*
 * The guest says in registers and in its memory where to read. It has to be a kernel address: what reads for
 * the kvm backend takes the lower half for addresses of the VMM.
 */
FETCH_INLINE int app_kernel_address(__u64 gva)
{
	return gva >> 56 == 0xff;
}

/* A pointer in guest memory, to the kernel: 0, or negative if it is not readable or points elsewhere. */
FETCH_INLINE int app_pointer(void *ctx, const struct app_geometry *g, __u64 gva, __u64 *p)
{
	(void)ctx;
	(void)g;
	if (APP_READ(p, sizeof(*p), gva) || !app_kernel_address(*p)) {
		*p = 0;
		return APP_EFAULT;
	}
	return 0;
}

/* The struct path at @gva. */
FETCH_INLINE int app_fetch_path(void *ctx, const struct app_geometry *g, __u64 gva, struct app_path *p)
{
	(void)ctx;
	if (APP_READ(&p->mnt, 16, gva) || !app_kernel_address(p->dentry) || !app_kernel_address(p->mnt) ||
		APP_READ(&p->parent, 32, p->dentry + g->d_parent)) {
		p->dentry = 0;
		return APP_EFAULT;
	}
	return 0;
}

/* What was added to a stream's sk_buff that waits already: bytes of one page, which is not `skb`'s own. */
FETCH_INLINE void app_fetch_page(const struct app_geometry *g, const struct fetch_regs *regs, struct app_copy *c)
{
	__u64 pfn = g->page_size ? (regs->rsi - g->vmemmap) / g->page_size : 0;

	c->skb = 0;
	c->len = (__u32)regs->rcx;
	c->data_len = 0;
	c->at = g->page_offset + (pfn << 12) + (__u32)regs->rdx;
}

/* The message, its receiver and what was passed with it. */
FETCH_INLINE int app_fetch_message(void *ctx, const struct app_geometry *g, const struct fetch_regs *regs,
	struct app_copy *c)
{
	__u64 pid, list;
	__u64 n; /* of 64 bits: a verifier of BPF programs follows it then */

	(void)ctx;
	c->flags = 0;
	c->n = 0;
	c->pad = 0;
	c->sock = 0;
	c->fp = 0;
	c->scm_pid = 0;
	c->path.dentry = 0;
	c->skb = g->at == APP_AT_QUEUE ? regs->rsi : regs->rdi;
	if (!app_kernel_address(c->skb))
		return APP_EBAD;
	if (APP_READ(&c->len, 8, c->skb + g->skb_len) || APP_READ(c->words, 24, c->skb + g->skb_words))
		return APP_EFAULT;
	if (c->data_len > c->len || !app_kernel_address(c->at))
		return APP_EBAD;
	if (!g->audit) {
		if (g->at == APP_AT_QUEUE) {
			c->sock = regs->rdi - g->sk_queue;
		} else if (g->at == APP_AT_CREDS) {
			c->sock = regs->rdx;
		} else if (app_pointer(ctx, g, c->skb + g->skb_sk, &list) ||
			app_pointer(ctx, g, list + g->sk_peer, &c->sock)) {
			return APP_EFAULT;
		}
		if (!app_kernel_address(c->sock))
			return APP_EBAD;
		if (app_fetch_path(ctx, g, c->sock + g->sk_path, &c->path))
			c->flags |= APP_COPY_NOPATH;
		if (!app_pointer(ctx, g, c->skb + g->cb_fp, &c->fp))
			c->flags |= APP_COPY_FDS;
		if (!app_pointer(ctx, g, c->skb + g->cb_pid, &pid) &&
			APP_READ(&c->scm_pid, 4, pid + g->pid_nr))
			c->scm_pid = 0;
	}
	if (g->at == APP_AT_PAGE)
		app_fetch_page(g, regs, c);
	n = (__u32)(c->len - c->data_len);
	if (c->data_len || n > APP_DATA_MAX)
		c->flags |= APP_COPY_LONG;
	if (n > APP_DATA_MAX)
		n = APP_DATA_MAX;
	if (!n)
		return 0;
	FETCH_LEN(n);
	if (n <= APP_DATA_MAX && !APP_READ(c->data, n, c->at))
		c->n = (__u32)n;
	else
		c->flags |= APP_COPY_FAULT;
	return 0;
}

/* Of the sender what is in other objects than its task. */
FETCH_INLINE void app_fetch_belongings(void *ctx, const struct app_geometry *g, struct app_copy *c)
{
	__u64 p, task = c->task;

	(void)ctx;
	if (app_pointer(ctx, g, task + g->t_cred, &p) || APP_READ(&c->uid, 24, p + g->c_uid))
		c->flags |= APP_COPY_NOCREDS;
	if (app_pointer(ctx, g, task + g->t_mm, &c->mm) || app_pointer(ctx, g, c->mm + g->mm_exe, &p) ||
		app_fetch_path(ctx, g, p + g->f_path, &c->exe)) {
		c->exe.dentry = 0;
		c->flags |= APP_COPY_NOEXE;
	}
	if (g->t_css == APP_ABSENT || app_pointer(ctx, g, task + g->t_css, &p) ||
		app_pointer(ctx, g, p + g->css_cgrp, &p) || app_pointer(ctx, g, p + g->cg_kn, &c->kn) ||
		APP_READ(&c->kn_id, 8, c->kn + g->kn_id)) {
		c->kn = 0;
		c->flags |= APP_COPY_NOCGROUP;
	}
	if (app_pointer(ctx, g, task + g->t_parent, &c->parent) ||
		APP_READ(&c->ptid, 8, c->parent + g->t_pid) ||
		APP_READ(c->pcomm, APP_COMM, c->parent + g->t_comm))
		c->flags |= APP_COPY_NOPARENT;
}

/* The sender is @task; 0: it is not known. Never fails: c->flags say what could not be read, and that counts for nothing. */
FETCH_INLINE void app_fetch_task(void *ctx, const struct app_geometry *g, __u64 task, struct app_copy *c)
{
	__u64 leader;

	(void)ctx;
	c->task = task;
	c->loginuid = c->sessionid = APP_ABSENT;
	c->mm = c->kn = c->parent = c->exe.dentry = 0;
	if (!task || APP_READ(&c->tid, 8, c->task + g->t_pid) ||
		APP_READ(c->tcomm, APP_COMM, c->task + g->t_comm)) {
		c->task = 0;
		c->flags |= APP_COPY_NOTASK | APP_COPY_NOEXE | APP_COPY_NOCGROUP | APP_COPY_NOPARENT |
			APP_COPY_NOCREDS;
		return;
	}
	if (c->tid == c->pid || app_pointer(ctx, g, c->task + g->t_leader, &leader) ||
		APP_READ(c->comm, APP_COMM, leader + g->t_comm))
		__builtin_memcpy(c->comm, c->tcomm, APP_COMM);
	if (g->t_login != APP_ABSENT && APP_READ(&c->loginuid, 8, c->task + g->t_login))
		c->loginuid = c->sessionid = APP_ABSENT;
	app_fetch_belongings(ctx, g, c);
}

/* The sender: the task that the vCPU runs. */
FETCH_INLINE void app_fetch_sender(void *ctx, const struct app_geometry *g, const struct fetch_regs *regs,
	struct app_copy *c)
{
	__u64 task;

	(void)ctx;
	c->cr3 = regs->cr3;
	if (!regs->gs || app_pointer(ctx, g, regs->gs + g->current_at, &task))
		task = 0;
	app_fetch_task(ctx, g, task, c);
}

/* Both. 0, or an enum app_result: there is no message that could be followed. */
FETCH_INLINE int app_fetch(void *ctx, const struct app_geometry *g, const struct fetch_regs *regs,
	struct app_copy *c)
{
	int r = app_fetch_message(ctx, g, regs, c);

	if (!r)
		app_fetch_sender(ctx, g, regs, c);
	return r;
}

#endif
