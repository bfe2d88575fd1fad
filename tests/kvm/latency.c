/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * latency.c - tamper with a VM's trap and tell how long the alert takes.
 *
 *   latency LEDGER PID write BYTES ADDRESS...   write BYTES (hex) at these addresses in the VMM
 *   latency LEDGER PID bypass ADDRESS...        have the calls of the code around each site, a
 *                                               function's first instruction, jump past its trap
 *   latency LEDGER PID restore ADDRESS...       undo that
 *
 * Prints two numbers of microseconds from just before the first write: to the time stamp in the alert,
 * and to the moment at which a reader of the ledger had it. Exit 1 if there is none within 5 s.
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ledger/ledger.h"
#include "record/record.h"

#define AROUND 131072 /* the printk files' functions are linked next to each other */
#define SITE 5

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Turn each "call @from" around @near into "call @to". */
static void redirect(int fd, uint64_t near, uint64_t from, uint64_t to)
{
	static unsigned char text[2 * AROUND];
	uint64_t base = near - AROUND;
	unsigned found = 0;
	int32_t rel;

	if (pread(fd, text, sizeof(text), (off_t)base) != (ssize_t)sizeof(text))
		err(2, "the code around 0x%" PRIx64, near);
	for (size_t i = 0; i + SITE <= sizeof(text); i++) {
		memcpy(&rel, text + i + 1, sizeof(rel));
		if (text[i] != 0xe8 || base + i + SITE + (uint64_t)(int64_t)rel != from)
			continue;
		rel += (int32_t)(to - from);
		if (pwrite(fd, &rel, sizeof(rel), (off_t)(base + i + 1)) != sizeof(rel))
			err(2, "0x%" PRIx64, base + i);
		found++;
	}
	if (!found)
		errx(2, "nothing calls 0x%" PRIx64, from);
}

static void deed(int fd, int argc, char **argv)
{
	unsigned char bytes[16];
	size_t n = 0;
	unsigned v;
	int i = 1;

	if (!strcmp(argv[0], "write") && argc > 2)
		for (const char *s = argv[i++]; n < sizeof(bytes) && sscanf(s, "%2x", &v) == 1; s += 2)
			bytes[n++] = (unsigned char)v;
	for (; i < argc; i++) {
		uint64_t at = strtoull(argv[i], NULL, 16);

		if (!strcmp(argv[0], "bypass"))
			redirect(fd, at, at, at + SITE);
		else if (!strcmp(argv[0], "restore"))
			redirect(fd, at, at + SITE, at);
		else if (pwrite(fd, bytes, n, (off_t)at) != (ssize_t)n)
			err(2, "%s", argv[i]);
	}
}

/* The next alert in the ledger: its time, 0 if there is none yet. */
static int64_t alert(struct ledger_reader *r)
{
	static char scratch[RECORD_LEAF_MAX];
	struct record rec;
	struct span leaf;
	uint64_t index;
	struct err e = {""};

	if (ledger_reader_refresh(r, &e) < 0)
		errx(2, "%s", e.text);
	while (ledger_reader_next(r, &leaf, &index, &e) > 0)
		if (!record_decode(leaf.p, leaf.n, &rec, scratch, sizeof(scratch), &e) &&
			span_is(rec.app, "logvisor") && span_is(rec.msgid, "alert")) {
			fprintf(stderr, "# %.*s\n", (int)rec.msg.n, rec.msg.p);
			return rec.time_us;
		}
	return 0;
}

int main(int argc, char **argv)
{
	struct ledger_reader *r;
	struct err e = {""};
	int64_t start, at = 0;
	char path[64];
	int fd;

	if (argc < 5)
		errx(2, "usage: latency LEDGER PID write BYTES|bypass|restore ADDRESS...");
	if (ledger_reader_open(&r, argv[1], &e) ||
		ledger_reader_seek(r, ledger_reader_end(r), &e))
		errx(2, "%s", e.text);
	snprintf(path, sizeof(path), "/proc/%s/mem", argv[2]);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err(2, "%s", path);
	start = now_us();
	deed(fd, argc - 3, argv + 3);
	if (!strcmp(argv[3], "restore"))
		return 0;
	while (!(at = alert(r))) {
		if (now_us() - start > 5000000)
			errx(1, "no alert within 5 s");
		usleep(500);
	}
	printf("%" PRId64 " %" PRId64 "\n", at - start, now_us() - start);
	ledger_reader_close(r);
	return 0;
}
