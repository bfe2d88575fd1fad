/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * drip.c - a worker without a guest: drip DIR RECORDS RATE [URL CLIENT]
 *
 * Puts so many records a second into the ledger in DIR as a worker does, commits and signs as it does, and has them
 * uploaded to the mirror at URL by its uploaders, with the certificate and key in CLIENT. Each time that more is
 * cosigned it prints a line
 *
 *	SECONDS  RECORDS PUT  COSIGNED  LONGEST
 *
 * SECONDS: since 1970; LONGEST: milliseconds from the putting of the oldest of the records that are cosigned now and
 * were not before. The last line is
 *
 *	done CPU LONGEST MEAN COSIGNED
 *
 * CPU: nanoseconds of the putting thread's processor time for a record; MEAN: milliseconds for a record; COSIGNED: in
 * all.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ledger/cosign.h"
#include "ledger/cosigned.h"
#include "ledger/file.h"
#include "mirror/push/uploader.h"
#include "util/clock.h"
#include "worker/store.h"

#define LOOK_MS 5
#define TEXT "a line as services write them, of about the length usual in such logs, with a number at its end: %u"

static struct upload_target target = {.kind = UPLOAD_MIRROR};
static const char *dir, *name;
static uint64_t records;
static _Atomic int64_t *at;      /* when each was put, us */
static atomic_uint_fast64_t n_put;
static atomic_bool over;
static double longest, sum;      /* ms; over all records that were cosigned */
static uint64_t cosigned;

static int64_t now_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void grew(uint64_t to)
{
	int64_t now = now_us(CLOCK_MONOTONIC);
	double most = (double)(now - at[cosigned]) / 1e3;

	for (; cosigned < to; cosigned++)
		sum += (double)(now - at[cosigned]) / 1e3;
	longest = most > longest ? most : longest;
	printf("%.3f %" PRIu64 " %" PRIu64 " %.1f\n", (double)now_us(CLOCK_REALTIME) / 1e6, (uint64_t)n_put, to, most);
	fflush(stdout);
}

/* What is cosigned, as it comes. */
static void *watch(void *ctx)
{
	const struct vkey *log = ctx;
	int d = open(dir, O_RDONLY | O_DIRECTORY);
	bool last = false;

	while (!last) {
		struct cosigned c;

		last = over;
		if (!cosigned_get(d, &target.key, log, &c, NULL) && c.size > cosigned && c.size <= n_put)
			grew(c.size);
		if (!last)
			clock_sleep_ms(LOOK_MS);
	}
	return NULL;
}

static void put(struct store *s, uint64_t i)
{
	char text[256];
	struct record r = {.time_us = clock_wall_us(), .severity = 6, .app = span_of(name), .msgid = span_of("kmsg"),
		.channel = RECORD_KMSG, .has_seq = true, .seq = i};
	struct err e;

	r.msg = (struct span){text, (size_t)snprintf(text, sizeof(text), TEXT, (unsigned)i)};
	at[i] = now_us(CLOCK_MONOTONIC);
	if (store_put(s, &r, &e)) {
		fprintf(stderr, "drip: %s\n", e.text);
		exit(2);
	}
	n_put = i + 1;
}

static void drip(struct store *s, uint64_t rate)
{
	int64_t begun = now_us(CLOCK_MONOTONIC);
	uint64_t i = 0;

	while (i < records) {
		uint64_t due = (uint64_t)(now_us(CLOCK_MONOTONIC) - begun) * rate / 1000000;

		for (; i < due && i < records; i++)
			put(s, i);
		if (store_tick(s)) {
			fprintf(stderr, "drip: %s\n", s->why.text);
			exit(2);
		}
		clock_sleep_ms(1);
	}
}

static void take_target(const char *url, const char *client, struct err *e)
{
	char path[4096], *text;
	size_t n;

	snprintf(path, sizeof(path), "%s/mirror.vkey", client);
	if (file_load(AT_FDCWD, path, 1024, &text, &n) || cosign_vkey_parse(text, n, &target.key, e)) {
		fprintf(stderr, "drip: %s cannot be used\n", path);
		exit(2);
	}
	target.url = url;
	target.identity = client;
	free(text);
}

static int trouble(const struct err *e)
{
	fprintf(stderr, "drip: %s\n", e->text);
	return 2;
}

int main(int argc, char **argv)
{
	struct uploaders u = {-1, -1, -1};
	struct ledger_recovery rec = {0};
	bool mirrored = argc == 6;
	struct err e = {""};
	pthread_t watcher;
	struct vkey log;
	struct store s;
	int64_t cpu;

	if (argc != 4 && argc != 6) {
		fprintf(stderr, "usage: drip DIR RECORDS RATE [URL CLIENT]\n");
		return 2;
	}
	dir = argv[1];
	name = strrchr(dir, '/') ? strrchr(dir, '/') + 1 : dir;
	records = strtoull(argv[2], NULL, 10);
	at = calloc(records + 1, sizeof(*at));
	if (mirrored)
		take_target(argv[4], argv[5], &e);
	if (!at || (mirrored && uploaders_start(&u, name, dir, &target, 1, &e)) || store_open(&s, dir, name, &rec, &e))
		return trouble(&e);
	log = *ledger_vkey(s.ledger);
	if (mirrored) {
		s.sign_ms = STORE_MIRRORED_MS;
		uploaders_go(&u);
		pthread_create(&watcher, NULL, watch, &log);
	}
	cpu = now_us(CLOCK_THREAD_CPUTIME_ID);
	drip(&s, strtoull(argv[3], NULL, 10));
	cpu = now_us(CLOCK_THREAD_CPUTIME_ID) - cpu;
	if (store_close(&s, &e))
		return trouble(&e);
	if (mirrored) {
		uploaders_end(&u);
		over = true;
		pthread_join(watcher, NULL);
	}
	printf("done %.0f %.1f %.1f %" PRIu64 "\n", records ? (double)cpu * 1e3 / (double)records : 0, longest,
		cosigned ? sum / (double)cosigned : 0, cosigned);
	return 0;
}
