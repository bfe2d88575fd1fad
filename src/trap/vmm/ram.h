/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ram.h - a guest's RAM read out of the VMM's process, while the VM runs, without its help.
 *
 * Anonymous memory is read through /proc/PID/mem, whose permission is checked at open only. Memory the
 * VMM maps from a file (memory-backend-file, memory-backend-memfd, huge pages) is read through that
 * file where it can be opened: it then outlives the process. Nothing is ever mapped here, and what the
 * guest never touched is not read, so it stays unallocated.
 */
#ifndef LOGVISOR_TRAP_VMM_RAM_H
#define LOGVISOR_TRAP_VMM_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "trap/vmm/seg.h"
#include "util/err.h"

struct ram {
	pid_t pid;   /* of the VMM process, 0 if not local */
	int pidfd;
	int mem;     /* /proc/PID/mem, -1 if memory must be fetched through the stub */
	int pagemap; /* /proc/PID/pagemap, -1 if residency is not known */
	unsigned n;
	struct ram_seg seg[RAM_SEGS_MAX];
	struct {
		int fd; /* file to read it from, -1: through mem at hva */
		uint64_t off;
		bool residency_unknown; /* backed by a file that could not be opened, or copied on write */
	} file[RAM_SEGS_MAX];
};

void ram_init(struct ram *r);
/* Open the memory of process @pid. 0, or -errno with @e (-EACCES, -EPERM: not permitted). */
int ram_open(struct ram *r, pid_t pid, struct err *e);
/* For each segment with a known hva: does the process map it, and from what file? */
int ram_bind(struct ram *r, struct err *e);
/* Forget the process and its files, but not the segments. */
void ram_unbind(struct ram *r);

uint64_t ram_total(const struct ram *r);
/* The segment that holds @gpa, or NULL. */
const struct ram_seg *ram_find(const struct ram *r, uint64_t gpa);
/* Where the VMM has @gpa, 0 if nowhere or unknown; *@left bytes are there in one run. */
uint64_t ram_hva(const struct ram *r, uint64_t gpa, uint64_t *left);
/* As gmem.read and gmem.next (guest/gmem.h). */
int ram_read(const struct ram *r, uint64_t gpa, void *buf, size_t len);
int ram_next(const struct ram *r, uint64_t gpa, uint64_t *start, uint64_t *end);

/* Did the process end? */
bool ram_vmm_gone(const struct ram *r);

#endif
