/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/boots.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/scan.h"
#include "record/leaf.h"
#include "record/record.h"
#include "util/cleanup.h"

/* "+5", "-1", "0": a decimal of no more than nine digits. */
static bool offset_of(const char *s, int64_t *out)
{
	struct span digits = span_of(*s == '+' || *s == '-' ? s + 1 : s);
	uint64_t v;

	if (digits.n > 9 || !span_digits(digits, &v))
		return false;
	*out = *s == '-' ? -(int64_t)v : (int64_t)v;
	return true;
}

int boot_choice_parse(const char *text, struct boot_choice *c, struct err *e)
{
	struct boot_choice out = {.wanted = strcmp(text, "all") != 0};
	const char *s = text;

	if (strlen(s) >= BOOT_DIGITS && leaf_boot_ok((struct span){s, BOOT_DIGITS})) {
		memcpy(out.id, s, BOOT_DIGITS);
		s += BOOT_DIGITS;
		if (!strncmp(s, BOOT_PAD, sizeof(BOOT_PAD) - 1))
			s += sizeof(BOOT_PAD) - 1;
		if (*s && *s != '+' && *s != '-')
			goto bad;
	}
	if (out.wanted && (*s || !*out.id) && !offset_of(s, &out.offset))
		goto bad;
	*c = out;
	return 0;
bad:
	return err_set(e, EINVAL,
		"'%.80s' is not a boot: 0 the latest, -1 the one before, 1 the first, the 16 digits of one "
		"(--list-boots) and +N or -N from there, or all", text);
}

static void pass_over(void *ctx, uint64_t from, uint64_t to, const char *why)
{
	(void)ctx;
	(void)from;
	(void)to;
	(void)why; /* show tells it, when it comes there */
}

static struct scan *scan_of(struct ledger_reader *reader, bool backward)
{
	struct scan *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->reader = reader;
	s->damaged = pass_over;
	s->since_us = INT64_MIN;
	s->until_us = INT64_MAX;
	scan_begin(s, ledger_reader_first(reader), ledger_reader_end(reader), backward);
	return s;
}

static struct boot *find(const struct boots *b, const char *id)
{
	/* The latest first: it is nearly always that. */
	for (size_t i = b->n; i-- > 0;)
		if (!memcmp(b->boot[i].id, id, BOOT_DIGITS))
			return &b->boot[i];
	return NULL;
}

static struct boot *add(struct boots *b, const char *id, int64_t us)
{
	struct boot *grown;

	if ((b->n & (b->n - 1)) == 0) { /* full: it grows by powers of two */
		grown = realloc(b->boot, (b->n ? 2 * b->n : 1) * sizeof(*grown));
		if (!grown)
			return NULL;
		b->boot = grown;
	}
	b->boot[b->n] = (struct boot){.first_us = us};
	memcpy(b->boot[b->n].id, id, BOOT_DIGITS);
	return &b->boot[b->n++];
}

int boots_read(struct ledger_reader *reader, struct boots *b, struct err *e)
{
	_cleanup_free_ struct scan *s = scan_of(reader, false);
	char id[BOOT_DIGITS];
	struct span leaf;
	uint8_t severity;
	uint64_t index;
	int64_t us;

	memset(b, 0, sizeof(*b));
	while (s && scan_next(s, &leaf, &index)) {
		struct boot *at;

		if (!record_peek_boot(leaf.p, leaf.n, id) || record_peek(leaf.p, leaf.n, &us, &severity))
			continue;
		at = find(b, id);
		if (!at)
			at = add(b, id, us);
		if (!at)
			return err_set(e, ENOMEM, "out of memory");
		at->last_us = us;
	}
	return s ? 0 : err_set(e, ENOMEM, "out of memory");
}

void boots_free(struct boots *b)
{
	free(b->boot);
	memset(b, 0, sizeof(*b));
}

static int latest(struct ledger_reader *reader, char id[BOOT_DIGITS + 1], struct err *e)
{
	_cleanup_free_ struct scan *s = scan_of(reader, true);
	struct span leaf;
	uint64_t index;

	if (!s)
		return err_set(e, ENOMEM, "out of memory");
	id[BOOT_DIGITS] = 0;
	while (scan_next(s, &leaf, &index))
		if (record_peek_boot(leaf.p, leaf.n, id))
			return 0;
	return err_set(e, ENOENT, "no record names a boot of the guest yet");
}

int boots_choose(struct ledger_reader *reader, const struct boot_choice *c, char id[BOOT_DIGITS + 1],
	struct err *e)
{
	struct boots b;
	int64_t at;
	int r;

	if (!*c->id && c->offset == 0)
		return latest(reader, id, e);
	r = boots_read(reader, &b, e);
	if (r == 0) {
		const struct boot *from = *c->id ? find(&b, c->id) : NULL;

		if (from)
			at = from - b.boot + c->offset;
		else
			at = c->offset > 0 ? c->offset - 1 : (int64_t)b.n - 1 + c->offset;
		if ((*c->id && !from) || at < 0 || at >= (int64_t)b.n)
			r = err_set(e, ENOENT, "no such boot; '--list-boots' lists the %zu there are", b.n);
		else
			memcpy(id, b.boot[at].id, BOOT_DIGITS + 1);
	}
	boots_free(&b);
	return r;
}
