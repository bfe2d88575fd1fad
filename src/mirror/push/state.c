/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/push/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/file.h"
#include "util/cleanup.h"

#define STATE_MAX 4096

void push_state_of(const struct upload *u, const struct err *why, struct push_state *out)
{
	const struct upload_target *t = u->target;

	memset(out, 0, sizeof(*out));
	snprintf(out->url, sizeof(out->url), "%s", t->url);
	snprintf(out->name, sizeof(out->name), "%s", t->key.name);
	snprintf(out->kind, sizeof(out->kind), "%s", t->kind == UPLOAD_MIRROR ? "mirror" : "witness");
	snprintf(out->trouble, sizeof(out->trouble), "%s", upload_trouble_name(u->trouble));
	if (u->trouble)
		snprintf(out->text, sizeof(out->text), "%.*s", (int)strcspn(why->text, "\n"), why->text);
	out->has = u->peer_has;
}

static void name_of(const char *id, char name[COSIGNED_ID + 8])
{
	snprintf(name, COSIGNED_ID + 8, "%.*s.state", COSIGNED_ID, id);
}

int push_state_put(int dir, const struct vkey *cosigner, const struct push_state *s)
{
	_cleanup_fd_ int d = openat(dir, COSIGNED_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char id[COSIGNED_ID + 1], name[COSIGNED_ID + 8], text[STATE_MAX];
	int n;

	cosigned_id(cosigner, id);
	name_of(id, name);
	n = snprintf(text, sizeof(text), "kind %s\nname %s\nurl %s\n", s->kind, s->name, s->url);
	if (s->has != UINT64_MAX)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "has %" PRIu64 "\n", s->has);
	if (s->trouble[0])
		n += snprintf(text + n, sizeof(text) - (size_t)n, "trouble %s\ntext %s\n", s->trouble, s->text);
	return d < 0 ? -errno : file_replace(d, name, text, (size_t)n, 0644);
}

/* The value of a line that begins with @word; or nothing. */
static void take(struct span line, const char *word, char *out, size_t cap)
{
	size_t n = strlen(word);

	if (line.n > n && !memcmp(line.p, word, n) && line.p[n] == ' ' && !memchr(line.p, '\0', line.n))
		snprintf(out, cap, "%.*s", (int)(line.n - n - 1), line.p + n + 1);
}

int push_state_get(int dir, const char *id, struct push_state *out)
{
	_cleanup_fd_ int d = openat(dir, COSIGNED_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char name[COSIGNED_ID + 8], has[24] = "";
	_cleanup_free_ char *text = NULL;
	struct span rest, line;
	size_t n = 0;
	int r;

	memset(out, 0, sizeof(*out));
	out->has = UINT64_MAX;
	name_of(id, name);
	r = d < 0 ? -errno : file_load(d, name, STATE_MAX, &text, &n);
	if (r)
		return r;
	rest = (struct span){text, n};
	while (span_line(&rest, &line)) {
		take(line, "kind", out->kind, sizeof(out->kind));
		take(line, "name", out->name, sizeof(out->name));
		take(line, "url", out->url, sizeof(out->url));
		take(line, "trouble", out->trouble, sizeof(out->trouble));
		take(line, "text", out->text, sizeof(out->text));
		take(line, "has", has, sizeof(has));
	}
	if (has[0] && !span_decimal(span_of(has), &out->has))
		out->has = UINT64_MAX;
	return 0;
}
