/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * start.c - from a directory to a running QEMU.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/vhost.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mirror/vm/vm.h"
#include "mirror/vm/xen.h"
#include "util/cleanup.h"

#define ARGS 160
#define CID_FIRST 3 /* vsock(7): 0 to 2 are the hypervisor's, the loopback's and the host's */
#define CID_LAST 65535

/* QEMU's command line as it grows. */
struct args {
	char *v[ARGS + 1];
	size_t n;
	bool full;
};

static void add(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct args *a, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (a->n == ARGS || vasprintf(&s, fmt, ap) < 0)
		a->full = true;
	else
		a->v[a->n++] = s;
	va_end(ap);
}

static void words(struct args *a, const char *const *list)
{
	for (; *list; list++)
		add(a, "%s", *list);
}

/* Wait for a program that was started. Its exit status, or -errno. */
static int outcome(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* A file system on a new disk, whole or not there. */
static int make_disk(int dir, uint64_t bytes, struct err *e)
{
	char owner[64], path[64];
	char *argv[] = {"mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-E", owner, path, NULL};
	static char *env[] = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin", NULL};
	_cleanup_fd_ int fd = -1;
	pid_t pid;
	int r;

	if (!faccessat(dir, "data.img", F_OK, 0))
		return 0;
	fd = openat(dir, "data.img.new", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		return err_set(e, errno, "cannot make the data disk: %s", strerror(errno));
	snprintf(owner, sizeof(owner), "root_owner=%d:%d,lazy_itable_init=1", VM_USER, VM_USER);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = posix_spawnp(&pid, argv[0], NULL, NULL, argv, env);
	if (r)
		return err_set(e, r, "cannot make the data disk: mke2fs: %s (package e2fsprogs)", strerror(r));
	r = outcome(pid);
	if (r)
		return err_set(e, EIO, "cannot make the data disk: mke2fs failed (status %d)", r);
	if (fsync(fd) || renameat(dir, "data.img.new", dir, "data.img") || fsync(dir))
		return err_set(e, errno, "cannot make the data disk: %s", strerror(errno));
	return 0;
}

/*
 * A vsock address that nobody has. 0; 1: this host has no vhost-vsock; -errno with @e.
 */
static int take_cid(uint32_t wanted, uint32_t *cid, struct err *e)
{
	int fd = open("/dev/vhost-vsock", O_RDWR);
	uint64_t at = wanted ? wanted : CID_FIRST;

	if (fd < 0 && errno != ENOENT && errno != ENODEV)
		return err_set(e, errno, "/dev/vhost-vsock: %s", strerror(errno));
	if (fd < 0)
		return 1;
	/* linux/vhost.h; drivers/vhost/vsock.c of 6.1 wants an owner first. */
	if (ioctl(fd, VHOST_SET_OWNER, NULL) && errno != EBUSY)
		goto fail;
	while (ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &at)) {
		if (errno != EADDRINUSE || wanted || at == CID_LAST)
			goto fail;
		at++;
	}
	/* Not held while QEMU takes it: it sets the owner itself. */
	close(fd);
	*cid = (uint32_t)at;
	return 0;
fail:
	err_set(e, errno, "vsock address %" PRIu64 ": %s%s", at, strerror(errno),
		errno == EADDRINUSE ? "; another VM has it" : "");
	close(fd);
	return -EIO;
}

static int listen_on(struct vm *v, uint16_t port, struct err *e)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(a);
	int one = 1;

	v->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (v->listener < 0 || setsockopt(v->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
		bind(v->listener, (struct sockaddr *)&a, sizeof(a)) || listen(v->listener, 64) ||
		getsockname(v->listener, (struct sockaddr *)&a, &n))
		return err_set(e, errno, "cannot listen on 127.0.0.1:%u: %s", port, strerror(errno));
	snprintf(v->url, sizeof(v->url), "https://127.0.0.1:%u", ntohs(a.sin_port));
	return 0;
}

/* A virtio-serial port of that name, @nr on device @bus; our end of it, or -errno. */
static int add_port(struct args *a, unsigned bus, unsigned nr, const char *name, struct err *e)
{
	int s[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s))
		return err_set(e, errno, "cannot make a socket: %s", strerror(errno));
	fcntl(s[1], F_SETFD, 0); /* QEMU's */
	add(a, "-chardev");
	add(a, "socket,id=c%u.%u,fd=%d", bus, nr, s[1]);
	add(a, "-device");
	add(a, "virtserialport,bus=serial%u.0,nr=%u,chardev=c%u.%u,name=%s", bus, nr, bus, nr, name);
	return s[0];
}

static int add_ports(struct vm *v, struct args *a, struct err *e)
{
	char name[32];

	v->control = add_port(a, 0, PORTS_BUS + 1, "logvisor.control", e);
	if (v->control < 0)
		return v->control;
	for (unsigned i = 0; v->listener >= 0 && i < PORTS; i++) {
		int fd;

		snprintf(name, sizeof(name), "logvisor.%u", i);
		if (i % PORTS_BUS == 0 && i) {
			add(a, "-device");
			add(a, "virtio-serial-pci,id=serial%u,max_ports=16", i / PORTS_BUS);
		}
		fd = add_port(a, i / PORTS_BUS, 1 + i % PORTS_BUS, name, e);
		if (fd < 0)
			return fd;
		port_init(&v->ports[i], fd);
	}
	return 0;
}

