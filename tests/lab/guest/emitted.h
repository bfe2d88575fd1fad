/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * emitted.h - the bytes that `lab emit` sends, made anew from their number alone: so tests/lab/emitcmp.c can tell
 * whether a ledger has each message once, in the order of its sender, and byte for byte.
 *
 * A message is "emit WAY PID NUMBER TID BODY": of thread TID of process PID, which counts its own from 0. BODY is
 * as long as chance has it, up to a limit, and of any bytes that its socket does not take for an end.
 */
#ifndef TESTS_LAB_GUEST_EMITTED_H
#define TESTS_LAB_GUEST_EMITTED_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { EMIT_BODY_MAX = 8192, EMIT_LONG = 70000, EMIT_MAX = EMIT_LONG + EMIT_BODY_MAX + 256 };

/* The ways, and where they lead: 'l' /dev/log, 'j' journal/socket, 's' journal/stdout, 'f' files in /var/log/emit. */
enum emit_way {
	EMIT_SENDTO, EMIT_WRITE, EMIT_WRITEV, EMIT_SENDMSG, EMIT_SENDMMSG, EMIT_FORGED, EMIT_INT80, EMIT_URING,
	EMIT_WORKER, EMIT_SQPOLL, EMIT_JOURNAL, EMIT_LONG_ENTRY, EMIT_MEMFD, EMIT_STREAM, EMIT_SPLICE, EMIT_SENDFILE,
	EMIT_STREAM_URING, EMIT_FILE_WRITE, EMIT_FILE_WRITEV, EMIT_FILE_PWRITE, EMIT_FILE_URING, EMIT_FILE_WORKER,
	EMIT_FILE_SQPOLL, EMIT_FILE_SPLICE, EMIT_FILE_SENDFILE, EMIT_WAYS
};
static const struct {
	const char *name;
	char to;
} emit_ways[EMIT_WAYS] = {
	[EMIT_SENDTO] = {"sendto", 'l'}, [EMIT_WRITE] = {"write", 'l'}, [EMIT_WRITEV] = {"writev", 'l'},
	[EMIT_SENDMSG] = {"sendmsg", 'l'}, [EMIT_SENDMMSG] = {"sendmmsg", 'l'}, [EMIT_FORGED] = {"forged", 'l'},
	[EMIT_INT80] = {"int80", 'l'}, [EMIT_URING] = {"uring", 'l'}, [EMIT_WORKER] = {"worker", 'l'},
	[EMIT_SQPOLL] = {"sqpoll", 'l'}, [EMIT_JOURNAL] = {"journal", 'j'}, [EMIT_LONG_ENTRY] = {"long", 'j'},
	[EMIT_MEMFD] = {"memfd", 'j'}, [EMIT_STREAM] = {"stream", 's'}, [EMIT_SPLICE] = {"splice", 's'},
	[EMIT_SENDFILE] = {"sendfile", 's'}, [EMIT_STREAM_URING] = {"suring", 's'},
	[EMIT_FILE_WRITE] = {"fwrite", 'f'}, [EMIT_FILE_WRITEV] = {"fwritev", 'f'}, [EMIT_FILE_PWRITE] = {"fpwrite", 'f'},
	[EMIT_FILE_URING] = {"furing", 'f'}, [EMIT_FILE_WORKER] = {"fworker", 'f'}, [EMIT_FILE_SQPOLL] = {"fsqpoll", 'f'},
	[EMIT_FILE_SPLICE] = {"fsplice", 'f'}, [EMIT_FILE_SENDFILE] = {"fsendfile", 'f'},
};

/* The way called by the @n bytes at @name; EMIT_WAYS: none is. */
static inline unsigned emit_way_of(const char *name, size_t n)
{
	unsigned w = 0;

	while (w < EMIT_WAYS && (strlen(emit_ways[w].name) != n || memcmp(emit_ways[w].name, name, n) != 0))
		w++;
	return w;
}

/* The next of a sequence of 64-bit numbers (Marsaglia's xorshift64); @x is not 0. */
static inline uint64_t emit_next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* A body of up to @limit bytes; a stream's has no end of a line in it. */
static inline size_t emit_body(char *to, uint64_t seed, size_t limit, int stream)
{
	uint64_t x = (seed + 1) * 0x9e3779b97f4a7c15ULL | 1;
	size_t n = limit ? emit_next(&x) % (limit + 1) : 0;

	for (size_t i = 0; i < n; i++) {
		to[i] = (char)(emit_next(&x) >> 32);
		if (stream && (to[i] == '\n' || !to[i]))
			to[i] = '.';
	}
	return n;
}

/* All that is sent as message @number of thread @tid into @buf (EMIT_MAX bytes): its length. */
static inline size_t emit_message(char *buf, unsigned way, int pid, int tid, long number, size_t limit)
{
	static const char *const before[] = {"<14>", "MESSAGE\n\0\0\0\0\0\0\0\0", ""};
	const char to = emit_ways[way].to;
	const unsigned kind = to == 'l' ? 0 : to == 'j' ? 1 : 2;
	const size_t head = kind == 1 ? 16 : strlen(before[kind]); /* an entry's field: its length in 8 bytes, then it */
	size_t n = head;
	uint64_t len;

	memcpy(buf, before[kind], head);
	n += (size_t)sprintf(buf + n, "emit %s %d %ld %d ", emit_ways[way].name, pid, number, tid);
	n += emit_body(buf + n, (uint64_t)tid << 32 | (uint64_t)number, limit, kind == 2);
	if (kind == 1) {
		len = n - head;
		memcpy(buf + 8, &len, sizeof(len));
		n += (size_t)sprintf(buf + n, "\nPRIORITY=6\n");
	}
	if (way == EMIT_LONG_ENTRY) {
		memcpy(buf + n, "PADDING=", 8);
		memset(buf + n + 8, 'x', EMIT_LONG);
		n += 8 + EMIT_LONG;
		buf[n++] = '\n';
	}
	if (kind == 2)
		buf[n++] = '\n';
	return n;
}

#endif
