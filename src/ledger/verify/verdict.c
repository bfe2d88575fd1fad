/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verdict.c - what the differences and the roots come to. Up to the largest size whose root the leaves have,
 * the leaves are right and what differs from them is a damaged hash file; beyond it the hashes that lead to a
 * root name the leaves that were altered. A root that neither leaves nor hashes lead to is one of another
 * history: a fork.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ledger/file.h"
#include "ledger/verify/impl.h"

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

static void tell_removed(struct verify *v, const struct suspect *s)
{
	uint64_t n = s->last - s->first + 1;

	if (*s->note)
		verify_tell(v, s->kind, s->first, s->last, "records %" PRIu64 " to %" PRIu64 ": %s", s->first, s->last,
			s->note);
	else if (s->last + 1 == v->sum->size)
		verify_tell(v, s->kind, s->first, s->last, "records %" PRIu64 " to %" PRIu64 " (%" PRIu64
			") were removed from the end: the checkpoint covers %" PRIu64, s->first, s->last, n,
			v->sum->size);
	else
		verify_tell(v, s->kind, s->first, s->last, "records %" PRIu64 " to %" PRIu64 " (%" PRIu64
			") were removed", s->first, s->last, n);
}

static void tell_suspect(struct verify *v, const struct suspect *s)
{
	switch (s->kind) {
	case FINDING_ALTERED:
		verify_tell(v, s->kind, s->first, s->last, "record %" PRIu64 " was altered%s%s", s->first,
			*s->note ? ": " : "", s->note);
		break;
	case FINDING_SWAPPED:
		verify_tell(v, s->kind, s->first, s->last, "records %" PRIu64 " and %" PRIu64 " were exchanged",
			s->first, s->last);
		break;
	case FINDING_REMOVED:
		tell_removed(v, s);
		break;
	case FINDING_INSERTED:
		verify_tell(v, s->kind, s->first, s->last, "something was put in before record %" PRIu64, s->first);
		break;
	default:
		verify_tell(v, FINDING_RANGE, s->first, s->last, "among records %" PRIu64 " to %" PRIu64
			" at least one was altered, and its hash with it%s%s", s->first, s->last,
			*s->note ? ": " : "", s->note);
		break;
	}
}

/* Tell the suspects. True: some of them say where leaves differ. */
static bool tell_suspects(struct verify *v, const struct claim *its)
{
	/* Against a signed root that is not that of the leaves, an unsigned one that is says nothing. */
	uint64_t proven = its && its->state != CLAIM_RIGHT ? 0 : roots_proven(&v->roots);
	uint64_t from = 0, to = 0, n = 0;

	for (size_t i = 0; i < v->n_suspects; i++) {
		const struct suspect *s = &v->suspects[i];

		if (s->last >= proven && s->kind != FINDING_HASHES) {
			tell_suspect(v, s);
			continue;
		}
		from = n++ && from < s->first ? from : s->first;
		to = s->last > to ? s->last : to;
	}
	if (n)
		verify_tell(v, FINDING_HASHES, from, to, "stored hashes are damaged or missing between records %"
			PRIu64 " and %" PRIu64 "%s", from, to, its && to < proven ?
			"; the records themselves are intact" : "");
	v->sum->findings += v->more;
	return v->n_suspects + v->more > n;
}

/* Do the stored hashes lead to the root? */
static bool hashes_lead(struct verify *v, const struct claim *c)
{
	struct hash root;
	struct tree t;

	if (hashes_tree(&v->hashes, c->size, &t))
		return false;
	tree_root(&t, &root);
	return !memcmp(&root, &c->root, sizeof(root));
}

static void tell_fork(struct verify *v, const struct claim *c)
{
	static const char *const by[] = {
		[CLAIM_CHECKPOINT] = "its checkpoint",
		[CLAIM_SLOT] = "the file 'size' (which says what its writer was about to sign)",
		[CLAIM_SINCE] = "the remembered checkpoint",
		[CLAIM_PRUNE] = "the record of what was pruned",
	};
	char right[64] = "";
	uint64_t from = 0;

	for (unsigned i = 0; i < v->roots.n; i++)
		if (v->roots.c[i].state == CLAIM_RIGHT && v->roots.c[i].size < c->size && v->roots.c[i].size > from)
			from = v->roots.c[i].size;
	if (from)
		snprintf(right, sizeof(right), "; of these the first %" PRIu64 " are right", from);
	verify_tell(v, FINDING_FORK, from, c->size ? c->size - 1 : 0, "history was rewritten: the first %" PRIu64
		" records are not those of which %s has the root%s", c->size, by[c->by], right);
}

