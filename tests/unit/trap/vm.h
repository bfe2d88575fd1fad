/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vm.h - a small virtual machine for tests of the gdb backend: QEMU with emulation and, instead of an
 * operating system, a boot sector in which the first vCPU counts up at COUNT_BSP and all others at
 * COUNT_AP, for ever. It is up in about a second.
 */
#ifndef LOGVISOR_TESTS_TRAP_VM_H
#define LOGVISOR_TESTS_TRAP_VM_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "trap/trap.h"

#define COUNT_BSP 0x9000
#define COUNT_AP 0x9040

struct vm {
	pid_t pid;
	int qmp;
	char dir[64], sock[96];
	size_t n; /* read from QMP and not yet taken */
	char buf[16384];
};

static inline int64_t vm_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Evaluate @cond every 10 ms until it holds or @ms passed; its last value. */
#define WITHIN(ms, cond) \
	({ \
		int64_t until_ = vm_ms() + (ms); \
		bool ok_; \
		while (!(ok_ = (cond)) && vm_ms() < until_) \
			usleep(10000); \
		ok_; \
	})

/*
 *	cli; ds = es = ss = 0; sp = 0x7c00; copy ap to 0x8000
 *	lgdt; enter and leave protected mode to give %fs a limit of 4 GiB
 *	APIC: enable (SVR), INIT to all others, wait, SIPI with vector 8
 * 1:	incl 0x9000; jmp 1b
 * ap:	cli; ds = 0; lock incw 0x9080
 * 2:	incl 0x9040; jmp 2b
 */
static const uint8_t vm_sector[] = {
	0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0xbc, 0x00, 0x7c, 0x8e, 0xd0, 0xfc, 0xbe, 0x68, 0x7c,
	0xbf, 0x00, 0x80, 0xb9, 0x11, 0x00, 0xf3, 0xa4, 0x66, 0x0f, 0x01, 0x16, 0x89, 0x7c, 0x0f, 0x20,
	0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0, 0xbb, 0x08, 0x00, 0x8e, 0xe3, 0x24, 0xfe, 0x0f, 0x22, 0xc0,
	0x66, 0xbb, 0xf0, 0x00, 0xe0, 0xfe, 0x64, 0x67, 0x66, 0xc7, 0x03, 0xff, 0x01, 0x00, 0x00, 0x66,
	0xbb, 0x00, 0x03, 0xe0, 0xfe, 0x64, 0x67, 0x66, 0xc7, 0x03, 0x00, 0x45, 0x0c, 0x00, 0x66, 0xb9,
	0x00, 0x00, 0x10, 0x00, 0x66, 0x49, 0x75, 0xfc, 0x64, 0x67, 0x66, 0xc7, 0x03, 0x08, 0x46, 0x0c,
	0x00, 0x66, 0xff, 0x06, 0x00, 0x90, 0xeb, 0xf9, 0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0xf0, 0xff, 0x06,
	0x80, 0x90, 0x66, 0xff, 0x06, 0x40, 0x90, 0xeb, 0xf9, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0x92, 0xcf, 0x00, 0x0f, 0x00, 0x79, 0x7c, 0x00, 0x00,
};

static inline int vm_connect(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(un.sun_path))
		abort();
	memcpy(un.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	close(fd);
	return -1;
}

/*
 * One line of QMP; events are skipped. There are two for each stop at a watchpoint, so they may be many.
 */
static inline bool vm_line(struct vm *v, char *out, size_t cap)
{
	for (;;) {
		char *end = memchr(v->buf, '\n', v->n);
		struct pollfd p = {.fd = v->qmp, .events = POLLIN};
		ssize_t k;
		size_t len;

		if (!end) {
			if (v->n == sizeof(v->buf) || poll(&p, 1, 20000) != 1)
				return false;
			k = read(v->qmp, v->buf + v->n, sizeof(v->buf) - v->n);
			if (k <= 0)
				return false;
			v->n += (size_t)k;
			continue;
		}
		*end = '\0';
		len = (size_t)(end - v->buf);
		if (len >= cap)
			return false;
		memcpy(out, v->buf, len + 1);
		v->n -= len + 1;
		memmove(v->buf, end + 1, v->n);
		if (!strstr(out, "\"event\""))
			return true;
	}
}

