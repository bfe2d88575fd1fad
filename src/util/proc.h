/* SPDX-License-Identifier: BSD-3-Clause */
/* proc.h - what /proc says of a process or thread. */
#ifndef LOGVISOR_UTIL_PROC_H
#define LOGVISOR_UTIL_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_stat {
	char state;     /* 'R', 'S', 'T', 'Z', ... */
	uint64_t start; /* in clock ticks since the host booted: tells two processes of one pid apart */
};

/*
 * Fields 3 and 22 of /proc/PID/stat (proc(5)), or with @tid of that thread's. false if there is none or
 * it cannot be read.
 */
bool proc_stat(pid_t pid, pid_t tid, struct proc_stat *out);

#endif
