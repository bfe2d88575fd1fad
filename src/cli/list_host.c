/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * list_host.c - logvisor list --host: the KVM VMs of this host, whatever their VMM, and which of them a
 * worker protects.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "trap/kvm/host/host.h"
#include "util/cleanup.h"

struct list {
	bool json;
	unsigned n;
};

/* Is @arg the target @want, with or without options after it? */
static bool is_target(const char *arg, const char *want)
{
	size_t n = strlen(want);

	return !strncmp(arg, want, n) && (!arg[n] || arg[n] == ',');
}

/*
 * The name that process @proc protects the VM of @pid under, if it is a worker: its arguments are
 * "attach ... NAME=kvm:PID", whose '=' the worker overwrites with a NUL. @buf holds its command line.
 */
static const char *worker_of(const char *proc, pid_t pid, char *buf, size_t cap)
{
	char path[64], want[32];
	const char *name = "";
	_cleanup_fd_ int fd = -1;
	ssize_t n;
	size_t at;

	snprintf(path, sizeof(path), "/proc/%.16s/cmdline", proc);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, cap - 1);
	if (n <= 0)
		return NULL;
	buf[n] = 0;
	at = strlen(buf) + 1;
	if (at >= (size_t)n || strcmp(buf + at, "attach"))
		return NULL;
	snprintf(want, sizeof(want), "kvm:%d", (int)pid);
	for (at += strlen(buf + at) + 1; at < (size_t)n; at += strlen(buf + at) + 1) {
		char *eq = strchr(buf + at, '=');

		if (is_target(buf + at, want))
			return name;
		if (eq && is_target(eq + 1, want)) {
			*eq = 0;
			return buf + at;
		}
		name = buf + at;
	}
	return NULL;
}

/* The name under which a worker protects the VM of @pid; false if none does. */
static bool protected_as(pid_t pid, char *name, size_t cap)
{
	DIR *proc = opendir("/proc");
	const struct dirent *d;
	char buf[4096];
	bool found = false;

	while (!found && proc && (d = readdir(proc))) {
		const char *worker = isdigit((unsigned char)d->d_name[0])
			? worker_of(d->d_name, pid, buf, sizeof(buf)) : NULL;

		found = worker;
		if (found)
			snprintf(name, cap, "%s", worker);
	}
	if (proc)
		closedir(proc);
	return found;
}

static void print_harmless(const char *s, bool json)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (json && (c == '"' || c == '\\'))
			putchar('\\');
		putchar(c < 0x20 || c >= 0x7f ? '?' : c);
	}
}

static void print(void *ctx, const struct host_vm *vm)
{
	struct list *l = ctx;
	char name[65] = "";
	bool is = protected_as(vm->pid, name, sizeof(name));

	if (l->json) {
		printf("{\"pid\":%d,\"command\":\"", (int)vm->pid);
		print_harmless(vm->command, true);
		printf("\",\"vcpus\":%u,\"memory\":%" PRIu64 ",\"os\":\"", vm->vcpus, vm->ram_bytes);
		print_harmless(vm->release, true);
		fputs("\",\"protected\":", stdout);
		fputs(is ? "\"" : "null", stdout);
		print_harmless(name, true);
		fputs(is ? "\",\"trouble\":\"" : ",\"trouble\":\"", stdout);
		print_harmless(vm->trouble, true);
		puts("\"}");
		return;
	}
	if (!l->n++)
		printf("%8s  %-16s %5s %8s  %-28s %s\n", "PID", "COMMAND", "VCPUS", "MEMORY", "OS", "PROTECTED");
	printf("%8d  ", (int)vm->pid);
	print_harmless(vm->command, false);
	printf("%*s %5u %5" PRIu64 "MiB  ", (int)(16 - strlen(vm->command) % 17), "", vm->vcpus,
		vm->ram_bytes >> 20);
	print_harmless(vm->release[0] ? vm->release : "-", false);
	printf("%*s ", vm->release[0] ? (int)(28 - strlen(vm->release) % 29) : 27, "");
	print_harmless(is ? name : "no", false); /* from another process's arguments */
	if (vm->trouble[0]) {
		fputs(" (", stdout);
		print_harmless(vm->trouble, false);
		putchar(')');
	}
	putchar('\n');
}

int list_host(bool json)
{
	struct list l = {.json = json};
	struct err e = {""};

	if (host_each_vm(print, &l, &e))
		return cli_fail(&e);
	if (!l.n && !json)
		fputs("logvisor: no KVM VM runs on this host\n", stderr);
	return EXIT_OK;
}
