/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * printk.h - the Linux kernel's log as a source of records: every record exactly once, in order of
 * its sequence number, and nothing lost in silence.
 *
 * The ring in guest memory is the truth; traps only say when to look (a watchpoint on the ring's
 * newest final record) or bring a copy made in the trap (kvm). Whatever they miss, the walk by
 * sequence number finds; what the ring no longer holds becomes a gap record with its exact count.
 */
#ifndef LOGVISOR_SOURCE_PRINTK_H
#define LOGVISOR_SOURCE_PRINTK_H

#include <stdbool.h>
#include <stdint.h>

#include "source/printk/layout.h"
#include "source/source.h"
#include "trap/trap.h"

struct printk;

extern const struct source_ops source_printk;

/* Tags of the sites; all below PRINTK_TAG_END. */
enum {
	PRINTK_TAG_LAST = 0x100, /* the ring's newest final record */
	PRINTK_TAG_CONSOLE,      /* console_seq: the console's position */
	PRINTK_TAG_HEAD,         /* the ring's newest record */
	PRINTK_TAG_COMMIT,       /* prb_commit() */
	PRINTK_TAG_FINAL,        /* prb_final_commit() */
	PRINTK_TAG_REUSE,        /* descriptors of records stored: the ring is about to wrap ... */
	PRINTK_TAG_REUSE_LAST = PRINTK_TAG_REUSE + 3,
	PRINTK_TAG_PENDING,      /* the descriptor of a record passed over before it was finished */
	PRINTK_TAG_PENDING_LAST = PRINTK_TAG_PENDING + 1,
	PRINTK_TAG_END
};

/* Why the ring is looked at, which decides the fidelity of what is found. */
enum printk_why {
	PRINTK_AT_TRAP, /* the guest is held at the doorbell: live */
	PRINTK_AT_POLL, /* the guest runs: late */
};

/*
 * Find the log of @g and the place to go on: after @resume if the ring is of the same boot, else at
 * the oldest record the ring holds. What the ring lost since is emitted as a gap by the first
 * drain. @g and *@sink must outlive *@out, which is freed by printk_close(). -ENOENT, -EBADMSG,
 * -EFAULT with @e as in layout.h.
 */
int printk_open(struct printk **out, const struct guest *g, const struct source_sink *sink,
	const struct source_resume *resume, struct err *e);

/*
 * The same for a ring at @rb whose offsets in @l are known: for tests. @marked: @boot is another after a
 * reboot (guest_info). If it need not be, a log begun anew is told from a restored snapshot by its times.
 */
int printk_open_ring(struct printk **out, const struct printk_layout *l, uint64_t rb,
	const struct fetch_mem *m, const char *boot, bool marked, const struct source_sink *sink,
	const struct source_resume *resume, struct err *e);
void printk_close(struct printk *p);

/* The boot the resume point was of is the boot found: nothing is emitted twice. */
bool printk_resumed(const struct printk *p);

/*
 * The sites wanted of a backend with @caps, at most @max, into @sites. They change when polls find
 * what they missed, when the ring was about to wrap and when a flood begins or ends, so ask again
 * after each drain.
 */
unsigned printk_sites(struct printk *p, unsigned caps, struct trap_site *sites, unsigned max);

/* A flood goes on (flood.c): the guest is not stopped for each record. No loss comes of being late. */
bool printk_flooded(const struct printk *p);
/* Stop the guest for each record, whatever it costs. */
void printk_strict(struct printk *p);
/* The backend has no room for all sites: ask for the doorbells only. false: that is what it was. */
bool printk_doorbell_only(struct printk *p);

/* The sites are planted: what the ring holds up to now is backfill. */
void printk_armed(struct printk *p);

/*
 * A site has lost its trap: from now on records come by polling. Later: all are in place again, records
 * in the ring by now may have come without. Neither changes what is emitted, only what is thought of it.
 */
void printk_disarmed(struct printk *p);
void printk_rearmed(struct printk *p);
/* The backend had to drop @n copies: so many records will be late without anything being wrong. */
void printk_copies_lost(struct printk *p, uint64_t n, int64_t now_us);
/* The guest came to a trap @n times with nothing there that could be followed to a record. */
void printk_traps_failed(struct printk *p, uint64_t n);
/*
 * Emit what is final and was not emitted, up to a bounded number of records. 0: nothing more for
 * now; SOURCE_MORE; SOURCE_DOUBT; -ESTALE: `prb` points elsewhere now, open again; -EFAULT: the ring is not
 * readable; -EBADMSG: it contradicts itself; or what the sink returned, and the same records are
 * offered again.
 */
int printk_drain(struct printk *p, enum printk_why why, int64_t now_us, struct err *e);

/*
 * Take what a site of tag PRINTK_TAG_FINAL (@final) or _COMMIT delivered. Copies may come out of order and twice. 0, or what the
 * sink returned (the copy is kept), -EBADMSG if it is no such copy.
 */
int printk_copy(struct printk *p, bool final, const void *data, size_t len, int64_t time_us,
	struct err *e);

/*
 * The VM ended: emit what is left, including what was never finished. 0 or what the sink returned.
 */
int printk_end(struct printk *p, int64_t now_us, struct err *e);

/* The same when the ring's memory is another's by now: only what was seen before is emitted. */
int printk_end_blind(struct printk *p, int64_t now_us, struct err *e);

const struct source_counters *printk_counters(const struct printk *p);
/*
 * What names the boot in records: the guest's own (guest_info), or another name when numbers are
 * used again after a snapshot was restored.
 */
const char *printk_boot(const struct printk *p);
/* The next sequence number to be emitted. */
uint64_t printk_next(const struct printk *p);
/* Records the guest's kernel could not even reserve (printk_ringbuffer.fail); 0 if not readable. */
uint64_t printk_failed(const struct printk *p);
/* For messages: descriptors and bytes of text of the ring. */
void printk_size(const struct printk *p, uint64_t *records, uint64_t *bytes);

#endif
