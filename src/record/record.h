/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * record.h - one log record, and its leaf form: an RFC 5424 syslog message.
 *
 * What the hypervisor observed (channel, guest sequence number, boot, real sender) and what the guest
 * merely claims (its own tag, pid, time) are kept in two SD-ELEMENTs and never mixed. MSG is the
 * guest's bytes unchanged (RFC 5424 section 6.4, MSG-ANY). The encoding is canonical: decoding a leaf
 * and encoding it again gives the same bytes, and the other way round.
 */
#ifndef LOGVISOR_RECORD_RECORD_H
#define LOGVISOR_RECORD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/span.h"

/* A leaf is length-prefixed by a big-endian uint16 in an entry bundle (c2sp.org/tlog-tiles). */
#define RECORD_LEAF_MAX 65535

/* Observed facts; a name under IANA's example enterprise number (RFC 5612) until we own one. */
#define RECORD_SD_OBSERVED "logvisor@32473"
/* What the guest says of itself. */
#define RECORD_SD_CLAIMED "guest@32473"

/* Where the record was produced. META records are Logvisor's own (MSGID says which). */
enum record_channel {
	RECORD_META,
	RECORD_KMSG,    /* the kernel's log */
	RECORD_SYSLOG,  /* datagrams to /dev/log */
	RECORD_JOURNAL, /* journald's native socket */
	RECORD_AUDIT,
	RECORD_STREAM, /* a service's stdout or stderr */
	RECORD_FILE,    /* lines appended to log files, and what else befell these */
	RECORD_WTMP,    /* logins, as files have them: /var/log/wtmp, */
	RECORD_BTMP,    /* failed ones, */
	RECORD_LASTLOG, /* and the last of each user */
	RECORD_CHANNELS
};

/* Those of log files, 1 << enum record_channel. */
#define RECORD_FILES (1U << RECORD_FILE | 1U << RECORD_WTMP | 1U << RECORD_BTMP | 1U << RECORD_LASTLOG)

/* How the copy was made. */
enum record_fidelity {
	RECORD_LIVE,     /* at the trap, before the guest went on */
	RECORD_BACKFILL, /* found in the ring at attach: older than the attachment */
	RECORD_LATE,     /* from the ring while the guest ran on: in a flood, or a trap was missed */
	RECORD_PARTIAL,  /* committed, never finalized before the VM ended */
	RECORD_DIFFERS,  /* its number is another record's too, with another text: one is forged or altered */
	RECORD_FIDELITIES
};

/* A name and a value: the counters of a META record, or a claim of the guest. */
struct record_param {
	struct span name;  /* RFC 5424 PARAM-NAME: 1-32 printable US-ASCII without '=', ']', '"' */
	struct span value; /* any bytes */
};

#define RECORD_PARAMS_MAX 32

/* All spans are borrowed; an absent one has n == 0. */
struct record {
	int64_t time_us;  /* host clock when Logvisor saw it, microseconds since the epoch, UTC */
	uint8_t facility; /* 0-255; above 23 the PRI carries 1 (user) and SD "fac" the true value */
	uint8_t severity; /* 0-7 */
	struct span host; /* the VM's name: RECORD_NAME rules */
	struct span app;  /* the real sender: "kernel", a comm, or "logvisor" for META */
	struct span procid;
	struct span msgid; /* the channel's name, or for META the kind: attach gap heartbeat ... */

	enum record_channel channel;
	enum record_fidelity fidelity;
	bool has_seq;
	uint64_t seq; /* the guest's own sequence number in this channel, e.g. printk's */
	bool has_guest_ns;
	uint64_t guest_ns;     /* guest's time stamp, ns since its boot, from the ring */
	bool has_caller;       /* printk's caller id: thread id, or 0x80000000 + CPU */
	uint32_t caller;
	bool cont;             /* printk LOG_CONT, the 'c' of /dev/kmsg: meant as a continuation */
	bool truncated;        /* the guest's record did not fit in a leaf; MSG is its beginning */
	struct span boot;      /* 16 lower-case hex digits naming the guest's boot */
	struct span subsystem; /* printk dev_info */
	struct span device;

	struct record_param observed[RECORD_PARAMS_MAX]; /* further observed facts, in order */
	size_t n_observed;
	struct record_param claimed[RECORD_PARAMS_MAX];
	size_t n_claimed;

	struct span msg; /* the text, any bytes, exactly as the guest's kernel stored it */
};

/*
 * Encode @r into @buf (@cap bytes; RECORD_LEAF_MAX always suffices for what it may produce).
 * MSG that does not fit is cut and `truncated` encoded as true. Returns the length in bytes, or
 * -EINVAL for a record that breaks the rules above (bad name, too many params), -ENOSPC if even an
 * empty MSG does not fit.
 */
long record_encode(const struct record *r, char *buf, size_t cap);

/*
 * Decode a leaf. Spans of @r point into @leaf, or into @scratch (@scap >= @n always suffices) where
 * unescaping was needed. Accepts exactly what record_encode produces; anything else is -EBADMSG with
 * @e saying what is wrong at which byte.
 */
int record_decode(const char *leaf, size_t n, struct record *r, char *scratch, size_t scap,
	struct err *e);

/*
 * The two fields wanted of every leaf, without a full decode: time (us since the epoch) and severity.
 * -EBADMSG if the beginning is not RFC 5424 as we write it.
 */
int record_peek(const char *leaf, size_t n, int64_t *time_us, uint8_t *severity);

/*
 * The boot that a leaf names, into @boot (not terminated); false if it names none. And its text, with the
 * space before a guarded byte order mark; the whole leaf if it is none. Neither checks the leaf.
 */
bool record_peek_boot(const char *leaf, size_t n, char boot[16]);
/* The enum record_channel of a leaf, -1 if it has none. */
int record_peek_channel(const char *leaf, size_t n);
struct span record_peek_text(const char *leaf, size_t n);

/* A VM's name: 1-64 of [A-Za-z0-9._-], first one alphanumeric. */
#define RECORD_NAME_MAX 64
bool record_name_ok(const char *name);
bool record_name_span_ok(struct span name);

extern const struct span record_channel_names[RECORD_CHANNELS];
extern const struct span record_fidelity_names[RECORD_FIDELITIES];
const char *record_channel_name(enum record_channel c);
const char *record_fidelity_name(enum record_fidelity f);

#endif
