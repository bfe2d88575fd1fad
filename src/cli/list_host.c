/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * list_host.c - logvisor list --host: the KVM VMs of this host, whatever their VMM, or the domains of its Xen, and
 * which of them a worker protects.
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
#include "trap/xen/host.h"
#include "util/cleanup.h"

struct list {
	bool json;
	unsigned n;
};

/* Is @arg one of the targets @want, with or without options after it? */
static bool is_target(const char *arg, const char *const *want)
{
	for (; *want; want++) {
		size_t n = strlen(*want);

		if (!strncmp(arg, *want, n) && (!arg[n] || arg[n] == ','))
			return true;
	}
	return false;
}

/*
 * The name that process @proc protects what is one of the targets @want (NULL ends them) under, if it is a worker: its
 * arguments are "attach ... NAME=TARGET", whose '=' the worker overwrites with a NUL. @buf holds its command line.
 */
static const char *worker_of(const char *proc, const char *const *want, char *buf, size_t cap)
{
	char path[64];
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

/* The name under which a worker protects one of the targets @want; false if none does. */
static bool protected_as(const char *const *want, char *name, size_t cap)
{
	DIR *proc = opendir("/proc");
	const struct dirent *d;
	char buf[4096];
	bool found = false;

	while (!found && proc && (d = readdir(proc))) {
		const char *worker = isdigit((unsigned char)d->d_name[0])
			? worker_of(d->d_name, want, buf, sizeof(buf)) : NULL;

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

/* The end of an object: who protects it (NULL: nobody), and the trouble with it. */
static void end_json(const char *as, const char *trouble)
{
	fputs("\",\"protected\":", stdout);
	fputs(as ? "\"" : "null", stdout);
	print_harmless(as ? as : "", true);
	fputs(as ? "\",\"trouble\":\"" : ",\"trouble\":\"", stdout);
	print_harmless(trouble, true);
	puts("\"}");
}

/* The same of a line. */
static void end_line(const char *as, const char *trouble)
{
	print_harmless(as, false); /* from another process's arguments */
	if (*trouble) {
		fputs(" (", stdout);
		print_harmless(trouble, false);
		putchar(')');
	}
	putchar('\n');
}

static void print(void *ctx, const struct host_vm *vm)
{
	struct list *l = ctx;
	char name[65] = "", target[32];
	const char *const want[] = {target, NULL};
	bool is;

	snprintf(target, sizeof(target), "kvm:%d", (int)vm->pid);
	is = protected_as(want, name, sizeof(name));
	if (l->json) {
		printf("{\"pid\":%d,\"command\":\"", (int)vm->pid);
		print_harmless(vm->command, true);
		printf("\",\"vcpus\":%u,\"memory\":%" PRIu64 ",\"os\":\"", vm->vcpus, vm->ram_bytes);
		print_harmless(vm->release, true);
		end_json(is ? name : NULL, vm->trouble);
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
	end_line(is ? name : "no", vm->trouble);
}

/* Other targets that mean the same domain. */
struct means {
	char id[16], uuid[48], name[XEN_NAME_MAX + 8];
};

static void print_dom(void *ctx, const struct xen_host_dom *h)
{
	struct list *l = ctx;
	const struct xen_dom *d = h->dom;
	const uint8_t *u = d->uuid;
	struct means m;
	const char *const want[] = {m.id, m.uuid, d->name[0] ? m.name : NULL, NULL};
	char name[65] = "";
	bool is;

	snprintf(m.id, sizeof(m.id), "xen:%u", d->id);
	snprintf(m.uuid, sizeof(m.uuid), "xen:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
	snprintf(m.name, sizeof(m.name), "xen:%s", d->name);
	is = protected_as(want, name, sizeof(name));
	if (l->json) {
		printf("{\"domain\":%u,\"name\":\"", d->id);
		print_harmless(d->name, true);
		printf("\",\"uuid\":\"%s\",\"vcpus\":%u,\"memory\":%" PRIu64 ",\"os\":\"", m.uuid + 4, d->vcpus,
			d->ram_bytes);
		print_harmless(h->release, true);
		end_json(is ? name : NULL, h->trouble);
		return;
	}
	if (!l->n++)
		printf("%8s  %-16s %5s %8s  %-28s %s\n", "DOMAIN", "NAME", "VCPUS", "MEMORY", "OS", "PROTECTED");
	printf("%8u  ", d->id);
	print_harmless(d->name, false);
	printf("%*s %5u %5" PRIu64 "MiB  ", strlen(d->name) < 16 ? (int)(16 - strlen(d->name)) : 0, "", d->vcpus,
		d->ram_bytes >> 20);
	print_harmless(h->release[0] ? h->release : "-", false);
	printf("%*s ", h->release[0] ? (int)(28 - strlen(h->release) % 29) : 27, "");
	end_line(is ? name : "no", h->trouble);
}

int list_host(bool json)
{
	struct list l = {.json = json};
	struct err e = {""};

	bool xen = xen_host();

	if (xen ? xen_each_dom(print_dom, &l, &e) : host_each_vm(print, &l, &e))
		return cli_fail(&e);
	if (!l.n && !json)
		fprintf(stderr, "logvisor: no %s runs on this host\n", xen ? "domain but Domain 0" : "KVM VM");
	return EXIT_OK;
}
