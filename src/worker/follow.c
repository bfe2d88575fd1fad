/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/clock.h"
#include "util/pages.h"

#define FIND_FIRST_MS 100 /* between two looks for a kernel; doubled up to ... */
#define FIND_MAX_MS 1000
#define STRANGE_MS 5000 /* what is not Linux for so long is something else; */
#define STRANGE_AGAIN_MS 30000 /* and in a guest that was followed before, for so long */
#define TICK_STILL_MS 1000 /* the guest's clock stood still for so long: is it another guest? */
#define CHECK_MAX_MS 60000
#define HOLD_STEP_MS 10
#define ALIVE_MS 20
#define FLOOD_POLL_MS 1
#define LOOK_AGAIN_MS 20 /* after a poll that found records whose traps may be under way */
#define PLANT_AGAIN_MS 1000 /* after another tracer was found on a site */

static int same_guest(void *ctx);

void follow_init(struct follow *f, struct trap *t, struct store *s, struct status *st,
	unsigned max_hold_ms)
{
	memset(f, 0, sizeof(*f));
	f->t = t;
	f->store = s;
	f->status = st;
	f->sink = (struct source_sink){store_put, s, store_recall};
	f->max_hold_ms = max_hold_ms;
	t->same_guest = same_guest;
	t->same_guest_ctx = f;
	f->find_pause_ms = FIND_FIRST_MS;
}

static void add(struct source_counters *a, const struct source_counters *b)
{
	a->records += b->records;
	a->live += b->live;
	a->backfill += b->backfill;
	a->late += b->late;
	a->partial += b->partial;
	if (__builtin_add_overflow(a->lost, b->lost, &a->lost))
		a->lost = UINT64_MAX;
	a->gaps += b->gaps;
	a->truncated += b->truncated;
}

void follow_counters(const struct follow *f, struct meta_counters *c)
{
	struct source_counters s = f->before;

	if (f->p)
		add(&s, printk_counters(f->p));
	*c = (struct meta_counters){s.records, s.live, s.backfill, s.late, s.partial, s.lost,
		s.gaps, s.truncated, (uint64_t)store_lag(f->store) * 1000};
}

/* Say a trouble once, until it changes. */
static void say(struct follow *f, const struct err *why)
{
	if (!strcmp(f->trouble.text, why->text))
		return;
	f->trouble = *why;
	status_log(f->status, "%s", why->text);
}

/* An alert that cannot be stored was at least said. */
static void alert(struct follow *f, const char *what, const char *text)
{
	struct meta *m = store_meta(f->store, META_ALERT);

	status_log(f->status, "alert: %s", text);
	meta_alert(m, what, text);
	store_put_meta(f->store, NULL);
}

/* ---- sites ---- */

static bool same_site(const struct trap_site *a, const struct trap_site *b)
{
	return a->kind == b->kind && a->gva == b->gva && a->tag == b->tag;
}

static int unplant(struct follow *f, unsigned i)
{
	uint32_t tag = f->planted[i].tag;

	f->planted[i] = f->planted[--f->n_planted];
	return f->t->ops->unplant(f->t, 0, tag, NULL);
}

static void unplant_all(struct follow *f)
{
	while (f->n_planted)
		unplant(f, f->n_planted - 1);
}

static bool among(const struct trap_site *s, const struct trap_site *sites, unsigned n)
{
	while (n && !same_site(s, &sites[n - 1]))
		n--;
	return n;
}

/* Are the planted sites those the source wants? */
static bool in_place(struct follow *f)
{
	struct trap_site want[TRAP_SITES_MAX];
	unsigned n = printk_sites(f->p, f->t->ops->caps, want, TRAP_SITES_MAX);

	while (n && among(&want[n - 1], f->planted, f->n_planted))
		n--;
	return !n;
}

/* Bring the planted sites to what the source wants. */
static int plant(struct follow *f, struct err *e)
{
	struct trap_site want[TRAP_SITES_MAX];
	unsigned n = printk_sites(f->p, f->t->ops->caps, want, TRAP_SITES_MAX);
	int r;

	for (unsigned i = f->n_planted; i-- > 0;)
		if (!among(&f->planted[i], want, n))
			unplant(f, i);
	for (unsigned j = 0; j < n; j++) {
		if (among(&want[j], f->planted, f->n_planted))
			continue;
		r = f->t->ops->plant(f->t, &want[j], e);
		if (r && r != -ESRCH && printk_doorbell_only(f->p))
			return plant(f, e);
		if (r)
			return r;
		f->planted[f->n_planted++] = want[j];
	}
	return n ? 0 : err_set(e, ENOTSUP, "the guest's kernel has nothing this backend can trap");
}

