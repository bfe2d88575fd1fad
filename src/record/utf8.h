/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * utf8.h - the one question asked of UTF-8 here: is there a well-formed sequence at this place?
 */
#ifndef LOGVISOR_RECORD_UTF8_H
#define LOGVISOR_RECORD_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * The length (1-4) of the well-formed UTF-8 sequence that begins at @s, of which @n > 0 bytes are
 * there, and its code point in *@cp; 0 if there is none. Well-formed as in RFC 3629 section 4: no
 * overlong form, no surrogate, nothing above U+10FFFF.
 */
static inline size_t utf8_sequence(const char *s, size_t n, uint32_t *cp)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf;
	uint32_t c = p[0];
	size_t len;

	if (c < 0x80) {
		*cp = c;
		return 1;
	}
	if (c >= 0xc2 && c <= 0xdf) {
		len = 2;
		c &= 0x1f;
	} else if (c >= 0xe0 && c <= 0xef) {
		len = 3;
		if (c == 0xe0)
			low = 0xa0;
		if (c == 0xed)
			high = 0x9f;
		c &= 0x0f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		len = 4;
		if (c == 0xf0)
			low = 0x90;
		if (c == 0xf4)
			high = 0x8f;
		c &= 0x07;
	} else {
		return 0;
	}
	if (n < len || p[1] < low || p[1] > high)
		return 0;
	c = c << 6 | (p[1] & 0x3f);
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	*cp = c;
	return len;
}

#endif
