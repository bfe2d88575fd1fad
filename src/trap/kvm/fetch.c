/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fetch.c - fetchers' arguments, as the program in the host's kernel wants them: with what it reads at each trap
 * where the VMM has it, so that nothing is translated there. One function for each fetcher.
 */
#include <errno.h>
#include <string.h>

#include "fetch/files_rec.h"
#include "fetch/printk.h"
#include "fetch/printk_rec.h"
#include "fetch/unix.h"
#include "trap/kvm/kvm.h"
#include "trap/vmm/virt.h"

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

/*
 * GS.base in the guest's kernel of each vCPU: of the guest's CPU that has the vCPU's number for its APIC id, or,
 * where the guest does not tell, of the same number.
 */
static int unix_arg(struct kvm_vm *k, const struct ptable *t, const struct app_geometry *g, struct err *e)
{
	const struct fetch_mem mem = virt_of(t);
	uint32_t id, its;

	for (unsigned i = 0; i < k->t.vcpus && i < HOOK_VCPUS_MAX; i++) {
		int r = kvm_vcpu_id(k, i, &id, e);

		if (r && r != -ENOENT)
			return r;
		k->gs[i] = r || g->apicid_at ? 0 : app_gs(&mem, g, i);
		for (unsigned cpu = 0; !r && g->apicid_at && cpu < g->cpus && cpu < HOOK_VCPUS_MAX; cpu++)
			if (app_cpu_apicid(&mem, g, cpu, &its) && its == id) {
				k->gs[i] = app_gs(&mem, g, cpu);
				break;
			}
	}
	return 0;
}

int kvm_fetch_arg(struct kvm_vm *k, const struct ptable *t, const struct trap_site *site, uint8_t *out,
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
	case FETCH_UNIX:
		return unix_arg(k, t, (const struct app_geometry *)out, e);
	case FETCH_FILES:
		return unix_arg(k, t, &((const struct files_geometry *)out)->app, e);
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

static struct hook_filter filter_of(const struct kvm_site *s)
{
	const struct trap_filter *f = &s->filter;
	struct hook_filter h = {0};

	_Static_assert(TRAP_HOPS_MAX == HOOK_HOPS_MAX && TRAP_WORDS_MAX == HOOK_WORDS_MAX, "as trap.h has it");
	if (!s->exit_filter)
		return h;
	h = (struct hook_filter){.reg = f->reg, .hops = f->hops, .at = f->at, .words = f->words};
	memcpy(h.off, f->off, sizeof(h.off));
	memcpy(h.word, f->word, sizeof(h.word));
	return h;
}

int kvm_fetch_set(struct kvm_vm *k, struct kvm_site *s, const uint8_t *arg, struct err *e)
{
	struct hook_bpf__bss *b = k->hook.skel->bss;
	const struct hook_filter filter = filter_of(s);
	unsigned spare = HOOK_ARGS_MAX;

	for (unsigned i = 0; i < HOOK_ARGS_MAX; i++) {
		const struct kvm_site *other = holder(k, i, s);

		if (!other) {
			spare = i < spare ? i : spare;
		} else if (other->fetch == s->fetch && !memcmp(b->args[i].bytes, arg, HOOK_ARG_MAX) &&
			!memcmp(&b->args[i].filter, &filter, sizeof(filter))) {
			s->arg = i;
			return 0;
		}
	}
	if (spare == HOOK_ARGS_MAX)
		return err_set(e, ENOSPC, "at most %d arguments of sites can be kept", HOOK_ARGS_MAX);
	memset(b->pages, 0, sizeof(b->pages));
	memset(&b->args[spare], 0, sizeof(b->args[spare]));
	memcpy(b->args[spare].bytes, arg, HOOK_ARG_MAX);
	b->args[spare].filter = filter;
	if (s->fetch->id == FETCH_UNIX || s->fetch->id == FETCH_FILES)
		for (unsigned v = 0; v < k->hook.vcpus; v++)
			hook_set_gs(&k->hook, v, k->gs[v]);
	if (s->fetch->id == FETCH_PRINTK)
		b->args[spare].state[0] = ((const struct prb_geometry *)arg)->first_id - 1;
	s->arg = spare;
	return 0;
}
