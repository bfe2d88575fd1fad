/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unix_rec.h - a message that a program sent to a log socket, or the kernel to auditd, as it leaves a trap: where
 * Linux keeps it and its sender in one guest, and the copy of both.
 *
 * What is followed, in 5.10, 6.1, 6.12 and 7.2 (offsets by BTF, but for the neighbours named here, which the
 * geometry's maker checks):
 *
 *   struct sk_buff    len, data_len (include/linux/skbuff.h); end, head, data at its end; cb is a struct
 *                     unix_skb_parms {pid, uid, gid, fp} (include/net/af_unix.h)
 *   struct unix_sock  path {mnt, dentry}: of a socket that was bound, or accepted from one that was
 *   struct dentry     d_parent, d_name {hash and len, name}, d_inode (include/linux/dcache.h)
 *   task_struct       pid, tgid; loginuid, sessionid
 *   struct cred       uid, gid, suid, sgid, euid, egid
 *
 * All of these objects come from the slab allocator, whose pages lie in the kernel's direct map.
 */
#ifndef LOGVISOR_FETCH_UNIX_REC_H
#define LOGVISOR_FETCH_UNIX_REC_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#include "fetch/fetch.h"

/* The bytes of a message that are copied at the trap itself. Longer: APP_COPY_LONG. */
#define APP_DATA_MAX 1024

#define APP_COMM 16 /* TASK_COMM_LEN */
#define APP_ABSENT (~0U) /* an offset of what this kernel does not have */

/* Which function's arguments a site's registers are. The audit queue's site is APP_AT_QUEUE with `audit`. */
enum app_at {
	APP_AT_QUEUE, /* skb_queue_tail(list, skb): the receiver's sk_receive_queue, or audit_queue */
	APP_AT_CREDS, /* maybe_add_creds(skb, sock, other), up to 6.12: other is the receiver */
	APP_AT_PEER,  /* the first argument is an skb, whose socket's peer is the receiver: a stream's */
	APP_AT_PAGE,  /* skb_append_pagefrags(skb, page, offset, size): the same, of which just this was added */
};

/* Where things are in one guest. Filled and validated in user space (source/sender/geometry.c). */
struct app_geometry {
	__u64 page_offset; /* the direct map */
	__u64 vmemmap;     /* its struct pages */
	__u64 per_cpu;     /* __per_cpu_offset[] */
	__u64 current_at;  /* per-CPU: the pointer to the task that runs; add the CPU's __per_cpu_offset */
	__u64 apicid_at;   /* per-CPU: x86_cpu_to_apicid; 0: unknown, CPUs are numbered as the vCPUs are */
	__u32 apicid_len;  /* 2 or 4 bytes */
	__u32 cpus;        /* nr_cpu_ids */
	__u32 page_size;   /* sizeof(struct page) */
	__u32 at;          /* enum app_at */
	__u32 audit;       /* 1: of the audit queue, which has no socket */

	__u32 sk_queue; /* sock.sk_receive_queue */
	__u32 sk_path;  /* unix_sock.path */
	__u32 sk_peer;  /* unix_sock.peer */
	__u32 d_parent; /* dentry.d_parent and what follows */
	__u32 d_iname;  /* dentry.d_iname, 7.2: d_shortname */
	__u32 skb_len, skb_sk;
	__u32 skb_words; /* sk_buff: two words of 32 bits, one of them `end`; then head and data */
	__u32 end_second; /* which of the two: 5.10 has tail and end, 6.1 to 7.2 end and padding */
	__u32 cb_pid, cb_fp; /* of the sk_buff, as unix_skb_parms has them */
	__u32 pid_nr;        /* pid.numbers[0].nr */

	__u32 t_pid, t_comm, t_cred, t_mm, t_parent, t_leader;
	__u32 t_login; /* APP_ABSENT without CONFIG_AUDIT */
	__u32 t_css;   /* task_struct.cgroups; APP_ABSENT without CONFIG_CGROUPS */
	__u32 t_first, t_len; /* what there is of these, from the first to the last */
	__u32 c_uid, mm_exe, f_path;
	__u32 css_cgrp, cg_kn, kn_id; /* css_set.dfl_cgrp, cgroup.kn, kernfs_node.id */

	/* Of data that is not in one piece; for user space. */
	__u32 sh_frags, sh_nr; /* skb_shared_info */
	__u32 frag_size, frag_len, frag_off; /* of the fragment; its page is at 0 */
};

/* struct path, and what tells its dentry from a later one at the same address. */
struct app_path {
	__u64 mnt, dentry;
	__u64 parent;
	__u64 hash_len; /* qstr: 32 bits of hash, 32 of length */
	__u64 name;
	__u64 inode;
};

/*
 * What is read one after the other. Members of one object have several numbers where they are so far from each other
 * that one may be on the next page.
 */
enum app_near {
	APP_NEAR_SKB,
	APP_NEAR_SKB_END, /* its last members */
	APP_NEAR_SOCK,
	APP_NEAR_PATH, /* the receiver's, */
	APP_NEAR_DENTRY, /* which follows its path */
	APP_NEAR_PID,
	APP_NEAR_DATA,
	APP_NEAR_CPU,
	APP_NEAR_TASK,
	APP_NEAR_TASK_COMM, /* and its credentials, just before */
	APP_NEAR_TASK_MM,
	APP_NEAR_TASK_CSS,
	APP_NEAR_LOGIN,
	APP_NEAR_LEADER,
	APP_NEAR_CRED,
	APP_NEAR_MM,
	APP_NEAR_EXE, /* the program's path, */
	APP_NEAR_EXE_DENTRY, /* which follows it */
	APP_NEAR_CSS,
	APP_NEAR_CGROUP,
	APP_NEAR_KN,
	APP_NEAR_PARENT,
	APP_NEAR_PARENT_COMM,
	APP_NEAR_END
};

enum app_copy_flags {
	APP_COPY_LONG = 1 << 0,  /* `data` is the beginning: hold the VM, and take the whole from the skb */
	APP_COPY_FAULT = 1 << 1, /* `data` is empty, since it was not readable: as for APP_COPY_LONG */
	APP_COPY_FDS = 1 << 2,   /* files are passed with it: a journal's entry is in a memfd. Hold the VM too */
	APP_COPY_NOPATH = 1 << 3, /* the receiver's path was not readable, or it has none */
	APP_COPY_NOTASK = 1 << 4, /* who runs could not be read: nothing of the sender counts */
	APP_COPY_NOEXE = 1 << 5, /* it has no program (a kernel thread), or its path was not readable */
	APP_COPY_NOCGROUP = 1 << 6,
	APP_COPY_NOPARENT = 1 << 7,
	APP_COPY_NOCREDS = 1 << 8, /* uid, gid and euid were not readable */
	APP_COPY_UNSURE = 1 << 10, /* the vCPU's page table is not that of the task it is said to run */
	APP_COPY_BY_CREDS = 1 << 9, /* taken later: the sender is the process that the message's credentials name */
};

/* As long as this is set, the VM has to stand still before the copy is taken. */
#define APP_COPY_HOLD (APP_COPY_LONG | APP_COPY_FAULT | APP_COPY_FDS)

/* What the fetcher delivers: only the first app_copy_size() bytes are sent. */
struct app_copy {
	__u64 sock; /* the receiver's; 0: audit */
	__u64 skb;
	struct app_path path; /* where the receiver is bound */

	/* The message: `len` bytes, `len` - `data_len` of them at `at`, others in fragments behind `head` + end. */
	__u32 len, data_len;
	__u32 words[2]; /* words[g->end_second]: the shared info's place behind `head`; both only with APP_COPY_HOLD */
	__u64 head, at;
	__u64 fp;      /* struct scm_fp_list: files passed with it; 0: none */
	__u32 scm_pid; /* the pid its credentials name, in the first pid namespace; 0: none */

	__u32 flags; /* enum app_copy_flags */

	/* The sender: who ran on this vCPU. */
	__u64 task;
	__u64 cr3; /* of the vCPU; 0 if the backend does not tell: is it that of the task's mm? */
	__u64 mm;
	__u32 tid, pid;
	__u32 loginuid, sessionid; /* as the kernel has them: (u32)-1 is unset */
	__u32 uid, gid, suid, sgid, euid, egid;
	__u32 ptid, ppid;
	char comm[APP_COMM];  /* of the process: its first thread's */
	char tcomm[APP_COMM]; /* of the thread */
	char pcomm[APP_COMM];
	__u64 parent;
	struct app_path exe;
	__u64 kn, kn_id; /* kernfs_node of its cgroup, and the number that is never given twice */

	__u32 n; /* bytes of data */
	__u32 pad;
	__u8 data[APP_DATA_MAX];
};

/* Results besides 0. */
enum app_result {
	APP_EFAULT = -1, /* memory not readable */
	APP_EBAD = -2,   /* contradicts itself */
};

/* Bytes of @c that carry something. */
FETCH_INLINE __u32 app_copy_size(const struct app_copy *c)
{
	return (__u32)__builtin_offsetof(struct app_copy, data) + c->n;
}

#endif
