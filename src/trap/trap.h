/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trap.h - how the hypervisor layer notices that a guest logs: the one interface of all backends.
 *
 * A backend attaches to a running VM, lends its physical memory (struct gmem) and registers, plants
 * sites, and waits for events. It knows nothing of logs. Two kinds of site exist because hypervisors
 * differ: SITE_WATCH stops the VM after a write to guest data (gdb: a write watchpoint, guest memory
 * untouched), SITE_CODE runs at the entry of a guest kernel function, or where it calls another, and brings what the
 * site's fetcher (fetch/fetch.h) made of the registers there. A source describes such a site; what is written into the
 * guest for it, and whether a filter runs in the guest or in the exit, is the backend's affair. Where the fetcher
 * runs is the backend's affair: in the exit (kvm: an INVD over the ftrace NOP, the fetcher in a BPF program), or in
 * user space, through struct fetch, where the doorbell is an event with registers that holds the vCPU (xen: vm_event).
 */
#ifndef LOGVISOR_TRAP_TRAP_H
#define LOGVISOR_TRAP_TRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/fetch.h"
#include "guest/gmem.h"
#include "util/err.h"

enum trap_cap {
	TRAP_WATCH = 1 << 0, /* takes SITE_WATCH */
	TRAP_CODE = 1 << 1,  /* takes SITE_CODE */
	/*
	 * Takes SITE_CODE of TRAP_ENTRY without a filter, where that is not often: each time is dear, and when there
	 * are many the traps rest (TRAP_RESTS).
	 */
	TRAP_RARE = 1 << 2,
};

#define TRAP_WATCH_MAX 4096

struct guest_info;

enum trap_site_kind { SITE_WATCH, SITE_CODE };

/* Where in the function a SITE_CODE is. */
enum trap_place {
	TRAP_ENTRY,  /* where it is entered */
	TRAP_CALL,   /* wherever it calls `callee`: the registers are that call's arguments */
	TRAP_RETURN, /* where such a call came back with what is no error (EAX is not negative); RDI is as at the call ... */
	TRAP_RETURN_ARGS, /* ... and so are RSI, RDX and RCX */
	/*
	 * Where the function itself comes back with what is no error (EAX is not negative): RDI, RSI and RDX are as it was
	 * entered, RAX is what it returns. It takes no arguments on the stack.
	 */
	TRAP_LEAVE,
};

enum trap_reg { TRAP_RDI, TRAP_RSI, TRAP_RDX };

#define TRAP_HOPS_MAX 4
#define TRAP_WORDS_MAX 8
#define TRAP_CLIMB_WORDS 4

/*
 * Which times a SITE_CODE counts: from a register pointers are followed, @hops of them (the next is at the last plus
 * off[i]), and where the last leads, at @at bytes from there, has to stand a string that begins with one of the words.
 * A pointer that is NULL: it does not count. It is there to leave out what is frequent and not wanted; the
 * fetcher's output has to be looked at all the same.
 */
struct trap_filter {
	enum trap_reg reg; /* at TRAP_RETURN and TRAP_RETURN_ARGS: RDI */
	uint32_t hops;
	int32_t off[TRAP_HOPS_MAX];
	int32_t at;
	uint32_t words;
	char word[TRAP_WORDS_MAX][4];
	bool wild; /* the pointers may lead anywhere: only to be followed where nothing faults, not in the guest */
	/*
	 * Or no string is compared, but where the last pointer leads is one of a tree's nodes, @at bytes into each of which
	 * stands what is above it, itself in the root: one of those on the way up has an address whose low half is one
	 * of the words, of which there are at most TRAP_CLIMB_WORDS. For sites at an entry or TRAP_LEAVE of a function of at
	 * most four arguments, and in the guest only; interrupts are off meanwhile, so what RCU frees stays.
	 */
	bool climb;
	bool both;        /* ... from RDI, and if that does not count from RSI too */
	/* At TRAP_LEAVE: what counts has in RSI what stands so far behind RDI, and in RDX what stood there at the entry. */
	bool takes;
	int32_t rsi_at, rdx_at;
};