/* The same while the guest is held; without doorbells what is left is polling. */
static void replant(struct follow *f)
{
	struct err e;

	if (f->armed && !in_place(f) && plant(f, &e)) {
		f->armed = false;
		say(f, &e);
	}
	if (printk_flooded(f->p) && !f->flood_said) {
		f->flood_said = true;
		status_log(f->status, "the guest floods its log: it runs on while its ring is read, and "
			"is stopped before it overwrites anything (--strict: at each record)");
	}
}

static int hold(struct follow *f, struct err *e)
{
	int r = f->t->ops->hold(f->t, e);

	f->held = !r;
	return r;
}

static int let_go(struct follow *f, struct err *e)
{
	f->held = false;
	return f->t->ops->resume(f->t, e);
}

/*
 * Is the guest's memory as its CPUs left it? Where it looks as after a reboot or an earlier snapshot,
 * the VMM may be loading one, which takes seconds: then it holds parts of both, and nothing may be
 * concluded from it.
 */
static bool settled(void *ctx)
{
	struct follow *f = ctx;
	const struct trap_ops *ops = f->t->ops;
	uint64_t n;

	if (!ops->runs) {
		if (!f->held && !hold(f, NULL))
			let_go(f, NULL);
		return true;
	}
	if (ops->runs(f->t, &n, NULL))
		return true; /* the backend will say so itself */
	f->asked = true;
	if (!f->doubt || n == f->runs) {
		f->doubt = true;
		f->runs = n;
		return false;
	}
	f->doubt = false;
	return true;
}

/* trap.h, same_guest: the kernel found is there unchanged, and a CPU has its page table. */
static int same_guest(void *ctx)
{
	struct follow *f = ctx;
	struct err why;
	struct gcpu cpu;

	if (!f->g || guest_alive(f->g, &why) == -ESTALE)
		return -1;
	if (!f->t->ops->cpu(f->t, 0, &cpu, NULL) && !guest_runs_on(f->g, &cpu, &why))
		return 1;
	f->next_look_ms = f->next_poll_ms = 0; /* another boot? */
	return 0;
}

/* ---- finding ---- */

static void forget(struct follow *f)
{
	unplant_all(f);
	if (f->p)
		add(&f->before, printk_counters(f->p));
	printk_close(f->p);
	guest_free(f->g);
	f->p = NULL;
	f->g = NULL;
	f->find_pause_ms = FIND_FIRST_MS;
	f->next_find_ms = 0;
	f->waiting[0] = 0;
}

/*
 * Does error @r of a search pass by itself? Most do while a guest boots. What no guest that can be followed
 * looks like may be a boot loader or a decompressor on its way to one: after a while it is believed, and
 * a guest that was followed before may even then boot what can be followed.
 */
static bool passing(struct follow *f, int r, const struct err *e)
{
	int64_t now = clock_due_ms();

	if (r == -EAGAIN || r == -EFAULT || r == -EBADMSG || r == -ESTALE) {
		f->strange_ms = 0;
		return true;
	}
	if (r != -ENOEXEC && !(r == -ENOENT && f->followed))
		return false;
	if (!f->strange_ms)
		f->strange_ms = now;
	if (now - f->strange_ms < (f->followed ? STRANGE_AGAIN_MS : STRANGE_MS))
		return true;
	if (f->followed && !f->strange_said)
		alert(f, "no-kernel", e->text);
	f->strange_said = true;
	return f->followed;
}

static int not_yet(struct follow *f, int r, struct err *e)
{
	if (!passing(f, r, e))
		return r;
	/* What may turn out to be no guest to follow is told once, by who ends for it. */
	if (!f->strange_ms && strcmp(f->waiting, e->text)) {
		memcpy(f->waiting, e->text, sizeof(f->waiting));
		status_log(f->status, "waiting for the guest's kernel: %s", e->text);
	}
	f->next_find_ms = clock_due_ms() + f->find_pause_ms;
	f->find_pause_ms = f->find_pause_ms * 2 < FIND_MAX_MS ? f->find_pause_ms * 2 : FIND_MAX_MS;
	return 0;
}

