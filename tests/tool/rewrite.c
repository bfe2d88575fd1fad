/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rewrite.c - what whoever has a host can do, for he has the ledger's key too: rewrite DIR NEW TEXT OTHER
 *
 * NEW becomes a ledger of the same name, by the same key, with the records of DIR, but that each TEXT in them reads
 * OTHER. Its signatures and hashes are right; the history is another one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/file.h"
#include "ledger/layout.h"
#include "ledger/ledger.h"
#include "ledger/note.h"
#include "ledger/plan.h"

#define FILE_MAX 4096

static struct err e;
static uint64_t changed;

static void die(void)
{
	fprintf(stderr, "rewrite: %s\n", e.text);
	exit(2);
}

/* Its text is the caller's to free. */
static char *copy(int from, int to, const char *name, unsigned mode, size_t *n)
{
	char *data;
	int r = file_load(from, name, FILE_MAX, &data, n);

	if (!r)
		r = file_replace(to, name, data, *n, mode);
	if (r) {
		err_set(&e, -r, "%s: %s", name, file_strerror(r));
		die();
	}
	return data;
}

/* @leaf with OTHER for TEXT, in @buf. */
static size_t alter(struct span leaf, const char *text, const char *other, char *buf)
{
	const char *at = memmem(leaf.p, leaf.n, text, strlen(text));
	size_t before = at ? (size_t)(at - leaf.p) : leaf.n, after = at ? leaf.n - before - strlen(text) : 0;

	memcpy(buf, leaf.p, before);
	if (!at)
		return before;
	changed++;
	memcpy(buf + before, other, strlen(other));
	memcpy(buf + before + strlen(other), at + strlen(text), after);
	return before + strlen(other) + after;
}

int main(int argc, char **argv)
{
	static char buf[2 * LAYOUT_LEAF_MAX];
	int64_t min = INT64_MAX, max = INT64_MIN;
	struct ledger_recovery rec;
	struct ledger_reader *r = NULL;
	struct ledger *l = NULL;
	struct vkey key;
	struct span leaf;
	uint64_t index;
	char *text;
	size_t n;
	int from, to, x;

	if (argc != 5 || strlen(argv[4]) > LAYOUT_LEAF_MAX) {
		fputs("usage: rewrite DIR NEW TEXT OTHER\n", stderr);
		return 2;
	}
	from = open(argv[1], O_RDONLY | O_DIRECTORY);
	if (from < 0 || mkdir(argv[2], 0755) || (to = open(argv[2], O_RDONLY | O_DIRECTORY)) < 0) {
		perror("rewrite");
		return 2;
	}
	free(copy(from, to, "key", 0600, &n));
	text = copy(from, to, "vkey", 0644, &n);
	if (vkey_read(text, n, &key, &e) || ledger_reader_open(&r, argv[1], &e) ||
		ledger_open(&l, argv[2], key.name, &rec, &e) || ledger_reader_seek(r, 0, &e))
		die();
	while ((x = ledger_reader_next(r, &leaf, &index, &e)) > 0) {
		plan_leaf_time(leaf, &min, &max);
		if (ledger_append(l, buf, alter(leaf, argv[3], argv[4], buf), max, &e))
			die();
	}
	if (x < 0 || ledger_checkpoint(l, &e) || ledger_close(l, &e))
		die();
	ledger_reader_close(r);
	free(text);
	printf("%" PRIu64 " of %" PRIu64 " records changed\n", changed, index + 1);
	return 0;
}
