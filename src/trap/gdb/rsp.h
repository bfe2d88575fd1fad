/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rsp.h - packets of the GDB Remote Serial Protocol, as bytes: framing, checksum, escapes, hex.
 *
 * Source: "Debugging with GDB", appendix "GDB Remote Serial Protocol", sections Overview, Packets and
 * Stop Reply Packets. Nothing here does I/O; what comes in is hostile.
 */
#ifndef LOGVISOR_TRAP_GDB_RSP_H
#define LOGVISOR_TRAP_GDB_RSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The longest payload taken, after expansion. QEMU's own limit is 4096 (gdbstub/gdbstub.c,
 * MAX_PACKET_LENGTH); console output of a monitor command may come in larger ones.
 */
#define RSP_MAX 16384

enum rsp_token {
	RSP_MORE,   /* the bytes end inside a packet: read on */
	RSP_ACK,    /* '+' */
	RSP_NAK,    /* '-': the other side wants its last packet again */
	RSP_PACKET, /* a whole packet with a right checksum */
	RSP_BAD,    /* a whole packet with a wrong checksum, a wrong escape, or too long */
	RSP_JUNK,   /* bytes that belong to no packet, or a notification, skipped */
};

/*
 * Take one token from @in[0..n). *used bytes are consumed (none for RSP_MORE). For RSP_PACKET the
 * payload, escapes and run lengths expanded, is put into @out (RSP_MAX + 1 bytes; a NUL follows it, and
 * any byte may occur inside) and its length into *len.
 */
enum rsp_token rsp_next(const uint8_t *in, size_t n, size_t *used, char *out, size_t *len);

/*
 * Frame @payload (@n bytes, none of which needs an escape) into @out, which has room for n + 4.
 * Returns the length written.
 */
size_t rsp_frame(char *out, const char *payload, size_t n);

/* Value of a hex digit, or -1. */
int rsp_hex(int c);
/*
 * Decode the @n hex digits at @hex into at most @cap bytes. Returns the bytes written, or -1 if @n is
 * odd, a digit is not one, or there are too many.
 */
int rsp_unhex(const char *hex, size_t n, void *out, size_t cap);
/* An unsigned hex number at *@p, at least one digit, at most 64 bits; *@p moves behind it. */
bool rsp_number(const char **p, const char *end, uint64_t *v);

/* A stop reply: "T05thread:p01.02;watch:ffffffff830622c0;", "S05", "W00", "X09". */
struct rsp_stop {
	char kind;      /* 'T' or 'S' stopped, 'W' or 'X' ended */
	uint8_t signal; /* GDB's numbers: 5 is a trap, 2 an interrupt */
	bool watch;     /* a watchpoint was hit, at ... */
	uint64_t addr;
	bool thread;    /* ... by this one: */
	uint64_t pid, tid; /* pid is 1 if the protocol carries none */
};

/* Parse a stop reply; false if it is something else or malformed. */
bool rsp_parse_stop(const char *p, size_t n, struct rsp_stop *out);

/* "p1.2" or "2" at *@p; *@p moves behind it. */
bool rsp_thread(const char **p, const char *end, uint64_t *pid, uint64_t *tid);

#endif
