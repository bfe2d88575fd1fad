/* SPDX-License-Identifier: BSD-3-Clause */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "cli/pattern.h"

#include <ctype.h>
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

#define LITERAL_MAX 64

/* The JIT's own stack; its 32 KiB on the machine's are too few for "(a|b)*" over a long record. */
#define JIT_STACK_MIN (32 * 1024)
#define JIT_STACK_MAX (1024 * 1024)

struct pattern {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	bool caseless;
	char literal[LITERAL_MAX + 1]; /* lower case if caseless */
	size_t n;
	size_t rare1, rare2; /* positions of its two least common bytes */
};

/* ---- the literal ---- */

/* Rough frequency of bytes in kernel and system logs: the higher the commoner. */
static int commonness(unsigned char c)
{
	static const char order[] = "zqjZQXJ~`^\\{}|?!%&$#@;+*<>\"'YKVWUHGOFBLMNRTDIPECASxvwy"
				    "kbgphfmu_()[]/,=987654lcd32.ns1raoit-:e0 ";
	const char *p = c ? strchr(order, c) : NULL;

	return p ? (int)(p - order) + 1 : 0;
}

static void keep_longest(struct pattern *p, const char *run, size_t *n)
{
	if (*n > p->n) {
		memcpy(p->literal, run, *n);
		p->literal[*n] = 0;
		p->n = *n;
	}
	*n = 0;
}

/* Drop the last character of a run: a quantifier makes it optional. */
static size_t without_last(const char *run, size_t n)
{
	while (n > 0 && ((unsigned char)run[n - 1] & 0xc0) == 0x80)
		n--;
	return n ? n - 1 : 0;
}

/* The end of the class that begins at @s ('['), or NULL if it is not a simple one. */
static const char *skip_class(const char *s)
{
	s++;
	if (*s == '^')
		s++;
	if (*s == ']')
		s++;
	for (; *s && *s != ']'; s++) {
		if (*s == '[')
			return NULL;
		if (*s == '\\' && *++s == 0)
			return NULL;
	}
	return *s ? s : NULL;
}

/* The end of the group that begins at @s ('('), or NULL if it is not a plain one. */
static const char *skip_group(const char *s)
{
	int depth = 0;

	for (; *s; s++) {
		if (*s == '(') {
			if (s[1] == '?' || s[1] == '*')
				return NULL;
			depth++;
		} else if (*s == ')') {
			if (--depth == 0)
				return s;
		} else if (*s == '[') {
			s = skip_class(s);
			if (!s)
				return NULL;
		} else if (*s == '\\') {
			if (!s[1] || strchr("QExcopPNkgK", s[1]))
				return NULL;
			s++;
		}
	}
	return NULL;
}

/*
 * The longest run of plain characters at the top level that every match must contain. Anything not
 * understood for certain means that there is none: the expression alone then decides.
 */
static void find_required(struct pattern *p, const char *s)
{
	char run[LITERAL_MAX];
	size_t n = 0;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '\\') {
			c = (unsigned char)*++s;
			if (isalnum(c)) {
				if (!strchr("dDwWsSbBAzZntrhHvVRX", c))
					goto none;
				keep_longest(p, run, &n);
				continue;
			}
		} else if (c == '|' || c == ')') {
			goto none;
		} else if (c == '(' || c == '[') {
			s = c == '(' ? skip_group(s) : skip_class(s);
			if (!s)
				goto none;
			keep_longest(p, run, &n);
			continue;
		} else if (c == '*' || c == '?' || c == '{') {
			n = without_last(run, n);
			keep_longest(p, run, &n);
			if (c == '{')
				s += strcspn(s, "}") - (strchr(s, '}') == NULL);
			continue;
		} else if (c == '+' || c == '.' || c == '^' || c == '$') {
			keep_longest(p, run, &n);
			continue;
		}
		if (p->caseless && c >= 0x80) {
			keep_longest(p, run, &n);
			continue;
		}
		if (n == LITERAL_MAX)
			keep_longest(p, run, &n);
		run[n++] = (char)(p->caseless ? tolower(c) : c);
	}
	keep_longest(p, run, &n);
	return;
none:
	p->n = 0;
	p->literal[0] = 0;
}

static void choose_rare(struct pattern *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (commonness((unsigned char)p->literal[i]) <
		    commonness((unsigned char)p->literal[p->rare1]))
			p->rare1 = i;
	p->rare2 = p->rare1 ? 0 : p->n - 1;
	for (size_t i = 0; i < p->n; i++)
		if (i != p->rare1 && commonness((unsigned char)p->literal[i]) <
		    commonness((unsigned char)p->literal[p->rare2]))
			p->rare2 = i;
}

const char *pattern_literal(const struct pattern *p)
{
	return p->literal;
}

