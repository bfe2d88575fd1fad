/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * view.h - a ledger as it was at one moment, to be judged at leisure while its writer goes on: the small
 * files read in the order in which a writer cannot overtake them, and the segments' files held open, so that
 * what is pruned meanwhile is still there.
 *
 * The order is `first`, `checkpoint`, `size`, then log/. What `first` names was signed before it was
 * replaced, so the checkpoint covers it; what the checkpoint covers was in `size` before; and whatever either
 * of the two names was in the segments' files before. Each file is replaced whole, but for `size`, of which
 * a write in progress may leave one slot unreadable for an instant.
 */
#ifndef LOGVISOR_LEDGER_VERIFY_VIEW_H
#define LOGVISOR_LEDGER_VERIFY_VIEW_H

#include <stdint.h>

#include "ledger/pruned.h"
#include "ledger/seal.h"
#include "ledger/slots.h"
#include "ledger/survey.h"
#include "util/err.h"

enum view_kind { VIEW_ENTRIES, VIEW_INDEX, VIEW_HASHES, VIEW_KINDS };

struct view {
	int dir;               /* borrowed */
	struct pruned pruned;
	int on_first;          /* 0, or why `first` could not be had: a negative errno; likewise: */
	struct seal seal;
	struct slots slots;
	int on_size;           /* -ENOENT: there is no such file */
	int on_log;
	struct survey survey;
	uint64_t low, high, count; /* segments: lowest, last of those that follow on, how many; all 0: there are none */

	uint64_t from, n;      /* segments from..from+n-1 are held */
	int (*fd)[VIEW_KINDS]; /* a descriptor, or the negative errno of file_open() */
};

/*
 * Look at the ledger in @dir; the signature is checked with @pin (NULL: with the ledger's own key). What is
 * wrong with a file is kept beside it. 0; -ENOMEM; or -EBADMSG with @e: 'log' is full of something else.
 * view_release() in any case.
 */
int view_take(struct view *v, int dir, const struct vkey *pin, struct err *e);
void view_release(struct view *v);

/*
 * A descriptor of one file of @segment, the caller's to close, or the negative errno of file_open(). -ESTALE:
 * it is not held, since the process may not have so many files open, and was pruned after the view was taken.
 */
int view_open(const struct view *v, uint64_t segment, enum view_kind kind);

#endif
