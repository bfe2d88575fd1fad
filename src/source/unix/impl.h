/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * impl.h - what programs log, followed at its queues: the part that log sockets (this folder) and the audit log
 * (source/audit) have in common. A message is taken at a trap or out of a queue, with its sender; what it is worth
 * is the affair of struct applog_kind.
 */
#ifndef LOGVISOR_SOURCE_UNIX_IMPL_H
#define LOGVISOR_SOURCE_UNIX_IMPL_H

#include "guest/filepages.h"
#include "source/sender/outbox.h"
#include "source/unix/stream.h"
#include "source/unix/traps.h"
#include "source/unix/watch.h"

struct applog;

/* A message as it was taken; its text is whole, unless `truncated`. */
struct applog_message {
	enum record_channel channel;
	enum record_fidelity fidelity;
	int64_t time_us;
	const struct app_copy *copy;
	struct sender_paths paths;
	struct span text;
	bool truncated;
};

struct applog_kind {
	const struct source_ops *ops;
	const char *what; /* for people: "log sockets" */
	uint32_t traps; /* what of struct traps is wanted */
	/* What becomes of a message; into l->out. */
	void (*take)(struct applog *l, const struct applog_message *m);
};

struct applog {
	struct source s;
	const struct applog_kind *kind;
	const struct guest *g;
	unsigned channels; /* 1 << enum record_channel, wanted */
	struct fetch_mem mem;
	struct app_geometry geo;
	struct filepages_layout files;
	bool has_files; /* files passed with a message can be read */
	uint64_t auditd_gva; /* of the pointer to auditd's connection; 0: not known */
	struct sender *sender;
	struct outbox out;
	struct streams streams;
	/* By what the backend takes: by watchpoints, or `trapped`, by code sites; then the watch is there for what waits before. */
	bool trapped;
	struct traps traps;
	struct watch *watch; /* NULL: what waits was looked at */
	int64_t retry_ms; /* when what is left is due */
	int64_t now_us; /* of the call */
	int64_t now_ms;
	int64_t astray_us; /* when it was last told that a trap led nowhere */
};

#define APPLOG_MESSAGE_MAX (16U << 20) /* of a message or file more is cut off, and said to be */

/* Sources' `open` with the kind; and their other operations. */
int applog_open(struct source **out, const struct source_start *start, const struct applog_kind *kind,
	struct err *e);
unsigned applog_sites(struct source *s, unsigned caps, struct trap_site *sites, unsigned max);
bool applog_fewer(struct source *s);
bool applog_amid(const struct source *s, uint64_t rip);
void applog_planted(struct source *s, bool all, const struct moment *m);
int applog_event(struct source *s, const struct trap_event *ev, const struct moment *m, struct err *e);
bool applog_quiet(struct source *s, const struct moment *m);
int applog_drain(struct source *s, const struct moment *m, struct err *e);
int64_t applog_due(const struct source *s);
const struct source_counters *applog_counters(const struct source *s);
int applog_end(struct source *s, const struct moment *m, bool readable, struct err *e);
void applog_close(struct source *s);

#define APPLOG_OPS                                                                                       \
	.sites = applog_sites, .fewer = applog_fewer, .still = true, .amid = applog_amid, .planted = applog_planted, .event = applog_event,  \
	.quiet = applog_quiet, .drain = applog_drain, .due = applog_due, .counters = applog_counters,    \
	.end = applog_end, .close = applog_close

/*
 * The message of @c as the kernel has it (take.c), its sender's paths with it, to kind->take(). @channel: of its
 * receiver, or RECORD_META: by where that is bound. Bytes up to @from were told before.
 */
void applog_take(struct applog *l, const struct app_copy *c, const struct app_geometry *geo,
	enum record_channel channel, enum record_fidelity fidelity, uint32_t from, bool still);

/* Put @m as one record, whose text is @text; facility and severity are given. */
void applog_put(struct applog *l, const struct applog_message *m, struct span text, uint8_t facility,
	uint8_t severity);

#endif
