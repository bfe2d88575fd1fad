/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/form.h"

#include "record/harmless.h"
#include "record/meta.h"

static const char *const names[FORM_KINDS] = {
	[FORM_SHORT] = "short",
	[FORM_SHORT_FULL] = "short-full",
	[FORM_SHORT_ISO] = "short-iso",
	[FORM_SHORT_ISO_PRECISE] = "short-iso-precise",
	[FORM_SHORT_PRECISE] = "short-precise",
	[FORM_SHORT_MONOTONIC] = "short-monotonic",
	[FORM_SHORT_UNIX] = "short-unix",
	[FORM_VERBOSE] = "verbose",
	[FORM_EXPORT] = "export",
	[FORM_JSON] = "json",
	[FORM_JSON_PRETTY] = "json-pretty",
	[FORM_JSON_SSE] = "json-sse",
	[FORM_JSON_SEQ] = "json-seq",
	[FORM_CAT] = "cat",
	[FORM_WITH_UNIT] = "with-unit",
	[FORM_RAW] = "raw",
	[FORM_FRAMED] = "framed",
};

int form_by_name(const char *name)
{
	for (int i = 0; i < FORM_KINDS; i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

const char *form_name(enum form_kind k)
{
	return names[k];
}

bool form_is_machine(enum form_kind k)
{
	return (k >= FORM_EXPORT && k <= FORM_JSON_SEQ) || k == FORM_RAW || k == FORM_FRAMED;
}

bool form_shows(const struct form *f, const struct record *r)
{
	enum meta_kind kind;

	if (f->all || form_is_machine(f->kind) || f->kind == FORM_VERBOSE || !meta_is(r, &kind))
		return true;
	if (f->kind == FORM_CAT)
		return kind == META_GAP || kind == META_ALERT || kind == META_RECOVERY;
	return kind != META_HEARTBEAT;
}

static void put_leaf(const struct form *f, FILE *out, struct span leaf)
{
	if (f->kind == FORM_FRAMED)
		fprintf(out, "%zu ", leaf.n);
	if (f->terminal)
		harmless_put(out, leaf, f->ascii, HARMLESS_ONE_LINE);
	else
		fwrite_unlocked(leaf.p, 1, leaf.n, out);
	if (f->kind == FORM_RAW || f->terminal)
		putc_unlocked('\n', out);
}

/* Leave only what --output-fields names, and the head of the entry. */
static void filter(const struct form *f, struct form_fields *fields)
{
	size_t n = 0;

	for (size_t i = 0; i < fields->n; i++) {
		struct span key = form_field_key(&fields->field[i]);
		bool keep = form_field_is_address(key) ||
			(f->kind != FORM_VERBOSE && span_is(key, "_BOOT_ID"));

		for (size_t k = 0; !keep && k < f->n_only; k++)
			keep = span_eq(key, f->only[k]);
		if (keep)
			fields->field[n++] = fields->field[i];
	}
	fields->n = n;
}

static void put_fields(struct form *f, FILE *out, const struct record *r, uint64_t index)
{
	struct form_fields fields;

	form_fields(f, r, index, &fields);
	if (f->n_only)
		filter(f, &fields);
	if (f->kind == FORM_JSON)
		form_json_put(f, out, &fields);
	else if (f->kind == FORM_EXPORT)
		form_export_put(f, out, &fields);
	else if (f->kind == FORM_VERBOSE)
		form_verbose_put(f, out, r, &fields);
	else
		form_json_framed_put(f, out, &fields);
}

void form_put(struct form *f, FILE *out, const struct record *r, struct span leaf, uint64_t index)
{
	if (f->kind == FORM_RAW || f->kind == FORM_FRAMED)
		put_leaf(f, out, leaf);
	else if (form_is_machine(f->kind) || f->kind == FORM_VERBOSE)
		put_fields(f, out, r, index);
	else
		form_human_put(f, out, r, index);
}
