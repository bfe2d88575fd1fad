/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox.c - identity, capabilities, system calls, files. */
#include "util/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

/* What libc needs of its own, and waiting. */
static const int common[] = {
	SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(mprotect), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(futex),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(tgkill), SCMP_SYS(getrandom), SCMP_SYS(poll),
	SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(openat),
	SCMP_SYS(open), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lseek),
	SCMP_SYS(getdents64), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg), SCMP_SYS(wait4), SCMP_SYS(waitid), SCMP_SYS(fcntl), SCMP_SYS(rseq),
	SCMP_SYS(sysinfo), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(ioctl), SCMP_SYS(sigaltstack),
	SCMP_SYS(sched_yield),
};

static const int worker[] = {
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(readv),
	SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(fallocate),
	SCMP_SYS(fadvise64), SCMP_SYS(sync_file_range), SCMP_SYS(rename), SCMP_SYS(renameat),
	SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat),
	SCMP_SYS(rmdir), SCMP_SYS(linkat), SCMP_SYS(flock), SCMP_SYS(fstatfs), SCMP_SYS(statfs),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(statx), SCMP_SYS(lstat),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(umask), SCMP_SYS(dup), SCMP_SYS(uname),
	SCMP_SYS(msync), SCMP_SYS(getcwd), SCMP_SYS(shutdown), SCMP_SYS(getsockopt),
};

/* Threads as glibc makes and names them; connections as libmicrohttpd and GnuTLS treat them. */
static const int server[] = {
	SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(set_robust_list), SCMP_SYS(prctl), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(prlimit64), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(setsockopt), SCMP_SYS(sendfile), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(eventfd2), SCMP_SYS(pipe2), SCMP_SYS(rt_sigtimedwait),
};

static const int guardian[] = {
	SCMP_SYS(pidfd_send_signal), SCMP_SYS(bpf), SCMP_SYS(setsid), SCMP_SYS(prctl), SCMP_SYS(flock),
};

/* What libcurl, OpenSSL and name resolution need. */
static const int courier[] = {
	SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(socketpair), SCMP_SYS(shutdown), SCMP_SYS(sendmmsg),
	SCMP_SYS(recvmmsg), SCMP_SYS(eventfd2), SCMP_SYS(pipe2), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(set_robust_list),
	SCMP_SYS(prctl), SCMP_SYS(uname), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(readlink), SCMP_SYS(statx), SCMP_SYS(lstat), SCMP_SYS(statfs), SCMP_SYS(fstatfs),
	SCMP_SYS(pread64), SCMP_SYS(readv), SCMP_SYS(dup), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getppid),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(prlimit64), SCMP_SYS(getcwd), SCMP_SYS(clock_getres),
	SCMP_SYS(listen), SCMP_SYS(accept4), /* mirror/relay.h: of itself */
};

void sandbox_user(uid_t *uid, gid_t *gid)
{
	const struct passwd *p = getpwnam(SANDBOX_USER);

	*uid = p && p->pw_uid ? p->pw_uid : SANDBOX_UID;
	*gid = p && p->pw_uid ? p->pw_gid : SANDBOX_UID;
}

static int set_caps(uint64_t caps)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {
		{.effective = (uint32_t)caps, .permitted = (uint32_t)caps},
		{.effective = (uint32_t)(caps >> 32), .permitted = (uint32_t)(caps >> 32)},
	};

	return syscall(SYS_capset, &h, d) ? -errno : 0;
}

/* Without the bounding set no capability comes back, whatever is executed. */
static void empty_bounding_set(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static int become(uid_t uid, gid_t gid, uint64_t caps)
{
	if (geteuid() == 0) {
		empty_bounding_set();
		if (prctl(PR_SET_KEEPCAPS, caps != 0, 0, 0, 0) || setgroups(0, NULL) ||
			setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
			return -errno;
		prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	} else {
		caps = 0;
	}
	return set_caps(caps);
}

static int allow(scmp_filter_ctx f, const int *calls, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

/* Of the socket options only the one that a stub behind TCP needs (trap/gdb/conn.c). */
static int allow_quickack(scmp_filter_ctx f)
{
	const struct scmp_arg_cmp only[] = {
		{.arg = 1, .op = SCMP_CMP_EQ, .datum_a = IPPROTO_TCP},
		{.arg = 2, .op = SCMP_CMP_EQ, .datum_a = TCP_QUICKACK},
	};

	return seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2, only);
}

#define LIST(x) (x), sizeof(x) / sizeof((x)[0])

static int filter(enum sandbox_kind kind)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!f)
		return -ENOMEM;
	r = allow(f, LIST(common));
	if (!r)
		r = kind == SANDBOX_GUARDIAN ? allow(f, LIST(guardian)) :
			kind == SANDBOX_COURIER ? allow(f, LIST(courier)) : allow(f, LIST(worker));
	if (!r && kind == SANDBOX_SERVER)
		r = allow(f, LIST(server));
	if (!r && kind == SANDBOX_WORKER)
		r = allow_quickack(f);
	if (!r)
		r = seccomp_load(f);
	seccomp_release(f);
	return r;
}

