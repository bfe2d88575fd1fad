/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/pane.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "ledger/seal.h"

void pane_flush(struct pane *v)
{
	uint64_t from = v->bad_from, to = v->bad_to;

	if (from == to)
		return;
	v->damages++;
	fflush(stdout);
	if (to - from == 1)
		cli_failf("%s: record %" PRIu64 " is damaged and left out (%.300s)", v->name, from,
			v->bad_why.text);
	else
		cli_failf("%s: records %" PRIu64 " to %" PRIu64 " are damaged and left out (%.300s)", v->name,
			from, to - 1, v->bad_why.text);
	v->bad_from = v->bad_to = 0;
}

/* Neighbours become one message, with the first one's reason. */
static void report_damage(void *ctx, uint64_t from, uint64_t to, const char *why)
{
	struct pane *v = ctx;

	if (v->quiet)
		return;
	if (v->bad_from < v->bad_to && from == v->bad_to) {
		v->bad_to = to;
	} else if (v->bad_from < v->bad_to && to == v->bad_from) {
		v->bad_from = from;
	} else {
		pane_flush(v);
		v->bad_from = from;
		v->bad_to = to;
		err_set(&v->bad_why, EBADMSG, "%s", why);
	}
}

static bool pick(void *ctx, struct scan_bundle *b)
{
	const struct pane *v = ctx;

	select_bundle(v->select, b);
	return true;
}

void pane_begin(struct pane *v, uint64_t from, uint64_t to, bool backward)
{
	v->scan.reader = v->reader;
	v->scan.since_us = v->select->has_since ? v->select->since_us : INT64_MIN;
	v->scan.until_us = v->select->has_until ? v->select->until_us : INT64_MAX;
	v->scan.select = pick;
	v->scan.damaged = report_damage;
	v->scan.ctx = v;
	v->has = false;
	v->narrow = v->boot || select_is_narrow(v->select);
	scan_begin(&v->scan, from, to, backward);
}

/* Is the leaf a record that is selected? If so it is in v->r. */
static bool take(struct pane *v, struct span leaf, uint64_t index)
{
	struct err e;
	int64_t time_us;
	uint8_t severity;
	int r;

	if (v->narrow && !record_peek(leaf.p, leaf.n, &time_us, &severity) &&
	    !select_leaf(v->select, v->boot, leaf, time_us, severity))
		return false;
	e.text[0] = '\0'; /* not all 512 bytes, for each record */
	if (record_decode(leaf.p, leaf.n, &v->r, v->scratch, sizeof(v->scratch), &e)) {
		report_damage(v, index, index + 1, e.text);
		return false;
	}
	if (!form_shows(&v->form, &v->r))
		return false;
	r = select_record(v->select, v->boot, &v->r, index);
	if (r < 0 && !v->quiet && v->undecided++ == 0)
		v->undecided_first = index;
	return r > 0;
}

static bool advance(struct pane *v)
{
	if (v->has)
		return true;
	while (scan_next(&v->scan, &v->leaf, &v->index))
		if (take(v, v->leaf, v->index))
			return v->has = true;
	return false;
}

struct pane *panes_next(struct panes *all)
{
	struct pane *best = NULL;

	for (size_t i = 0; i < all->n; i++) {
		struct pane *v = all->pane[i];

		if (!advance(v))
			continue;
		/* Of equal ones the first ledger's comes first, and so backwards last. */
		if (!best || (all->backward ? v->r.time_us >= best->r.time_us
					    : v->r.time_us < best->r.time_us))
			best = v;
	}
	if (best)
		best->has = false;
	return best;
}

int pane_open(struct pane **out, const char *store, const char *name, struct err *e)
{
	struct pane *v = calloc(1, sizeof(*v));
	char dir[4096];
	int r;

	*out = v;
	if (!v)
		return err_set(e, ENOMEM, "out of memory");
	r = cli_ledger_there(store, name, dir, sizeof(dir), e);
	if (r)
		return r;
	snprintf(v->name, sizeof(v->name), "%s", name);
	/* Before the reader looks: a writer never has fewer records than it has signed. */
	seal_size(dir, &v->sealed);
	r = ledger_reader_open(&v->reader, dir, e);
	if (r)
		err_prefix(e, "%.64s", name);
	v->parts = parts_new(dir);
	if (!r && !v->parts)
		r = err_set(e, ENOMEM, "out of memory");
	return r;
}

void pane_close(struct pane *v)
{
	if (!v)
		return;
	ledger_reader_close(v->reader);
	parts_free(v->parts);
	free(v);
}

void pane_finish(struct pane *v)
{
	uint64_t end = ledger_reader_end(v->reader);

	pane_flush(v);
	if (end < v->sealed) {
		v->damages++;
		cli_failf("%s: records %" PRIu64 " to %" PRIu64 " were signed and are not there", v->name, end,
			v->sealed - 1);
	}
	if (v->damages)
		cli_failf("%s: damaged in %" PRIu64 " %s; 'logvisor verify %s' tells more", v->name, v->damages,
			v->damages == 1 ? "place" : "places", v->name);
	if (v->undecided)
		cli_failf("%s: the pattern is too costly for %" PRIu64 " %s (the first is %" PRIu64
			"): whether it matches there is unknown; try a simpler one", v->name, v->undecided,
			v->undecided == 1 ? "record" : "records", v->undecided_first);
}
