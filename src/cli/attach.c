/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * attach.c - logvisor attach NAME=TARGET: become the worker that keeps this VM's log.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/channels.h"
#include "cli/cli.h"
#include "cli/mirrors.h"
#include "ledger/modes.h"
#include "ledger/seal.h"
#include "record/harmless.h"
#include "record/record.h"
#include "util/cleanup.h"
#include "worker/worker.h"

/*
 * A positive number with a unit of @units (one letter each, values in @factors); false if it is
 * none.
 */
static bool with_unit(const char *s, const char *units, const uint64_t *factors, uint64_t *out)
{
	const char *unit;
	uint64_t v, factor = factors[0];
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (*end) {
		unit = strchr(units, *end);
		if (!unit || end[1])
			return false;
		factor = factors[unit - units + 1];
	}
	return !errno && v && !__builtin_mul_overflow(v, factor, out) && *out <= INT64_MAX;
}

static bool size_of(const char *s, uint64_t *bytes)
{
	static const uint64_t factor[] = {1, 1ULL << 10, 1ULL << 20, 1ULL << 30, 1ULL << 40};

	return with_unit(s, "KMGT", factor, bytes);
}

static bool seconds_of(const char *s, uint64_t *seconds)
{
	static const uint64_t factor[] = {1, 1, 60, 3600, 86400, 604800};

	return with_unit(s, "smhdw", factor, seconds);
}

enum { OPT_KEEP = OPTION_LONG, OPT_KEEP_TIME, OPT_HEARTBEAT, OPT_MAX_HOLD, OPT_ON_FULL, OPT_STRICT, OPT_POLL, OPT_CHANNELS };

static const struct cli_option options[] = {
	{OPT_CHANNELS, "channels", "LIST", "keep these only: kernel,syslog,journal,stdout,audit (default: these)\n"
		"and log files, by paths: files=/var/log/**"},
	{OPT_KEEP, "keep", "SIZE", "remove the oldest records beyond so much: 500M, 20G"},
	{OPT_KEEP_TIME, "keep-time", "TIME", "remove records older than: 12h, 30d, 52w"},
	{OPT_HEARTBEAT, "heartbeat", "TIME", "write counters into the ledger so often (60s)"},
	{OPT_MAX_HOLD, "max-hold", "TIME",
		"hold the VM so long when records cannot be stored, before a gap\n"
		"is recorded (1s); 0: never hold it"},
	{OPT_ON_FULL, "on-full", "hold|gap",
		"when records come faster than they can be taken away, hold the VM\n"
		"(default), or never, which is --max-hold 0"},
	{OPT_STRICT, "strict", NULL, "stop the VM for each record in a flood too (gdb)"},
	{OPT_POLL, "poll", NULL, "plant nothing in the VM, look at its log every few milliseconds (xen)"},
	CLI_OPTIONS_MIRRORS,
	CLI_OPTION_STORE,
	{0, NULL, NULL, NULL},
};

/* OPTION_END when there is something to do, else what main returns. */
static int parse(int argc, char **argv, struct worker_options *o, struct channels *channels, struct mirrors *m,
	const char **store)
{
	struct err e = {""};
	uint64_t v;
	int c, status;

	option_begin();
	while ((c = option_next(argc, argv, &attach_command, &status)) != OPTION_END) {
		switch (c) {
		case OPTION_STORE:
			*store = optarg;
			break;
		case OPT_HEARTBEAT:
			if (!seconds_of(optarg, &v) || v > 86400)
				return cli_failf("--heartbeat: '%.40s' is not 1s to 1d", optarg);
			o->heartbeat_s = (unsigned)v;
			break;
		case OPT_KEEP:
			if (!size_of(optarg, &o->keep_bytes))
				return cli_failf(
					"--keep: '%.40s' is not a size such as 500M or 20G",
					optarg);
			break;
		case OPT_KEEP_TIME:
			/* A bare number, meant as days, would cost a log all that is older than seconds. */
			if (!seconds_of(optarg, &v) || v > INT64_MAX / 1000000 ||
				!optarg[strspn(optarg, "0123456789")])
				return cli_failf(
					"--keep-time: '%.40s' is not a time with its unit, such as "
					"12h, 30d or 52w",
					optarg);
			o->keep_us = (int64_t)v * 1000000;
			break;
		case OPT_MAX_HOLD:
			if (!strcmp(optarg, "0"))
				v = 0;
			else if (!seconds_of(optarg, &v) || v > 3600)
				return cli_failf("--max-hold: '%.40s' is not 0 to 1h", optarg);
			o->max_hold_ms = (unsigned)v * 1000;
			break;
		case OPT_ON_FULL:
			if (!strcmp(optarg, "gap"))
				o->max_hold_ms = 0;
			else if (strcmp(optarg, "hold"))
				return cli_failf("--on-full: '%.40s' is neither hold nor gap", optarg);
			break;
		case OPT_STRICT:
			o->strict = true;
			break;
		case OPT_POLL:
			o->poll = true;
			break;
		case OPT_CHANNELS:
			if (channels_parse(channels, optarg, &e)) {
				err_prefix(&e, "--channels");
				return cli_fail(&e);
			}
			break;
		case OPTION_STOP:
			return status;
		default:
			if (mirrors_option(m, c, optarg, &e))
				return cli_fail(&e);
		}
	}
	return cli_operands(&attach_command, argc, argv) ? OPTION_END : EXIT_TROUBLE;
}

