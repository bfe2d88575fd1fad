/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/boot.h"

#include <errno.h>
#include <string.h>

#include "util/clock.h"

#define SEEK_FIRST_MS 100 /* between two looks for a kernel; doubled up to ... */
#define SEEK_MAX_MS 1000
#define STRANGE_MS 5000 /* what is not Linux for so long is something else; */
#define STRANGE_AGAIN_MS 30000 /* and in a guest that was followed before, for so long */
#define LOOK_MS 5000    /* whether it is still the same guest, while it is quiet */
#define ALIVE_MS 20
#define SETTLE_MS 20    /* between two questions whether a CPU has run */
/* So long a kernel's memory may be there and no CPU seem to run it: it is about to boot, mostly. */
#define NOBODY_MS 3000
#define STILL_MS 1000   /* the guest's clock stood still for so long: is it another guest? Doubled up to ... */
#define STILL_MAX_MS 60000
#define TICKS_SLACK_MS 1000 /* the guest's clock may be so far ahead of ours */
#define ALTERED_AGAIN_MS 10000
#define BLIND_MS 10000  /* a kernel that is there and cannot be followed for so long, */
#define STARTING_MS 60000 /* or says for so long that it is starting */
/* Finding takes long, and a guest can have it done again and again: it gets at most one part in five of a CPU. */
#define SEEK_SHARE 4
#define HASTY_MS 10000  /* a kernel given up within this time was found in vain; more of them: */
#define HASTY_FREE 3    /* so many are looked for at once, the next ever later, up to ... */
#define HASTY_MAX_MS 10000

void boot_init(struct boot *b, struct trap *t)
{
	memset(b, 0, sizeof(*b));
	b->t = t;
	b->seek_pause_ms = SEEK_FIRST_MS;
}

int boot_hold(struct boot *b, struct err *e)
{
	int r = b->t->ops->hold(b->t, e);

	b->held = !r;
	return r;
}

int boot_let_go(struct boot *b, struct err *e)
{
	b->held = false;
	return b->t->ops->resume(b->t, e);
}

bool boot_found(const struct boot *b)
{
	return b->g || (b->t->host && b->state == BOOT_FOUND);
}

const struct guest_info *boot_info(const struct boot *b)
{
	return b->t->host ? b->t->host : guest_info(b->g);
}

bool boot_readable(const struct boot *b)
{
	struct err why;

	return b->t->host || !guest_alive(b->g, &why);
}

/* ---- seeking ---- */

int boot_find(struct boot *b, struct err *e)
{
	struct gcpu cpu;
	int64_t since = clock_due_ms();
	int r;

	if (b->t->host)
		return 0;
	r = b->t->ops->cpu(b->t, 0, &cpu, e);

	r = r ? r : guest_find(&b->g, &b->t->mem, &cpu, e);
	b->took_ms = clock_due_ms() - since;
	return r;
}

/* A kernel is there, has been for long, and what it says of itself cannot be followed: true once. */
static bool blind(struct boot *b, int r, int64_t now)
{
	if (r == -EAGAIN) {
		b->blind_ms = 0;
		return false;
	}
	if (!b->blind_ms)
		b->blind_ms = now;
	if (b->blind_said || now - b->blind_ms < (r == -EINPROGRESS ? STARTING_MS : BLIND_MS))
		return false;
	b->blind_said = true;
	return true;
}

/*
 * Does failure @r pass by itself? Most do while a guest boots. What no guest that can be followed looks like
 * may be a boot loader or a decompressor on its way to one: after a while it is believed, and a guest that
 * was followed before may even then boot what can be followed.
 */
static enum boot_failure passing(struct boot *b, int r, const struct err *why)
{
	const int64_t now = clock_due_ms(), most = b->followed ? STRANGE_AGAIN_MS : STRANGE_MS;
	bool said = b->strange_said;

	if (r == -EAGAIN || r == -EINPROGRESS || r == -EFAULT || r == -EBADMSG || r == -ESTALE) {
		b->state = BOOT_SEEKING;
		if (blind(b, r, now))
			return BOOT_BLIND;
		if (!strcmp(b->waiting, why->text))
			return BOOT_LATER;
		memcpy(b->waiting, why->text, sizeof(b->waiting));
		return BOOT_WAITS;
	}
	if (r != -ENOEXEC && !(r == -ENOENT && b->followed))
		return BOOT_NEVER;
	if (b->state != BOOT_STRANGE)
		b->strange_ms = now;
	b->state = BOOT_STRANGE;
	if (now - b->strange_ms < most)
		return BOOT_LATER;
	if (!b->followed)
		return BOOT_NEVER; /* told once, by who ends for it */
	b->strange_said = true;
	return said ? BOOT_LATER : BOOT_NONE;
}

enum boot_failure boot_not_found(struct boot *b, int r, const struct err *why)
{
	enum boot_failure f = passing(b, r, why);

	guest_free(b->g);
	b->g = NULL;
	if (f == BOOT_NEVER)
		return f;
	b->seek_ms = clock_due_ms() +
		(b->took_ms * SEEK_SHARE > b->seek_pause_ms ? b->took_ms * SEEK_SHARE : b->seek_pause_ms);
	b->seek_pause_ms = b->seek_pause_ms * 2 < SEEK_MAX_MS ? b->seek_pause_ms * 2 : SEEK_MAX_MS;
	return f;
}

void boot_begin(struct boot *b)
{
	b->state = BOOT_FOUND;
	b->followed = true;
	b->strange_said = b->blind_said = false;
	b->blind_ms = 0;
	b->begun_ms = clock_due_ms();
	b->ticked_ms = 0;
	if (b->g)
		guest_trim(b->g);
	b->check_pause_ms = STILL_MS;
	b->check_ms = clock_due_ms() + b->check_pause_ms;
	b->look_ms = b->alive_ms = 0;
	b->nobody_ms = 0;
}

