/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * impl.h - log files that programs write themselves, followed in the guest's memory by write watchpoints, with
 * nothing in the guest changed:
 *
 *   - of each directory in which a file that is wanted can be, the head of its children: a name that is looked up or
 *     made for the first time since it was forgotten is seen before there is a file behind it;
 *   - of each name that is wanted, what ties it to its place (struct dcache_knot): a file that comes to be there, goes,
 *     or is renamed;
 *   - of each such file's inode its size, number of names and time of modification (struct dcache_state). All ways of
 *     writing that go through the page cache set i_size once the bytes are there, holding the inode's i_rwsem: the VM
 *     stands still then, the bytes are read from the page cache, and who wrote them is the lock's owner.
 *
 *     ext4, tmpfs   generic_perform_write(): i_size for each page, in ->write_end() (mm/filemap.c, fs/ext4/inode.c,
 *                   mm/shmem.c)
 *     xfs           iomap_write_end() (fs/iomap/buffered-io.c)
 *     btrfs         btrfs_dirty_pages(), for up to 2 MiB (fs/btrfs/file.c)
 *     all of them   file_update_time() before the first byte; truncate: i_size, then the times; Linux 5.10 to 7.2
 *
 * Where there are no watchpoints, but code sites (TRAP_CODE): traps.h, trapped.c.
 *
 * So a modification's time that changes, with no growth until the lock is free again, is of bytes written before
 * the end of the file, or of a time that was set.
 */
#ifndef LOGVISOR_SOURCE_FILES_IMPL_H
#define LOGVISOR_SOURCE_FILES_IMPL_H

#include "guest/dcache.h"
#include "guest/filepages.h"
#include "guest/path.h"
#include "source/files/traps.h"
#include "source/sender/outbox.h"
#include "source/source.h"
#include "source/unix/stream.h"

#define FILES_MAX 2048           /* names and directories that are followed */
#define FILES_GROWN_MAX (16U << 20) /* bytes taken of what a file grew by at once */
#define FILES_CHUNK 65536
#define FILES_TOLD_MAX 8

/* What is waited for until it is over. */
enum files_pending { FILES_NOTHING, FILES_MODIFIED, FILES_RENAMED };

struct files_entry {
	uint64_t mnt, dentry;
	struct dcache_knot knot;
	uint32_t tag;
	bool seen;    /* by the walk */
	bool dead;    /* it is another's memory now */
	bool wanted;  /* its path matches a pattern */
	bool dir;     /* a directory in which there can be what is wanted */
	bool known;   /* ... whose children were all seen once */
	uint64_t first; /* ... and its first child then */
	bool sited, sited_inode; /* watchpoints are wanted on it */
	char *path;

	/* The file. */
	bool follows; /* the inode is that of knot, a regular file, followed under this name */
	bool mapped;  /* programs write into it through memory: its time of modification says nothing */
	enum record_channel channel;
	uint64_t mapping;
	struct dcache_state state; /* as last seen */
	uint64_t told;             /* of wtmp, btmp: where the first record that is not told begins */
	uint64_t shrinking;        /* the task that changed its size, and is about to set the time */
	int64_t last_login;        /* of lastlog: the newest that was told ... */
	uint32_t told_uid[FILES_TOLD_MAX]; /* ... and whose were of that very second */
	unsigned n_told;

	uint64_t ino, generation; /* which of those that had this inode's memory it is */

	/* Of code sites: */
	bool fresh;   /* nothing came of it since it was found: what it has may be what is about to come */
	bool touched; /* something came, and its time has not been looked at since */
	enum files_doubt { FILES_SURE, FILES_DIFFERS, FILES_OVERDUE } doubt; /* it is not as what came of it says ... */
	bool heard;                /* ... but something came meanwhile */
	struct dcache_state seen_state; /* what it was then */

	enum files_pending pending;
	int64_t pending_us;
	enum record_fidelity pending_fid;
	struct app_copy by; /* whose doing it is; without its data */
};

/*
 * Of code sites: a file that was left while it had names, for the guest forgot the one it was followed by: what was
 * told of it. The guest opens it again, and may write, before it is found; where not even its directory was known any more
 * (an anchor, traps.h), without a trap.
 */
struct files_left {
	uint64_t mnt, ino, generation; /* ino 0: it was found again */
	struct dcache_state state;
	uint64_t told;
	int64_t last_login;
	bool fresh, touched, mapped;
};

