/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * impl.h - what the files of this folder share: the state of one followed ring.
 */
#ifndef LOGVISOR_SOURCE_PRINTK_IMPL_H
#define LOGVISOR_SOURCE_PRINTK_IMPL_H

#include "source/printk/printk.h"
#include "source/printk/read.h"

#define PRINTK_WINDOW 64   /* copies that may wait for one that comes later; power of two */
#define PRINTK_SKIPPED SOURCE_OPEN_MAX /* records passed over because their writer does not finish */
#define PRINTK_ALERTS 16
#define PRINTK_TRAPPED 1024 /* records remembered to have come to a trap; power of two */

#define PRINTK_PENDING (PRINTK_TAG_PENDING_LAST - PRINTK_TAG_PENDING + 1)
#define PRINTK_POINTS (PRINTK_TAG_REUSE_LAST - PRINTK_TAG_REUSE + 1)

/* See pace.c; milliseconds of moment.now_ms. */
struct printk_pace {
	int64_t next_ms;  /* of the next poll */
	int64_t event_ms; /* of the last doorbell or copy */
	int64_t polled_ms; /* of the last poll that was not put off */
	int64_t look_ms;  /* until then one word tells that nothing was logged */
	bool only;        /* nothing is trapped, but while functions are armed */
	uint64_t want;    /* where the last poll ended, */
	int64_t busy_ms;  /* and until then the guest is taken to log more */
};

/* See flood.c. */
struct printk_flood {
	bool watched; /* traps are watchpoints */
	bool strict;  /* stop the guest for each record in a flood too */
	bool no_room; /* the backend takes the doorbells only */
	bool points;  /* there are some */
	bool on;      /* this is a flood */
	int64_t since_us; /* the present window of time, */
	uint64_t since_seq; /* and the next record at its beginning */
	uint64_t point[PRINTK_POINTS]; /* records whose descriptors are watched, oldest first */
};

/* A copy made in a trap, waiting for its turn. */
struct printk_waiting {
	bool used, final;
	uint64_t seq;
	int64_t time_us;
	uint32_t text_len;
	uint8_t info[PRB_INFO_MAX];
	char *text; /* malloc'ed, text_len bytes; NULL if the text must come from the ring */
	bool whole; /* text is here */
};

/* Fields by the file whose they are; the others read them. */
struct printk {
	struct source s;

	/* open.c */
	struct printk_layout l;
	struct fetch_mem m;
	const struct source_sink *sink;
	char boot[17];
	bool marked;           /* another boot of the guest has another name */
	bool resumed;

	/* ops.c: what it was told */
	bool planted;          /* of its sites, once */
	bool whole;            /* memory is as the guest's CPUs left it: struct moment */

	/* place.c */
	/*
	 * With @m's ctx: does the guest's page table lead where the range was found? 0; -ESTALE: no; other errors:
	 * cannot be told. NULL: not to be asked. And: from now on have @m follow the table.
	 */
	int (*maps)(void *ctx, uint64_t gva, uint64_t len);
	void (*walk_pages)(void *ctx);
	bool moved, remapped;  /* it looked so at the last poll */
	int64_t pages_us;      /* of the last look at the page table */
	/* When p->want was last seen to have moved: to what, how many records had failed, and when. */
	uint64_t failed_want, failed_at;
	int64_t failed_us;

	/* sites.c */
	uint64_t code_commit, code_final; /* GVAs of the two functions, 0 if unknown */
	uint64_t console_seq;             /* GVA of that variable, 0 if there is none (5.19 on) */
	bool code;             /* the sites are functions: each record's copy comes by a trap */
	bool armed, missed;    /* sites are planted; they turned out to miss records */

	/* pace.c */
	struct printk_pace pace;
	uint64_t polled;       /* where the last poll ended: traps of records before it have come if ever */

	/* drain.c */
	uint64_t want;         /* the next to emit */
	uint64_t backfill_end; /* records before it are older than the attachment */
	bool first_drain;      /* what is missing now was lost before it */
	bool urgent; /* the ring is about to be overwritten: wait for no record that is being written */

	/* walk.c */
	bool pressed; /* copies find no room to wait: be less patient */
	uint64_t stalled_seq, stalled_end; /* what is unfinished before the latter is passed over at once */
	const char *stalled_why;
	uint64_t ahead; /* a whole record after p->want, or how far one was looked for */
	int64_t stalled_since; /* 0: not stalled */
	uint64_t skipped[PRINTK_SKIPPED];
	unsigned n_skipped;
	/* The newest committed but not final record seen: all that is left of it if the VM ends. */
	struct printk_entry part;
	uint32_t part_cap;
	bool has_part;

