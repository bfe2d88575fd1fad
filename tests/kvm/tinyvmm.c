/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tinyvmm.c - a VMM of its own, so that not everything rests on QEMU: one vCPU, a few pages, a guest of
 * some instructions in 16-bit mode.
 *
 *   tinyvmm idle             a VM that halts, until killed
 *   tinyvmm slots N          the same with N more memory slots, of a page each; says "slots" when it has them
 *   tinyvmm cpuid|invd|out N     N exits of that kind: the cost of one in ns, on one line
 *
 * cpuid and invd exits end in the host's kernel, out goes to this process and back: the floor of
 * everything that leaves the kernel.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MEM (16u << 20)

static int vm, cpu;
static struct kvm_run *shared;
static uint8_t *mem;

static void setup(void)
{
	struct kvm_userspace_memory_region slot = {.memory_size = MEM};
	int sys = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct kvm_sregs s;

	vm = sys < 0 ? -1 : ioctl(sys, KVM_CREATE_VM, 0UL);
	mem = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	slot.userspace_addr = (unsigned long)mem;
	if (vm < 0 || mem == MAP_FAILED || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot))
		err(2, "no KVM");
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0UL);
	shared = mmap(NULL, (size_t)ioctl(sys, KVM_GET_VCPU_MMAP_SIZE, 0UL), PROT_READ | PROT_WRITE,
		MAP_SHARED, cpu, 0);
	if (cpu < 0 || shared == MAP_FAILED || ioctl(cpu, KVM_GET_SREGS, &s))
		err(2, "no vCPU");
	s.cs.base = 0;
	s.cs.selector = 0;
	if (ioctl(cpu, KVM_SET_SREGS, &s))
		err(2, "KVM_SET_SREGS");
}

static void add_slots(unsigned n)
{
	for (unsigned i = 1; i <= n; i++) {
		struct kvm_userspace_memory_region slot = {.slot = i, .memory_size = 4096,
			.guest_phys_addr = MEM + i * 8192ULL, .userspace_addr = (unsigned long)mem};

		if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot))
			err(2, "slot %u", i);
	}
}

/* Run the code at 0 with ECX = @n until it halts. */
static void run(uint64_t n)
{
	struct kvm_regs r = {.rflags = 2, .rsi = n};

	if (ioctl(cpu, KVM_SET_REGS, &r))
		err(2, "KVM_SET_REGS");
	do
		if (ioctl(cpu, KVM_RUN, 0UL))
			err(2, "KVM_RUN");
	while (shared->exit_reason == KVM_EXIT_IO);
	if (shared->exit_reason != KVM_EXIT_HLT)
		errx(2, "exit reason %u", shared->exit_reason);
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* loop: xor %eax,%eax; <instruction>; dec %esi; jnz loop; hlt */
static void compose(const char *kind)
{
	static const uint8_t cpuid[] = {0x0f, 0xa2}, out[] = {0xe6, 0x80}, invd[] = {0x0f, 0x08};
	const uint8_t *body = !strcmp(kind, "cpuid") ? cpuid : !strcmp(kind, "out") ? out : invd;
	size_t n = 3;

	memcpy(mem, "\x66\x31\xc0", 3);
	memcpy(mem + n, body, 2);
	n += 2;
	memcpy(mem + n, "\x66\x4e\x75", 3); /* dec %esi; jnz rel8 */
	n += 3;
	mem[n] = (uint8_t)-(int)(n + 1);
	mem[n + 1] = 0xf4;
}

int main(int argc, char **argv)
{
	long long best = 0;
	uint64_t n;

	if (argc < 2)
		errx(2, "usage: tinyvmm idle | slots|cpuid|invd|out N");
	setup();
	n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
	if (!strcmp(argv[1], "idle") || !strcmp(argv[1], "slots")) {
		mem[0] = 0xf4;
		run(0);
		if (!strcmp(argv[1], "slots"))
			add_slots((unsigned)n);
		puts(argv[1]);
		fflush(stdout);
		for (;;)
			pause();
	}
	compose(argv[1]);
	run(n); /* the first time maps the pages */
	for (int round = 0; round < 10; round++) {
		long long start = now(), took;

		run(n);
		took = (now() - start) / (long long)n;
		if (!best || took < best)
			best = took;
	}
	printf("%lld\n", best);
	return 0;
}