bool pattern_literal_unsure(const struct pattern *p, struct span s)
{
	/* U+212A KELVIN SIGN, U+017F LATIN SMALL LETTER LONG S: Unicode CaseFolding.txt */
	return p->n && p->caseless && s.n &&
		((strchr(p->literal, 'k') && memmem(s.p, s.n, "\xe2\x84\xaa", 3)) ||
		 (strchr(p->literal, 's') && memmem(s.p, s.n, "\xc5\xbf", 2)));
}

static bool literal_at(const struct pattern *p, const char *s)
{
	for (size_t i = 0; i < p->n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (p->caseless && c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (c != (unsigned char)p->literal[i])
			return false;
	}
	return true;
}

typedef unsigned char block __attribute__((vector_size(16)));
typedef unsigned long long halves __attribute__((vector_size(16)));

static block same_as(unsigned char c)
{
	return (block){0} + c;
}

/* Bits that two cases of a letter differ in, to be set before comparing. */
static unsigned char fold_of(const struct pattern *p, unsigned char c)
{
	return p->caseless && c >= 'a' && c <= 'z' ? 0x20 : 0;
}

size_t pattern_find_literal(const struct pattern *p, struct span s, size_t from)
{
	unsigned char c1, c2;
	block want1, want2, fold1, fold2;
	size_t i = from, last;

	if (p->n == 0)
		return from;
	if (s.n < p->n)
		return s.n;
	last = s.n - p->n;
	c1 = (unsigned char)p->literal[p->rare1];
	c2 = (unsigned char)p->literal[p->rare2];
	want1 = same_as(c1);
	want2 = same_as(c2);
	fold1 = same_as(fold_of(p, c1));
	fold2 = same_as(fold_of(p, c2));
	/* Sixteen places at a time: is one of them where both rare bytes fit? */
	for (; i + sizeof(block) <= last; i += sizeof(block)) {
		block a, b;
		halves both;

		memcpy(&a, s.p + i + p->rare1, sizeof(a));
		memcpy(&b, s.p + i + p->rare2, sizeof(b));
		both = (halves)(((a | fold1) == want1) & ((b | fold2) == want2));
		if ((both[0] | both[1]) == 0)
			continue;
		for (size_t k = i; k < i + sizeof(block); k++)
			if (literal_at(p, s.p + k))
				return k;
	}
	for (; i <= last; i++)
		if (literal_at(p, s.p + i))
			return i;
	return s.n;
}

/* ---- the expression ---- */

/* Has it an upper case letter, other than as the name of an escape (\S, \W)? */
static bool has_upper(const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		else if (isupper((unsigned char)*s))
			return true;
	}
	return false;
}

int pattern_compile(struct pattern **out, const char *text, enum pattern_case how, struct err *e)
{
	struct pattern *p = calloc(1, sizeof(*p));
	uint32_t flags = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
	PCRE2_UCHAR why[128];
	PCRE2_SIZE at;
	int code;

	if (!p)
		return err_set(e, ENOMEM, "out of memory");
	p->caseless = how == PATTERN_IGNORE || (how == PATTERN_SMART && !has_upper(text));
	if (p->caseless)
		flags |= PCRE2_CASELESS;
	p->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, flags, &code, &at, NULL);
	if (!p->code) {
		pcre2_get_error_message(code, why, sizeof(why));
		pattern_free(p);
		return err_set(e, EINVAL, "bad pattern '%.80s': %s at character %zu", text,
			(const char *)why, (size_t)at + 1);
	}
	/* Where the JIT is not to be had the interpreter matches: slower, and the same. */
	pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);
	p->match = pcre2_match_data_create(1, NULL);
	p->context = pcre2_match_context_create(NULL);
	p->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
	if (!p->match || !p->context || !p->stack) {
		pattern_free(p);
		return err_set(e, ENOMEM, "out of memory");
	}
	pcre2_jit_stack_assign(p->context, NULL, p->stack);
	find_required(p, text);
	if (p->n)
		choose_rare(p);
	*out = p;
	return 0;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	pcre2_jit_stack_free(p->stack);
	pcre2_match_context_free(p->context);
	pcre2_match_data_free(p->match);
	pcre2_code_free(p->code);
	free(p);
}

int pattern_match(const struct pattern *p, struct span text)
{
	PCRE2_SPTR s = (PCRE2_SPTR)(text.n ? text.p : "");
	int r = pcre2_match(p->code, s, text.n, 0, 0, p->match, p->context);

	if (r == PCRE2_ERROR_JIT_STACKLIMIT)
		r = pcre2_match(p->code, s, text.n, 0, PCRE2_NO_JIT, p->match, p->context);
	return r >= 0 ? 1 : r == PCRE2_ERROR_NOMATCH ? 0 : -E2BIG;
}
