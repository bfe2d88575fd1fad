/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * records.c - one kernel log record of every special kind that user space can make: each level and
 * facility, with and without final newline, empty, multi-line, binary, continued, of every length
 * around the kernel's limit. What the kernel makes of them is for its own /dev/kmsg to say.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lab.h"

#define LITERAL(s) { s, sizeof(s) - 1 }

static const struct {
	const char *text;
	size_t len;
} special[] = {
	LITERAL("with a final newline\n"),
	LITERAL("without a final newline"),
	LITERAL("two final newlines\n\n"),
	LITERAL("<6>"),
	LITERAL("<6>\n"),
	LITERAL("\n"),
	LITERAL("\n\n"),
	LITERAL(" "),
	LITERAL("first line\nsecond line\nthird line\n"),
	LITERAL("a line\n\nafter an empty one, no newline"),
	LITERAL("\nbegins with a newline\n"),
	LITERAL("tab\there, backslash \\ and \\x41, quote \", bracket ], percent %s %n %d\n"),
	LITERAL("ends with a backslash\\\n"),
	LITERAL("bytes \x01\x02\x03\x07\x08\x0b\x0c\x0d\x0e\x1b\x1f\x7f end\n"),
	LITERAL("terminal \x1b[2J\x1b[31mred\x1b]0;title\x07 end\n"),
	LITERAL("UTF-8 \xc3\xa9 \xe5\xb2\xa1\xe5\xb1\xb1 \xf0\x9f\x94\x92 end\n"),
	LITERAL("invalid UTF-8 \xff\xfe \xc0\xaf \xed\xa0\x80 \xf8\x88 \xe5\xb2 end\n"),
	LITERAL("ends inside a character \xe5\xb2"),
	LITERAL("a NUL \0 cuts here\n"),
	LITERAL("\0only a NUL before\n"),
	LITERAL("<4>not a second <3>priority\n"),
	LITERAL("<999999999999>absurd priority\n"),
	LITERAL("<-1>negative priority\n"),
	LITERAL("<6>looks like a log line: Jan  1 00:00:00 host kernel: [    0.000000] text\n"),
	LITERAL("<6>1 2026-01-01T00:00:00Z host app - - [logvisor@32473 seq=\"1\"] text\n"),
	LITERAL(" SUBSYSTEM=none\n DEVICE=+none:0\n"),
	LITERAL("6,1,1,-;looks like /dev/kmsg\n"),
	LITERAL("continued: one"),
	LITERAL("\001c, two"),
	LITERAL("\001c, three\n"),
	LITERAL("\001c continues nothing\n"),
	LITERAL("not continued"),
	LITERAL("new record after it\n"),
	LITERAL("\0013with the kernel's own level prefix\n"),
};

static int put(int fd, const void *text, size_t len)
{
	int err = kmsg_put(fd, text, len);

	/* Too long for this kernel (EINVAL) is an answer too; anything else is trouble. */
	if (err && err != EINVAL) {
		fprintf(stderr, "lab: /dev/kmsg: %s\n", strerror(err));
		return 1;
	}
	return 0;
}

int records_main(int argc, char **argv)
{
	static const int facilities[] = { 24, 31, 127, 255 };
	/* LOG_LINE_MAX is 1024 less the prefix: 992 (5.10, 6.1), 976 (6.12); 1024 in 7.2. */
	static const int lengths[] = { 900, 959, 960, 975, 976, 977, 991, 992, 993, 1023, 1024, 1025 };
	char text[2048];
	int fd = kmsg_open(), bad = 0;

	(void)argc, (void)argv;
	for (int pri = 0; pri < 24 * 8; pri++) {
		int len = snprintf(text, sizeof(text), "<%d>level %d facility %d\n", pri, pri % 8, pri / 8);

		bad |= put(fd, text, len);
	}
	for (int i = 0; i < 4; i++) {
		int len = snprintf(text, sizeof(text), "<%d>facility %d has no name\n",
			facilities[i] * 8 + 5, facilities[i]);

		bad |= put(fd, text, len);
	}
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		bad |= put(fd, special[i].text, special[i].len);
	for (int byte = 1; byte < 256; byte++) {
		int len = snprintf(text, sizeof(text), "byte %d %c\n", byte, byte);

		bad |= put(fd, text, len);
	}
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		int len = lengths[i];

		memset(text, 'a' + len % 26, len);
		bad |= put(fd, text, len);
		text[len - 1] = '\n';
		bad |= put(fd, text, len);
	}
	for (int len = 1; len <= 33; len++) {
		memset(text, 'A' + len % 26, len);
		bad |= put(fd, text, len);
	}
	memset(text, '\n', 512);
	bad |= put(fd, text, 512);
	memset(text, 0xff, 900);
	bad |= put(fd, text, 900);
	return bad ? 2 : 0;
}
