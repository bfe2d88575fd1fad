/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/files/utmp.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/load.h"

/* Where things are in struct utmp ... */
enum { AT_TYPE = 0, AT_PID = 4, AT_LINE = 8, AT_USER = 44, AT_HOST = 76, AT_TIME = 340, AT_ADDRESS = 348 };
/* ... and in struct lastlog; and how long they are in both. */
enum { LAST_TIME = 0, LAST_LINE = 4, LAST_HOST = 36 };
enum { LINE_LEN = 32, USER_LEN = 32, HOST_LEN = 256 };

enum { RUN_LVL = 1, BOOT_TIME, NEW_TIME, OLD_TIME, INIT_PROCESS, LOGIN_PROCESS, USER_PROCESS, DEAD_PROCESS };

struct sentence {
	char *text;
	size_t n;
};

static void put(struct sentence *s, const char *words)
{
	for (; *words && s->n < UTMP_TEXT_MAX - 1; words++)
		s->text[s->n++] = *words;
}

/* Of the longest, 320 bytes that are all escaped, nothing is cut. */
static void put_word(struct sentence *s, const char *before, struct span word)
{
	char hex[8];

	if (!word.n)
		return;
	put(s, before);
	for (size_t i = 0; i < word.n; i++) {
		const unsigned char c = (unsigned char)word.p[i];

		snprintf(hex, sizeof(hex), c <= ' ' || c == 0x7f || c == '\\' ? "\\x%02x" : "%c", c);
		put(s, hex);
	}
}

static void put_number(struct sentence *s, const char *before, int64_t v)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, v);
	put(s, before);
	put(s, digits);
}

static struct span field(const uint8_t *raw, size_t at, size_t len)
{
	const char *p = (const char *)raw + at;

	return (struct span){p, strnlen(p, len)};
}

/* An IPv4 address is in the first of four words. */
static void address(const uint8_t *raw, struct utmp_said *o)
{
	static const uint8_t none[16];
	const bool v6 = memcmp(raw + 4, none, 12) != 0;

	if (memcmp(raw, none, 16) != 0 && inet_ntop(v6 ? AF_INET6 : AF_INET, raw, o->address, sizeof(o->address)))
		o->host = span_of(o->address);
}

size_t utmp_text(const uint8_t *raw, bool failed, char *text, struct utmp_said *o)
{
	const int type = load_u16(raw + AT_TYPE);
	struct sentence s = {text, 0};

	*o = (struct utmp_said){.user = field(raw, AT_USER, USER_LEN), .line = field(raw, AT_LINE, LINE_LEN),
		.host = field(raw, AT_HOST, HOST_LEN), .pid = (int32_t)load_u32(raw + AT_PID),
		.time = (int32_t)load_u32(raw + AT_TIME)};
	if (!o->host.n)
		address(raw + AT_ADDRESS, o);
	switch (type) {
	case RUN_LVL:
		/* The level's letter, and 256 times that of the last. */
		if (span_is(o->user, "shutdown"))
			put(&s, "shutdown");
		else
			put_word(&s, "run level ", (struct span){(const char *)raw + AT_PID, 1});
		put_word(&s, ", kernel ", o->host);
		break;
	case BOOT_TIME:
		put(&s, "boot");
		put_word(&s, ", kernel ", o->host);
		break;
	case NEW_TIME:
	case OLD_TIME:
		put_number(&s, type == NEW_TIME ? "the clock was set to " : "the clock was set from ", o->time);
		break;
	case DEAD_PROCESS:
		put(&s, "logout");
		put_word(&s, " of ", o->user);
		put_word(&s, " on ", o->line);
		put_number(&s, ", pid ", o->pid);
		break;
	case LOGIN_PROCESS:
	case USER_PROCESS:
		put(&s, failed ? "failed login" : type == USER_PROCESS ? "login" : "login prompt");
		put_word(&s, " of ", o->user);
		put_word(&s, " on ", o->line);
		put_word(&s, " from ", o->host);
		put_number(&s, ", pid ", o->pid);
		break;
	default:
		put_number(&s, "a record of type ", type);
		put_word(&s, ", user ", o->user);
		put_word(&s, ", line ", o->line);
		put_word(&s, ", host ", o->host);
		put_number(&s, ", pid ", o->pid);
	}
	return s.n;
}

size_t lastlog_text(const uint8_t *raw, uint32_t uid, char *text, struct utmp_said *o)
{
	struct sentence s = {text, 0};

	*o = (struct utmp_said){.line = field(raw, LAST_LINE, LINE_LEN), .host = field(raw, LAST_HOST, HOST_LEN),
		.time = (int32_t)load_u32(raw + LAST_TIME)};
	if (!o->time)
		return 0;
	put_number(&s, "login of uid ", uid);
	put_word(&s, " on ", o->line);
	put_word(&s, " from ", o->host);
	return s.n;
}
