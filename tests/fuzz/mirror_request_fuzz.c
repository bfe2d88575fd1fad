/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mirror_request_fuzz.c - what a client sends to a mirror, behind HTTP and TLS, whose parsers are libraries': the first
 * byte says which. Paths; the body of add-entries, plain and packed, to a log that waits for entries; that of
 * add-checkpoint; and, though an administrator's, the text of rights. What is in the mirror stays consistent: no
 * more entries than its log has signed, and nothing held when a request is over.
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/ledger.h"
#include "mirror/server/impl.h"

static struct server server;
static struct peer peer = {.server = &server, .all = true};
static char base[64];

static void say(const char *text)
{
	(void)text;
}

static int drop(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	(void)f;
	return remove(path);
}

static void clean(void)
{
	nftw(base, drop, 16, FTW_DEPTH | FTW_PHYS);
}

static struct cosign_key *cosigner(const char *name)
{
	struct cosign_key *k;
	char *pem;
	size_t n;

	if (note_key_generate(&pem, &n, NULL) || cosign_key_load(pem, n, name, &k, NULL))
		abort();
	free(pem);
	return k;
}

/* A host's log "vm" of 300 entries; its first checkpoint is pending at the mirror, which has no entry. */
static void begin(void)
{
	static struct rights rights = {.conf = {.name = "vm", .origin = "vm"}};
	char path[128], text[64], *note, *vkey;
	struct wire_checkpoint w = {0};
	struct ledger *l;
	struct answer a;
	size_t n;
	FILE *f;

	snprintf(base, sizeof(base), "/tmp/mirror_fuzz.XXXXXX");
	if (!mkdtemp(base))
		abort();
	atexit(clean);
	snprintf(path, sizeof(path), "%s/host", base);
	if (ledger_open(&l, path, "vm", NULL, NULL))
		abort();
	for (int i = 0; i < 300; i++)
		if (ledger_append(l, text, (size_t)snprintf(text, sizeof(text), "entry %d", i), i, NULL))
			abort();
	if (ledger_close(l, NULL))
		abort();
	note = calloc(1, 4096);
	vkey = calloc(1, 4096);
	snprintf(path, sizeof(path), "%s/host/checkpoint", base);
	f = fopen(path, "r");
	n = fread(note, 1, 4095, f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/host/vkey", base);
	f = fopen(path, "r");
	if (vkey_parse(vkey, fread(vkey, 1, 4095, f), &rights.conf.key[0], NULL))
		abort();
	fclose(f);
	rights.conf.n_keys = 1;
	server.options.store = base;
	server.options.say = say;
	pthread_rwlock_init(&server.lock, NULL);
	server.keys = (struct cosigners){cosigner("m"), cosigner("m/witness")};
	if (table_update(&server, &rights, 1, NULL) || !server.entry[0]->origin)
		abort();
	w.note = (struct span){note, n};
	if (checkpoint_parse(note, n, &w.checkpoint, NULL))
		abort();
	origin_add_checkpoint(server.entry[0]->origin, &w, 1, &a);
	if (a.status != 200)
		abort();
	free(vkey);
	free(note);
}

static void fuzz_path(const uint8_t *data, size_t n)
{
	char path[256];
	struct resource r;

	n = n < sizeof(path) - 1 ? n : sizeof(path) - 1;
	memcpy(path, data, n);
	path[n] = '\0';
	if (origin_read(server.entry[0]->origin, path, &r))
		return;
	close(r.fd);
	if (strcmp(path, "checkpoint") != 0 && strcmp(path, "vkey") != 0 && strcmp(path, "pending") != 0 &&
		strncmp(path, "tile/", 5) != 0)
		abort();
}

/* In pieces, whose length the data tell. */
static void fuzz_entries(const uint8_t *data, size_t n, bool gzip)
{
	struct entries_request *q = entries_begin(&server, &peer, gzip);
	struct origin_state st;
	struct answer a = {0};

	if (!q)
		abort();
	for (size_t at = 0, step; at < n; at += step) {
		step = 1 + data[at] % 97;
		step = step < n - at ? step : n - at;
		entries_feed(q, data + at, step);
	}
	if (n && data[0] & 1) {
		entries_abort(q);
	} else {
		entries_end(q, &a);
		if (a.status < 200 || a.status > 599)
			abort();
	}
	origin_state(server.entry[0]->origin, &st);
	if (st.size > st.pending || server.held || server.entry[0]->held)
		abort();
}

static void fuzz_checkpoint(const uint8_t *data, size_t n)
{
	struct wire_checkpoint *w = malloc(sizeof(*w));
	struct answer a;

	if (w && !wire_checkpoint_get((const char *)data, n, w, NULL)) {
		origin_add_checkpoint(server.entry[0]->origin, w, 1, &a);
		/* Nobody else has the key; only the one it has already is taken. */
		if (a.status == 200 && w->checkpoint.size != 300)
			abort();
	}
	free(w);
}

/* What is taken is written so that it is taken again, and is the same. */
static void fuzz_rights(const uint8_t *data, size_t n)
{
	static char one[CONFIG_RIGHTS_MAX], two[CONFIG_RIGHTS_MAX];
	static struct rights r, again;
	size_t len;

	if (n > CONFIG_RIGHTS_MAX || rights_parse("vm", (struct span){(const char *)data, n}, &r, NULL))
		return;
	len = rights_format(&r, one);
	if (rights_parse("vm", (struct span){one, len}, &again, NULL) || rights_format(&again, two) != len ||
		memcmp(one, two, len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!server.n_entries)
		begin();
	if (n == 0)
		return 0;
	switch (data[0] % 5) {
	case 0:
		fuzz_path(data + 1, n - 1);
		break;
	case 1:
		fuzz_entries(data + 1, n - 1, false);
		break;
	case 2:
		fuzz_entries(data + 1, n - 1, true);
		break;
	case 3:
		fuzz_checkpoint(data + 1, n - 1);
		break;
	default:
		fuzz_rights(data + 1, n - 1);
	}
	return 0;
}
