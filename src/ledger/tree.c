/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/tree.h"

#include <endian.h>
#include <errno.h>
#include <openssl/sha.h>
#include <string.h>

/*
 * The low-level interface, deprecated in OpenSSL 3.0, costs one call per hash; EVP costs an indirect
 * dispatch and a locked reference count on each, more than the hashing of a leaf with SHA-NI.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Hash @n bytes, whole blocks that carry their padding already. */
static void blocks(const uint8_t *data, size_t n, struct hash *out)
{
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, data, n);
	for (unsigned i = 0; i < 8; i++) {
		uint32_t word = htobe32(c.h[i]);

		memcpy(out->b + 4 * i, &word, sizeof(word));
	}
}

/* Append SHA-256's padding (FIPS 180-4 section 5.1.1) to @n bytes; returns the padded length. */
static size_t pad(uint8_t *buf, size_t n)
{
	size_t total = (n + 9 + 63) / 64 * 64;
	uint64_t bits = htobe64((uint64_t)n * 8);

	buf[n] = 0x80;
	memset(buf + n + 1, 0, total - n - 1);
	memcpy(buf + total - sizeof(bits), &bits, sizeof(bits));
	return total;
}

void tree_leaf_hash(const void *leaf, size_t n, struct hash *out)
{
	uint8_t buf[1024];
	SHA256_CTX c;

	buf[0] = 0x00;
	if (n <= sizeof(buf) - 10) {
		memcpy(buf + 1, leaf, n);
		blocks(buf, pad(buf, n + 1), out);
		return;
	}
	SHA256_Init(&c);
	SHA256_Update(&c, buf, 1);
	SHA256_Update(&c, leaf, n);
	SHA256_Final(out->b, &c);
}

void tree_node_hash(const struct hash *left, const struct hash *right, struct hash *out)
{
	uint8_t buf[128];

	buf[0] = 0x01;
	memcpy(buf + 1, left->b, LEDGER_HASH);
	memcpy(buf + 1 + LEDGER_HASH, right->b, LEDGER_HASH);
	blocks(buf, pad(buf, 1 + 2 * LEDGER_HASH), out);
}

void tree_sha256(const void *data, size_t n, struct hash *out)
{
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, data, n);
	SHA256_Final(out->b, &c);
}

#pragma GCC diagnostic pop

void tree_add_subtree(struct tree *t, unsigned height, const struct hash *root,
	void (*up)(void *ctx, unsigned level, uint64_t index, const struct hash *h), void *ctx)
{
	uint64_t leaves = (uint64_t)1 << height;
	struct hash h = *root;

	for (; t->size >> height & 1; height++) {
		tree_node_hash(&t->sub[height], &h, &h);
		if (up && (height + 1) % 8 == 0)
			up(ctx, (height + 1) / 8, t->size >> (height + 1), &h);
	}
	t->sub[height] = h;
	t->size += leaves;
}

void tree_add(struct tree *t, const struct hash *leaf,
	void (*up)(void *ctx, unsigned level, uint64_t index, const struct hash *h), void *ctx)
{
	tree_add_subtree(t, 0, leaf, up, ctx);
}

void tree_root(const struct tree *t, struct hash *out)
{
	unsigned height;

	if (t->size == 0) {
		tree_sha256("", 0, out);
		return;
	}
	height = (unsigned)__builtin_ctzll(t->size);
	*out = t->sub[height];
	for (height++; height < 64; height++)
		if (t->size >> height & 1)
			tree_node_hash(&t->sub[height], out, out);
}

void tree_fold(const struct hash *h, size_t n, struct hash *out)
{
	struct hash level[LEDGER_BUNDLE / 2];

	if (n == 1) {
		*out = h[0];
		return;
	}
	for (size_t i = 0; i < n / 2; i++)
		tree_node_hash(&h[2 * i], &h[2 * i + 1], &level[i]);
	for (n /= 2; n > 1; n /= 2)
		for (size_t i = 0; i < n / 2; i++)
			tree_node_hash(&level[2 * i], &level[2 * i + 1], &level[i]);
	*out = level[0];
}

int tree_check_inclusion(uint64_t index, uint64_t size, const struct hash *leaf,
	const struct hash *path, size_t n, const struct hash *root)
{
	uint64_t node = index, last;
	struct hash h = *leaf;

	if (index >= size)
		return -EBADMSG;
	last = size - 1;
	/* RFC 9162 section 2.1.3.2 has the algorithm that RFC 6962 leaves to the reader. */
	for (size_t i = 0; i < n; i++) {
		if (last == 0)
			return -EBADMSG;
		if ((node & 1) || node == last) {
			tree_node_hash(&path[i], &h, &h);
			while (!(node & 1) && node) {
				node >>= 1;
				last >>= 1;
			}
		} else {
			tree_node_hash(&h, &path[i], &h);
		}
		node >>= 1;
		last >>= 1;
	}
	return last == 0 && !memcmp(h.b, root->b, LEDGER_HASH) ? 0 : -EBADMSG;
}
