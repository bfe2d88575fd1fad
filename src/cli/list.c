/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * list.c - logvisor list: the ledgers of a store, who writes them, and what they hold. All of it is read
 * from the ledgers; -o json prints one object a line with stable names. --host: list_host.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/from.h"
#include "cli/ledgers.h"
#include "cli/list_mirrors.h"
#include "cli/who.h"
#include "ledger/ledger.h"
#include "ledger/lost.h"
#include "record/harmless.h"
#include "record/meta.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define STALLED_BEATS 3    /* heartbeats that did not come */
#define LOOK_BACK 2000000 /* leaves searched for Logvisor's own records, newest first */

struct row {
	char name[RECORD_NAME_MAX + 1], target[128];
	char *shown;       /* the target, as people may see it */
	const char *state; /* attached, stalled, detached, ended, dead, open, empty, unreadable */
	pid_t pid;
	uint64_t records, bytes;
	uint64_t end; /* one past the last record */
	struct lost_sum lost;
	bool has_lost, has_last;
	int64_t last_us;
	uint64_t heartbeat_s; /* of the last worker; 0: not known */
};

/* From Logvisor's own records, newest first: how the last session ended, and the target. */
static bool take_meta(struct row *row, const struct record *r)
{
	enum meta_kind kind;
	struct span target;

	if (!meta_is(r, &kind))
		return false;
	target = meta_get(r, "target");
	if (target.n && !row->target[0])
		snprintf(row->target, sizeof(row->target), "%.*s", (int)target.n, target.p);
	if (!row->state)
		row->state = kind == META_DETACH ? "detached" : kind == META_END ? "ended" : "dead";
	if (kind == META_ATTACH)
		meta_get_u64(r, META_HEARTBEAT_S, &row->heartbeat_s);
	return kind == META_ATTACH;
}

static int read_ledger(struct row *row, const char *dir, struct record *r, char *scratch)
{
	struct ledger_reader *reader;
	struct span leaf;
	uint64_t index;
	uint8_t severity;
	int ret = ledger_reader_open(&reader, dir, NULL);

	if (ret)
		return ret;
	row->records = ledger_reader_count(reader);
	row->end = ledger_reader_end(reader);
	ret = ledger_reader_seek(reader, ledger_reader_end(reader), NULL);
	for (unsigned n = 0; !ret && n < LOOK_BACK; n++) {
		if (ledger_reader_prev(reader, &leaf, &index, NULL) != 1)
			break;
		if (!n)
			row->has_last = !record_peek(leaf.p, leaf.n, &row->last_us, &severity);
		if (!memmem(leaf.p, leaf.n < 160 ? leaf.n : 160, " logvisor - ", 12))
			continue;
		if (!record_decode(leaf.p, leaf.n, r, scratch, RECORD_LEAF_MAX, NULL) &&
			take_meta(row, r))
			break;
	}
	row->has_lost = !ret && lost_total(reader, LOOK_BACK, &row->lost, NULL) == 1;
	ledger_reader_close(reader);
	return ret;
}

/* A worker that lives and writes nothing, not even heartbeats: its disk is full, or it stands still. */
static bool stalled(const struct row *row)
{
	return row->has_last && row->heartbeat_s && row->heartbeat_s < UINT32_MAX &&
		clock_wall_us() - row->last_us > STALLED_BEATS * (int64_t)row->heartbeat_s * 1000000;
}

/* A mirror's, without the key: whether there is a worker on the log's own host cannot be seen from here. */
static bool is_copy(const char *dir)
{
	char key[4096 + RECORD_NAME_MAX + 8];

	snprintf(key, sizeof(key), "%.*s/key", 4096 + RECORD_NAME_MAX, dir);
	return access(key, F_OK) && errno == ENOENT;
}

static void fill(struct row *row, const char *store, const char *name, struct record *r,
	char *scratch)
{
	char dir[4096 + RECORD_NAME_MAX + 2];
	bool copy;
	int w;

	memset(row, 0, sizeof(*row));
	snprintf(row->name, sizeof(row->name), "%.*s", RECORD_NAME_MAX, name);
	snprintf(dir, sizeof(dir), "%.4095s/%.*s", store, RECORD_NAME_MAX, name);
	row->bytes = ledgers_bytes(dir);
	if (read_ledger(row, dir, r, scratch))
		row->state = "unreadable";
	w = ledger_writer(dir, &row->pid);
	copy = is_copy(dir);
	if (w == 1 && !copy)
		row->state = stalled(row) ? "stalled" : "attached";
	else
		row->pid = 0;
	if (!row->state) /* as far as was looked, no worker said that it ended */
		row->state = row->records ? "dead" : "empty";
	if (copy && !strcmp(row->state, "dead"))
		row->state = "open";
}

static void print_channels_json(const struct row *row)
{
	const char *comma = "";

	if (!row->has_lost || !row->lost.counted) {
		fputs(",\"channels\":null", stdout);
		return;
	}
	fputs(",\"channels\":{", stdout);
	for (int ch = RECORD_KMSG; ch < RECORD_CHANNELS; ch++, comma = ",")
		printf("%s\"%s\":%" PRIu64, comma, who_channel_names[ch], row->lost.records[ch]);
	putchar('}');
}

/* Those that it has records of. */
static void print_channels(const struct row *row)
{
	const char *comma = "";

	for (int ch = RECORD_KMSG; row->has_lost && row->lost.counted && ch < RECORD_CHANNELS; ch++) {
		if (!row->lost.records[ch])
			continue;
		printf("%s%s %" PRIu64, comma, who_channel_names[ch], row->lost.records[ch]);
		comma = ", ";
	}
	puts(*comma ? "" : "-");
}

