/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * place.h - from what a source describes (struct trap_site) to bytes: which five of the guest's text are replaced, by
 * what, and the gadget they lead to. Nothing is written here.
 *
 *   TRAP_ENTRY without a filter            the trap itself over the NOP; it runs each time
 *   TRAP_ENTRY with one                    a jump over the NOP to a gadget; where there is no room for it, or the
 *                                          filter must not run in the guest: the trap, and the filter in the exit
 *   all others                             the call led to a gadget; there is no other way
 *
 * What a dead worker left is taken over: a gadget that is the same is led to again, one that differs stays
 * where it is, and the site leads to a new one.
 */
#ifndef LOGVISOR_TRAP_KVM_PLACE_H
#define LOGVISOR_TRAP_KVM_PLACE_H

#include "guest/arch/x86.h"
#include "trap/kvm/kvm.h"

/*
 * Fill @s for the @nth place of @site, from 0, whose page table is @t; @now is what stands at the site. 0; 1: there are
 * not so many; or -errno with @e: -EFAULT (the text is not readable), -EBUSY (another's bytes are there), -ENOENT (there
 * is no such call at all), -ENOSPC.
 */
int kvm_place(const struct trap_site *site, unsigned nth, const struct ptable *t, struct kvm_site *s, uint8_t *now,
	struct err *e);

/* The same site once more with a gadget of its own, since that of @s was overwritten. */
int kvm_place_again(const struct ptable *t, struct kvm_site *s, struct err *e);

#endif
