/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fetch.c - fetchers' arguments, as the program in the host's kernel wants them: with what it reads at each trap
 * where the VMM has it, so that nothing is translated there. One function for each fetcher.
 */
#include <errno.h>
#include <string.h>

#include "fetch/printk.h"
#include "fetch/printk_rec.h"
#include "trap/kvm/kvm.h"

#include "trap/kvm/bpf/hook.skel.h"

/*
 * Where the VMM has the @len bytes at @gva. It stays there: kernel image and direct map
 * do not move, nor do memory slots of RAM. @gva itself if it is not one run of the VMM's memory (a ring
 * across two slots): then it is translated page by page in the exit.
 */
static uint64_t array_hva(const struct kvm_vm *k, const struct ptable *t, uint64_t gva, uint64_t len)
{
	uint64_t first = 0, done = 0;

	while (done < len) {
		struct mapping m;
		uint64_t left, hva, step;

		if (ptable_walk(t, gva + done, &m))
			return gva;
		hva = ram_hva(&k->ram, m.gpa, &left);
		if (!hva || (done && hva != first + done))
			return gva;
		if (!done)
			first = hva;
		step = m.size - (m.gpa & (m.size - 1));
		step = step < left ? step : left;
		done += step < len - done ? step : len - done;
	}
	return first;
}

static void printk_arg(const struct kvm_vm *k, const struct ptable *t, struct prb_geometry *g)
{
	g->descs = array_hva(k, t, g->descs, (g->desc_mask + 1) * PRB_DESC_SIZE);
	g->infos = array_hva(k, t, g->infos, (g->desc_mask + 1) * g->info_size);
	g->data = array_hva(k, t, g->data, g->data_mask + 1);
}

int kvm_fetch_arg(const struct kvm_vm *k, const struct ptable *t, const struct trap_site *site, uint8_t *out,
	struct err *e)
{
	if (site->arg_len != site->fetch->arg_len || site->arg_len > HOOK_ARG_MAX)
		return err_set(e, EINVAL, "a site has %zu bytes of argument instead of %u", site->arg_len,
			site->fetch->arg_len);
	memset(out, 0, HOOK_ARG_MAX);
	memcpy(out, site->arg, site->arg_len);
	switch (site->fetch->id) {
	case FETCH_PRINTK:
		printk_arg(k, t, (struct prb_geometry *)out);
		return 0;
	}
	return err_set(e, ENOTSUP, "the kvm backend has no fetcher of number %u", site->fetch->id);
}

/* Does a site that the program knows, or will again, have argument @i? */
static const struct kvm_site *holder(const struct kvm_vm *k, unsigned i, const struct kvm_site *but)
{
	for (unsigned n = 0; n < HOOK_SITES_MAX; n++) {
		const struct kvm_site *s = &k->site[n];

		if (s != but && s->arg == i && (s->use == KVM_SITE_ACTIVE || s->use == KVM_SITE_LOST))
			return s;
	}
	return NULL;
}

int kvm_fetch_set(struct kvm_vm *k, struct kvm_site *s, const uint8_t *arg, struct err *e)
{
	struct hook_bpf__bss *b = k->hook.skel->bss;
	unsigned spare = HOOK_ARGS_MAX;

	for (unsigned i = 0; i < HOOK_ARGS_MAX; i++) {
		const struct kvm_site *other = holder(k, i, s);

		if (!other) {
			spare = i < spare ? i : spare;
		} else if (other->fetch == s->fetch && !memcmp(b->args[i].bytes, arg, HOOK_ARG_MAX)) {
			s->arg = i;
			return 0;
		}
	}
	if (spare == HOOK_ARGS_MAX)
		return err_set(e, ENOSPC, "at most %d arguments of sites can be kept", HOOK_ARGS_MAX);
	memset(b->pages, 0, sizeof(b->pages));
	memset(&b->args[spare], 0, sizeof(b->args[spare]));
	memcpy(b->args[spare].bytes, arg, HOOK_ARG_MAX);
	if (s->fetch == FETCH_PRINTK)
		b->args[spare].state[0] = ((const struct prb_geometry *)arg)->first_id - 1;
	s->arg = spare;
	return 0;
}
