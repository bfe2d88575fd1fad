/* SPDX-License-Identifier: BSD-3-Clause */
/* table.c - the logs, and who may see which. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mirror/server/impl.h"

bool table_allows(const struct entry *t, const struct peer *p)
{
	bool mine = p->all;

	for (size_t i = 0; i < t->rights.n_clients && !mine; i++)
		mine = p->known && !memcmp(&t->rights.client[i], &p->cert, sizeof(p->cert));
	return mine && t->listed && !peer_late(p);
}

bool table_lets(struct server *s, const struct entry *t, const struct peer *p)
{
	bool yes;

	pthread_rwlock_rdlock(&s->lock);
	yes = table_allows(t, p);
	pthread_rwlock_unlock(&s->lock);
	return yes;
}

bool table_knows(struct server *s, const struct peer *p)
{
	bool yes = false;

	pthread_rwlock_rdlock(&s->lock);
	for (size_t i = 0; i < s->n_entries && !yes; i++)
		yes = table_allows(s->entry[i], p);
	pthread_rwlock_unlock(&s->lock);
	return yes;
}

struct entry *table_by_origin(struct server *s, const struct peer *p, struct span origin)
{
	struct entry *found = NULL;

	pthread_rwlock_rdlock(&s->lock);
	for (size_t i = 0; i < s->n_entries && !found; i++)
		if (span_is(origin, s->entry[i]->rights.conf.origin) && table_allows(s->entry[i], p))
			found = s->entry[i];
	pthread_rwlock_unlock(&s->lock);
	return found;
}

struct entry *table_by_hash(struct server *s, const struct peer *p, const char *hash, size_t n)
{
	struct entry *found = NULL;

	pthread_rwlock_rdlock(&s->lock);
	for (size_t i = 0; i < s->n_entries && !found; i++)
		if (n == 64 && !memcmp(hash, s->entry[i]->hash, n) && table_allows(s->entry[i], p))
			found = s->entry[i];
	pthread_rwlock_unlock(&s->lock);
	return found;
}

struct origin *table_log(const struct entry *t, struct answer *a)
{
	if (!t)
		answer_set(a, 404, "no such log is known");
	else if (!t->origin && !t->rights.conf.n_keys)
		answer_set(a, 403, "no key of the log is known; 'logvisor mirror add' makes one known");
	else if (!t->origin)
		answer_set(a, 503, "the log cannot be used; the mirror's own log says why");
	return t ? t->origin : NULL;
}

static struct entry *by_name(const struct server *s, const char *name)
{
	for (size_t i = 0; i < s->n_entries; i++)
		if (!strcmp(s->entry[i]->rights.conf.name, name))
			return s->entry[i];
	return NULL;
}

/* Open its log, if that has not been done, and a key of it is known. */
static void open_log(struct server *s, struct entry *t)
{
	char line[sizeof(struct err) + RECORD_NAME_MAX + 8];
	struct err e = {""};
	bool mended = false;
	int r;

	if (t->origin || !t->rights.conf.n_keys)
		return;
	r = origin_open(&t->origin, s->options.store, &t->rights.conf, &s->keys, &mended, &e);
	if (r)
		t->origin = NULL;
	snprintf(line, sizeof(line), "%s: %s", t->rights.conf.name, e.text);
	if (r || mended)
		s->options.say(line);
}

static struct entry *add(struct server *s, const struct rights *r)
{
	struct entry **v = realloc(s->entry, (s->n_entries + 1) * sizeof(struct entry *)), *t;
	struct hash h;

	if (v)
		s->entry = v;
	t = v ? calloc(1, sizeof(*t)) : NULL;
	if (!t)
		return NULL;
	t->rights = *r;
	tree_sha256(r->conf.origin, strlen(r->conf.origin), &h);
	for (unsigned i = 0; i < LEDGER_HASH; i++)
		snprintf(t->hash + 2 * i, 3, "%02x", h.b[i]);
	s->entry[s->n_entries++] = t;
	return t;
}

/* A log has its origin for ever: what would be another one's gets none of its rights. */
static bool take(struct server *s, struct entry *t, const struct rights *r)
{
	char line[400];

	if (strcmp(t->rights.conf.origin, r->conf.origin) != 0) {
		snprintf(line, sizeof(line), "%s: its origin was '%.100s' and cannot become another one's; nobody may "
			"use it until it is so again", r->conf.name, t->rights.conf.origin);
		s->options.say(line);
		return false;
	}
	t->rights = *r;
	if (t->origin)
		origin_reconf(t->origin, &r->conf);
	return true;
}

int table_update(struct server *s, const struct rights *rights, size_t n, struct err *e)
{
	int r = 0;

	pthread_rwlock_wrlock(&s->lock);
	for (size_t i = 0; i < s->n_entries; i++)
		s->entry[i]->listed = false;
	for (size_t i = 0; i < n && !r; i++) {
		struct entry *t = by_name(s, rights[i].conf.name);

		if (!t)
			t = add(s, &rights[i]);
		if (!t)
			r = err_set(e, ENOMEM, "out of memory");
		else
			t->listed = take(s, t, &rights[i]);
		if (t && t->listed)
			open_log(s, t);
	}
	pthread_rwlock_unlock(&s->lock);
	return r;
}
