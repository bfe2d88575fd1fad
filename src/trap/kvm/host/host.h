/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host.h - the host as a whole: which VMs it runs, and whether they can be protected here.
 */
#ifndef LOGVISOR_TRAP_KVM_HOST_HOST_H
#define LOGVISOR_TRAP_KVM_HOST_HOST_H

#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

/* One KVM VM. */
struct host_vm {
	pid_t pid;
	char command[32];
	unsigned vcpus;
	uint64_t ram_bytes;
	char release[128]; /* of the guest's Linux kernel; empty if none was found */
	char trouble[128]; /* why it cannot be protected, or why no kernel was found; or empty */
};

/* Call @f for each VM of the host, in order of pid. 0 or -errno with @e. */
int host_each_vm(void (*f)(void *ctx, const struct host_vm *vm), void *ctx, struct err *e);

/* One thing that the kvm backend needs of a host. */
struct host_check {
	const char *what;
	int ok;
	char text[256]; /* what was found, and what to do if it is not ok */
};

/* Check everything, calling @f for each; returns how many are not ok. Needs no VM; changes nothing. */
int host_doctor(void (*f)(void *ctx, const struct host_check *c), void *ctx);

/* Run one HLT in a VM of its own. 0; or -errno with @e: /dev/kvm may exist and be useless. */
int host_probe_kvm(struct err *e);

#endif
