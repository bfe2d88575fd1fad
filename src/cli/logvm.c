/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * logvm.c - logvisor logvm run DIR: the log VM, in the foreground.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/file.h"
#include "mirror/vm/vm.h"
#include "util/span.h"

#define IMAGE "share/logvisor/logvm" /* below the prefix; `make install` puts it there */

enum { OPT_IMAGE = OPTION_LONG, OPT_DISK, OPT_MEM, OPT_CID, OPT_PORT, OPT_ACCEL };

static const struct cli_option options[] = {
	{OPT_IMAGE, "image", "DIR", "what 'make logvm' built (else $LOGVISOR_LOGVM, else\n" PREFIX "/" IMAGE ")"},
	{OPT_DISK, "disk", "GIB", "size of the data disk, when it is made (64; it takes what is used)"},
	{OPT_MEM, "mem", "MIB", "memory (256)"},
	{OPT_CID, "cid", "N", "vsock address (the first free one from 3 on)"},
	{OPT_PORT, "port", "N", "without vhost-vsock: TCP port on 127.0.0.1 (any)"},
	{OPT_ACCEL, "accel", "kvm|tcg|xen", "kvm, or tcg where there is none; xen in Domain 0"},
	{0, NULL, NULL, NULL},
};

/* OPTION_END when there is something to do, else what main returns. */
static int parse(int argc, char **argv, struct vm_options *o)
{
	uint64_t n;
	int c, r;

	option_begin();
	while ((c = option_next(argc, argv, &logvm_command, &r)) != OPTION_END) {
		if (c == OPTION_STOP)
			return r;
		if (c == OPT_IMAGE) {
			o->image = optarg;
		} else if (c == OPT_ACCEL) {
			if (strcmp(optarg, "kvm") && strcmp(optarg, "tcg") && strcmp(optarg, "xen"))
				return cli_failf("logvm: --accel: '%.40s' is neither kvm nor tcg nor xen", optarg);
			o->accel = optarg;
		} else if (!span_decimal(span_of(optarg), &n) || !n || n > 65535) {
			return cli_failf("logvm: '%.40s' is not a number from 1 to 65535", optarg);
		} else if (c == OPT_DISK) {
			o->disk_bytes = n << 30;
		} else if (c == OPT_MEM) {
			o->mem_mib = (unsigned)n;
		} else if (c == OPT_CID) {
			if (n < 3)
				return cli_failf("logvm: --cid: addresses begin with 3");
			o->cid = (uint32_t)n;
		} else {
			o->port = (uint16_t)n;
		}
	}
	if (!cli_operands(&logvm_command, argc, argv))
		return EXIT_TROUBLE;
	if (strcmp(argv[optind], "run"))
		return cli_failf("logvm: '%.40s' is not what it can do: run", argv[optind]);
	o->dir = argv[optind + 1];
	return OPTION_END;
}

static void ready(void *ctx)
{
	const struct vm *v = ctx;
	char text[sizeof(v->url) + 2];

	snprintf(text, sizeof(text), "%s\n", v->url);
	if (file_replace(v->dir, "url", text, strlen(text), 0644))
		cli_failf("cannot write the file 'url'");
	fputs(text, stdout);
	fflush(stdout);
}

static void slow(void *ctx)
{
	const struct vm *v = ctx;

	cli_failf("the log VM is not ready after half a minute; its %s says how far it is%s",
		v->xen ? "console (xenconsoled's log)" : "file 'console'",
		strcmp(v->accel, "kvm") ? "" : ". Should /dev/kvm not work on this host: --accel tcg");
}

static int logvm_main(int argc, char **argv)
{
	struct vm_options o = {.disk_bytes = 64ULL << 30, .mem_mib = 256};
	char image[4096];
	struct err e;
	struct vm *v;
	int r = parse(argc, argv, &o);

	if (r != OPTION_END)
		return r;
	if (!o.image)
		o.image = getenv("LOGVISOR_LOGVM");
	if (!o.image)
		o.image = PREFIX "/" IMAGE;
	/* QEMU is started in DIR. */
	if (!realpath(o.image, image))
		return cli_failf("the log VM's image, %.200s: %s; 'make logvm' builds it, --image says where it is",
			o.image, strerror(errno));
	o.image = image;
	v = malloc(sizeof(*v));
	if (!v)
		return cli_failf("out of memory");
	r = vm_start(v, &o, &e);
	if (!r) {
		fprintf(stderr, "logvisor: log VM: image sha256 %s, reached by %s\n", v->measure,
			v->xen ? "vchan" : v->listener < 0 ? "vsock" : "virtio-serial (this host has no vhost-vsock)");
		r = vm_run(v, &(struct vm_told){.ready = ready, .slow = slow, .ctx = v}, &e);
	}
	vm_close(v);
	free(v);
	return r ? cli_fail(&e) : EXIT_OK;
}

const struct command logvm_command = {
	.name = "logvm",
	.main = logvm_main,
	.description = "run the log VM: a machine with nothing in it but the mirror",
	.options = options,
	.notes = "DIR/config is the mirror's configuration ('logvisor mirror init --config DIR/config'), DIR/data.img the\n"
		 "data disk, made when it is not there. Prints the URL for 'attach --mirror' once the mirror answers,\n"
		 "and stays until SIGTERM.\n",
	.operands = {"run", "DIR"},
	.usage = "run DIR",
};
