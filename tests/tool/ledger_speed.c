/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ledger_speed.c - how fast is the ledger by itself? ledger_speed DIR COUNT [COMMIT_EVERY]
 *
 * Writes COUNT kernel records of about 200 bytes into a new ledger DIR, encoded beforehand, with a commit
 * after every COMMIT_EVERY (default 100,000) and a checkpoint at the end, all synced to the disk; then
 * verifies it with two threads. Prints "name<TAB>value" lines: append_per_s, verify_per_s, *_cpu_ns (processor
 * time a record, all threads), leaf_bytes and disk_bytes a record, commit_ms_max, rss_kib (of appending,
 * without the records made beforehand).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ledger/ledger.h"
#include "ledger/verify.h"
#include "record/record.h"

#define START INT64_C(1795428000000000)

static const char *const texts[] = {
	"EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none.",
	"systemd[1]: Started Journal Service.",
	"e1000: ens3 NIC Link is Up 1000 Mbps Full Duplex, Flow Control: RX",
	"audit: type=1400 apparmor=\"STATUS\" operation=\"profile_load\" profile=\"unconfined\"",
	"usb 1-1: new high-speed USB device number 2 using xhci_hcd",
	"TCP: request_sock_TCP: Possible SYN flooding on port 8080. Sending cookies.",
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const struct err *e)
{
	fprintf(stderr, "ledger_speed: %s\n", e->text);
	exit(2);
}

/* All leaves, each with its length before it, in a shared mapping that does not count as ours. */
static char *make_leaves(uint64_t count, uint64_t *bytes)
{
	char *all = mmap(NULL, count * 512, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *p = all;

	if (all == MAP_FAILED)
		exit(2);
	for (uint64_t i = 0; i < count; i++) {
		const char *text = texts[i % 6];
		uint16_t len;
		long n;
		struct record r = {.time_us = START + (int64_t)i * 10, .severity = 6,
			.host = span_of("web01"), .app = span_of("kernel"), .msgid = span_of("kmsg"),
			.channel = RECORD_KMSG, .has_seq = true, .seq = i, .has_guest_ns = true,
			.guest_ns = i * 10000, .has_caller = true, .caller = (uint32_t)(i % 300),
			.boot = span_of("0123456789abcdef"), .msg = span_of(text)};

		n = record_encode(&r, p + 2, 500);
		if (n < 0)
			exit(2);
		len = (uint16_t)n;
		memcpy(p, &len, 2);
		p += 2 + n;
		*bytes += (uint64_t)n;
	}
	return all;
}

/* Seconds of processor time used by all threads. */
static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void append(const char *dir, const char *leaves, uint64_t count, uint64_t every)
{
	double start = now(), used = cpu(), longest = 0, spent;
	struct ledger *l;
	struct err e;

	if (ledger_open(&l, dir, "bench.example/web01", NULL, &e))
		die(&e);
	for (uint64_t i = 0; i < count; i++) {
		uint16_t n;

		memcpy(&n, leaves, 2);
		if (ledger_append(l, leaves + 2, n, START + (int64_t)i * 10, &e))
			die(&e);
		leaves += 2 + n;
		if ((i + 1) % every == 0) {
			double t = now();

			if (ledger_commit(l, &e))
				die(&e);
			t = now() - t;
			longest = t > longest ? t : longest;
		}
	}
	if (ledger_close(l, &e))
		die(&e);
	spent = now() - start;
	printf("append_per_s\t%.0f\n", (double)count / spent);
	printf("append_cpu_ns\t%.0f\n", (cpu() - used) * 1e9 / (double)count);
	printf("commit_ms_max\t%.1f\n", longest * 1000);
}

/* Anonymous memory of this process. */
static void print_rss(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "RssAnon:", 8))
			printf("rss_kib\t%lu\n", strtoul(line + 8, NULL, 10));
	if (f)
		fclose(f);
}

static void told(void *ctx, const struct finding *f)
{
	(void)ctx;
	fprintf(stderr, "ledger_speed: %s\n", f->text);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0, bytes = 0;
	uint64_t every = argc > 3 ? strtoull(argv[3], NULL, 10) : 100000;
	struct verify_options opt = {.tell = told};
	struct verify_sum sum;
	struct err e;
	char cmd[4200];
	double start, used;
	char *leaves;
	unsigned long disk = 0;
	FILE *du;

	if (!count || !every) {
		fprintf(stderr, "usage: ledger_speed DIR COUNT [COMMIT_EVERY]\n");
		return 2;
	}
	leaves = make_leaves(count, &bytes);
	append(argv[1], leaves, count, every);
	print_rss();
	start = now();
	used = cpu();
	if (ledger_verify(argv[1], &opt, &sum, &e) || sum.size != count)
		die(&e);
	printf("verify_per_s\t%.0f\n", (double)count / (now() - start));
	printf("verify_cpu_ns\t%.0f\n", (cpu() - used) * 1e9 / (double)count);
	snprintf(cmd, sizeof(cmd), "du -sk '%.4096s'", argv[1]);
	du = popen(cmd, "r");
	if (!du || fscanf(du, "%lu", &disk) != 1)
		return 2;
	pclose(du);
	printf("leaf_bytes\t%.1f\ndisk_bytes\t%.1f\n", (double)bytes / (double)count,
		(double)disk * 1024 / (double)count);
	return 0;
}
