/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verify.c - logvisor verify: one line for each finding, then the verdict with what it does not prove, and
 * a line of facts.
 */
#include "cli/cli.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/from.h"
#include "cli/verify_mirror.h"
#include "cli/vouched.h"
#include "cli/vkey.h"
#include "ledger/file.h"
#include "ledger/verify.h"
#include "record/harmless.h"
#include "util/base64.h"
#include "util/cleanup.h"

#define WARNINGS 16 /* modes_check() tells fewer */

struct report {
	const char *name;
	bool json, any;
	char *warning[WARNINGS]; /* json: told after the findings */
	size_t n_warnings;
};

static void tell(void *ctx, const struct finding *f)
{
	struct report *r = ctx;

	if (!r->json) {
		printf("%s: ", r->name);
		harmless_put(stdout, span_of(f->text), false, HARMLESS_ONE_LINE);
		putchar('\n');
		return;
	}
	printf("%s{\"kind\":\"%s\",\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",\"text\":",
		r->any ? "," : "", finding_name(f->kind), f->first, f->last);
	cli_json_string(f->text);
	putchar('}');
	r->any = true;
}

static void warn(void *ctx, const char *text)
{
	struct report *r = ctx;

	if (!r->json) {
		printf("%s: warning: ", r->name);
		harmless_put(stdout, span_of(text), false, HARMLESS_ONE_LINE);
		putchar('\n');
	} else if (r->n_warnings < WARNINGS && (r->warning[r->n_warnings] = strdup(text))) {
		r->n_warnings++;
	}
}

static void print_warnings(struct report *r)
{
	fputs("],\"warnings\":[", stdout);
	for (size_t i = 0; i < r->n_warnings; i++) {
		fputs(i ? "," : "", stdout);
		cli_json_string(r->warning[i]);
		free(r->warning[i]);
	}
}

static const char *when(int64_t us, char out[32])
{
	time_t t = (time_t)(us / 1000000);
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, 32, "?");
	return out;
}

static void put_key(const struct verify_sum *s, char out[NOTE_NAME_MAX + 16])
{
	if (s->has_key)
		snprintf(out, NOTE_NAME_MAX + 16, "%s+%08" PRIx32, s->key.name, s->key.id);
	else
		snprintf(out, NOTE_NAME_MAX + 16, "unknown");
}

static void print_json(const struct verify_sum *s, bool pinned, const struct verify_mirror *m,
	const struct vouched *v)
{
	char root[BASE64_LEN(LEDGER_HASH) + 1], key[NOTE_NAME_MAX + 16], a[32];

	base64_encode(s->root.b, LEDGER_HASH, root);
	put_key(s, key);
	printf("],\"ok\":%s,\"findings_total\":%" PRIu64 ",\"unchecked\":%" PRIu64 ",\"first\":%" PRIu64
		",\"signed\":%" PRIu64 ",\"end\":%" PRIu64 ",\"torn_bytes\":%" PRIu64 ",\"root\":\"%s\",\"key\":",
		s->findings || s->unchecked || vouched_finding(v) ? "false" : "true", s->findings, s->unchecked, s->first, s->size,
		s->end, s->torn, root);
	cli_json_string(key);
	printf(",\"pinned\":%s,\"boots\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"lost\":%" PRIu64,
		pinned ? "true" : "false", s->boots, s->gaps, s->lost);
	printf(",\"blind\":%" PRIu64, s->blind);
	if (s->has_time) {
		printf(",\"since\":\"%s\"", when(s->min_us, a));
		printf(",\"until\":\"%s\"", when(s->max_us, a));
	}
	if (s->first && s->prune_record != UINT64_MAX)
		printf(",\"prune_record\":%" PRIu64, s->prune_record);
	if (s->since)
		printf(",\"consistent_with\":%" PRIu64, s->since_size);
	if (m)
		printf(",\"mirror\":{\"signed\":%" PRIu64 ",\"same\":%" PRIu64 ",\"cosigned_s\":%" PRIu64 "}", m->size,
			m->same, m->cosigned_at);
	vouched_json(v);
	puts("}");
}

/*
 * The verdict. By the key beside the ledger alone nobody can tell a ledger from a forged one: who could write
 * here could make both anew. A remembered checkpoint proves what it covers by whatever key.
 */
