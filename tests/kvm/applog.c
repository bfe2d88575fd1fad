/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * applog TARGET [entry | fire COUNT] - follow what a guest's programs send to log sockets, by the backend alone: where
 * it is trapped, then a line for each copy, until SIGTERM. entry: no code is put into the guest; the other ways. fire:
 * plant everything and take it out so often, whatever the guest does meanwhile.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/unix.h"
#include "source/sender/geometry.h"
#include "source/unix/traps.h"
#include "trap/trap.h"

static volatile sig_atomic_t ended;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

static struct trap *t;
static struct guest *g;
static struct traps traps;

static int fail(const char *what, const struct err *e)
{
	printf("applog: %s: %s\n", what, e->text);
	return 2;
}

static int plant_all(struct err *e)
{
	struct trap_site site[TRAPS_TAGS];
	unsigned n = traps_sites(&traps, site, TRAPS_TAGS);
	char how[160];

	for (unsigned i = 0; i < n; i++) {
		int r;

		site[i].owner = 1;
		r = t->ops->plant(t, &site[i], e);
		if (r)
			return r;
		t->ops->how(t, 1, site[i].tag, how, sizeof(how));
		printf("planted %s: %s\n", site[i].name, how);
	}
	return 0;
}

static void tell(const struct trap_event *ev)
{
	static char text[APP_MESSAGE_MAX];
	const struct fetch_mem mem = guest_mem(g);
	const struct app_copy *c = ev->data;
	long n = c->n;
	/* Of audit the text begins behind a struct nlmsghdr. */
	size_t from = traps.geometry[ev->tag].audit ? 16 : 0;
	uint32_t sum = 0;

	memcpy(text, c->data, c->n);
	if (c->flags & APP_COPY_HOLD)
		n = ev->held ? app_message(&mem, &traps.geometry[ev->tag], c, text, sizeof(text)) : -1;
	for (long i = 0; i < n; i++)
		sum = sum * 31 + (uint8_t)text[i];
	printf("copy tag=%u vcpu=%u pid=%u tid=%u ppid=%u uid=%u euid=%u scm=%u comm=%.16s pcomm=%.16s flags=%x exe=%d "
		"cgroup=%d held=%d len=%u n=%ld sum=%08x: %.*s\n", ev->tag, ev->vcpu, c->pid, c->tid, c->ppid, c->uid,
		c->euid, c->scm_pid, c->comm, c->pcomm, c->flags, c->exe.dentry != 0, c->kn != 0, ev->held, c->len, n, sum,
		n < (long)from ? 0 : n - from < 60 ? (int)(n - from) : 60, text + from);
}

static int event(struct err *e)
{
	struct trap_event ev;
	int r = t->ops->wait(t, 200, &ev, e);

	if (r)
		return r;
	switch (ev.type) {
	case TRAP_COPY:
		tell(&ev);
		return ev.held ? t->ops->resume(t, e) : 0;
	case TRAP_LOST:
		printf("lost %" PRIu64 " failed %" PRIu64 "\n", ev.lost, ev.failed);
		return 0;
	case TRAP_CHANGED:
	case TRAP_ALERT:
		printf("alert %s\n", ev.text);
		if (ev.type == TRAP_CHANGED) {
			r = plant_all(e);
			if (r)
				printf("not planted again: %s\n", e->text);
		}
		return 0;
	case TRAP_GONE:
		ended = 1;
		return 0;
	default:
		return 0;
	}
}

/* Some copies, or for a tenth of a second none. */
static int some(unsigned long *copies, struct err *e)
{
	for (int left = 64; left; left--) {
		struct trap_event ev;
		int r = t->ops->wait(t, left % 32 ? 0 : 100, &ev, e);

		if (r)
			return r;
		*copies += ev.type == TRAP_COPY;
		if (ev.held)
			t->ops->resume(t, e);
		if (ev.type == TRAP_CHANGED || ev.type == TRAP_ALERT)
			return err_set(e, EBUSY, "alert: %s", ev.text);
	}
	return 0;
}

static int fire(long count, struct err *e)
{
	unsigned long copies = 0, with = 0;
	int r = 0;

	t->ops->limit_hold(t, 0);
	for (long i = 0; !r && i < count; i++) {
		unsigned long before = copies;

		for (uint32_t tag = 0; !r && tag < TRAPS_TAGS; tag++)
			r = t->ops->unplant(t, 1, tag, e);
		if (!r)
			r = plant_all(e);
		if (!r)
			r = some(&copies, e);
		with += copies != before;
	}
	printf("fired %ld times, %lu of them with copies: %lu\n", count, with, copies);
	return r;
}

int main(int argc, char **argv)
{
	struct app_geometry geometry;
	struct gcpu cpu;
	struct err e;
	int r;

	if (argc < 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGTERM, end);
	if (trap_attach(&t, argv[1], &e))
		return fail("attach", &e);
	if (t->ops->cpu(t, 0, &cpu, &e) || guest_find(&g, &t->mem, &cpu, &e) || app_geometry_find(g, &geometry, &e) ||
		traps_find(&traps, g, &geometry, TRAPS_SOCKETS | 1u << TRAPS_AUDIT, &e))
		return fail("find", &e);
	if (argc > 2 && !strcmp(argv[2], "entry"))
		traps.text[1] = 0;
	do
		r = plant_all(&e);
	while (r && printf("without: %s\n", e.text) && traps_fewer(&traps));
	if (r)
		return fail("plant", &e);
	t->ops->limit_hold(t, 30000); /* nothing is cut, however slow the machine */
	puts("following");
	r = 0;
	if (argc > 3)
		r = fire(strtol(argv[3], NULL, 10), &e);
	while (argc <= 3 && !ended && !r)
		r = event(&e);
	if (r)
		fail("follow", &e);
	r = (int)t->ops->detach(t);
	printf("detached, %d left\n", r);
	return r != 0;
}
