/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base64.h - RFC 4648 section 4, with padding, strict: one text for one value.
 */
#ifndef LOGVISOR_UTIL_BASE64_H
#define LOGVISOR_UTIL_BASE64_H

#include <stddef.h>

/* Characters of the encoding of @n bytes, without the NUL. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Encode @n bytes into @out, which has room for BASE64_LEN(n) + 1, and terminate it. */
void base64_encode(const void *data, size_t n, char *out);

/*
 * Decode @n characters into @out (@cap bytes). Returns the number of bytes, or -1 if the text is not
 * canonical base64 (wrong length, foreign character, bits set beyond the end) or does not fit. Without
 * @out (NULL) it is only counted.
 */
long base64_decode(const char *text, size_t n, void *out, size_t cap);

#endif
