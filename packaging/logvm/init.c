/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * init.c - the first process of the log VM: devices, the data disk, the mirror, and nothing else. There is no
 * shell and no network device here, and this program takes two words from its control port: "stop" and "reload".
 *
 *	/modules       kernel modules in the order in which they are loaded, a path a line
 *	/config        keys, certificates, rights: put beside this image by `logvisor logvm run`, read only
 *	/data          the data disk, /dev/vda; on Xen /dev/xvda
 *
 * The mirror runs as a user of its own. When it dies it is started again; when the disk cannot be mounted or the
 * mirror does not come up the machine powers off, so that its VMM ends and somebody notices.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libxenvchan.h>

#include "mirror/port/port.h"
#include "mirror/port/vchan.h"

#define LOGVM_USER 64000 /* `logvisor logvm run` gives the disk's root directory to it */
#define SOCKET "/run/mirror"     /* to see whether it is up */
#define LISTEN 7007              /* TCP on the loopback device or vsock */
#define RESTART_MS 500
#define STOP_MS 20000 /* for the mirror to end by itself */
#define VCHAN_MS 300000 /* for one vchan to be served, which is a moment's work: xenstored does not answer any more */

static struct port ports[PORTS];
static int control = -1;
static bool said_ready, stopping;

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("logvm: ", stdout);
	vprintf(fmt, ap);
	putchar('\n');
	fflush(stdout);
	va_end(ap);
}

static void power_off(void)
{
	sync();
	if (umount("/data") && errno != EINVAL)
		mount("", "/data", "", MS_REMOUNT | MS_RDONLY, "");
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void die(const char *what)
{
	say("%s: %s", what, strerror(errno));
	power_off();
}

static void mount_at(const char *type, const char *from, const char *to, unsigned long flags, const char *data)
{
	if (mkdir(to, 0755) && errno != EEXIST)
		die(to);
	if (mount(from, to, type, flags, data) && errno != EBUSY)
		die(to);
}

static void load_modules(void)
{
	char path[256];
	FILE *f = fopen("/modules", "re");

	while (f && fgets(path, sizeof(path), f)) {
		int fd;

		path[strcspn(path, "\n")] = '\0';
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST && errno != ENODEV))
			die(path); /* ENODEV: a driver of Xen's, elsewhere */
		close(fd);
	}
	if (f)
		fclose(f);
}

/* The virtio-serial port of that name, or -1. */
static int open_port(const char *name)
{
	char path[256], text[64] = "";
	int fd = -1;
	glob_t g;

	if (glob("/sys/class/virtio-ports/*", 0, NULL, &g))
		return -1;
	for (size_t i = 0; fd < 0 && i < g.gl_pathc; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/name", g.gl_pathv[i]);
		f = fopen(path, "re");
		if (!f || !fgets(text, sizeof(text), f))
			text[0] = '\0';
		if (f)
			fclose(f);
		text[strcspn(text, "\n")] = '\0';
		if (strcmp(text, name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", strrchr(g.gl_pathv[i], '/') + 1);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
	globfree(&g);
	/* Until the driver has heard that the host's end is there, the port reads as ended. */
	for (int i = 0; fd >= 0 && i < 500; i++) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};

		if (poll(&p, 1, 0) > 0 && !(p.revents & POLLHUP))
			break;
		usleep(10000);
	}
	return fd;
}

static int open_numbered(unsigned number)
{
	char name[32];

	snprintf(name, sizeof(name), "logvisor.%u", number);
	return open_port(name);
}

/* A vchan's process: it needs no more rights once the memory is granted, which it says by a byte. */
static void serve_vchan(unsigned number, int fd, int served)
{
	static const struct vchan_lib lib = {libxenvchan_read, libxenvchan_write, libxenvchan_wait,
		libxenvchan_fd_for_select, libxenvchan_is_open, libxenvchan_data_ready, libxenvchan_buffer_space,
		libxenvchan_close};
	struct libxenvchan *c;
	char path[32];

	snprintf(path, sizeof(path), VCHAN_PATH "/%u", number);
	c = libxenvchan_server_init(NULL, 0, path, VCHAN_RING, VCHAN_RING);
	if (!c)
		say("%s: cannot be served: %s", path, strerror(errno));
	else if (setgid(LOGVM_USER) || setuid(LOGVM_USER) || write(served, "", 1) != 1)
		say("cannot become another user: %s", strerror(errno));
	else
		vchan_pump(&lib, c, fd);
	_exit(0);
}

/*
 * The same of a domain on Xen: one of its vchans, which a process of its own serves to Domain 0. One after the other:
 * each is a transaction in xenstore, of which a domain may have some ten at a time (quota_max_transaction in Xen 4.17,
 * tools/xenstore/xenstored_core.c). Nobody has to have connected for that.
 */
static int open_vchan(unsigned number)
{
	char byte;
	int s[2], served[2], r;
	struct pollfd p = {.events = POLLIN};

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s) || pipe2(served, O_CLOEXEC))
		die("socketpair");
	if (!fork())
		serve_vchan(number, s[1], served[1]);
	close(s[1]);
	close(served[1]);
	p.fd = served[0];
	r = poll(&p, 1, VCHAN_MS);
	errno = r ? EIO : ETIMEDOUT;
	if (r != 1 || read(served[0], &byte, 1) != 1)
		die("vchan");
	close(served[0]);
	return s[0];
}

static bool there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Devices come when their drivers have found them. */
static void wait_for(const char *path)
{
	for (int i = 0; i < 3000 && !there(path); i++)
		usleep(10000);
	if (!there(path))
		die(path);
}