	/* window.c */
	struct printk_waiting window[PRINTK_WINDOW];
	unsigned n_window;
	uint64_t window_top; /* the highest seq in the window */

	/* bypass.c */
	uint64_t excused_end;  /* records before it may have no copy */
	uint64_t untrapped, untrapped_first; /* found without, not told yet */
	uint64_t copies_lost;  /* by the backend, and not accounted for yet */
	int64_t copies_lost_us;
	uint64_t traps_failed, traps_failed_told; /* the guest came to a trap without a record */
	uint64_t trapped[PRINTK_TRAPPED]; /* by seq: seq + 1 if it came to a trap */

	/* reconcile.c */
	uint64_t confirmed;    /* the ring was seen to hold the records before it */
	uint64_t reconciled;   /* copies of records before it agree with the ring */
	int64_t reconciled_us; /* since then the next one cannot be compared; 0: it could */

	/* rewind.c */
	/*
	 * Fingerprints of the records emitted, by seq & history_mask, so that a ring that goes back
	 * (a snapshot was restored) is not stored again. Records below replay_end may be known
	 * already.
	 */
	uint64_t *history, history_mask, replay_end;
	unsigned rewinds, recall_left;
	int64_t rewinds_us;
	bool rewound; /* it did so, and that is to be dealt with first */
	uint64_t *in_ring, n_in_ring; /* during printk_rewind() */

	/* flood.c */
	struct printk_flood flood;

	/* emit.c */
	uint64_t emitted_end, emitted_ns; /* one past the record emitted last (0: none), and its time */
	/* Missing records not yet written down: [gap_first, gap_first + gap_count) */
	uint64_t gap_first, gap_count;
	const char *gap_reason;
	bool gap_lost; /* they existed and were not copied, as opposed to never having been whole */
	struct {
		const char *what;
		int64_t last_us;
	} alerts[PRINTK_ALERTS];
	struct source_counters counters;

	struct printk_entry entry; /* the one being read */
};

/* ---- emit.c ---- */

int printk_emit(struct printk *p, const struct printk_entry *e, enum record_fidelity fid,
	int64_t time_us, struct err *err);

/* Never 0, which stands for nothing. */
uint64_t printk_fingerprint(uint64_t seq, uint64_t guest_ns, uint64_t text_hash);

/* Was just this record emitted before, as far as is remembered? */
bool printk_known(const struct printk *p, const struct printk_entry *e);

/*
 * Note that @count records from @first on are missing. Adjacent gaps of one reason (a constant
 * string) become one record; written down before the next record by printk_flush_gap().
 */
int printk_gap(struct printk *p, uint64_t first, uint64_t count, const char *reason, bool lost,
	int64_t now_us, struct err *e);
int printk_flush_gap(struct printk *p, int64_t now_us, struct err *e);

/* An alert record; the same @what (a constant string) at most once in 10 s. */
int printk_alert(struct printk *p, int64_t now_us, struct err *e, const char *what, const char *fmt,
	...) __attribute__((format(printf, 5, 6)));

/*
 * What a part of the source came to, besides -errno. Only the driver (drain.c) acts on it: the parts do not
 * call each other.
 */
enum printk_came_to {
	PRINTK_WAIT = 0, /* record p->want is not there yet */
	PRINTK_DONE = 1, /* it was dealt with */
	PRINTK_ASK_RING = SOURCE_DOUBT + 1, /* only the ring can tell */
	PRINTK_REWOUND,  /* the numbers go back: printk_rewind() is next */
	PRINTK_ANEW,     /* they do because another boot began */
};

/* ---- walk.c ---- */

/* The reason of a gap where a record's writer did not come back. */
extern const char printk_unfinished[];

/* What the ring says of record p->want: PRINTK_DONE, PRINTK_WAIT, or -errno. */
int printk_walk(struct printk *p, enum printk_why why, int64_t now_us, struct err *e);

/* Records passed over that were finished after all. 0 or the sink's errno. */
int printk_fill_skipped(struct printk *p, int64_t now_us, struct err *e);

/*
 * Is the ring's head behind what was already emitted? PRINTK_REWOUND: a snapshot was restored, the guest
 * rebooted, or it lies; 0; or -errno.
 */
int printk_backwards(struct printk *p, int64_t now_us, struct err *e);

/* Was the number @seq given to a writer, as the ring's head says (or is the head not to be believed)? */
bool printk_head_past(const struct printk *p, uint64_t seq);

