/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * task.h - the tasks of a guest: the one that a struct pid stands for, and whether a vCPU can be running one.
 *
 *   struct pid          tasks[PIDTYPE_TGID], a list through task_struct.pid_links; include/linux/pid.h, 5.10 to 7.2
 *   struct task_struct  mm, active_mm (what a kernel thread runs on); struct mm_struct pgd
 */
#ifndef LOGVISOR_GUEST_TASK_H
#define LOGVISOR_GUEST_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/fetch.h"
#include "guest/guest.h"

struct task_layout {
	uint32_t pid_tasks, pid_links; /* of thread groups */
	uint32_t active_mm, pgd;
};

/* Ask @g, before guest_trim(). 0, or -ENOENT with @e naming what its types lack. */
int task_layout_find(struct task_layout *l, const struct guest *g, struct err *e);

/* The first thread of the process that the struct pid at @pid stands for. 0; -ENOENT: it has ended; -EFAULT. */
int task_of_pid(const struct fetch_mem *mem, const struct task_layout *l, uint64_t pid, uint64_t *task);

/*
 * Is @cr3 of a vCPU in the kernel the page table of @task? False too where that cannot be read. A kernel thread
 * is on the one it borrowed.
 */
bool task_on(const struct guest *g, const struct task_layout *l, uint64_t task, uint64_t cr3);

#endif