static void print_json(const struct row *row, const char *dir)
{
	fputs("{\"name\":", stdout);
	cli_json_string(row->name);
	fputs(",\"target\":", stdout);
	cli_json_string(row->target);
	printf(",\"state\":\"%s\",\"pid\":%d,\"records\":%" PRIu64 ",\"lost\":", row->state,
		(int)row->pid, row->records);
	if (row->has_lost)
		printf("%" PRIu64 ",\"blind\":%" PRIu64, row->lost.lost, row->lost.blind);
	else
		fputs("null,\"blind\":null", stdout);
	printf(",\"bytes\":%" PRIu64 ",\"last_us\":", row->bytes);
	if (row->has_last)
		printf("%" PRId64, row->last_us);
	else
		fputs("null", stdout);
	print_channels_json(row);
	list_mirrors(dir, row->end, true);
	puts("}");
}

/* The target as people may see it. NULL: out of memory. */
static char *shown_target(const struct row *row)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	harmless_put(f, span_of(row->target[0] ? row->target : "-"), false, HARMLESS_ONE_LINE);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}

static void print_row(const struct row *row, int name_w, int target_w)
{
	char state[32], size[16], last[32] = "-", lost[24] = "-";
	time_t t = row->last_us / 1000000;
	struct tm tm;

	ledgers_size_text(row->bytes, size);
	if (row->pid)
		snprintf(state, sizeof(state), "%s (%d)", row->state, (int)row->pid);
	else
		snprintf(state, sizeof(state), "%s", row->state);
	if (row->has_last && localtime_r(&t, &tm))
		strftime(last, sizeof(last), "%Y-%m-%d %H:%M:%S", &tm);
	if (row->has_lost)
		snprintf(lost, sizeof(lost), "%" PRIu64 "%s", row->lost.lost, row->lost.blind ? "+?" : "");
	printf("%-*s%-*s", name_w + 2, row->name, target_w + 2, row->shown ? row->shown : "?");
	printf("%-19s %10" PRIu64 " %7s %6s  %-19s  ", state, row->records, lost, size, last);
	print_channels(row);
}

static int list_store(const char *store, bool json)
{
	_cleanup_free_ struct record *r = malloc(sizeof(*r));
	_cleanup_free_ char *scratch = malloc(RECORD_LEAF_MAX);
	int name_w = 4, target_w = 6, found = 0;
	struct ledgers ledgers;
	struct err e = {""};
	struct row *rows;

	if (ledgers_find(store, &ledgers, &e))
		return cli_fail(&e);
	rows = calloc(ledgers.n + 1, sizeof(*rows));
	for (size_t i = 0; rows && r && scratch && i < ledgers.n; i++) {
		struct row *row = &rows[found++];

		fill(row, store, ledgers.name[i], r, scratch);
		if ((int)strlen(row->name) > name_w)
			name_w = (int)strlen(row->name);
		row->shown = shown_target(row);
		if (row->shown && (int)strlen(row->shown) > target_w)
			target_w = (int)strlen(row->shown);
	}
	ledgers_free(&ledgers);
	if (!json && found)
		printf("%-*s%-*s%-19s %10s %7s %6s  %-19s  %s\n", name_w + 2, "NAME", target_w + 2,
			"TARGET", "STATE", "RECORDS", "LOST", "SIZE", "LAST", "CHANNELS");
	for (int i = 0; i < found; i++) {
		char dir[4096 + RECORD_NAME_MAX + 2];

		snprintf(dir, sizeof(dir), "%.4095s/%s", store, rows[i].name);
		if (json) {
			print_json(&rows[i], dir);
		} else {
			print_row(&rows[i], name_w, target_w);
			list_mirrors(dir, rows[i].end, false);
		}
		free(rows[i].shown);
	}
	free(rows);
	if (!json && !found)
		fprintf(stderr, "logvisor: no ledgers in %s\n", store);
	return fflush(stdout) ? cli_failf("cannot write: %s", strerror(errno)) : EXIT_OK;
}

enum { OPT_HOST = OPTION_LONG };

static const struct cli_option options[] = {
	{OPT_HOST, "host", NULL, "the KVM VMs of this host instead, whatever their VMM"},
	{'o', "output", "text|json", "json: one object a line"},
	CLI_OPTION_STORE,
	CLI_OPTIONS_FROM,
	{0, NULL, NULL, NULL},
};

static int list_main(int argc, char **argv)
{
	const char *store = NULL;
	struct from from = {0};
	struct err e = {""};
	bool json = false, host = false;
	char dir[4096];
	int c, status;

	option_begin();
	while ((c = option_next(argc, argv, &list_command, &status)) != OPTION_END) {
		if (c == OPTION_STORE)
			store = optarg;
		else if (c == OPT_HOST)
			host = true;
		else if (from_option(&from, c))
			continue;
		else if (c == OPTION_STOP || (status = cli_output_form(&list_command, optarg, &json)))
			return status;
	}
	if (!cli_operands(&list_command, argc, argv))
		return EXIT_TROUBLE;
	if (host)
		return list_host(json);
	status = from_store(&from, NULL, 0, false, &store, &e);
	if (status)
		return from_fail(status, &e);
	if (cli_store(store, dir, sizeof(dir), &e))
		return cli_fail(&e);
	return list_store(dir, json);
}

const struct command list_command = {
	.name = "list",
	.main = list_main,
	.description = "the ledgers of the store, or this host's KVM VMs",
	.options = options,
};
