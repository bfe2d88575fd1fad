/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/sender/sender.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/path.h"
#include "util/hash.h"

#define WALK_MAX 4096    /* PATH_MAX */
#define AGAIN_MS 1000 /* a directory above may have been renamed since */

/* What a path was walked for: all that tells an object from a later one at its address. */
struct key {
	uint64_t word[6];
};

struct place {
	struct key key;
	int64_t walked_ms;
	uint16_t len; /* of `path`; 0: this place is free */
	char path[SENDER_PATH_MAX + 1];
};

#define EXES 256
#define CGROUPS 128
#define SOCKS 64

struct sender {
	const struct guest *g;
	const struct app_geometry *geo;
	struct fetch_mem mem;
	struct path_layout layout;
	struct place exe[EXES], cgroup[CGROUPS], sock[SOCKS];
};

int sender_open(struct sender **out, const struct guest *g, const struct app_geometry *geo, struct err *e)
{
	struct sender *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(e, ENOMEM, "out of memory");
	s->g = g;
	s->geo = geo;
	s->mem = guest_mem(g);
	r = path_layout_find(&s->layout, g, e);
	if (r)
		free(s);
	else
		*out = s;
	return r;
}

void sender_close(struct sender *s)
{
	free(s);
}

/* ---- paths ---- */

/* Put what was walked, or of a path that is too long its end. */
static void put_path(struct place *p, const char *path, size_t n)
{
	size_t cut = 0;

	if (n > SENDER_PATH_MAX) {
		cut = 3;
		memcpy(p->path, "...", 3);
		path += n - (SENDER_PATH_MAX - cut);
		n = SENDER_PATH_MAX - cut;
	}
	memcpy(p->path + cut, path, n);
	p->len = (uint16_t)(n + cut);
}

static struct place *place_of(struct place *table, size_t n, const struct key *key)
{
	return &table[hash64(key, sizeof(*key)) % n];
}

/*
 * The path for @key at @p; @n bytes of it were walked into @path now, or it is not to be had: then that of before
 * holds, if it is for the same.
 */
static struct span settle(struct place *p, const struct key *key, const char *path, int n, int64_t now_ms)
{
	bool same = p->len && !memcmp(&p->key, key, sizeof(*key));

	if (n > 0) {
		p->key = *key;
		p->walked_ms = now_ms;
		put_path(p, path, (size_t)n);
	} else if (!same) {
		return (struct span){NULL, 0};
	}
	return (struct span){p->path, p->len};
}

static bool fresh(const struct place *p, const struct key *key, int64_t now_ms)
{
	return p->len && now_ms - p->walked_ms < AGAIN_MS && !memcmp(&p->key, key, sizeof(*key));
}

static struct span dentry_path(struct sender *s, struct place *table, size_t n, const struct app_path *a,
	int64_t now_ms)
{
	const struct key key = {{a->mnt, a->dentry, a->parent, a->hash_len, a->name, a->inode}};
	struct place *p = place_of(table, n, &key);
	char path[WALK_MAX];
	uint64_t now[4];
	int len = 0;

	if (!a->dentry)
		return (struct span){NULL, 0};
	if (fresh(p, &key, now_ms))
		return (struct span){p->path, p->len};
	/* Is it still that dentry? */
	if (!s->mem.read(s->mem.ctx, a->dentry + s->geo->d_parent, now, sizeof(now)) &&
		!memcmp(now, &key.word[2], sizeof(now)))
		len = path_of(&s->mem, &s->layout, a->mnt, a->dentry, path, sizeof(path));
	return settle(p, &key, path, len, now_ms);
}

static struct span cgroup_path(struct sender *s, const struct app_copy *c, int64_t now_ms)
{
	const struct key key = {{c->kn, c->kn_id}};
	struct place *p = place_of(s->cgroup, CGROUPS, &key);
	char path[WALK_MAX];
	uint64_t id;
	int len = 0;

	if (!c->kn)
		return (struct span){NULL, 0};
	if (fresh(p, &key, now_ms))
		return (struct span){p->path, p->len};
	if (!s->mem.read(s->mem.ctx, c->kn + s->geo->kn_id, &id, sizeof(id)) && id == c->kn_id)
		len = path_of_kernfs(&s->mem, &s->layout, c->kn, path, sizeof(path));
	return settle(p, &key, path, len, now_ms);
}

void sender_resolve(struct sender *s, const struct app_copy *c, int64_t now_ms, struct sender_paths *out)
{
	out->exe = dentry_path(s, s->exe, EXES, &c->exe, now_ms);
	out->sock = dentry_path(s, s->sock, SOCKS, &c->path, now_ms);
	out->cgroup = cgroup_path(s, c, now_ms);
	out->file = (struct span){NULL, 0};
}

/* ---- as observed ---- */

static void add(struct record *r, const char *name, struct span value)
{
	if (value.n)
		r->observed[r->n_observed++] = (struct record_param){span_of(name), value};
}

static struct span number(struct sender_text *t, uint32_t v)
{
	char *p = t->digits[t->n++];

	return (struct span){p, (size_t)snprintf(p, sizeof(t->digits[0]), "%" PRIu32, v)};
}

static struct span comm_of(const char comm[APP_COMM])
{
	return (struct span){comm, strnlen(comm, APP_COMM)};
}

void sender_record(const struct app_copy *c, const struct sender_paths *paths, struct sender_text *t,
	struct record *r)
{
	*r = (struct record){0};
	t->n = 0;
	if (!(c->flags & APP_COPY_NOTASK)) {
		struct span comm = comm_of(c->comm), tcomm = comm_of(c->tcomm);

		r->app = comm;
		r->procid = number(t, c->pid);
		add(r, "tid", number(t, c->tid));
		if (!span_eq(comm, tcomm))
			add(r, "tcomm", tcomm);
	}
	if (!(c->flags & APP_COPY_NOCREDS)) {
		add(r, "uid", number(t, c->uid));
		add(r, "gid", number(t, c->gid));
		add(r, "euid", number(t, c->euid));
	}
	add(r, "exe", paths->exe);
	add(r, "cgroup", paths->cgroup);
	if (c->loginuid != APP_ABSENT)
		add(r, "loginuid", number(t, c->loginuid));
	if (c->sessionid != APP_ABSENT)
		add(r, "session", number(t, c->sessionid));
	if (!(c->flags & APP_COPY_NOPARENT)) {
		add(r, "ppid", number(t, c->ppid));
		add(r, "pcomm", comm_of(c->pcomm));
	}
	add(r, "sock", paths->sock);
	add(r, "file", paths->file);
	if (c->scm_pid && (c->flags & APP_COPY_NOTASK || c->scm_pid != c->pid))
		add(r, "scm", number(t, c->scm_pid));
}
