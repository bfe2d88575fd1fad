/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/cgroup.h"

#define ID_LEN 64
#define UNIT_MAX 255 /* UNIT_NAME_MAX, systemd 252 */

#define SPAN(s) {s, sizeof(s) - 1}

static bool ends(struct span s, struct span with)
{
	return s.n > with.n && !memcmp(s.p + s.n - with.n, with.p, with.n);
}

/* What is between @prefix and @suffix in @s; empty if @s is not so. */
static struct span between(struct span s, const char *prefix, const char *suffix)
{
	struct span a = span_of(prefix), b = span_of(suffix);

	if (s.n <= a.n + b.n || memcmp(s.p, a.p, a.n) != 0 || !ends(s, b))
		return (struct span){NULL, 0};
	return (struct span){s.p + a.n, s.n - a.n - b.n};
}

/* The next component of *@path, which is cut off; a "_" that only makes it differ from the kernel's files too. */
static bool component(struct span *path, struct span *out)
{
	const char *slash;

	while (path->n && *path->p == '/') {
		path->p++;
		path->n--;
	}
	if (!path->n)
		return false;
	slash = memchr(path->p, '/', path->n);
	*out = (struct span){path->p, slash ? (size_t)(slash - path->p) : path->n};
	path->p += out->n;
	path->n -= out->n;
	if (out->n > 1 && *out->p == '_') {
		out->p++;
		out->n--;
	}
	return true;
}

static bool is_slice(struct span c)
{
	return ends(c, span_of(".slice"));
}

/* Types that have processes: a service, a scope, and the commands of a socket, a mount, a swap. */
static bool is_unit(struct span c)
{
	static const struct span type[] = {
		SPAN(".service"), SPAN(".scope"), SPAN(".socket"), SPAN(".mount"), SPAN(".swap"),
	};

	for (size_t i = 0; i < sizeof(type) / sizeof(type[0]) && c.n <= UNIT_MAX; i++)
		if (ends(c, type[i]))
			return true;
	return false;
}

static bool all(struct span s, const char *of)
{
	for (size_t i = 0; i < s.n; i++)
		if (!s.p[i] || !strchr(of, s.p[i]))
			return false;
	return s.n;
}

static struct span container(struct span c)
{
	struct span id = c, name;
	const char *dash;

	if (ends(c, span_of(".scope"))) {
		id.n -= 6;
		dash = memrchr(id.p, '-', id.n);
		if (dash)
			id = (struct span){dash + 1, id.n - (size_t)(dash + 1 - id.p)};
	}
	if (id.n == ID_LEN && all(id, "0123456789abcdef"))
		return id;
	name = between(c, "systemd-nspawn@", ".service");
	return name.n ? name : between(c, "machine-", ".scope");
}

void cgroup_parse(struct span path, struct cgroup_said *o)
{
	struct span c;

	*o = (struct cgroup_said){0};
	while (component(&path, &c)) {
		struct span uid = between(c, "user-", ".slice"), id = container(c);

		if (!o->unit.n && is_slice(c))
			o->slice = c;
		if (!o->unit.n && is_unit(c))
			o->unit = c;
		else if (o->unit.n && !o->user_unit.n && between(o->unit, "user@", ".service").n && is_unit(c))
			o->user_unit = c;
		if (!o->owner_uid.n && all(uid, "0123456789"))
			o->owner_uid = uid;
		if (!o->session.n)
			o->session = between(c, "session-", ".scope");
		if (id.n)
			o->container = id;
	}
}
