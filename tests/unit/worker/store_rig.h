/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store_rig.h - a store of its own for each test: a directory that setup() makes and teardown() removes. Included
 * once by each test program, after cmocka.h.
 */
#ifndef LOGVISOR_TESTS_STORE_RIG_H
#define LOGVISOR_TESTS_STORE_RIG_H

#include <stdio.h>
#include <stdlib.h>

#include "worker/store.h"

static char dir[128], ledger[192];
static struct store s;

static inline int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%.80s/store.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(ledger, sizeof(ledger), "%s/a/b/vm", dir);
	return 0;
}

static inline int teardown(void **state)
{
	char cmd[256];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static inline void open_store(void)
{
	struct ledger_recovery rec;
	struct err e = {""};

	if (store_open(&s, ledger, "vm", &rec, &e))
		fail_msg("%s", e.text);
}

#endif
