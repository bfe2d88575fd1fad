/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kmsgcmp.c - is the ledger, byte for byte, what the guest itself read? kmsgcmp LEDGER [DUMP]
 *
 * LEDGER is a VM's directory in the store, DUMP what `lab kmsg` sent: records as /dev/kmsg gives
 * them. Each kmsg record of the ledger's last boot is written the way the kernel writes it
 * (info_print_ext_header, msg_print_ext_body and msg_add_dict_text in kernel/printk/printk.c, 5.10
 * to 7.2) and compared with the dump's record of the same sequence number. One line is printed:
 *
 *   ledger N first A last B twice T missing M gap G unwritten U | dump N equal N cut N absent N different N
 *
 * twice: sequence numbers stored more than once; missing: numbers between first and last neither
 * stored nor covered by a gap record; gap: records that gap records own up to and that did not follow
 * late; unwritten: those of them that are numbers whose record the guest's own kernel had no room for, and which
 * no reader in the guest ever sees; they are not in G; cut: equal as far as
 * the guest's own reader goes, whose buffer is too small for what its ring holds. Without DUMP the
 * part after the bar is left out. Exit 0 if twice, missing, gap, absent and different are all 0, 1 if not,
 * 2 on trouble. Differences go to standard error, the first ten.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/ledger.h"
#include "record/meta.h"
#include "record/record.h"

#define GAP_MAX 1000000

/* A record as text; found in the dump (has_dump), in the ledger (count times). */
struct entry {
	uint64_t seq;
	char *dump, *ledger;
	unsigned int count, course;
	bool gap; /* a gap record names it, */
	bool unwritten; /* saying that the guest's ring had no room for the text */
};

static struct entry *entries;
static size_t n_entries, cap_entries;
static char boot[17];
static unsigned int course; /* of this boot: one more with each snapshot restored */
static uint64_t gap_records, unwritten;
static int shown;
static int with_caller; /* the guest's kernel prints caller ids (CONFIG_PRINTK_CALLER) */

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("kmsgcmp: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

/* The entry of @seq. Entries lie in the order met, which is nearly by seq: look from the end. */
static struct entry *entry(uint64_t seq)
{
	size_t i = n_entries;

	while (i && entries[i - 1].seq > seq)
		i--;
	if (i && entries[i - 1].seq == seq)
		return &entries[i - 1];
	if (n_entries == cap_entries) {
		cap_entries = cap_entries ? 2 * cap_entries : 4096;
		entries = realloc(entries, cap_entries * sizeof(*entries));
		if (!entries)
			die("out of memory");
	}
	memmove(&entries[i + 1], &entries[i], (n_entries - i) * sizeof(*entries));
	n_entries++;
	entries[i] = (struct entry){ .seq = seq };
	return &entries[i];
}

static void put_escaped(FILE *f, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];

		if (c < ' ' || c >= 127 || c == '\\')
			fprintf(f, "\\x%02x", c);
		else
			fputc(c, f);
	}
}

/* What read() of /dev/kmsg would give for @r. */
static char *as_kmsg(const struct record *r)
{
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		die("out of memory");
	fprintf(f, "%u,%" PRIu64 ",%" PRIu64 ",%c", r->facility << 3 | r->severity, r->seq,
		r->guest_ns / 1000, r->cont ? 'c' : '-');
	if (with_caller && r->has_caller)
		fprintf(f, ",caller=%c%u", r->caller & 0x80000000 ? 'C' : 'T', r->caller & ~0x80000000);
	fputc(';', f);
	put_escaped(f, r->msg);
	fputc('\n', f);
	if (r->subsystem.n) {
		fputs(" SUBSYSTEM=", f);
		put_escaped(f, r->subsystem);
		fputc('\n', f);
	}
	if (r->device.n) {
		fputs(" DEVICE=", f);
		put_escaped(f, r->device);
		fputc('\n', f);
	}
	fclose(f);
	return text;
}

static uint64_t param(const struct record *r, const char *name)
{
	char number[24];

	for (size_t i = 0; i < r->n_observed; i++) {
		struct span v = r->observed[i].value;

		if (span_is(r->observed[i].name, name) && v.n < sizeof(number)) {
			memcpy(number, v.p, v.n);
			number[v.n] = '\0';
			return strtoull(number, NULL, 10);
		}
	}
	return 0;
}

static void forget(struct entry *en)
{
	free(en->ledger);
	en->ledger = NULL;
	en->count = 0;
	en->gap = en->unwritten = false;
}

/* A record named here may follow all the same, finished late. */
static void take_gap(const struct record *r)
{
	struct span reason = meta_get(r, "reason");
	uint64_t first = param(r, "first"), count = param(r, "count");
	bool no_room = span_is(reason, "no room for the text in the guest's ring");

	if (count > GAP_MAX)
		*(no_room ? &unwritten : &gap_records) += count;
	for (uint64_t i = 0; count <= GAP_MAX && i < count; i++) {
		struct entry *en = entry(first + i);

		en->gap = true;
		en->unwritten = no_room;
	}
}

