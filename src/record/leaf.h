/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * leaf.h - the grammar of a leaf, shared by encoder and decoder; doc/leaf.md tells it to others.
 *
 *	<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SP SD SP MSG
 *
 * TIMESTAMP is always YYYY-MM-DDThh:mm:ss.uuuuuuZ. An absent APP-NAME, PROCID or MSGID is "-". SD is
 * one element [logvisor@32473 ...], then [guest@32473 ...] if the guest claims anything. The observed
 * element begins with the parameters of `leaf_param`, in that order, absent ones left out; ch and fid
 * are always there. Further observed parameters follow.
 *
 * PARAM-VALUE must be UTF-8 (RFC 5424 section 6.3.3). A byte that is not part of well-formed UTF-8,
 * or is a control character (0x00-0x1f, 0x7f), is written as the private-use character U+10FE00 + byte;
 * so the bytes of those characters themselves are written the same way, one by one. '"', '\' and ']'
 * get a backslash. Nothing else is changed.
 *
 * MSG is the guest's bytes. RFC 5424 gives a MSG that begins with a byte order mark a meaning (the rest
 * is UTF-8), which a guest cannot be trusted with: such a text is preceded by one space, and bom="1".
 */
#ifndef LOGVISOR_RECORD_LEAF_H
#define LOGVISOR_RECORD_LEAF_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/utf8.h"
#include "util/span.h"

/* RFC 5424 section 6: maximum lengths of header fields and names. */
#define LEAF_APP_MAX 48
#define LEAF_PROCID_MAX 128
#define LEAF_MSGID_MAX 32
#define LEAF_NAME_MAX 32

#define LEAF_FACILITY_MAX 23  /* RFC 5424 table 1 */
#define LEAF_FACILITY_OTHER 1 /* user-level, with the true one in "fac" */

#define LEAF_BOM "\xef\xbb\xbf"
#define LEAF_ESCAPE_BASE 0x10fe00u

/* Last microsecond of the year 9999: RFC 3339 has four digits. */
#define LEAF_TIME_MAX INT64_C(253402300799999999)
#define LEAF_TIME_LEN 27

enum leaf_param {
	LEAF_CH,
	LEAF_FID,
	LEAF_SEQ,
	LEAF_GT,
	LEAF_CALLER,
	LEAF_CONT,
	LEAF_TRUNC,
	LEAF_BOOT,
	LEAF_SUB,
	LEAF_DEV,
	LEAF_FAC,
	LEAF_APP,
	LEAF_PROCID,
	LEAF_MSGID,
	LEAF_BOM_GUARD,
	LEAF_PARAMS
};

/* A parameter's name, and it with what follows in a leaf, =", filled up with NULs. */
struct leaf_name {
	struct span name;
	char start[8];
};

extern const struct leaf_name leaf_param_name[LEAF_PARAMS];

/* Write @us (0 <= @us <= LEAF_TIME_MAX) as LEAF_TIME_LEN bytes; read them back, false if malformed. */
void leaf_time_put(char *out, int64_t us);
bool leaf_time_get(const char *p, int64_t *us);

/* "00" "01" ... "99" */
extern const char leaf_digits[201];

/* The two digits of @v < 100. */
static inline void leaf_digits2(char *out, uint32_t v)
{
	memcpy(out, &leaf_digits[v * 2], 2);
}

/* Write @v in decimal so that it ends just before @end (20 bytes always suffice). Returns its begin. */
static inline char *leaf_decimal(char *end, uint64_t v)
{
	uint32_t low;

	/* Eight digits at a time: their divisions are short, and do not wait for each other. */
	while (v >= 100000000) {
		uint32_t eight = (uint32_t)(v % 100000000), a = eight / 10000, b = eight % 10000;

		v /= 100000000;
		end -= 8;
		leaf_digits2(end, a / 100);
		leaf_digits2(end + 2, a % 100);
		leaf_digits2(end + 4, b / 100);
		leaf_digits2(end + 6, b % 100);
	}
	for (low = (uint32_t)v; low >= 100; low /= 100) {
		end -= 2;
		leaf_digits2(end, low % 100);
	}
	if (low >= 10) {
		end -= 2;
		leaf_digits2(end, low);
	} else {
		*--end = (char)('0' + low);
	}
	return end;
}

/* Bytes that stand for themselves in a PARAM-VALUE: printable US-ASCII but '"', '\' and ']'. */
extern const bool leaf_plain[256];

/* The first byte at or after @p, before @end, that does not stand for itself in a PARAM-VALUE; or @end. */
static inline const char *leaf_plain_end(const char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;

	/* Eight at a time. A byte above another's may be found by its borrow or carry, never the lowest. */
	for (; end - p >= 8; p += 8) {
		uint64_t x, quote, slash, bracket, found;

		memcpy(&x, p, sizeof(x));
		x = le64toh(x);
		quote = x ^ ones * '"';
		slash = x ^ ones * '\\';
		bracket = x ^ ones * ']';
		found = (x | (x - ones * ' ') | (x + ones) | (quote - ones) | (slash - ones) |
			(bracket - ones)) & high;
		if (found)
			return p + __builtin_ctzll(found) / 8;
	}
	while (p < end && leaf_plain[(unsigned char)*p])
		p++;
	return p;
}

/*
 * One step of a value's encoding: takes 1-4 bytes from @s (@n > 0), puts 1-4 into @out (*@outn), and
 * returns how many were taken.
 */
size_t leaf_value_step(const char *s, size_t n, char out[4], size_t *outn);

/* May @s stand in the header as it is, and be told from the nil value? */
bool leaf_header_exact(struct span s, size_t max);

/* What the header shows of @s: what is not PRINTUSASCII becomes '_', cut to @max. Returns the length. */
size_t leaf_header_shown(struct span s, size_t max, char *out);

/* A PARAM-NAME by RFC 5424 (SD-NAME). */
bool leaf_name_ok(struct span name);

/* A boot id: 16 lower-case hexadecimal digits. */
bool leaf_boot_ok(struct span boot);

/* Is @name one of leaf_param_name? */
bool leaf_name_reserved(struct span name);

#endif
