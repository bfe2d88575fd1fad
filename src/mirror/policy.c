/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/cosign.h"
#include "ledger/file.h"
#include "util/base64.h"
#include "util/cleanup.h"

#define ML_DSA_44 0x06 /* tlog-cosignature, "Format" */
#define WORDS (POLICY_NAMES + 3)

struct line {
	struct span word[WORDS];
	unsigned n, number;
};

static int wrong(const struct line *l, struct err *e, const char *why)
{
	return err_set(e, EINVAL, "line %u: %s", l->number, why);
}

static int wrong_word(const struct line *l, struct err *e, struct span word, const char *why)
{
	return err_set(e, EINVAL, "line %u: '%.*s' %s", l->number, (int)(word.n > 80 ? 80 : word.n), word.p, why);
}

/* Spaces and tabs part words; other control bytes do not belong into a policy ("Character set"). */
static int cut(struct span text, struct line *l, struct err *e)
{
	size_t i = 0;

	l->n = 0;
	for (size_t k = 0; k < text.n; k++)
		if (((unsigned char)text.p[k] < ' ' && text.p[k] != '\t') || text.p[k] == 0x7f)
			return wrong(l, e, "a control character");
	while (i < text.n) {
		size_t from;

		if (text.p[i] == ' ' || text.p[i] == '\t') {
			i++;
			continue;
		}
		if (l->n == WORDS)
			return wrong(l, e, "too many words");
		for (from = i; i < text.n && text.p[i] != ' ' && text.p[i] != '\t';)
			i++;
		l->word[l->n++] = (struct span){text.p + from, i - from};
	}
	if (l->n && l->word[0].p[0] == '#')
		l->n = 0;
	return 0;
}

static int find(const struct policy *p, struct span name)
{
	for (unsigned i = 0; i < p->n_names; i++)
		if (span_is(name, p->name[i].name))
			return (int)i;
	return -1;
}

/* The optional word at @i. */
static int take_url(const struct line *l, unsigned i, char **url, struct err *e)
{
	if (l->n > i + 1)
		return wrong_word(l, e, l->word[i + 1], "is one word too many");
	if (l->n <= i)
		return 0;
	*url = strndup(l->word[i].p, l->word[i].n);
	return *url ? 0 : err_set(e, ENOMEM, "out of memory");
}

static int add_log(struct policy *p, const struct line *l, struct err *e)
{
	struct policy_log *log = &p->log[p->n_logs];
	struct err why;

	if (l->n < 2)
		return wrong(l, e, "a log without a key: 'log VKEY [URL]'");
	if (p->n_logs == POLICY_NAMES)
		return wrong(l, e, "too many logs");
	if (vkey_parse(l->word[1].p, l->word[1].n, &log->key, &why))
		return err_set(e, EINVAL, "line %u: %s", l->number, why.text);
	for (unsigned i = 0; i < p->n_logs; i++)
		if (!memcmp(p->log[i].key.pub, log->key.pub, sizeof(log->key.pub)))
			return wrong(l, e, "a log of the same key is there already");
	p->n_logs++;
	return take_url(l, 2, &log->url, e);
}

/* Make the next name of @p. */
static int add_name(struct policy *p, const struct line *l, struct span name, struct err *e)
{
	struct policy_name *n = &p->name[p->n_names];

	if (p->n_names == POLICY_NAMES)
		return wrong(l, e, "too many witnesses and groups");
	if (span_is(name, "none") || find(p, name) >= 0)
		return wrong_word(l, e, name, "is a name that is taken");
	n->name = strndup(name.p, name.n);
	if (!n->name)
		return err_set(e, ENOMEM, "out of memory");
	p->n_names++;
	return 0;
}

