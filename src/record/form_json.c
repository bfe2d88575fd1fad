/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * form_json.c - one JSON object (RFC 8259) a line. Every value is a string, as journalctl writes them;
 * a value that is not UTF-8 is an array of its bytes as numbers, a field that occurs more than once an
 * array of its values. Controls and characters that steer a terminal are \u escapes.
 */
#include "record/form.h"
#include "record/harmless.h"
#include "record/utf8.h"

static bool all_utf8(struct span s)
{
	uint32_t cp;
	size_t len;

	for (size_t i = 0; i < s.n; i += len) {
		len = 1;
		if ((unsigned char)s.p[i] < 0x80)
			continue;
		len = utf8_sequence(s.p + i, s.n - i, &cp);
		if (len == 0)
			return false;
	}
	return true;
}

static void put_escape(FILE *out, uint32_t cp)
{
	if (cp == '\n')
		fputs_unlocked("\\n", out);
	else if (cp == '\t')
		fputs_unlocked("\\t", out);
	else if (cp > 0xffff)
		fprintf(out, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10),
			0xdc00 + ((cp - 0x10000) & 0x3ff));
	else
		fprintf(out, "\\u%04x", cp);
}

static void put_string(FILE *out, struct span s, bool ascii)
{
	size_t i = 0, run, len;
	uint32_t cp = 0;

	putc_unlocked('"', out);
	while (i < s.n) {
		for (run = i; run < s.n; run++) {
			unsigned char c = (unsigned char)s.p[run];

			if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
				break;
		}
		if (run > i)
			fwrite_unlocked(s.p + i, 1, run - i, out);
		i = run;
		if (i == s.n)
			break;
		len = utf8_sequence(s.p + i, s.n - i, &cp);
		if (cp == '"' || cp == '\\') {
			putc_unlocked('\\', out);
			putc_unlocked((int)cp, out);
		} else if (cp < 0xa0 || ascii || harmless_is_format(cp)) {
			put_escape(out, cp);
		} else {
			fwrite_unlocked(s.p + i, 1, len, out);
		}
		i += len;
	}
	putc_unlocked('"', out);
}

static void put_value(FILE *out, struct span s, bool ascii)
{
	if (all_utf8(s)) {
		put_string(out, s, ascii);
		return;
	}
	for (size_t i = 0; i < s.n; i++)
		fprintf(out, "%c%u", i ? ',' : '[', (unsigned char)s.p[i]);
	putc_unlocked(']', out);
}

static bool seen_before(const struct form_fields *f, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (span_eq(f->field[k].key, f->field[i].key))
			return true;
	return false;
}

static size_t next_of_same(const struct form_fields *f, size_t i)
{
	size_t k = i + 1;

	while (k < f->n && !span_eq(f->field[k].key, f->field[i].key))
		k++;
	return k;
}

void form_json_put(const struct form *f, FILE *out, const struct form_fields *fields)
{
	for (size_t i = 0; i < fields->n; i++) {
		size_t next;

		if (fields->may_repeat && seen_before(fields, i))
			continue;
		fputs_unlocked(i ? ",\"" : "{\"", out);
		fwrite_unlocked(fields->field[i].key.p, 1, fields->field[i].key.n, out);
		fputs_unlocked("\":", out);
		next = fields->may_repeat ? next_of_same(fields, i) : fields->n;
		if (next == fields->n) {
			put_value(out, fields->field[i].value, f->ascii);
			continue;
		}
		putc_unlocked('[', out);
		put_value(out, fields->field[i].value, f->ascii);
		for (; next < fields->n; next = next_of_same(fields, next)) {
			putc_unlocked(',', out);
			put_value(out, fields->field[next].value, f->ascii);
		}
		putc_unlocked(']', out);
	}
	fputs_unlocked("}\n", out);
}
