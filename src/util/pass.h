/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pass.h - a message of a fixed size between two processes, and a descriptor that may go with it (unix(7), SCM_RIGHTS).
 */
#ifndef LOGVISOR_UTIL_PASS_H
#define LOGVISOR_UTIL_PASS_H

#include <stdbool.h>
#include <stddef.h>

/* Send the @n bytes at @message by the SOCK_SEQPACKET socket @sock, and @fd with them unless it is -1. 0 or -1. */
int pass_send(int sock, const void *message, size_t n, int fd);

/* Take such a message of just @n bytes; *@fd is what came with it, the caller's to close, or -1. */
bool pass_take(int sock, void *message, size_t n, int *fd);

#endif
