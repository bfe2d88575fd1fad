/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/harmless.h"

#include "record/utf8.h"

bool harmless_is_format(uint32_t cp)
{
	return cp == 0x061c ||                    /* Arabic letter mark */
		(cp >= 0x200b && cp <= 0x200f) || /* zero width, directional marks */
		(cp >= 0x2028 && cp <= 0x202e) || /* line separators, bidi embeddings, overrides */
		(cp >= 0x2060 && cp <= 0x206f) || /* invisible operators, bidi isolates */
		cp == 0xfeff || (cp >= 0xfff9 && cp <= 0xfffb) || /* interlinear annotation */
		(cp >= 0xe0000 && cp <= 0xe0fff);                 /* tags */
}

static bool plain(unsigned char c)
{
	return (c >= 0x20 && c < 0x7f) || c == '\t';
}

static void put_bytes(FILE *out, const char *s, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		char shown[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};

		fwrite_unlocked(shown, 1, sizeof(shown), out);
	}
}

void harmless_put(FILE *out, struct span s, bool ascii, int indent)
{
	size_t i = 0, run, len;
	uint32_t cp;

	while (i < s.n) {
		for (run = i; run < s.n && plain((unsigned char)s.p[run]);)
			run++;
		if (run > i)
			fwrite_unlocked(s.p + i, 1, run - i, out);
		i = run;
		if (i == s.n)
			return;
		if (s.p[i] == '\n' && indent != HARMLESS_ONE_LINE) {
			putc_unlocked('\n', out);
			for (int k = 0; k < indent; k++)
				putc_unlocked(' ', out);
			i++;
			continue;
		}
		len = utf8_sequence(s.p + i, s.n - i, &cp);
		if (len < 2 || ascii || cp < 0xa0) {
			len = len ? len : 1;
			put_bytes(out, s.p + i, len);
		} else if (harmless_is_format(cp)) {
			fprintf(out, "\\u{%x}", cp);
		} else {
			fwrite_unlocked(s.p + i, 1, len, out);
		}
		i += len;
	}
}
