/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * attach.c - logvisor attach NAME=TARGET: become the worker that keeps this VM's log.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
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

static int parse(int argc, char **argv, struct worker_options *o, const char **store)
{
	static const struct option options[] = {
		{"store", required_argument, NULL, 's'},
		{"heartbeat", required_argument, NULL, 'b'},
		{"keep", required_argument, NULL, 'k'},
		{"keep-time", required_argument, NULL, 't'},
		{"max-hold", required_argument, NULL, 'm'},
		{"on-full", required_argument, NULL, 'f'},
		{"strict", no_argument, NULL, 'S'},
		{NULL, 0, NULL, 0},
	};
	uint64_t v;
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			*store = optarg;
			break;
		case 'b':
			if (!seconds_of(optarg, &v) || v > 86400)
				return cli_failf("--heartbeat: '%.40s' is not 1s to 1d", optarg);
			o->heartbeat_s = (unsigned)v;
			break;
		case 'k':
			if (!size_of(optarg, &o->keep_bytes))
				return cli_failf(
					"--keep: '%.40s' is not a size such as 500M or 20G",
					optarg);
			break;
		case 't':
			if (!seconds_of(optarg, &v) || v > INT64_MAX / 1000000)
				return cli_failf(
					"--keep-time: '%.40s' is not a time such as 12h, 30d "
					"or 52w",
					optarg);
			o->keep_us = (int64_t)v * 1000000;
			break;
		case 'm':
			if (!strcmp(optarg, "0"))
				v = 0;
			else if (!seconds_of(optarg, &v) || v > 3600)
				return cli_failf("--max-hold: '%.40s' is not 0 to 1h", optarg);
			o->max_hold_ms = (unsigned)v * 1000;
			break;
		case 'f':
			if (!strcmp(optarg, "gap"))
				o->max_hold_ms = 0;
			else if (strcmp(optarg, "hold"))
				return cli_failf("--on-full: '%.40s' is neither hold nor gap", optarg);
			break;
		case 'S':
			o->strict = true;
			break;
		default:
			return cli_usage(argv[0]);
		}
	}
	return 0;
}

int attach_main(int argc, char **argv)
{
	struct worker_options o = {
		.heartbeat_s = WORKER_HEARTBEAT_S,
		.max_hold_ms = WORKER_MAX_HOLD_MS,
	};
	const char *store = NULL;
	char dir[4096], *eq;
	struct err e = {""};
	int r = parse(argc, argv, &o, &store);

	if (r)
		return r;
	if (argc - optind != 1)
		return cli_usage(argv[0]);
	eq = strchr(argv[optind], '=');
	if (!eq || !eq[1])
		return cli_failf(
			"'%.200s' is not NAME=TARGET; for example web01=gdb:/run/web01.gdb",
			argv[optind]);
	*eq = 0;
	o.name = argv[optind];
	o.target = eq + 1;
	if (cli_ledger_path(store, o.name, dir, sizeof(dir), &e))
		return cli_fail(&e);
	o.dir = dir;
	r = worker_run(&o, &e);
	if (r < 0) {
		err_prefix(&e, "%s", o.name);
		return cli_fail(&e);
	}
	return r ? EXIT_FINDING : EXIT_OK;
}
