/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gather.c - what has to hold: who signed, how much, which roots are named, what was pruned and who says so;
 * and from it which segments are to be gone through.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "ledger/file.h"
#include "ledger/layout.h"
#include "ledger/verify/impl.h"
#include "util/cleanup.h"

/* The checkpoint and the key, and what is wrong with them. 0 or -errno. */
static int gather_signed(struct verify *v, struct err *e)
{
	const struct vkey *pin = v->opt->pin;
	const struct seal *s = &v->view.seal;

	v->sum->has_key = pin || !s->on_vkey.error;
	v->sum->key = pin ? *pin : s->key;
	if (s->on_vkey.error)
		verify_tell(v, FINDING_KEY, 0, 0, "%s", s->on_vkey.why.text);
	else if (pin && (memcmp(s->key.pub, pin->pub, sizeof(pin->pub)) ||
		strcmp(s->key.name, pin->name)))
		verify_tell(v, FINDING_KEY, 0, 0, "the ledger has the key %s+%08" PRIx32 ", not %s+%08" PRIx32,
			s->key.name, s->key.id, pin->name, pin->id);
	if (!s->on_vkey.error && v->opt->name && !vkey_is_of(&s->key, v->opt->name))
		verify_tell(v, FINDING_NAME, 0, 0, "the key here is that of the ledger '%s', and not of '%s', which "
			"this is to be: ledgers were exchanged, or the directory was renamed", s->key.name,
			v->opt->name);
	if (s->on_checkpoint.error) {
		if (!file_absent(s->on_checkpoint.error) && s->on_checkpoint.error != -EBADMSG &&
			s->on_checkpoint.error != -EFBIG)
			return err_set(e, -s->on_checkpoint.error, "%s", s->on_checkpoint.why.text);
		verify_tell(v, FINDING_CHECKPOINT, 0, 0, "%s", s->on_checkpoint.why.text);
		return 0;
	}
	v->has_checkpoint = true;
	v->sum->size = s->checkpoint.size;
	v->sum->root = s->checkpoint.root;
	roots_add(&v->roots, CLAIM_CHECKPOINT, s->checkpoint.size, &s->checkpoint.root);
	if (v->sum->has_key && s->on_signature.error)
		verify_tell(v, pin ? FINDING_KEY : FINDING_CHECKPOINT, 0, 0, "%s", s->on_signature.why.text);
	return 0;
}

/* The remembered checkpoint: of this log, by this key, and not beyond what is signed now. */
static int gather_since(struct verify *v, struct err *e)
{
	struct checkpoint since;
	struct err why;
	int r;

	if (!v->opt->since)
		return 0;
	r = checkpoint_parse(v->opt->since, v->opt->since_len, &since, &why);
	if (r)
		return err_set(e, EINVAL, "the remembered checkpoint: %s", why.text);
	/* Of another log neither size nor root says anything: nothing here is accused of it. */
	if (v->sum->has_key && !span_eq(since.origin, span_of(v->sum->key.name))) {
		verify_tell(v, FINDING_KEY, 0, 0, "the remembered checkpoint is of the ledger '%.*s', and not of '%s': "
			"is it the right file? It was not compared",
			(int)(since.origin.n > 200 ? 200 : since.origin.n), since.origin.p, v->sum->key.name);
		return 0;
	}
	roots_add(&v->roots, CLAIM_SINCE, since.size, &since.root);
	r = v->sum->has_key ? checkpoint_verify(&since, &v->sum->key, &why) : 0;
	/* Not by this key: the records may tell of another one before. */
	v->other_key = r == -ENOENT;
	if (r && !v->other_key)
		verify_tell(v, FINDING_KEY, 0, 0, "the remembered checkpoint: %s", why.text);
	if (v->has_checkpoint && since.size > v->sum->size)
		verify_tell(v, FINDING_ROLLED_BACK, v->sum->size, since.size - 1, "the ledger was rolled "
			"back: its checkpoint covers %" PRIu64 " records, the remembered one %" PRIu64,
			v->sum->size, since.size);
	return 0;
}

