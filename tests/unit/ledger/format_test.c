/* SPDX-License-Identifier: BSD-3-Clause */
/* Known answers: what other implementations, specifications and doc/format.md say the bytes are. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/file.h"
#include "ledger/layout.h"
#include "ledger/note.h"
#include "ledger/proof.h"
#include "ledger/tiles.h"
#include "ledger/tree.h"
#include "unit/ledger/fixture.h"
#include "util/base64.h"

static void hex(const struct hash *h, char out[65])
{
	for (unsigned i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", h->b[i]);
}

/* The leaves and roots of the Certificate Transparency project's own tests. */
static void ct_vectors(void **state)
{
	static const struct {
		const char *leaf;
		size_t n;
		const char *root;
	} v[] = {
		{"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
		{"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
		{"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
		{"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
		{"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
		{"\x40\x41\x42\x43", 4,
			"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
		{"\x50\x51\x52\x53\x54\x55\x56\x57", 8,
			"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
		{"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
			"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
	};
	struct tree t = {0};
	struct hash h;
	char text[65];

	(void)state;
	tree_root(&t, &h);
	hex(&h, text);
	assert_string_equal(text,
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	for (size_t i = 0; i < 8; i++) {
		tree_leaf_hash(v[i].leaf, v[i].n, &h);
		tree_add(&t, &h, NULL, NULL);
		tree_root(&t, &h);
		hex(&h, text);
		assert_string_equal(text, v[i].root);
	}
}

/* Leaves of every length around the block sizes, against SHA-256 in one go. */
static void leaf_hash_lengths(void **state)
{
	static uint8_t buf[65536];
	struct hash a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i * 7);
	buf[0] = 0;
	for (size_t n = 0; n < 2200; n++) {
		tree_leaf_hash(buf + 1, n, &a);
		tree_sha256(buf, n + 1, &b);
		assert_memory_equal(&a, &b, sizeof(a));
	}
	tree_leaf_hash(buf + 1, 65535, &a);
	tree_sha256(buf, 65536, &b);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void naive_root(const struct hash *leaf, uint64_t n, struct hash *out)
{
	struct hash l, r;
	uint64_t k = 1;

	if (n == 1) {
		*out = *leaf;
		return;
	}
	while (2 * k < n)
		k *= 2;
	naive_root(leaf, k, &l);
	naive_root(leaf + k, n - k, &r);
	tree_node_hash(&l, &r, out);
}

/* RFC 6962 section 2.1.1, word for word. */
static size_t naive_path(const struct hash *leaf, uint64_t m, uint64_t n, struct hash *path)
{
	uint64_t k = 1;
	size_t d;

	if (n == 1)
		return 0;
	while (2 * k < n)
		k *= 2;
	d = m < k ? naive_path(leaf, m, k, path) : naive_path(leaf + k, m - k, n - k, path);
	naive_root(m < k ? leaf + k : leaf, m < k ? n - k : k, &path[d]);
	return d + 1;
}

static void inclusion(void **state)
{
	struct hash leaf[70], path[64], root;

	(void)state;
	for (unsigned i = 0; i < 70; i++)
		tree_leaf_hash(&i, sizeof(i), &leaf[i]);
	for (uint64_t n = 1; n <= 70; n++) {
		naive_root(leaf, n, &root);
		for (uint64_t m = 0; m < n; m++) {
			size_t d = naive_path(leaf, m, n, path);

			assert_int_equal(tree_check_inclusion(m, n, &leaf[m], path, d, &root), 0);
			/* No other leaf, place, size, or length of path will do. */
			assert_true(tree_check_inclusion(m, n, &leaf[(m + 1) % 70], path, d,
				&root));
			assert_true(tree_check_inclusion(m, n, &leaf[m], path, d + 1, &root));
			if (d)
				assert_true(tree_check_inclusion(m, n, &leaf[m], path, d - 1,
					&root));
			for (uint64_t o = 0; o < n; o++)
				if (o != m)
					assert_true(tree_check_inclusion(o, n, &leaf[m], path, d,
						&root));
			assert_true(tree_check_inclusion(n, n, &leaf[m], path, d, &root));
		}
	}
}

/* c2sp.org/signed-note, "Example": its key. The note there is no checkpoint. */
static void specification_key(void **state)
{
	static const char text[] = "example.com/foo+530d903a+"
		"AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
	char again[NOTE_VKEY_MAX + 1], bad[sizeof(text)];
	struct vkey k;
	struct err e;

	(void)state;
	assert_int_equal(vkey_parse(text, strlen(text), &k, &e), 0);
	assert_string_equal(k.name, "example.com/foo");
	assert_int_equal(k.id, 0x530d903a);
	vkey_format(&k, again);
	assert_string_equal(again, text);
	for (size_t i = 0; i < strlen(text); i++) {
		memcpy(bad, text, sizeof(text));
		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		assert_int_equal(vkey_parse(bad, strlen(bad), &k, &e), -EINVAL);
	}
}

static void signed_checkpoint(void **state)
{
	char note[NOTE_SIGNED_MAX], more[2 * NOTE_SIGNED_MAX], *pem;
	struct note_key *key;
	struct checkpoint c;
	struct hash root;
	struct vkey other;
	struct err e;
	size_t n_pem;
	long n;

	(void)state;
	memset(&root, 7, sizeof(root));
	assert_int_equal(note_key_generate(&pem, &n_pem, &e), 0);
	assert_int_equal(note_key_load(pem, n_pem, "host.example/vm", &key, &e), 0);
	n = note_sign_checkpoint(key, 1234567, &root, note, &e);
	assert_true(n > 0);
	assert_int_equal(checkpoint_parse(note, (size_t)n, &c, &e), 0);
	assert_int_equal(c.size, 1234567);
	assert_memory_equal(&c.root, &root, sizeof(root));
	assert_true(span_is(c.origin, "host.example/vm"));
	assert_int_equal(checkpoint_verify(&c, note_key_vkey(key), &e), 0);
	/* Cosignatures by others before and after ours do not matter. */
	snprintf(more, sizeof(more), "%.*s\xe2\x80\x94 witness.example AAAAAAAA\n%.*s"
		"\xe2\x80\x94 other.example BBBBBBBB\n", (int)(c.text.n + 1), note,
		(int)(n - (long)c.text.n - 1), note + c.text.n + 1);
	assert_int_equal(checkpoint_parse(more, strlen(more), &c, &e), 0);
	assert_int_equal(checkpoint_verify(&c, note_key_vkey(key), &e), 0);
	/* Any altered byte: not a checkpoint, or not signed. */
	for (long i = 0; i < n; i++) {
		memcpy(more, note, (size_t)n);
		more[i] ^= 1;
		if (!checkpoint_parse(more, (size_t)n, &c, &e))
			assert_int_not_equal(checkpoint_verify(&c, note_key_vkey(key), &e), 0);
		if (i < n - 1)
			assert_true(checkpoint_parse(note, (size_t)i, &c, &e) ||
				checkpoint_verify(&c, note_key_vkey(key), &e));
	}
	other = *note_key_vkey(key);
	other.id++;
	assert_int_equal(checkpoint_parse(note, (size_t)n, &c, &e), 0);
	assert_int_equal(checkpoint_verify(&c, &other, &e), -ENOENT);
	note_key_free(key);
	free(pem);
}

static void base64_vectors(void **state)
{
	/* RFC 4648 section 10. */
	static const char *const v[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
		{"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
	static const char *const bad[] = {"Zg=", "Zg", "Z===", "Zh==", "Zm9=", "Zm9v ", "Zm9v\n",
		"=m9v", "Zg==Zg==", "Zm-_"};
	char out[16];

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		base64_encode(v[i][0], strlen(v[i][0]), out);
		assert_string_equal(out, v[i][1]);
		assert_int_equal(base64_decode(out, strlen(out), out, sizeof(out)),
			strlen(v[i][0]));
		assert_memory_equal(out, v[i][0], strlen(v[i][0]));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), out, sizeof(out)), -1);
	assert_int_equal(base64_decode("Zm9vYmFy", 8, out, 5), -1);
}

static void small_parts(void **state)
{
	const struct index_row row = {0x0102030405060708, 1700000000000000, -1};
	static const uint8_t row_bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 0, 6, 0x0a, 0x24, 0x18,
		0x1e, 0x40, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint8_t raw[LAYOUT_ROW];
	struct index_row back;
	char path[32];

	(void)state;
	index_row_put(&row, raw);
	assert_memory_equal(raw, row_bytes, sizeof(raw));
	index_row_get(raw, &back);
	assert_memory_equal(&back, &row, sizeof(row));

	tiles_path(0, path);
	assert_string_equal(path, "000");
	tiles_path(999, path);
	assert_string_equal(path, "999");
	tiles_path(1000, path);
	assert_string_equal(path, "x001/000");
	tiles_path(1234067, path);
	assert_string_equal(path, "x001/x234/067");
	tiles_path(12345678901234, path);
	assert_string_equal(path, "x012/x345/x678/x901/234");
}

/* The example of doc/format.md: the key of RFC 8032 section 7.1, TEST 1; three records. */
#define EXAMPLE_KEY \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n" \
	"-----END PRIVATE KEY-----\n"
#define EXAMPLE_VKEY "web01+80882157+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\n"
#define EXAMPLE_CHECKPOINT \
	"web01\n3\nxvR5kz+RpcWbhgOQfajhnwZ1hN0jUCSXumHjkoOUZ8M=\n\n" \
	"\xe2\x80\x94 web01 gIghV2ssClbe7Itr9He4vc8mnEjQYUx3WOayzkkd3jvUaimlGJwwHKznpFrc7rKY4V3xL" \
	"POi78b5eUzDVL/AvZMjtAE=\n"
#define EXAMPLE_SLOT_0 \
	"00000000000000000002 m1WfoGLqF/uADkR07uewON13fTnUtxt6jTi4FymX+Dg= aa752c3db55e0e7a" \
	"             \n"
#define EXAMPLE_SLOT_1 \
	"00000000000000000003 xvR5kz+RpcWbhgOQfajhnwZ1hN0jUCSXumHjkoOUZ8M= d9470b48a1f11dd8" \
	"             \n"
#define EXAMPLE_PROOF \
	"c2sp.org/tlog-proof@v1\n" \
	"extra d2ViMDErODA4ODIxNTcrQWRkYW1BR0NzUXEzMVV2KzA4bGtCem9PNFhMejJxWWpKYThDR21qM0IxRW" \
	"EKPDY+MSAyMDI2LTExLTIzVDIzOjE5OjA0LjAwMDAwMlogd2ViMDEga2VybmVsIC0ga21zZyBbbG9ndmlzb3" \
	"JAMzI0NzMgY2g9Imttc2ciIGZpZD0ibGl2ZSIgc2VxPSIxIiBndD0iMTIzNDU2NzgiIGJvb3Q9IjAxMjM0NT" \
	"Y3ODlhYmNkZWYiXSBIZWxsbyAxc3Qgd29ybGQu\n" \
	"index 1\n" \
	"A9Uk3yE2Vs66HpEgxJX6oVOQoKlZQmmKsRmTKpoNqG8=\n" \
	"8LjncwzFcJrfZdeEB7lYAhX0Y3OWyrDN0UkZVzFXIfQ=\n" \
	"\n" EXAMPLE_CHECKPOINT

static const char *const example_leaf[] = {
	"<5>1 2026-11-23T23:19:04.000001Z web01 kernel - kmsg [logvisor@32473 ch=\"kmsg\" "
	"fid=\"live\" seq=\"0\" gt=\"0\" boot=\"0123456789abcdef\"] Linux version 6.1.0",
	"<6>1 2026-11-23T23:19:04.000002Z web01 kernel - kmsg [logvisor@32473 ch=\"kmsg\" "
	"fid=\"live\" seq=\"1\" gt=\"12345678\" boot=\"0123456789abcdef\"] Hello 1st world.",
	"<83>1 2026-11-23T23:19:04.000003Z web01 logvisor - gap [logvisor@32473 ch=\"kmsg\" "
	"fid=\"live\" boot=\"0123456789abcdef\" first=\"2\" count=\"17\" "
	"reason=\"overwritten\"] 17 records of kmsg lost from sequence number 2 on: overwritten",
};

static const uint8_t example_lengths[][2] = {{0x00, 0x95}, {0x00, 0x99}, {0x00, 0xdd}};

static const char *const example_hashes[] = {
	"03d524df213656ceba1e9120c495faa15390a0a95942698ab119932a9a0da86f",
	"498192964f6321f0b531f1ea3f3c2c0cad32550f10bd934ec2bb2502e9b11590",
	"f0b8e7730cc5709adf65d78407b9580215f4637396cab0cdd1491957315721f4",
};

/* File @name of the ledger in @dir holds @n bytes, these. */
static void holds(int dir, const char *name, const void *bytes, size_t n)
{
	size_t have;
	char *data;

	if (file_load(dir, name, 64 << 20, &data, &have))
		fail_msg("%s cannot be read", name);
	assert_int_equal(have, n);
	assert_memory_equal(data, bytes, n);
	free(data);
}

static void example(void **state)
{
	char size[LAYOUT_SIZE_SLOT + LAYOUT_SIZE_TEXT] = {0}, entries[1024], *text;
	const int64_t start = INT64_C(1795475944000001); /* the first leaf's TIMESTAMP */
	struct hash hashes[3], root;
	struct err e = {""};
	struct ledger *l;
	size_t n = 0, n_text;
	uint64_t signed_size;
	int dir = open(*state, O_RDONLY | O_DIRECTORY);

	assert_int_equal(file_replace(dir, "key", EXAMPLE_KEY, strlen(EXAMPLE_KEY), 0600), 0);
	assert_int_equal(ledger_open(&l, *state, "web01", NULL, &e), 0);
	for (unsigned i = 0; i < 3; i++) {
		size_t len = strlen(example_leaf[i]);
		char h[65];

		assert_int_equal(ledger_append(l, example_leaf[i], len, start + i, &e), 0);
		if (i == 1)
			assert_int_equal(ledger_checkpoint(l, &e), 0);
		memcpy(entries + n, example_lengths[i], 2);
		memcpy(entries + n + 2, example_leaf[i], len);
		n += 2 + len;
		tree_leaf_hash(example_leaf[i], len, &hashes[i]);
		hex(&hashes[i], h);
		assert_string_equal(h, example_hashes[i]);
	}
	assert_int_equal(ledger_close(l, &e), 0);

	memcpy(size, EXAMPLE_SLOT_0, LAYOUT_SIZE_TEXT);
	memcpy(size + LAYOUT_SIZE_SLOT, EXAMPLE_SLOT_1, LAYOUT_SIZE_TEXT);
	holds(dir, "vkey", EXAMPLE_VKEY, strlen(EXAMPLE_VKEY));
	holds(dir, "checkpoint", EXAMPLE_CHECKPOINT, strlen(EXAMPLE_CHECKPOINT));
	holds(dir, "size", size, sizeof(size));
	holds(dir, "log/00000000.entries", entries, n);
	holds(dir, "log/00000000.hashes", hashes, sizeof(hashes));
	holds(dir, "log/00000000.index", "", 0);
	assert_true(faccessat(dir, "first", F_OK, 0));
	assert_true(faccessat(dir, "log/hash.1", F_OK, 0));
	close(dir);

	assert_int_equal(proof_make(*state, 1, &text, &n_text, &e), 0);
	assert_int_equal(n_text, strlen(EXAMPLE_PROOF));
	assert_memory_equal(text, EXAMPLE_PROOF, n_text);
	free(text);

	/* Any other byte of a slot's text makes it no slot. */
	assert_true(layout_size_get(size, &signed_size, &root));
	assert_int_equal(signed_size, 2);
	for (size_t i = 0; i < 82; i++) {
		size[i] ^= 1;
		assert_false(layout_size_get(size, &signed_size, &root));
		size[i] ^= 1;
	}
}

static uint64_t big_endian(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

/* A full segment and the beginning of a second one, read by nothing but what doc/format.md says. */
static void segments(void **state)
{
	enum { SEGMENT = 65536, ALL = SEGMENT + 600 };
	static struct hash leaf[ALL];
	int dir = open(*state, O_RDONLY | O_DIRECTORY);
	struct ledger *l = fixture_open(*state, NULL);
	char *entries, *index, *level[3], name[64], buf[256];
	size_t n, n_index, n_level[3];
	struct err e = {""};
	struct hash h;

	fixture_append(l, 0, ALL);
	assert_int_equal(ledger_close(l, &e), 0);
	for (unsigned s = 0, i = 0; s < 2; s++) {
		size_t at = 0;

		snprintf(name, sizeof(name), "log/%08u.entries", s);
		assert_int_equal(file_load(dir, name, 64 << 20, &entries, &n), 0);
		snprintf(name, sizeof(name), "log/%08u.index", s);
		assert_int_equal(file_load(dir, name, 64 << 20, &index, &n_index), 0);
		assert_int_equal(n_index, s ? 2 * 24 : 256 * 24);
		for (; i < (s ? ALL : SEGMENT); i++) {
			size_t len = (size_t)(uint8_t)entries[at] << 8 | (uint8_t)entries[at + 1];
			const uint8_t *row = (uint8_t *)index + i % SEGMENT / 256 * 24;

			assert_int_equal(len, fixture_leaf(buf, sizeof(buf), i));
			assert_memory_equal(entries + at + 2, buf, len);
			tree_leaf_hash(buf, len, &leaf[i]);
			at += 2 + len;
			if (i % 256 != 255)
				continue;
			assert_int_equal(big_endian(row), at);
			assert_int_equal(big_endian(row + 8), i - 255);
			assert_int_equal(big_endian(row + 16), i);
		}
		assert_int_equal(at, n);
		snprintf(name, sizeof(name), "log/%08u.hashes", s);
		holds(dir, name, leaf + s * SEGMENT, (s ? ALL - SEGMENT : SEGMENT) * sizeof(*leaf));
		free(entries);
		free(index);
	}
	for (unsigned i = 1; i < 3; i++) {
		snprintf(name, sizeof(name), "log/hash.%u", i);
		assert_int_equal(file_load(dir, name, 64 << 20, &level[i], &n_level[i]), 0);
		assert_int_equal(n_level[i], ALL / (i == 1 ? 256 : SEGMENT) * sizeof(h));
	}
	for (unsigned b = 0; b < ALL / 256; b++) {
		naive_root(leaf + b * 256, 256, &h);
		assert_memory_equal(&h, level[1] + b * sizeof(h), sizeof(h));
	}
	naive_root(leaf, SEGMENT, &h);
	assert_memory_equal(&h, level[2], sizeof(h));
	assert_true(faccessat(dir, "log/hash.3", F_OK, 0));
	free(level[1]);
	free(level[2]);
	close(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ct_vectors),
		cmocka_unit_test(leaf_hash_lengths),
		cmocka_unit_test(inclusion),
		cmocka_unit_test(specification_key),
		cmocka_unit_test(signed_checkpoint),
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(small_parts),
		fixture_test(example),
		fixture_test(segments),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
