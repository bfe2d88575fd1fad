/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app_rig.h - a sink that keeps what sources of application logs emit, as leaves, and can refuse to.
 */
#ifndef LOGVISOR_TESTS_APP_RIG_H
#define LOGVISOR_TESTS_APP_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "source/sender/outbox.h"

#define RIG_MAX 20000

static struct {
	char *leaf[RIG_MAX];
	size_t len[RIG_MAX];
	unsigned n;
	bool full; /* takes nothing */
	struct record r; /* the last one looked at */
	char scratch[RECORD_LEAF_MAX];
} rig;

static inline int rig_emit(void *ctx, struct record *r, struct err *e)
{
	char *leaf;
	long n;

	(void)ctx;
	if (rig.full)
		return err_set(e, ENOSPC, "full");
	assert_true(rig.n < RIG_MAX);
	r->host = span_of("web01");
	leaf = malloc(RECORD_LEAF_MAX);
	n = record_encode(r, leaf, RECORD_LEAF_MAX);
	assert_true(n > 0);
	rig.leaf[rig.n] = realloc(leaf, (size_t)n);
	rig.len[rig.n++] = (size_t)n;
	return 0;
}

static const struct source_sink rig_sink = {.emit = rig_emit};

/* Record @i, decoded; valid until the next call. */
static inline const struct record *rig_get(unsigned i)
{
	assert_true(i < rig.n);
	assert_int_equal(record_decode(rig.leaf[i], rig.len[i], &rig.r, rig.scratch, sizeof(rig.scratch), NULL), 0);
	return &rig.r;
}

static inline void rig_clear(void)
{
	while (rig.n)
		free(rig.leaf[--rig.n]);
	rig.full = false;
}

static inline struct span rig_param(const struct record_param *p, size_t n, const char *name)
{
	while (n--)
		if (span_is(p[n].name, name))
			return p[n].value;
	return (struct span){NULL, 0};
}

#define rig_observed(r, name) rig_param((r)->observed, (r)->n_observed, name)
#define rig_claimed(r, name) rig_param((r)->claimed, (r)->n_claimed, name)

static inline void rig_is(struct span got, const char *want)
{
	if (!span_is(got, want))
		fail_msg("got '%.*s' and not '%s'", (int)got.n, got.p ? got.p : "", want);
}

#endif
