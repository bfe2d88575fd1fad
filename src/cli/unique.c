/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/unique.h"

#include <errno.h>
#include <stdlib.h>

#include "util/hash.h"

struct unique_entry {
	char *p; /* NULL: empty */
	size_t n;
	uint64_t hash;
};

static struct unique_entry *slot_of(const struct unique *u, struct span s, uint64_t hash)
{
	size_t i = hash & (u->slots - 1);

	while (u->slot[i].p && (u->slot[i].hash != hash || u->slot[i].n != s.n ||
				       memcmp(u->slot[i].p, s.p, s.n) != 0))
		i = (i + 1) & (u->slots - 1);
	return &u->slot[i];
}

static int grow(struct unique *u)
{
	struct unique bigger = {.slots = u->slots ? 2 * u->slots : 64, .n = u->n, .bytes = u->bytes};

	bigger.slot = calloc(bigger.slots, sizeof(*bigger.slot));
	if (!bigger.slot)
		return -ENOMEM;
	for (size_t i = 0; i < u->slots; i++)
		if (u->slot[i].p)
			*slot_of(&bigger, (struct span){u->slot[i].p, u->slot[i].n}, u->slot[i].hash) = u->slot[i];
	free(u->slot);
	*u = bigger;
	return 0;
}

int unique_add(struct unique *u, struct span s)
{
	uint64_t hash = hash64(s.p, s.n);
	struct unique_entry *at;

	if (2 * u->n >= u->slots && grow(u))
		return -ENOMEM;
	at = slot_of(u, s, hash);
	if (at->p)
		return 0;
	u->bytes += s.n + 2 * sizeof(*at);
	if (u->bytes > UNIQUE_MAX)
		return -E2BIG;
	*at = (struct unique_entry){malloc(s.n + 1), s.n, hash};
	if (!at->p)
		return -ENOMEM;
	if (s.n)
		memcpy(at->p, s.p, s.n);
	u->n++;
	return 1;
}

void unique_free(struct unique *u)
{
	for (size_t i = 0; i < u->slots; i++)
		free(u->slot[i].p);
	free(u->slot);
	memset(u, 0, sizeof(*u));
}