static bool on_command_line(const char *word)
{
	char line[4096];
	FILE *f = fopen("/proc/cmdline", "re");
	bool found = f && fgets(line, sizeof(line), f) && strstr(line, word);

	if (f)
		fclose(f);
	return found;
}

/* What the mirror may read of the configuration is given to it: the image unpacks everything as root's. */
static void give(const char *pattern)
{
	glob_t g;

	if (glob(pattern, 0, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		if (lchown(g.gl_pathv[i], LOGVM_USER, LOGVM_USER))
			die(g.gl_pathv[i]);
	globfree(&g);
}

static pid_t start_mirror(char **argv)
{
	static char *const environment[] = {"PATH=/bin", "HOME=/data", NULL};
	sigset_t none;
	pid_t pid = fork();

	if (pid)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (setgid(LOGVM_USER) || setuid(LOGVM_USER))
		_exit(126);
	execve(argv[0], argv, environment);
	_exit(127);
}

static int connect_to(const void *address, socklen_t n)
{
	int fd = socket(((const struct sockaddr *)address)->sa_family,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, address, n) && errno != EINPROGRESS) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* A connection that comes in through a port goes to the mirror's TLS like any other. */
static int dial(void *ctx)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(LISTEN),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};

	(void)ctx;
	return connect_to(&a, sizeof(a));
}

/* The loopback device: there is no other here. */
static void loopback_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_name = "lo"};

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &ifr))
		die("lo");
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		die("lo");
	close(fd);
}

/* Does the mirror take connections? Says so, once, to whoever runs this machine. */
static void look_ready(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = SOCKET};
	int fd = said_ready ? -1 : connect_to(&a, sizeof(a));

	if (fd < 0)
		return;
	close(fd);
	said_ready = true;
	say("ready");
	if (control >= 0 && write(control, "ready\n", 6) != 6)
		say("the control port does not take a word");
}

/* One word a line. */
static void obey(pid_t mirror)
{
	static char line[16];
	static size_t n;
	char c;

	while (read(control, &c, 1) == 1) {
		if (c != '\n') {
			line[n] = c;
			n = n < sizeof(line) - 1 ? n + 1 : n;
			continue;
		}
		line[n] = '\0';
		n = 0;
		if (!strcmp(line, "stop"))
			stopping = true;
		if (!strcmp(line, "stop") && mirror > 0)
			kill(mirror, SIGTERM);
		if (!strcmp(line, "reload") && mirror > 0)
			kill(mirror, SIGHUP);
	}
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Bury what ended; the mirror is started again after a while. */
static void bury(pid_t *mirror, int64_t *start_at)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != *mirror)
			continue;
		say("the mirror ended (status 0x%x)", status);
		*mirror = 0;
		*start_at = now_ms() + RESTART_MS;
	}
}

/* Wait for something to do, and do it. */
static void turn(int signals, pid_t mirror, int timeout)
{
	struct pollfd fds[2 + 2 * PORTS];
	struct signalfd_siginfo s;
	int r;

	fds[0] = (struct pollfd){.fd = signals, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = control, .events = POLLIN};
	for (int i = 0; i < PORTS; i++)
		port_poll(&ports[i], fds + 2 + 2 * i);
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), timeout) < 0)
		return;
	while (read(signals, &s, sizeof(s)) == sizeof(s))
		continue;
	if (fds[1].revents & POLLIN)
		obey(mirror);
	else if (fds[1].revents)
		usleep(10000); /* the VMM is not there: it is about to end, or to come */
	for (int i = 0; i < PORTS; i++)
		if ((fds[2 + 2 * i].revents || fds[3 + 2 * i].revents) && (r = port_step(&ports[i], dial, NULL)))
			say("port %d: %s; it is not used any more", i, strerror(-r));
}

static void run(char **argv)
{
	int64_t start_at = now_ms(), kill_at = 0;
	pid_t mirror = 0;
	sigset_t set;
	int signals;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	for (;;) {
		int64_t now = now_ms();

		if (stopping && !kill_at)
			kill_at = now + STOP_MS;
		if (!mirror && stopping)
			return;
		if (mirror && stopping && now > kill_at)
			kill(mirror, SIGKILL);
		if (!mirror && now >= start_at)
			mirror = start_mirror(argv);
		look_ready();
		turn(signals, mirror, said_ready && mirror && !stopping ? 10000 : 50);
		bury(&mirror, &start_at);
	}
}

int main(void)
{
	static char *argv[] = {"/bin/logvisor", "mirror", "run", "--config", "/config", "--store", "/data",
		"--listen", "unix://" SOCKET, "--listen", "https://127.0.0.1:7007", NULL};
	bool vsock, xen;
	const char *disk;

	signal(SIGPIPE, SIG_IGN);
	mount_at("devtmpfs", "dev", "/dev", MS_NOSUID | MS_NOEXEC, "");
	mount_at("proc", "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
	mount_at("sysfs", "sys", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
	load_modules();
	xen = on_command_line(" logvm.xen");
	disk = xen ? "/dev/xvda" : "/dev/vda";
	wait_for(disk);
	mount_at("tmpfs", "run", "/run", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,uid=64000,gid=64000");
	mount_at("ext4", disk, "/data", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, "errors=remount-ro");
	give("/config");
	give("/config/*");
	give("/config/*/*");
	vsock = on_command_line(" logvm.vsock");
	if (vsock)
		argv[10] = "vsock://:7007";
	else
		loopback_up();
	control = xen ? open_vchan(VCHAN_CONTROL) : open_port("logvisor.control");
	for (unsigned i = 0; i < PORTS; i++)
		port_init(&ports[i], vsock ? -1 : xen ? open_vchan(i) : open_numbered(i));
	run(argv);
	say("stopped");
	power_off();
}
