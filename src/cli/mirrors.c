/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/mirrors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/cosign.h"
#include "ledger/file.h"
#include "util/cleanup.h"

#define VKEY_FILE_MAX 1024

static int add(struct mirrors *m, enum upload_kind kind, const char *url, struct err *e)
{
	if (m->n == MIRRORS_MAX)
		return err_set(e, EINVAL, "more than %d mirrors and witnesses", MIRRORS_MAX);
	if (kind == UPLOAD_MIRROR && !http_check(url, NULL) && !http_is_private(url))
		return err_set(e, EINVAL, "--mirror: with %.200s all records would cross the network in the clear; use "
			"https://", url);
	for (unsigned i = 0; i < m->n; i++)
		if (m->target[i].kind == kind && !strcmp(m->target[i].url, url))
			return err_set(e, EINVAL, "%.200s is given twice", url);
	m->target[m->n++] = (struct upload_target){.kind = kind, .url = url};
	return http_check(url, e);
}

int mirrors_option(struct mirrors *m, int key, const char *arg, struct err *e)
{
	switch (key) {
	case OPTION_MIRROR:
		return add(m, UPLOAD_MIRROR, arg, e);
	case OPTION_WITNESS:
		return add(m, UPLOAD_WITNESS, arg, e);
	case OPTION_MIRROR_CLIENT:
		if (!m->n)
			return err_set(e, EINVAL, "--mirror-client belongs behind the --mirror it is for");
		m->target[m->n - 1].identity = arg;
		return 0;
	case OPTION_POLICY:
		m->policy_file = arg;
		return 0;
	}
	return -ENOENT;
}

/* The key of @t from beside its certificate. 0, -ENOENT without @e: there is none. */
static int key_beside(struct upload_target *t, struct err *e)
{
	const char *name = t->kind == UPLOAD_MIRROR ? "mirror.vkey" : "witness.vkey";
	_cleanup_free_ char *text = NULL;
	char path[4096];
	size_t n;
	int r;

	if (!t->identity)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/%s", t->identity, name);
	r = file_load(AT_FDCWD, path, VKEY_FILE_MAX, &text, &n);
	if (r == -ENOENT)
		return r;
	if (r)
		return err_set(e, -r, "%.300s: %s", path, file_strerror(r));
	r = cosign_vkey_parse(text, n, &t->key, e);
	if (r)
		err_prefix(e, "%.200s", path);
	return r;
}

static int find_key(const struct mirrors *m, struct upload_target *t, struct err *e)
{
	const struct policy_cosigner *c = policy_find_url(&m->policy, t->url);
	int r;

	if (c && !c->known)
		return err_set(e, EINVAL, "%.200s: its key in the policy is of a kind that cannot be checked here; only Ed25519 "
			"can", t->url);
	if (c) {
		t->key = c->key;
		return 0;
	}
	r = key_beside(t, e);
	if (r != -ENOENT)
		return r;
	return err_set(e, ENOENT, "%.200s: nothing says by which key its cosignatures must be: give --mirror-client DIR, or "
		"--policy FILE with a line 'witness NAME VKEY %.200s'", t->url, t->url);
}

int mirrors_settle(struct mirrors *m, struct err *e)
{
	struct vkey keys[MIRRORS_MAX];
	unsigned n = 0;
	int r = m->policy_file ? policy_load(m->policy_file, &m->policy, e) : 0;

	for (unsigned i = 0; i < m->n && !r; i++) {
		r = find_key(m, &m->target[i], e);
		for (unsigned k = 0; k < i && !r; k++)
			if (!memcmp(m->target[k].key.pub, m->target[i].key.pub, sizeof(m->target[i].key.pub)))
				r = err_set(e, EINVAL, "%.200s and %.200s have the same key", m->target[k].url,
					m->target[i].url);
		if (m->target[i].kind == UPLOAD_MIRROR)
			keys[n++] = m->target[i].key;
	}
	return r || m->policy_file ? r : policy_all(keys, n, &m->policy, e);
}

void mirrors_free(struct mirrors *m)
{
	policy_free(&m->policy);
}
