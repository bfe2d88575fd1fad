/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source.h - where records come from: a source knows one kind of log of a guest, says which sites the
 * backend shall plant for it, and turns what the traps deliver, and what it finds in guest memory
 * itself, into records. It emits each record exactly once and never hides a loss.
 *
 * A source neither waits nor asks: it is called with the moment (struct moment), does what can be done
 * then, and returns what it came to. Whoever calls it knows the VM and no log; a new source is one folder
 * here and one line in table.c.
 */
#ifndef LOGVISOR_SOURCE_SOURCE_H
#define LOGVISOR_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/guest.h"
#include "record/meta.h"
#include "record/record.h"
#include "trap/trap.h"
#include "util/err.h"

/* One record that is stored. */
struct source_stored {
	const char *boot;   /* the name of its boot */
	uint64_t seq;       /* its number and the guest's time; 0 where its channel has none */
	uint64_t guest_ns;
	uint64_t text_hash; /* hash64() of its text */
	const struct record *r; /* all of it, valid during the call */
};

typedef int (*source_known)(void *ctx, const struct source_stored *stored);

/*
 * Takes each record the source produces; the source has filled all but `host`, and may leave `boot` empty
 * if it has no name of its own for it. Returns 0, or a negative errno that stops the source until it is
 * called again (the record is then offered again).
 */
struct source_sink {
	int (*emit)(void *ctx, struct record *r, struct err *e);
	void *ctx;
	/*
	 * Call @known for each record of @channel that is stored, newest first, until it returns non-zero or the
	 * ledger was looked at far enough. 0 or -errno with @e. NULL: the sink cannot tell.
	 */
	int (*recall)(void *ctx, enum record_channel channel, source_known known, void *known_ctx,
		struct err *e);
	/* A line for people; NULL: nobody reads it. */
	void (*say)(void *ctx, const char *text);
};

#define SOURCE_OPEN_MAX 16

/* What is already in the ledger of one channel, so that nothing is emitted twice. */
struct source_resume {
	bool known;
	char boot[17];
	uint64_t seq;       /* the last one stored */
	uint64_t guest_ns;  /* its guest time ... */
	uint64_t text_hash; /* ... and a hash of its text (hash64()), to recognise the same boot by content */
	uint64_t next;      /* the first not accounted for: seq + 1, or after the gaps that follow */
	/* Below that, but a gap names them, of the last ones: their writers may have finished them since. */
	uint64_t open[SOURCE_OPEN_MAX];
	unsigned n_open;
};

struct source_counters {
	uint64_t records, live, backfill, late, partial, lost, gaps, truncated;
};

/* What the caller knows of the moment at which it calls; facts, not guesses from the kind of backend. */
struct moment {
	int64_t now_us; /* clock_wall_us(): of what is found now */
	int64_t now_ms; /* clock_due_ms(): for what is due when */
	bool held;      /* the VM stands still: everything is to be taken now */
	bool rung;      /* a trap of this source just stopped it: what is final now is live */
	bool emptied;   /* all copies that traps had made when this source was last drained were delivered */
	bool whole;     /* memory is as the guest's CPUs left it, no snapshot that is being loaded */
};

/* What a call came to, besides 0 and -errno. */
enum source_came_to {
	SOURCE_MORE = 1,  /* call again: there is more, and others want their turn too */
	SOURCE_DOUBT = 2, /* what was found may only be concluded from when `whole`: come back so */
};

/* What a source is opened with; all of it must outlive the source. */
struct source_start {
	const struct guest *guest; /* NULL: there is none, it is a log of this host's own, */
	struct trap *trap;         /* which its backend reads */
	const struct source_sink *sink;
	const struct source_resume *resume; /* by enum record_channel */
	bool strict; /* stop the guest for each record, whatever it costs */
	unsigned channels; /* 1 << enum record_channel: what of the source's is wanted */
	unsigned caps; /* enum trap_cap of the backend */
	const struct span *files; /* which log files are wanted: patterns as source/files/glob.h has them */
	unsigned n_files;
};

