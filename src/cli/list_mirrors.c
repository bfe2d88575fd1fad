/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/list_mirrors.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "ledger/cosign.h"
#include "ledger/file.h"
#include "mirror/push/state.h"
#include "record/harmless.h"
#include "util/cleanup.h"

#define MIRRORS_LISTED 64

struct mirrored {
	struct push_state state;
	uint64_t size, time; /* of the note; 0: there is none */
};

/* The newest checkpoint that @id has cosigned: its size, and the time in a signature that is not the log's. */
static void load_note(int sub, const char *id, struct mirrored *m)
{
	_cleanup_free_ char *note = NULL;
	uint8_t bytes[COSIGN_BYTES];
	struct note_signature s;
	struct checkpoint c;
	struct span rest;
	size_t n;

	if (file_load(sub, id, NOTE_MAX, &note, &n) || checkpoint_parse(note, n, &c, NULL))
		return;
	m->size = c.size;
	rest = c.sigs;
	while (note_signature_next(&rest, &s)) {
		if (span_eq(s.name, c.origin) || !note_signature_bytes(&s, bytes, sizeof(bytes)))
			continue;
		for (unsigned i = 0; i < 8; i++)
			m->time = m->time << 8 | bytes[i];
		if (!m->state.name[0])
			snprintf(m->state.name, sizeof(m->state.name), "%.*s", (int)(s.name.n < 255 ? s.name.n : 255),
				s.name.p);
		return;
	}
}

static void put(const char *s)
{
	harmless_put(stdout, span_of(s), false, HARMLESS_ONE_LINE);
}

static void print_text(const struct mirrored *m, uint64_t end)
{
	const struct push_state *s = &m->state;
	int64_t age = (int64_t)time(NULL) - (int64_t)m->time;

	printf("  %s ", strcmp(s->kind, "witness") ? "mirror" : "witness");
	put(s->name[0] ? s->name : "?");
	if (m->size)
		printf(": %" PRIu64 " records cosigned %" PRId64 " s ago, %" PRIu64 " behind", m->size, age,
			end > m->size ? end - m->size : 0);
	else
		fputs(": nothing cosigned yet", stdout);
	if (s->has != UINT64_MAX && s->has < m->size)
		printf("; it has lost all from %" PRIu64 " on", s->has);
	if (s->trouble[0]) {
		fputs("; ", stdout);
		put(s->text);
	}
	putchar('\n');
}

static void print_json(const struct mirrored *m, uint64_t end, bool first)
{
	const struct push_state *s = &m->state;

	printf("%s{\"kind\":", first ? "" : ",");
	cli_json_string(s->kind);
	fputs(",\"name\":", stdout);
	cli_json_string(s->name);
	fputs(",\"url\":", stdout);
	cli_json_string(s->url);
	printf(",\"cosigned\":%" PRIu64 ",\"behind\":%" PRIu64 ",\"cosigned_s\":%" PRIu64 ",\"trouble\":", m->size,
		end > m->size ? end - m->size : 0, m->time);
	cli_json_string(s->trouble);
	fputs(",\"text\":", stdout);
	cli_json_string(s->text);
	putchar('}');
}

/* "ID" of "ID" or "ID.state", each once: of a cosigner that has not cosigned yet there is only the latter. */
static bool is_one(int sub, const char *name, char id[COSIGNED_ID + 1])
{
	if (strspn(name, "0123456789abcdef") != COSIGNED_ID)
		return false;
	snprintf(id, COSIGNED_ID + 1, "%.*s", COSIGNED_ID, name);
	return !name[COSIGNED_ID] || (!strcmp(name + COSIGNED_ID, ".state") && faccessat(sub, id, F_OK, 0));
}

void list_mirrors(const char *dir, uint64_t end, bool json)
{
	_cleanup_fd_ int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int sub = d < 0 ? -1 : openat(d, COSIGNED_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = sub < 0 ? NULL : fdopendir(sub);
	const struct dirent *f;
	char id[COSIGNED_ID + 1];
	unsigned n = 0;

	if (!list) {
		if (sub >= 0)
			close(sub);
		return;
	}
	while (n < MIRRORS_LISTED && (f = readdir(list))) {
		struct mirrored m = {.size = 0};

		if (!is_one(sub, f->d_name, id))
			continue;
		push_state_get(d, id, &m.state);
		load_note(sub, id, &m);
		if (json && !n)
			fputs(",\"mirrors\":[", stdout);
		if (json)
			print_json(&m, end, !n);
		else
			print_text(&m, end);
		n++;
	}
	if (json && n)
		putchar(']');
	closedir(list);
}
