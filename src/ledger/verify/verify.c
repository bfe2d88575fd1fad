/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/modes.h"
#include "ledger/verify/impl.h"

static int level0(const void *ctx, uint64_t segment)
{
	return view_open(ctx, segment, VIEW_HASHES);
}

static int verify(struct verify *v, struct err *e)
{
	int r = verify_gather(v, e);

	if (!r)
		r = verify_pass(v, e);
	if (r)
		return r;
	verify_judge(v);
	r = verify_sequence(v, e);
	return r ? r : v->sum->findings ? VERIFY_FINDINGS : v->sum->unchecked ? VERIFY_UNCHECKED : VERIFY_PROVEN;
}

int ledger_verify(const char *dir, const struct verify_options *options, struct verify_sum *sum,
	struct err *e)
{
	struct verify v = {.opt = options, .sum = sum};
	int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	memset(sum, 0, sizeof(*sum));
	if (d < 0)
		return err_set(e, errno, "%.200s: %s", dir, strerror(errno));
	if (options->warn)
		modes_check(d, options->warn, options->ctx);
	r = view_take(&v.view, d, options->pin, e);
	hashes_open(&v.hashes, d);
	v.hashes.level0 = level0;
	v.hashes.ctx = &v.view;
	v.suspects = r ? NULL : calloc(SUSPECTS, sizeof(*v.suspects));
	if (!r)
		r = v.suspects ? verify(&v, e) : err_set(e, ENOMEM, "out of memory");
	continuity_free(&v.continuity);
	hashes_close(&v.hashes);
	free(v.suspects);
	view_release(&v.view);
	close(d);
	return r;
}
