/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/select.h"

#include <string.h>

#include "record/said.h"

/* Where the next place is, at or after @from, at which a record that is meant could be; bytes.n if nowhere. */
static size_t find(const struct selection *s, struct span literal, struct span bytes, size_t from)
{
	const char *p;

	if (!literal.n)
		return pattern_find_literal(s->pattern, bytes, from);
	p = memmem(bytes.p + from, bytes.n - from, literal.p, literal.n);
	return p ? (size_t)(p - bytes.p) : bytes.n;
}

void select_bundle(const struct selection *s, struct scan_bundle *b)
{
	bool by_pattern = s->pattern && *pattern_literal(s->pattern) &&
		!pattern_literal_unsure(s->pattern, b->bytes);
	struct span literal = by_pattern ? (struct span){NULL, 0} : match_literal(&s->match);
	struct span bytes = b->bytes;
	size_t at;

	if (!by_pattern && !literal.n)
		return;
	memset(b->skip, true, sizeof(b->skip));
	at = find(s, literal, bytes, 0);
	for (unsigned int i = 0; i < b->n && at < bytes.n; i++) {
		size_t begin = (size_t)(b->leaf[i].p - bytes.p), end = begin + b->leaf[i].n;

		if (at < begin) /* a hit across the boundary of two entries */
			at = find(s, literal, bytes, begin);
		if (at >= end)
			continue;
		b->skip[i] = false;
		at = find(s, literal, bytes, end);
	}
}

bool select_is_narrow(const struct selection *s)
{
	return s->has_since || s->has_until || s->pattern || s->severity_from > 0 || s->severity_to < 7;
}

bool select_leaf(const struct selection *s, const char *boot, struct span leaf, int64_t time_us,
	uint8_t severity)
{
	char its_boot[16];
	struct span text;
	int channel;

	if ((s->has_since && time_us < s->since_us) || (s->has_until && time_us > s->until_us))
		return false;
	if (severity < s->severity_from || severity > s->severity_to)
		return false;
	if (boot && (!record_peek_boot(leaf.p, leaf.n, its_boot) || memcmp(boot, its_boot, 16) != 0))
		return false;
	if (!s->pattern)
		return true;
	/* Of what programs say only a part is text, which the decoder knows. */
	channel = record_peek_channel(leaf.p, leaf.n);
	if (channel != RECORD_KMSG && channel != RECORD_META)
		return true;
	text = record_peek_text(leaf.p, leaf.n);
	/* What follows the space may be a guarded byte order mark; the decoder knows that too. */
	return (text.n && text.p[0] == ' ') || pattern_match(s->pattern, text) != 0;
}

int select_record(const struct selection *s, const char *boot, const struct record *r, uint64_t index)
{
	struct said said;

	if (boot && !span_is(r->boot, boot))
		return 0;
	if (!facility_in(&s->facilities, r->facility) || (s->kernel && r->channel != RECORD_KMSG) ||
	    !who_record(&s->who, r) || !match_record(&s->match, r, index))
		return 0;
	if (!s->pattern)
		return 1;
	said_of(r, &said);
	return pattern_match(s->pattern, said.text.n ? said.text : r->msg);
}
