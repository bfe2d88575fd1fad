/* SPDX-License-Identifier: BSD-3-Clause */
/* claims_fuzz.c - what senders say of themselves, any bytes; each part lies within what was given. */
#include <stdlib.h>

#include "record/cgroup.h"
#include "record/native.h"
#include "record/syslog.h"

static void within(struct span whole, struct span part)
{
	if (part.n && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span all = {(const char *)data, size};
	struct syslog_said said;
	struct cgroup_said cg;
	struct native_field f;
	struct span s = all;
	size_t left;

	syslog_parse(all, &said);
	within(all, said.text);
	within(all, said.tag);
	within(all, said.pid);
	within(all, said.host);
	within(all, said.sd);
	do {
		left = s.n;
		if (!native_next(&s, &f))
			continue;
		within(all, f.key);
		within(all, f.value);
	} while (s.n < left);
	cgroup_parse(all, &cg);
	within(all, cg.unit);
	within(all, cg.container);
	within(all, cg.session);
	return 0;
}