static void take_leaf(struct span leaf, uint64_t index)
{
	static char scratch[RECORD_LEAF_MAX];
	struct record r;
	struct err e = { 0 };
	struct entry *en;

	if (record_decode(leaf.p, leaf.n, &r, scratch, sizeof(scratch), &e))
		die("entry %" PRIu64 ": %s", index, e.text);
	if (span_is(r.app, "logvisor") && span_is(r.msgid, "gap"))
		take_gap(&r);
	if (r.channel != RECORD_KMSG || !r.has_seq)
		return;
	if (r.boot.n != 16)
		die("entry %" PRIu64 ": a kmsg record without a boot id", index);
	/* The last four digits count the snapshots restored: what was stored before counts, and may be again. */
	course += memcmp(boot, r.boot.p, 16) != 0;
	if (memcmp(boot, r.boot.p, 12)) {
		for (size_t i = 0; i < n_entries; i++)
			forget(&entries[i]);
		gap_records = unwritten = 0;
	}
	memcpy(boot, r.boot.p, 16);
	en = entry(r.seq);
	if (en->course != course)
		en->count = 0;
	en->count++;
	en->course = course;
	free(en->ledger);
	en->ledger = as_kmsg(&r);
}

static void read_ledger(const char *dir)
{
	struct ledger_reader *reader;
	struct err e = { 0 };
	struct span leaf;
	uint64_t index;
	int got;

	if (ledger_reader_open(&reader, dir, &e) ||
	    ledger_reader_seek(reader, ledger_reader_first(reader), &e))
		die("%s: %s", dir, e.text);
	while ((got = ledger_reader_next(reader, &leaf, &index, &e)) > 0)
		take_leaf(leaf, index);
	if (got < 0)
		die("%s: %s", dir, e.text);
	ledger_reader_close(reader);
}

/* A record begins with a digit; its dictionary lines with a blank. */
static void take_dumped(const char *text)
{
	struct entry *en;
	const char *caller;
	char *seq = strchr(text, ',');

	if (!seq || !isdigit((unsigned char)seq[1]))
		die("the dump holds a line that is no record: %.60s", text);
	with_caller |= (caller = strstr(text, ",caller=")) && caller < strchrnul(text, ';');
	en = entry(strtoull(seq + 1, NULL, 10));
	en->dump = strdup(text);
}

static void read_dump(const char *path)
{
	char *line = NULL, *text = NULL;
	size_t cap = 0, n = 0;
	ssize_t got;
	FILE *f = fopen(path, "r");

	if (!f)
		die("%s: %s", path, strerror(errno));
	while ((got = getline(&line, &cap, f)) > 0) {
		if (line[0] == '!')
			continue;
		if (line[0] != ' ' && n) {
			take_dumped(text);
			n = 0;
		}
		text = realloc(text, n + got + 1);
		if (!text)
			die("out of memory");
		memcpy(text + n, line, got + 1);
		n += got;
	}
	if (n)
		take_dumped(text);
	free(text);
	free(line);
	fclose(f);
}

/* From 6.2 on, /dev/kmsg cuts what it has escaped at PRINTK_MESSAGE_MAX (kernel/printk/internal.h). */
static int guest_cut(const struct entry *en)
{
	return strlen(en->dump) == 2048 && strlen(en->ledger) > 2048 &&
		!strncmp(en->dump, en->ledger, 2047);
}

static void show(const char *what, const struct entry *en)
{
	if (shown++ < 10)
		fprintf(stderr, "%s: seq %" PRIu64 "\n  guest  %s  ledger %s", what, en->seq,
			en->dump ? en->dump : "-\n", en->ledger ? en->ledger : "-\n");
}

int main(int argc, char **argv)
{
	uint64_t stored = 0, first = 0, last = 0, twice = 0, missing, dumped = 0, equal = 0;
	uint64_t absent = 0, different = 0, cut = 0;

	if (argc != 2 && argc != 3)
		die("usage: kmsgcmp LEDGER [DUMP]");
	if (argc == 3)
		read_dump(argv[2]);
	read_ledger(argv[1]);
	for (size_t i = 0; i < n_entries; i++) {
		const struct entry *en = &entries[i];

		if (en->count) {
			if (!stored++)
				first = en->seq;
			last = en->seq;
		}
		*(en->unwritten ? &unwritten : &gap_records) += en->gap && !en->count;
		if (en->count > 1) {
			twice++;
			show("stored twice", en);
		}
		if (!en->dump)
			continue;
		dumped++;
		if (!en->ledger) {
			absent++;
			show("absent", en);
		} else if (guest_cut(en)) {
			cut++;
		} else if (strcmp(en->dump, en->ledger)) {
			different++;
			show("different", en);
		} else {
			equal++;
		}
	}
	missing = stored ? last - first + 1 - stored : 0;
	missing -= missing < gap_records + unwritten ? missing : gap_records + unwritten;
	printf("ledger %" PRIu64 " first %" PRIu64 " last %" PRIu64 " twice %" PRIu64
		" missing %" PRIu64 " gap %" PRIu64 " unwritten %" PRIu64, stored, first, last, twice, missing,
		gap_records, unwritten);
	if (argc == 3)
		printf(" | dump %" PRIu64 " equal %" PRIu64 " cut %" PRIu64 " absent %" PRIu64
			" different %" PRIu64, dumped, equal, cut, absent, different);
	putchar('\n');
	return twice || missing || gap_records || absent || different || !stored || (argc == 3 && !dumped);
}
