/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * resume.c - where files go on that were followed before in this boot, by a worker that ended, or was killed: behind the
 * newest line of each that is stored, if what is stored of it is still where it was. What was appended since is
 * told like all that no trap told of.
 */
#include <stdlib.h>
#include <string.h>

#include "source/files/impl.h"
#include "source/files/utmp.h"

#define NAME_OF_BOOT 12 /* digits; the others count restored snapshots (doc/leaf.md) */
#define LOOK 65536      /* records of a channel */
#define LINES 4         /* of a file that have to agree */

struct place {
	uint64_t end;  /* behind the newest that is stored */
	unsigned lines;
	bool settled;
};

struct stored {
	struct files *f;
	struct place *of; /* by entry */
	unsigned open, left; /* of this channel: entries that are not settled; records that may be looked at */
	bool seen;           /* a record of this boot */
};

/* The @n bytes at @off of @e, if the page cache has all of them. */
static bool in_cache(struct files *f, const struct files_entry *e, uint64_t off, void *buf, size_t n)
{
	uint8_t *to = buf;
	bool hole;

	while (n) {
		const size_t left = FILEPAGES_PAGE - (size_t)(off % FILEPAGES_PAGE), step = left < n ? left : n;

		if (filepages_page(&f->mem, &f->pages, e->mapping, off, to, step, &hole) || hole)
			return false;
		off += step;
		to += step;
		n -= step;
	}
	return true;
}

/* Are the @n bytes at @text those at @off of @e? */
static bool has_bytes(struct files *f, const struct files_entry *e, uint64_t off, const char *text, size_t n)
{
	return n <= sizeof(f->chunk) && in_cache(f, e, off, f->chunk, n) && !memcmp(f->chunk, text, n);
}

static bool has_line(struct files *f, const struct files_entry *e, uint64_t off, const struct record *r, uint64_t *end)
{
	const bool whole = !meta_get(r, "brk").n;

	if (off > e->state.size || r->msg.n + whole > e->state.size - off)
		return false;
	*end = off + r->msg.n + whole;
	return has_bytes(f, e, off, r->msg.p, r->msg.n) && (!whole || has_bytes(f, e, *end - 1, "\n", 1));
}

static bool has_login(struct files *f, const struct files_entry *e, uint64_t off, const struct record *r, uint64_t *end)
{
	char text[UTMP_TEXT_MAX];
	uint8_t raw[UTMP_SIZE];
	struct utmp_said said;
	size_t n;

	if (off > e->state.size || UTMP_SIZE > e->state.size - off || !in_cache(f, e, off, raw, sizeof(raw)))
		return false;
	*end = off + UTMP_SIZE;
	n = utmp_text(raw, e->channel == RECORD_BTMP, text, &said);
	return n == r->msg.n && !memcmp(text, r->msg.p, n);
}

/* One that is stored of @e, newer ones were looked at before. */
static void compare(struct stored *k, struct files_entry *e, struct place *at, const struct record *r)
{
	const struct span op = meta_get(r, "op");
	uint64_t off, end = 0;
	bool has;

	if (span_is(op, "overwrite") || span_is(op, "mmap"))
		return;
	has = !op.n && meta_get_u64(r, "off", &off) &&
		(e->channel == RECORD_FILE ? has_line(k->f, e, off, r, &end) : has_login(k->f, e, off, r, &end));
	if (has && !at->lines)
		at->end = end;
	at->lines = has ? at->lines + 1 : op.n ? at->lines : 0;
	at->settled = !has || at->lines == LINES;
	k->open -= at->settled;
}

static int look(void *ctx, const struct source_stored *s)
{
	struct stored *k = ctx;
	const struct span file = meta_get(s->r, "file");

	if (strncmp(s->boot, k->f->out.boot, NAME_OF_BOOT) != 0)
		return 1;
	for (unsigned i = 0; i < k->f->n; i++)
		if (k->f->e[i].follows && !k->of[i].settled && k->f->e[i].channel == s->r->channel && span_is(file, k->f->e[i].path))
			compare(k, &k->f->e[i], &k->of[i], s->r);
	k->seen = true;
	return !--k->left || !k->open;
}

static void go_on(struct files_entry *e, uint64_t end)
{
	e->state.size = end;
	e->told = end / UTMP_SIZE * UTMP_SIZE;
	e->fresh = false;
}

void files_resume(struct files *f)
{
	const struct source_sink *sink = f->out.sink;
	static const enum record_channel channels[] = {RECORD_FILE, RECORD_WTMP, RECORD_BTMP};
	struct stored k = {.f = f, .of = calloc(f->n + 1, sizeof(*k.of))};

	for (unsigned i = 0; k.of && sink->recall && i < sizeof(channels) / sizeof(channels[0]); i++) {
		k.left = LOOK;
		k.open = 0;
		for (unsigned n = 0; n < f->n; n++)
			k.open += f->e[n].follows && f->e[n].channel == channels[i];
		if (k.open && sink->recall(sink->ctx, channels[i], look, &k, NULL) < 0)
			k.seen = true; /* for all that is known */
	}
	for (unsigned i = 0; k.seen && i < f->n; i++) {
		struct files_entry *e = &f->e[i];

		if (!e->follows)
			continue;
		if (k.of[i].lines)
			go_on(e, k.of[i].end);
		else
			f->unknown += e->state.size > 0;
	}
	free(k.of);
}
