/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * policy.h - whose word is enough (c2sp.org/tlog-policy): the logs and cosigners that are known, and the quorum of
 * cosigners that makes a checkpoint valid. A mirror is a cosigner like a witness is; that its word says more is
 * for whoever writes the policy to know.
 *
 * Cosigners with Ed25519 keys can be checked here. One with an ML-DSA-44 key is taken and never counts.
 */
#ifndef LOGVISOR_MIRROR_POLICY_H
#define LOGVISOR_MIRROR_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/note.h"
#include "util/err.h"

#define POLICY_MAX (1 << 20) /* bytes of a file; the specification leaves limits to us */
#define POLICY_NAMES 256     /* logs; cosigners and groups together */

struct policy_log {
	struct vkey key;
	char *url; /* NULL: none given */
};

struct policy_cosigner {
	struct vkey key;
	bool known; /* its kind of key can be checked; else only key.name is set */
	char *url;
};

/* A group of cosigners and groups, or (one of no members) a cosigner. */
struct policy_name {
	char *name;
	struct policy_cosigner *cosigner; /* NULL: a group */
	unsigned need;                    /* of its members */
	unsigned *member;                 /* indexes of names before it */
	unsigned n_members;
	bool taken;                       /* by a group */
};

struct policy {
	struct policy_log *log;
	struct policy_name *name;
	unsigned n_logs, n_names;
	int quorum; /* index of a name; -1: none is wanted */
};

/* Read a policy from text. 0, -EINVAL with @e, which names the line; -ENOMEM. policy_free() in any case. */
int policy_parse(const char *text, size_t n, struct policy *out, struct err *e);
void policy_free(struct policy *p);

/* The policy in file @path. 0, -EINVAL, or why it cannot be read; policy_free() in any case. */
int policy_load(const char *path, struct policy *out, struct err *e);

/* One that wants each of @n cosigners' word. @name: what each is called in it. 0, -EINVAL: two alike; -ENOMEM. */
int policy_all(const struct vkey *key, unsigned n, struct policy *out, struct err *e);

/* The log with this key, or NULL. */
const struct policy_log *policy_find_log(const struct policy *p, const struct vkey *key);

/* The cosigner with this URL, or NULL. */
const struct policy_cosigner *policy_find_url(const struct policy *p, const char *url);

/*
 * What the quorum covers: size_of(ctx, key) says of a cosigner up to which size it has cosigned (0: nothing). The
 * largest n such that those who have cosigned n or more are enough; UINT64_MAX if none is wanted.
 */
uint64_t policy_covered(const struct policy *p, uint64_t (*size_of)(void *ctx, const struct vkey *key), void *ctx);

#endif