/* A source's own state begins with this. */
struct source {
	const struct source_ops *ops;
	uint32_t owner;  /* of its sites and events; set by the caller once it is open */
	bool resumed;    /* the boot its resume point is of is the boot found */
	char desc[96];   /* for people: "ring of 8192 records and 256 KiB" */
};

struct source_ops {
	const char *name;
	unsigned channels; /* 1 << enum record_channel of what it emits */
	unsigned numbered; /* those of them whose records have the guest's own numbers: only they have a place to go on at */
	unsigned backends; /* enum trap_cap: it can do with a backend that has one of them; 0: with any */
	bool needed;       /* without it a guest is not followed: it is waited for */
	/*
	 * Find this kind of log in the guest, and the place to go on. All questions to the guest's symbols
	 * and types are asked here: afterwards they are gone (guest_trim()). -EAGAIN, -EFAULT, -EBADMSG:
	 * not yet, maybe; -ENOENT naming what the guest lacks.
	 */
	int (*open)(struct source **out, const struct source_start *start, struct err *e);
	/*
	 * The sites wanted of a backend with @caps (enum trap_cap), at most @max, into @sites; `owner` is
	 * filled in by the caller. Asked again after each drain.
	 */
	unsigned (*sites)(struct source *s, unsigned caps, struct trap_site *sites, unsigned max);
	/* The backend has no room for all of them: want fewer. false: there is nothing to leave out. */
	bool (*fewer)(struct source *s);
	/*
	 * What waits in the guest can be told from what the traps will bring only while the VM stands still: so it does
	 * from before its sites are planted until planted() was called (m->held), if it can be had to.
	 */
	bool still;
	/*
	 * With it, may be NULL: is a CPU at @rip past a place where a trap is about to be planted, with something that will be
	 * there only a moment later? Then it is another moment that has to be chosen.
	 */
	bool (*amid)(const struct source *s, uint64_t rip);
	/*
	 * The sites are in place, or not all of them. First called once they were planted: what is there by
	 * then is older than the attachment. Later: what is there may have come past the traps. Emits nothing.
	 */
	void (*planted)(struct source *s, bool all, const struct moment *m);
	/*
	 * TRAP_COPY, TRAP_STOPPED or TRAP_LOST of its sites. 0, SOURCE_DOUBT, or -errno as drain(); a stop is
	 * followed by a drain with `held` and `rung`.
	 */
	int (*event)(struct source *s, const struct trap_event *ev, const struct moment *m, struct err *e);
	/* Would drain() find nothing now, or leave it for later? Costs one read; false if it cannot tell. */
	bool (*quiet)(struct source *s, const struct moment *m);
	/*
	 * Emit what is there and was not emitted. 0; SOURCE_MORE; SOURCE_DOUBT; -ESTALE: the log is elsewhere
	 * now, find the guest again; -EFAULT, -EBADMSG: the log is not readable or contradicts itself; or what
	 * the sink returned, and the same records are offered again.
	 */
	int (*drain)(struct source *s, const struct moment *m, struct err *e);
	/* When to drain without being rung for, in terms of moment.now_ms; INT64_MAX: never. */
	int64_t (*due)(const struct source *s);
	const struct source_counters *(*counters)(const struct source *s);
	/* The name of the boot in records if it is not the guest's own (guest_info), else NULL. NULL: never. */
	const char *(*boot)(const struct source *s);
	/* Add to a heartbeat what only this source knows. May be NULL. */
	void (*report)(const struct source *s, struct meta *m);
	/*
	 * The guest ended, or another runs: emit what is left, what was never finished too. @readable: its
	 * memory is still there, else only what was seen before counts. 0 or what the sink returned.
	 */
	int (*end)(struct source *s, const struct moment *m, bool readable, struct err *e);
	void (*close)(struct source *s); /* frees @s */
};

/* Every source there is of guests, in the order in which they are opened; ends with NULL. See table.c. */
extern const struct source_ops *const source_table[];
/* Those for what backend @trap attaches to: these, or the one of that log of this host. */
const struct source_ops *const *source_table_of(const struct trap_ops *trap);

#endif