/*
 * What the writer was about to sign last: always there once something is signed, and never less than the
 * checkpoint.
 */
static void gather_size(struct verify *v)
{
	const struct slots *s = &v->view.slots;
	uint64_t most = slots_most(s);
	int r = v->view.on_size;

	for (unsigned i = 0; i < SLOTS; i++)
		if (s->s[i].valid)
			roots_add(&v->roots, CLAIM_SLOT, s->s[i].size, &s->s[i].root);
	if (!v->has_checkpoint || (r == -ENOENT && !v->sum->size))
		return;
	if (r)
		verify_tell(v, FINDING_SIZE, 0, 0, "the file 'size', which says what its writer was about to sign, "
			"%s%s", r == -ENOENT ? "is missing" : "cannot be read: ",
			r == -ENOENT ? "" : file_strerror(r));
	else if (most < v->sum->size)
		verify_tell(v, FINDING_SIZE, most, v->sum->size - 1, "the file 'size', which says what its writer "
			"was about to sign, is %s: %s", most ? "damaged or was put back" : "damaged",
			most ? "the checkpoint is younger" : "neither of its two slots is valid");
}

/* The prune record that `first` names. Its signature is the checkpoint's, if the leaves lead to that. */
static int read_prune(struct verify *v)
{
	const struct pruned *p = &v->view.pruned;
	_cleanup_fd_ int fd = -1;
	struct hash leaf;

	if (p->at >= v->sum->size)
		return -EBADMSG;
	fd = view_open(&v->view, p->at / LEDGER_SEGMENT, VIEW_ENTRIES);
	return fd < 0 ? fd : prune_record_read(fd, p, &v->prune, &leaf);
}

/* What is not there any more has to be pruned, and signed for. */
static void gather_pruned(struct verify *v)
{
	const struct pruned *p = &v->view.pruned;
	uint64_t low = v->view.count ? v->view.low * LEDGER_SEGMENT : 0;
	uint64_t end = v->view.count ? (v->view.high + 1) * LEDGER_SEGMENT : 0;
	int r = 0;

	v->sum->first = p->first;
	v->sum->prune_record = p->at;
	if (v->view.on_first) {
		verify_tell(v, FINDING_REMOVED, 0, 0, "the file 'first', which says what was pruned, is damaged");
		v->sum->first = low;
	} else if (p->first > (v->has_checkpoint ? v->sum->size : end)) {
		verify_tell(v, FINDING_REMOVED, 0, p->first - 1, "the file 'first' says that records are "
			"pruned that were never signed");
		v->sum->first = low;
	} else if (p->first && p->at == PRUNED_NOWHERE) {
		verify_tell(v, FINDING_REMOVED, 0, p->first - 1, "records 0 to %" PRIu64 " are gone, and no signed "
			"record says that they were pruned: they were removed, or pruned by a version that did "
			"not write one", p->first - 1);
	} else if (p->first && (r = read_prune(v)) != 0 && r != -EBADMSG && !file_absent(r)) {
		verify_tell(v, FINDING_UNCHECKED, 0, p->first - 1, "whether records 0 to %" PRIu64 " were pruned cannot "
			"be checked: record %" PRIu64 ", which would say so, cannot be read: %s", p->first - 1, p->at,
			file_strerror(r));
	} else if (p->first && r) {
		verify_tell(v, FINDING_REMOVED, 0, p->first - 1, "records 0 to %" PRIu64 " were removed: the file "
			"'first' says that they were pruned, and record %" PRIu64 ", which it names for that, "
			"does not", p->first - 1, p->at);
	} else if (p->first) {
		v->pruned = true;
		roots_add(&v->roots, CLAIM_PRUNE, p->first, &v->prune.root);
	}
	if (v->pruned && v->prune.unproven)
		verify_tell(v, FINDING_UNCHECKED, 0, v->prune.unproven - 1, "records 0 to %" PRIu64 " are gone, and "
			"nothing signed says that they were pruned: a version did it that wrote no record of it, or "
			"they were removed before record %" PRIu64 " was signed", v->prune.unproven - 1, p->at);
}

