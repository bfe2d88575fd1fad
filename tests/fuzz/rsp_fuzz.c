/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything the gdb backend parses: the first byte chooses the parser, the rest is its input. What
 * comes out must lie within what went in. And whole conversations, of which the input is the stub's half.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "trap/gdb/conn.h"
#include "trap/gdb/mtree.h"
#include "trap/gdb/regs.h"
#include "trap/gdb/rsp.h"
#include "trap/gdb/target.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void packets(const uint8_t *p, size_t n)
{
	static char out[RSP_MAX + 1];
	struct rsp_stop s;
	uint8_t bytes[64];

	while (n) {
		size_t used, len;
		enum rsp_token t = rsp_next(p, n, &used, out, &len);

		must(used <= n && len <= RSP_MAX);
		if (t == RSP_MORE)
			return;
		must(used > 0);
		if (t == RSP_PACKET) {
			must(out[len] == '\0');
			rsp_parse_stop(out, len, &s);
			must(rsp_unhex(out, len, bytes, sizeof(bytes)) <= (int)sizeof(bytes));
		}
		p += used;
		n -= used;
	}
}

static void map(const char *text)
{
	struct ram_seg s[RAM_SEGS_MAX];
	unsigned n = mtree_parse(text, s, RAM_SEGS_MAX);
	uint64_t hva;

	must(n <= RAM_SEGS_MAX);
	for (unsigned i = 0; i < n; i++) {
		must(s[i].len && s[i].gpa + s[i].len > s[i].gpa);
		must(i == 0 || s[i].gpa >= s[i - 1].gpa + s[i - 1].len);
	}
	mtree_parse_hva(text, &hva);
}

static void description(const char *text)
{
	struct gdb_regs r;
	char name[64];

	regs_init(&r);
	regs_scan(&r, text);
	for (unsigned i = 0; i < 64 && regs_include(text, i, name, sizeof(name)) == 0; i++)
		must(strlen(name) < sizeof(name));
}

/* Nobody is waited for: the stub said all of it at once, and closed. */
static void conversation(const uint8_t *p, size_t n)
{
	static struct gdb_conn c;
	char text[64];
	struct err e;
	int fd[2];

	if (n > 32768 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0)
		return;
	if (n == 0 || write(fd[1], p, n) == (ssize_t)n) {
		shutdown(fd[1], SHUT_WR);
		conn_init(&c, fd[0], false, "fuzz");
		for (int turn = 0, rc = 0; rc != -ESRCH && turn < 64; turn++) {
			if (turn % 3 == 0)
				rc = conn_request(&c, "?", GDB_REPLY_MS, &e);
			else if (turn % 3 == 1)
				rc = conn_monitor(&c, "info status", text, sizeof(text), &e);
			else
				rc = conn_request_ok(&c, "D;1", &e);
			must(rc <= 0 && c.len <= RSP_MAX && c.in_off <= c.in_n && c.in_n <= sizeof(c.in));
			must(turn % 3 != 1 || rc != 0 || strlen(text) < sizeof(text));
		}
	}
	close(fd[0]);
	close(fd[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gdb_target t;
	struct rsp_stop s;
	struct err e;
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 6) {
	case 0:
		packets(data + 1, size - 1);
		break;
	case 1:
		rsp_parse_stop(text, size - 1, &s);
		break;
	case 2:
		if (gdb_target_parse(&t, text, &e) == 0)
			must(t.is_unix ? t.path[0] != '\0' : t.host[0] && t.port[0]);
		break;
	case 3:
		map(text);
		break;
	case 4:
		description(text);
		break;
	case 5:
		conversation(data + 1, size - 1);
		break;
	}
	free(text);
	return 0;
}
