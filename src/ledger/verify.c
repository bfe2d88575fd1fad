/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/file.h"
#include "ledger/hashes.h"
#include "ledger/lost.h"
#include "ledger/parts.h"
#include "ledger/pruned.h"
#include "ledger/seal.h"
#include "util/cleanup.h"

#define SUSPECTS 4096 /* differences remembered; more are counted */

const char *finding_name(enum finding_kind k)
{
	static const char *const names[FINDING_KINDS] = {
		[FINDING_ALTERED] = "altered", [FINDING_RANGE] = "altered-range",
		[FINDING_REMOVED] = "removed", [FINDING_INSERTED] = "inserted",
		[FINDING_SWAPPED] = "swapped", [FINDING_ROOT] = "root",
		[FINDING_CHECKPOINT] = "checkpoint", [FINDING_ROLLED_BACK] = "rolled-back",
		[FINDING_KEY] = "key", [FINDING_SIZE] = "size", [FINDING_HASHES] = "hashes", [FINDING_INDEX] = "index",
		[FINDING_SEQUENCE] = "sequence", [FINDING_RECORD] = "record",
	};

	return (unsigned)k < FINDING_KINDS ? names[k] : "?";
}

struct verify {
	int dir;
	const struct verify_options *opt;
	struct verify_sum *sum;
	struct seal seal;
	bool has_checkpoint;
	struct checkpoint since;
	bool since_checked;

	uint64_t from, segments; /* the first to look at, and one past the last */
	struct tree tree;  /* of the leaves found, as far as joined */
	bool broken;       /* leaves are missing: the tree goes no further */
	struct hashes hashes;
	struct continuity continuity;
	struct suspect *suspects;
	size_t n_suspects;
	uint64_t more;     /* suspects beyond SUSPECTS */
};

