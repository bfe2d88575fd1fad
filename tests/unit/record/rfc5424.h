/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rfc5424.h - is this a syslog message by the ABNF of RFC 5424 section 6? Written from the RFC alone
 * and sharing no code with record/, so that it can judge it.
 */
#ifndef LOGVISOR_TESTS_RFC5424_H
#define LOGVISOR_TESTS_RFC5424_H

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rfc {
	const unsigned char *s;
	size_t n, at;
};

static int rfc_look(const struct rfc *c)
{
	return c->at < c->n ? c->s[c->at] : -1;
}

static bool rfc_char(struct rfc *c, int want)
{
	if (rfc_look(c) != want)
		return false;
	c->at++;
	return true;
}

/* min*max PRINTUSASCII */
static bool rfc_print(struct rfc *c, size_t max, const char *except)
{
	size_t n = 0;

	while (rfc_look(c) >= 33 && rfc_look(c) <= 126 && !strchr(except, rfc_look(c))) {
		c->at++;
		n++;
	}
	return n >= 1 && n <= max;
}

static bool rfc_digits(struct rfc *c, int n, int low, int high)
{
	int v = 0;

	while (n--) {
		if (!isdigit(rfc_look(c)))
			return false;
		v = v * 10 + c->s[c->at++] - '0';
	}
	return v >= low && v <= high;
}

static bool rfc_timestamp(struct rfc *c)
{
	int frac = 0;

	if (!rfc_digits(c, 4, 0, 9999) || !rfc_char(c, '-') || !rfc_digits(c, 2, 1, 12) ||
	    !rfc_char(c, '-') || !rfc_digits(c, 2, 1, 31) || !rfc_char(c, 'T') ||
	    !rfc_digits(c, 2, 0, 23) || !rfc_char(c, ':') || !rfc_digits(c, 2, 0, 59) ||
	    !rfc_char(c, ':') || !rfc_digits(c, 2, 0, 59))
		return false;
	if (rfc_char(c, '.')) {
		while (isdigit(rfc_look(c))) {
			c->at++;
			frac++;
		}
		if (frac < 1 || frac > 6)
			return false;
	}
	return rfc_char(c, 'Z');
}

/* One UTF-8 character by the table of RFC 3629 section 4; false if it is not well-formed. */
static bool rfc_utf8(struct rfc *c)
{
	static const struct {
		unsigned char low[4], high[4];
		int n;
	} rows[] = {
		{{0x00}, {0x7f}, 1},
		{{0xc2, 0x80}, {0xdf, 0xbf}, 2},
		{{0xe0, 0xa0, 0x80}, {0xe0, 0xbf, 0xbf}, 3},
		{{0xe1, 0x80, 0x80}, {0xec, 0xbf, 0xbf}, 3},
		{{0xed, 0x80, 0x80}, {0xed, 0x9f, 0xbf}, 3},
		{{0xee, 0x80, 0x80}, {0xef, 0xbf, 0xbf}, 3},
		{{0xf0, 0x90, 0x80, 0x80}, {0xf0, 0xbf, 0xbf, 0xbf}, 4},
		{{0xf1, 0x80, 0x80, 0x80}, {0xf3, 0xbf, 0xbf, 0xbf}, 4},
		{{0xf4, 0x80, 0x80, 0x80}, {0xf4, 0x8f, 0xbf, 0xbf}, 4},
	};

	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		int i = 0;

		while (i < rows[row].n && c->at + (size_t)i < c->n &&
		       c->s[c->at + (size_t)i] >= rows[row].low[i] &&
		       c->s[c->at + (size_t)i] <= rows[row].high[i])
			i++;
		if (i == rows[row].n) {
			c->at += (size_t)i;
			return true;
		}
	}
	return false;
}

static bool rfc_sd_element(struct rfc *c)
{
	if (!rfc_char(c, '[') || !rfc_print(c, 32, "=]\""))
		return false;
	while (rfc_char(c, ' ')) {
		if (!rfc_print(c, 32, "=]\"") || !rfc_char(c, '=') || !rfc_char(c, '"'))
			return false;
		while (!rfc_char(c, '"')) {
			if (rfc_look(c) == ']')
				return false;
			if (rfc_char(c, '\\') && rfc_look(c) != '"' && rfc_look(c) != '\\' &&
			    rfc_look(c) != ']')
				return false;
			if (rfc_look(c) < 0 || !rfc_utf8(c))
				return false;
		}
	}
	return rfc_char(c, ']');
}

static bool rfc_message(struct rfc *c)
{
	size_t pri = c->at + 1;

	if (!rfc_char(c, '<'))
		return false;
	while (isdigit(rfc_look(c)))
		c->at++;
	if (c->at - pri < 1 || c->at - pri > 3 || (c->at - pri > 1 && c->s[pri] == '0'))
		return false;
	if (c->at - pri == 3 && memcmp(c->s + pri, "191", 3) > 0)
		return false;
	if (!rfc_char(c, '>') || !rfc_char(c, '1') || !rfc_char(c, ' ') || !rfc_timestamp(c) ||
	    !rfc_char(c, ' ') || !rfc_print(c, 255, "") || !rfc_char(c, ' ') ||
	    !rfc_print(c, 48, "") || !rfc_char(c, ' ') || !rfc_print(c, 128, "") ||
	    !rfc_char(c, ' ') || !rfc_print(c, 32, "") || !rfc_char(c, ' '))
		return false;
	if (!rfc_char(c, '-'))
		do {
			if (!rfc_sd_element(c))
				return false;
		} while (rfc_look(c) == '[');
	if (c->at == c->n)
		return true;
	if (!rfc_char(c, ' '))
		return false;
	if (c->n - c->at >= 3 && !memcmp(c->s + c->at, "\xef\xbb\xbf", 3)) { /* MSG-UTF8 */
		while (c->at < c->n)
			if (!rfc_utf8(c))
				return false;
	}
	return true;
}

static bool rfc5424_valid(const char *s, size_t n, size_t *where)
{
	struct rfc c = {(const unsigned char *)s, n, 0};
	bool ok = rfc_message(&c);

	*where = c.at;
	return ok;
}

#endif
