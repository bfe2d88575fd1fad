/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/files/glob.h"

#include <errno.h>
#include <string.h>

/* ---- within a component ---- */

/* The bracket expression at p->p, of which '[' is taken already: does it have @c? False in *ok: it has no end. */
static bool bracket(struct span *p, char c, bool *ok)
{
	bool invert = p->n && (*p->p == '!' || *p->p == '^'), in = false, first = true;

	if (invert) {
		p->p++;
		p->n--;
	}
	for (; p->n && (first || *p->p != ']'); first = false) {
		unsigned char lo = (unsigned char)p->p[0], hi = lo;
		size_t step = 1;

		if (p->n > 2 && p->p[1] == '-' && p->p[2] != ']') {
			hi = (unsigned char)p->p[2];
			step = 3;
		}
		in |= (unsigned char)c >= lo && (unsigned char)c <= hi;
		p->p += step;
		p->n -= step;
	}
	*ok = p->n > 0;
	if (p->n) {
		p->p++;
		p->n--;
	}
	return in != invert;
}

/* One byte @c against what is at the beginning of @p, which is not '*'; @p goes on behind it. */
static bool one(struct span *p, char c)
{
	const char want = *p->p;
	bool ok, in;

	p->p++;
	p->n--;
	if (want == '?')
		return true;
	if (want != '[')
		return want == c;
	in = bracket(p, c, &ok);
	return ok && in;
}

/* The last '*' met is the only one to try again with. */
static bool component(struct span p, struct span s)
{
	struct span star = {NULL, 0}, from = {NULL, 0};

	while (s.n) {
		struct span next = p;

		if (p.n && *p.p == '*') {
			star = p = (struct span){p.p + 1, p.n - 1};
			from = s;
		} else if (p.n && one(&next, *s.p)) {
			p = next;
			s = (struct span){s.p + 1, s.n - 1};
		} else if (star.p) {
			from = s = (struct span){from.p + 1, from.n - 1};
			p = star;
		} else {
			return false;
		}
	}
	while (p.n && *p.p == '*')
		p = (struct span){p.p + 1, p.n - 1};
	return !p.n;
}

/* ---- of components ---- */

/* The first component of *@s, which begins with a slash; it is taken off. */
static struct span first(struct span *s)
{
	struct span c = {s->p + 1, 0};

	while (c.n + 1 < s->n && c.p[c.n] != '/')
		c.n++;
	*s = (struct span){c.p + c.n, s->n - 1 - c.n};
	return c;
}

int glob_check(struct span pattern, struct err *e)
{
	struct span rest = pattern, p;
	bool ok = true;

	if (!pattern.n || *pattern.p != '/' || pattern.n > GLOB_MAX)
		return err_set(e, EINVAL, "'%.*s' is not a pattern of paths, such as /var/log/**",
			(int)(pattern.n < 80 ? pattern.n : 80), pattern.n ? pattern.p : "");
	while (rest.n) {
		struct span c = first(&rest);

		if (!c.n || span_is(c, ".") || span_is(c, ".."))
			return err_set(e, EINVAL, "'%.*s': no path has a component '%.*s'",
				(int)(pattern.n < 80 ? pattern.n : 80), pattern.p, (int)c.n, c.p);
		for (p = c; p.n && ok;) {
			p = (struct span){p.p + 1, p.n - 1};
			if (p.p[-1] == '[')
				bracket(&p, 'a', &ok);
		}
		if (!ok)
			return err_set(e, EINVAL, "'%.*s': there is no ']'", (int)(pattern.n < 80 ? pattern.n : 80),
				pattern.p);
	}
	return 0;
}

bool glob_match(struct span pattern, struct span path)
{
	struct span star = {NULL, 0}, from = {NULL, 0};

	while (path.n) {
		struct span p = pattern, s = path, want = {NULL, 0};

		if (p.n)
			want = first(&p);
		if (p.p && want.p && span_is(want, "**") && pattern.n) {
			if (!p.n)
				return true;
			star = pattern = p;
			from = path;
		} else if (pattern.n && component(want, first(&s))) {
			pattern = p;
			path = s;
		} else if (star.p) {
			first(&from);
			path = from;
			pattern = star;
		} else {
			return false;
		}
	}
	return !pattern.n;
}

bool glob_below(struct span pattern, struct span dir)
{
	if (span_is(dir, "/"))
		dir.n = 0;
	while (dir.n) {
		struct span want;

		if (!pattern.n)
			return false;
		want = first(&pattern);
		if (span_is(want, "**"))
			return true;
		if (!component(want, first(&dir)))
			return false;
	}
	return pattern.n > 0;
}