/* The checkpoint's root is not that of the leaves; @named: it is told already which of them differ. */
static void judge_signed(struct verify *v, const struct claim *c, bool named)
{
	uint64_t tail = c->size % LEDGER_BUNDLE;
	char where[160] = "";

	if ((named || v->n_unreadable) && hashes_lead(v, c))
		return;
	if (roots_proven(&v->roots) >= c->size) {
		tell_fork(v, c);
		return;
	}
	if (!v->n_suspects && tail && !v->broken)
		snprintf(where, sizeof(where), "; if the hashes of level 1 and up are right, records %"
			PRIu64 " to %" PRIu64 " differ", c->size - tail, c->size - 1);
	verify_tell(v, FINDING_ROOT, v->sum->first, c->size ? c->size - 1 : 0, "the records do not "
		"lead to the signed root, nor do the stored hashes: some of these were rewritten with "
		"the records%s", where);
}

/* A root that is kept elsewhere than in the checkpoint (@its), and is not that of the leaves. */
static void judge_other(struct verify *v, const struct claim *c, const struct claim *its, bool named)
{
	bool contradict = its && its->size == c->size && memcmp(&its->root, &c->root, sizeof(c->root));

	/* Alterations that are told, of leaves that the stored hashes still know, explain it. */
	if (named && hashes_lead(v, c))
		return;
	/* So does what was told of the checkpoint, which is as wrong, unless one of the two must be. */
	if (its && its->state != CLAIM_RIGHT && !contradict && c->by != CLAIM_SINCE)
		return;
	tell_fork(v, c);
}

/* What cannot be told any more, or not yet. */
static void judge_open(struct verify *v, const struct claim *c)
{
	if (c->by == CLAIM_SLOT && c->size > v->sum->end && c->size > v->sum->size)
		verify_tell(v, FINDING_ROLLED_BACK, v->sum->end, c->size - 1, "the ledger was rolled back: %" PRIu64
			" records were signed once, it holds %" PRIu64, c->size, v->sum->end);
	if (c->by == CLAIM_SINCE && c->size < v->sum->first)
		verify_tell(v, FINDING_UNCHECKED, 0, c->size ? c->size - 1 : 0, "the remembered checkpoint of %" PRIu64
			" records cannot be checked: records 0 to %" PRIu64 " are pruned, and the hashes kept of "
			"them do not tell the root of so many", c->size, v->sum->first - 1);
}

/* Files where the log will grow that are none of it. */
static void judge_foreign(struct verify *v)
{
	uint64_t end = v->sum->end, last = end ? (end - 1) / LEDGER_SEGMENT : 0;
	char name[LAYOUT_NAME];
	int r;

	if (v->view.on_log)
		return;
	/* Of the next segment there may be a file already; those that are missing are told. */
	if (end && end % LEDGER_SEGMENT == 0 && survey_has(&v->view.survey, last + 1))
		last++;
	if (v->sum->size && last < (v->sum->size - 1) / LEDGER_SEGMENT)
		last = (v->sum->size - 1) / LEDGER_SEGMENT;
	r = survey_foreign(&v->view.survey, v->view.dir, last, name);
	if (r)
		verify_tell(v, FINDING_FOREIGN, end, end, "'%s' is no part of the ledger, which ends after %" PRIu64
			" records%s%s", name, end, r == -EEXIST ? "" : ": ", r == -EEXIST ? "" : file_strerror(r));
}

/* The remembered checkpoint is signed by another key: by one that the log had at that time? */
static void judge_since_key(struct verify *v)
{
	struct checkpoint since;
	struct err why;

	if (!v->other_key || checkpoint_parse(v->opt->since, v->opt->since_len, &since, NULL))
		return;
	for (unsigned i = 0; i < v->sum->n_rekeys; i++)
		if (v->sum->rekey[i].at >= since.size && v->sum->rekey[i].at < v->sum->size &&
			!checkpoint_verify(&since, &v->sum->rekey[i].old, NULL))
			return;
	checkpoint_verify(&since, &v->sum->key, &why);
	verify_tell(v, FINDING_KEY, 0, 0, "the remembered checkpoint: %s", why.text);
}

void verify_judge(struct verify *v)
{
	const struct claim *c = roots_by(&v->roots, CLAIM_CHECKPOINT), *since;
	bool named;

	judge_since_key(v);
	pair_up(v);
	named = tell_suspects(v, c);
	if (c && c->state == CLAIM_RIGHT && !v->n_suspects && !v->level1 && !hashes_lead(v, c))
		verify_tell(v, FINDING_HASHES, v->sum->first, c->size ? c->size - 1 : 0,
			"stored hashes are damaged; the records themselves are intact");
	if (c && c->state != CLAIM_RIGHT)
		judge_signed(v, c, named);
	for (unsigned i = 0; i < v->roots.n; i++) {
		const struct claim *o = &v->roots.c[i];

		if (o != c && o->state == CLAIM_WRONG)
			judge_other(v, o, c, named);
		else if (o->state == CLAIM_OPEN)
			judge_open(v, o);
	}
	judge_foreign(v);
	since = roots_by(&v->roots, CLAIM_SINCE);
	if (!since)
		return;
	v->sum->since = since->state == CLAIM_RIGHT && since->size <= v->sum->size;
	v->sum->since_size = since->size;
}