static void tell(struct verify *v, enum finding_kind kind, uint64_t first, uint64_t last,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void tell(struct verify *v, enum finding_kind kind, uint64_t first, uint64_t last,
	const char *fmt, ...)
{
	struct finding f = {.kind = kind, .first = first, .last = last};
	va_list ap;

	if (v->sum->findings++ >= (v->opt->max_findings ? v->opt->max_findings : 100))
		return;
	va_start(ap, fmt);
	vsnprintf(f.text, sizeof(f.text), fmt, ap);
	va_end(ap);
	v->opt->tell(v->opt->ctx, &f);
}

static void suspect(void *ctx, const struct suspect *s)
{
	struct verify *v = ctx;

	if (v->n_suspects < SUSPECTS)
		v->suspects[v->n_suspects++] = *s;
	else
		v->more++;
}

/* An upper hash of what was found, against the stored one, where no finer difference is known. */
static void check_up(void *ctx, unsigned level, uint64_t index, const struct hash *h)
{
	struct verify *v = ctx;
	uint64_t first = index << (8 * level), last = ((index + 1) << (8 * level)) - 1;
	struct suspect s = {.kind = FINDING_RANGE, .first = first, .last = last};
	struct hash stored;

	if (level < 3)
		return;
	if (!hashes_read(&v->hashes, level, index, 1, &stored) && !memcmp(&stored, h, sizeof(stored)))
		return;
	for (size_t i = 0; i < v->n_suspects; i++)
		if (v->suspects[i].first >= first && v->suspects[i].last <= last)
			return;
	suspect(v, &s);
}

/* Does the tree of the remembered size have the remembered root? */
static void judge_since(struct verify *v, const struct tree *t)
{
	uint64_t size = v->since.size;
	struct hash root;

	tree_root(t, &root);
	v->since_checked = true;
	v->sum->since = !memcmp(&root, &v->since.root, sizeof(root));
	v->sum->since_size = size;
	if (!v->sum->since)
		tell(v, FINDING_ROLLED_BACK, 0, size ? size - 1 : 0, "the first %" PRIu64
			" records are not those of the remembered checkpoint: history was rewritten",
			size);
}

/* The remembered size may lie in this part. */
static void check_since(struct verify *v, const struct part *p)
{
	uint64_t size = v->since.size, start = part_index(p, 0);
	struct tree t = v->tree;

	if (!v->opt->since || size < start || size > start + p->covered || v->broken ||
		v->since_checked || size - start > p->n)
		return;
	for (uint64_t i = 0; i < size - start; i++)
		tree_add(&t, &p->computed[i], NULL, NULL);
	judge_since(v, &t);
}

/* The part's own findings, and its place in the tree. In order. */
static int join(void *ctx, struct part *p)
{
	struct hash row1[LAYOUT_ROWS], row2;
	uint32_t bundles = p->covered / LEDGER_BUNDLE;
	struct verify *v = ctx;
	bool has2, bad;

	if (p->error)
		return p->error;
	if (hashes_read(&v->hashes, 1, p->segment * LAYOUT_ROWS, bundles, row1))
		for (bundles = 0; bundles < p->covered / LEDGER_BUNDLE; bundles++)
			if (hashes_read(&v->hashes, 1, p->segment * LAYOUT_ROWS + bundles, 1,
				    &row1[bundles]))
				break;
	has2 = p->covered == LEDGER_SEGMENT && !hashes_read(&v->hashes, 2, p->segment, 1, &row2);
	bad = !p->same || memcmp(row1, p->up, bundles * sizeof(struct hash)) ||
		bundles < p->covered / LEDGER_BUNDLE;
	if (!bad && has2) {
		struct hash h;

		tree_fold(p->up, LAYOUT_ROWS, &h);
		bad = memcmp(&h, &row2, sizeof(h));
	}
	if (bad && p->covered)
		part_diagnose(p, row1, bundles, has2 ? &row2 : NULL, suspect, v);
	check_since(v, p);
	v->broken = v->broken || p->n < p->covered || p->missing;
	if (!v->broken) {
		uint32_t whole = p->covered / LEDGER_BUNDLE;

		for (uint32_t b = 0; b < whole; b++)
			tree_add_subtree(&v->tree, 8, &p->up[b], check_up, v);
		for (uint32_t k = whole * LEDGER_BUNDLE; k < p->covered; k++)
			tree_add(&v->tree, &p->computed[k], check_up, v);
	}
	if (p->n) {
		v->sum->end = part_index(p, p->n);
		v->sum->torn = p->torn;
	}
	if (p->torn && p->covered == LEDGER_SEGMENT)
		tell(v, FINDING_INSERTED, part_index(p, p->covered - 1), part_index(p, p->covered - 1),
			"%" PRIu64 " bytes that are no record follow record %" PRIu64, p->torn,
			part_index(p, p->n) - 1);
	/* Its youngest rows may be missing after a crash, the file may not. */
	if (p->no_index && !p->missing && p->covered)
		tell(v, FINDING_INDEX, part_index(p, 0), part_index(p, p->covered - 1), "the index of segment %"
			PRIu64 " %s%s: searches by time cannot use it; the records are judged without it",
			p->segment, p->no_index == -ENOENT ? "is missing" : "cannot be read: ",
			p->no_index == -ENOENT ? "" : file_strerror(p->no_index));
	else if (p->bad_rows && !bad)
		tell(v, FINDING_INDEX, part_index(p, p->bad_row * LEDGER_BUNDLE),
			part_index(p, p->bad_row * LEDGER_BUNDLE) + LEDGER_BUNDLE - 1, "the index of "
			"segment %" PRIu64 " is wrong in %" PRIu32 " rows, from record %" PRIu64
			" on: searches by time may miss records; the records are judged without it",
			p->segment, p->bad_rows, part_index(p, p->bad_row * LEDGER_BUNDLE));
	for (uint64_t k = 0; k < p->n_bad && k < PART_BAD; k++)
		tell(v, FINDING_RECORD, part_index(p, p->bad[k].at), part_index(p, p->bad[k].at),
			"record %" PRIu64 " is no record: %s", part_index(p, p->bad[k].at),
			p->bad[k].text);
	if (p->n_bad > PART_BAD)
		v->sum->findings += p->n_bad - PART_BAD;
	if (p->has_time) {
		if (!v->sum->has_time || p->min_us < v->sum->min_us)
			v->sum->min_us = p->min_us;
		if (!v->sum->has_time || p->max_us > v->sum->max_us)
			v->sum->max_us = p->max_us;
		v->sum->has_time = true;
	}
	continuity_join(&v->continuity, &p->continuity);
	return 0;
}

static uint32_t covered_of(const void *ctx, uint64_t segment)
{
	uint64_t start = segment * LEDGER_SEGMENT;
	const struct verify *v = ctx;
	uint64_t size = v->sum->size;

	return size <= start ? 0 : size - start < LEDGER_SEGMENT ? (uint32_t)(size - start) :
		LEDGER_SEGMENT;
}

static void tell_suspects(struct verify *v, bool records_right)
{
	uint64_t from = 0, to = 0, n = 0;

	for (size_t i = 0; i < v->n_suspects; i++) {
		const struct suspect *s = &v->suspects[i];

		if (records_right || s->kind == FINDING_HASHES) {
			/* The records lead to the signed root: what differs from them is wrong. */
			from = n++ ? (s->first < from ? s->first : from) : s->first;
			to = s->last > to ? s->last : to;
			continue;
		}
		switch (s->kind) {
		case FINDING_ALTERED:
			tell(v, s->kind, s->first, s->last, "record %" PRIu64 " was altered%s%s",
				s->first, *s->note ? ": " : "", s->note);
			break;
		case FINDING_SWAPPED:
			tell(v, s->kind, s->first, s->last, "records %" PRIu64 " and %" PRIu64
				" were exchanged", s->first, s->last);
			break;
		case FINDING_REMOVED:
			if (*s->note)
				tell(v, s->kind, s->first, s->last, "records %" PRIu64 " to %" PRIu64
					": %s", s->first, s->last, s->note);
			else if (s->last + 1 == v->sum->size)
				tell(v, s->kind, s->first, s->last, "records %" PRIu64 " to %" PRIu64
					" (%" PRIu64 ") were removed from the end: the checkpoint covers %"
					PRIu64, s->first, s->last, s->last - s->first + 1,
					v->sum->size);
			else
				tell(v, s->kind, s->first, s->last, "records %" PRIu64 " to %" PRIu64
					" (%" PRIu64 ") were removed", s->first, s->last,
					s->last - s->first + 1);
			break;
		case FINDING_INSERTED:
			tell(v, s->kind, s->first, s->last, "something was put in before record %"
				PRIu64, s->first);
			break;
		default:
			tell(v, FINDING_RANGE, s->first, s->last, "among records %" PRIu64 " to %" PRIu64
				" at least one was altered, and its hash with it%s%s", s->first,
				s->last, *s->note ? ": " : "", s->note);
			break;
		}
	}
	if (n)
		tell(v, FINDING_HASHES, from, to, "stored hashes are damaged or missing between records %"
			PRIu64 " and %" PRIu64 "%s", from, to, records_right ?
			"; the records themselves are intact" : "");
	v->sum->findings += v->more;
}

/* Two altered records that have each other's hash were exchanged. */
static void pair_up(struct verify *v)
{
	size_t kept = 0;

	for (size_t i = 0; i < v->n_suspects; i++) {
		struct suspect *a = &v->suspects[i];

		for (size_t k = i + 1; a->kind == FINDING_ALTERED && k < v->n_suspects; k++) {
			struct suspect *b = &v->suspects[k];

			if (b->kind != FINDING_ALTERED ||
				memcmp(&a->computed, &b->stored, sizeof(a->computed)) ||
				memcmp(&b->computed, &a->stored, sizeof(a->stored)))
				continue;
			a->kind = FINDING_SWAPPED;
			a->last = b->first;
			b->kind = FINDING_KINDS;
		}
	}
	for (size_t i = 0; i < v->n_suspects; i++)
		if (v->suspects[i].kind != FINDING_KINDS)
			v->suspects[kept++] = v->suspects[i];
	v->n_suspects = kept;
}

/* The verdict on the tree. */
static void judge(struct verify *v)
{
	bool right = false, lead = false;
	char where[160] = "";
	struct hash root;
	struct tree t;

	if (v->has_checkpoint) {
		tree_root(&v->tree, &root);
		right = !v->broken && v->tree.size == v->sum->size &&
			!memcmp(&root, &v->sum->root, sizeof(root));
		if (!hashes_tree(&v->hashes, v->sum->size, &t)) {
			tree_root(&t, &root);
			lead = !memcmp(&root, &v->sum->root, sizeof(root));
		}
	}
	pair_up(v);
	tell_suspects(v, right);
	if (v->has_checkpoint && right && !lead && !v->n_suspects)
		tell(v, FINDING_HASHES, v->sum->first, v->sum->size - 1,
			"stored hashes are damaged; the records themselves are intact");
	if (!v->has_checkpoint || right || (lead && v->n_suspects))
		return;
	if (!v->n_suspects && v->sum->size % LEDGER_BUNDLE && !v->broken)
		snprintf(where, sizeof(where), "; if the hashes of level 1 and up are right, records %"
			PRIu64 " to %" PRIu64 " differ", v->sum->size - v->sum->size % LEDGER_BUNDLE,
			v->sum->size - 1);
	tell(v, FINDING_ROOT, v->sum->first, v->sum->size ? v->sum->size - 1 : 0, "the records do not "
		"lead to the signed root, nor do the stored hashes: some of these were rewritten with "
		"the records%s", where);
}

static void tell_break(void *ctx, const struct continuity_break *b)
{
	const char *ch = record_channel_name(b->stream->channel);
	int n = (int)b->stream->boot_len;
	const char *boot = b->stream->boot;
	struct verify *v = ctx;

	switch (b->kind) {
	case CONTINUITY_MISSING:
		tell(v, FINDING_SEQUENCE, b->i, b->j, "%s %" PRIu64 " to %" PRIu64 " (%" PRIu64
			") of boot %.*s are missing between records %" PRIu64 " and %" PRIu64
			", and no gap record says so", ch, b->a, b->b, b->b - b->a + 1, n, boot, b->i,
			b->j);
		break;
	case CONTINUITY_TWICE:
		tell(v, FINDING_SEQUENCE, b->i, b->j, "%s %" PRIu64 " to %" PRIu64
			" of boot %.*s are stored twice, at records %" PRIu64 " and %" PRIu64, ch, b->a,
			b->b, n, boot, b->i, b->j);
		break;
	case CONTINUITY_ORDER:
		tell(v, FINDING_SEQUENCE, b->i, b->j, "record %" PRIu64 " has number %" PRIu64 " of %s"
			", boot %.*s, where %" PRIu64 " or more was due", b->i, b->a, ch, n, boot, b->b);
		break;
	case CONTINUITY_EXCHANGED:
		tell(v, FINDING_SEQUENCE, b->i, b->j, "records %" PRIu64 " and %" PRIu64
			" have each other's numbers (%s %" PRIu64 " and %" PRIu64 " of boot %.*s)", b->i,
			b->j, ch, b->a, b->b, n, boot);
		break;
	}
}

/* Load the checkpoint and the key, and say what is wrong with them. 0 or -errno. */
static int load_signed(struct verify *v, struct err *e)
{
	const struct vkey *pin = v->opt->pin;
	struct seal *s = &v->seal;

	seal_load(v->dir, pin, s, NULL);
	v->sum->has_key = pin || !s->on_vkey.error;
	v->sum->key = pin ? *pin : s->key;
	if (s->on_vkey.error)
		tell(v, FINDING_KEY, 0, 0, "%s", s->on_vkey.why.text);
	else if (pin && (memcmp(s->key.pub, pin->pub, sizeof(pin->pub)) ||
		strcmp(s->key.name, pin->name)))
		tell(v, FINDING_KEY, 0, 0, "the ledger has the key %s+%08" PRIx32 ", not %s+%08" PRIx32,
			s->key.name, s->key.id, pin->name, pin->id);
	if (s->on_checkpoint.error) {
		if (!file_absent(s->on_checkpoint.error) && s->on_checkpoint.error != -EBADMSG &&
			s->on_checkpoint.error != -EFBIG)
			return err_set(e, -s->on_checkpoint.error, "%s", s->on_checkpoint.why.text);
		tell(v, FINDING_CHECKPOINT, 0, 0, "%s", s->on_checkpoint.why.text);
		return 0;
	}
	v->has_checkpoint = true;
	v->sum->size = s->checkpoint.size;
	v->sum->root = s->checkpoint.root;
	if (v->sum->has_key && s->on_signature.error)
		tell(v, pin ? FINDING_KEY : FINDING_CHECKPOINT, 0, 0, "%s", s->on_signature.why.text);
	return 0;
}

/* The remembered checkpoint: of this log, by this key, and not beyond what is signed now. */
static int load_since(struct verify *v, struct err *e)
{
	struct err why;
	int r;

	if (!v->opt->since)
		return 0;
	r = checkpoint_parse(v->opt->since, v->opt->since_len, &v->since, &why);
	if (r)
		return err_set(e, EINVAL, "the remembered checkpoint: %s", why.text);
	if (v->sum->has_key && checkpoint_verify(&v->since, &v->sum->key, &why))
		tell(v, FINDING_KEY, 0, 0, "the remembered checkpoint: %s", why.text);
	if (v->has_checkpoint && v->since.size > v->sum->size) {
		tell(v, FINDING_ROLLED_BACK, v->sum->size, v->since.size - 1, "the ledger was rolled "
			"back: its checkpoint covers %" PRIu64 " records, the remembered one %" PRIu64,
			v->sum->size, v->since.size);
	}
	return 0;
}

/* A slot of `size` against what is signed and what is there. */
static void check_size(struct verify *v, uint64_t size, const struct hash *root)
{
	if (size > v->sum->end && size > v->sum->size)
		tell(v, FINDING_ROLLED_BACK, v->sum->end, size - 1, "the ledger was rolled back: %" PRIu64
			" records were signed once, it holds %" PRIu64, size, v->sum->end);
	else if (size == v->sum->size && memcmp(root, &v->sum->root, sizeof(*root)))
		tell(v, FINDING_CHECKPOINT, 0, size - 1, "the checkpoint of %" PRIu64
			" records is not the one its writer signed", size);
}

/*
 * What the writer was about to sign last: always there once something is signed, never less than the
 * checkpoint, and no more than there is.
 */
static void check_size_file(struct verify *v)
{
	char file[LAYOUT_SIZE_SLOT + LAYOUT_SIZE_TEXT] = {0};
	_cleanup_fd_ int fd = file_open(v->dir, "size");
	long got = fd < 0 ? fd : file_pread(fd, file, sizeof(file), 0);
	uint64_t size, most = 0;
	struct hash h;

	if (!v->has_checkpoint || (got == -ENOENT && !v->sum->size))
		return;
	if (got < 0) {
		tell(v, FINDING_SIZE, 0, 0, "the file 'size', which says what its writer was about to sign, "
			"%s%s", got == -ENOENT ? "is missing" : "cannot be read: ",
			got == -ENOENT ? "" : file_strerror((int)got));
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (!layout_size_get(file + i * LAYOUT_SIZE_SLOT, &size, &h))
			continue;
		most = size > most ? size : most;
		check_size(v, size, &h);
	}
	if (most < v->sum->size)
		tell(v, FINDING_SIZE, most, v->sum->size - 1, "the file 'size', which says what its writer was "
			"about to sign, is %s: %s", most ? "damaged or was put back" : "damaged",
			most ? "the checkpoint is younger" : "neither of its two slots is valid");
}

/* A remembered checkpoint that falls into what was pruned away. */
static void check_since_pruned(struct verify *v)
{
	struct tree t;

	if (!v->opt->since || v->since_checked || v->since.size > v->sum->size || v->broken)
		return;
	if (v->since.size >= v->sum->first || hashes_tree(&v->hashes, v->since.size, &t))
		tell(v, FINDING_ROLLED_BACK, 0, v->since.size - 1, "the remembered checkpoint of %"
			PRIu64 " records cannot be checked: what it covered is no longer kept",
			v->since.size);
	else
		judge_since(v, &t);
}

/* Which segments to look at, and the tree of what was pruned before them. */
static int plan(struct verify *v, struct err *e)
{
	uint64_t low, high, count;
	struct pruned pruned;
	int r;

	r = layout_segments(v->dir, &low, &high, &count);
	if ((r == -ENOENT || r == -ENOTDIR) && v->sum->size) {
		tell(v, FINDING_REMOVED, 0, v->sum->size - 1, "the directory 'log' is missing, and with it all %"
			PRIu64 " records that the checkpoint covers", v->sum->size);
		v->broken = true;
		return 0;
	}
	if (r)
		return err_set(e, -r, "not a ledger: its directory 'log': %s", strerror(-r));
	r = pruned_load(v->dir, &pruned);
	v->sum->first = pruned.first;
	if (r) {
		tell(v, FINDING_REMOVED, 0, 0, "the file 'first', which says what was pruned, is damaged");
		v->sum->first = count ? low * LEDGER_SEGMENT : 0;
	}
	if (v->has_checkpoint && v->sum->first > v->sum->size) {
		tell(v, FINDING_REMOVED, 0, v->sum->first - 1, "the file 'first' says that records are "
			"pruned that were never signed");
		v->sum->first = count ? low * LEDGER_SEGMENT : 0;
	}
	v->segments = (v->sum->size + LEDGER_SEGMENT - 1) / LEDGER_SEGMENT;
	/* Signed sizes are hostile too: do not go through 10^14 missing segments one by one. */
	if (v->segments > (count ? high + 1 : 0)) {
		uint64_t have = count ? high + 1 : 0, from = have * LEDGER_SEGMENT;

		if (from < v->sum->first)
			from = v->sum->first;
		tell(v, FINDING_REMOVED, from, v->sum->size - 1, "records %" PRIu64 " to %" PRIu64 " (%"
			PRIu64 ") were removed from the end: the checkpoint covers %" PRIu64, from,
			v->sum->size - 1, v->sum->size - from, v->sum->size);
		v->segments = have;
		v->broken = true;
	} else if (count) {
		v->segments = high + 1;
	}
	v->from = v->sum->first / LEDGER_SEGMENT;
	v->sum->end = v->sum->first;
	if (hashes_tree(&v->hashes, v->sum->first, &v->tree)) {
		tell(v, FINDING_HASHES, 0, v->sum->first - 1, "the hashes kept of the pruned records are "
			"damaged: the root cannot be computed");
		v->broken = true;
	}
	if (count && high - v->from > count + 65536)
		return err_set(e, EBADMSG, "'log' holds a file of segment %" PRIu64 " and only %" PRIu64
			" segments: foreign files?", high, count);
	return 0;
}

static int verify(struct verify *v, struct err *e)
{
	unsigned threads = v->opt->threads ? v->opt->threads : 2;
	struct continuity_sum c;
	int r;

	r = load_signed(v, e);
	if (!r)
		r = load_since(v, e);
	if (!r)
		r = plan(v, e);
	if (r)
		return r;
	r = parts_run(&(struct parts){.dir = v->dir, .from = v->from, .to = v->segments,
		.threads = threads < PARTS_THREADS_MAX ? threads : PARTS_THREADS_MAX,
		.covered = covered_of, .join = join, .ctx = v});
	if (r)
		return err_set(e, -r, "cannot read the records: %s", strerror(-r));
	judge(v);
	check_size_file(v);
	check_since_pruned(v);
	r = continuity_end(&v->continuity, &c, tell_break, v);
	if (r)
		return err_set(e, -r, "out of memory");
	v->sum->boots = c.boots;
	v->sum->gaps = c.gaps;
	/* The gap records of what was pruned are gone; the total carried on is not. */
	v->sum->lost = v->sum->first ? lost_add(c.lost, c.earlier) : c.lost;
	return v->sum->findings ? 1 : 0;
}

int ledger_verify(const char *dir, const struct verify_options *options, struct verify_sum *sum,
	struct err *e)
{
	struct verify v = {.opt = options, .sum = sum};
	int r;

	memset(sum, 0, sizeof(*sum));
	v.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v.dir < 0)
		return err_set(e, errno, "%.200s: %s", dir, strerror(errno));
	hashes_open(&v.hashes, v.dir);
	v.suspects = calloc(SUSPECTS, sizeof(*v.suspects));
	r = v.suspects ? verify(&v, e) : err_set(e, ENOMEM, "out of memory");
	continuity_free(&v.continuity);
	hashes_close(&v.hashes);
	free(v.suspects);
	seal_free(&v.seal);
	close(v.dir);
	return r;
}