/* Which segments to look at. */
static int gather_segments(struct verify *v, struct err *e)
{
	const struct view *w = &v->view;
	uint64_t have = w->count ? w->high + 1 : 0, from = have * LEDGER_SEGMENT;

	if ((w->on_log == -ENOENT || w->on_log == -ENOTDIR) && v->sum->size) {
		verify_tell(v, FINDING_REMOVED, 0, v->sum->size - 1, "the directory 'log' is missing, and with it all %"
			PRIu64 " records that the checkpoint covers", v->sum->size);
		v->broken = true;
		return 0;
	}
	if (w->on_log)
		return err_set(e, -w->on_log, "not a ledger: its directory 'log': %s", strerror(-w->on_log));
	gather_pruned(v);
	/* Signed sizes are hostile too: do not go through 10^14 missing segments one by one. */
	if (v->sum->size > from) {
		from = from < v->sum->first ? v->sum->first : from;
		verify_tell(v, FINDING_REMOVED, from, v->sum->size - 1, "records %" PRIu64 " to %" PRIu64 " (%" PRIu64
			") were removed from the end: the checkpoint covers %" PRIu64, from, v->sum->size - 1,
			v->sum->size - from, v->sum->size);
		v->broken = true;
	}
	v->from = v->sum->first / LEDGER_SEGMENT;
	v->segments = have > v->from ? have : v->from;
	v->sum->end = v->sum->first;
	return 0;
}

/* The tree of what was pruned, from the hashes of level 1 of each segment. */
static int tree_from_level1(struct verify *v, struct tree *t)
{
	struct hash row[LAYOUT_ROWS], sub;
	int r = 0;

	memset(t, 0, sizeof(*t));
	for (uint64_t s = 0; s < v->from && !r; s++) {
		r = hashes_read(&v->hashes, 1, s * LAYOUT_ROWS, LAYOUT_ROWS, row);
		if (!r && hashes_hole(row, LAYOUT_ROWS))
			r = -ENODATA;
		if (r)
			break;
		tree_fold(row, LAYOUT_ROWS, &sub);
		tree_add_subtree(t, 16, &sub, NULL, NULL);
	}
	return r;
}

/* The tree to begin with. If its root is not the one signed for, the hashes of level 1 may do better. */
static void gather_tree(struct verify *v)
{
	struct tree t;
	struct claim *c;
	int r = hashes_tree(&v->hashes, v->sum->first, &v->tree);

	if (!r)
		roots_judge(&v->roots, &v->tree);
	c = roots_by(&v->roots, CLAIM_PRUNE);
	if ((r || (c && c->state == CLAIM_WRONG)) && v->sum->first && !tree_from_level1(v, &t)) {
		struct hash root;

		tree_root(&t, &root);
		if (!c || !memcmp(&root, &c->root, sizeof(root))) {
			v->tree = t;
			v->level1 = true;
			roots_judge(&v->roots, &t);
			verify_tell(v, FINDING_HASHES, 0, v->sum->first - 1, "the hashes of level 2 and up that are "
				"kept of the pruned records are damaged or missing; those of level 1 stand in");
			r = 0;
		}
	}
	if (r) {
		verify_tell(v, FINDING_HASHES, 0, v->sum->first - 1, "the hashes kept of the pruned records are "
			"damaged: the root cannot be computed");
		v->broken = true;
	} else {
		roots_judge_pruned(&v->roots, &v->hashes, &v->tree);
	}
}

int verify_gather(struct verify *v, struct err *e)
{
	int r = gather_signed(v, e);

	if (!r)
		r = gather_since(v, e);
	if (r)
		return r;
	gather_size(v);
	r = gather_segments(v, e);
	if (!r)
		gather_tree(v);
	return r;
}
