/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * form.h - how a record is shown: for people (short and its kin, cat, verbose), for programs (json,
 * export) and exactly as stored (raw, framed). doc/man/logvisor.1 promises the machine forms.
 */
#ifndef LOGVISOR_RECORD_FORM_H
#define LOGVISOR_RECORD_FORM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "record/record.h"

enum form_kind {
	FORM_SHORT,             /* Nov 23 23:19:04 web01 kernel: text */
	FORM_SHORT_FULL,        /* Mon 2026-11-23 23:19:04 UTC web01 kernel: text */
	FORM_SHORT_ISO,         /* 2026-11-23T23:19:04+0000 web01 kernel: text */
	FORM_SHORT_ISO_PRECISE, /* 2026-11-23T23:19:04.123456+0000 web01 kernel: text */
	FORM_SHORT_PRECISE,     /* Nov 23 23:19:04.123456 web01 kernel: text */
	FORM_SHORT_MONOTONIC,   /* [   12.345678] web01 kernel: text, by the guest's clock */
	FORM_SHORT_UNIX,        /* 1795475944.123456 web01 kernel: text */
	FORM_VERBOSE,           /* time and cursor, then every field on a line of its own */
	FORM_EXPORT,            /* systemd's Journal Export Format */
	FORM_JSON,              /* one object a line, journalctl's field names and our own */
	FORM_JSON_PRETTY,       /* the same, a field a line */
	FORM_JSON_SSE,          /* the same as server-sent events */
	FORM_JSON_SEQ,          /* the same as RFC 7464 text sequences */
	FORM_CAT,               /* the text alone */
	FORM_WITH_UNIT,         /* short-full with the service's unit instead of the program */
	FORM_RAW,               /* the leaf and a newline */
	FORM_FRAMED,            /* the leaf's length in decimal, a space, the leaf (RFC 5425 section 4.3) */
	FORM_KINDS
};

/* The kind called @name, or -1; and its name. */
int form_by_name(const char *name);
const char *form_name(enum form_kind k);

/* One of the forms in use. Fill in the first part, zero the rest. */
struct form {
	enum form_kind kind;
	bool utc;      /* times in UTC, else in the local time zone */
	bool colour;   /* by severity, with ECMA-48 sequences */
	bool terminal; /* the output is looked at: nothing but harmless text, in any form */
	bool ascii;    /* and only US-ASCII */
	bool all;      /* heartbeats too, in the human forms */
	bool reverse;  /* newest first */
	bool no_host;  /* leave the VM's name out of the short forms */
	/* Show these fields only (not those of the head of an entry); borrowed. None: all of them. */
	const struct span *only;
	size_t n_only;

	/* The second formatted last: what stands before and behind its microseconds. */
	bool has_second;
	int64_t second;
	char second_text[64], zone_text[40];
	/* Export: the boot and monotonic time of the entry before. */
	bool has_entry;
	char boot[33];
	uint64_t monotonic_us;
};

/* One of those for programs: every record, and nothing that is not one. */
bool form_is_machine(enum form_kind k);

/* Human forms leave heartbeats out unless `all`; cat shows of Logvisor's own records only what qualifies
 * the guest's: gap, alert, recovery. Machine forms show every record. */
bool form_shows(const struct form *f, const struct record *r);

/* Write record @r, whose leaf is @leaf, entry @index of its ledger. Errors stay in @out (ferror). */
void form_put(struct form *f, FILE *out, const struct record *r, struct span leaf, uint64_t index);

/*
 * @us microseconds after the epoch as "Mon 2026-11-23 23:19:04 UTC", with @micro ".123456" before the zone:
 * systemd's form, which it reads as well (systemd.time(7)). Needs tzset(). Returns @buf.
 */
#define FORM_PRETTY_MAX 96
const char *form_time_pretty(char buf[FORM_PRETTY_MAX], int64_t us, bool utc, bool micro);

/* Fills a boot's 16 digits up to the 128 bits that journald wants in _BOOT_ID: "logvisor" in US-ASCII. */
#define BOOT_PAD "6c6f677669736f72"

/* ---- for form*.c ---- */

struct form_field {
	struct span json_key; /* ,"KEY":" so that the JSON form has one piece to put */
	struct span value;
	bool plain; /* the value is ours: printable US-ASCII without quote and backslash */
};

static inline struct span form_field_key(const struct form_field *f)
{
	return (struct span){f->json_key.p + 2, f->json_key.n - 5};
}

/* Fixed ones and those derived of others are fewer than 44; of an entry for journald that many are shown. */
#define FORM_NATIVE_MAX 128
#define FORM_FIELDS_MAX (44 + 2 * RECORD_PARAMS_MAX + FORM_NATIVE_MAX)
#define FORM_KEY_MAX 64 /* journald's limit for a field's name (systemd 252, journal-file.c) */

struct form_fields {
	struct form_field field[FORM_FIELDS_MAX];
	size_t n, used;
	bool may_repeat; /* a key may occur more than once */
	char text[FORM_FIELDS_MAX * (FORM_KEY_MAX + 5)];
};

/* The fields of @r by journald's names, MESSAGE last. */
void form_fields(struct form *f, const struct record *r, uint64_t index, struct form_fields *out);

/*
 * Of those only the ones called @key, as a journal's reader would look for them: for matches and lists of
 * values. Those of an entry's head, __CURSOR and so on, are none.
 */
void form_fields_named(const struct record *r, uint64_t index, struct span key, struct form_fields *out);

/* One of an entry's head, which begins with two underscores? */
static inline bool form_field_is_address(struct span key)
{
	return key.n >= 2 && key.p[0] == '_' && key.p[1] == '_';
}

/* The time stamp of a short form and a space; most records share their second with the one before.
 * Returns how many columns it took. */
int form_time_put(struct form *f, FILE *out, const struct record *r);

/* Of @f only `terminal`, `ascii` and the kind count. */
void form_json_put(const struct form *f, FILE *out, const struct form_fields *fields);
void form_json_framed_put(const struct form *f, FILE *out, const struct form_fields *fields);
void form_export_put(const struct form *f, FILE *out, const struct form_fields *fields);
void form_verbose_put(const struct form *f, FILE *out, const struct record *r,
	const struct form_fields *fields);
/* The short ones, cat and with-unit. */
void form_human_put(struct form *f, FILE *out, const struct record *r, uint64_t index);

#endif