struct trap_site {
	enum trap_site_kind kind;
	uint64_t gva;    /* guest-virtual address of the data word, or of the function's entry */
	/*
	 * SITE_WATCH: 1, 2, 4 or 8 bytes, aligned to its size; or a multiple of 8 up to TRAP_WATCH_MAX, aligned to
	 * 8, which hardware cannot watch: -ENOSPC then.
	 */
	uint32_t len;
	const char *name; /* SITE_CODE, for people: "skb_queue_tail in unix_dgram_sendmsg"; NULL: none */
	enum trap_place place;
	uint64_t callee;   /* of a call: the entry of the function called, */
	uint32_t text_len; /* and how long the one at gva is */
	const struct trap_filter *filter; /* NULL: each time counts; copied by plant() */
	/*
	 * The guest kernel's text, from and to. In what is unused of it, INT3s in a long row, the backend may put code;
	 * 0: it may not. Such code stays there while the guest lives: a task may sleep in it.
	 */
	uint64_t room[2];
	bool preempted; /* a task may be preempted in the function's first instructions: interrupts are not off there */
	uint32_t owner;  /* which of the worker's sources wants it, */
	uint32_t tag;    /* and that source's own number: both come back in the event */
	const struct fetch *fetch; /* SITE_CODE: what to copy there */
	const void *arg; /* the fetcher's argument, of this site alone; copied by plant() */
	size_t arg_len;
};

enum trap_event_type {
	TRAP_IDLE,    /* the timeout passed (or a signal came) and nothing happened */
	TRAP_STOPPED, /* a SITE_WATCH was written; the whole VM is held until resume() */
	TRAP_COPY,    /* a SITE_CODE ran; its fetcher's output is in data; VM runs on, unless `held` */
	TRAP_LOST,    /* the backend had to drop `lost` events, and `failed` led nowhere; VM runs on */
	TRAP_CHANGED, /* a SITE_CODE holds other bytes than were planted: `text` says which; VM runs on */
	TRAP_RESTS,   /* nothing is trapped for a while, for it came too often: poll; `text`, if any: it is an attack */
	TRAP_AWAKE,   /* it is trapped again; what is there by now may have come past the traps */
	TRAP_ALERT,   /* the backend found its trap tampered with: `text` says how; VM runs on */
	/*
	 * The VM began anew, or goes on elsewhere: `text` says how. Its memory is still readable, for the last records,
	 * until the next wait(); then it may be another's for a while, or nobody's (cpu() says -EAGAIN).
	 */
	TRAP_RESET,
	TRAP_GONE,    /* the VM ended; its memory may still be readable, for the last records */
};

struct trap; /* a backend's own state begins with this */

struct trap_event {
	enum trap_event_type type;
	/*
	 * Of the site, for TRAP_STOPPED, TRAP_COPY, TRAP_CHANGED and TRAP_ALERT. Owner 0 is all: several vCPUs may
	 * have stopped at sites at once, and only one of them is told of.
	 */
	uint32_t owner, tag;
	uint64_t gva;  /* TRAP_STOPPED: of the site that was written; 0: not told which */
	uint32_t vcpu; /* if known, else UINT32_MAX */
	int64_t time_us; /* host clock at the trap */
	bool held;    /* the VM stands still until resume() */
	bool emptied; /* nothing that happened before this call of wait() is still to be reported */
	const void *data; /* TRAP_COPY: valid until the next wait() */
	size_t len;
	/*
	 * TRAP_LOST: times the guest came to a site and the fetcher found nothing it could follow. Who writes
	 * the guest's registers and memory brings that about, so it excuses nothing.
	 */
	uint64_t failed;
	uint64_t lost; /* TRAP_LOST: events there was no room for; TRAP_CHANGED, TRAP_ALERT: other sites that have no trap */
	struct trap *trap; /* TRAP_STOPPED: whose gregs() may be asked */
	char text[160];
};

/* Registers of a vCPU that stands still, x86-64: gpr in the order of their numbers (rax, rcx, rdx, rbx, rsp ...). */
struct trap_gregs {
	uint64_t gpr[16], rip, gs /* GS.base */, cr3;
};

/* What a backend attaches to. */
enum trap_what {
	TRAP_VM,
	/*
	 * A log of this host's own. There is no VM: the target is the name alone, t->host says what runs, and besides
	 * attach(), wait() and detach() there is read(), and hold() and resume(), which do nothing.
	 */
	TRAP_HOST_KMSG,   /* its kernel's, as /dev/kmsg has it: read() brings one record */
	TRAP_XEN_CONSOLE, /* Xen's console ring: read() brings the bytes that it has from *@at on */
};

