/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * regs.h - which number a register has in 'p' packets, out of the stub's target description (GDB
 * manual, appendix "Target Descriptions"): registers count up in the order of their <reg> elements,
 * through all files that target.xml includes, unless "regnum" says otherwise; and where it is in the reply to
 * 'g', which has their values one behind the other.
 */
#ifndef LOGVISOR_TRAP_GDB_REGS_H
#define LOGVISOR_TRAP_GDB_REGS_H

#include <stddef.h>

enum gdb_reg {
	REG_PC, REG_CR0, REG_CR3, REG_CR4, REG_EFER, REG_GS_BASE,
	REG_GPR, /* rax, and the other 15 by their numbers */
	REG_COUNT = REG_GPR + 16
};

struct gdb_regs {
	unsigned next; /* the number the next <reg> gets */
	unsigned at;   /* where the next one is in a 'g' packet's bytes */
	int num[REG_COUNT]; /* -1: the description has none */
	struct {
		unsigned at, len; /* in a 'g' packet, bytes; len 0: not known */
	} in_g[REG_COUNT];
};

void regs_init(struct gdb_regs *r);
/* Take in one file of the description, in the order of inclusion. */
void regs_scan(struct gdb_regs *r, const char *xml);
/*
 * The name of the @i-th file that @xml includes, into @name; 0, or -1 if there is none or it has
 * characters no such name has.
 */
int regs_include(const char *xml, unsigned i, char *name, size_t cap);

#endif
