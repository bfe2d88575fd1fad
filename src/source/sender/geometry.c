/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/sender/geometry.h"

#include <errno.h>
#include <stdio.h>

#define FAR 65536 /* no member is farther into its struct */

/* Without CONFIG_DYNAMIC_MEMORY_LAYOUT (arch/x86/include/asm/page_64_types.h, pgtable_64_types.h), 4 levels. */
#define PAGE_OFFSET_4 0xffff888000000000ULL
#define VMEMMAP_4 0xffffea0000000000ULL

struct finder {
	const struct guest *g;
	struct err *e;
	int result; /* the first failure */
};

static bool has(const struct finder *f, const char *type, const char *member, uint32_t *off)
{
	uint32_t size;

	return !guest_member(f->g, type, member, off, &size) && *off < FAR;
}

static uint32_t offset(struct finder *f, const char *type, const char *member)
{
	const struct guest_info *info = guest_info(f->g);
	uint32_t off = 0;

	if (f->result || has(f, type, member, &off))
		return off;
	f->result = err_set(f->e, ENOENT, "the guest's kernel describes no %s.%s: it has %s%s; one built with "
		"CONFIG_DEBUG_INFO_BTF is needed", type, member,
		info->btf_bytes ? "BTF without it" : *info->btf_why ? "no usable BTF: " : "no BTF", info->btf_why);
	return 0;
}

/* What the fetcher reads at once: @member has to stand so far behind the place @first. */
static void neighbour(struct finder *f, const char *type, uint32_t first, const char *member, uint32_t behind)
{
	uint32_t off = offset(f, type, member);

	if (!f->result && off != first + behind)
		f->result = err_set(f->e, EBADMSG, "the guest's kernel has %s.%s at %u where %u is expected: a kernel "
			"newer or older than those known", type, member, off, first + behind);
}

static uint32_t optional(const struct finder *f, const char *type, const char *member)
{
	uint32_t off;

	return has(f, type, member, &off) ? off : APP_ABSENT;
}

/* A symbol's address, 0 if there is none. */
static uint64_t symbol(const struct finder *f, const char *name)
{
	uint64_t gva;

	return guest_symbol(f->g, name, &gva) ? 0 : gva;
}

/* The value of a variable, or what it is where there is no such. */
static uint64_t variable(struct finder *f, const char *name, size_t size, uint64_t without)
{
	uint64_t at = symbol(f, name), v = 0;
	int r;

	if (f->result || !at)
		return without;
	r = guest_read(f->g, at, &v, size);
	if (r)
		f->result = err_set(f->e, -r, "the guest's %s is not readable", name);
	return v;
}

static void sockets(struct finder *f, struct app_geometry *o)
{
	uint32_t path = offset(f, "unix_sock", "path"), cb = offset(f, "sk_buff", "cb");

	o->sk_queue = offset(f, "sock", "sk_receive_queue");
	o->sk_path = path;
	o->sk_peer = offset(f, "unix_sock", "peer");
	neighbour(f, "path", 0, "mnt", 0);
	neighbour(f, "path", 0, "dentry", 8);
	o->d_parent = offset(f, "dentry", "d_parent");
	neighbour(f, "dentry", o->d_parent, "d_name", 8);
	neighbour(f, "dentry", o->d_parent, "d_inode", 24);
	o->d_iname = optional(f, "dentry", "d_iname");
	if (o->d_iname == APP_ABSENT) /* since 6.14 */
		o->d_iname = offset(f, "dentry", "d_shortname");
	o->skb_len = offset(f, "sk_buff", "len");
	neighbour(f, "sk_buff", o->skb_len, "data_len", 4);
	o->skb_words = offset(f, "sk_buff", "head") - 8;
	o->end_second = offset(f, "sk_buff", "end") == o->skb_words + 4;
	neighbour(f, "sk_buff", o->skb_words, "end", o->end_second ? 4 : 0);
	neighbour(f, "sk_buff", o->skb_words, "data", 16);
	o->skb_sk = offset(f, "sk_buff", "sk");
	o->cb_pid = cb + offset(f, "unix_skb_parms", "pid");
	o->cb_fp = cb + offset(f, "unix_skb_parms", "fp");
	o->pid_nr = offset(f, "pid", "numbers") + offset(f, "upid", "nr");
}

