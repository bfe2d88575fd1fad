/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tells one boot of a guest from another: the kernel's build id, where KASLR put it (virtual,
 * physical, and the three bases of CONFIG_RANDOMIZE_MEMORY), and the stack canary of init_task, which
 * boot_init_stack_canary() draws once, early in start_kernel(). The hash of them names the boot, the
 * values themselves are the marks by which guest_alive() sees that it ended.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "guest/state.h"

/* Read the marks into @m. 0, -EFAULT, -ESRCH. */
static int read_marks(const struct guest *g, struct boot_marks *m)
{
	int r = 0;

	*m = (struct boot_marks){0};
	for (unsigned i = 0; !r && i < 3; i++)
		if (g->bases_gva[i])
			r = guest_read(g, g->bases_gva[i], &m->bases[i], sizeof(m->bases[i]));
	if (!r && g->canary_gva)
		r = guest_read(g, g->canary_gva, &m->canary, sizeof(m->canary));
	if (!r && g->banner_gva)
		r = guest_read(g, g->banner_gva, m->banner, sizeof(m->banner));
	if (!r && g->note_gva)
		r = guest_read(g, g->note_gva, m->note, sizeof(m->note));
	return r;
}

static void name_boot(struct guest *g)
{
	struct {
		char build_id[sizeof(g->info.build_id)], release[sizeof(g->info.release)];
		uint64_t virt, phys, bases[3], canary;
	} __attribute__((packed)) in = {0};
	unsigned char hash[EVP_MAX_MD_SIZE];

	memcpy(in.build_id, g->info.build_id, sizeof(in.build_id));
	memcpy(in.release, g->info.release, sizeof(in.release));
	in.virt = g->info.kaslr_virt;
	in.phys = g->info.kaslr_phys;
	memcpy(in.bases, g->marks.bases, sizeof(in.bases));
	in.canary = g->marks.canary;
	g->info.boot_marked = in.virt || in.canary;
	if (!EVP_Digest(&in, sizeof(in), hash, NULL, EVP_sha256(), NULL))
		memset(hash, 0, sizeof(hash));
	for (unsigned i = 0; i < 8; i++)
		snprintf(g->info.boot + 2 * i, 3, "%02x", hash[i]);
}

int state_load_boot(struct guest *g, struct err *e)
{
	static const char *const bases[] = {"page_offset_base", "vmalloc_base", "vmemmap_base"};
	uint32_t off, size;
	uint64_t task;
	int r;

	for (unsigned i = 0; i < 3; i++)
		if (guest_symbol(g, bases[i], &g->bases_gva[i]))
			g->bases_gva[i] = 0;
	if (guest_symbol(g, "linux_banner", &g->banner_gva))
		g->banner_gva = 0;
	if (!guest_symbol(g, "init_task", &task) &&
		!guest_member(g, "task_struct", "stack_canary", &off, &size) && size == sizeof(uint64_t))
		g->canary_gva = task + off;
	r = read_marks(g, &g->marks);
	if (r)
		return r != -EFAULT ? state_unreadable(r, e) :
			err_set(e, EBADMSG, "the kernel's own variables are not mapped");
	name_boot(g);
	return 0;
}

int guest_remark(struct guest *g, struct err *e)
{
	const struct boot_marks was = g->marks;
	int r = read_marks(g, &g->marks);

	if (r) {
		g->marks = was;
		return r;
	}
	err_set(e, 0, "the guest's kernel runs on, but was altered:%s%s%s%s",
		memcmp(was.note, g->marks.note, sizeof(was.note)) ? " VMCOREINFO" : "",
		memcmp(was.banner, g->marks.banner, sizeof(was.banner)) ? " linux_banner" : "",
		was.canary != g->marks.canary ? " init_task's stack canary" : "",
		memcmp(was.bases, g->marks.bases, sizeof(was.bases)) ? " the bases of its memory" : "");
	return 0;
}

int guest_alive(const struct guest *g, struct err *e)
{
	struct boot_marks now;
	struct mapping at;
	struct ptable t = g->table;
	int r = read_marks(g, &now);

	if (r == -ESRCH)
		return err_set(e, ESRCH, "the VM is gone");
	if (r || memcmp(&now, &g->marks, sizeof(now)) != 0)
		return err_set(e, ESTALE, "the kernel's marks in memory changed (reboot or kexec)");
	t.mem = &g->mem;
	r = ptable_walk(&t, g->text, &at);
	if (r == -ESRCH)
		return err_set(e, ESRCH, "the VM is gone");
	if (r || at.gpa != g->info.kaslr_phys)
		return err_set(e, ESTALE, "the kernel's page table changed (reboot or kexec)");
	return 0;
}
