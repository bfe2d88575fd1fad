/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * form_json.c - one JSON object (RFC 8259) a line. Every value is a string, as journalctl writes them;
 * a value that is not UTF-8 is an array of its bytes as numbers, a field that occurs more than once an
 * array of its values. Controls and characters that steer a terminal are \u escapes.
 */
#include "record/form.h"
#include "record/harmless.h"
#include "record/leaf.h"
#include "record/utf8.h"

/* A record is some seventy pieces, too many for a call of stdio each: they are gathered here. */
struct json {
	char *p, *end;
	FILE *out;
	char buf[4096];
};

/* Bytes that stand for themselves in a string. */
static const bool plain[256] = {[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true};

static void flush(struct json *j)
{
	fwrite_unlocked(j->buf, 1, (size_t)(j->p - j->buf), j->out);
	j->p = j->buf;
}

static void put(struct json *j, const char *s, size_t n)
{
	if ((size_t)(j->end - j->p) < n) {
		flush(j);
		if (n > sizeof(j->buf)) {
			fwrite_unlocked(s, 1, n, j->out);
			return;
		}
	}
	memcpy(j->p, s, n);
	j->p += n;
}

#define put_literal(j, s) put(j, s, sizeof(s) - 1)

/* Is one of eight bytes a control, a quote, a backslash, or not US-ASCII? */
static inline bool special(const char *s)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t x, quote, slash;

	memcpy(&x, s, sizeof(x));
	quote = x ^ ones * '"';
	slash = x ^ ones * '\\';
	return ((x | (x - ones * ' ') | (x + ones) | (quote - ones) | (slash - ones)) & high) != 0;
}

static inline size_t plain_run(struct span s, size_t i)
{
	size_t from = i;

	while (s.n - i >= 8 && !special(s.p + i))
		i += 8;
	if (i > from && s.n - i < 8 && !special(s.p + s.n - 8))
		return s.n - from; /* the last eight, some of them again */
	while (i < s.n && plain[(unsigned char)s.p[i]])
		i++;
	return i - from;
}

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

static void put_u16(struct json *j, unsigned int unit)
{
	static const char hex[] = "0123456789abcdef";
	const char s[] = {'\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15],
		hex[unit & 15]};

	put(j, s, sizeof(s));
}

static void put_escape(struct json *j, uint32_t cp)
{
	if (cp == '\n') {
		put_literal(j, "\\n");
	} else if (cp == '\t') {
		put_literal(j, "\\t");
	} else if (cp > 0xffff) {
		put_u16(j, 0xd800 + ((cp - 0x10000) >> 10));
		put_u16(j, 0xdc00 + ((cp - 0x10000) & 0x3ff));
	} else {
		put_u16(j, cp);
	}
}

/* A string in which not all is plain; the first @run bytes are. */
static void put_escaped(struct json *j, struct span s, size_t run, bool ascii)
{
	uint32_t cp = 0;

	put_literal(j, "\"");
	for (size_t i = 0, len; i < s.n; i += len, run = plain_run(s, i)) {
		put(j, s.p + i, run);
		i += run;
		if (i == s.n)
			break;
		len = utf8_sequence(s.p + i, s.n - i, &cp);
		if (cp == '"' || cp == '\\') {
			const char both[] = {'\\', (char)cp};

			put(j, both, sizeof(both));
		} else if (cp < 0xa0 || ascii || harmless_is_format(cp)) {
			put_escape(j, cp);
		} else {
			put(j, s.p + i, len);
		}
	}
	put_literal(j, "\"");
}

static void put_bytes(struct json *j, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char digits[4], *end = digits + sizeof(digits), *p = leaf_decimal(end, (unsigned char)s.p[i]);

		*--p = i ? ',' : '[';
		put(j, p, (size_t)(end - p));
	}
	put_literal(j, "]");
}

/* One that is no plain string, or of several. */
static void put_value(struct json *j, struct span s, bool ascii)
{
	size_t run = plain_run(s, 0);

	if (run == s.n || all_utf8(s))
		put_escaped(j, s, run, ascii);
	else
		put_bytes(j, s);
}

/* Without the comma, if it is the first. */
static struct span json_key(const struct form_field *f, bool first)
{
	return (struct span){f->json_key.p + first, f->json_key.n - first};
}

static bool seen_before(const struct form_fields *f, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (span_eq(f->field[k].json_key, f->field[i].json_key))
			return true;
	return false;
}

static size_t next_of_same(const struct form_fields *f, size_t i)
{
	size_t k = i + 1;

	while (k < f->n && !span_eq(f->field[k].json_key, f->field[i].json_key))
		k++;
	return k;
}

static void put_field(struct json *j, const struct form_field *f, bool first, bool ascii)
{
	struct span key = json_key(f, first), value = f->value;

	if ((f->plain || plain_run(value, 0) == value.n) && key.n + value.n < sizeof(j->buf)) {
		if ((size_t)(j->end - j->p) <= key.n + value.n)
			flush(j);
		span_copy(j->p, key);
		span_copy(j->p + key.n, value);
		j->p += key.n + value.n;
		*j->p++ = '"';
		return;
	}
	put(j, key.p, key.n - 1);
	put_value(j, value, ascii);
}

/* The field and those of the same key after it, of which @next is the first. */
static void put_array(struct json *j, const struct form_fields *fields, size_t i, size_t next, bool ascii)
{
	struct span key = json_key(&fields->field[i], i == 0);

	put(j, key.p, key.n - 1);
	put_literal(j, "[");
	put_value(j, fields->field[i].value, ascii);
	for (; next < fields->n; next = next_of_same(fields, next)) {
		put_literal(j, ",");
		put_value(j, fields->field[next].value, ascii);
	}
	put_literal(j, "]");
}

void form_json_put(const struct form *f, FILE *out, const struct form_fields *fields)
{
	struct json j;

	j.out = out;
	j.p = j.buf;
	j.end = j.buf + sizeof(j.buf);
	put_literal(&j, "{");
	for (size_t i = 0; i < fields->n; i++) {
		size_t next = fields->n;

		if (fields->may_repeat) {
			if (seen_before(fields, i))
				continue;
			next = next_of_same(fields, i);
		}
		if (next < fields->n)
			put_array(&j, fields, i, next, f->ascii);
		else
			put_field(&j, &fields->field[i], i == 0, f->ascii);
	}
	put_literal(&j, "}\n");
	flush(&j);
}