/* A key that can be checked here; or one that is at least a cosigner's. */
static int take_key(const struct line *l, struct policy_cosigner *c, struct err *e)
{
	struct span text = l->word[2];
	const char *plus = memrchr(text.p, '+', text.n), *name_end = memchr(text.p, '+', text.n);
	struct err why;
	uint8_t kind[3];

	c->known = !cosign_vkey_parse(text.p, text.n, &c->key, &why);
	if (c->known)
		return 0;
	if (plus && plus - name_end == 9 && name_end != text.p && name_end - text.p <= NOTE_NAME_MAX &&
		text.p + text.n - plus > 4 && base64_decode(plus + 1, 4, kind, sizeof(kind)) > 0 && kind[0] == ML_DSA_44) {
		snprintf(c->key.name, sizeof(c->key.name), "%.*s", (int)(name_end - text.p), text.p);
		return 0;
	}
	return err_set(e, EINVAL, "line %u: %s", l->number, why.text);
}

static int add_witness(struct policy *p, const struct line *l, struct err *e)
{
	struct policy_cosigner *c;
	int r;

	if (l->n < 3)
		return wrong(l, e, "a witness wants name and key: 'witness NAME VKEY [URL]'");
	r = add_name(p, l, l->word[1], e);
	if (r)
		return r;
	c = p->name[p->n_names - 1].cosigner = calloc(1, sizeof(*c));
	if (!c)
		return err_set(e, ENOMEM, "out of memory");
	r = take_key(l, c, e);
	for (unsigned i = 0; i + 1 < p->n_names && !r && c->known; i++)
		if (p->name[i].cosigner && p->name[i].cosigner->known &&
			!memcmp(p->name[i].cosigner->key.pub, c->key.pub, sizeof(c->key.pub)))
			r = wrong(l, e, "a witness of the same key is there already");
	return r ? r : take_url(l, 3, &c->url, e);
}

static int add_group(struct policy *p, const struct line *l, struct err *e)
{
	struct policy_name *g;
	uint64_t need = 0;
	int r;

	if (l->n < 4)
		return wrong(l, e, "a group wants a name, how many, and members: 'group NAME all|any|K NAME...'");
	if (span_is(l->word[2], "all"))
		need = l->n - 3;
	else if (span_is(l->word[2], "any"))
		need = 1;
	else if (!span_decimal(l->word[2], &need) || need < 1 || need > l->n - 3)
		return wrong_word(l, e, l->word[2], "is not all, any, or a number from 1 to that of the members");
	g = &p->name[p->n_names];
	r = add_name(p, l, l->word[1], e);
	if (r)
		return r;
	g->need = (unsigned)need;
	g->member = calloc(l->n - 3, sizeof(*g->member));
	if (!g->member)
		return err_set(e, ENOMEM, "out of memory");
	for (unsigned i = 3; i < l->n; i++) {
		int m = find(p, l->word[i]);

		if (m < 0 || m == (int)p->n_names - 1)
			return wrong_word(l, e, l->word[i], "is no witness or group of a line before");
		if (p->name[m].taken)
			return wrong_word(l, e, l->word[i], "is a member already: each can be one once");
		p->name[m].taken = true;
		g->member[g->n_members++] = (unsigned)m;
	}
	return 0;
}

static int add_quorum(struct policy *p, const struct line *l, bool *has, struct err *e)
{
	if (*has)
		return wrong(l, e, "a second quorum");
	if (l->n != 2)
		return wrong(l, e, "a quorum is one name: 'quorum NAME', or 'quorum none'");
	*has = true;
	p->quorum = find(p, l->word[1]);
	if (p->quorum < 0 && !span_is(l->word[1], "none"))
		return wrong_word(l, e, l->word[1], "is no witness or group of a line before");
	return 0;
}

static int begin(struct policy *p, struct err *e)
{
	memset(p, 0, sizeof(*p));
	p->quorum = -1;
	p->log = calloc(POLICY_NAMES, sizeof(*p->log));
	p->name = calloc(POLICY_NAMES, sizeof(*p->name));
	return p->log && p->name ? 0 : err_set(e, ENOMEM, "out of memory");
}

