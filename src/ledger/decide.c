/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * decide.c - judge what a crash left, or someone put there, from reads alone: either the ledger is refused,
 * or there is a plan.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/entries.h"
#include "ledger/file.h"
#include "ledger/plan.h"
#include "ledger/pruned.h"
#include "util/cleanup.h"

void plan_free(struct plan *p)
{
	survey_free(&p->survey);
	free(p->tail);
	free(p->ups.v);
	free(p->again);
	memset(p, 0, sizeof(*p));
}

/* Room for one more of @size bytes in a list of @n. */
static int more(void *list, size_t n, size_t size)
{
	void *p;

	if (n & (n - 1)) /* its room is the next power of two */
		return 0;
	p = realloc(*(void **)list, (n ? 2 * n : 1) * size);
	if (!p)
		return -ENOMEM;
	*(void **)list = p;
	return 0;
}

int plan_up(struct plan *p, unsigned level, uint64_t index, const struct hash *h)
{
	int r = more(&p->ups.v, p->ups.n, sizeof(*p->ups.v));

	if (!r)
		p->ups.v[p->ups.n++] = (struct plan_up){level, index, *h};
	return r;
}

int plan_again(struct plan *p, uint64_t segment, uint32_t n, bool hashes, bool index)
{
	int r = more(&p->again, p->n_again, sizeof(*p->again));

	if (!r)
		p->again[p->n_again++] = (struct plan_again){segment, n, hashes, index};
	return r;
}

/* A file that will be written to: if it is there it has to be one, and writable. */
static int check_file(int dir, const char *name, struct err *e)
{
	_cleanup_fd_ int fd = file_open(dir, name);

	if (fd < 0 && fd != -ENOENT)
		return err_set(e, file_absent(fd) ? EBADMSG : -fd, "its file '%s' cannot be used: %s", name,
			file_strerror(fd));
	if (fd >= 0 && faccessat(dir, name, W_OK, AT_EACCESS))
		return err_set(e, errno, "its file '%s' cannot be written: %s", name, strerror(errno));
	return 0;
}

int plan_load_size(struct plan *p, int dir, struct err *e)
{
	const struct slot *s = p->slots.s;
	_cleanup_fd_ int fd = file_open(dir, "size");
	int r = fd < 0 ? fd : slots_read(fd, &p->slots);

	if (r && r != -ENOENT)
		return err_set(e, -r, "cannot read its file 'size': %s", file_strerror(r));
	for (unsigned i = 0; i < SLOTS; i++)
		if (s[i].valid && s[i].size == p->sealed && memcmp(&s[i].root, &p->root, sizeof(p->root)))
			return slots_forked(&s[i], e);
	if (!s[0].valid && !s[1].valid && p->sealed)
		return err_set(e, EBADMSG, "its file 'size' is damaged or missing ('logvisor verify' "
			"tells more)");
	p->must = slots_most(&p->slots) > p->sealed ? slots_most(&p->slots) : p->sealed;
	return check_file(dir, "size", e);
}

/* What was pruned, and that a signed record says so; only of what earlier versions pruned none does. */
static int load_pruned(struct plan *p, int dir, struct err *e)
{
	struct prune_record record;
	struct pruned pruned;
	char name[LAYOUT_NAME];
	_cleanup_fd_ int fd = -1;
	struct hash leaf;
	int r;

	r = pruned_load(dir, &pruned);
	if (r || pruned.first > p->sealed)
		return err_set(e, EBADMSG, "its file 'first' is damaged%s%s", r && r != -EBADMSG ? ": " : "",
			r && r != -EBADMSG ? file_strerror(r) : "");
	p->first = p->unproven = pruned.first;
	if (pruned.at == PRUNED_NOWHERE)
		return 0;
	layout_segment(name, pruned.at / LEDGER_SEGMENT, "entries");
	fd = file_open(dir, name);
	r = fd < 0 ? fd : pruned.at < p->sealed ? prune_record_read(fd, &pruned, &record, &leaf) : -EBADMSG;
	if (r == -EBADMSG || file_absent(r))
		return err_set(e, EBADMSG, "its file 'first' says that records 0 to %" PRIu64 " are pruned, and no "
			"signed record says so ('logvisor verify' tells more)", pruned.first - 1);
	if (r)
		return err_set(e, -r, "cannot read '%s': %s", name, file_strerror(r));
	p->unproven = record.unproven;
	return 0;
}

/* ---- the end of the log ---- */

struct walk {
	struct plan *p;
	struct plan_tail *t;
	int fd_hashes;          /* -1: there is no such file */
	struct entries s;
	int error;              /* of an `up` or a slot */
};

/* Whether the stored hash of leaf @k of the segment is @h. */
static bool hash_beside(const struct walk *w, uint64_t k, const struct hash *h)
{
	struct hash old;

	return w->fd_hashes >= 0 &&
		file_pread(w->fd_hashes, &old, sizeof(old), k * LEDGER_HASH) == sizeof(old) &&
		!memcmp(&old, h, sizeof(old));
}