/* QEMU's ends are its own; ours are all closed at its start. */
static void close_qemus(const struct args *a)
{
	int fd;

	for (size_t i = 0; i < a->n; i++) {
		const char *at = strstr(a->v[i], ",fd=");

		if (at && sscanf(at, ",fd=%d", &fd) == 1)
			close(fd);
	}
}

static void command_line(struct args *a, const struct vm *v, const struct vm_options *o)
{
	static const char *const fixed[] = {
		"qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-cpu", "max",
		"-smp", "1", "-initrd", "initrd", "-serial", "file:console", "-pidfile", "pid",
		"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		/* A flush of the guest's is one of the host's: what the mirror has synced is on this host's disk. */
		"-drive", "if=none,id=data,format=raw,file=data.img,cache=writeback",
		"-device", "virtio-blk-pci,drive=data", "-device", "virtio-rng-pci",
		"-device", "virtio-serial-pci,id=serial0,max_ports=16", NULL};

	words(a, fixed);
	add(a, "-kernel");
	add(a, "%s/vmlinuz", o->image);
	add(a, "-m");
	add(a, "%u", o->mem_mib);
	add(a, "-append");
	add(a, "console=ttyS0 quiet panic=-1 oops=panic random.trust_cpu=on%s", v->listener < 0 ? " logvm.vsock" : "");
	add(a, "-accel");
	add(a, "%s", v->accel);
	if (v->listener < 0) {
		add(a, "-device");
		add(a, "vhost-vsock-pci,guest-cid=%" PRIu32, v->cid);
	}
}

static int start_qemu(struct vm *v, struct args *a, struct err *e)
{
	pid_t us = getpid();

	v->qemu = fork();
	if (v->qemu < 0)
		return err_set(e, errno, "cannot start a process: %s", strerror(errno));
	if (v->qemu)
		return 0;
	/* It does not outlive who carries its connections; and the terminal's Ctrl-C is not for it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	if (getppid() == us && !fchdir(v->dir))
		execvp(a->v[0], a->v);
	fprintf(stderr, "logvisor: %s: %s (package qemu-system-x86)\n", a->v[0], strerror(errno));
	_exit(127);
}

static int open_dir(struct vm *v, const char *path, struct err *e)
{
	v->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->dir < 0)
		return err_set(e, errno, "%.200s: %s; it has to be a directory with the mirror's configuration in it "
			"('logvisor mirror init --config %.200s/config')", path, strerror(errno), path);
	if (faccessat(v->dir, "config", F_OK, 0))
		return err_set(e, errno, "%.200s has no configuration; 'logvisor mirror init --config %.200s/config' makes it",
			path, path);
	v->lock = openat(v->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (v->lock < 0 || flock(v->lock, LOCK_EX | LOCK_NB))
		return err_set(e, errno == EWOULDBLOCK ? EBUSY : errno, "%.200s: %s", path,
			errno == EWOULDBLOCK ? "a log VM runs from it already" : strerror(errno));
	unlinkat(v->dir, "url", 0);
	return 0;
}

/* QEMU, and vsock or ports. */
static int start(struct vm *v, const struct vm_options *o, struct err *e)
{
	struct args a = {.n = 0};
	int r = take_cid(o->cid, &v->cid, e);

	if (r < 0)
		return r;
	if (r)
		r = listen_on(v, o->port, e);
	else
		snprintf(v->url, sizeof(v->url), "vsock://%" PRIu32 ":%d", v->cid, VM_PORT);
	if (!r) {
		command_line(&a, v, o);
		r = add_ports(v, &a, e);
	}
	if (!r && a.full)
		r = err_set(e, ENOMEM, "out of memory");
	if (!r)
		r = start_qemu(v, &a, e);
	close_qemus(&a);
	for (size_t i = 0; i < a.n; i++)
		free(a.v[i]);
	return r;
}

int vm_start(struct vm *v, const struct vm_options *o, struct err *e)
{
	int r;

	memset(v, 0, sizeof(*v));
	v->dir = v->lock = v->control = v->listener = v->disk = -1;
	for (unsigned i = 0; i < PORTS; i++)
		port_init(&v->ports[i], -1);
	v->accel = o->accel ? o->accel : xen_here() ? "xen" : access("/dev/kvm", R_OK | W_OK) ? "tcg" : "kvm";
	v->xen = !strcmp(v->accel, "xen");
	r = vm_measure(o->image, v->measure, e);
	if (!r)
		r = open_dir(v, o->dir, e);
	if (!r)
		r = vm_write_initrd(v->dir, o->image, e);
	if (!r)
		r = make_disk(v->dir, o->disk_bytes, e);
	if (r)
		return r;
	if (!v->xen)
		return start(v, o, e);
	r = listen_on(v, o->port, e);
	return r ? r : xen_start(v, o, e);
}

void vm_close(struct vm *v)
{
	int *fds[] = {&v->control, &v->listener, &v->disk, &v->lock, &v->dir};

	if (v->qemu > 0) {
		kill(v->qemu, SIGKILL);
		outcome(v->qemu);
	}
	if (v->xen && v->made)
		xen_destroy(v);
	for (unsigned i = 0; i < PORTS; i++) {
		port_close(&v->ports[i]);
		if (v->ports[i].fd >= 0)
			close(v->ports[i].fd);
	}
	if (v->dir >= 0)
		unlinkat(v->dir, "url", 0);
	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