int policy_parse(const char *text, size_t n, struct policy *out, struct err *e)
{
	struct span rest = {text, n}, line;
	_cleanup_free_ struct line *l = calloc(1, sizeof(*l));
	bool has_quorum = false;
	int r = begin(out, e);

	if (!l)
		return err_set(e, ENOMEM, "out of memory");
	while (!r && span_line(&rest, &line)) {
		l->number++;
		r = cut(line, l, e);
		if (r || !l->n)
			continue;
		if (span_is(l->word[0], "log"))
			r = add_log(out, l, e);
		else if (span_is(l->word[0], "witness"))
			r = add_witness(out, l, e);
		else if (span_is(l->word[0], "group"))
			r = add_group(out, l, e);
		else if (span_is(l->word[0], "quorum"))
			r = add_quorum(out, l, &has_quorum, e);
		else
			r = wrong_word(l, e, l->word[0], "is not log, witness, group or quorum");
	}
	if (!r && rest.n)
		r = err_set(e, EINVAL, "line %u: the last line has no end: part of the file may be missing",
			l->number + 1);
	if (!r && !has_quorum)
		r = err_set(e, EINVAL, "no quorum: a line 'quorum NAME' or 'quorum none' is wanted");
	return r;
}

void policy_free(struct policy *p)
{
	for (unsigned i = 0; i < p->n_logs; i++)
		free(p->log[i].url);
	for (unsigned i = 0; i < p->n_names; i++) {
		if (p->name[i].cosigner)
			free(p->name[i].cosigner->url);
		free(p->name[i].cosigner);
		free(p->name[i].member);
		free(p->name[i].name);
	}
	free(p->log);
	free(p->name);
	memset(p, 0, sizeof(*p));
}

int policy_load(const char *path, struct policy *out, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = file_load(AT_FDCWD, path, POLICY_MAX, &text, &n);

	memset(out, 0, sizeof(*out));
	if (r)
		return err_set(e, -r, "%.300s: %s", path, file_strerror(r));
	r = policy_parse(text, n, out, e);
	if (r)
		err_prefix(e, "%.200s", path);
	return r;
}

int policy_all(const struct vkey *key, unsigned n, struct policy *out, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	char vkey[NOTE_VKEY_MAX + 1];
	size_t len;
	FILE *f = open_memstream(&text, &len);

	memset(out, 0, sizeof(*out));
	if (!f)
		return err_set(e, ENOMEM, "out of memory");
	for (unsigned i = 0; i < n; i++) {
		cosign_vkey_format(&key[i], vkey);
		fprintf(f, "witness %u %s\n", i, vkey);
	}
	if (n)
		fputs("group all all", f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, " %u", i);
	fprintf(f, "\nquorum %s\n", n ? "all" : "none");
	if (fclose(f))
		return err_set(e, ENOMEM, "out of memory");
	return policy_parse(text, len, out, e);
}

const struct policy_log *policy_find_log(const struct policy *p, const struct vkey *key)
{
	for (unsigned i = 0; i < p->n_logs; i++)
		if (!strcmp(p->log[i].key.name, key->name) && p->log[i].key.id == key->id &&
			!memcmp(p->log[i].key.pub, key->pub, sizeof(key->pub)))
			return &p->log[i];
	return NULL;
}

const struct policy_cosigner *policy_find_url(const struct policy *p, const char *url)
{
	for (unsigned i = 0; i < p->n_names; i++) {
		const struct policy_cosigner *c = p->name[i].cosigner;

		if (c && c->url && !strcmp(c->url, url))
			return c;
	}
	return NULL;
}

/* Up to where name @i's word goes: a cosigner's size; of a group the need-th largest of its members. */
static uint64_t covered(const struct policy_name *name, const uint64_t *size)
{
	uint64_t best = 0;

	for (unsigned i = 0; i < name->n_members; i++) {
		uint64_t at = size[name->member[i]];
		unsigned have = 0;

		for (unsigned k = 0; k < name->n_members; k++)
			have += size[name->member[k]] >= at;
		if (have >= name->need && at > best)
			best = at;
	}
	return best;
}

uint64_t policy_covered(const struct policy *p, uint64_t (*size_of)(void *ctx, const struct vkey *key), void *ctx)
{
	uint64_t size[POLICY_NAMES] = {0};

	if (p->quorum < 0)
		return UINT64_MAX;
	for (unsigned i = 0; i < p->n_names; i++) {
		const struct policy_name *n = &p->name[i];

		if (!n->cosigner)
			size[i] = covered(n, size);
		else if (n->cosigner->known)
			size[i] = size_of(ctx, &n->cosigner->key);
	}
	return size[p->quorum];
}
