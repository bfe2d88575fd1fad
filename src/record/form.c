/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/form.h"

#include <inttypes.h>
#include <time.h>

#include "record/harmless.h"
#include "record/meta.h"

static const char *const names[FORM_KINDS] = {
	[FORM_SHORT] = "short",
	[FORM_SHORT_ISO] = "short-iso",
	[FORM_SHORT_MONOTONIC] = "short-monotonic",
	[FORM_JSON] = "json",
	[FORM_EXPORT] = "export",
	[FORM_CAT] = "cat",
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

static bool human(enum form_kind k)
{
	return k == FORM_SHORT || k == FORM_SHORT_ISO || k == FORM_SHORT_MONOTONIC || k == FORM_CAT;
}

bool form_shows(const struct form *f, const struct record *r)
{
	enum meta_kind kind;

	if (f->all || !human(f->kind) || !meta_is(r, &kind))
		return true;
	if (f->kind == FORM_CAT)
		return kind == META_GAP || kind == META_ALERT || kind == META_RECOVERY;
	return kind != META_HEARTBEAT;
}

/* The time stamp with a space after it; most records share their second with the one before. */
static int put_time(struct form *f, FILE *out, const struct record *r)
{
	int64_t second = r->time_us / 1000000;
	time_t t = (time_t)second;
	struct tm tm;

	if (f->kind == FORM_SHORT_MONOTONIC) {
		if (!r->has_guest_ns)
			return fprintf(out, "[%12s] ", "");
		return fprintf(out, "[%5" PRIu64 ".%06" PRIu64 "] ", r->guest_ns / 1000000000,
			r->guest_ns / 1000 % 1000000);
	}
	if (!f->has_second || f->second != second) {
		if (f->utc)
			gmtime_r(&t, &tm);
		else
			localtime_r(&t, &tm);
		f->second_text[0] = 0;
		strftime(f->second_text, sizeof(f->second_text),
			f->kind == FORM_SHORT ? "%b %d %H:%M:%S " : "%Y-%m-%dT%H:%M:%S%z ", &tm);
		f->second = second;
		f->has_second = true;
	}
	fputs_unlocked(f->second_text, out);
	return (int)strlen(f->second_text);
}

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

static void put_human(struct form *f, FILE *out, const struct record *r)
{
	enum meta_kind kind = META_KINDS;
	bool meta = meta_is(r, &kind);
	const char *colour = f->colour ? colour_of(r, meta, kind) : "";
	struct span app = r->app.n ? r->app : span_of("-");
	int indent = 0;

	if (f->kind != FORM_CAT) {
		indent = put_time(f, out, r);
		fwrite_unlocked(r->host.p, 1, r->host.n, out);
		putc_unlocked(' ', out);
		harmless_put(out, app, f->ascii, HARMLESS_ONE_LINE);
		indent += (int)(r->host.n + app.n) + 3;
		if (r->procid.n) {
			putc_unlocked('[', out);
			harmless_put(out, r->procid, f->ascii, HARMLESS_ONE_LINE);
			putc_unlocked(']', out);
			indent += (int)r->procid.n + 2;
		}
		fputs_unlocked(": ", out);
	}
	fputs_unlocked(colour, out);
	if (meta) {
		fputs_unlocked(f->kind == FORM_CAT ? "-- logvisor " : "", out);
		fprintf(out, "%s: ", meta_kind_name(kind));
	}
	harmless_put(out, without_newlines_at_end(r->msg), f->ascii, indent);
	if (r->truncated)
		fputs_unlocked(" [truncated]", out);
	if (meta && f->kind == FORM_CAT)
		fputs_unlocked(" --", out);
	if (*colour)
		fputs_unlocked("\033[0m", out);
	putc_unlocked('\n', out);
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

void form_put(struct form *f, FILE *out, const struct record *r, struct span leaf, uint64_t index)
{
	struct form_fields fields;

	switch (f->kind) {
	case FORM_JSON:
	case FORM_EXPORT:
		form_fields(f, r, index, &fields);
		if (f->kind == FORM_JSON)
			form_json_put(f, out, &fields);
		else
			form_export_put(f, out, &fields);
		break;
	case FORM_RAW:
	case FORM_FRAMED:
		put_leaf(f, out, leaf);
		break;
	default:
		put_human(f, out, r);
	}
}
