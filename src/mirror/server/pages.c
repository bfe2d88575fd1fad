/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pages.c - /logs: a line "ORIGIN SIZE NAME" for each log that the client may see, SIZE being what is cosigned; and
 * /metrics, in Prometheus' text format 0.0.4. Names are ours, origins printable ASCII without quotes' need: a
 * backslash and a quote are escaped.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "mirror/server/impl.h"

static void label(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		fputc(*s, f);
	}
}

char *pages_logs(struct server *s, const struct peer *p)
{
	struct origin_state st;
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	pthread_rwlock_rdlock(&s->lock);
	for (size_t i = 0; i < s->n_entries; i++) {
		const struct entry *t = s->entry[i];

		if (!table_allows(t, p) || !t->origin)
			continue;
		origin_state(t->origin, &st);
		fprintf(f, "%s %" PRIu64 " %s\n", t->rights.conf.origin, st.cosigned, t->rights.conf.name);
	}
	pthread_rwlock_unlock(&s->lock);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static uint64_t up(const struct origin_state *st, bool open)
{
	(void)st;
	return open;
}

#define OF_STATE(member)                                                                                        \
	static uint64_t member(const struct origin_state *st, bool open)                                        \
	{                                                                                                       \
		(void)open;                                                                                     \
		return st->member;                                                                              \
	}

OF_STATE(size)
OF_STATE(pending)
OF_STATE(cosigned)
OF_STATE(cosigned_at)
OF_STATE(packages)
OF_STATE(refused)

static const struct {
	const char *name, *type, *help;
	uint64_t (*value)(const struct origin_state *st, bool open);
} gauges[] = {
	{"log_up", "gauge", "1 if the log can be used.", up},
	{"log_records", "gauge", "Records stored.", size},
	{"log_pending_records", "gauge", "Records under the youngest checkpoint of the log.", pending},
	{"log_cosigned_records", "gauge", "Records under the checkpoint that the mirror has cosigned.", cosigned},
	{"log_cosigned_timestamp_seconds", "gauge", "When it did so; 0: not since it started.", cosigned_at},
	{"log_packages_total", "counter", "Packages of up to 256 records taken in.", packages},
	{"log_packages_refused_total", "counter", "Packages that were not part of the log.", refused},
};

static const struct {
	enum counter c;
	const char *name, *help;
} totals[] = {
	{COUNT_REQUESTS, "requests_total", "Requests begun."},
	{COUNT_CLIENT_ERRORS, "client_errors_total", "Answers of 400 to 499."},
	{COUNT_SERVER_ERRORS, "server_errors_total", "Answers of 500 to 599."},
	{COUNT_HANDSHAKES_REFUSED, "handshakes_refused_total", "Clients without a certificate that is known."},
	{COUNT_CUT_OFF, "cut_off_total", "Connections that did not get on in their time, or whose rights or certificate ended."},
	{COUNT_BYTES_IN, "upload_bytes_total", "Bytes of add-entries as they came."},
	{COUNT_BYTES_UNPACKED, "upload_unpacked_bytes_total", "Bytes that gzip became."},
};

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP logvisor_mirror_%s %s\n# TYPE logvisor_mirror_%s %s\n", name, help, name, type);
}

static void write_logs(FILE *f, struct server *s, const struct peer *p)
{
	for (size_t k = 0; k < sizeof(gauges) / sizeof(gauges[0]); k++) {
		head(f, gauges[k].name, gauges[k].type, gauges[k].help);
		for (size_t i = 0; i < s->n_entries; i++) {
			const struct entry *t = s->entry[i];
			struct origin_state st = {0};

			if (!table_allows(t, p))
				continue;
			if (t->origin)
				origin_state(t->origin, &st);
			fprintf(f, "logvisor_mirror_%s{vm=\"%s\",origin=\"", gauges[k].name, t->rights.conf.name);
			label(f, t->rights.conf.origin);
			fprintf(f, "\"} %" PRIu64 "\n", gauges[k].value(&st, t->origin != NULL));
		}
	}
}

char *pages_metrics(struct server *s, const struct peer *p)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
		head(f, totals[i].name, "counter", totals[i].help);
		fprintf(f, "logvisor_mirror_%s %lu\n", totals[i].name, (unsigned long)s->count[totals[i].c]);
	}
	head(f, "connections", "gauge", "Open connections.");
	fprintf(f, "logvisor_mirror_connections %u\n", (unsigned)s->connections);
	head(f, "unfinished_bytes", "gauge", "Bytes of packages that are not whole yet.");
	fprintf(f, "logvisor_mirror_unfinished_bytes %zu\n", (size_t)s->held);
	pthread_rwlock_rdlock(&s->lock);
	write_logs(f, s, p);
	pthread_rwlock_unlock(&s->lock);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}
