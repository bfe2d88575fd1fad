/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/leaf.h"

#define LEAF_MINUTE_LEN 16 /* of a TIMESTAMP, up to and with its minute */

#define NAME(s) {{s, sizeof(s) - 1}, s "=\""}

const struct leaf_name leaf_param_name[LEAF_PARAMS] = {
	[LEAF_CH] = NAME("ch"),
	[LEAF_FID] = NAME("fid"),
	[LEAF_SEQ] = NAME("seq"),
	[LEAF_GT] = NAME("gt"),
	[LEAF_CALLER] = NAME("caller"),
	[LEAF_CONT] = NAME("cont"),
	[LEAF_TRUNC] = NAME("trunc"),
	[LEAF_BOOT] = NAME("boot"),
	[LEAF_SUB] = NAME("sub"),
	[LEAF_DEV] = NAME("dev"),
	[LEAF_FAC] = NAME("fac"),
	[LEAF_APP] = NAME("app"),
	[LEAF_PROCID] = NAME("procid"),
	[LEAF_MSGID] = NAME("msgid"),
	[LEAF_BOM_GUARD] = NAME("bom"),
};

const bool leaf_plain[256] = {
	[' ' ... '!'] = true, ['#' ... '['] = true, ['^' ... '~'] = true,
};

/* Days since 1970-01-01 of a civil date of 1970 or later and back, proleptic Gregorian, years from March. */
static unsigned int days_of(unsigned int y, unsigned int m, unsigned int d)
{
	y -= m <= 2;
	m += m > 2 ? -3 : 9;
	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d - 1 - 719468;
}

const char leaf_digits[201] = "00010203040506070809101112131415161718192021222324252627282930313233343536"
			      "37383940414243444546474849505152535455565758596061626364656667686970717273"
			      "7475767778798081828384858687888990919293949596979899";

static void put_date(char *out, unsigned int days)
{
	unsigned int z = days + 719468, era = z / 146097, doe = z % 146097;
	unsigned int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned int doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	unsigned int m = mp < 10 ? mp + 3 : mp - 9, y = yoe + era * 400 + (m <= 2);

	leaf_digits2(out, y / 100);
	leaf_digits2(out + 2, y % 100);
	out[4] = '-';
	leaf_digits2(out + 5, m);
	out[7] = '-';
	leaf_digits2(out + 8, doy - (153 * mp + 2) / 5 + 1);
}

void leaf_time_put(char *out, int64_t us)
{
	unsigned int frac = (unsigned int)(us % 1000000);
	int64_t secs = us / 1000000;
	unsigned int sod = (unsigned int)(secs % 86400);

	put_date(out, (unsigned int)(secs / 86400));
	out[10] = 'T';
	leaf_digits2(out + 11, sod / 3600);
	out[13] = ':';
	leaf_digits2(out + 14, sod / 60 % 60);
	out[16] = ':';
	leaf_digits2(out + 17, sod % 60);
	out[19] = '.';
	leaf_digits2(out + 20, frac / 10000);
	leaf_digits2(out + 22, frac / 100 % 100);
	leaf_digits2(out + 24, frac % 100);
	out[26] = 'Z';
}

/* Two digits; what is none sets *@bad. */
static inline unsigned int get2(const char *p, bool *bad)
{
	unsigned int a = (unsigned char)p[0] - '0', b = (unsigned char)p[1] - '0';

	*bad |= (a > 9) | (b > 9);
	return a * 10 + b;
}

/* "YYYY-MM-DDThh:mm" in minutes since 1970. */
static bool get_minute(const char *p, int64_t *minute)
{
	static const unsigned char month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool bad = p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':';
	unsigned int y = get2(p, &bad) * 100 + get2(p + 2, &bad), m = get2(p + 5, &bad);
	unsigned int d = get2(p + 8, &bad), h = get2(p + 11, &bad), min = get2(p + 14, &bad), last;

	if (bad || y < 1970 || m < 1 || m > 12 || h > 23 || min > 59)
		return false;
	last = month_days[m - 1];
	if (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0))
		last = 29;
	if (d < 1 || d > last)
		return false;
	*minute = ((int64_t)days_of(y, m, d) * 24 + h) * 60 + min;
	return true;
}

bool leaf_time_get(const char *p, int64_t *us)
{
	/* Leaves are read in the order of their times: most are of the minute of the one before. */
	static _Thread_local struct {
		bool known;
		char text[LEAF_MINUTE_LEN];
		int64_t minute;
	} last;
	unsigned int s, frac;
	bool bad = p[16] != ':' || p[19] != '.' || p[26] != 'Z';

	if (!last.known || memcmp(p, last.text, sizeof(last.text)) != 0) {
		last.known = get_minute(p, &last.minute);
		if (!last.known)
			return false;
		memcpy(last.text, p, sizeof(last.text));
	}
	s = get2(p + 17, &bad);
	frac = (get2(p + 20, &bad) * 100 + get2(p + 22, &bad)) * 100 + get2(p + 24, &bad);
	*us = (last.minute * 60 + s) * 1000000 + frac;
	return !bad && s <= 59;
}

size_t leaf_value_step(const char *s, size_t n, char out[4], size_t *outn)
{
	uint32_t cp, c = (unsigned char)s[0];
	size_t len = utf8_sequence(s, n, &cp);

	if (len > 1 && (cp & ~0xffu) != LEAF_ESCAPE_BASE) {
		memcpy(out, s, len);
		*outn = len;
		return len;
	}
	if (c == '"' || c == '\\' || c == ']') {
		out[0] = '\\';
		out[1] = (char)c;
		*outn = 2;
		return 1;
	}
	if (c >= 0x20 && c < 0x7f) {
		out[0] = (char)c;
		*outn = 1;
		return 1;
	}
	c += LEAF_ESCAPE_BASE;
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	*outn = 4;
	return 1;
}

static bool print_usascii(char c)
{
	return (unsigned char)c > 32 && (unsigned char)c < 127;
}

bool leaf_header_exact(struct span s, size_t max)
{
	if (s.n == 0 || s.n > max || (s.n == 1 && s.p[0] == '-'))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!print_usascii(s.p[i]))
			return false;
	return true;
}

size_t leaf_header_shown(struct span s, size_t max, char *out)
{
	size_t n = s.n < max ? s.n : max;

	if (n == 0) {
		out[0] = '-';
		return 1;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = print_usascii(s.p[i]) ? s.p[i] : '_';
	return n;
}

bool leaf_name_ok(struct span name)
{
	if (name.n == 0 || name.n > LEAF_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!print_usascii(name.p[i]) || name.p[i] == '=' || name.p[i] == ']' ||
		    name.p[i] == '"')
			return false;
	return true;
}

bool leaf_boot_ok(struct span boot)
{
	static const bool hex[256] = {['0' ... '9'] = true, ['a' ... 'f'] = true};
	bool ok = true;

	if (boot.n != 16)
		return false;
	for (size_t i = 0; i < 16; i++)
		ok &= hex[(unsigned char)boot.p[i]];
	return ok;
}

bool leaf_name_reserved(struct span name)
{
	for (int i = 0; i < LEAF_PARAMS; i++)
		if (span_eq(name, leaf_param_name[i].name))
			return true;
	return false;
}
