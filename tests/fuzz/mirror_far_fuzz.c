/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a mirror may answer. The first byte chooses: a bundle taken apart, a list of logs, or a whole log read whose
 * answers the rest alters. However they are altered, what is given out is what was signed.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mirror/read/fetch.h"

#define LEAVES 300
#define ANSWERS 16

static struct answer {
	char path[128];
	char *data;
	size_t n;
} answers[ANSWERS];
static size_t n_answers;
static struct hash leaves[LEAVES];

static const uint8_t *input;
static size_t left;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void serve(const char *path, const void *data, size_t n)
{
	struct answer *a = &answers[n_answers++];

	snprintf(a->path, sizeof(a->path), "%s", path);
	a->data = malloc(n + 1);
	must(a->data && n_answers <= ANSWERS);
	memcpy(a->data, data, n);
	a->n = n;
}

/* 300 leaves: a full bundle, a partial one, and the tiles above. */
static void build(void)
{
	static uint8_t bundle[2][LEDGER_BUNDLE * 64];
	char note[NOTE_SIGNED_MAX], vkey[NOTE_VKEY_MAX + 1], *pem;
	struct tree t = {0};
	size_t used[2] = {0}, n;
	struct note_key *key = NULL;
	struct hash root, fold;

	for (unsigned i = 0; i < LEAVES; i++) {
		uint8_t *p = bundle[i / 256] + used[i / 256];
		int len = snprintf((char *)p + 2, 60, "leaf %u", i);

		p[0] = 0;
		p[1] = (uint8_t)len;
		used[i / 256] += 2 + (size_t)len;
		tree_leaf_hash(p + 2, (size_t)len, &leaves[i]);
		tree_add(&t, &leaves[i], NULL, NULL);
	}
	tree_root(&t, &root);
	tree_fold(leaves, 256, &fold);
	must(!note_key_generate(&pem, &n, NULL) && !note_key_load(pem, n, "vm", &key, NULL));
	free(pem);
	vkey_format(note_key_vkey(key), vkey);
	n = (size_t)note_sign_checkpoint(key, LEAVES, &root, note, NULL);
	note_key_free(key);
	serve("vkey", vkey, strlen(vkey));
	serve("checkpoint", note, n);
	serve("tile/0/001.p/44", leaves + 256, 44 * sizeof(leaves[0]));
	serve("tile/1/000.p/1", &fold, sizeof(fold));
	serve("tile/0/000", leaves, 256 * sizeof(leaves[0]));
	serve("tile/entries/000", bundle[0], used[0]);
	serve("tile/entries/001.p/44", bundle[1], used[1]);
}

/* An alteration: of answer @which the byte @at becomes @value, or it ends there, or is not there. */
static int get(void *ctx, const char *path, size_t max, char **data, size_t *n, struct err *e)
{
	(void)ctx;
	*data = NULL;
	path = strchr(path, '/') + 1;
	for (size_t i = 0; i < n_answers; i++) {
		if (strcmp(answers[i].path, path))
			continue;
		must(answers[i].n <= max);
		*n = answers[i].n;
		*data = malloc(*n + 1);
		must(*data);
		memcpy(*data, answers[i].data, *n);
		for (size_t k = 0; k + 4 < left; k += 5) {
			size_t at = ((size_t)input[k + 2] << 8 | input[k + 3]) % (*n + 1);

			if (input[k] % n_answers != i)
				continue;
			if (input[k + 1] % 4 == 0)
				*n = at;
			else if (input[k + 1] % 4 == 1)
				goto gone;
			else if (at < *n)
				(*data)[at] = (char)input[k + 4];
		}
		return 0;
	}
gone:
	free(*data);
	*data = NULL;
	return err_set(e, ENOENT, "not there");
}

static void read_log(void)
{
	static struct far f;
	const struct far_server server = {get, NULL};
	struct far_bundle b;
	struct hash root;
	int r = far_open(&f, &server, "vm", NULL, NULL);

	for (uint64_t i = 0; !r && i < 2; i++) {
		if (!far_bundle(&f, i, &b, NULL)) {
			must(b.n == (i ? LEAVES - 256 : 256));
			must(!memcmp(b.leaf, leaves + b.at, b.n * sizeof(leaves[0])));
			for (uint64_t k = 0; k < b.n; k++)
				must(far_leaf(&b, k).p + far_leaf(&b, k).n <= b.data + b.size);
		}
		far_bundle_free(&b);
	}
	if (!r && !far_root(&f, LEAVES, &root, NULL))
		must(!memcmp(&root, &f.checkpoint.root, sizeof(root)));
	far_close(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct far_bundle b = {0};
	struct fetch_log *logs;
	size_t count;

	if (!n_answers)
		build();
	if (!n)
		return 0;
	input = data + 1;
	left = n - 1;
	if (data[0] % 3 == 0) {
		b.n = left ? input[0] + 1u : 1;
		b.data = malloc(left + 1);
		must(b.data);
		memcpy(b.data, input, left);
		b.size = left;
		if (!far_bundle_parse(&b))
			must(b.off[b.n] <= left);
		far_bundle_free(&b);
	} else if (data[0] % 3 == 1) {
		if (!fetch_logs_parse((struct span){(const char *)input, left}, &logs, &count, NULL))
			must(count <= left);
		free(logs);
	} else {
		read_log();
	}
	return 0;
}
