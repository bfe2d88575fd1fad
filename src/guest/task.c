/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest/task.h"

#include <errno.h>

#include "guest/members.h"

/* Of CR3: its PCID, and with page-table isolation bit 12, which tells user mode's table from the kernel's. */
#define CR3_TABLE 0x000fffffffffe000ULL
#define LINK 16 /* a struct hlist_node, and an hlist_head is half of it */

int task_layout_find(struct task_layout *l, const struct guest *g, struct err *e)
{
	const struct member_want want[] = {
		{"pid", "tasks", &l->pid_tasks, MEMBER_MUST},
		{"task_struct", "pid_links", &l->pid_links, MEMBER_MUST},
		{"task_struct", "active_mm", &l->active_mm, MEMBER_MUST},
		{"mm_struct", "pgd", &l->pgd, MEMBER_MUST},
	};
	int r = members_find(g, want, sizeof(want) / sizeof(want[0]), e);
	int64_t tgid;

	if (r)
		return r;
	if (guest_enum(g, "PIDTYPE_TGID", &tgid) || tgid < 0 || tgid > 8)
		return err_set(e, ENOENT, "the guest's types (BTF) have no PIDTYPE_TGID");
	l->pid_tasks += (uint32_t)tgid * LINK / 2;
	l->pid_links += (uint32_t)tgid * LINK;
	return 0;
}

int task_of_pid(const struct fetch_mem *mem, const struct task_layout *l, uint64_t pid, uint64_t *task)
{
	uint64_t link;

	if (mem->read(mem->ctx, pid + l->pid_tasks, &link, 8))
		return -EFAULT;
	if (!link)
		return -ENOENT;
	*task = link - l->pid_links;
	return 0;
}

bool task_on(const struct guest *g, const struct task_layout *l, uint64_t task, uint64_t cr3)
{
	uint64_t mm, pgd, gpa;

	return !guest_read(g, task + l->active_mm, &mm, 8) && !guest_read(g, mm + l->pgd, &pgd, 8) &&
		!guest_translate(g, pgd, &gpa, NULL) && ((gpa ^ cr3) & CR3_TABLE) == 0;
}
