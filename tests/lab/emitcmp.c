/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * emitcmp.c - is in the ledger what `lab emit` sent? emitcmp LEDGER PROCESSES THREADS COUNT BYTES [WAY...]
 *
 * The arguments are those of `lab emit`, summed over all that was run. Each message is made anew from its number
 * (tests/lab/guest/emitted.h). One line is printed:
 *
 *   senders N messages N unattributed N missing N twice N disordered N altered N misattributed N
 *
 * missing: numbers of a sender that are in no record; disordered: records that follow a later one of their sender;
 * altered: of another text, or cut; misattributed: records whose sender is not the thread that says to have sent
 * them. A worker of io_uring is a thread of its own of that process. In a message that was added to a waiting one and
 * found afterwards (fid="late") the thread is not known, and if its process has ended that is not either: those are
 * unattributed. WAY: those ways are sent by threads of the kernel (io_uring before Linux 5.12). Exit 0 if the
 * numbers from "missing" on are 0 and there are as many senders and messages as there ought to be, 1 if not, 2 on
 * trouble. What is wrong goes to standard error, the first ten.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/parts.h"
#include "lab/guest/emitted.h"
#include "ledger/ledger.h"
#include "record/meta.h"
#include "record/record.h"

enum { SENDERS_MAX = 1 << 16 };

struct sender {
	int pid, tid;
	long next;
	uint8_t *seen; /* by number */
};

static struct sender *senders;
static unsigned n_senders;
static long count;
static size_t bytes;
static bool by_kernel[EMIT_WAYS];
static uint64_t messages, unattributed, twice, disordered, altered, misattributed;
static int shown;

__attribute__((noreturn)) static void die(const char *what, const char *why)
{
	fprintf(stderr, "emitcmp: %s: %s\n", what, why);
	exit(2);
}

