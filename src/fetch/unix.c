/* SPDX-License-Identifier: BSD-3-Clause */
/* unix.c - the fetcher of messages to log sockets and to auditd, for backends that run it in user space. */
#include "fetch/unix.h"

#include <string.h>

#include "fetch/unix_fetch.h"
#include "util/load.h"

/* MAX_SKB_FRAGS (include/linux/skbuff.h) is 17, or what CONFIG_MAX_SKB_FRAGS says since 6.4: at most 45. */
#define FRAGS_MAX 45
#define FRAG_SIZE_MAX 64

static int run(const struct fetch_mem *mem, const struct fetch_regs *regs, const void *arg, void *out,
	size_t cap)
{
	if (cap < sizeof(struct app_copy) || app_fetch((void *)mem, arg, regs, out))
		return -1;
	return (int)app_copy_size(out);
}

const struct fetch fetch_unix = {
	.id = FETCH_UNIX,
	.arg_len = sizeof(struct app_geometry),
	.out_max = sizeof(struct app_copy),
	.run = run,
};

uint64_t app_gs(const struct fetch_mem *mem, const struct app_geometry *g, unsigned cpu)
{
	uint64_t gs;

	if (cpu >= g->cpus || mem->read(mem->ctx, g->per_cpu + 8ULL * cpu, &gs, sizeof(gs)))
		return 0;
	return gs;
}

bool app_cpu_apicid(const struct fetch_mem *mem, const struct app_geometry *g, unsigned cpu, uint32_t *id)
{
	uint64_t gs = app_gs(mem, g, cpu);
	uint8_t raw[4] = {0};

	if (!gs || !g->apicid_at || g->apicid_len > sizeof(raw) ||
		mem->read(mem->ctx, gs + g->apicid_at, raw, g->apicid_len))
		return false;
	*id = load_u32(raw);
	return true;
}

/* One fragment: its bytes behind @done of them in @buf. How many there are then, or negative. */
static long fragment(const struct fetch_mem *mem, const struct app_geometry *g, const uint8_t *frag,
	char *buf, size_t done, size_t want)
{
	uint64_t page = load_u64(frag), pfn;
	uint32_t len = load_u32(frag + g->frag_len), off = load_u32(frag + g->frag_off);

	if (!g->page_size || page < g->vmemmap || page & 3)
		return APP_EBAD;
	pfn = (page - g->vmemmap) / g->page_size;
	if (pfn >> 40)
		return APP_EBAD;
	len = len < want - done ? len : (uint32_t)(want - done);
	if (len && mem->read(mem->ctx, g->page_offset + (pfn << 12) + off, buf + done, len))
		return APP_EFAULT;
	return (long)(done + len);
}

long app_message(const struct fetch_mem *mem, const struct app_geometry *g, const struct app_copy *c,
	void *buf, size_t cap)
{
	uint32_t want = c->len < cap ? c->len : (uint32_t)cap, n = c->len - c->data_len, now[2];
	uint64_t info = c->head + c->words[g->end_second & 1];
	uint8_t frag[FRAG_SIZE_MAX], frags;
	long done;

	/* Still the same? Who holds the VM cannot be sure that the sender was in the exit. */
	if (c->data_len > c->len || (c->skb && (mem->read(mem->ctx, c->skb + g->skb_len, now, sizeof(now)) ||
		now[0] != c->len || now[1] != c->data_len)))
		return APP_EBAD;
	n = n < want ? n : want;
	if (n && mem->read(mem->ctx, c->at, buf, n))
		return APP_EFAULT;
	if (memcmp(buf, c->data, n < c->n ? n : c->n) != 0)
		return APP_EBAD;
	done = n;
	if ((uint32_t)done == want)
		return done;
	if (g->frag_size > sizeof(frag) || g->frag_len > sizeof(frag) - 4 || g->frag_off > sizeof(frag) - 4 ||
		mem->read(mem->ctx, info + g->sh_nr, &frags, 1) || frags > FRAGS_MAX)
		return APP_EBAD;
	for (unsigned i = 0; i < frags && done >= 0 && (uint32_t)done < want; i++) {
		if (mem->read(mem->ctx, info + g->sh_frags + (uint64_t)i * g->frag_size, frag, g->frag_size))
			return APP_EFAULT;
		done = fragment(mem, g, frag, buf, (size_t)done, want);
	}
	return done;
}