/* Run @json on the VM's monitor; the answer contains @want? */
static inline bool vm_qmp(struct vm *v, const char *json, const char *want)
{
	char answer[4096];

	if (dprintf(v->qmp, "%s\n", json) < 0 || !vm_line(v, answer, sizeof(answer)))
		return false;
	return strstr(answer, want) != NULL;
}

#define QMP(cmd) "{\"execute\": \"" cmd "\"}"

/* The same in the language of the human monitor. */
static inline bool vm_hmp(struct vm *v, const char *line)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "{\"execute\": \"human-monitor-command\", \"arguments\": "
		"{\"command-line\": \"%s\"}}", line);
	return vm_qmp(v, cmd, "return");
}

static inline bool vm_running(struct vm *v)
{
	return vm_qmp(v, QMP("query-status"), "\"running\": true");
}

static inline bool vm_paused(struct vm *v)
{
	return vm_qmp(v, QMP("query-status"), "\"status\": \"paused\"");
}

/* Does it run, within a minute, for 300 ms on end? Then nothing is armed that would stop it. */
static inline bool vm_runs_free(struct vm *v)
{
	int64_t until = vm_ms() + 60000, since = 0;

	while (vm_ms() < until) {
		if (!vm_running(v))
			since = 0;
		else if (!since)
			since = vm_ms();
		else if (vm_ms() - since > 300)
			return true;
		usleep(10000);
	}
	return false;
}

static inline void vm_stop(struct vm *v)
{
	char cmd[160];

	kill(v->pid, SIGKILL);
	waitpid(v->pid, NULL, 0);
	if (v->qmp >= 0)
		close(v->qmp);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", v->dir);
	if (system(cmd) != 0)
		fprintf(stderr, "# cannot remove %s\n", v->dir);
	free(v);
}

/* Start QEMU with @args (NULL-terminated) added; NULL if there is no QEMU on this machine. */
static inline struct vm *vm_start(const char *const *args)
{
	struct vm *v = calloc(1, sizeof(*v));
	const char *tmp = getenv("TMPDIR");
	char drive[160], gdb[160], qmp[160], path[160], greeting[1024];
	const char *argv[48] = {"qemu-system-x86_64", "-accel", "tcg", "-display", "none", "-nodefaults",
		"-drive", drive, "-gdb", gdb, "-qmp", qmp};
	int n = 12, fd;
	uint8_t image[512] = {0};
	bool ide = true;

	snprintf(v->dir, sizeof(v->dir), "%s/vmXXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	if (!mkdtemp(v->dir))
		abort();
	chmod(v->dir, 0755);
	memcpy(image, vm_sector, sizeof(vm_sector));
	image[510] = 0x55;
	image[511] = 0xaa;
	snprintf(path, sizeof(path), "%s/disk", v->dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	if (write(fd, image, sizeof(image)) != sizeof(image) || ftruncate(fd, 1 << 20) != 0)
		abort();
	close(fd);
	snprintf(drive, sizeof(drive), "file=%s/disk,format=raw,if=none,id=disk0,snapshot=on", v->dir);
	snprintf(v->sock, sizeof(v->sock), "%s/gdb", v->dir);
	snprintf(gdb, sizeof(gdb), "unix:%s,server=on,wait=off", v->sock);
	snprintf(qmp, sizeof(qmp), "unix:%s/qmp,server=on,wait=off", v->dir);
	for (int i = 0; args[i]; i++)
		ide = ide && !strstr(args[i], "microvm");
	if (ide) {
		argv[n++] = "-device";
		argv[n++] = "ide-hd,drive=disk0";
	}
	while (*args && n < 47)
		argv[n++] = *args++;
	argv[n] = NULL;
	v->pid = fork();
	if (v->pid == 0) {
		umask(0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(argv[0], (char **)argv);
		_exit(127);
	}
	snprintf(path, sizeof(path), "%s/qmp", v->dir);
	v->qmp = -1;
	if (!WITHIN(20000, (v->qmp = vm_connect(path)) >= 0 || waitpid(v->pid, NULL, WNOHANG) == v->pid))
		v->qmp = -1;
	if (v->qmp >= 0 && vm_line(v, greeting, sizeof(greeting)) &&
		vm_qmp(v, QMP("qmp_capabilities"), "return"))
		return v;
	vm_stop(v);
	return NULL;
}

#endif
