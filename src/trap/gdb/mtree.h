/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mtree.h - what QEMU's monitor tells of a guest's physical memory: "info mtree -f" lists every range of
 * the address space as the guest sees it, "gpa2hva" gives the address in the QEMU process.
 */
#ifndef LOGVISOR_TRAP_GDB_MTREE_H
#define LOGVISOR_TRAP_GDB_MTREE_H

#include <stdbool.h>
#include <stdint.h>

#include "trap/vmm/seg.h"

/*
 * The RAM of the system address space out of @text, the output of "info mtree -f" (softmmu/memory.c,
 * mtree_print_flatview, 2.10 to 10.0): parts of one region that follow each other are merged (firmware
 * shadows cut "pc.ram" in pieces), devices' memory (priority other than 0) and ROM are left out.
 * Returns how many, at most @max, sorted by gpa; 0 if there is none.
 */
unsigned mtree_parse(const char *text, struct ram_seg *out, unsigned max);

/* The address out of "Host virtual address for 0x100000 (pc.ram) is 0x7f84cbf00000"; false if none. */
bool mtree_parse_hva(const char *text, uint64_t *hva);

#endif
