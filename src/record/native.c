/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/native.h"

#include <endian.h>

#include "util/load.h"

#define KEY_MAX 64 /* journal_field_valid(), systemd 252 */

static bool key_ok(struct span k)
{
	if (!k.n || k.n > KEY_MAX || k.p[0] == '_' || (k.p[0] >= '0' && k.p[0] <= '9'))
		return false;
	for (size_t i = 0; i < k.n; i++)
		if (!((k.p[i] >= 'A' && k.p[i] <= 'Z') || (k.p[i] >= '0' && k.p[i] <= '9') || k.p[i] == '_'))
			return false;
	return true;
}

/* The value behind a key's own line. */
static bool sized(struct span *s, struct span *value)
{
	uint64_t len;

	if (s->n < 8)
		return false;
	len = le64toh(load_u64(s->p));
	if (len > s->n - 8 || (len < s->n - 8 && s->p[8 + len] != '\n'))
		return false;
	*value = (struct span){s->p + 8, len};
	s->p += 8 + len;
	s->n -= 8 + len;
	if (s->n) {
		s->p++;
		s->n--;
	}
	return true;
}

bool native_next(struct span *s, struct native_field *out)
{
	while (s->n) {
		struct span rest = *s, line;
		const char *eq;

		if (!span_line(&rest, &line)) { /* the last newline may be missing */
			line = rest;
			rest.p += rest.n;
			rest.n = 0;
		}
		if (!line.n) {
			*s = rest;
			return false;
		}
		eq = memchr(line.p, '=', line.n);
		if (eq) {
			out->key = (struct span){line.p, (size_t)(eq - line.p)};
			out->value = (struct span){eq + 1, line.n - out->key.n - 1};
		} else {
			out->key = line;
			if (line.p[0] == '#' || line.p[0] == '.') { /* "ignored for now" there */
				*s = rest;
				continue;
			}
			if (!sized(&rest, &out->value))
				return false;
		}
		*s = rest;
		if (key_ok(out->key))
			return true;
	}
	return false;
}

bool native_find(struct span s, const char *key, struct span *value)
{
	struct native_field f;

	while (native_next(&s, &f)) {
		if (!span_is(f.key, key))
			continue;
		*value = f.value;
		return true;
	}
	return false;
}
