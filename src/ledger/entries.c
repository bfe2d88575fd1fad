/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/entries.h"

#include <errno.h>
#include <stdlib.h>

#include "ledger/file.h"
#include "ledger/layout.h"

/* Two of the largest entries, so that each read brings at least one whole entry. */
#define BUF (2u * (LAYOUT_PREFIX + LAYOUT_LEAF_MAX))

int entries_open(struct entries *s, int fd, uint64_t off, uint64_t limit)
{
	*s = (struct entries){.fd = fd, .off = off, .limit = limit, .buf_off = off};
	s->buf = malloc(BUF);
	return s->buf ? 0 : -ENOMEM;
}

void entries_close(struct entries *s)
{
	free(s->buf);
	s->buf = NULL;
}

/* Make @n bytes at s->off present. 1, 0 if there are not so many, or -errno. */
static int want(struct entries *s, uint32_t n)
{
	uint64_t room = s->limit - s->off;
	long got;

	if (s->off - s->buf_off + n <= s->have)
		return 1;
	if (n > room)
		return 0;
	got = file_pread(s->fd, s->buf, room < BUF ? (size_t)room : BUF, s->off);
	if (got < 0)
		return (int)got;
	s->buf_off = s->off;
	s->have = (uint32_t)got;
	return s->have >= n;
}

int entries_next(struct entries *s, struct span *leaf)
{
	const uint8_t *p;
	uint32_t n;
	int r;

	r = want(s, LAYOUT_PREFIX);
	if (r <= 0)
		return r;
	p = s->buf + (s->off - s->buf_off);
	n = (uint32_t)p[0] << 8 | p[1];
	if (n == 0)
		return 0;
	r = want(s, LAYOUT_PREFIX + n);
	if (r <= 0)
		return r;
	p = s->buf + (s->off - s->buf_off);
	*leaf = (struct span){(const char *)p + LAYOUT_PREFIX, n};
	s->off += LAYOUT_PREFIX + n;
	return 1;
}
