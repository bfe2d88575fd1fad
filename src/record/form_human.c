/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * form_human.c - the forms of one line a record (and indented further ones), for people.
 */
#include "record/form.h"
#include "record/harmless.h"
#include "record/meta.h"
#include "record/said.h"

static struct span without_newlines_at_end(struct span s)
{
	while (s.n && s.p[s.n - 1] == '\n')
		s.n--;
	return s;
}

static const char *colour_of(const struct record *r, bool meta, enum meta_kind kind)
{
	if (meta && (kind == META_GAP || kind == META_ALERT || kind == META_RECOVERY))
		return "\033[1;31m";
	if (meta)
		return "\033[36m";
	if (r->severity <= 3)
		return "\033[1;31m";
	if (r->severity == 4)
		return "\033[33m";
	if (r->severity == 5)
		return "\033[1m";
	return r->severity == 7 ? "\033[2m" : "";
}

/* The unit, if that is wanted and known, or the program. */
static struct span sender(const struct form *f, const struct record *r, uint64_t index,
	struct form_fields *fields)
{
	if (f->kind == FORM_WITH_UNIT) {
		form_fields_named(r, index, span_of("_SYSTEMD_UNIT"), fields);
		if (fields->n)
			return fields->field[0].value;
	}
	return r->app.n ? r->app : span_of("-");
}

/* Time, VM, program and process. Returns how many columns they took. */
static int put_head(struct form *f, FILE *out, const struct record *r, uint64_t index)
{
	int columns = form_time_put(f, out, r) + 2;
	struct form_fields fields;
	struct span app = sender(f, r, index, &fields);

	if (!f->no_host) {
		fwrite_unlocked(r->host.p, 1, r->host.n, out);
		putc_unlocked(' ', out);
		columns += (int)r->host.n + 1;
	}
	harmless_put(out, app, f->ascii, HARMLESS_ONE_LINE);
	columns += (int)app.n;
	if (r->procid.n) {
		putc_unlocked('[', out);
		harmless_put(out, r->procid, f->ascii, HARMLESS_ONE_LINE);
		putc_unlocked(']', out);
		columns += (int)r->procid.n + 2;
	}
	fputs_unlocked(": ", out);
	return columns;
}

/*
 * The text of a program's record, with a name that is not the process's before it; of the audit log with its type. Of
 * an entry for journald that has no text, all of it.
 */
static void put_text(const struct form *f, FILE *out, const struct record *r, int indent)
{
	struct span before = {NULL, 0};
	struct said said;

	said_of(r, &said);
	if (r->channel == RECORD_AUDIT)
		before = span_of(said.audit_name);
	else if (!span_eq(said.identifier, r->app) && r->channel != RECORD_STREAM)
		before = said.identifier;
	if (before.n && f->kind != FORM_CAT) {
		harmless_put(out, before, f->ascii, HARMLESS_ONE_LINE);
		fputs_unlocked(r->channel == RECORD_AUDIT ? " " : ": ", out);
	}
	harmless_put(out, without_newlines_at_end(said.text.n ? said.text : r->msg), f->ascii, indent);
}

/* cat with --output-fields: those values, a line each. */
static void put_only(const struct form *f, FILE *out, const struct record *r, uint64_t index)
{
	struct form_fields fields;

	for (size_t i = 0; i < f->n_only; i++) {
		form_fields_named(r, index, f->only[i], &fields);
		for (size_t k = 0; k < fields.n; k++) {
			harmless_put(out, without_newlines_at_end(fields.field[k].value), f->ascii, 0);
			putc_unlocked('\n', out);
		}
	}
}

void form_human_put(struct form *f, FILE *out, const struct record *r, uint64_t index)
{
	enum meta_kind kind = META_KINDS;
	bool meta = meta_is(r, &kind);
	const char *colour = f->colour ? colour_of(r, meta, kind) : "";
	int indent = 0;

	if (f->kind == FORM_CAT && f->n_only) {
		put_only(f, out, r, index);
		return;
	}
	if (f->kind != FORM_CAT)
		indent = put_head(f, out, r, index);
	fputs_unlocked(colour, out);
	if (meta) {
		fputs_unlocked(f->kind == FORM_CAT ? "-- logvisor " : "", out);
		fprintf(out, "%s: ", meta_kind_name(kind));
	}
	if (meta || r->channel == RECORD_KMSG)
		harmless_put(out, without_newlines_at_end(r->msg), f->ascii, indent);
	else
		put_text(f, out, r, indent);
	if (r->truncated)
		fputs_unlocked(" [truncated]", out);
	if (meta && f->kind == FORM_CAT)
		fputs_unlocked(" --", out);
	if (*colour)
		fputs_unlocked("\033[0m", out);
	putc_unlocked('\n', out);
}

