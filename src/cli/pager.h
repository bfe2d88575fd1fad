/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pager.h - long output on a terminal goes through $LOGVISOR_PAGER, $PAGER, or less.
 */
#ifndef LOGVISOR_CLI_PAGER_H
#define LOGVISOR_CLI_PAGER_H

#include <sys/types.h>

/*
 * Put a pager between standard output and the terminal. Returns its pid, or 0 where there is none to
 * be used: standard output is no terminal, the pager is "cat" or empty, or it cannot be started.
 */
pid_t pager_start(void);

/* Close standard output and wait until the reader has left the pager. */
void pager_end(pid_t pid);

#endif
