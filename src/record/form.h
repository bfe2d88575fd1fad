/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * form.h - how a record is shown: for people (short, short-iso, short-monotonic, cat), for programs
 * (json, export) and exactly as stored (raw, framed). doc/man/logvisor.1 promises the machine forms.
 */
#ifndef LOGVISOR_RECORD_FORM_H
#define LOGVISOR_RECORD_FORM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "record/record.h"

enum form_kind {
	FORM_SHORT,           /* Nov 23 23:19:04 web01 kernel: text */
	FORM_SHORT_ISO,       /* 2026-11-23T23:19:04+0000 web01 kernel: text */
	FORM_SHORT_MONOTONIC, /* [   12.345678] web01 kernel: text, by the guest's clock */
	FORM_JSON,            /* one object a line, journalctl's field names and our own */
	FORM_EXPORT,          /* systemd's Journal Export Format */
	FORM_CAT,             /* the text alone */
	FORM_RAW,             /* the leaf and a newline */
	FORM_FRAMED,          /* the leaf's length in decimal, a space, the leaf (RFC 5425 section 4.3) */
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

	/* The second formatted last. */
	bool has_second;
	int64_t second;
	char second_text[64];
	/* Export: the boot and monotonic time of the entry before. */
	bool has_entry;
	char boot[33];
	uint64_t monotonic_us;
};

/* Human forms leave heartbeats out unless `all`; cat shows of Logvisor's own records only what qualifies
 * the guest's: gap, alert, recovery. Machine forms show every record. */
bool form_shows(const struct form *f, const struct record *r);

/* Write record @r, whose leaf is @leaf, entry @index of its ledger. Errors stay in @out (ferror). */
void form_put(struct form *f, FILE *out, const struct record *r, struct span leaf, uint64_t index);

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

/* Fixed ones are fewer than 24. */
#define FORM_FIELDS_MAX (24 + 2 * RECORD_PARAMS_MAX)
#define FORM_KEY_MAX 64 /* journald's limit for a field's name (systemd 252, journal-file.c) */

struct form_fields {
	struct form_field field[FORM_FIELDS_MAX];
	size_t n, used;
	bool may_repeat; /* a key may occur more than once */
	char text[FORM_FIELDS_MAX * (FORM_KEY_MAX + 5)];
};

/* The fields of @r by journald's names, MESSAGE last. */
void form_fields(struct form *f, const struct record *r, uint64_t index, struct form_fields *out);

/* Of @f only `terminal` and `ascii` count. */
void form_json_put(const struct form *f, FILE *out, const struct form_fields *fields);
void form_export_put(const struct form *f, FILE *out, const struct form_fields *fields);

#endif
