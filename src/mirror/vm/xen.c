/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/vm/xen.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/file.h"
#include "mirror/port/vchan.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/library.h"
#include "util/sandbox.h"
#include "util/span.h"

#define CREATE_MS 600000 /* until xl, which lives, has made the domain: on a busy host that takes minutes */
#define CONNECT_MS 100  /* between two attempts at a port that is not served yet */
#define MORE_MAX 65536

struct vchans {
	struct vchan_lib lib;
	struct libxenvchan *(*connect)(void *log, int domain, const char *path);
};

static const struct library_symbol symbols[] = {
	{"libxenvchan_client_init", offsetof(struct vchans, connect)},
	{"libxenvchan_read", offsetof(struct vchans, lib.read)},
	{"libxenvchan_write", offsetof(struct vchans, lib.write)},
	{"libxenvchan_wait", offsetof(struct vchans, lib.wait)},
	{"libxenvchan_fd_for_select", offsetof(struct vchans, lib.event_fd)},
	{"libxenvchan_is_open", offsetof(struct vchans, lib.is_open)},
	{"libxenvchan_data_ready", offsetof(struct vchans, lib.data_ready)},
	{"libxenvchan_buffer_space", offsetof(struct vchans, lib.buffer_space)},
	{"libxenvchan_close", offsetof(struct vchans, lib.close)},
};

bool xen_here(void)
{
	_cleanup_file_ FILE *f = fopen("/proc/xen/capabilities", "re");
	char line[64];

	return f && fgets(line, sizeof(line), f) && strstr(line, "control_d");
}

static unsigned number_in(const char *path)
{
	_cleanup_file_ FILE *f = fopen(path, "re");
	unsigned n = 0;

	return f && fscanf(f, "%u", &n) == 1 ? n : 0;
}

/* The library has the hypervisor's version in its name. */
static int load(struct vchans *c, struct err *e)
{
	char file[40], package[40];
	const struct library l = {.file = file, .package = package, .purpose = "a log VM on Xen needs",
		.symbols = symbols, .n = sizeof(symbols) / sizeof(symbols[0])};
	unsigned major = number_in("/sys/hypervisor/version/major"), minor = number_in("/sys/hypervisor/version/minor");

	snprintf(file, sizeof(file), "libxenvchan.so.%u.%u", major, minor);
	snprintf(package, sizeof(package), "libxenmisc%u.%u", major, minor);
	return library_load(&l, c, e);
}