static void fragments(struct finder *f, struct app_geometry *o)
{
	o->sh_frags = offset(f, "skb_shared_info", "frags");
	o->sh_nr = offset(f, "skb_shared_info", "nr_frags");
	if (guest_sizeof(f->g, "skb_frag", &o->frag_size)) { /* skb_frag_t is struct bio_vec up to 6.7 */
		if (guest_sizeof(f->g, "bio_vec", &o->frag_size))
			o->frag_size = 0;
		o->frag_len = offset(f, "bio_vec", "bv_len");
		o->frag_off = offset(f, "bio_vec", "bv_offset");
	} else {
		o->frag_len = offset(f, "skb_frag", "len");
		o->frag_off = offset(f, "skb_frag", "offset");
	}
	if (guest_sizeof(f->g, "page", &o->page_size))
		o->page_size = 0;
	if (!f->result && (!o->page_size || !o->frag_size))
		f->result = err_set(f->e, ENOENT, "the guest's kernel describes no struct page or no fragments of an "
			"sk_buff");
}

/* From the first to the last of what is read of a task. */
static void task_extent(struct app_geometry *o)
{
	const struct { uint32_t at, len; } part[] = {{o->t_pid, 8}, {o->t_comm, APP_COMM}, {o->t_cred, 8}, {o->t_mm, 8},
		{o->t_parent, 8}, {o->t_leader, 8}, {o->t_login, 8}, {o->t_css, 8}};
	uint32_t end = 0;

	o->t_first = APP_ABSENT;
	for (unsigned i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		if (part[i].at == APP_ABSENT)
			continue;
		o->t_first = part[i].at < o->t_first ? part[i].at : o->t_first;
		end = part[i].at + part[i].len > end ? part[i].at + part[i].len : end;
	}
	o->t_len = end - o->t_first;
}

static void tasks(struct finder *f, struct app_geometry *o)
{
	o->t_pid = offset(f, "task_struct", "pid");
	neighbour(f, "task_struct", o->t_pid, "tgid", 4);
	o->t_comm = offset(f, "task_struct", "comm");
	o->t_cred = offset(f, "task_struct", "cred");
	o->t_mm = offset(f, "task_struct", "mm");
	o->t_parent = offset(f, "task_struct", "real_parent");
	o->t_leader = offset(f, "task_struct", "group_leader");
	o->t_login = optional(f, "task_struct", "loginuid");
	if (o->t_login != APP_ABSENT)
		neighbour(f, "task_struct", o->t_login, "sessionid", 4);
	o->t_css = optional(f, "task_struct", "cgroups");
	if (o->t_css != APP_ABSENT) {
		o->css_cgrp = offset(f, "css_set", "dfl_cgrp");
		o->cg_kn = offset(f, "cgroup", "kn");
		o->kn_id = offset(f, "kernfs_node", "id");
	}
	o->c_uid = offset(f, "cred", "uid");
	neighbour(f, "cred", o->c_uid, "gid", 4);
	neighbour(f, "cred", o->c_uid, "euid", 16);
	o->mm_exe = offset(f, "mm_struct", "exe_file");
	o->f_path = offset(f, "file", "f_path");
	task_extent(o);
}

/* x86_cpu_to_apicid is of 16 bits up to 6.6, of 32 since (arch/x86/kernel/apic). */
static uint32_t apicid_len(const struct guest_info *info)
{
	unsigned major = 0, minor = 0;

	return sscanf(info->release, "%u.%u", &major, &minor) == 2 && (major > 6 || (major == 6 && minor > 6)) ?
		4 : 2;
}

static void cpus(struct finder *f, struct app_geometry *o)
{
	uint64_t hot = symbol(f, "pcpu_hot"); /* 6.2 to 6.14 */

	o->per_cpu = symbol(f, "__per_cpu_offset");
	o->current_at = hot ? hot + offset(f, "pcpu_hot", "current_task") : symbol(f, "current_task");
	if (!f->result && (!o->per_cpu || !o->current_at))
		f->result = err_set(f->e, ENOENT, "the guest's kernel has no symbol %s: one built with "
			"CONFIG_KALLSYMS_ALL is needed", o->per_cpu ? "current_task" : "__per_cpu_offset");
	o->apicid_at = symbol(f, "x86_cpu_to_apicid");
	o->apicid_len = apicid_len(guest_info(f->g));
	o->cpus = (uint32_t)variable(f, "nr_cpu_ids", 4, 1024);
}

int app_geometry_find(const struct guest *g, struct app_geometry *out, struct err *e)
{
	struct finder f = {g, e, 0};

	*out = (struct app_geometry){0};
	sockets(&f, out);
	fragments(&f, out);
	tasks(&f, out);
	cpus(&f, out);
	out->page_offset = variable(&f, "page_offset_base", 8, PAGE_OFFSET_4);
	out->vmemmap = variable(&f, "vmemmap_base", 8, VMEMMAP_4);
	return f.result;
}
