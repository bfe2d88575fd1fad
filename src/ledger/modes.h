/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * modes.h - who besides its owner can get at a ledger's files. What a signature proves rests on nobody else
 * having the key, and what is not signed yet on nobody else writing there.
 */
#ifndef LOGVISOR_LEDGER_MODES_H
#define LOGVISOR_LEDGER_MODES_H

/*
 * Tell, a sentence each, what is looser than it should be with the ledger in @dir: a key that others can
 * read, a file or directory that others can write, one of another owner than the ledger's.
 */
void modes_check(int dir, void (*tell)(void *ctx, const char *text), void *ctx);

#endif