static void warn(void *ctx, const char *text)
{
	fprintf(stderr, "logvisor: %s: warning: ", (const char *)ctx);
	harmless_put(stderr, span_of(text), false, HARMLESS_ONE_LINE);
	fputc('\n', stderr);
}

/* A ledger that is there already, before it is trusted with more: is it this VM's, and is it closed to others? */
static int check_ledger(const char *name, const char *dir, struct err *e)
{
	_cleanup_fd_ int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct seal s;
	int r = 0;

	if (d < 0)
		return 0;
	modes_check(d, warn, (void *)name);
	seal_load(d, NULL, &s, NULL);
	if (!s.on_vkey.error && !vkey_is_of(&s.key, name))
		r = err_set(e, EBADMSG, "%s: the key in %.300s is that of the ledger '%s': ledgers were exchanged, or "
			"the directory was renamed; give it its name again, or attach under another", name, dir,
			s.key.name);
	seal_free(&s);
	return r;
}

/* Attach, with options that are settled. */
static int attach(struct worker_options *o, const struct mirrors *m)
{
	struct err e = {""};
	int r = check_ledger(o->name, o->dir, &e);

	if (r)
		return cli_fail(&e);
	o->peers = m->target;
	o->n_peers = m->n;
	o->policy = m->n || m->policy_file ? &m->policy : NULL;
	r = worker_run(o, &e);
	if (r < 0) {
		err_prefix(&e, "%s", o->name);
		return cli_fail(&e);
	}
	return r ? EXIT_FINDING : EXIT_OK;
}

static int attach_main(int argc, char **argv)
{
	struct worker_options o = {
		.heartbeat_s = WORKER_HEARTBEAT_S,
		.max_hold_ms = WORKER_MAX_HOLD_MS,
	};
	struct channels channels = {.set = ~RECORD_FILES};
	struct mirrors m = {.n = 0};
	const char *store = NULL;
	char dir[4096], *eq;
	struct err e = {""};
	int r = parse(argc, argv, &o, &channels, &m, &store);

	if (r != OPTION_END)
		return r;
	eq = strchr(argv[optind], '=');
	if (!eq || !eq[1])
		return cli_failf(
			"'%.200s' is not NAME=TARGET; for example web01=gdb:/run/web01.gdb",
			argv[optind]);
	*eq = 0;
	o.name = argv[optind];
	o.target = eq + 1;
	o.dir = dir;
	o.channels = channels.set;
	o.files = channels.file;
	o.n_files = channels.files;
	if (cli_ledger_path(store, o.name, dir, sizeof(dir), &e) || mirrors_settle(&m, &e))
		r = cli_fail(&e);
	else
		r = attach(&o, &m);
	mirrors_free(&m);
	return r;
}

const struct command attach_command = {
	.name = "attach",
	.main = attach_main,
	.description = "protect a running VM's logs",
	.options = options,
	.notes = "TARGET is kvm:PID, the VMM process of a KVM VM ('logvisor list --host'), xen:DOMAIN, a domain of\n"
		 "this host's Xen, or gdb:PATH or gdb:HOST:PORT, the VM's GDB stub. Runs until the VM ends, or until\n"
		 "Ctrl-C, SIGTERM or 'logvisor detach'; the VM runs on in any case. No VM, but logs of this host are\n"
		 "xen-console, Xen's own, and host-kmsg, its kernel's, which nothing protects from the host itself.\n",
	.operands = {"NAME=TARGET"},
};
