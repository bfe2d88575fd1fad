/* SPDX-License-Identifier: BSD-3-Clause */
/* rsp.c - GDB Remote Serial Protocol framing and the parsing of stop replies. */
#include "trap/gdb/rsp.h"

#include <string.h>

int rsp_hex(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int rsp_unhex(const char *hex, size_t n, void *out, size_t cap)
{
	uint8_t *o = out;
	size_t i;

	if (n % 2 || n / 2 > cap)
		return -1;
	for (i = 0; i < n / 2; i++) {
		int hi = rsp_hex(hex[2 * i]), lo = rsp_hex(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -1;
		o[i] = (uint8_t)(hi << 4 | lo);
	}
	return (int)i;
}

bool rsp_number(const char **p, const char *end, uint64_t *v)
{
	const char *s = *p;
	uint64_t x = 0;

	while (s < end && rsp_hex(*s) >= 0) {
		if (x >> 60)
			return false;
		x = x << 4 | (uint64_t)rsp_hex(*s++);
	}
	if (s == *p)
		return false;
	*p = s;
	*v = x;
	return true;
}

size_t rsp_frame(char *out, const char *payload, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	uint8_t sum = 0;

	out[0] = '$';
	for (size_t i = 0; i < n; i++) {
		out[1 + i] = payload[i];
		sum = (uint8_t)(sum + (uint8_t)payload[i]);
	}
	out[1 + n] = '#';
	out[2 + n] = digit[sum >> 4];
	out[3 + n] = digit[sum & 15];
	return n + 4;
}

/* Undo '}' escapes and '*' run lengths of @n bytes; false if malformed or longer than RSP_MAX. */
static bool expand(const uint8_t *in, size_t n, char *out, size_t *len)
{
	size_t o = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = in[i];

		if (c == '*') {
			/* The byte after '*' is the number of further copies plus 29. */
			size_t more;

			if (++i >= n || in[i] < ' ' || in[i] > '~' || o == 0)
				return false;
			more = (size_t)in[i] - 29;
			if (more > RSP_MAX - o)
				return false;
			memset(out + o, out[o - 1], more);
			o += more;
			continue;
		}
		if (c == '}') {
			if (++i >= n)
				return false;
			c = in[i] ^ 0x20;
		}
		if (o == RSP_MAX)
			return false;
		out[o++] = (char)c;
	}
	out[o] = '\0';
	*len = o;
	return true;
}

enum rsp_token rsp_next(const uint8_t *in, size_t n, size_t *used, char *out, size_t *len)
{
	const uint8_t *hash;
	size_t i, body;
	uint8_t sum = 0;
	int hi, lo;

	*used = 0;
	*len = 0;
	if (n == 0)
		return RSP_MORE;
	if (in[0] == '+' || in[0] == '-') {
		*used = 1;
		return in[0] == '+' ? RSP_ACK : RSP_NAK;
	}
	if (in[0] != '$' && in[0] != '%') {
		for (i = 1; i < n && in[i] != '$' && in[i] != '%' && in[i] != '+' && in[i] != '-';)
			i++;
		*used = i;
		return RSP_JUNK;
	}

	hash = memchr(in, '#', n);
	if (!hash || (size_t)(hash - in) + 3 > n) {
		if (n <= RSP_MAX + 4)
			return RSP_MORE;
		*used = n;
		return RSP_BAD;
	}
	body = (size_t)(hash - in) - 1;
	*used = body + 4;
	if (in[0] == '%')
		return RSP_JUNK;
	for (i = 0; i < body; i++)
		sum = (uint8_t)(sum + in[1 + i]);
	hi = rsp_hex(hash[1]);
	lo = rsp_hex(hash[2]);
	if (hi < 0 || lo < 0 || (hi << 4 | lo) != sum || !expand(in + 1, body, out, len))
		return RSP_BAD;
	return RSP_PACKET;
}

bool rsp_thread(const char **p, const char *end, uint64_t *pid, uint64_t *tid)
{
	const char *s = *p;

	*pid = 1;
	if (s < end && *s == 'p') {
		s++;
		if (!rsp_number(&s, end, pid) || s == end || *s++ != '.')
			return false;
	}
	if (!rsp_number(&s, end, tid))
		return false;
	*p = s;
	return true;
}

/* Is the field name @p[0..n) the word @w? */
static bool is(const char *p, size_t n, const char *w)
{
	return n == strlen(w) && memcmp(p, w, n) == 0;
}

bool rsp_parse_stop(const char *p, size_t n, struct rsp_stop *out)
{
	const char *end = p + n, *s = p + 3;
	int hi, lo;

	memset(out, 0, sizeof(*out));
	if (n < 3 || !memchr("TSWX", p[0], 4))
		return false;
	hi = rsp_hex(p[1]);
	lo = rsp_hex(p[2]);
	if (hi < 0 || lo < 0)
		return false;
	out->kind = p[0];
	out->signal = (uint8_t)(hi << 4 | lo);
	if (p[0] != 'T')
		return true;

	while (s < end) {
		const char *semi = memchr(s, ';', (size_t)(end - s));
		const char *stop = semi ? semi : end;
		const char *colon = memchr(s, ':', (size_t)(stop - s));
		const char *v = colon ? colon + 1 : stop;
		size_t name = (size_t)((colon ? colon : stop) - s);

		if (is(s, name, "thread")) {
			out->thread = rsp_thread(&v, stop, &out->pid, &out->tid);
			if (!out->thread)
				return false;
		} else if (is(s, name, "watch") || is(s, name, "rwatch") || is(s, name, "awatch")) {
			out->watch = rsp_number(&v, stop, &out->addr);
			if (!out->watch)
				return false;
		}
		s = stop + (semi != NULL);
	}
	return true;
}
