/* SPDX-License-Identifier: BSD-3-Clause */
/* gate.c - find, make, enter and leave the gate. */
#include "trap/kvm/gate.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "trap/kvm/bpf/gate.skel.h"
#include "trap/kvm/host/scan.h"
#include "util/among.h"
#include "util/cleanup.h"
#include "util/proc.h"

/* So that many workers that start at once make one gate; without it they might make several. */
#define LOCK_FILE "/run/logvisor-gate.lock"
#define LOCK_MS 60000 /* the lock goes with its holder: so long only one waits that is stopped */
#define WAIT_MS 2000 /* for the slot's former owner to end */
#define STEP_MS 10
#define MAPS_MAX 8 /* of a program */

void gate_init(struct gate *g)
{
	*g = (struct gate){.link = {-1, -1}, .hooks = -1, .slot = -1};
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void gate_close(struct gate *g)
{
	if (g->table)
		munmap(g->table, sizeof(*g->table));
	close_fd(&g->link[0]);
	close_fd(&g->link[1]);
	close_fd(&g->hooks);
	gate_init(g);
}

/* ---- where it hangs ---- */

bool gate_at_entry(void)
{
	unsigned leaf, b, c, d;
	char vendor[12];

	if (!__get_cpuid(0, &leaf, &b, &c, &d))
		return false;
	memcpy(vendor, &b, 4);
	memcpy(vendor + 4, &d, 4);
	memcpy(vendor + 8, &c, 4);
	return !memcmp(vendor, "AuthenticAMD", 12) || !memcmp(vendor, "HygonGenuine", 12);
}

enum bpf_attach_type gate_type(void)
{
	return gate_at_entry() ? BPF_TRACE_FENTRY : BPF_TRACE_FEXIT;
}

/* ---- owners ---- */

static uint64_t pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) ? 0 : st.st_ino;
}

/* What stands for process @pid as an owner; 0 if it is dead. */
static uint64_t owner_of(pid_t pid)
{
	struct proc_stat s;

	if (!proc_stat(pid, 0, &s) || s.state == 'Z' || s.state == 'X')
		return 0;
	return (uint64_t)pid << 32 | (uint32_t)s.start;
}

static bool alive(uint64_t owner)
{
	return owner && owner_of((pid_t)(owner >> 32)) == owner;
}

/* ---- finding and making ---- */