static void print_verdict(const char *name, const struct verify_sum *s, bool pinned, const struct vouched *v)
{
	uint64_t cosigned = vouched_size(v);

	if (vouched_finding(v) && !s->findings) {
		printf("%s: NOT PROVEN: %s\n", name, vouched_why(v));
	} else if (s->findings) {
		printf("%s: NOT PROVEN: %" PRIu64 " finding%s\n", name, s->findings, s->findings == 1 ? "" : "s");
	} else if (s->unchecked) {
		printf("%s: nothing wrong found, but not all can be checked any more\n", name);
	} else if (pinned) {
		printf("%s: complete and unaltered\n", name);
	} else {
		printf("%s: complete and unaltered", name);
		if (s->since && s->since_size && s->since_size == s->size)
			puts(": the remembered checkpoint covers all of it");
		else if (s->since && s->since_size)
			printf(" up to record %" PRIu64 " by the remembered checkpoint; after that only BY ITS OWN KEY: not "
				"proven that these records were not forged together with the key (--vkey KEY, kept "
				"elsewhere, does)\n", s->since_size - 1);
		else if (cosigned && cosigned >= s->size)
			puts(": the quorum of the policy has cosigned all of it");
		else if (cosigned)
			printf(" up to record %" PRIu64 " by the quorum of the policy; after that only BY ITS OWN KEY: not cosigned "
				"yet\n", cosigned - 1);
		else
			puts(" BY ITS OWN KEY ONLY: not proven that records and key were not forged together "
				"(--vkey KEY, kept elsewhere, does)");
	}
}

/* What was checked. */
static void print_facts(const char *name, const struct verify_sum *s)
{
	char root[BASE64_LEN(LEDGER_HASH) + 1], key[NOTE_NAME_MAX + 16], a[32], b[32];
	uint64_t n = s->size > s->first ? s->size - s->first : 0;

	base64_encode(s->root.b, LEDGER_HASH, root);
	put_key(s, key);
	printf("%s: checked %" PRIu64 " signed records", name, n);
	if (n)
		printf(" (%" PRIu64 " to %" PRIu64 ")", s->first, s->size - 1);
	if (s->first)
		printf(", the %" PRIu64 " before them pruned", s->first);
	if (s->first && s->prune_record != UINT64_MAX && !s->findings)
		printf(" (record %" PRIu64 " says so)", s->prune_record);
	if (s->has_time)
		printf(", %s to %s", when(s->min_us, a), when(s->max_us, b));
	printf(", %" PRIu64 " boot%s, %" PRIu64 " gap%s, %" PRIu64 " lost", s->boots,
		s->boots == 1 ? "" : "s", s->gaps, s->gaps == 1 ? "" : "s", s->lost);
	if (s->blind)
		printf(" and %" PRIu64 " time%s an unknown number", s->blind, s->blind == 1 ? "" : "s");
	if (s->since && !s->findings)
		printf(", consistent with the checkpoint of %" PRIu64, s->since_size);
	printf("; root %s, key %s", root, key);
	if (s->end > s->size)
		printf("; %" PRIu64 " not yet signed", s->end - s->size);
	putchar('\n');
}

/* What the mirror has, when it has nothing else. */
static void print_mirror(const char *name, const struct verify_sum *s, const char *url, const struct verify_mirror *m)
{
	char at[32];

	if (!m->compared || m->same < m->size)
		return;
	printf("%s: the mirror %s has %" PRIu64 " of these %" PRIu64 " records, and they are the same", name, url, m->same,
		s->size > m->same ? s->size : m->same);
	if (m->cosigned_at)
		printf("; cosigned %s", when((int64_t)m->cosigned_at * 1000000, at));
	putchar('\n');
}

enum { OPT_SINCE = OPTION_LONG, OPT_VKEY, OPT_THREADS, OPT_MIRROR };

static const struct cli_option options[] = {
	{OPT_SINCE, "since-checkpoint", "FILE", "and that it contains all of that earlier checkpoint"},
	{OPTION_POLICY, "policy", "FILE", "cosigned by a quorum of this C2SP tlog-policy"},
	{OPT_VKEY, "vkey", "KEY|FILE", "signed by this key, not by the one beside the ledger"},
	{'o', "output", "text|json", "json: for programs"},
	{OPT_THREADS, "threads", "N", "how many at once"},
	{OPT_MIRROR, "mirror", "URL", "and that this mirror has stored the same; names the first difference"},
	CLI_OPTION_STORE,
	CLI_OPTIONS_FROM,
	{0, NULL, NULL, NULL},
};

