/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unix_fetch.h - following the pointers of a message that is being sent to a log socket or to auditd, and of
 * the task that sends it: no loops, no function pointers. The layout is described in unix_rec.h.
 */
#ifndef LOGVISOR_FETCH_UNIX_FETCH_H
#define LOGVISOR_FETCH_UNIX_FETCH_H

#include "fetch/unix_rec.h"

/*
 * How what lies in the guest's direct map is read, which begins at *@base: a backend may have a shorter way
 * there than a walk of the page table. @what is what is about to be read, an enum app_near: each such thing
 * mostly lies in the page it lay in the last time.
 */
#ifndef FETCH_DIRECT
#define FETCH_DIRECT(mem, what, base, dst, len, gva) FETCH_READ(mem, dst, len, gva)
#endif

/*
 * Several things of one object are looked for once where it lies on one page: @len bytes at @gva. What comes of it is for
 * FETCH_MEMBER, which reads one of them; 0: each is to be looked for by itself.
 */
#ifndef FETCH_SPAN
#define FETCH_SPAN(mem, what, base, len, gva) 0
#define FETCH_MEMBER(mem, span, what, base, dst, len, gva) ((void)(span), FETCH_DIRECT(mem, what, base, dst, len, gva))
#endif

#define APP_READ(what, dst, len, gva) FETCH_DIRECT(ctx, (what), &g->page_offset, (dst), (len), (gva))
#define APP_MEMBER(span, what, dst, len, gva) \
	FETCH_MEMBER(ctx, (span), (what), &g->page_offset, (dst), (len), (gva))

/*
 * The guest says in registers and in its memory where to read. It has to be in the kernel's half: a program of the
 * guest cannot write there. (That it is canonical is not asked: what reads looks where it leads, and finds it or not.)
 */
FETCH_INLINE int app_kernel_address(__u64 gva)
{
	return __builtin_expect((__s64)gva < 0, 1);
}

/* A pointer in guest memory, to the kernel, in the object of @span: 0, or negative if it is not readable or points elsewhere. */
FETCH_INLINE int app_member(void *ctx, const struct app_geometry *g, __u64 span, __u32 what, __u64 gva,
	__u64 *p)
{
	(void)ctx;
	(void)g;
	(void)what;
	if (APP_MEMBER(span, what, p, sizeof(*p), gva) || !app_kernel_address(*p)) {
		*p = 0;
		return APP_EFAULT;
	}
	return 0;
}

FETCH_INLINE int app_pointer(void *ctx, const struct app_geometry *g, __u32 what, __u64 gva, __u64 *p)
{
	(void)ctx;
	(void)g;
	(void)what;
	if (APP_READ(what, p, sizeof(*p), gva) || !app_kernel_address(*p)) {
		*p = 0;
		return APP_EFAULT;
	}
	return 0;
}

