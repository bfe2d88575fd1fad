/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * traps.h - where a backend that runs code sites (TRAP_CODE) sees what befalls files: which function of which
 * Linux. The counterpart of watchpoints.
 *
 *   written     generic_perform_write() comes back (ext4, tmpfs and most others; mm/filemap.c), or
 *   iomap_file_buffered_write()
 *               (xfs; fs/iomap/buffered-io.c): what was written is in the page cache, i_size is set, and the inode is locked still
 *   allocated   vfs_fallocate() comes back: the file may be longer
 *   truncated   notify_change() comes back, the inode being locked; a time that was set too
 *   made        d_instantiate(), d_instantiate_new() or, in 7.2, d_make_persistent() is entered, which gives a name its file;
 *               so a file of which no trap tells what is written is known from its first byte on
 *   deleted     d_delete() is entered: the name is there still
 *   renamed     d_move() or d_exchange() is entered: names are those of before
 *
 * All of these are in the kernel itself, whatever file systems are modules (Linux 5.10 to 7.2). A filter in the guest
 * leaves out what is not below one of a few directories, the anchors.
 */
#ifndef LOGVISOR_SOURCE_FILES_TRAPS_H
#define LOGVISOR_SOURCE_FILES_TRAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/files_rec.h"
#include "guest/dcache.h"
#include "guest/filepages.h"
#include "guest/guest.h"
#include "trap/trap.h"

enum files_tag {
	FILES_TRAP_WRITE,
	FILES_TRAP_IOMAP,
	FILES_TRAP_ALLOCATE,
	FILES_TRAP_CHANGE,
	FILES_TRAP_DELETE,
	FILES_TRAP_MOVE,
	FILES_TRAP_EXCHANGE,
	FILES_TRAP_MAKE,
	FILES_TRAP_MAKE_NEW,
	FILES_TRAP_MAKE_LASTING,
	FILES_TRAPS = 16, /* a site's tag: that, and so many times the number of the set of anchors */
};

#define FILES_ANCHORS_MAX TRAP_CLIMB_WORDS

struct files_traps {
	uint64_t gva[FILES_TRAPS]; /* 0: the guest has none */
	struct files_geometry geometry[FILES_TRAPS];
	struct trap_filter filter[FILES_TRAPS];
	uint64_t text[2]; /* _stext, _etext */
	uint64_t anchor[FILES_ANCHORS_MAX]; /* dentries, in order */
	unsigned anchors;
	bool over; /* more would be needed */
	uint32_t set; /* which set of them */
};

/* What @g has of it; before guest_trim(). 0; -ENOENT with @e: what is needed is not there. */
int files_traps_find(struct files_traps *t, const struct guest *g, const struct app_geometry *base,
	const struct dcache_layout *dcache, const struct filepages_layout *pages, struct err *e);

/* These are the anchors from now on; more than FILES_ANCHORS_MAX of them: there are no sites then. */
void files_traps_anchor(struct files_traps *t, const uint64_t *dentry, unsigned n);

/* As struct source_ops has them. */
unsigned files_traps_sites(const struct files_traps *t, struct trap_site *sites, unsigned max);

#endif
