/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/host/kmsg_text.h"

#include <string.h>

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct span unescape(char *s, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++) {
		if (n - i >= 4 && s[i] == '\\' && s[i + 1] == 'x' && hex(s[i + 2]) >= 0 && hex(s[i + 3]) >= 0) {
			s[to++] = (char)(hex(s[i + 2]) << 4 | hex(s[i + 3]));
			i += 3;
		} else {
			s[to++] = s[i];
		}
	}
	return (struct span){s, to};
}

static bool number(struct span *rest, uint64_t *v)
{
	struct span s;

	return span_until(rest, ',', &s) && span_decimal(s, v);
}

/* What is before the next comma, or all of it. False: there is nothing. */
static bool next(struct span *rest, struct span *out)
{
	if (!rest->n)
		return false;
	if (!span_until(rest, ',', out)) {
		*out = *rest;
		rest->n = 0;
	}
	return true;
}

/* caller=T123, a thread; caller=C1, a CPU. */
static void take_caller(struct span s, struct record *r)
{
	const struct span key = span_of("caller=");
	uint64_t id;

	if (s.n <= key.n + 1 || memcmp(s.p, key.p, key.n) != 0 || (s.p[key.n] != 'T' && s.p[key.n] != 'C') ||
		!span_decimal((struct span){s.p + key.n + 1, s.n - key.n - 1}, &id) || id >= 0x80000000)
		return;
	r->has_caller = true;
	r->caller = (uint32_t)id | (s.p[key.n] == 'C' ? 0x80000000 : 0);
}

static bool take_header(struct span head, struct record *r)
{
	uint64_t pri, us;
	struct span s;

	if (!number(&head, &pri) || !number(&head, &r->seq) || !number(&head, &us) || pri >> 3 > 255 || us > UINT64_MAX / 1000)
		return false;
	r->facility = (uint8_t)(pri >> 3);
	r->severity = pri & 7;
	r->has_seq = r->has_guest_ns = true;
	r->guest_ns = us * 1000;
	r->cont = next(&head, &s) && span_is(s, "c");
	while (next(&head, &s))
		take_caller(s, r);
	return true;
}

bool kmsg_parse(char *buf, size_t n, struct record *r)
{
	struct span rest = {buf, n}, head, line;

	memset(r, 0, sizeof(*r));
	if (!span_until(&rest, ';', &head) || !take_header(head, r) || !span_line(&rest, &line))
		return false;
	r->msg = unescape(buf + (line.p - buf), line.n);
	while (span_line(&rest, &line)) {
		static const struct span sub = {" SUBSYSTEM=", 11}, dev = {" DEVICE=", 8};
		bool is_sub = line.n > sub.n && !memcmp(line.p, sub.p, sub.n);
		size_t skip = is_sub ? sub.n : dev.n;

		if (is_sub || (line.n > dev.n && !memcmp(line.p, dev.p, dev.n)))
			*(is_sub ? &r->subsystem : &r->device) = unescape(buf + (line.p - buf) + skip, line.n - skip);
	}
	return true;
}