struct files {
	struct source s;
	const struct guest *g;
	struct fetch_mem mem;
	struct app_geometry geo;
	struct dcache_layout dcache;
	struct path_layout paths;
	struct filepages_layout pages;
	struct sender *sender;
	struct outbox out;
	struct streams streams;
	const struct span *pattern;
	unsigned patterns;

	struct files_entry *e;
	unsigned n, cap;
	uint32_t tags;
	bool over, told_over;     /* more than FILES_MAX */
	bool trapped;             /* by code sites: */
	struct files_traps traps;
	struct files_left left[FILES_MAX]; /* the last of them, one after the other */
	unsigned lefts;                    /* so many there were */
	struct files_key passed[FILES_KNOWN]; /* that were looked for, and are none that is followed */
	const struct app_copy *doer; /* whose doing it is that is being told; NULL: whoever has it locked, or runs */
	struct {                     /* what was written, copied at the trap: bytes [at, at + n) of a file */
		uint64_t at, n;
		const uint8_t *p;
	} given;
	bool planted, polled;     /* all by polls: there are no watchpoints */
	bool told_unsited;
	unsigned unknown;         /* files that were there before, and nothing that is stored of them is in them */
	unsigned unsited;         /* entries for which there was no watchpoint */
	bool catch_up;            /* what came while the watchpoints were set */
	bool rescan;
	bool moving;              /* the walk is for a directory that got a child just now */
	int64_t rescan_ms, next_ms, retry_ms, now_us, now_ms;

	/* Of the stop: where registers come from, NULL: from nowhere; and of which vCPU it is said to be. */
	struct trap *trap;
	uint32_t vcpu;
	struct app_copy copy; /* the one being told */
	char chunk[FILES_CHUNK];
};

/* find.c: look through the tree for what is wanted. */
void files_rescan(struct files *f);
/* find.c: is such a path wanted? */
bool files_wanted(const struct files *f, struct span path);
/* find.c: a name that came to be below one of the directories, as @path; NULL: there is no room. */
struct files_entry *files_add(struct files *f, const struct dcache_found *found);
/* find.c: a name that is there; true: it is a directory below which there can be what is wanted. */
bool files_see(struct files *f, const struct dcache_found *found);
/* find.c: by its dentry, or its inode if it is followed; NULL: there is none. */
struct files_entry *files_of_dentry(struct files *f, uint64_t dentry);
struct files_entry *files_of_inode(struct files *f, uint64_t inode);
/* find.c: the file behind @e, if it is one that is wanted, is followed from now on. */
void files_adopt(struct files *f, struct files_entry *e);
void files_leave(struct files *f, struct files_entry *e);
/*
 * find.c: which of those that had the memory of @inode it is: number and generation, 0 for what cannot be read. Could both
 * be?
 */
bool files_identify(const struct files *f, uint64_t inode, uint64_t *ino, uint64_t *generation);
/* find.c: is the inode of @e's knot that which @e was found with, and not another in the same memory? */
bool files_is_same(const struct files *f, const struct files_entry *e);
void files_free(struct files *f);

/* resume.c: files that are stored already go on where they are. */
void files_resume(struct files *f);

/* look.c: what changed of @e since it was seen last; @rung: at a stop. */
void files_look(struct files *f, struct files_entry *e, bool rung);
/* look.c: records of what changed, f->copy being whose doing it is. */
void files_shrunk(struct files *f, struct files_entry *e, uint64_t to, enum record_fidelity fid);
void files_unlinked(struct files *f, struct files_entry *e, uint64_t left, enum record_fidelity fid);
void files_overwritten(struct files *f, struct files_entry *e, enum record_fidelity fid);
/* look.c: what was waited for, where it is over. Is anything left? */
bool files_settle(struct files *f, struct files_entry *e);
/* look.c: who has @inode locked, or ran when the VM stopped, into f->copy. */
void files_who(struct files *f, uint64_t inode);

/* trapped.c: what a code site brought. */
void files_trapped(struct files *f, const struct trap_event *ev);
/*
 * trapped.c: look for names that came and went, and for what no trap told of, which is told once it is sure. How
 * long until that is to be done again, in ms.
 */
int64_t files_trapped_poll(struct files *f, const struct moment *m);

/* tell.c: records, of f->copy's doing. */
void files_tell_grown(struct files *f, struct files_entry *e, uint64_t from, uint64_t to, enum record_fidelity fid,
	bool *empty);
void files_tell_lastlog(struct files *f, struct files_entry *e, enum record_fidelity fid);
/* @op: a word, @text: the sentence; @to: what it is called now, or empty. */
void files_tell(struct files *f, const struct files_entry *e, enum record_fidelity fid, const char *op, struct span text,
	struct span to);

#endif
