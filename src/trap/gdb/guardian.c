/* SPDX-License-Identifier: BSD-3-Clause */
/* guardian.c - let the VM go when the worker dies. */
#include "trap/gdb/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "trap/gdb/conn.h"
#include "util/clock.h"

/* How long the stub may take to accept, and then to answer; a savevm keeps it busy for seconds. */
#define ACCEPT_MS 60000
#define ANSWER_MS 60000

struct guardian_page {
	atomic_int clean;
	atomic_int leave_paused;
	atomic_int pid;
};

static size_t put(char *out, const char *cmd)
{
	size_t n = 2;

	memcpy(out, "++", 2);
	n += rsp_frame(out + n, cmd, strlen(cmd));
	return n;
}

size_t guardian_disarm(char *out)
{
	/*
	 * "#00" ends whatever packet the last client left unfinished, from any state of the parser, if
	 * given three times; its checksum is wrong, so nothing is executed.
	 */
	static const char rest[] = "++#00#00#00";
	static const char *const cmd[] = {"Qqemu.PhyMemMode:0", GDB_UNMARK, "?"};
	size_t n = sizeof(rest) - 1;

	memcpy(out, rest, n);
	for (unsigned i = 0; i < sizeof(cmd) / sizeof(cmd[0]); i++)
		n += put(out + n, cmd[i]);
	out[n++] = '+';
	return n;
}

size_t guardian_detach(char *out)
{
	size_t n = put(out, "D;1");

	out[n++] = '+';
	return n;
}

/* A connected socket to @a, or -1 if nobody listens there any more or ACCEPT_MS passed. */
static int reconnect(const struct gdb_addr *a)
{
	const int64_t deadline = clock_mono_ms() + ACCEPT_MS;

	while (clock_mono_ms() < deadline) {
		int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		int err;
		socklen_t len = sizeof(err);

		if (fd < 0)
			return -1;
		err = connect(fd, (const struct sockaddr *)&a->sa, a->len) ? errno : 0;
		if (err == EINPROGRESS && poll(&p, 1, 5000) == 1)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
		if (err == 0)
			return fd;
		close(fd);
		/* A full queue of others who want the stub: EAGAIN on Unix sockets. */
		if (err != EAGAIN && err != EINPROGRESS && err != EINTR && err != ETIMEDOUT)
			return -1;
		nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	}
	return -1;
}

/* Wait until the stub says @reply. false if it closes, or takes too long. */
static bool await(int fd, const char *reply)
{
	const int64_t deadline = clock_mono_ms() + ANSWER_MS;
	const size_t len = strlen(reply);
	char buf[4096];
	size_t n = 0;

	while (clock_mono_ms() < deadline) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t k;

		if (poll(&p, 1, 1000) <= 0)
			continue;
		k = recv(fd, buf + n, sizeof(buf) - n, MSG_DONTWAIT);
		if (k < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (k <= 0)
			return false;
		n += (size_t)k;
		if (memmem(buf, n, reply, len))
			return true;
		/* It may be cut in two. */
		if (n >= len) {
			memmove(buf, buf + n - (len - 1), len - 1);
			n = len - 1;
		}
	}
	return false;
}

static bool say(int fd, const char *bytes, size_t n)
{
	return send(fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/*
 * Two steps, for QEMU keeps a stop at a watchpoint pending until its main loop comes round, and acts on it
 * even after "D" has let the VM go. The reply to "?" says that the main loop is past it.
 */
static void release(int old, const struct gdb_addr *a, bool leave_paused)
{
	char bytes[128];
	size_t n = guardian_disarm(bytes);
	/* In the queue before the old connection is given up, so that nobody comes between. */
	int fd = reconnect(a);
	bool sent = fd >= 0 && say(fd, bytes, n);

	close(old);
	if (sent && await(fd, "$T05") && !leave_paused && say(fd, bytes, guardian_detach(bytes)))
		await(fd, "$OK#9a");
	if (fd >= 0)
		close(fd);
}

/* Close all descriptors above 2 but the three of @keep; the worker's locks must not live on here. */
static void close_others(const int keep[3])
{
	unsigned from = 3;

	for (;;) {
		unsigned next = ~0U;

		for (unsigned i = 0; i < 3; i++)
			if ((unsigned)keep[i] >= from && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next == ~0U)
			break;
		if (next > from)
			syscall(SYS_close_range, from, next - 1, 0);
		from = next + 1;
	}
	syscall(SYS_close_range, from, ~0U, 0);
}

static _Noreturn void guard(struct guardian_page *page, int sock, int pidfd, int ctl,
	const struct gdb_addr *a)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP, SIGTTIN,
		SIGTTOU, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD};
	struct pollfd p[2] = {{.fd = pidfd, .events = POLLIN}, {.fd = ctl, .events = POLLIN}};
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, "logvisor-guard");
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	close_others((const int[3]){sock, pidfd, ctl});
	if (chdir("/") != 0)
		_exit(2);

	while (poll(p, 2, -1) <= 0)
		;
	if (!atomic_load(&page->clean))
		release(sock, a, atomic_load(&page->leave_paused));
	_exit(0);
}

int guardian_start(struct guardian *g, int fd, const struct gdb_addr *a, struct err *e)
{
	int ctl[2], pidfd, err, status;
	pid_t pid;

	g->ctl = -1;
	g->page = mmap(NULL, sizeof(*g->page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g->page == MAP_FAILED) {
		g->page = NULL;
		return err_set(e, errno, "gdb: guardian: %s", strerror(errno));
	}
	pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (pidfd < 0 || pipe2(ctl, O_CLOEXEC) != 0) {
		err = errno;
		goto fail;
	}
	pid = fork();
	if (pid == 0) {
		/* Twice, so that the guardian is init's child and never a zombie of the worker. */
		setsid();
		pid = fork();
		if (pid == 0) {
			close(ctl[1]);
			guard(g->page, fd, pidfd, ctl[0], a);
		}
		if (pid > 0)
			atomic_store(&g->page->pid, pid);
		_exit(pid > 0 ? 0 : 1);
	}
	err = errno;
	close(ctl[0]);
	if (pid < 0) {
		close(ctl[1]);
		goto fail;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!atomic_load(&g->page->pid)) {
		close(ctl[1]);
		err = EAGAIN;
		goto fail;
	}
	close(pidfd);
	g->ctl = ctl[1];
	return 0;
fail:
	if (pidfd >= 0)
		close(pidfd);
	munmap(g->page, sizeof(*g->page));
	g->page = NULL;
	return err_set(e, err, "gdb: cannot start the guardian process: %s", strerror(err));
}

void guardian_leave_paused(struct guardian *g, bool leave)
{
	if (g->page)
		atomic_store(&g->page->leave_paused, leave);
}

void guardian_end(struct guardian *g, bool clean)
{
	if (!g->page)
		return;
	atomic_store(&g->page->clean, clean);
	close(g->ctl);
	munmap(g->page, sizeof(*g->page));
	g->page = NULL;
	g->ctl = -1;
}

pid_t guardian_pid(const struct guardian *g)
{
	return g->page ? atomic_load(&g->page->pid) : 0;
}