int sandbox_enter(enum sandbox_kind kind, uid_t uid, gid_t gid, uint64_t caps, struct err *e)
{
	int r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;

	if (!r)
		r = become(uid, gid, caps);
	if (!r)
		r = filter(kind);
	if (!r)
		return 0;
	return err_set(e, -r, "cannot give up privileges (as user %u): %s", (unsigned)uid, strerror(-r));
}

/*
 * Rights and fields that are younger than Debian 12's header: Linux 6.15 include/uapi/linux/landlock.h. A
 * kernel takes a longer struct than it knows if what it does not know is zero.
 */
#define FS_TRUNCATE (1ULL << 14)  /* ABI 3, Linux 6.2 */
#define FS_IOCTL_DEV (1ULL << 15) /* ABI 5, Linux 6.10 */
#define NET_TCP 3ULL              /* bind and connect: ABI 4, Linux 6.7 */
#define SCOPE_ALL 3ULL            /* abstract sockets and signals: ABI 6, Linux 6.12 */

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

#define FS_BENEATH (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	FS_TRUNCATE)

int sandbox_landlock(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

/* Everything @abi knows. ABI 1: the 13 rights up to MAKE_SYM; 2: REFER. */
static struct ruleset_attr all_of(int abi)
{
	struct ruleset_attr a = {.fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};

	if (abi >= 2)
		a.fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		a.fs |= FS_TRUNCATE;
	if (abi >= 4)
		a.net = NET_TCP;
	if (abi >= 5)
		a.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		a.scoped = SCOPE_ALL;
	return a;
}

/* Beneath @dir, allow @rights. */
static int allow_beneath(int rules, const char *dir, uint64_t rights)
{
	_cleanup_fd_ int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct landlock_path_beneath_attr beneath = {.allowed_access = rights, .parent_fd = at};

	return at < 0 || syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) ? -errno : 0;
}

/* @read may be NULL. */
static int only(const char *dir, uint64_t rights, const char *read, struct err *e)
{
	int abi = sandbox_landlock(), r;
	struct ruleset_attr attr = all_of(abi);
	_cleanup_fd_ int rules = -1;

	if (!abi)
		return 0;
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	r = rules < 0 ? -errno : allow_beneath(rules, dir, rights & attr.fs);
	if (!r && read) {
		dir = read;
		r = allow_beneath(rules, dir, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
	}
	if (!r && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_landlock_restrict_self, rules, 0)))
		r = -errno;
	return r ? err_set(e, -r, "cannot confine itself to %.300s: %s", dir, strerror(-r)) : abi;
}

int sandbox_only_dir(const char *dir, struct err *e)
{
	return only(dir, FS_BENEATH, NULL, e);
}

int sandbox_only_dirs(const char *dir, const char *read, struct err *e)
{
	return only(dir, FS_BENEATH | LANDLOCK_ACCESS_FS_MAKE_DIR, read, e);
}

int sandbox_only_read(const char *const *dirs, struct err *e)
{
	int abi = sandbox_landlock(), r;
	struct ruleset_attr attr = all_of(abi);
	_cleanup_fd_ int rules = -1;

	if (!abi)
		return 0;
	attr.net = 0;
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	r = rules < 0 ? -errno : 0;
	for (; *dirs && !r; dirs++) {
		r = allow_beneath(rules, *dirs, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
		if (r == -ENOENT || r == -ENOTDIR)
			r = 0;
	}
	if (!r && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_landlock_restrict_self, rules, 0)))
		r = -errno;
	return r ? err_set(e, -r, "cannot confine itself to reading: %s", strerror(-r)) : abi;
}
