/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/cosigned.h"
#include "ledger/hashes.h"
#include "ledger/ledger.h"
#include "ledger/seal.h"
#include "util/base64.h"
#include "util/cleanup.h"

#define MAGIC "c2sp.org/tlog-proof@v1"

static void put_text(char **p, const char *s, size_t n)
{
	memcpy(*p, s, n);
	*p += n;
}

/* The text for a proof known to hold. */
static int format(uint64_t index, const struct hash *path, size_t n_path, const char *vkey,
	struct span leaf, const char *note, size_t note_len, char **text, size_t *n)
{
	size_t n_vkey = strlen(vkey);
	_cleanup_free_ char *extra = malloc(n_vkey + leaf.n);
	char line[64], *p;
	int len;

	*text = malloc(PROOF_MAX + 1);
	if (!extra || !*text)
		return -ENOMEM;
	memcpy(extra, vkey, n_vkey);
	memcpy(extra + n_vkey, leaf.p, leaf.n);
	p = *text;
	put_text(&p, MAGIC "\nextra ", strlen(MAGIC) + 7);
	base64_encode(extra, n_vkey + leaf.n, p);
	p += BASE64_LEN(n_vkey + leaf.n);
	len = snprintf(line, sizeof(line), "\nindex %" PRIu64 "\n", index);
	put_text(&p, line, (size_t)len);
	for (size_t i = 0; i < n_path; i++) {
		base64_encode(path[i].b, LEDGER_HASH, p);
		p += BASE64_LEN(LEDGER_HASH);
		*p++ = '\n';
	}
	*p++ = '\n';
	put_text(&p, note, note_len);
	*n = (size_t)(p - *text);
	return 0;
}

/* The leaf as the reader finds it; it belongs to @r. */
static int read_leaf(const char *dir, uint64_t index, struct ledger_reader **r, struct span *leaf,
	struct err *e)
{
	uint64_t at;
	int x;

	x = ledger_reader_open(r, dir, e);
	if (!x)
		x = ledger_reader_seek(*r, index, e);
	if (x)
		return x;
	x = ledger_reader_next(*r, leaf, &at, e);
	return x == 1 ? 0 : x == 0 ? err_set(e, ERANGE, "no record %" PRIu64, index) : x;
}

/* The inclusion proof, held against the leaf and the root before anyone gets it. */
static int make_path(int d, uint64_t index, const struct checkpoint *c, struct span leaf,
	struct hash *path, size_t *n, struct err *e)
{
	struct hashes h;
	struct hash lh;
	int r;

	hashes_open(&h, d);
	r = hashes_inclusion(&h, index, c->size, path, n);
	hashes_close(&h);
	if (r && r != -ENODATA)
		return err_set(e, -r, "cannot read the hashes: %s", strerror(-r));
	tree_leaf_hash(leaf.p, leaf.n, &lh);
	if (r || tree_check_inclusion(index, c->size, &lh, path, *n, &c->root))
		return err_set(e, EBADMSG, "the stored hashes do not lead from record %" PRIu64
			" to the signed root; 'logvisor verify' tells what was altered", index);
	return 0;
}

/* The lines of those who cosigned just this checkpoint, behind its own, if there is room for them. */
static int add_cosignatures(int d, struct seal *s)
{
	_cleanup_free_ char *lines = NULL;
	size_t n;
	char *note;
	int r = cosigned_lines(d, s->checkpoint.text, &lines, &n);

	if (r || !lines || s->note_len + n > NOTE_MAX)
		return r;
	note = malloc(s->note_len + n);
	if (!note)
		return -ENOMEM;
	memcpy(note, s->note, s->note_len);
	memcpy(note + s->note_len, lines, n);
	free(s->note);
	s->note = note;
	s->note_len += n;
	return checkpoint_parse(note, s->note_len, &s->checkpoint, NULL);
}

