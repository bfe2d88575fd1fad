/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void status_init(struct status *s, const char *name)
{
	const char *term = getenv("TERM");

	memset(s, 0, sizeof(*s));
	s->name = name;
	s->live = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

static void clear(struct status *s)
{
	if (s->shown)
		fputs("\r\033[K", stderr);
	s->shown = false;
}

void status_show(struct status *s, int64_t now_ms, const struct status_figures *f)
{
	if (!s->live || now_ms < s->next_ms)
		return;
	s->next_ms = now_ms + STATUS_EVERY_MS;
	if (s->rate_ms && now_ms > s->rate_ms) {
		double now = (double)(f->records - s->rate_records) * 1000 /
			(double)(now_ms - s->rate_ms);

		s->rate = s->rate * 0.7 + now * 0.3;
	}
	s->rate_ms = now_ms;
	s->rate_records = f->records;
	clear(s);
	if (f->state)
		fprintf(stderr, "%s  %s", s->name, f->state);
	else
		fprintf(stderr,
			"%s  records %" PRIu64 "  rate %.0f/s  lost %" PRIu64 "  lag %" PRId64
			" ms",
			s->name, f->records, s->rate < 0.5 ? 0 : s->rate, f->lost, f->lag_ms);
	fflush(stderr);
	s->shown = true;
}

void status_log(struct status *s, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	clear(s);
	s->next_ms = 0;
	fprintf(stderr, "logvisor: %s: %s\n", s->name, text);
}

void status_end(struct status *s)
{
	if (s->shown)
		fputc('\n', stderr);
	s->shown = false;
}
