/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/pruned.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ledger/entries.h"
#include "ledger/file.h"
#include "ledger/layout.h"
#include "record/meta.h"
#include "util/base64.h"
#include "util/cleanup.h"

static bool segment_start(uint64_t index)
{
	return index % LEDGER_SEGMENT == 0 && index / LEDGER_SEGMENT < LAYOUT_SEGMENTS;
}

static bool parse(struct span text, struct pruned *out)
{
	struct span line;

	if (!span_line(&text, &line) || !span_decimal(line, &out->first) || !segment_start(out->first))
		return false;
	if (!text.n)
		return true;
	return span_line(&text, &line) && span_decimal(line, &out->at) && !text.n && out->first &&
		out->at >= out->first && out->at != PRUNED_NOWHERE;
}

int pruned_load(int dir, struct pruned *out)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r;

	*out = (struct pruned){0, PRUNED_NOWHERE};
	r = file_load(dir, "first", PRUNED_TEXT, &text, &n);
	if (r == -ENOENT)
		return 0;
	if (!r && !parse((struct span){text, n}, out))
		r = -EBADMSG;
	if (r)
		*out = (struct pruned){0, PRUNED_NOWHERE};
	return r;
}

int pruned_put(const struct pruned *p, char out[PRUNED_TEXT])
{
	return snprintf(out, PRUNED_TEXT, "%" PRIu64 "\n%" PRIu64 "\n", p->first, p->at);
}

int prune_record_get(struct span leaf, struct prune_record *out)
{
	_cleanup_free_ struct record *r = malloc(sizeof(*r));
	_cleanup_free_ char *scratch = malloc(RECORD_LEAF_MAX);
	enum meta_kind kind;
	struct span root, unproven;

	if (!r || !scratch)
		return -ENOMEM;
	if (record_decode(leaf.p, leaf.n, r, scratch, RECORD_LEAF_MAX, NULL) || !meta_is(r, &kind) ||
		kind != META_PRUNE)
		return -EBADMSG;
	root = meta_get(r, "root");
	unproven = meta_get(r, "unproven");
	out->unproven = 0;
	if (!span_decimal(meta_get(r, "from"), &out->from) ||
		!span_decimal(meta_get(r, "first"), &out->first) ||
		(unproven.n && !span_decimal(unproven, &out->unproven)) ||
		base64_decode(root.p, root.n, out->root.b, LEDGER_HASH) != LEDGER_HASH)
		return -EBADMSG;
	return segment_start(out->first) && out->from < out->first && out->unproven < out->first ? 0 :
		-EBADMSG;
}

int prune_record_read(int fd, const struct pruned *p, struct prune_record *out, struct hash *leaf)
{
	uint64_t left = p->at % LEDGER_SEGMENT;
	struct entries s;
	struct span bytes;
	int r;

	r = entries_open(&s, fd, 0, UINT64_MAX);
	if (r)
		return r;
	do
		r = entries_next(&s, &bytes);
	while (r == 1 && left--);
	if (r == 1) {
		r = prune_record_get(bytes, out);
		tree_leaf_hash(bytes.p, bytes.n, leaf);
	} else if (r == 0) {
		r = -EBADMSG;
	}
	entries_close(&s);
	return r ? r : out->first == p->first ? 0 : -EBADMSG;
}
