/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/read/fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/copy.h"
#include "record/record.h"

#define LOGS_MAX (4 << 20) /* bytes of a list: ten thousand logs of the longest names */

int fetch_grow(struct ledger *copy, struct far *f, struct err *e)
{
	uint64_t size = f->checkpoint.size;
	int r = 0;

	while (!r && ledger_size(copy) < size) {
		uint64_t at = ledger_size(copy);
		struct far_bundle b;

		r = far_bundle(f, at / LEDGER_BUNDLE, &b, e);
		for (uint64_t k = at % LEDGER_BUNDLE; !r && k < b.n; k++)
			r = copy_append(copy, far_leaf(&b, k), &b.leaf[k], e);
		far_bundle_free(&b);
	}
	return r ? r : copy_seal(copy, &f->checkpoint, &f->key, (struct span){f->note, f->note_len}, e);
}

int fetch_all(struct far *f, const char *dir, struct err *e)
{
	const struct copy_keys keys = {&f->key, 1};
	struct ledger *copy;
	int r = copy_open(&copy, dir, &keys, NULL, e);

	if (r)
		return r;
	r = fetch_grow(copy, f, e);
	if (r)
		ledger_abandon(copy);
	else
		r = ledger_close(copy, e);
	return r;
}

/* The part of @line up to the next space, which goes with it. */
static struct span word(struct span *line)
{
	const char *space = line->n ? memchr(line->p, ' ', line->n) : NULL;
	struct span w = {line->p, space ? (size_t)(space - line->p) : line->n};

	line->p += w.n + (space ? 1 : 0);
	line->n -= w.n + (space ? 1 : 0);
	return w;
}

static bool take_word(struct span w, char out[FAR_NAME_MAX + 1])
{
	if (!w.n || w.n > FAR_NAME_MAX)
		return false;
	memcpy(out, w.p, w.n);
	out[w.n] = '\0';
	return true;
}

int fetch_logs_parse(struct span text, struct fetch_log **logs, size_t *n, struct err *e)
{
	struct span line;
	size_t room = 0;

	*logs = NULL;
	*n = 0;
	while (text.n) {
		struct fetch_log l;

		if (!span_line(&text, &line))
			goto bad;
		if (!take_word(word(&line), l.origin) || !span_decimal(word(&line), &l.size) || !take_word(line, l.name) ||
			!note_name_ok(l.origin) || !record_name_ok(l.name))
			goto bad;
		if (*n == room) {
			struct fetch_log *more;

			room = room ? 2 * room : 16;
			more = realloc(*logs, room * sizeof(**logs));
			if (!more) {
				free(*logs);
				*logs = NULL;
				return err_set(e, ENOMEM, "out of memory");
			}
			*logs = more;
		}
		(*logs)[(*n)++] = l;
	}
	return 0;
bad:
	free(*logs);
	*logs = NULL;
	return err_set(e, EBADMSG, "the mirror's list of logs: line %zu is none of origin, size and name", *n + 1);
}

int fetch_logs(const struct far_server *server, struct fetch_log **logs, size_t *n, struct err *e)
{
	char *data = NULL;
	size_t len;
	int r = server->get(server->ctx, "logs", LOGS_MAX, &data, &len, e);

	*logs = NULL;
	*n = 0;
	if (!r)
		r = fetch_logs_parse((struct span){data, len}, logs, n, e);
	free(data);
	return r;
}

static int get(void *ctx, const char *path, size_t max, char **data, size_t *n, struct err *e)
{
	struct http_request q = {.path = path, .max = max};
	struct http_answer a;
	int r = http_send(ctx, &q, &a, e);

	*data = NULL;
	if (!r && a.status == 404)
		r = err_set(e, ENOENT, "%.120s is not there, or not for this client", path);
	else if (!r && a.status != 200)
		r = err_set(e, a.status == 403 ? EACCES : EIO, "%.120s: the mirror answers with status %ld", path, a.status);
	if (!r) {
		*data = a.body;
		*n = a.n;
		a.body = NULL;
	}
	http_answer_free(&a);
	return r;
}

struct far_server fetch_server(struct http *h)
{
	return (struct far_server){get, h};
}
