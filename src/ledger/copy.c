/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/copy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "ledger/file.h"
#include "ledger/hashes.h"
#include "ledger/plan.h"
#include "ledger/seal.h"
#include "ledger/writer.h"
#include "util/io.h"

const struct vkey *copy_signer(const struct checkpoint *c, const struct copy_keys *keys, struct err *e)
{
	err_set(e, ENOENT, "no key of the log is known");
	for (size_t i = 0; i < keys->n; i++)
		if (!checkpoint_verify(c, &keys->key[i], e))
			return &keys->key[i];
	return NULL;
}

static int put_vkey(const struct ledger *l, const struct vkey *key, struct err *e)
{
	char text[NOTE_VKEY_MAX + 2];
	int r;

	vkey_format(key, text);
	strcat(text, "\n");
	r = file_replace(l->dir, "vkey", text, strlen(text), 0644);
	return r ? err_set(e, -r, "cannot write its vkey: %s", file_strerror(r)) : 0;
}

static bool same_key(const struct seal *s, const struct vkey *key)
{
	return !s->on_vkey.error && !strcmp(s->key.name, key->name) &&
		!memcmp(s->key.pub, key->pub, sizeof(key->pub));
}

/* The file vkey tells by which key the checkpoint is; a crash between the two leaves it one key ahead. */
static int open_copy(struct ledger *l, const void *arg, struct ledger_recovery *rec, struct err *e)
{
	const struct copy_keys *keys = arg;
	const struct vkey *key = keys->n ? &keys->key[keys->n - 1] : NULL;
	struct tree empty = {0};
	struct hash root;
	struct seal seal;
	int r = 0;

	tree_root(&empty, &root);
	seal_load(l->dir, NULL, &seal, NULL);
	rec->created = seal.on_checkpoint.error == -ENOENT;
	if (rec->created) {
		if (io->mkdirat(l->dir, "log", 0755) && errno != EEXIST)
			r = err_set(e, errno, "cannot create 'log': %s", strerror(errno));
		if (!r)
			r = writer_sync_parent(l, e);
	} else if (seal.on_checkpoint.error) {
		r = err_set(e, EBADMSG, "%s", seal.on_checkpoint.why.text);
	} else {
		key = copy_signer(&seal.checkpoint, keys, e);
		root = seal.checkpoint.root;
	}
	if (!r && !key)
		r = -EBADMSG;
	if (!r && !same_key(&seal, key))
		r = put_vkey(l, key, e);
	if (!r)
		r = writer_mend(l, rec->created ? 0 : seal.checkpoint.size, &root, rec, e);
	seal_free(&seal);
	return r;
}

int copy_open(struct ledger **out, const char *dir, const struct copy_keys *keys, struct ledger_recovery *rec,
	struct err *e)
{
	return writer_open(out, dir, open_copy, keys, rec, e);
}

int copy_append(struct ledger *l, struct span leaf, const struct hash *h, struct err *e)
{
	int64_t min = INT64_MAX, max = INT64_MIN;

	plan_leaf_time(leaf, &min, &max);
	return writer_append(l, leaf, h, min, max, e);
}

int copy_leaf_hashes(struct ledger *l, uint64_t from, uint64_t n, struct hash *out)
{
	uint64_t stored = from >= l->committed ? 0 : l->committed - from < n ? l->committed - from : n;
	struct hashes h;
	int r = 0;

	if (from + n > l->tree.size)
		return -ENODATA;
	hashes_open(&h, l->dir);
	if (stored)
		r = hashes_read(&h, 0, from, stored, out);
	hashes_close(&h);
	if (!r && stored < n)
		memcpy(out + stored, l->hashes + (from + stored - l->committed), (n - stored) * sizeof(*out));
	return r;
}

/* The root of the first @size leaves; all is in the files. */
static int root_at(const struct ledger *l, uint64_t size, struct hash *root)
{
	struct tree tree = l->tree;
	struct hashes h;
	int r = 0;

	if (size != l->tree.size) {
		hashes_open(&h, l->dir);
		r = hashes_tree(&h, size, &tree);
		hashes_close(&h);
	}
	if (!r)
		tree_root(&tree, root);
	return r;
}

int copy_seal(struct ledger *l, const struct checkpoint *c, const struct vkey *key, struct span note, struct err *e)
{
	struct hash root;
	struct seal seal;
	int r;

	if (c->size < copy_least(l))
		return err_set(e, ESTALE, "a checkpoint of %" PRIu64 " records after one of %" PRIu64, c->size,
			copy_least(l));
	if (c->size > l->tree.size)
		return err_set(e, ENODATA, "%" PRIu64 " of the checkpoint's %" PRIu64 " records are here",
			l->tree.size, c->size);
	r = ledger_commit(l, e);
	if (r)
		return r;
	r = root_at(l, c->size, &root);
	if (r)
		return err_set(e, -r, "its hashes cannot be read: %s", file_strerror(r));
	if (memcmp(&root, &c->root, sizeof(root)))
		return err_set(e, EBADMSG, "the records here are not those of the checkpoint of %" PRIu64
			" records: files were changed ('logvisor verify' tells more)", c->size);
	if (c->size > l->must)
		r = writer_size(l, c->size, &root, e);
	if (r)
		return r;
	seal_load(l->dir, NULL, &seal, NULL);
	if (!same_key(&seal, key))
		r = put_vkey(l, key, e);
	seal_free(&seal);
	if (r)
		return r;
	r = file_replace(l->dir, "checkpoint", note.p, note.n, 0644);
	if (r)
		return err_set(e, -r, "cannot write 'checkpoint': %s", file_strerror(r));
	l->sealed = c->size;
	return 0;
}

uint64_t copy_least(const struct ledger *l)
{
	return l->must > l->sealed ? l->must : l->sealed;
}