/* The struct path at @gva; @what is the path, and @what + 1 its dentry. */
FETCH_INLINE int app_fetch_path(void *ctx, const struct app_geometry *g, __u32 what, __u64 gva, struct app_path *p)
{
	(void)ctx;
	(void)what;
	if (APP_READ(what, &p->mnt, 16, gva) || !app_kernel_address(p->dentry) || !app_kernel_address(p->mnt) ||
		APP_READ(what + 1, &p->parent, 32, p->dentry + g->d_parent)) {
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
	__u64 pid, list, span, skb = g->at == APP_AT_QUEUE ? regs->rsi : regs->rdi;
	__u64 n; /* of 64 bits: a verifier of BPF programs follows it then */

	(void)ctx;
	c->flags = 0;
	c->n = 0;
	c->pad = 0;
	c->sock = 0;
	c->fp = 0;
	c->scm_pid = 0;
	c->path.dentry = 0;
	c->skb = skb;
	if (!app_kernel_address(skb))
		return APP_EBAD;
	span = FETCH_SPAN(ctx, APP_NEAR_SKB, &g->page_offset, g->skb_words + 24, skb);
	if (APP_MEMBER(span, APP_NEAR_SKB, &c->len, 8, skb + g->skb_len) ||
		APP_MEMBER(span, APP_NEAR_SKB_END, &c->at, 8, skb + g->skb_words + 16))
		return APP_EFAULT;
	if (c->data_len > c->len || !app_kernel_address(c->at))
		return APP_EBAD;
	if (!g->audit) {
		if (g->at == APP_AT_QUEUE) {
			c->sock = regs->rdi - g->sk_queue;
		} else if (g->at == APP_AT_CREDS) {
			c->sock = regs->rdx;
		} else if (app_member(ctx, g, span, APP_NEAR_SKB, skb + g->skb_sk, &list) ||
			app_pointer(ctx, g, APP_NEAR_SOCK, list + g->sk_peer, &c->sock)) {
			return APP_EFAULT;
		}
		if (!app_kernel_address(c->sock))
			return APP_EBAD;
		if (app_fetch_path(ctx, g, APP_NEAR_PATH, c->sock + g->sk_path, &c->path))
			c->flags |= APP_COPY_NOPATH;
		if (!app_member(ctx, g, span, APP_NEAR_SKB, skb + g->cb_fp, &c->fp))
			c->flags |= APP_COPY_FDS;
		if (!app_member(ctx, g, span, APP_NEAR_SKB, skb + g->cb_pid, &pid) &&
			APP_READ(APP_NEAR_PID, &c->scm_pid, 4, pid + g->pid_nr))
			c->scm_pid = 0;
	}
	if (g->at == APP_AT_PAGE)
		app_fetch_page(g, regs, c);
	n = (__u32)(c->len - c->data_len);
	if (c->data_len || n > APP_DATA_MAX)
		c->flags |= APP_COPY_LONG;
	if (n > APP_DATA_MAX)
		n = APP_DATA_MAX;
	if (n) {
		FETCH_LEN(n);
		if (n <= APP_DATA_MAX && !APP_READ(APP_NEAR_DATA, c->data, n, c->at))
			c->n = (__u32)n;
		else
			c->flags |= APP_COPY_FAULT;
	}
	/* Where the fragments are. */
	if (c->flags & APP_COPY_HOLD && APP_MEMBER(span, APP_NEAR_SKB_END, c->words, 16, skb + g->skb_words))
		return APP_EFAULT;
	return 0;
}

/* Of the sender what is in other objects than its task, which is that of @span. */
FETCH_INLINE void app_fetch_belongings(void *ctx, const struct app_geometry *g, __u64 span, struct app_copy *c)
{
	__u64 p, task = c->task;

	(void)ctx;
	if (app_member(ctx, g, span, APP_NEAR_TASK_COMM, task + g->t_cred, &p) ||
		APP_READ(APP_NEAR_CRED, &c->uid, 24, p + g->c_uid))
		c->flags |= APP_COPY_NOCREDS;
	if (app_member(ctx, g, span, APP_NEAR_TASK_MM, task + g->t_mm, &c->mm) ||
		app_pointer(ctx, g, APP_NEAR_MM, c->mm + g->mm_exe, &p) ||
		app_fetch_path(ctx, g, APP_NEAR_EXE, p + g->f_path, &c->exe)) {
		c->exe.dentry = 0;
		c->flags |= APP_COPY_NOEXE;
	}
	if (g->t_css == APP_ABSENT || app_member(ctx, g, span, APP_NEAR_TASK_CSS, task + g->t_css, &p) ||
		app_pointer(ctx, g, APP_NEAR_CSS, p + g->css_cgrp, &p) ||
		app_pointer(ctx, g, APP_NEAR_CGROUP, p + g->cg_kn, &c->kn) ||
		APP_READ(APP_NEAR_KN, &c->kn_id, 8, c->kn + g->kn_id)) {
		c->kn = 0;
		c->flags |= APP_COPY_NOCGROUP;
	}
	if (app_member(ctx, g, span, APP_NEAR_TASK, task + g->t_parent, &c->parent) ||
		APP_READ(APP_NEAR_PARENT, &c->ptid, 8, c->parent + g->t_pid) ||
		APP_READ(APP_NEAR_PARENT_COMM, c->pcomm, APP_COMM, c->parent + g->t_comm))
		c->flags |= APP_COPY_NOPARENT;
}

/* app_fetch_task(), whose members are read by @span, or each by itself. */
FETCH_INLINE void app_fetch_task_by(void *ctx, const struct app_geometry *g, __u64 task, __u64 span, struct app_copy *c)
{
	__u64 leader;

	(void)ctx;
	c->task = task;
	c->loginuid = c->sessionid = APP_ABSENT;
	c->mm = c->kn = c->parent = c->exe.dentry = 0;
	if (!task || APP_MEMBER(span, APP_NEAR_TASK, &c->tid, 8, task + g->t_pid) ||
		APP_MEMBER(span, APP_NEAR_TASK_COMM, c->tcomm, APP_COMM, task + g->t_comm)) {
		c->task = 0;
		c->flags |= APP_COPY_NOTASK | APP_COPY_NOEXE | APP_COPY_NOCGROUP | APP_COPY_NOPARENT |
			APP_COPY_NOCREDS;
		return;
	}
	if (c->tid == c->pid || app_member(ctx, g, span, APP_NEAR_TASK, task + g->t_leader, &leader) ||
		APP_READ(APP_NEAR_LEADER, c->comm, APP_COMM, leader + g->t_comm))
		__builtin_memcpy(c->comm, c->tcomm, APP_COMM);
	if (g->t_login != APP_ABSENT && APP_MEMBER(span, APP_NEAR_LOGIN, &c->loginuid, 8, task + g->t_login))
		c->loginuid = c->sessionid = APP_ABSENT;
	app_fetch_belongings(ctx, g, span, c);
}

/* Where the members are on two pages. */
#ifndef FETCH_APART
#define FETCH_APART(ctx, g, task, c) app_fetch_task_by((ctx), (g), (task), 0, (c))
#endif

/*
 * The sender is @task; 0: it is not known. Never fails: c->flags say what could not be read, and that counts for
 * nothing.
 */
FETCH_INLINE void app_fetch_task(void *ctx, const struct app_geometry *g, __u64 task, struct app_copy *c)
{
	__u64 span = 0;

	(void)ctx;
	if (task)
		span = FETCH_SPAN(ctx, APP_NEAR_TASK, &g->page_offset, g->t_len, task + g->t_first);
	if (span)
		app_fetch_task_by(ctx, g, task, span, c);
	else
		FETCH_APART(ctx, g, task, c);
}

/* The sender: the task that the vCPU runs. */
FETCH_INLINE void app_fetch_sender(void *ctx, const struct app_geometry *g, const struct fetch_regs *regs,
	struct app_copy *c)
{
	__u64 task;

	(void)ctx;
	c->cr3 = regs->cr3;
	if (!regs->gs || app_pointer(ctx, g, APP_NEAR_CPU, regs->gs + g->current_at, &task))
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
