/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * boot.h - which kernel runs in the VM, if any that can be followed: found, still the same, another one, none.
 * Knows nothing of logs.
 */
#ifndef LOGVISOR_WORKER_BOOT_H
#define LOGVISOR_WORKER_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/guest.h"
#include "trap/trap.h"
#include "util/err.h"

enum boot_state {
	BOOT_SEEKING,  /* no kernel is found yet, or the one that was is gone */
	BOOT_STRANGE,  /* what runs is no kernel that can be followed; it may be on its way to one */
	BOOT_FOUND,
	BOOT_DOUBTFUL, /* found; its memory says another runs, but no CPU has run since that was seen */
};

struct boot {
	struct trap *t;      /* of a log of this host's own (t->host): what runs is known, and stays */
	enum boot_state state;
	struct guest *g;     /* the kernel found, else NULL */
	bool held;           /* the VM stands still, by us */
	bool followed;       /* some kernel of this VM was */

	/* Seeking: all times are clock_due_ms(). */
	int64_t seek_ms, seek_pause_ms, took_ms;
	int64_t strange_ms;  /* since when it is strange */
	bool strange_said;
	int64_t blind_ms;    /* since when there is a kernel that cannot be followed; 0: there is none */
	bool blind_said;
	int64_t begun_ms;    /* the last one found was begun with */
	unsigned hasty;      /* so many in a row were soon given up */
	char waiting[sizeof(((struct err *)0)->text)]; /* said already */

	/* Found: */
	int64_t look_ms, alive_ms;
	bool asked;          /* boot_settled() was, in this round */
	uint64_t runs;       /* trap.h, when the doubt arose */
	uint64_t ticks;      /* of the guest's clock, */
	int64_t ticked_ms;   /* and when they were read */
	int64_t altered_ms;  /* that it was altered was told last; 0: never */
	int64_t check_ms, check_pause_ms;
	int64_t nobody_ms; /* since then it is there and no CPU seems to run it; 0: not so */
};

void boot_init(struct boot *b, struct trap *t);

/* One is followed; and what it is. */
bool boot_found(const struct boot *b);
const struct guest_info *boot_info(const struct boot *b);
/* Is it there still, and may its logs be read? Asked while the VM is held. */
bool boot_readable(const struct boot *b);

/* Look for a kernel: 0 with b->g, whose symbols and types are there until boot_begin(); or -errno. */
int boot_find(struct boot *b, struct err *e);

/* What to make of it when boot_find(), or what was looked for in b->g, failed with @r and @why. */
enum boot_failure {
	BOOT_LATER, /* look again at b->seek_ms; nothing to tell */
	BOOT_WAITS, /* the same, and why is to be told */
	BOOT_BLIND, /* the same, and it is to be told that there is one whose log cannot be seen */
	BOOT_NONE,  /* the same, and it is to be told that no kernel runs any more that could be followed */
	BOOT_NEVER, /* there will be none */
};
enum boot_failure boot_not_found(struct boot *b, int r, const struct err *why);

/* b->g can be followed. */
void boot_begin(struct boot *b);

/* It is gone, or is not to be followed any more: seek. */
void boot_forget(struct boot *b);

enum boot_is {
	BOOT_SAME,
	BOOT_ALTERED, /* the same, and that somebody altered its marks is to be told */
	BOOT_UNSURE, /* nothing of its memory is to be believed now; ask again at b->look_ms */
	BOOT_STOPPED, /* no CPU runs it any more; its memory is still there */
	BOOT_GONE,    /* so is its memory */
};
/* Is it there still, going by its memory? BOOT_SAME, _ALTERED, _UNSURE, _GONE. Asked at most every few ms. */
enum boot_is boot_alive(struct boot *b, struct err *why);
/* Does it run still? Any of these. Sets b->look_ms, when to ask at the latest. */
enum boot_is boot_look(struct boot *b, struct err *why);

/*
 * Is the guest's memory as its CPUs left it? Where it looks as after a reboot or an earlier snapshot, the
 * VMM may be loading one, which takes seconds: then it holds parts of both, and nothing may be concluded
 * from it. A round of questions begins with boot_round(); when nobody asks in one, the doubt is over.
 */
bool boot_settled(struct boot *b);
void boot_round(struct boot *b);
void boot_round_over(struct boot *b);

/*
 * Is what changed in the guest's code its own doing, and not the next boot's? Its kernel's marks must be there, and
 * a CPU must run it. False also while that cannot be told, but not for ever.
 */
bool boot_same_guest(struct boot *b);

/* hold() and resume() of the backend, remembered. */
int boot_hold(struct boot *b, struct err *e);
int boot_let_go(struct boot *b, struct err *e);

#endif
