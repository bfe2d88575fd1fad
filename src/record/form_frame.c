/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * form_frame.c - the JSON object in other clothes: laid out for people (json-pretty), as a server-sent
 * event (json-sse; html.spec.whatwg.org), as a text sequence (json-seq, RFC 7464).
 */
#include <stdlib.h>

#include "record/form.h"

#define RECORD_SEPARATOR 0x1e /* RFC 7464 section 2.2 */

static void new_line(FILE *out, int depth)
{
	putc_unlocked('\n', out);
	for (; depth > 0; depth--)
		putc_unlocked('\t', out);
}

/* Break a line of JSON that has no space outside its strings, as journalctl lays it out. */
static void put_pretty(FILE *out, const char *s, size_t n)
{
	bool string = false;
	int depth = 0;

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (string) {
			putc_unlocked(c, out);
			if (c == '\\' && i + 1 < n)
				putc_unlocked(s[++i], out);
			else if (c == '"')
				string = false;
			continue;
		}
		if (c == '}' || c == ']')
			new_line(out, --depth);
		if (c == ':')
			fputs_unlocked(" : ", out);
		else
			putc_unlocked(c, out);
		if (c == '{' || c == '[')
			new_line(out, ++depth);
		else if (c == ',')
			new_line(out, depth);
		string = c == '"';
	}
}

void form_json_framed_put(const struct form *f, FILE *out, const struct form_fields *fields)
{
	char *text = NULL;
	size_t n = 0;
	FILE *line;

	if (f->kind == FORM_JSON_SEQ && !f->terminal)
		putc_unlocked(RECORD_SEPARATOR, out);
	if (f->kind == FORM_JSON_SSE)
		fputs_unlocked("data: ", out);
	if (f->kind != FORM_JSON_PRETTY) {
		form_json_put(f, out, fields);
		if (f->kind == FORM_JSON_SSE)
			putc_unlocked('\n', out);
		return;
	}
	line = open_memstream(&text, &n);
	if (!line) {
		form_json_put(f, out, fields); /* out of memory: as JSON it is as good */
		return;
	}
	form_json_put(f, line, fields);
	if (fclose(line) || !text)
		form_json_put(f, out, fields);
	else
		put_pretty(out, text, n);
	free(text);
}
