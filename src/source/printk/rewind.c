/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rewind.c - a guest put back to a snapshot uses sequence numbers a second time. What the ledger
 * has already stays where it is and is not stored again; from where the course of events differs all
 * of it is, under the boot's next name, so that the numbers are not confused.
 *
 * A boot's name is 16 hexadecimal digits. The last four count the restorations: the first name has
 * any, each restored snapshot the next number after the name before (modulo 65536). So the first
 * twelve tell that two names are of one boot, whoever restored it and whenever.
 *
 * A kernel without KASLR whose stack canary is not known has the same name after a reboot, and its numbers go
 * back too. But then its log begins at record 0, and none of the times in it is one that is stored: a
 * snapshot shares its past with the ledger, to the nanosecond. Such a boot takes the next name as well, and is
 * stored whole. (Records from before the kernel's clock runs say nothing.)
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/printk/impl.h"
#include "util/hash.h"

#define NAME_OF_BOOT 12 /* digits */
#define RECALL_MAX (1u << 18) /* stored records looked at: a ring's worth, several times over */
/* Each costs a look at the ledger, and the guest can bring it about: so many at once, then one in a while. */
#define REWINDS 8
#define REWIND_AGAIN_US 10000000

bool printk_same_boot(const char *a, const char *b)
{
	return !strncmp(a, b, NAME_OF_BOOT) && strlen(a) == strlen(b);
}

static void next_name(struct printk *p)
{
	unsigned long n = strtoul(p->boot + NAME_OF_BOOT, NULL, 16);

	snprintf(p->boot + NAME_OF_BOOT, sizeof(p->boot) - NAME_OF_BOOT, "%04lx", (n + 1) & 0xffff);
}

/* A record of this boot that the ledger has, whatever the name: is it one that the ring holds? */
static int known(void *ctx, const struct source_stored *s)
{
	struct printk *p = ctx;
	uint64_t print = printk_fingerprint(s->seq, s->guest_ns, s->text_hash);
	size_t i = s->seq & p->history_mask;

	if (!printk_same_boot(s->boot, p->boot) || !p->recall_left--)
		return 1; /* older boots are of no use */
	if (p->in_ring[i] != print)
		return 0;
	p->history[i] = print;
	p->in_ring[i] = 0;
	return --p->n_in_ring == 0;
}

/* Fingerprints of what is final in the ring, by the same index as the history. */
static void read_ring(struct printk *p, uint64_t tail, uint64_t head)
{
	const char *why;

	p->n_in_ring = 0;
	for (uint64_t seq = tail; seq <= head && seq - tail <= p->l.g.desc_mask; seq++) {
		size_t i = seq & p->history_mask;

		if (printk_read(&p->l, &p->m, seq, false, &p->entry, &why) != PRINTK_WHOLE)
			continue;
		p->n_in_ring += !p->in_ring[i];
		p->in_ring[i] = printk_fingerprint(p->entry.seq, p->entry.ts_nsec,
			hash64(p->entry.text, p->entry.text_len));
	}
}

/* Make the history say what of the ring the ledger has. */
static int recall(struct printk *p, uint64_t tail, uint64_t head, struct err *e)
{
	int r = 0;

	if (!p->sink->recall)
		return 0; /* the history is what this process has emitted */
	p->in_ring = calloc(p->history_mask + 1, sizeof(*p->in_ring));
	if (!p->in_ring)
		return err_set(e, ENOMEM, "out of memory");
	read_ring(p, tail, head);
	memset(p->history, 0, (p->history_mask + 1) * sizeof(*p->history));
	p->recall_left = RECALL_MAX;
	if (p->n_in_ring)
		r = p->sink->recall(p->sink->ctx, RECORD_KMSG, known, p, e);
	free(p->in_ring);
	p->in_ring = NULL;
	return r;
}

/* Is it too early for another one? */
static bool too_often(struct printk *p, int64_t now_us)
{
	if (now_us < p->rewinds_us) /* the clock was set back */
		p->rewinds_us = now_us;
	while (p->rewinds && now_us - p->rewinds_us >= REWIND_AGAIN_US) {
		p->rewinds--;
		p->rewinds_us += REWIND_AGAIN_US;
	}
	if (!p->rewinds)
		p->rewinds_us = now_us;
	return p->rewinds == REWINDS;
}

/*
 * Until the kernel's clock runs its time is 0, then that of the last tick (jiffies_64 * (NSEC_PER_SEC / HZ),
 * kernel/sched/clock.c, HZ 100, 250, 300 or 1000), the same in each boot.
 */
bool printk_time_tells(uint64_t ns)
{
	return ns % 1000 && ns % (1000000000 / 300);
}

/* Given that the history says what of the ring is stored. */
static bool begun_anew(struct printk *p, uint64_t tail, uint64_t head)
{
	const char *why;

	if (p->marked || tail)
		return false;
	for (uint64_t seq = tail; seq <= head && seq - tail <= p->l.g.desc_mask; seq++)
		if (printk_read(&p->l, &p->m, seq, false, &p->entry, &why) == PRINTK_WHOLE &&
			printk_time_tells(p->entry.ts_nsec) && printk_known(p, &p->entry))
			return false;
	return true;
}

bool printk_booted_anew(struct printk *p, uint64_t tail, uint64_t head)
{
	if (p->marked || tail || recall(p, tail, head, NULL) || !begun_anew(p, tail, head))
		return false;
	memset(p->history, 0, (p->history_mask + 1) * sizeof(*p->history));
	p->resumed = false;
	next_name(p);
	return true;
}

int printk_rewind(struct printk *p, int64_t now_us, struct err *e)
{
	uint64_t head, tail;
	struct err why_not = {""};
	const char *why;
	int r;

	p->rewound = true;
	if (!p->whole)
		return SOURCE_DOUBT;
	if (too_often(p, now_us))
		return printk_alert(p, now_us, e, "rewinds",
			"the guest's printk ring goes back again and again; what it holds now is taken in %d s",
			REWIND_AGAIN_US / 1000000);
	r = printk_window_flush(p, e);
	if (r)
		return r;
	r = printk_bounds(&p->l, &p->m, 0, &head, &tail);
	if (r)
		return r == -EFAULT ? err_set(e, EFAULT, "the guest's printk ring is not readable") :
			printk_alert(p, now_us, e, "ring-contradiction",
				"the ends of the guest's printk ring contradict each other");
	/* At worst records are stored a second time, under the next name. */
	if (recall(p, tail, head, &why_not)) {
		r = printk_alert(p, now_us, e, "course-unknown",
			"what is stored already cannot be read: %.120s", why_not.text);
	} else if (begun_anew(p, tail, head)) {
		return PRINTK_ANEW;
	}
	if (!r)
		r = printk_alert(p, now_us, e, "ring-backwards",
			"the guest's printk ring went back: record %" PRIu64 " was next, now it holds %"
			PRIu64 " to %" PRIu64 " (a snapshot was restored?)", p->want, tail, head);
	if (!r && tail && printk_read(&p->l, &p->m, tail, false, &p->entry, &why) == PRINTK_WHOLE &&
		!printk_known(p, &p->entry))
		r = printk_alert(p, now_us, e, "course-unknown",
			"the oldest record the ring holds, %" PRIu64 ", is not stored yet: since the "
			"snapshot was restored, others before it may have been overwritten", tail);
	if (r)
		return r;
	next_name(p);
	p->rewound = false;
	p->rewinds++;
	p->replay_end = head + 1;
	p->flood.on = p->flood.points = false; /* what is watched may be in the future now */
	p->want = tail;
	p->emitted_end = 0;
	p->excused_end = head + 1;
	p->polled = 0; /* of the other course */
	p->reconciled = p->confirmed = head + 1;
	memset(p->trapped, 0, sizeof(p->trapped));
	p->has_part = false;
	p->n_skipped = 0;
	return 1;
}
