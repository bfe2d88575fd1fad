/* SPDX-License-Identifier: BSD-3-Clause */
/* files_rig.h - files_world.h with a sink that keeps what is emitted (app_rig.h). */
#ifndef TESTS_UNIT_SOURCE_FILES_RIG_H
#define TESTS_UNIT_SOURCE_FILES_RIG_H

#include "unit/source/app_rig.h"
#include "unit/source/files_world.h"

static inline void begin(const char *file)
{
	world_begin(file, &rig_sink);
}

static inline void finish(void)
{
	world_finish();
	rig_clear();
}

/* Record @i is of process @pid, "" of nobody, and says @text; a line if @op is "". */
static inline void record(unsigned i, const char *pid, const char *op, const char *text)
{
	const struct record *r = rig_get(i);

	rig_is(r->procid, pid);
	rig_is(rig_observed(r, "op"), op);
	rig_is(r->msg, text);
	assert_int_equal(r->severity, *op ? 4 : 6);
}

#endif