/* The descriptors of the map of hooks and of the table among the maps of @prog. */
static bool take_maps(struct gate *g, const struct bpf_prog_info *prog, const uint32_t *ids)
{
	for (uint32_t i = 0; i < prog->nr_map_ids && i < MAPS_MAX; i++) {
		struct bpf_map_info info = {0};
		uint32_t len = sizeof(info);
		int fd = bpf_map_get_fd_by_id(ids[i]);
		void *at;

		if (fd < 0)
			continue;
		if (bpf_obj_get_info_by_fd(fd, &info, &len)) {
			close(fd);
		} else if (info.type == BPF_MAP_TYPE_PROG_ARRAY && info.max_entries == GATE_SLOTS &&
			g->hooks < 0) {
			g->hooks = fd;
		} else {
			at = info.type == BPF_MAP_TYPE_ARRAY && info.value_size == sizeof(*g->table) && !g->table ?
				mmap(NULL, sizeof(*g->table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
			if (at != MAP_FAILED)
				g->table = at;
			close(fd);
		}
	}
	return g->hooks >= 0 && g->table;
}

static int prog_info(int fd, struct bpf_prog_info *info, uint32_t *ids)
{
	uint32_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	info->nr_map_ids = MAPS_MAX;
	info->map_ids = (uintptr_t)ids;
	return bpf_obj_get_info_by_fd(fd, info, &len);
}

/* What hangs by @link, if it is called @name: its maps. */
static bool named(int link, const char *name, struct bpf_prog_info *info, uint32_t *ids)
{
	struct bpf_link_info l = {0};
	uint32_t len = sizeof(l);
	_cleanup_fd_ int prog = -1;

	if (bpf_obj_get_info_by_fd(link, &l, &len) || l.type != BPF_LINK_TYPE_TRACING)
		return false;
	prog = bpf_prog_get_fd_by_id(l.prog_id);
	return prog >= 0 && !prog_info(prog, info, ids) && !strcmp(info->name, name);
}

/* The next link after *@id whose program is called @name, or -1. */
static int next_named(uint32_t *id, const char *name, struct bpf_prog_info *info, uint32_t *ids)
{
	while (!bpf_link_get_next_id(*id, id)) {
		int fd = bpf_link_get_fd_by_id(*id);

		if (fd < 0)
			continue; /* gone meanwhile */
		if (named(fd, name, info, ids))
			return fd;
		close(fd);
	}
	return -1;
}

/* The other program of the gate whose maps are @ids: it shares one of them at least. */
static int find_other(const uint32_t *ids, uint32_t n)
{
	struct bpf_prog_info info;
	uint32_t id = 0, its[MAPS_MAX];
	int fd;

	while ((fd = next_named(&id, GATE_NAME_W, &info, its)) >= 0) {
		for (uint32_t i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++)
			if (among(its[i], ids, n))
				return fd;
		close(fd);
	}
	return -1;
}

/* A gate of this version, and of this pid namespace. */
static bool find(struct gate *g)
{
	struct bpf_prog_info info;
	uint32_t id = 0, ids[MAPS_MAX];
	int fd;

	while ((fd = next_named(&id, GATE_NAME, &info, ids)) >= 0) {
		g->link[0] = fd;
		if (take_maps(g, &info, ids) && g->table->pidns == pid_namespace()) {
			g->link[1] = find_other(ids, info.nr_map_ids < MAPS_MAX ? info.nr_map_ids : MAPS_MAX);
			if (g->link[1] >= 0) /* else its last holder is just ending */
				return true;
		}
		gate_close(g);
	}
	return false;
}

static int keep(struct gate *g, const struct gate_bpf *skel, struct err *e)
{
	g->link[0] = fcntl(bpf_link__fd(skel->links.logvisor_gate2), F_DUPFD_CLOEXEC, 3);
	g->link[1] = fcntl(bpf_link__fd(skel->links.logvisor_gate2w), F_DUPFD_CLOEXEC, 3);
	g->hooks = fcntl(bpf_map__fd(skel->maps.hooks), F_DUPFD_CLOEXEC, 3);
	g->table = mmap(NULL, sizeof(*g->table), PROT_READ | PROT_WRITE, MAP_SHARED,
		bpf_map__fd(skel->maps.bss), 0);
	if (g->table == MAP_FAILED)
		g->table = NULL;
	return g->link[0] < 0 || g->link[1] < 0 || g->hooks < 0 || !g->table
		? err_set(e, errno, "cannot keep the BPF program: %s", strerror(errno)) : 0;
}

static int make(struct gate *g, struct err *e)
{
	struct gate_bpf *skel = gate_bpf__open();
	int r;

	if (!skel)
		return scan_explain(errno, e);
	bpf_program__set_expected_attach_type(skel->progs.logvisor_gate2, gate_type());
	bpf_program__set_expected_attach_type(skel->progs.logvisor_gate2w, gate_type());
	r = gate_bpf__load(skel);
	if (r) {
		gate_bpf__destroy(skel);
		return scan_explain(-r, e);
	}
	skel->bss->table.pidns = pid_namespace();
	/* The one by which the gate is found comes last. */
	skel->links.logvisor_gate2w = bpf_program__attach(skel->progs.logvisor_gate2w);
	if (skel->links.logvisor_gate2w)
		skel->links.logvisor_gate2 = bpf_program__attach(skel->progs.logvisor_gate2);
	if (skel->links.logvisor_gate2)
		r = keep(g, skel, e);
	else if (errno == E2BIG)
		r = err_set(e, E2BIG, "38 programs of others hang on kvm_emulate_invd or kvm_emulate_wbinvd "
			"already, which is all the host's kernel allows; use the gdb backend for this VM");
	else
		r = scan_explain(errno, e);
	gate_bpf__destroy(skel);
	return r;
}

/*
 * One maker at a time; making one takes seconds on a host that is short of processors. Goes on without
 * the lock if it cannot be had: the VMs of a second gate are captured as well, but `doctor` does not
 * count them.
 * The descriptor to close, or -1.
 */
static int lock(void)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
	int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	for (int ms = 0; fd >= 0 && ms < LOCK_MS && flock(fd, LOCK_EX | LOCK_NB); ms += STEP_MS)
		nanosleep(&step, NULL);
	return fd;
}

int gate_open(struct gate *g, struct err *e)
{
	int locked = lock(), r;

	gate_init(g);
	r = find(g) ? 0 : make(g, e);
	close_fd(&locked);
	if (r)
		gate_close(g);
	return r;
}

/* ---- slots ---- */

/*
 * Take slot @i for this process if nobody who lives owns it. Only the owner writes the rest of a
 * slot, so a death in between leaves a slot that the next one clears.
 */
static bool claim(struct gate *g, unsigned i)
{
	__u64 was = __atomic_load_n(&g->table->owner[i], __ATOMIC_ACQUIRE);
	uint32_t key = i;

	if (alive(was) || !__atomic_compare_exchange_n(&g->table->owner[i], &was, owner_of(getpid()),
		false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	if (g->table->vm[i] > GATE_GONE)
		__atomic_store_n(&g->table->vm[i], GATE_GONE, __ATOMIC_RELEASE);
	bpf_map_delete_elem(g->hooks, &key);
	return true;
}

static void give_back(struct gate *g, unsigned i)
{
	uint32_t key = i;

	if (g->table->vm[i] > GATE_GONE)
		__atomic_store_n(&g->table->vm[i], GATE_GONE, __ATOMIC_RELEASE);
	bpf_map_delete_elem(g->hooks, &key);
	__atomic_store_n(&g->table->owner[i], 0, __ATOMIC_RELEASE);
}

/* Free what the dead left: their programs and rings are in memory until then. */
static void sweep(struct gate *g)
{
	for (unsigned i = 0; i < GATE_SLOTS; i++)
		if (g->table->owner[i] && claim(g, i))
			give_back(g, i);
}

/* Who protects @kvm now? 0: nobody. */
static pid_t holder(const struct gate *g, uint64_t kvm)
{
	for (unsigned n = 0; n < GATE_PROBES; n++) {
		unsigned i = (gate_hash((uint32_t)kvm) + n) % GATE_SLOTS;
		uint64_t owner = __atomic_load_n(&g->table->owner[i], __ATOMIC_ACQUIRE);

		if (g->table->vm[i] == kvm && alive(owner))
			return (pid_t)(owner >> 32);
	}
	return 0;
}

int gate_enter(struct gate *g, uint64_t kvm, int hook, struct err *e)
{
	pid_t other = holder(g, kvm);

	/* A worker that was just killed: its guardian is about to clear up. */
	for (int ms = 0; other && ms < WAIT_MS; ms += STEP_MS) {
		poll(NULL, 0, STEP_MS);
		other = holder(g, kvm);
	}
	if (other)
		return err_set(e, EBUSY, "process %d of Logvisor protects this VM already; 'logvisor list "
			"--host' shows under which name", (int)other);
	sweep(g);
	for (unsigned n = 0; n < GATE_PROBES; n++) {
		uint32_t i = (gate_hash((uint32_t)kvm) + n) % GATE_SLOTS;

		if (!claim(g, i)) {
			/* Its owner may be about to write it, or die before: the search must go on here. */
			__u64 empty = GATE_EMPTY;

			__atomic_compare_exchange_n(&g->table->vm[i], &empty, GATE_GONE, false,
				__ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
			continue;
		}
		if (bpf_map_update_elem(g->hooks, &i, &hook, BPF_ANY)) {
			int code = errno;

			give_back(g, i);
			return err_set(e, code, "the host's kernel does not take the VM's BPF program: %s",
				strerror(code));
		}
		__atomic_store_n(&g->table->vm[i], kvm, __ATOMIC_RELEASE);
		g->slot = (int)i;
		return 0;
	}
	return err_set(e, ENOSPC, "too many VMs are protected on this host for one more; use the gdb "
		"backend");
}

void gate_give(struct gate *g, pid_t pid)
{
	uint64_t owner = owner_of(pid);

	if (g->slot >= 0 && owner)
		__atomic_store_n(&g->table->owner[g->slot], owner, __ATOMIC_RELEASE);
}

void gate_leave(struct gate *g)
{
	if (g->slot >= 0 && g->table->owner[g->slot] == owner_of(getpid()))
		give_back(g, (unsigned)g->slot);
	g->slot = -1;
}

unsigned gate_count(const struct gate *g)
{
	unsigned n = 0;

	for (unsigned i = 0; i < GATE_SLOTS; i++)
		n += g->table->vm[i] > GATE_GONE && alive(g->table->owner[i]);
	return n;
}
