/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tsc.h - what time it was when the host's TSC, which KVM reads when a vCPU leaves the guest, had some value not long
 * ago. The counter's rate is taken from the clock beside it, over the last seconds, so that a sleep of the host spoils
 * little of it.
 */
#ifndef LOGVISOR_TRAP_KVM_TSC_H
#define LOGVISOR_TRAP_KVM_TSC_H

#include <stdbool.h>
#include <stdint.h>

/* The counter and CLOCK_MONOTONIC, read one after the other. */
struct tsc_pair {
	uint64_t tsc;
	int64_t ns;
};

struct tsc {
	struct tsc_pair from, next; /* what the rate is counted from: now, and once `next` is old enough */
	struct tsc_pair now;
	uint64_t earliest; /* nothing that is asked for was before: what says so is wrong */
};

/*
 * Does the host's kernel itself tell the time by the TSC? Then it has found that the processors' run alike (else it
 * takes another clock: Documentation/virt/kvm/x86/timekeeping.rst).
 */
bool tsc_is_clock(void);

/*
 * Is a vCPU's TSC as fast as the host's? By KVM's ratio of the two: a fixed-point number with 48 bits behind the point
 * on Intel's processors, 32 on AMD's, none where the processor cannot scale (arch/x86/kvm/x86.c, kvm_caps).
 */
static inline bool tsc_unscaled(uint64_t ratio)
{
	return ratio == 1 || ratio == 1ull << 32 || ratio == 1ull << 48;
}

void tsc_start(struct tsc *t);
/* It is now. */
void tsc_look(struct tsc *t);
/* Whatever will be asked for from here on was after the last look. */
void tsc_none_before(struct tsc *t);
/* When the counter was @tsc, on CLOCK_MONOTONIC: from what is the earliest to the last look. */
int64_t tsc_mono_ns(const struct tsc *t, uint64_t tsc);

#endif