static void take_up(void *ctx, unsigned level, uint64_t index, const struct hash *h)
{
	struct walk *w = ctx;

	if (!w->error)
		w->error = plan_up(w->p, level, index, h);
}

/* Was another tree of this size about to be signed? */
static int check_slots(const struct plan *p, struct err *e)
{
	const struct slot *differs = NULL;

	for (unsigned i = 0; i < SLOTS; i++)
		if (p->slots.s[i].valid && p->slots.s[i].size == p->tree.size)
			differs = slots_differ(&p->slots, &p->tree);
	return differs ? slots_forked(differs, e) : 0;
}

/* Entry after entry to the end of what counts. -EBADMSG: this was a fork, as @e says; or another -errno. */
static int walk(struct walk *w, struct err *e)
{
	struct plan *p = w->p;
	struct plan_tail *t = w->t;

	p->min_us = INT64_MAX;
	p->max_us = INT64_MIN;
	for (; t->n < LEDGER_SEGMENT; t->n++) {
		struct span leaf;
		struct hash h;
		int r;

		if (t->n == t->covered)
			t->unsigned_at = w->s.off;
		r = entries_next(&w->s, &leaf);
		if (r <= 0)
			return r;
		if (t->n >= t->covered) {
			tree_leaf_hash(leaf.p, leaf.n, &h);
			if (!hash_beside(w, t->n, &h))
				return 0;
			tree_add(&p->tree, &h, take_up, w);
			if (w->error)
				return w->error;
			if (check_slots(p, e))
				return -EBADMSG;
		}
		t->end = w->s.off;
		plan_leaf_time(leaf, &p->min_us, &p->max_us);
		if ((t->n + 1) % LEDGER_BUNDLE == 0) {
			t->rows[t->n / LEDGER_BUNDLE] = (struct index_row){t->end, p->min_us, p->max_us};
			p->min_us = INT64_MAX;
			p->max_us = INT64_MIN;
		}
	}
	return 0;
}

/*
 * Are the entries of @t under the checkpoint those that were signed? Asked only where something is to be cut
 * off behind them: what looks torn may be whole, and only stand in another place since some were removed.
 */
static int check_signed(const struct plan *p, int dir, const struct plan_tail *t, struct err *e)
{
	_cleanup_free_ struct plan_segment *seg = malloc(sizeof(*seg));
	uint32_t bundles = t->covered / LEDGER_BUNDLE, loose = t->covered % LEDGER_BUNDLE;
	struct tree last = {0};
	bool same = p->has_last_up || !bundles;
	int r;

	if (!seg)
		return err_set(e, ENOMEM, "out of memory");
	r = plan_hash_entries(dir, t->segment, t->covered, seg);
	if (r)
		return err_set(e, -r, "segment %" PRIu64 " cannot be read: %s", t->segment, file_strerror(r));
	for (uint32_t k = 0; k < loose; k++)
		tree_add(&last, &seg->leaf[bundles * LEDGER_BUNDLE + k], NULL, NULL);
	for (unsigned bit = 0; bit < 8; bit++)
		if (loose >> bit & 1)
			same = same && !memcmp(&last.sub[bit], &p->signed_tree.sub[bit], sizeof(struct hash));
	if (same && !memcmp(seg->up, p->last_up, bundles * sizeof(struct hash)))
		return 0;
	return err_set(e, EBADMSG, "the records of its last segment are not those that were signed; 'logvisor "
		"verify' names what was altered");
}

/*
 * Rows there already stay if they fit: they know the times. Where they do not, entries under the checkpoint
 * have to be those that were signed before they may say otherwise.
 */
static int keep_rows(struct plan *p, int dir, struct plan_tail *t)
{
	_cleanup_free_ struct plan_segment *seg = NULL;
	uint32_t covered = t->covered / LEDGER_BUNDLE;
	uint8_t raw[LAYOUT_ROWS * LAYOUT_ROW];
	_cleanup_fd_ int fd = -1;
	char name[LAYOUT_NAME];
	long got;

	layout_segment(name, t->segment, "index");
	fd = file_open(dir, name);
	got = fd < 0 ? 0 : file_pread(fd, raw, sizeof(raw), 0);
	for (uint32_t b = 0; b < t->n / LEDGER_BUNDLE && got >= (long)((b + 1) * LAYOUT_ROW); b++) {
		struct index_row old;

		index_row_get(raw + (size_t)b * LAYOUT_ROW, &old);
		if (old.end == t->rows[b].end && old.min_us <= t->rows[b].min_us &&
			old.max_us >= t->rows[b].max_us) {
			t->rows[b] = old;
			continue;
		}
		if (b >= covered)
			continue;
		if (!seg) {
			seg = malloc(sizeof(*seg));
			if (!seg)
				return -ENOMEM;
			if (!p->has_last_up || plan_hash_entries(dir, t->segment, t->covered, seg))
				memset(seg, 0, sizeof(*seg));
		}
		if (memcmp(&seg->up[b], &p->last_up[b], sizeof(struct hash)))
			t->rows[b] = old;
	}
	return 0;
}