static void set_boot(struct follow *f)
{
	snprintf(f->store->boot, sizeof(f->store->boot), "%s", printk_boot(f->p));
}

static int drain(struct follow *f, enum printk_why why, int64_t now_us, struct err *e)
{
	int r;

	do
		r = printk_drain(f->p, why, now_us, e);
	while (r > 0);
	set_boot(f);
	return r;
}

/* The kernel is found and its ring open: write it down, arm, take what is there. */
static int begin(struct follow *f, struct err *e)
{
	const struct guest_info *info = guest_info(f->g);
	uint64_t records, bytes;
	struct meta *m;
	int r;

	set_boot(f);
	f->followed = true;
	f->strange_ms = 0;
	f->strange_said = false;
	if (!printk_resumed(f->p)) {
		m = store_meta(f->store, META_BOOT);
		meta_boot(m, info->release, info->build_id);
		store_put_meta(f->store, NULL);
	}
	printk_doubt(f->p, settled, f);
	f->jiffies_gva = 0;
	if (guest_symbol(f->g, "jiffies_64", &f->jiffies_gva))
		guest_symbol(f->g, "jiffies", &f->jiffies_gva);
	if (f->strict)
		printk_strict(f->p);
	guest_trim(f->g);
	pages_release();
	r = plant(f, e);
	if (r == -ESRCH)
		return r;
	f->armed = !r;
	if (r) {
		alert(f, "no-doorbell", e->text);
		status_log(f->status, "records are taken by polling only, every %d ms",
			FOLLOW_POLL_MS);
	}
	printk_armed(f->p);
	if (r)
		printk_disarmed(f->p);
	printk_size(f->p, &records, &bytes);
	status_log(f->status,
		"following %s, boot %s, ring of %" PRIu64 " records and %" PRIu64 " KiB%s",
		info->release, printk_boot(f->p), records, bytes >> 10,
		printk_resumed(f->p) ? ", where the ledger stopped" : "");
	if (f->t->stopped_ns)
		status_log(f->status, "planted; for that the VM stood still for %" PRIu64 " us",
			f->t->stopped_ns / 1000);
	f->ticked_ms = clock_due_ms();
	f->check_pause_ms = TICK_STILL_MS;
	f->next_check_ms = f->ticked_ms + f->check_pause_ms;
	f->next_poll_ms = f->next_look_ms = f->next_alive_ms = 0;
	return 0;
}

static int find(struct follow *f, struct err *e)
{
	struct gcpu cpu;
	int r = f->t->ops->cpu(f->t, 0, &cpu, e);

	if (r)
		return not_yet(f, r, e);
	r = guest_find(&f->g, &f->t->mem, &cpu, e);
	if (r)
		return not_yet(f, r, e);
	r = printk_open(&f->p, f->g, &f->sink, &f->store->resume, e);
	if (r) {
		guest_free(f->g);
		f->g = NULL;
		return not_yet(f, r, e);
	}
	return begin(f, e);
}

/* ---- following ---- */

/*
 * Another kernel runs, or none. @intact: the old one's memory is still there, so that its last
 * words can be taken.
 */
static void rebooted(struct follow *f, bool intact, const struct err *why)
{
	struct err e;

	status_log(f->status, "the guest rebooted: %s", why->text);
	if (intact)
		printk_end(f->p, clock_wall_us(), &e);
	else
		printk_end_blind(f->p, clock_wall_us(), &e);
	forget(f);
}

/* 1 if the guest followed is gone (and was forgotten), or may be. Looked at no more often than is of use. */
static int check_alive(struct follow *f)
{
	struct err why = {""};
	int64_t now = clock_due_ms();

	if (now < f->next_alive_ms)
		return 0;
	f->next_alive_ms = now + ALIVE_MS;
	if (guest_alive(f->g, &why) != -ESTALE)
		return 0;
	if (settled(f))
		rebooted(f, false, &why);
	else
		f->next_alive_ms = f->next_look_ms = f->next_poll_ms = now + LOOK_AGAIN_MS;
	return 1;
}

/*
 * After a reset the old kernel's memory may stay as it was for a while: only its clock stands
 * still. So does that of an idle or paused guest, so ask a CPU, ever less often.
 */
