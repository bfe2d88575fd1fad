/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/quorum.h"

#include <errno.h>
#include <string.h>

#include "ledger/cosigned.h"
#include "ledger/hashes.h"
#include "mirror/push/state.h"

struct looking {
	int dir;
	const struct vkey *log;
	struct hashes hashes;
	struct quorum *q;
};

static void note_trouble(struct quorum *q, unsigned *count, const struct vkey *k, const struct err *e)
{
	if (!*count && !(count == &q->wrong && q->forks))
		err_set(&q->why, EBADMSG, "%.80s: %.400s", k->name, e->text);
	++*count;
}

static uint64_t size_of(void *ctx, const struct vkey *k)
{
	struct looking *l = ctx;
	char id[COSIGNED_ID + 1];
	struct push_state s;
	struct cosigned c;
	struct err e;
	int r = cosigned_get(l->dir, k, l->log, &c, &e);

	if (r) {
		if (r != -ENOENT)
			note_trouble(l->q, &l->q->wrong, k, &e);
		return 0;
	}
	r = cosigned_check(&l->hashes, &c, &e);
	if (r) {
		if (r == -EBADMSG)
			note_trouble(l->q, &l->q->forks, k, &e);
		return 0;
	}
	if (c.time > l->q->time)
		l->q->time = c.time;
	cosigned_id(k, id);
	return !push_state_get(l->dir, id, &s) && s.has < c.size ? s.has : c.size;
}

void quorum_find(int dir, const struct policy *p, const struct vkey *log, struct quorum *out)
{
	struct looking l = {.dir = dir, .log = log, .q = out};

	memset(out, 0, sizeof(*out));
	hashes_open(&l.hashes, dir);
	out->covered = policy_covered(p, size_of, &l);
	hashes_close(&l.hashes);
}
