/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/sites.h"

#include <errno.h>

#define AGAIN_MS 1000

static bool same_site(const struct trap_site *a, const struct trap_site *b)
{
	return a->kind == b->kind && a->gva == b->gva && a->tag == b->tag;
}

static bool has(const struct trap_site *sites, unsigned n, const struct trap_site *s)
{
	while (n && !same_site(s, &sites[n - 1]))
		n--;
	return n;
}

static unsigned wanted(const struct sites *p, struct source *s, struct trap_site want[SITES_MAX])
{
	unsigned n = s->ops->sites(s, p->t->ops->caps, want, SITES_MAX);

	for (unsigned i = 0; i < n; i++)
		want[i].owner = s->owner;
	return n;
}

bool sites_in_place(const struct sites *p, struct source *s)
{
	struct trap_site want[SITES_MAX];
	unsigned n = wanted(p, s, want);

	if (n != p->n)
		return false;
	/* Mostly they stand in the same order. */
	while (n && (same_site(&p->planted[n - 1], &want[n - 1]) || has(p->planted, p->n, &want[n - 1])))
		n--;
	return !n;
}

static void unplant(struct sites *p, unsigned i)
{
	const struct trap_site s = p->planted[i];

	p->planted[i] = p->planted[--p->n];
	p->t->ops->unplant(p->t, s.owner, s.tag, NULL);
}

static int plant(struct sites *p, struct source *s, struct err *e)
{
	struct trap_site want[SITES_MAX];
	unsigned n = wanted(p, s, want);
	int r = 0;

	for (unsigned i = p->n; i-- > 0;)
		if (!has(want, n, &p->planted[i]))
			unplant(p, i);
	for (unsigned j = 0; !r && j < n; j++) {
		if (has(p->planted, p->n, &want[j]))
			continue;
		r = p->t->ops->plant(p->t, &want[j], e);
		if (!r)
			p->planted[p->n++] = want[j];
	}
	return r || n ? r : err_set(e, ENOTSUP, "the guest's kernel has nothing this backend can trap");
}

void sites_prepare(const struct sites *p, struct source *s)
{
	struct trap_site want[SITES_MAX];
	unsigned n = wanted(p, s, want);

	for (unsigned i = 0; i < n; i++)
		if (!has(p->planted, p->n, &want[i]))
			p->t->ops->prepare(p->t, &want[i]);
}

int sites_plant(struct sites *p, struct source *s, struct err *e)
{
	int r;

	do
		r = plant(p, s, e);
	while (r && r != -ESRCH && s->ops->fewer && s->ops->fewer(s));
	p->armed = !r;
	p->again = r && r != -ENOTSUP && r != -ENOSPC;
	return r;
}

int sites_replant(struct sites *p, uint32_t tag, struct err *e)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->planted[i].tag == tag)
			return p->t->ops->plant(p->t, &p->planted[i], e);
	return -ESRCH;
}

bool sites_try_again(struct sites *p, int64_t now_ms)
{
	if (p->armed || !p->again || now_ms < p->again_ms)
		return false;
	p->again_ms = now_ms + AGAIN_MS;
	return true;
}

void sites_unplant_all(struct sites *p)
{
	while (p->n)
		unplant(p, p->n - 1);
}