void boot_forget(struct boot *b)
{
	const int64_t now = clock_due_ms();
	int64_t pause;

	b->hasty = now - b->begun_ms < HASTY_MS ? b->hasty + 1 : 0;
	pause = b->hasty > HASTY_FREE ? SEEK_FIRST_MS << (b->hasty - HASTY_FREE < 7 ? b->hasty - HASTY_FREE : 7) : 0;
	guest_free(b->g);
	b->g = NULL;
	b->state = BOOT_SEEKING;
	b->seek_pause_ms = SEEK_FIRST_MS;
	b->seek_ms = !pause ? 0 : now + (pause < HASTY_MAX_MS ? pause : HASTY_MAX_MS);
	b->waiting[0] = 0;
}

/* ---- found ---- */

void boot_round(struct boot *b)
{
	b->asked = false;
}

void boot_round_over(struct boot *b)
{
	if (b->state == BOOT_DOUBTFUL && !b->asked)
		b->state = BOOT_FOUND;
}

bool boot_settled(struct boot *b)
{
	const struct trap_ops *ops = b->t->ops;
	uint64_t n;

	if (!ops->runs) {
		if (!b->held && !boot_hold(b, NULL))
			boot_let_go(b, NULL);
		return true;
	}
	if (ops->runs(b->t, &n, NULL))
		return true; /* the backend will say so itself */
	b->asked = true;
	if (b->state != BOOT_DOUBTFUL || n == b->runs) {
		b->state = BOOT_DOUBTFUL;
		b->runs = n;
		return false;
	}
	b->state = BOOT_FOUND;
	return true;
}

/*
 * Its marks changed, or are being overwritten by another one: does a CPU run it all the same, and its clock go on
 * from where it was? (HZ is 1000 at most.)
 */
static bool runs_on(struct boot *b, int64_t now)
{
	struct gcpu cpu;
	struct err why;
	uint64_t ticks;

	return b->ticked_ms && !guest_ticks(b->g, &ticks) &&
		ticks - b->ticks <= (uint64_t)(now - b->ticked_ms + TICKS_SLACK_MS) &&
		!b->t->ops->cpu(b->t, 0, &cpu, NULL) && !guest_runs_on(b->g, &cpu, &why);
}

/* It does: what its marks are now is believed. */
static enum boot_is altered(struct boot *b, int64_t now, struct err *why)
{
	struct err other;

	if (guest_remark(b->g, why) || guest_alive(b->g, &other) == -ESTALE)
		return BOOT_GONE;
	if (b->altered_ms && now - b->altered_ms < ALTERED_AGAIN_MS)
		return BOOT_SAME;
	b->altered_ms = now;
	return BOOT_ALTERED;
}

enum boot_is boot_alive(struct boot *b, struct err *why)
{
	int64_t now = clock_due_ms();

	if (b->t->host || now < b->alive_ms)
		return BOOT_SAME;
	b->alive_ms = now + ALIVE_MS;
	if (guest_alive(b->g, why) != -ESTALE)
		return BOOT_SAME;
	if (boot_settled(b))
		return runs_on(b, now) ? altered(b, now, why) : BOOT_GONE;
	b->alive_ms = b->look_ms = now + SETTLE_MS;
	return BOOT_UNSURE;
}

/*
 * After a reset the old kernel's memory may stay as it was for a while: only its clock stands
 * still. So does that of an idle or paused guest, so ask a CPU, ever less often.
 */
static enum boot_is ticking(struct boot *b, int64_t now, struct err *why)
{
	struct gcpu cpu;
	uint64_t ticks;

	if (guest_ticks(b->g, &ticks))
		return BOOT_SAME;
	b->ticked_ms = now;
	if (ticks != b->ticks) {
		b->ticks = ticks;
		b->check_pause_ms = STILL_MS;
		b->check_ms = now + b->check_pause_ms;
		return BOOT_SAME;
	}
	if (now < b->check_ms)
		return BOOT_SAME;
	b->check_pause_ms = b->check_pause_ms * 2 < STILL_MAX_MS ? b->check_pause_ms * 2 : STILL_MAX_MS;
	b->check_ms = now + b->check_pause_ms;
	if (b->t->ops->cpu(b->t, 0, &cpu, NULL) || guest_runs_on(b->g, &cpu, why) != -ESTALE)
		return BOOT_SAME;
	if (boot_settled(b))
		return BOOT_STOPPED;
	b->check_ms = b->look_ms = now + SETTLE_MS;
	return BOOT_SAME; /* its memory is there: records may be taken */
}

enum boot_is boot_look(struct boot *b, struct err *why)
{
	int64_t now = clock_due_ms();
	enum boot_is is;

	b->look_ms = now + LOOK_MS;
	is = boot_alive(b, why);
	return is == BOOT_SAME && b->g ? ticking(b, now, why) : is;
}

bool boot_same_guest(struct boot *b)
{
	struct err why;
	struct gcpu cpu;
	bool runs;

	if (!b->g || guest_alive(b->g, &why) == -ESTALE)
		return false;
	runs = !b->t->ops->cpu(b->t, 0, &cpu, NULL) && !guest_runs_on(b->g, &cpu, &why);
	if (runs) {
		b->nobody_ms = 0;
		return true;
	}
	b->look_ms = 0; /* another boot? */
	if (!b->nobody_ms)
		b->nobody_ms = clock_due_ms();
	return clock_due_ms() - b->nobody_ms >= NOBODY_MS;
}