/* Was it so, and has it caught up since? Then the record emitted last is another one by now. */
bool printk_overtaken(struct printk *p);

/* Remember @e as the newest unfinished record. */
void printk_keep_part(struct printk *p, const struct printk_entry *e);

/* ---- pace.c ---- */

/*
 * How far a poll may go. Where traps are armed, a record that has just become final may have its copy
 * under way: leave it until the next poll, which then takes what was missed.
 */
uint64_t printk_poll_limit(struct printk *p);
/* See source.h, quiet. */
bool printk_pace_quiet(struct printk *p, const struct moment *m);
/* Is it time for a poll now? And it was polled; was rung for; is to be polled at once. */
bool printk_pace_poll(struct printk *p, const struct moment *m);
void printk_pace_polled(struct printk *p, const struct moment *m);
void printk_pace_rung(struct printk *p, const struct moment *m);
void printk_pace_now(struct printk *p);
/* Nothing is trapped, or not always: while it is not, polls are all there is. */
void printk_pace_only(struct printk *p);

/* ---- rewind.c ---- */

/* Do both names belong to one boot of the guest? */
bool printk_same_boot(const char *a, const char *b);

/* Is guest time @ns one that no other boot has? */
bool printk_time_tells(uint64_t ns);

/*
 * Does the ring, which holds the records @tail to @head, belong to another boot than the last one stored,
 * although both have the name p->boot? Then the source is told to begin anew, under the next name.
 */
bool printk_booted_anew(struct printk *p, uint64_t tail, uint64_t head);

/*
 * The numbers of this boot are used a second time: go on under its next name, beginning with what the
 * ring holds and the ledger does not. PRINTK_DONE; SOURCE_DOUBT if memory may not be whole (p->rewound
 * stays); PRINTK_ANEW; or -errno.
 */
int printk_rewind(struct printk *p, int64_t now_us, struct err *e);

/* ---- flood.c ---- */

/* After a drain: with the guest held, all that is final being stored; or with the guest running. */
void printk_flood_held(struct printk *p, int64_t now_us);
void printk_flood_polled(struct printk *p, int64_t now_us);
/* The guest is about to overwrite what it wrote since the points were chosen. */
bool printk_flood_reached(const struct printk *p);
unsigned printk_flood_sites(const struct printk *p, struct trap_site *sites, unsigned max);

/* ---- bypass.c ---- */

/* Record @seq came to its trap. */
void printk_trapped(struct printk *p, uint64_t seq);
/* Record @seq came out of the ring although its trap should have brought a copy. */
void printk_untrapped(struct printk *p, uint64_t seq);
/* Its copy came after all. */
void printk_trapped_late(struct printk *p, uint64_t seq);
/* To be called when all copies made so far were taken: tell what came without. 0 or the sink's errno. */
int printk_check_bypass(struct printk *p, int64_t now_us, struct err *e);

/* ---- place.c ---- */

/*
 * Is the ring where it was found? 0; -ESTALE: `prb` points to another one now (static to dynamic, during boot),
 * or its arrays are elsewhere; -EFAULT; or the sink's errno.
 */
int printk_same_ring(struct printk *p, int64_t now_us, struct err *e);

/* ---- reconcile.c ---- */

/*
 * Compare the copies emitted with the ring, as far as it is final: what it holds instead is emitted as well. 0,
 * PRINTK_REWOUND if it holds others altogether, or the sink's errno.
 */
int printk_reconcile(struct printk *p, int64_t now_us, struct err *e);
/* Tell that record @seq came in two versions. 0 or the sink's errno. */
int printk_differs(struct printk *p, uint64_t seq, int64_t now_us, struct err *e);

/* ---- window.c ---- */

/*
 * Emit what waits in the window for record p->want: PRINTK_DONE, PRINTK_WAIT, PRINTK_ASK_RING or the sink's
 * errno. @idle: nothing more is on its way, so that what is missing is taken from the ring.
 */
int printk_window_next(struct printk *p, bool idle, int64_t now_us, struct err *e);
/*
 * Keep a copy until its turn comes. 0; PRINTK_ASK_RING: it is too far ahead of p->want, which has to move on
 * first; PRINTK_REWOUND: it was dealt with before, and the ring holds others; -EBADMSG: no such copy.
 */
int printk_window_put(struct printk *p, bool final, const void *data, size_t len, int64_t time_us,
	struct err *e);
/* Emit all that waits: what it waited for will not come. 0 or the sink's errno. */
int printk_window_flush(struct printk *p, struct err *e);
void printk_window_free(struct printk *p);

#endif
