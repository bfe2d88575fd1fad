/* SPDX-License-Identifier: BSD-3-Clause */
/* traps.c - the code sites of messages to log sockets and to auditd. */
#include "source/unix/traps.h"

#include <errno.h>
#include <string.h>

#define FUNCTION_MAX 65536
#define FUNCTIONS 9

/* ---- finding ---- */

struct measure {
	struct traps_function *f[FUNCTIONS];
};

/* A function ends where the next symbol begins. */
static int shorten(void *ctx, const char *name, char type, uint64_t gva)
{
	const struct measure *m = ctx;

	(void)name;
	(void)type;
	for (unsigned i = 0; i < FUNCTIONS; i++)
		if (gva > m->f[i]->gva && gva - m->f[i]->gva < m->f[i]->len)
			m->f[i]->len = (uint32_t)(gva - m->f[i]->gva);
	return 0;
}

static uint64_t symbol(const struct guest *g, const char *name)
{
	uint64_t gva;

	return guest_symbol(g, name, &gva) ? 0 : gva;
}

static struct traps_function function(const struct guest *g, const char *name)
{
	return (struct traps_function){symbol(g, name), FUNCTION_MAX};
}

/* Receivers by the first four bytes of their name: log, dev-log, socket; stdout. */
static const char dgram_names[][4] = {{'l', 'o', 'g', 0}, {'d', 'e', 'v', '-'}, {'s', 'o', 'c', 'k'}};
static const char stream_names[][4] = {{'s', 't', 'd', 'o'}};

static void names(struct trap_filter *f, const char name[][4], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		memcpy(f->word[f->words++], name[i], 4);
}

#define PATH_DENTRY 8 /* struct path, as the geometry's maker checked */

/* An sk_buff's socket's peer is the receiver. */
static void by_peer(struct trap_filter *f, const struct app_geometry *base, int32_t path)
{
	f->reg = TRAP_RDI;
	f->hops = 3;
	f->off[0] = (int32_t)base->skb_sk;
	f->off[1] = (int32_t)base->sk_peer;
	f->off[2] = path;
}

static void describe(struct traps *t, const struct app_geometry *base)
{
	const int32_t path = (int32_t)base->sk_path + PATH_DENTRY;
	struct trap_filter *f = t->filter;

	for (unsigned i = 0; i < TRAPS_TAGS; i++) {
		t->geometry[i] = *base;
		t->filter[i] = (struct trap_filter){.hops = 1, .at = (int32_t)base->d_iname};
	}
	t->geometry[TRAPS_AUDIT].audit = 1;
	t->geometry[TRAPS_DGRAM].at = t->geometry[TRAPS_AUDIT].at = APP_AT_QUEUE;
	f[TRAPS_DGRAM].reg = TRAP_RDI;
	f[TRAPS_DGRAM].off[0] = path - (int32_t)base->sk_queue;
	names(&f[TRAPS_DGRAM], dgram_names, 3);
	if (t->creds.gva) {
		t->geometry[TRAPS_STREAM].at = APP_AT_CREDS;
		f[TRAPS_STREAM].reg = TRAP_RDX;
		f[TRAPS_STREAM].off[0] = path;
	} else {
		t->geometry[TRAPS_STREAM].at = APP_AT_PEER;
		by_peer(&f[TRAPS_STREAM], base, path);
	}
	names(&f[TRAPS_STREAM], stream_names, 1);
	t->geometry[TRAPS_SPLICE].at = t->page.gva ? APP_AT_PAGE : APP_AT_PEER;
	by_peer(&f[TRAPS_SPLICE], base, path);
	names(&f[TRAPS_SPLICE], stream_names, 1);
}

int traps_find(struct traps *t, const struct guest *g, const struct app_geometry *base, uint32_t wanted, struct err *e)
{
	struct measure m = {{&t->dgram, &t->stream, &t->creds, &t->page, &t->audit, &t->queue_tail, &t->lock, &t->slow,
		&t->pv_slow}};

	*t = (struct traps){
		.wanted = wanted,
		.dgram = function(g, "unix_dgram_sendmsg"),
		.stream = function(g, "unix_stream_sendmsg"),
		.creds = function(g, "maybe_add_creds"),
		.page = function(g, "unix_stream_sendpage"),
		.audit = function(g, "audit_log_end.part.0"),
		.queue_tail = function(g, "skb_queue_tail"),
		.lock = function(g, "_raw_spin_lock_irqsave"),
		.slow = function(g, "native_queued_spin_lock_slowpath"),
		.pv_slow = function(g, "__pv_queued_spin_lock_slowpath"),
		.copy = symbol(g, "skb_copy_datagram_from_iter"),
		.splice = symbol(g, "skb_splice_from_iter"),
		.append = symbol(g, "skb_append_pagefrags"),
		.text = {symbol(g, "_stext"), symbol(g, "_etext")},
	};
	if (!t->audit.gva)
		t->audit = function(g, "audit_log_end");
	guest_each_symbol(g, shorten, &m);
	describe(t, base);
	if (!t->queue_tail.gva || (wanted & TRAPS_SOCKETS && !t->dgram.gva && !t->creds.gva) ||
		(wanted == 1u << TRAPS_AUDIT && !t->audit.gva))
		return err_set(e, ENOENT, "the guest's kernel has no %s to be trapped at", !t->queue_tail.gva ?
			"skb_queue_tail()" : wanted & TRAPS_SOCKETS ? "unix_dgram_sendmsg()" : "audit_log_end()");
	return 0;
}

