/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mirrors.h - the options that name mirrors and witnesses, alike for attach and push, and what follows from them: who
 * is spoken to, with which certificate, whose key the answer must be by, and what is a quorum.
 */
#ifndef LOGVISOR_CLI_MIRRORS_H
#define LOGVISOR_CLI_MIRRORS_H

#include "cli/option.h"
#include "mirror/policy.h"
#include "mirror/push/upload.h"
#include "util/err.h"

#define MIRRORS_MAX 32

#define CLI_OPTIONS_MIRRORS                                                                        \
	{OPTION_MIRROR, "mirror", "URL",                                                           \
		"keep a copy at this mirror: https://HOST:PORT, vsock://CID:PORT,\n"               \
		"unix:///PATH; may be given several times"},                                       \
	{OPTION_WITNESS, "witness", "URL",                                                         \
		"have this C2SP witness cosign the checkpoints; likewise"},                        \
	{OPTION_MIRROR_CLIENT, "mirror-client", "DIR",                                             \
		"certificate, key and mirror.vkey for the URL before it, as 'mirror add'\n"        \
		"makes them"},                                                                     \
	{OPTION_POLICY, "policy", "FILE",                                                          \
		"C2SP tlog-policy: the cosigners' keys, and which of them are enough\n"            \
		"(else: all mirrors)"}

struct mirrors {
	struct upload_target target[MIRRORS_MAX];
	unsigned n;
	const char *policy_file;
	struct policy policy; /* after mirrors_settle() */
};

/* Take option @key with its @arg. 0; -EINVAL with @e; -ENOENT: it is none of these. */
int mirrors_option(struct mirrors *m, int key, const char *arg, struct err *e);

/* All options were taken: read policy and keys. 0 or -errno with @e. mirrors_free() in any case. */
int mirrors_settle(struct mirrors *m, struct err *e);
void mirrors_free(struct mirrors *m);

#endif