/* Run xl; what it prints goes to @out, terminated, at most @max bytes of it. Its exit status, or -errno. */
static int xl(const char *verb, const char *what, char *out, size_t max)
{
	char *argv[] = {"xl", (char *)verb, (char *)what, NULL};
	posix_spawn_file_actions_t a;
	size_t n = 0;
	ssize_t got;
	int p[2], status = 0, r;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_adddup2(&a, p[1], 1);
	posix_spawn_file_actions_addopen(&a, 2, "/dev/null", O_WRONLY, 0);
	r = posix_spawnp(&pid, argv[0], &a, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&a);
	close(p[1]);
	while (!r && n < max - 1 && (got = read(p[0], out + n, max - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(p[0]);
	if (r)
		return -r;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* Of the directory, by its inode, whatever it is called: so that nothing runs from it twice. */
static int name_of(const struct vm *v, char name[64], struct err *e)
{
	struct stat st;

	if (fstat(v->dir, &st))
		return err_set(e, errno, "the log VM's directory: %s", strerror(errno));
	snprintf(name, 64, "logvm-%llx-%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return 0;
}

/* Its number; 0: there is none. */
static unsigned domain_of(const char *name)
{
	char text[32];
	uint64_t n;

	if (xl("domid", name, text, sizeof(text)))
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return span_decimal(span_of(text), &n) && n < 32768 ? (unsigned)n : 0;
}

/* The data disk as a block device, which goes when the last who has it open does. v->disk stays open. */
static int attach_disk(struct vm *v, char path[32], struct err *e)
{
	_cleanup_fd_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	_cleanup_fd_ int file = openat(v->dir, "data.img", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct loop_config c = {.fd = (unsigned)file, .info.lo_flags = LO_FLAGS_AUTOCLEAR};
	int n;

	if (control < 0 || file < 0)
		return err_set(e, errno, "%s: %s%s", file < 0 ? "data.img" : "/dev/loop-control", strerror(errno),
			file < 0 ? "" : " (modprobe loop)");
	for (int tries = 0; tries < 16; tries++) {
		n = ioctl(control, LOOP_CTL_GET_FREE);
		if (n < 0)
			break;
		snprintf(path, 32, "/dev/loop%d", n);
		v->disk = open(path, O_RDWR | O_CLOEXEC);
		if (v->disk >= 0 && !ioctl(v->disk, LOOP_CONFIGURE, &c))
			return 0;
		if (v->disk >= 0)
			close(v->disk);
		v->disk = -1;
		if (errno != EBUSY) /* else somebody was faster */
			break;
	}
	return err_set(e, errno, "data.img cannot become a block device: %s", strerror(errno));
}

static int write_config(const struct vm *v, const struct vm_options *o, const char *name, const char *disk,
	struct err *e)
{
	_cleanup_free_ char *dir = realpath(o->dir, NULL), *more = NULL, *text = NULL;
	size_t n = 0;
	int r;

	if (!dir)
		return err_set(e, errno, "%.200s: %s", o->dir, strerror(errno));
	if (strpbrk(dir, "\"\\\n") || strpbrk(o->image, "\"\\\n"))
		return err_set(e, EINVAL, "%.200s: xl takes no path with quotes or backslashes", dir);
	r = file_load(v->dir, "xl.more", MORE_MAX, &more, &n);
	if (r && r != -ENOENT)
		return err_set(e, -r, "xl.more: %s", file_strerror(r));
	if (asprintf(&text,
		"type = \"pvh\"\nname = \"%s\"\nkernel = \"%s/vmlinuz\"\nramdisk = \"%s/initrd\"\n"
		"extra = \"console=hvc0 quiet panic=-1 oops=panic random.trust_cpu=on logvm.xen\"\n"
		"memory = %u\nvcpus = 1\ndisk = [ \"format=raw, vdev=xvda, access=rw, backendtype=phy, target=%s\" ]\n"
		"on_poweroff = \"destroy\"\non_reboot = \"destroy\"\non_crash = \"destroy\"\n%s",
		name, o->image, dir, o->mem_mib, disk, more ? more : "") < 0) {
		text = NULL;
		return err_set(e, ENOMEM, "out of memory");
	}
	r = file_replace(v->dir, "xl.cfg", text, strlen(text), 0600);
	return r ? err_set(e, -r, "xl.cfg: %s", file_strerror(r)) : 0;
}

/* xl stays until the domain ends. */
static int create(struct vm *v, struct err *e)
{
	pid_t us = getpid();

	v->qemu = fork();
	if (v->qemu < 0)
		return err_set(e, errno, "cannot start a process: %s", strerror(errno));
	v->made = true;
	if (v->qemu)
		return 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	if (getppid() == us && !fchdir(v->dir) && dup2(2, 1) == 1)
		execlp("xl", "xl", "create", "-F", "xl.cfg", NULL);
	fprintf(stderr, "logvisor: xl: %s (package xen-utils-common)\n", strerror(errno));
	_exit(127);
}

/*
 * One port's process: connects as soon as the port is served, gives up what it does not need, moves bytes. But for the
 * control port that is not before there is something to move: who asks xenstore for what is not there keeps Domain 0
 * from building the domain.
 */
static void carry(const struct vchans *c, unsigned domain, unsigned port, int fd)
{
	struct pollfd first = {.fd = fd, .events = POLLIN}, gone = {.fd = fd};
	struct libxenvchan *ch;
	char path[64];
	uid_t uid;
	gid_t gid;
	struct err e;

	snprintf(path, sizeof(path), "/local/domain/%u/" VCHAN_PATH "/%u", domain, port);
	while (port != VCHAN_CONTROL && poll(&first, 1, -1) < 0)
		continue;
	while (!(ch = c->connect(NULL, (int)domain, path)))
		if (poll(&gone, 1, CONNECT_MS) > 0)
			return;
	sandbox_user(&uid, &gid);
	if (sandbox_enter(SANDBOX_WORKER, uid, gid, 0, &e)) {
		fprintf(stderr, "logvisor: log VM: %s\n", e.text);
		return;
	}
	vchan_pump(&c->lib, ch, fd);
}

static int start_port(const struct vchans *c, unsigned domain, unsigned port, struct err *e)
{
	pid_t us = getpid(), pid;
	int s[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s))
		return err_set(e, errno, "cannot make a socket: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		close(s[0]);
		close(s[1]);
		return err_set(e, errno, "cannot start a process: %s", strerror(errno));
	}
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		/* Nothing is held open for others, so that each sees the other's end. */
		if (s[1] > 3)
			close_range(3, (unsigned)s[1] - 1, 0);
		close_range((unsigned)s[1] + 1, ~0U, 0);
		if (getppid() == us)
			carry(c, domain, port, s[1]);
		_exit(0);
	}
	close(s[1]);
	return s[0];
}

static int connect_ports(struct vm *v, const struct vchans *c, unsigned domain, struct err *e)
{
	v->control = start_port(c, domain, VCHAN_CONTROL, e);
	for (unsigned i = 0; v->control >= 0 && i < PORTS; i++) {
		int fd = start_port(c, domain, i, e);

		if (fd < 0)
			return fd;
		port_init(&v->ports[i], fd);
	}
	return v->control < 0 ? v->control : 0;
}

/* xl is at it. Its number, or -errno. */
static int await_domain(struct vm *v, const char *name, struct err *e)
{
	int64_t until = clock_mono_ms() + CREATE_MS;
	unsigned domain;
	int status;

	while (!(domain = domain_of(name))) {
		if (waitpid(v->qemu, &status, WNOHANG) == v->qemu) {
			v->qemu = 0;
			return err_set(e, EIO, "xl did not make the log VM's domain (it says why)");
		}
		if (clock_mono_ms() > until)
			return err_set(e, ETIMEDOUT, "xl did not make the log VM's domain within %d s", CREATE_MS / 1000);
		clock_sleep_ms(CONNECT_MS);
	}
	return (int)domain;
}

int xen_start(struct vm *v, const struct vm_options *o, struct err *e)
{
	char name[64], path[32];
	struct vchans c;
	unsigned was;
	int r = load(&c, e);

	if (!r)
		r = name_of(v, name, e);
	if (r)
		return r;
	was = domain_of(name);
	if (was)
		return err_set(e, EBUSY, "a log VM runs from it already: domain %u, %s, left over by a 'logvm run' that was "
			"killed; 'xl destroy %u' ends it, and nothing that it has acknowledged is lost", was, name, was);
	r = attach_disk(v, path, e);
	if (!r)
		r = write_config(v, o, name, path, e);
	if (!r)
		r = create(v, e);
	if (!r)
		r = await_domain(v, name, e);
	return r < 0 ? r : connect_ports(v, &c, (unsigned)r, e);
}

void xen_destroy(const struct vm *v)
{
	char name[64], out[16];

	if (!name_of(v, name, NULL) && domain_of(name))
		xl("destroy", name, out, sizeof(out));
}
