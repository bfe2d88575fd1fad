/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show_boots.c - show --list-boots: as journalctl's, the latest being 0.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/show.h"

static void put_json(const struct pane *v, const struct boot *b, int64_t index)
{
	printf("{\"name\":\"%s\",\"index\":%" PRId64 ",\"boot_id\":\"%s" BOOT_PAD "\",\"first_entry\":%" PRId64
		",\"last_entry\":%" PRId64 "}\n", v->name, index, b->id, b->first_us, b->last_us);
}

static void put_table(const struct show_options *o, const struct boots *b)
{
	char first[FORM_PRETTY_MAX], last[FORM_PRETTY_MAX];
	int width = b->n > 10 ? 3 : b->n > 1 ? 2 : 1;
	bool head = !o->quiet && b->n;

	for (uint64_t n = b->n; n > 100; n /= 10) /* the longest is -(n - 1) */
		width++;
	if (head && width < 3)
		width = 3;
	for (size_t i = 0; i < b->n; i++) {
		size_t k = o->form.reverse ? b->n - 1 - i : i;
		const struct boot *boot = &b->boot[k];

		form_time_pretty(first, boot->first_us, o->form.utc, false);
		form_time_pretty(last, boot->last_us, o->form.utc, false);
		if (head && i == 0)
			printf("%*s BOOT ID                          %-*s LAST ENTRY\n", width, "IDX",
				(int)strlen(first), "FIRST ENTRY");
		printf("%*" PRId64 " %s" BOOT_PAD " %s %s\n", width, (int64_t)k - (int64_t)b->n + 1, boot->id,
			first, last);
	}
}

int show_boots(const struct show_options *o, const struct panes *panes)
{
	struct err e = {""};
	struct boots b;

	for (size_t i = 0; i < panes->n; i++) {
		const struct pane *v = panes->pane[i];
		int r = boots_read(v->reader, &b, &e);

		if (r) {
			boots_free(&b);
			return cli_fail(&e);
		}
		if (o->form.kind == FORM_JSON) {
			for (size_t k = 0; k < b.n; k++) {
				size_t at = o->form.reverse ? b.n - 1 - k : k;

				put_json(v, &b.boot[at], (int64_t)at - (int64_t)b.n + 1);
			}
		} else {
			if (panes->n > 1)
				printf("%s%s:\n", i ? "\n" : "", v->name);
			put_table(o, &b);
		}
		boots_free(&b);
	}
	return EXIT_OK;
}
