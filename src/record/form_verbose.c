/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * form_verbose.c - a record with all of its fields: a line with time and cursor, then one for each field.
 */
#include "record/form.h"
#include "record/harmless.h"

#define INDENT 4

void form_verbose_put(const struct form *f, FILE *out, const struct record *r,
	const struct form_fields *fields)
{
	char time[FORM_PRETTY_MAX];

	fprintf(out, "%s [%.*s]\n", form_time_pretty(time, r->time_us, f->utc, true),
		(int)fields->field[0].value.n, fields->field[0].value.p); /* the first is __CURSOR */
	for (size_t i = 1; i < fields->n; i++) {
		struct span key = form_field_key(&fields->field[i]);
		bool bright = f->colour && span_is(key, "MESSAGE");

		if (form_field_is_address(key))
			continue;
		fprintf(out, "%*s%s%.*s=", INDENT, "", bright ? "\033[1m" : "", (int)key.n, key.p);
		harmless_put(out, fields->field[i].value, f->ascii, INDENT + (int)key.n + 1);
		fputs_unlocked(bright ? "\033[0m\n" : "\n", out);
	}
}