static int verify_main(int argc, char **argv)
{
	_cleanup_free_ char *since = NULL;
	struct verify_options opt = {0};
	struct report report = {0};
	struct from from = {0}, mirror = {0};
	struct vouched vouched = {0};
	const char *store = NULL;
	struct verify_mirror there;
	struct verify_sum sum;
	struct vkey pin;
	char dir[4096];
	uint64_t threads;
	struct err e;
	bool nowhere;
	int c, r;

	option_begin();
	while ((c = option_next(argc, argv, &verify_command, &r)) != OPTION_END) {
		if (c == OPTION_STORE) {
			store = optarg;
		} else if (c == OPT_VKEY) {
			if (cli_vkey(optarg, &pin, &e))
				return cli_fail(&e);
			opt.pin = &pin;
		} else if (c == OPTION_POLICY) {
			vouched.file = optarg;
		} else if (c == OPT_SINCE) {
			free(since);
			since = NULL;
			r = file_load(AT_FDCWD, optarg, NOTE_MAX, &since, &opt.since_len);
			if (r)
				return cli_failf("--since-checkpoint %s: %s", optarg, file_strerror(r));
			opt.since = since;
		} else if (c == OPT_MIRROR) {
			mirror.url = optarg;
		} else if (from_option(&from, c)) {
			mirror.client = from.client;
		} else if (c == OPT_THREADS) {
			if (!span_decimal(span_of(optarg), &threads) || threads < 1 || threads > UINT_MAX)
				return cli_failf("verify: --threads: '%.40s' is not a number from 1 on", optarg);
			opt.threads = (unsigned)threads;
		} else if (c == OPTION_STOP || (r = cli_output_form(&verify_command, optarg, &report.json))) {
			return r;
		}
	}
	if (!cli_operands(&verify_command, argc, argv))
		return EXIT_TROUBLE;
	report.name = argv[optind];
	opt.name = report.name;
	opt.tell = tell;
	opt.warn = warn;
	opt.ctx = &report;
	r = from_store(&from, argv + optind, 1, false, &store, &e);
	if (r)
		return from_fail(r, &e);
	if (report.json) {
		fputs("{\"ledger\":", stdout);
		cli_json_string(report.name);
		fputs(",\"findings\":[", stdout);
	}
	r = cli_ledger_there(store, report.name, dir, sizeof(dir), &e);
	if (!r)
		r = vouched_load(&vouched, report.name, &opt, &pin, &e);
	nowhere = r < 0;
	if (!nowhere)
		r = ledger_verify(dir, &opt, &sum, &e);
	if (r >= 0 && mirror.url) {
		int asked = verify_mirror(&mirror, report.name, dir, &opt, &sum, &there, &e);

		r = asked ? asked : sum.findings ? VERIFY_FINDINGS : r;
	}
	if (r >= 0)
		vouched_look(&vouched, dir, &sum);
	vouched_free(&vouched);
	if (report.json)
		print_warnings(&report);
	if (r < 0) {
		if (report.json) {
			fputs("],\"ok\":false,\"error\":", stdout);
			cli_json_string(e.text);
			puts("}");
		}
		return nowhere ? cli_fail(&e) : cli_failf("%s: %s", report.name, e.text);
	}
	if (report.json) {
		print_json(&sum, opt.pin, mirror.url ? &there : NULL, &vouched);
	} else {
		if (mirror.url)
			print_mirror(report.name, &sum, mirror.url, &there);
		print_verdict(report.name, &sum, opt.pin, &vouched);
		vouched_print(&vouched, report.name);
		print_facts(report.name, &sum);
	}
	return r == VERIFY_FINDINGS || vouched_finding(&vouched) ? EXIT_FINDING :
		r == VERIFY_UNCHECKED ? EXIT_UNCHECKED : EXIT_OK;
}

const struct command verify_command = {
	.name = "verify",
	.main = verify_main,
	.description = "prove that nothing was altered or removed",
	.options = options,
	.operands = {"NAME"},
};
