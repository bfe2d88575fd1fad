/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/verify_mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "ledger/seal.h"
#include "record/record.h"
#include "util/cleanup.h"

#define SHOWN 60 /* bytes of a record's text in a finding */

static void tell(const struct verify_options *opt, struct verify_sum *sum, enum finding_kind kind, uint64_t first,
	uint64_t last, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
static void tell(const struct verify_options *opt, struct verify_sum *sum, enum finding_kind kind, uint64_t first,
	uint64_t last, const char *fmt, ...)
{
	struct finding f = {.kind = kind, .first = first, .last = last};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f.text, sizeof(f.text), fmt, ap);
	va_end(ap);
	sum->findings++;
	opt->tell(opt->ctx, &f);
}

static void put_text(struct span leaf, char out[SHOWN + 8])
{
	struct span text = record_peek_text(leaf.p, leaf.n);

	snprintf(out, SHOWN + 8, "%.*s%s", (int)(text.n < SHOWN ? text.n : SHOWN), text.p, text.n > SHOWN ? "..." : "");
}

/* The text of record @index, here and there; "?" where it cannot be read. */
static void texts(struct far *f, const char *dir, uint64_t index, char here[SHOWN + 8], char there[SHOWN + 8])
{
	struct ledger_reader *r;
	struct far_bundle b;
	struct span leaf;
	uint64_t at;

	snprintf(here, SHOWN + 8, "?");
	snprintf(there, SHOWN + 8, "?");
	if (!far_bundle(f, index / LEDGER_BUNDLE, &b, NULL) && index - b.at < b.n)
		put_text(far_leaf(&b, index - b.at), there);
	far_bundle_free(&b);
	if (ledger_reader_open(&r, dir, NULL))
		return;
	if (!ledger_reader_seek(r, index, NULL) && ledger_reader_next(r, &leaf, &at, NULL) == 1)
		put_text(leaf, here);
	ledger_reader_close(r);
}

/* Is it the ledger's key, or one that it had before? */
static bool key_of(const struct verify_sum *sum, const struct vkey *k)
{
	if (!sum->has_key || !memcmp(sum->key.pub, k->pub, sizeof(k->pub)))
		return true;
	for (unsigned i = 0; i < sum->n_rekeys; i++)
		if (!memcmp(sum->rekey[i].old.pub, k->pub, sizeof(k->pub)))
			return true;
	return false;
}

static int compare(struct far *f, const struct from *o, const char *dir, const struct verify_options *opt,
	struct verify_sum *sum, struct verify_mirror *out, struct err *e)
{
	uint64_t size = 0, least;
	char here[SHOWN + 8], there[SHOWN + 8];
	_cleanup_fd_ int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = d < 0 ? err_set(e, errno, "%.200s: %s", dir, strerror(errno)) : 0;

	if (r)
		return r;
	/* A ledger that grows has, by now, all that the mirror had when it was asked. */
	if (seal_size_at(d, &size) || size < sum->size)
		size = sum->size;
	least = size < f->checkpoint.size ? size : f->checkpoint.size;
	r = far_compare(f, d, size, &out->same, e);
	if (r)
		return r;
	out->compared = true;
	out->size = f->checkpoint.size;
	out->cosigned_at = f->cosigned_at;
	if (!key_of(sum, &f->key))
		tell(opt, sum, FINDING_KEY, 0, 0, "the mirror %.100s has this log under the key %.60s+%08" PRIx32 ", and the "
			"ledger here is signed by %.60s+%08" PRIx32 ": it was made anew", o->url, f->key.name, f->key.id,
			sum->key.name, sum->key.id);
	if (out->same < least) {
		texts(f, dir, out->same, here, there);
		tell(opt, sum, FINDING_FORK, out->same, least - 1, "from record %" PRIu64 " on the ledger is not what the "
			"mirror %.100s has stored: history was rewritten here; there it reads '%s', here '%s'", out->same,
			o->url, there, here);
	} else if (least < f->checkpoint.size) {
		texts(f, dir, least, here, there);
		tell(opt, sum, FINDING_ROLLED_BACK, least, f->checkpoint.size - 1, "records %" PRIu64 " to %" PRIu64
			" are not here, and the mirror %.100s has them: the ledger was rolled back; the first reads '%s'",
			least, f->checkpoint.size - 1, o->url, there);
	}
	return 0;
}

int verify_mirror(const struct from *o, const char *name, const char *dir, const struct verify_options *opt,
	struct verify_sum *sum, struct verify_mirror *out, struct err *e)
{
	struct far *f = calloc(1, sizeof(*f));
	struct from_mirror m;
	int r;

	memset(out, 0, sizeof(*out));
	if (!f)
		return err_set(e, ENOMEM, "out of memory");
	r = from_mirror_open(&m, o, e);
	if (!r)
		r = from_mirror_log(&m, name, sum->has_key ? sum->key.name : NULL, opt->pin, f, e);
	if (!r)
		r = compare(f, o, dir, opt, sum, out, e);
	if (r == -EBADMSG) { /* who lies cannot be told from here: it is a finding all the same */
		tell(opt, sum, FINDING_CHECKPOINT, 0, 0, "the mirror %.100s: %.280s", o->url, e->text);
		r = 0;
	}
	far_close(f);
	free(f);
	from_mirror_close(&m);
	if (r)
		from_name(o, e);
	return r;
}
