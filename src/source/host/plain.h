/* SPDX-License-Identifier: BSD-3-Clause */
/* plain.h - the ops of a source that reads a log of this host's own: nothing is planted, nothing rings, it is polled. */
#ifndef LOGVISOR_SOURCE_HOST_PLAIN_H
#define LOGVISOR_SOURCE_HOST_PLAIN_H

#include "source/source.h"

#define PLAIN_POLL_MS 50

unsigned plain_sites(struct source *s, unsigned caps, struct trap_site *sites, unsigned max);
void plain_planted(struct source *s, bool all, const struct moment *m);
int plain_event(struct source *s, const struct trap_event *ev, const struct moment *m, struct err *e);
bool plain_quiet(struct source *s, const struct moment *m);

#endif