static void check_ticking(struct follow *f, int64_t now)
{
	struct err why = {""};
	struct gcpu cpu;
	uint64_t jiffies;

	if (!f->jiffies_gva || guest_read(f->g, f->jiffies_gva, &jiffies, sizeof(jiffies)))
		return;
	if (jiffies != f->jiffies) {
		f->jiffies = jiffies;
		f->ticked_ms = now;
		f->check_pause_ms = TICK_STILL_MS;
		f->next_check_ms = now + f->check_pause_ms;
		return;
	}
	if (now < f->next_check_ms)
		return;
	f->check_pause_ms =
		f->check_pause_ms * 2 < CHECK_MAX_MS ? f->check_pause_ms * 2 : CHECK_MAX_MS;
	f->next_check_ms = now + f->check_pause_ms;
	if (f->t->ops->cpu(f->t, 0, &cpu, NULL))
		return;
	if (guest_runs_on(f->g, &cpu, &why) != -ESTALE)
		return;
	if (settled(f))
		rebooted(f, true, &why);
	else
		f->next_check_ms = f->next_look_ms = now + LOOK_AGAIN_MS;
}

/* What to make of a drain's result. */
static void after_drain(struct follow *f, int r, struct err *e)
{
	switch (r) {
	case 0:
		f->trouble.text[0] = 0;
		break;
	case -ESRCH: /* the backend will say so itself */
		break;
	case -ESTALE:
		status_log(f->status, "%s", e->text);
		forget(f);
		break;
	default:
		say(f, e);
	}
}

/*
 * The VM is held at a doorbell and the store takes nothing: wait a little for room, then let it go
 * on, since the ring will hold the records for a while longer.
 */
static int drain_held(struct follow *f, int64_t time_us, struct err *e)
{
	int64_t until = clock_due_ms() + f->max_hold_ms;
	int r = drain(f, PRINTK_AT_TRAP, time_us, e);

	while (r && f->store->failing && !f->gave_up) {
		say(f, e);
		if (clock_due_ms() >= until) {
			f->gave_up = true;
			status_log(f->status,
				"the VM was held for %u ms; it runs on, and what its ring "
				"cannot keep meanwhile will be a gap",
				f->max_hold_ms);
			break;
		}
		clock_sleep_ms(HOLD_STEP_MS);
		store_tick(f->store);
		if (!f->store->failing)
			r = drain(f, PRINTK_AT_TRAP, time_us, e);
	}
	if (!r)
		f->gave_up = false;
	return r;
}

static int stopped(struct follow *f, const struct trap_event *ev, struct err *e)
{
	f->event_ms = clock_due_ms();
	f->held = true;
	if (f->p && !check_alive(f))
		after_drain(f, drain_held(f, ev->time_us, e), e);
	if (f->p)
		replant(f);
	return let_go(f, e);
}

/* A site was found changed; polls take over where it cannot be planted again. */
static void tampered(struct follow *f, const struct trap_event *ev)
{
	f->next_alive_ms = 0;
	if (f->p && check_alive(f))
		return; /* no wonder */
	alert(f, "trap", ev->text);
	if (f->p && ev->lost)
		printk_disarmed(f->p);
	else if (f->p)
		printk_rearmed(f->p);
	f->next_poll_ms = f->next_look_ms = 0;
	f->event_ms = 0;
}

int follow_event(struct follow *f, const struct trap_event *ev, struct err *e)
{
	int r = 0;

	switch (ev->type) {
	case TRAP_IDLE:
		f->emptied = ev->emptied;
		if (ev->text[0])
			status_log(f->status, "%s", ev->text);
		return 0;
	case TRAP_STOPPED:
		r = stopped(f, ev, e);
		return r == -ESRCH ? 0 : r;
	case TRAP_COPY:
		f->emptied = false;
		f->event_ms = clock_due_ms();
		if (f->p)
			after_drain(f, printk_copy(f->p, ev->tag == PRINTK_TAG_FINAL,
				ev->data, ev->len, ev->time_us, e), e);
		return 0;
	case TRAP_LOST:
		status_log(f->status, "the backend dropped %" PRIu64 " events; the ring is walked",
			ev->lost);
		if (f->p)
			printk_copies_lost(f->p, ev->lost, clock_wall_us());
		f->next_poll_ms = f->next_look_ms = 0;
		f->event_ms = 0;
		return 0;
	case TRAP_ALERT:
		tampered(f, ev);
		return 0;
	case TRAP_GONE:
		if (f->p && printk_end(f->p, ev->time_us ? ev->time_us : clock_wall_us(), e))
			say(f, e);
		return 1;
	}
	return 0;
}

