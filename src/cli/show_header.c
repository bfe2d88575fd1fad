/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show_header.c - show --header and --disk-usage: what a ledger's files say of it, unchecked; verify checks.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/ledgers.h"
#include "cli/show.h"
#include "ledger/seal.h"
#include "record/harmless.h"
#include "util/base64.h"
#include "util/cleanup.h"

struct header {
	const char *name;
	char dir[4096], root[BASE64_LEN(LEDGER_HASH) + 1];
	struct seal seal;
	uint64_t first, end, count, bytes;
	bool has_times;
	int64_t first_us, last_us;
	pid_t writer; /* 0: nobody */
};

/* Times of the first and of the last record, if both can be read. */
static void read_times(struct ledger_reader *reader, struct header *h)
{
	struct span leaf;
	uint64_t index;
	uint8_t severity;

	h->has_times = ledger_reader_seek(reader, h->first, NULL) == 0 &&
		ledger_reader_next(reader, &leaf, &index, NULL) == 1 &&
		record_peek(leaf.p, leaf.n, &h->first_us, &severity) == 0 &&
		ledger_reader_seek(reader, h->end, NULL) == 0 &&
		ledger_reader_prev(reader, &leaf, &index, NULL) == 1 &&
		record_peek(leaf.p, leaf.n, &h->last_us, &severity) == 0;
}

static int fill(struct header *h, const char *store, const char *name, struct err *e)
{
	struct ledger_reader *reader = NULL;
	_cleanup_fd_ int dir = -1;
	int r = cli_ledger_there(store, name, h->dir, sizeof(h->dir), e);

	h->name = name;
	if (r)
		return r;
	r = ledger_reader_open(&reader, h->dir, e);
	if (r)
		return err_prefix(e, "%s", name), r;
	h->first = ledger_reader_first(reader);
	h->end = ledger_reader_end(reader);
	h->count = ledger_reader_count(reader);
	read_times(reader, h);
	ledger_reader_close(reader);
	dir = open(h->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_set(e, errno, "%s: %s", name, strerror(errno));
	seal_load(dir, NULL, &h->seal, NULL);
	if (!h->seal.on_checkpoint.error)
		base64_encode(h->seal.checkpoint.root.b, LEDGER_HASH, h->root);
	h->bytes = ledgers_bytes(h->dir);
	if (ledger_writer(h->dir, &h->writer) != 1)
		h->writer = 0;
	return 0;
}

/* A line of a file, in which anything may be. */
static void put_line(const char *what, const char *text, size_t n)
{
	printf("%s: ", what);
	while (n && text[n - 1] == '\n')
		n--;
	harmless_put(stdout, (struct span){text, n}, false, HARMLESS_ONE_LINE);
	putchar('\n');
}

static void put_text(const struct header *h, bool utc)
{
	const struct seal *s = &h->seal;
	char size[16], time[FORM_PRETTY_MAX];

	printf("File path: %s\n", h->dir);
	if (s->on_vkey.error)
		put_line("Verifier key", s->on_vkey.why.text, strlen(s->on_vkey.why.text));
	else
		put_line("Verifier key", s->vkey, s->vkey_len);
	if (s->on_checkpoint.error) {
		put_line("Checkpoint", s->on_checkpoint.why.text, strlen(s->on_checkpoint.why.text));
	} else {
		put_line("Origin", s->checkpoint.origin.p, s->checkpoint.origin.n);
		printf("Signed records: %" PRIu64 "\nRoot: %s\n", s->checkpoint.size, h->root);
		printf("Signature: %s\n", s->on_signature.error ? s->on_signature.why.text : "by that key");
	}
	printf("First record: %" PRIu64 "\nRecords: %" PRIu64 "\n", h->first, h->count);
	if (h->has_times) {
		printf("Head timestamp: %s\n", form_time_pretty(time, h->first_us, utc, false));
		printf("Tail timestamp: %s\n", form_time_pretty(time, h->last_us, utc, false));
	}
	if (h->writer)
		printf("Writer: process %d\n", (int)h->writer);
	else
		puts("Writer: none");
	ledgers_size_text(h->bytes, size);
	printf("Disk usage: %s\n", size);
}

static void json_text(const char *key, const char *text, size_t n)
{
	_cleanup_free_ char *s = strndup(text ? text : "", text ? n : 0);

	if (s)
		s[strcspn(s, "\n")] = 0;
	printf(",\"%s\":", key);
	if (s && *s)
		cli_json_string(s);
	else
		fputs("null", stdout);
}

static void put_json(const struct header *h)
{
	const struct seal *s = &h->seal;
	bool ok = !s->on_checkpoint.error;

	printf("{\"name\":\"%s\",\"path\":", h->name);
	cli_json_string(h->dir);
	json_text("vkey", s->vkey, s->vkey_len);
	json_text("origin", ok ? s->checkpoint.origin.p : NULL, ok ? s->checkpoint.origin.n : 0);
	json_text("root", ok ? h->root : NULL, strlen(h->root));
	printf(",\"signed\":%" PRIu64 ",\"signature_ok\":%s,\"first\":%" PRIu64 ",\"records\":%" PRIu64,
		ok ? s->checkpoint.size : 0, ok && !s->on_signature.error ? "true" : "false", h->first,
		h->count);
	if (h->has_times)
		printf(",\"first_us\":%" PRId64 ",\"last_us\":%" PRId64, h->first_us, h->last_us);
	printf(",\"writer\":%d,\"bytes\":%" PRIu64 "}\n", (int)h->writer, h->bytes);
}

static int put_headers(const struct show_options *o, char **names, size_t n)
{
	struct err e = {""};
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		_cleanup_free_ struct header *h = calloc(1, sizeof(*h));

		if (!h)
			return cli_failf("out of memory");
		r = fill(h, o->store, names[i], &e);
		if (r) {
			cli_fail(&e);
		} else if (o->form.kind == FORM_JSON) {
			put_json(h);
		} else {
			if (i)
				putchar('\n');
			put_text(h, o->form.utc);
		}
		seal_free(&h->seal);
	}
	return r ? EXIT_TROUBLE : EXIT_OK;
}

static int put_usage(const struct show_options *o, char **names, size_t n)
{
	uint64_t bytes = 0;
	struct err e = {""};
	char dir[4096], size[16];

	for (size_t i = 0; i < n; i++) {
		if (cli_ledger_there(o->store, names[i], dir, sizeof(dir), &e))
			return cli_fail(&e);
		bytes += ledgers_bytes(dir);
	}
	ledgers_size_text(bytes, size);
	if (o->form.kind == FORM_JSON)
		printf("{\"bytes\":%" PRIu64 "}\n", bytes);
	else
		printf("The ledgers take up %s in the file system.\n", size);
	return EXIT_OK;
}

int show_header(const struct show_options *o)
{
	struct ledgers all = {NULL, 0};
	struct err e = {""};
	char store[4096];
	int r;

	if (!o->n_names && (cli_store(o->store, store, sizeof(store), &e) || ledgers_find(store, &all, &e)))
		r = cli_fail(&e);
	else
		r = (o->action == SHOW_HEADER ? put_headers : put_usage)(o, o->n_names ? o->names : all.name,
			o->n_names ? o->n_names : all.n);
	ledgers_free(&all);
	return r;
}