int proof_make(const char *dir, uint64_t index, char **text, size_t *n, struct err *e)
{
	_cleanup_fd_ int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ledger_reader *reader = NULL;
	struct hash path[PROOF_PATH];
	const struct checkpoint *c;
	size_t n_path = 0;
	struct span leaf = {NULL, 0};
	struct seal seal;
	int r;

	*text = NULL;
	if (d < 0)
		return err_set(e, errno, "%.200s: %s", dir, strerror(errno));
	r = seal_load(d, NULL, &seal, e);
	c = &seal.checkpoint;
	if (!r)
		r = add_cosignatures(d, &seal);
	if (!r && index >= c->size)
		r = err_set(e, ERANGE, "record %" PRIu64 " is not under the checkpoint, which covers %"
			PRIu64, index, c->size);
	if (!r)
		r = read_leaf(dir, index, &reader, &leaf, e);
	if (!r)
		r = make_path(d, index, c, leaf, path, &n_path, e);
	if (!r) {
		char line[NOTE_VKEY_MAX + 2];

		vkey_format(&seal.key, line);
		strcat(line, "\n");
		r = format(index, path, n_path, line, leaf, seal.note, seal.note_len, text, n);
	}
	ledger_reader_close(reader);
	seal_free(&seal);
	return r;
}

static bool starts(struct span s, const char *with)
{
	return s.n >= strlen(with) && !memcmp(s.p, with, strlen(with));
}

/* "extra BASE64": the verifier key, a newline, the leaf. */
static int parse_extra(struct span line, struct proof *out, struct err *e)
{
	const char *nl;
	long n;

	out->extra = malloc(line.n + 1);
	if (!out->extra)
		return err_set(e, ENOMEM, "out of memory");
	n = base64_decode(line.p + 6, line.n - 6, out->extra, line.n);
	nl = n > 0 ? memchr(out->extra, '\n', (size_t)n) : NULL;
	if (!nl)
		return err_set(e, EBADMSG, "line 2: the extra data is not a key and a record in base64");
	if (vkey_parse(out->extra, (size_t)(nl - out->extra), &out->vkey, e)) {
		err_prefix(e, "line 2");
		return -EBADMSG;
	}
	out->leaf = (struct span){nl + 1, (size_t)(out->extra + n - nl - 1)};
	if (out->leaf.n == 0 || out->leaf.n > 65535)
		return err_set(e, EBADMSG, "line 2: a record has 1 to 65535 bytes");
	return 0;
}

int proof_parse(const char *text, size_t n, struct proof *out, struct err *e)
{
	struct span rest = {text, n}, line;
	int r;

	memset(out, 0, sizeof(*out));
	if (n > PROOF_MAX)
		return err_set(e, EBADMSG, "longer than any proof (%zu bytes)", n);
	if (!span_line(&rest, &line) || !span_is(line, MAGIC))
		return err_set(e, EBADMSG, "not a proof: it does not begin with " MAGIC);
	if (!span_line(&rest, &line) || !starts(line, "extra "))
		return err_set(e, EBADMSG, "line 2: no extra data: without the record nothing can be "
			"proven");
	r = parse_extra(line, out, e);
	if (r)
		return r;
	if (!span_line(&rest, &line) || !starts(line, "index ") ||
		!span_decimal((struct span){line.p + 6, line.n - 6}, &out->index))
		return err_set(e, EBADMSG, "line 3: no index");
	for (;;) {
		if (!span_line(&rest, &line))
			return err_set(e, EBADMSG, "line %zu: the proof ends before its checkpoint",
				out->n_path + 4);
		if (line.n == 0)
			break;
		if (out->n_path == PROOF_PATH ||
			base64_decode(line.p, line.n, out->path[out->n_path].b, LEDGER_HASH) !=
			LEDGER_HASH)
			return err_set(e, EBADMSG, "line %zu: not a hash in base64", out->n_path + 4);
		out->n_path++;
	}
	return checkpoint_parse(rest.p, rest.n, &out->checkpoint, e);
}

void proof_free(struct proof *p)
{
	free(p->extra);
	p->extra = NULL;
}

int proof_check(const struct proof *p, const struct vkey *key, struct err *e)
{
	struct hash h;

	if (checkpoint_verify(&p->checkpoint, key ? key : &p->vkey, e))
		return -EBADMSG;
	tree_leaf_hash(p->leaf.p, p->leaf.n, &h);
	if (tree_check_inclusion(p->index, p->checkpoint.size, &h, p->path, p->n_path,
		    &p->checkpoint.root))
		return err_set(e, EBADMSG, "the record is not the one at index %" PRIu64
			" under the signed root", p->index);
	return 0;
}
