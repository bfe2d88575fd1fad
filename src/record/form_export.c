/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * form_export.c - Journal Export Format (systemd.io/JOURNAL_EXPORT_FORMATS): NAME=value lines, a blank
 * line after each entry; a value that is not printable text follows its name's line as a little-endian
 * 64-bit length, the bytes, and a newline.
 */
#include "record/form.h"
#include "record/harmless.h"
#include "record/utf8.h"

static bool printable(struct span s)
{
	uint32_t cp;
	size_t len;

	for (size_t i = 0; i < s.n; i += len) {
		len = 1;
		if (s.p[i] >= 0x20 && s.p[i] < 0x7f)
			continue;
		len = utf8_sequence(s.p + i, s.n - i, &cp);
		if (len == 0 || (cp < 0x20 && cp != '\t') || (cp >= 0x7f && cp < 0xa0))
			return false;
	}
	return true;
}

void form_export_put(const struct form *f, FILE *out, const struct form_fields *fields)
{
	for (size_t i = 0; i < fields->n; i++) {
		struct span key = form_field_key(&fields->field[i]), value = fields->field[i].value;

		fwrite_unlocked(key.p, 1, key.n, out);
		if (f->terminal) {
			putc_unlocked('=', out);
			harmless_put(out, value, f->ascii, HARMLESS_ONE_LINE);
		} else if (printable(value)) {
			putc_unlocked('=', out);
			fwrite_unlocked(value.p, 1, value.n, out);
		} else {
			putc_unlocked('\n', out);
			for (int shift = 0; shift < 64; shift += 8)
				putc_unlocked((int)((uint64_t)value.n >> shift & 0xff), out);
			fwrite_unlocked(value.p, 1, value.n, out);
		}
		putc_unlocked('\n', out);
	}
	putc_unlocked('\n', out);
}
