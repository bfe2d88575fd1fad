/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/base64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t n, char *out)
{
	const uint8_t *p = data;

	for (; n >= 3; n -= 3, p += 3) {
		*out++ = alphabet[p[0] >> 2];
		*out++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
		*out++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
		*out++ = alphabet[p[2] & 63];
	}
	if (n) {
		uint8_t second = n == 2 ? p[1] : 0;

		*out++ = alphabet[p[0] >> 2];
		*out++ = alphabet[(p[0] & 3) << 4 | second >> 4];
		*out++ = n == 2 ? alphabet[(second & 15) << 2] : '=';
		*out++ = '=';
	}
	*out = '\0';
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

long base64_decode(const char *text, size_t n, void *out, size_t cap)
{
	uint8_t *o = out;
	size_t used = 0;

	if (n % 4)
		return -1;
	for (size_t i = 0; i < n; i += 4) {
		unsigned pad = 0;
		uint32_t v = 0;

		if (i + 4 == n)
			pad = text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
		for (unsigned k = 0; k < 4; k++) {
			int d = k < 4 - pad ? digit(text[i + k]) : 0;

			if (d < 0)
				return -1;
			v = v << 6 | (uint32_t)d;
		}
		if ((pad == 1 && (v & 0xff)) || (pad == 2 && (v & 0xffff)))
			return -1;
		for (unsigned k = 0; k < 3 - pad; k++) {
			if (o && used == cap)
				return -1;
			if (o)
				o[used] = (uint8_t)(v >> (16 - 8 * k));
			used++;
		}
	}
	return (long)used;
}
