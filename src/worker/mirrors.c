/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/mirrors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ledger/cosigned.h"
#include "mirror/push/state.h"

#define LATE "mirror-late"
#define REFUSES "mirror-refuses"
#define BACK "mirror-back"

void mirrors_init(struct mirrors *m, const struct upload_target *peers, unsigned n, int64_t now_ms)
{
	memset(m, 0, sizeof(*m));
	m->peers = peers;
	m->n = n < UPLOADERS_MAX ? n : UPLOADERS_MAX;
	for (unsigned i = 0; i < m->n; i++)
		m->of[i].since_ms = now_ms;
}

/* Is it this history that stands in the way, and not the way? */
static bool disagrees(const struct push_state *s)
{
	static const enum upload_trouble those[] = {UPLOAD_FORK, UPLOAD_AHEAD, UPLOAD_BEHIND, UPLOAD_LIES};

	for (unsigned i = 0; i < sizeof(those) / sizeof(those[0]); i++)
		if (!strcmp(s->trouble, upload_trouble_name(those[i])))
			return true;
	return false;
}

static void tell(struct mirrors *m, const struct report *r, unsigned i, const char *what, const char *why)
{
	char text[META_VALUE_MAX];

	if (m->of[i].told == what)
		return;
	m->of[i].told = what;
	snprintf(text, sizeof(text), "%.100s has cosigned %" PRIu64 " records of %" PRIu64 ": %.350s", m->peers[i].key.name,
		m->of[i].size, ledger_signed(r->store->ledger), why);
	report_alert(r, what, text);
}

static void look(struct mirrors *m, const struct report *r, unsigned i, int64_t now_ms)
{
	const struct vkey *key = &m->peers[i].key;
	const struct ledger *l = r->store->ledger;
	struct cosigned done = {.size = 0};
	struct push_state s = {.trouble = ""};
	char id[COSIGNED_ID + 1], why[128];
	bool grew;

	/* Without either of the two, or with what does not count, it is late at some time. */
	cosigned_id(key, id);
	if (cosigned_get(r->store->dir, key, ledger_vkey(l), &done, NULL))
		done.size = 0;
	if (push_state_get(r->store->dir, id, &s))
		s.trouble[0] = '\0';
	grew = done.size > m->of[i].size;
	m->of[i].size = done.size;
	if (grew || done.size >= ledger_signed(l))
		m->of[i].since_ms = now_ms;
	if (disagrees(&s)) {
		tell(m, r, i, REFUSES, s.text);
	} else if (now_ms - m->of[i].since_ms >= MIRRORS_LATE_MS) {
		snprintf(why, sizeof(why), "nothing new for %" PRId64 " minutes", (now_ms - m->of[i].since_ms) / 60000);
		tell(m, r, i, LATE, s.trouble[0] ? s.text : why);
	} else if (grew && m->of[i].told && !s.trouble[0]) {
		tell(m, r, i, BACK, "it cosigns again");
		m->of[i].told = NULL;
	}
}

void mirrors_tick(struct mirrors *m, const struct report *r, int64_t now_ms)
{
	if (now_ms < m->next_ms)
		return;
	m->next_ms = now_ms + MIRRORS_LOOK_MS;
	for (unsigned i = 0; i < m->n; i++)
		look(m, r, i, now_ms);
}
