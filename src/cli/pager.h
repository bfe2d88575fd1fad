/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pager.h - long output on a terminal goes through a pager, by the habits of systemd's: where logvisor runs
 * with more rights than the person at the terminal has, the pager must not give those away.
 *
 *	LOGVISOR_PAGER, PAGER    the pager, for sh -c; else less. Empty or "cat": none
 *	LOGVISOR_LESS            what LESS is set to; else FRSXMK
 *	LOGVISOR_PAGERSECURE     yes: LESSSECURE=1 for the pager named above; no: without it. Not set: where
 *	                         rights are raised, less alone is used, in its secure mode
 */
#ifndef LOGVISOR_CLI_PAGER_H
#define LOGVISOR_CLI_PAGER_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Put a pager between standard output (and error, if that is a terminal) and the terminal, @at_end: showing
 * its last page. Returns its pid, or 0 where there is none to be used: standard output is no terminal or a
 * dumb one, the pager is "cat" or empty, or none that may be used can be started.
 */
pid_t pager_start(bool at_end);

/* Let the pager see the end, wait until its reader has left it, and put everything back. */
void pager_end(pid_t pid);

/* Has this process rights that the person who started it has not? (sudo, su, pkexec, set-user-ID) */
bool pager_raised(void);

#endif
