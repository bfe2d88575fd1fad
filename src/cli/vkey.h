/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vkey.h - the argument of --vkey: a verifier key as text, or the name of a file that holds one.
 */
#ifndef LOGVISOR_CLI_VKEY_H
#define LOGVISOR_CLI_VKEY_H

#include "ledger/note.h"
#include "util/err.h"

/* 0, or -errno with @e. */
int cli_vkey(const char *arg, struct vkey *out, struct err *e);

#endif
