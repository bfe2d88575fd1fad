/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/host/plain.h"

unsigned plain_sites(struct source *s, unsigned caps, struct trap_site *sites, unsigned max)
{
	(void)s, (void)caps, (void)sites, (void)max;
	return 0;
}

void plain_planted(struct source *s, bool all, const struct moment *m)
{
	(void)s, (void)all, (void)m;
}

int plain_event(struct source *s, const struct trap_event *ev, const struct moment *m, struct err *e)
{
	(void)s, (void)ev, (void)m, (void)e;
	return 0;
}

bool plain_quiet(struct source *s, const struct moment *m)
{
	(void)s, (void)m;
	return false;
}
