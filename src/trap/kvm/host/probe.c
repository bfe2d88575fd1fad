/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe.c - does this host's KVM run guests? A VM of one page counts down and executes one HLT. The
 * existence of /dev/kvm proves nothing: it may be there without a working CPU behind it, or with KVM
 * interpreting each instruction of what is not a kernel made for that: it runs, and no guest boots.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "trap/kvm/host/host.h"
#include "util/cleanup.h"

#define PROBE_S 2 /* a working KVM needs some milliseconds, emulated in full less than one second */

/* 16-bit code: 1: dec %ecx; jnz 1b, four million times; hlt */
static const unsigned char count_down[] = {
	0x66, 0xb9, 0x00, 0x09, 0x3d, 0x00, 0x66, 0x49, 0x75, 0xfc, 0xf4};

static void on_alarm(int sig)
{
	(void)sig; /* its only purpose is to end KVM_RUN */
}

/* Run vCPU @cpu, whose state is reset's, at 0:0 until it halts. */
static int run(int cpu, struct kvm_run *run, struct err *e)
{
	struct sigaction act = {.sa_handler = on_alarm}, old;
	struct kvm_sregs s;
	struct kvm_regs r = {.rflags = 2};
	int ret;

	if (ioctl(cpu, KVM_GET_SREGS, &s))
		return err_set(e, errno, "KVM_GET_SREGS: %s", strerror(errno));
	s.cs.base = 0;
	s.cs.selector = 0;
	if (ioctl(cpu, KVM_SET_SREGS, &s) || ioctl(cpu, KVM_SET_REGS, &r))
		return err_set(e, errno, "KVM_SET_SREGS: %s", strerror(errno));
	sigaction(SIGALRM, &act, &old);
	alarm(PROBE_S);
	ret = ioctl(cpu, KVM_RUN, 0) ? -errno : 0;
	alarm(0);
	sigaction(SIGALRM, &old, NULL);
	if (ret == -EINTR)
		return err_set(e, ETIMEDOUT, "/dev/kvm is of no use: what takes milliseconds on a CPU "
			"that runs guests is not done in %d s", PROBE_S);
	if (ret)
		return err_set(e, -ret, "KVM_RUN: %s", strerror(-ret));
	if (run->exit_reason != KVM_EXIT_HLT)
		return err_set(e, ENOEXEC, "a guest that should halt left with exit reason %u",
			run->exit_reason);
	return 0;
}

static int probe_vcpu(int sys, int vm, struct err *e)
{
	_cleanup_fd_ int cpu = ioctl(vm, KVM_CREATE_VCPU, 0UL);
	int size = ioctl(sys, KVM_GET_VCPU_MMAP_SIZE, 0UL), r;
	struct kvm_run *shared;

	if (cpu < 0 || size < (int)sizeof(*shared))
		return err_set(e, errno, "KVM_CREATE_VCPU: %s", strerror(errno));
	shared = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	if (shared == MAP_FAILED)
		return err_set(e, errno, "cannot map the vCPU: %s", strerror(errno));
	r = run(cpu, shared, e);
	munmap(shared, (size_t)size);
	return r;
}

int host_probe_kvm(struct err *e)
{
	_cleanup_fd_ int sys = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = -1;
	struct kvm_userspace_memory_region slot = {.memory_size = 4096};
	unsigned char *page;
	int r;

	if (sys < 0)
		return err_set(e, errno, "/dev/kvm: %s", strerror(errno));
	vm = ioctl(sys, KVM_CREATE_VM, 0UL);
	if (vm < 0)
		return err_set(e, errno, "KVM_CREATE_VM: %s", strerror(errno));
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return err_set(e, errno, "out of memory");
	memcpy(page, count_down, sizeof(count_down));
	slot.userspace_addr = (unsigned long)page;
	r = ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) ? err_set(e, errno,
		"KVM_SET_USER_MEMORY_REGION: %s", strerror(errno)) : probe_vcpu(sys, vm, e);
	munmap(page, 4096);
	return r;
}
