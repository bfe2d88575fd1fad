/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fetch.h - fetchers: what is copied out of a guest at a trap, written once for every backend. A fetcher
 * follows pointers from a few registers; its text is inline, without libc, and compiles into user space
 * and into BPF.
 *
 * User space runs it through struct fetch. The kvm backend does not call it: its program in the host's
 * kernel has the same text compiled in, and picks it by its number (trap/kvm/bpf).
 */
#ifndef LOGVISOR_FETCH_FETCH_H
#define LOGVISOR_FETCH_FETCH_H

#include <stddef.h>
#ifdef __bpf__ /* has no libc, hence no stdint.h */
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
#else
#include <stdint.h>
#endif

#define FETCH_INLINE static inline __attribute__((always_inline))

/* A guest's memory by guest-virtual address: all or nothing, 0 or a negative number. */
struct fetch_mem {
	int (*read)(void *ctx, uint64_t gva, void *buf, size_t len);
	void *ctx;
};

/*
 * How a fetcher reads @len bytes; 0 on success. In BPF, where it is defined before this header is
 * included, @len is either a constant or was compared with a constant just before.
 */
#ifndef FETCH_READ
#define FETCH_READ(mem, dst, len, gva)                                                              \
	(((const struct fetch_mem *)(mem))->read(((const struct fetch_mem *)(mem))->ctx, (gva), (dst), \
		(len)))
#endif

/*
 * The same where it can be had quickly, and failing where not. @what is what is about to be read, a number below
 * FETCH_NEAR_MAX: each such thing mostly lies in the page it lay in the last time.
 */
#define FETCH_NEAR_MAX 5
#ifndef FETCH_NEAR
#define FETCH_NEAR(mem, what, dst, len, gva) FETCH_READ(mem, dst, len, gva)
#endif

/* Before a length that varies is checked and used: for what a BPF program's verifier needs. */
#ifndef FETCH_LEN
#define FETCH_LEN(len) ((void)(len))
#endif

/* What a vCPU had in its registers at the entry of a function: the first arguments (System V ABI, x86-64) ... */
struct fetch_regs {
	uint64_t rdi, rsi, rdx, rcx, r8, r9;
	uint64_t gs; /* ... GS.base, which in Linux's kernel is the CPU's __per_cpu_offset; 0: not known */
	uint64_t cr3; /* 0: not known */
	uint64_t rax; /* where a function has come back: what it returns */
};

/* The fetchers there are, by the numbers by which kvm's program picks them. */
enum fetch_id {
	FETCH_NONE,
	FETCH_PRINTK, /* printk_fetch.h */
	FETCH_UNIX,   /* unix_fetch.h */
	FETCH_FILES,  /* files_fetch.h */
	FETCH_END
};

struct fetch {
	uint32_t id; /* enum fetch_id */
	uint32_t arg_len; /* bytes of its argument, which says where things are in one guest */
	uint32_t out_max; /* the most it writes */
	/*
	 * Fetch what @regs point to into @out, of @cap bytes. How many bytes, or negative: what was there
	 * could not be followed.
	 */
	int (*run)(const struct fetch_mem *mem, const struct fetch_regs *regs, const void *arg, void *out,
		size_t cap);
};

#endif
