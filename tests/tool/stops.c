/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stops.c - how often a VM can be stopped at the doorbell of its log: stops TARGET
 *
 * Attaches, plants what a worker plants, and lets the VM go on after each stop without reading
 * anything, until SIGTERM. Prints the number of stops, which is what bounds any capture that stops
 * the VM for each record. Exit 2 on trouble.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "guest/guest.h"
#include "source/printk/printk.h"
#include "trap/trap.h"

#define SITES 16

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

static int ignore(void *ctx, struct record *r, struct err *e)
{
	(void)ctx, (void)r, (void)e;
	return 0;
}

static int plant(struct trap *t, struct printk *p, struct err *e)
{
	struct trap_site sites[SITES];
	unsigned n = printk_sites(p, TRAP_WATCH, sites, SITES);
	int r = n ? 0 : err_set(e, ENOTSUP, "nothing to watch");

	while (n && !r)
		r = t->ops->plant(t, &sites[--n], e);
	return r;
}

static int count(struct trap *t, unsigned long *stops, struct err *e)
{
	struct trap_event ev;
	int r = 0;

	while (!ended && !r) {
		r = t->ops->wait(t, 100, &ev, e);
		if (!r && ev.type == TRAP_GONE)
			return 0;
		if (!r && ev.type == TRAP_STOPPED) {
			++*stops;
			r = t->ops->resume(t, e);
		}
	}
	return r;
}

int main(int argc, char **argv)
{
	static const struct source_sink sink = {.emit = ignore};
	struct sigaction sa = {.sa_handler = on_term};
	struct printk *p = NULL;
	struct guest *g = NULL;
	unsigned long stops = 0;
	struct err e = {""};
	struct trap *t;
	struct gcpu cpu;
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: stops TARGET\n");
		return 2;
	}
	sigaction(SIGTERM, &sa, NULL);
	r = trap_attach(&t, argv[1], &e);
	if (r) {
		fprintf(stderr, "stops: %s\n", e.text);
		return 2;
	}
	r = t->ops->cpu(t, 0, &cpu, &e);
	if (!r)
		r = guest_find(&g, &t->mem, &cpu, &e);
	if (!r)
		r = printk_open(&p, g, &sink, NULL, &e);
	if (!r)
		r = plant(t, p, &e);
	if (!r) {
		puts("ready");
		fflush(stdout);
		r = count(t, &stops, &e);
	}
	t->ops->detach(t);
	printk_close(p);
	guest_free(g);
	if (r) {
		fprintf(stderr, "stops: %s\n", e.text);
		return 2;
	}
	printf("%lu\n", stops);
	return 0;
}