static int check_tail_files(int dir, uint64_t segment, struct err *e)
{
	static const char *const kinds[] = {"entries", "hashes", "index"};
	char name[LAYOUT_NAME];
	int r = 0;

	for (unsigned i = 0; i < 3 && !r; i++) {
		layout_segment(name, segment, kinds[i]);
		r = check_file(dir, name, e);
	}
	return r;
}

static int read_tail(struct plan *p, int dir, struct plan_tail *t, struct err *e)
{
	struct walk w = {.p = p, .t = t, .fd_hashes = -1};
	_cleanup_fd_ int fd = -1, fd_hashes = -1;
	char name[LAYOUT_NAME];
	int64_t torn;
	int r = check_tail_files(dir, t->segment, e);

	if (r)
		return r;
	layout_segment(name, t->segment, "hashes");
	fd_hashes = file_open(dir, name);
	w.fd_hashes = fd_hashes;
	layout_segment(name, t->segment, "entries");
	fd = file_open(dir, name);
	if (fd == -ENOENT) /* only the first one, of a ledger just made */
		return 0;
	r = fd < 0 ? fd : entries_open(&w.s, fd, 0, UINT64_MAX);
	if (!r) {
		r = walk(&w, e);
		entries_close(&w.s);
	}
	if (!r)
		r = keep_rows(p, dir, t);
	if (r == -EBADMSG)
		return r;
	if (r)
		return err_set(e, -r, "its file '%s' cannot be read: %s", name, file_strerror(r));
	if (t->n < t->covered)
		return err_set(e, EBADMSG, "it holds %" PRIu64 " records of the %" PRIu64 " its checkpoint "
			"covers: records were removed or damaged ('logvisor verify' tells more)",
			t->segment * LEDGER_SEGMENT + t->n, p->sealed);
	torn = file_size(fd) - (int64_t)t->end;
	p->torn_bytes += torn > 0 ? (uint64_t)torn : 0;
	return torn > 0 && t->covered ? check_signed(p, dir, t, e) : 0;
}

/* From the segment of the last leaf signed to where the log ends. */
static int read_tails(struct plan *p, int dir, struct err *e)
{
	uint64_t segment = p->sealed ? (p->sealed - 1) / LEDGER_SEGMENT : 0;

	for (;; segment++) {
		uint64_t start = segment * LEDGER_SEGMENT;
		struct plan_tail *t;
		int r;

		if (more(&p->tail, p->n_tail, sizeof(*p->tail)))
			return err_set(e, ENOMEM, "out of memory");
		t = &p->tail[p->n_tail++];
		memset(t, 0, sizeof(*t));
		t->segment = segment;
		t->covered = p->sealed <= start ? 0 : p->sealed - start < LEDGER_SEGMENT ?
			(uint32_t)(p->sealed - start) : LEDGER_SEGMENT;
		r = read_tail(p, dir, t, e);
		if (r)
			return r;
		if (t->n < LEDGER_SEGMENT || !survey_has(&p->survey, segment + 1))
			return 0;
	}
}

/* Nothing stands where the log will grow that no crash leaves there. */
static int check_foreign(const struct plan *p, int dir, struct err *e)
{
	uint64_t last = p->tail[p->n_tail - 1].segment;
	char name[LAYOUT_NAME];
	int r = survey_foreign(&p->survey, dir, last, name);

	if (r == -EEXIST)
		return err_set(e, EBADMSG, "'%s' does not belong to it: the log ends in segment %" PRIu64
			" after %" PRIu64 " records; see what it is and move it away", name, last, p->tree.size);
	if (r)
		return err_set(e, EBADMSG, "'%s' stands where the log will grow: %s; move it away", name,
			file_strerror(r));
	for (unsigned level = 1; level < LAYOUT_LEVELS && !r; level++) {
		layout_level(name, level);
		r = check_file(dir, name, e);
	}
	return r;
}

int plan_decide(struct plan *p, int dir, struct err *e)
{
	int r;

	p->min_us = INT64_MAX;
	p->max_us = INT64_MIN;
	r = plan_load_size(p, dir, e);
	if (r)
		return r;
	r = load_pruned(p, dir, e);
	if (r)
		return r;
	r = survey_load(dir, &p->survey);
	if (r)
		return err_set(e, -r, "cannot list its directory 'log': %s", file_strerror(r));
	if (p->sealed && !survey_has(&p->survey, (p->sealed - 1) / LEDGER_SEGMENT))
		return err_set(e, EBADMSG, "the file of its last segment, %" PRIu64 ", is missing: records were "
			"removed ('logvisor verify' tells more)", (p->sealed - 1) / LEDGER_SEGMENT);
	r = plan_settle(p, dir, e);
	if (r)
		return r;
	p->tree = p->signed_tree;
	r = read_tails(p, dir, e);
	if (r)
		return r;
	if (p->tree.size < p->must)
		return err_set(e, EBADMSG, "it holds %" PRIu64 " records, and %" PRIu64 " were about to be "
			"signed: records were removed or damaged ('logvisor verify' tells more)",
			p->tree.size, p->must);
	return check_foreign(p, dir, e);
}
