/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replant.c - plant the traps in a running VM and take them back, again and again: replant PID COUNT.
 *
 * Each time both sites are planted, the guest runs over them (if it logs), they are retired, and the original
 * bytes are put back, as on attaching and detaching, but without the search for the kernel in between.
 * Prints how often, and how many records came by a trap.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "guest/guest.h"
#include "source/printk/printk.h"
#include "trap/trap.h"

#define SITES 16

static int drop(void *ctx, struct record *r, struct err *e)
{
	(void)ctx;
	(void)r;
	(void)e;
	return 0;
}

/* @turns waits of 20 ms that bring no record, or 64 of them: copies are counted, removals finished on the way. */
static unsigned long run(struct trap *t, int turns)
{
	unsigned long copies = 0;
	struct trap_event ev;
	struct err e = {""};

	while (turns > 0) {
		if (t->ops->wait(t, 20, &ev, &e))
			errx(2, "%s", e.text);
		if (ev.type == TRAP_GONE)
			errx(2, "the VM ended");
		if (ev.type == TRAP_ALERT || ev.type == TRAP_CHANGED)
			errx(1, "alert: %s", ev.text);
		copies += ev.type == TRAP_COPY;
		turns -= ev.type != TRAP_COPY || copies % 64 == 0;
	}
	return copies;
}

int main(int argc, char **argv)
{
	static const struct source_sink sink = {.emit = drop};
	struct trap_site site[SITES];
	unsigned long copies = 0, trapped = 0;
	struct err e = {""};
	struct printk *p;
	struct gcpu cpu;
	struct guest *g;
	struct trap *t;
	char target[32];
	unsigned n;
	long count;

	if (argc != 3)
		errx(2, "usage: replant PID COUNT");
	count = strtol(argv[2], NULL, 10);
	snprintf(target, sizeof(target), "kvm:%.20s", argv[1]);
	if (trap_attach(&t, target, &e) || t->ops->cpu(t, 0, &cpu, &e) ||
		guest_find(&g, &t->mem, &cpu, &e) || printk_open(&p, g, &sink, NULL, &e))
		errx(2, "%s", e.text);
	t->ops->limit_hold(t, 0);
	n = printk_sites(p, t->ops->caps, site, SITES);
	for (long i = 0; i < count; i++) {
		unsigned long now;

		for (unsigned k = 0; k < n; k++)
			if (t->ops->plant(t, &site[k], &e))
				errx(2, "%s", e.text);
		now = run(t, 2);
		trapped += now != 0;
		copies += now;
		for (unsigned k = 0; k < n; k++)
			if (t->ops->unplant(t, 0, site[k].tag, &e))
				errx(2, "%s", e.text);
		/* The second phase is due after 50 ms; it is part of the guard, each 100 ms. */
		copies += run(t, 6);
	}
	printf("%ld times %u sites, %ld of them with records: %lu\n", count, n, trapped, copies);
	t->ops->detach(t);
	printk_close(p);
	guest_free(g);
	return 0;
}