/* The source wants other sites by now: what is written while they are changed is taken after. */
static int replant_running(struct follow *f, struct err *e)
{
	int r = hold(f, e);

	if (!r) {
		replant(f);
		after_drain(f, drain(f, PRINTK_AT_POLL, clock_wall_us(), e), e);
		r = let_go(f, e);
	}
	return r == -ESRCH ? 0 : r;
}

/* A function that another tracer had may be free by now. */
static void plant_again(struct follow *f, int64_t now, struct err *e)
{
	if (f->armed || !(f->t->ops->caps & TRAP_CODE) || now < f->next_plant_ms)
		return;
	f->next_plant_ms = now + PLANT_AGAIN_MS;
	if (plant(f, e))
		return;
	f->armed = true;
	alert(f, "doorbell", "the guest's code can be trapped now: planted");
	printk_rearmed(f->p);
}

/*
 * Is it time for a poll? Where each stop drains the ring, not while doorbells ring. Where copies come,
 * only when all that were made before the last poll have been taken: what is in the ring and has none
 * then has none.
 */
static bool may_poll(const struct follow *f, int64_t now)
{
	if (f->t->ops->caps & TRAP_CODE)
		return f->emptied;
	return printk_flooded(f->p) || now - f->event_ms >= FOLLOW_POLL_MS;
}

/* When to poll next, after a poll at @now or one that was not due. */
static int64_t next_poll(const struct follow *f, int64_t now)
{
	if (f->t->ops->caps & TRAP_CODE)
		return now + (printk_outstanding(f->p) ? LOOK_AGAIN_MS : FOLLOW_POLL_MS);
	return now + (printk_flooded(f->p) ? FLOOD_POLL_MS : FOLLOW_POLL_MS);
}

static int poll_ring(struct follow *f, int64_t now, struct err *e)
{
	bool flood = printk_flooded(f->p);
	int r;

	f->emptied = false;
	f->next_poll_ms = next_poll(f, now);
	/* A guest may write faster than it is read: then the store has its turn in between. */
	r = flood ? printk_drain(f->p, PRINTK_AT_POLL, clock_wall_us(), e) :
		drain(f, PRINTK_AT_POLL, clock_wall_us(), e);
	after_drain(f, r > 0 ? 0 : r, e);
	if (!f->p)
		return 0;
	f->next_poll_ms = next_poll(f, now);
	f->doubt = f->doubt && f->asked;
	if (f->armed && !in_place(f))
		return replant_running(f, e);
	plant_again(f, now, e);
	return 0;
}

int follow_tick(struct follow *f, struct err *e)
{
	int64_t now = clock_due_ms();

	if (!f->p) {
		int r = now >= f->next_find_ms ? find(f, e) : 0;

		return r == -ESRCH ? 0 : r;
	}
	if (now < f->next_poll_ms)
		return 0;
	f->asked = false;
	/* One word tells that nothing was logged: all that an idle guest costs most of the time. */
	if (!printk_flooded(f->p) && now < f->next_look_ms && printk_quiet(f->p) &&
		(!f->armed || in_place(f))) {
		f->next_poll_ms = now + FOLLOW_POLL_MS;
		return 0;
	}
	/* While copies come it is the same guest. */
	if (f->t->ops->caps & TRAP_CODE && now < f->next_look_ms && !f->emptied)
		return 0;
	f->next_look_ms = now + FOLLOW_LOOK_MS;
	if (check_alive(f))
		return 0;
	check_ticking(f, now);
	if (!f->p)
		return 0;
	if (may_poll(f, now))
		return poll_ring(f, now, e);
	if (!(f->t->ops->caps & TRAP_CODE))
		f->next_poll_ms = next_poll(f, now);
	return 0;
}

int follow_due(const struct follow *f, int max)
{
	int64_t at = f->p ? f->next_poll_ms : f->next_find_ms, left = at - clock_due_ms();

	return left < 0 ? 0 : left < max ? (int)left : max;
}

void follow_stop(struct follow *f)
{
	struct err e;

	if (!f->p)
		return;
	if (!hold(f, &e)) {
		if (!guest_alive(f->g, &e))
			drain(f, PRINTK_AT_TRAP, clock_wall_us(), &e);
		unplant_all(f);
		let_go(f, &e);
	}
	forget(f);
}