/* ---- sites ---- */

static bool wants(const struct traps *t, enum traps_tag tag)
{
	return t->wanted & 1u << tag;
}

struct list {
	const struct traps *t;
	struct trap_site *site;
	unsigned n, max;
};

static struct trap_site *add(struct list *l, enum traps_tag tag, const struct traps_function *f, const char *name)
{
	if (!f->gva || l->n == l->max)
		return NULL;
	l->site[l->n] = (struct trap_site){
		.kind = SITE_CODE,
		.gva = f->gva,
		.text_len = f->len,
		.name = name,
		.filter = tag == TRAPS_AUDIT ? NULL : &l->t->filter[tag],
		.room = {l->t->text[0], l->t->text[1]},
		.preempted = true,
		.tag = tag,
		.fetch = &fetch_unix,
		.arg = &l->t->geometry[tag],
		.arg_len = sizeof(l->t->geometry[tag]),
	};
	return &l->site[l->n++];
}

static void add_call(struct list *l, enum traps_tag tag, enum trap_place place, const struct traps_function *f,
	uint64_t callee, const char *name)
{
	struct trap_site *s;

	if (!wants(l->t, tag) || !callee)
		return;
	s = add(l, tag, f, name);
	if (!s)
		return;
	s->place = place;
	s->callee = callee;
}

static void add_sockets(struct list *l)
{
	const struct traps *t = l->t;

	add_call(l, TRAPS_DGRAM, TRAP_CALL, &t->dgram, t->queue_tail.gva, "unix_dgram_sendmsg to skb_queue_tail");
	if (t->page.gva)
		add_call(l, TRAPS_SPLICE, TRAP_RETURN_ARGS, &t->page, t->append,
			"unix_stream_sendpage from skb_append_pagefrags");
	if (t->creds.gva) {
		if (wants(t, TRAPS_STREAM))
			add(l, TRAPS_STREAM, &t->creds, "maybe_add_creds");
		return;
	}
	add_call(l, TRAPS_STREAM, TRAP_RETURN, &t->stream, t->copy,
		"unix_stream_sendmsg from skb_copy_datagram_from_iter");
	add_call(l, TRAPS_SPLICE, TRAP_RETURN, &t->stream, t->splice, "unix_stream_sendmsg from skb_splice_from_iter");
}

unsigned traps_sites(const struct traps *t, struct trap_site *sites, unsigned max)
{
	struct list l = {t, sites, 0, max};

	if (!t->narrow)
		add_sockets(&l);
	else if (wants(t, TRAPS_DGRAM) && t->creds.gva)
		add(&l, TRAPS_DGRAM, &t->creds, "maybe_add_creds");
	else if (wants(t, TRAPS_DGRAM))
		add(&l, TRAPS_DGRAM, &t->queue_tail, "skb_queue_tail");
	add_call(&l, TRAPS_AUDIT, TRAP_CALL, &t->audit, t->queue_tail.gva, "audit_log_end to skb_queue_tail");
	return l.n;
}

bool traps_fewer(struct traps *t)
{
	if (t->narrow || !wants(t, TRAPS_DGRAM)) {
		/* The audit's call cannot be led elsewhere either. */
		if (!wants(t, TRAPS_AUDIT) || !wants(t, TRAPS_DGRAM))
			return false;
		t->wanted &= ~(1u << TRAPS_AUDIT);
		return true;
	}
	t->narrow = true;
	names(&t->filter[TRAPS_DGRAM], stream_names, 1);
	if (t->creds.gva) {
		t->geometry[TRAPS_DGRAM].at = APP_AT_CREDS;
		t->filter[TRAPS_DGRAM].reg = TRAP_RDX;
		t->filter[TRAPS_DGRAM].off[0] = (int32_t)t->geometry[TRAPS_DGRAM].sk_path + PATH_DENTRY;
	} else {
		t->filter[TRAPS_DGRAM].wild = true; /* not every list is a socket's */
	}
	return true;
}

static bool in(const struct traps_function *f, uint64_t rip)
{
	return f->gva && rip - f->gva < f->len;
}

bool traps_amid(const struct traps *t, uint64_t rip)
{
	return in(&t->dgram, rip) || in(&t->stream, rip) || in(&t->creds, rip) || in(&t->page, rip) || in(&t->audit, rip) ||
		in(&t->queue_tail, rip) || in(&t->lock, rip) || in(&t->slow, rip) || in(&t->pv_slow, rip);
}