__attribute__((format(printf, 2, 3))) static void wrong(uint64_t *what, const char *fmt, ...)
{
	va_list ap;

	++*what;
	if (shown++ >= 10)
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

/* What a message says of itself. */
struct said {
	unsigned way;
	int pid, tid;
	long number;
};

static bool says(struct span msg, struct said *s)
{
	char text[128], name[16];
	size_t head = 0, n;

	if (msg.n > 16 && !memcmp(msg.p, "MESSAGE\n", 8))
		head = 16;
	else if (msg.n > 4 && !memcmp(msg.p, "<14>", 4))
		head = 4;
	n = msg.n - head < sizeof(text) - 1 ? msg.n - head : sizeof(text) - 1;
	memcpy(text, msg.p + head, n);
	text[n] = '\0';
	if (sscanf(text, "emit %15[a-z0-9] %d %ld %d ", name, &s->pid, &s->number, &s->tid) != 4)
		return false;
	s->way = emit_way_of(name, strlen(name));
	return s->way < EMIT_WAYS;
}

static struct sender *sender_of(const struct said *s)
{
	for (unsigned i = n_senders; i--;)
		if (senders[i].pid == s->pid && senders[i].tid == s->tid)
			return &senders[i];
	if (n_senders == SENDERS_MAX)
		die("ledger", "too many senders");
	senders[n_senders] = (struct sender){s->pid, s->tid, 0, calloc((size_t)count, 1)};
	if (!senders[n_senders].seen)
		die("ledger", "out of memory");
	return &senders[n_senders++];
}

static void who(const struct record *r, const struct said *s)
{
	const bool worker = s->way == EMIT_WORKER || s->way == EMIT_SQPOLL || s->way == EMIT_FILE_URING ||
		s->way == EMIT_FILE_WORKER || s->way == EMIT_FILE_SQPOLL || r->fidelity == RECORD_LATE;
	uint64_t pid = 0, tid = (uint64_t)s->tid;

	if (by_kernel[s->way])
		return;
	if (r->fidelity == RECORD_LATE && !r->procid.n)
		unattributed++;
	else if (!span_decimal(r->procid, &pid) || pid != (uint64_t)s->pid)
		wrong(&misattributed, "%s %ld of process %d is said to be of %.*s", emit_ways[s->way].name, s->number,
			s->pid, (int)r->procid.n, r->procid.p);
	else if (!worker && (!meta_get_u64(r, "tid", &tid) || tid != (uint64_t)s->tid))
		wrong(&misattributed, "%s %ld of thread %d is said to be of thread %" PRIu64, emit_ways[s->way].name,
			s->number, s->tid, tid);
}

static void take(const struct record *r, uint64_t index)
{
	static char text[EMIT_MAX];
	struct said s;
	struct sender *from;
	size_t n;

	if (!says(r->msg, &s))
		return;
	messages++;
	if (s.number < 0 || s.number >= count) {
		wrong(&altered, "entry %" PRIu64 ": number %ld", index, s.number);
		return;
	}
	n = emit_message(text, s.way, s.pid, s.tid, s.number, bytes);
	n -= emit_ways[s.way].to == 's' || emit_ways[s.way].to == 'f'; /* a line's end */
	if (r->truncated || r->msg.n != n || memcmp(r->msg.p, text, n) != 0)
		wrong(&altered, "entry %" PRIu64 ": %s %ld of %d: %zu bytes%s, not these %zu", index, emit_ways[s.way].name,
			s.number, s.tid, r->msg.n, r->truncated ? ", cut" : "", n);
	who(r, &s);
	from = sender_of(&s);
	if (from->seen[s.number]++)
		wrong(&twice, "entry %" PRIu64 ": %s %ld of %d again", index, emit_ways[s.way].name, s.number, s.tid);
	else if (s.number < from->next)
		wrong(&disordered, "entry %" PRIu64 ": %s %ld of %d after %ld", index, emit_ways[s.way].name, s.number,
			s.tid, from->next - 1);
	if (s.number >= from->next)
		from->next = s.number + 1;
}

static void read_ledger(const char *dir)
{
	static char scratch[RECORD_LEAF_MAX];
	struct parts *parts = parts_new(dir);
	struct ledger_reader *reader;
	struct record r;
	struct err e = {0};
	struct span leaf;
	uint64_t index;
	int got;

	if (!parts || ledger_reader_open(&reader, dir, &e) || ledger_reader_seek(reader, ledger_reader_first(reader), &e))
		die(dir, e.text);
	while ((got = ledger_reader_next(reader, &leaf, &index, &e)) > 0) {
		if (record_decode(leaf.p, leaf.n, &r, scratch, sizeof(scratch), &e))
			die(dir, e.text);
		if (r.channel != RECORD_SYSLOG && r.channel != RECORD_JOURNAL && r.channel != RECORD_STREAM &&
			r.channel != RECORD_FILE)
			continue;
		if (!parts_is(&r) || parts_join(parts, &r, index, 0))
			take(&r, index);
	}
	if (got < 0)
		die(dir, e.text);
	ledger_reader_close(reader);
	parts_free(parts);
}

int main(int argc, char **argv)
{
	long processes, threads;
	uint64_t missing = 0;

	if (argc < 6)
		die("usage", "emitcmp LEDGER PROCESSES THREADS COUNT BYTES [WAY...]");
	processes = strtol(argv[2], NULL, 10);
	threads = strtol(argv[3], NULL, 10);
	count = strtol(argv[4], NULL, 10);
	bytes = strtoul(argv[5], NULL, 10);
	for (int i = 6; i < argc; i++)
		for (unsigned w = 0; w < EMIT_WAYS; w++)
			by_kernel[w] |= !strcmp(argv[i], emit_ways[w].name);
	if (processes < 1 || threads < 1 || count < 1 || bytes > EMIT_BODY_MAX)
		die("usage", "PROCESSES, THREADS, COUNT and BYTES as lab emit has them");
	senders = calloc(SENDERS_MAX, sizeof(*senders));
	if (!senders)
		die("senders", "out of memory");
	read_ledger(argv[1]);
	for (unsigned i = 0; i < n_senders; i++)
		for (long n = 0; n < count; n++)
			if (!senders[i].seen[n])
				wrong(&missing, "number %ld of thread %d of process %d", n, senders[i].tid, senders[i].pid);
	printf("senders %u messages %" PRIu64 " unattributed %" PRIu64 " missing %" PRIu64 " twice %" PRIu64 " disordered %" PRIu64
		" altered %" PRIu64 " misattributed %" PRIu64 "\n", n_senders, messages, unattributed, missing, twice, disordered,
		altered, misattributed);
	return missing || twice || disordered || altered || misattributed || n_senders != (unsigned long)(processes * threads) ||
		messages != (uint64_t)(processes * threads * count);
}