struct trap_ops {
	const char *name;   /* "gdb", "kvm", "xen": the word before ':' in a target */
	enum trap_what what;
	unsigned caps;      /* enum trap_cap; 0: nothing is trapped, and logs are polled */
	/*
	 * Attach to the VM that @target (the part after "name:") names, which goes on running. A
	 * guardian process is set up such that the death of this process, at any moment and by any
	 * signal, leaves the VM running with nothing armed. 0 or -errno with @e.
	 */
	int (*attach)(struct trap **out, const char *target, struct err *e);
	/* Right after attach(): plant nothing, as if the backend could not; the ops are others then. NULL: it has no such way. */
	int (*poll_only)(struct trap *t);
	/* Registers of vCPU @vcpu; may hold the VM for a moment. -ENOENT: no such vCPU. */
	int (*cpu)(struct trap *t, unsigned vcpu, struct gcpu *out, struct err *e);
	/*
	 * Do what can be done for plant() of @site before the VM is held for it, so that several sites are planted in
	 * one hold() of little longer than that of one. Errors are for plant() to tell. NULL: nothing can be.
	 */
	void (*prepare)(struct trap *t, const struct trap_site *site);
	/*
	 * Plant @site; 0, -ENOTSUP (kind not supported), -EBUSY (site in use by another), -ENOENT (the function does
	 * not call `callee`), -ENOSPC (there is no room for what it takes), ... A site that is
	 * planted already gets its trap back, which is the answer to TRAP_CHANGED if the guest is still the
	 * one it was planted in; unplant() is the answer if not, and writes nothing then. Without an answer
	 * it is reported again. After -EBUSY it is once what stands there makes room.
	 */
	int (*plant)(struct trap *t, const struct trap_site *site, struct err *e);
	/* Say in @buf, for people, what was done for the site planted for @owner under @tag. NULL: nothing to be said. */
	void (*how)(struct trap *t, uint32_t owner, uint32_t tag, char *buf, size_t n);
	/* Can @gva be in code that this backend puts into guests, a worker before this one too? NULL: it puts none. */
	bool (*lent)(struct trap *t, uint64_t gva);
	/* Remove every site planted for @owner under @tag. 0 also if there is none. */
	int (*unplant)(struct trap *t, uint32_t owner, uint32_t tag, struct err *e);
	/*
	 * Wait up to @timeout_ms for one event. 0 and @ev, or -errno with @e when the attachment is
	 * broken. A signal ends the wait as TRAP_IDLE. Never called while the VM is held.
	 */
	int (*wait)(struct trap *t, int timeout_ms, struct trap_event *ev, struct err *e);
	/* Hold the VM / let it go on after hold() or TRAP_STOPPED. */
	int (*hold)(struct trap *t, struct err *e);
	int (*resume)(struct trap *t, struct err *e);
	/*
	 * While the VM is held: the registers of vCPU @vcpu. 0; -ENOENT: no such vCPU; -ENOTSUP: it has others; or
	 * -errno, with @e. NULL: this backend cannot.
	 */
	int (*gregs)(struct trap *t, unsigned vcpu, struct trap_gregs *out, struct err *e);
	/*
	 * A number that changes when CPUs of the VM have run: what its memory looks like while it stays the
	 * same may be the doing of its VMM, which loads a snapshot, and not be whole yet. 0, or -errno
	 * with @e. NULL: it is whole after hold(), since a VMM that loads answers only then.
	 */
	int (*runs)(struct trap *t, uint64_t *n, struct err *e);
	/*
	 * What to do when copies cannot be taken away fast enough: hold the VM, at most @ms at a time,
	 * or with 0 never, and drop events (TRAP_LOST). NULL if the backend has no buffer to fill.
	 */
	void (*limit_hold)(struct trap *t, unsigned ms);
	/*
	 * Of a log of this host's own the next bytes into @buf of @cap: how many; 0: there is no more now; or -errno with
	 * @e. *@at, where the log has places: in, which is wanted; out, where @buf begins, which is further on if what
	 * is between was overwritten.
	 */
	long (*read)(struct trap *t, uint64_t *at, char *buf, size_t cap, struct err *e);
	/*
	 * Unplant everything, leave the VM running, free @t. Returns how many sites could not be unplanted:
	 * nothing comes of them any more, and who attaches next takes them over.
	 */
	unsigned (*detach)(struct trap *t);
};

struct trap {
	const struct trap_ops *ops;
	struct gmem mem;    /* valid from attach to detach */
	const struct guest_info *host; /* of a log of this host's own: what runs, for as long as the worker does; else NULL */
	bool unprotected;   /* it can be altered before it is read, by those whose deeds it tells of */
	unsigned vcpus;
	int pid;            /* of the VMM process if it is local, else 0 */
	uint64_t stopped_ns; /* how long the VM stood still for planting and unplanting, in all */
	char desc[160];     /* for people: "QEMU pid 4242, 2 vCPUs, 2048 MiB, stub /run/web01.gdb" */
};

/*
 * Attach to "kind:rest" with the backend of that kind, or to a log of this host's own by its name. -EINVAL with @e listing the kinds known if
 * there is none.
 */
int trap_attach(struct trap **out, const char *target, struct err *e);

/* The backends by name: NULL from the first @i on that there is none of. */
const char *trap_backend_name(unsigned int i);

#endif
