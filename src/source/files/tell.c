/* SPDX-License-Identifier: BSD-3-Clause */
/* tell.c - records of what became of a file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "source/files/impl.h"
#include "source/files/utmp.h"

/* RFC 5424, table 1 and 2 */
enum { FACILITY_USER = 1, FACILITY_AUTHPRIV = 10, FACILITY_LOG_AUDIT = 13 };
enum { WARNING = 4, NOTICE = 5, INFO = 6 };

#define LASTLOG_LOOK (64U << 20) /* bytes of lastlog that are looked through; uids above are rare */

static void begin(struct files *f, const struct files_entry *e, enum record_fidelity fid, struct outbox_message *m)
{
	*m = (struct outbox_message){.channel = e->channel, .fidelity = fid, .time_us = f->now_us, .copy = &f->copy,
		.facility = FACILITY_USER, .severity = INFO};
	sender_resolve(f->sender, &f->copy, f->now_ms, &m->paths);
	m->paths.file = span_of(e->path);
}

void files_tell(struct files *f, const struct files_entry *e, enum record_fidelity fid, const char *op, struct span text,
	struct span to)
{
	struct outbox_message m;

	begin(f, e, fid, &m);
	m.facility = FACILITY_LOG_AUDIT;
	m.severity = !strcmp(op, "extend") || !strcmp(op, "mmap") ? NOTICE : WARNING;
	m.text = text;
	m.observed[m.n_observed++] = (struct record_param){span_of("op"), span_of(op)};
	if (to.n)
		m.observed[m.n_observed++] = (struct record_param){span_of("to"), to};
	outbox_put(&f->out, &m);
}

/* ---- logins ---- */

static void claim(struct outbox_message *m, const char *name, struct span value)
{
	if (value.n)
		m->claimed[m->n_claimed++] = (struct record_param){span_of(name), value};
}

static void put_login(struct files *f, const struct files_entry *e, enum record_fidelity fid, uint64_t off,
	struct span text, const struct utmp_said *said)
{
	struct outbox_message m;
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRId32, said->time);

	begin(f, e, fid, &m);
	m.facility = FACILITY_AUTHPRIV;
	m.severity = e->channel == RECORD_BTMP ? NOTICE : INFO;
	m.has_offset = true;
	m.offset = off;
	m.text = text;
	claim(&m, "user", said->user);
	claim(&m, "line", said->line);
	claim(&m, "host", said->host);
	claim(&m, "time", (struct span){digits, (size_t)n});
	outbox_put(&f->out, &m);
}

/* @len bytes of one page at @off: what was copied at the trap, or what the page cache has. As filepages_page(). */
static int page_bytes(const struct files *f, const struct files_entry *e, uint64_t off, void *buf, size_t len, bool *hole)
{
	if (off >= f->given.at && len <= f->given.n && off - f->given.at <= f->given.n - len) {
		memcpy(buf, f->given.p + (off - f->given.at), len);
		*hole = false;
		return 0;
	}
	return filepages_page(&f->mem, &f->pages, e->mapping, off, buf, len, hole);
}

/* @len bytes at @off, maybe over the border of two pages. */
static bool file_bytes(struct files *f, const struct files_entry *e, uint64_t off, uint8_t *buf, size_t len)
{
	const size_t left = FILEPAGES_PAGE - (size_t)(off % FILEPAGES_PAGE), n = left < len ? left : len;
	bool hole;

	return !page_bytes(f, e, off, buf, n, &hole) && (n == len || !page_bytes(f, e, off + n, buf + n, len - n, &hole));
}

/* Whole records up to @to. A record is written in two where a page ends. */
static void tell_logins(struct files *f, struct files_entry *e, uint64_t to, enum record_fidelity fid)
{
	char text[UTMP_TEXT_MAX];
	uint8_t raw[UTMP_SIZE];
	struct utmp_said said;
	size_t n;

	if (e->told < to && to - e->told > FILES_GROWN_MAX) {
		outbox_lost(&f->out, e->channel, (to - e->told - FILES_GROWN_MAX) / UTMP_SIZE + 1,
			"the file grew by more than is read at once");
		e->told += (to - e->told - FILES_GROWN_MAX) / UTMP_SIZE * UTMP_SIZE + UTMP_SIZE;
	}
	/* A size is whatever the guest says, up to the last of numbers. */
	for (; e->told < to && to - e->told >= UTMP_SIZE; e->told += UTMP_SIZE) {
		if (!file_bytes(f, e, e->told, raw, sizeof(raw))) {
			outbox_lost(&f->out, e->channel, 1, "the record was not readable in the guest's memory");
			continue;
		}
		n = utmp_text(raw, e->channel == RECORD_BTMP, text, &said);
		put_login(f, e, fid, e->told, (struct span){text, n}, &said);
	}
}

static bool told_uid(const struct files_entry *e, uint32_t uid)
{
	for (unsigned i = 0; i < e->n_told; i++)
		if (e->told_uid[i] == uid)
			return true;
	return false;
}

/* Entries that are newer than those told; logins of one second may come in any order. */
void files_tell_lastlog(struct files *f, struct files_entry *e, enum record_fidelity fid)
{
	const uint64_t size = e->state.size < LASTLOG_LOOK ? e->state.size : LASTLOG_LOOK;
	char text[UTMP_TEXT_MAX], page[FILEPAGES_PAGE];
	int64_t newest = e->last_login;
	uint8_t raw[LASTLOG_SIZE];
	uint64_t seen = UINT64_MAX; /* the page that was looked at last, */
	bool hole = true;           /* and is there none? */

	for (uint64_t off = 0; off + LASTLOG_SIZE <= size; off += LASTLOG_SIZE) {
		const uint32_t uid = (uint32_t)(off / LASTLOG_SIZE);
		struct utmp_said said;
		size_t n;

		if (off / FILEPAGES_PAGE != seen) {
			seen = off / FILEPAGES_PAGE;
			if (filepages_page(&f->mem, &f->pages, e->mapping, seen * FILEPAGES_PAGE, page, sizeof(page), &hole))
				hole = true;
		}
		if (hole || !file_bytes(f, e, off, raw, sizeof(raw)))
			continue;
		n = lastlog_text(raw, uid, text, &said);
		if (!n || said.time < e->last_login || (said.time == e->last_login && told_uid(e, uid)))
			continue;
		put_login(f, e, fid, off, (struct span){text, n}, &said);
		if (said.time > newest) {
			newest = said.time;
			e->n_told = 0;
		}
		if (said.time == newest && e->n_told < FILES_TOLD_MAX)
			e->told_uid[e->n_told++] = uid;
	}
	e->last_login = newest;
}

/* ---- lines ---- */

/* What was gathered of text, which ends at @end. */
static void put_text(struct files *f, const struct files_entry *e, enum record_fidelity fid, uint64_t end, size_t *n,
	bool lost)
{
	struct outbox_message m;

	if (!*n && !lost)
		return;
	begin(f, e, fid, &m);
	m.has_offset = true;
	m.offset = end - *n;
	m.text = (struct span){f->chunk, *n};
	m.truncated = lost;
	streams_take(&f->streams, &m);
	*n = 0;
}

/*
 * Bytes [@from, @to) were added; those of pages that do not exist are no text: the file was made longer. *@empty: all
 * of them are such.
 */
void files_tell_grown(struct files *f, struct files_entry *e, uint64_t from, uint64_t to, enum record_fidelity fid,
	bool *empty)
{
	const uint64_t end = to - from > FILES_GROWN_MAX ? from + FILES_GROWN_MAX : to;
	uint64_t holes = 0, at = from;
	size_t n = 0;
	char text[160];

	*empty = true;
	if (e->channel == RECORD_WTMP || e->channel == RECORD_BTMP) {
		*empty = false;
		tell_logins(f, e, to, fid);
		return;
	}
	while (at < end && e->channel != RECORD_LASTLOG) {
		const size_t left = FILEPAGES_PAGE - (size_t)(at % FILEPAGES_PAGE), step = left < end - at ? left : (size_t)(end - at);
		bool hole;

		if (n + step > sizeof(f->chunk))
			put_text(f, e, fid, at, &n, false);
		if (page_bytes(f, e, at, f->chunk + n, step, &hole)) {
			put_text(f, e, fid, at, &n, true);
			outbox_lost(&f->out, e->channel, 1, "what was written was not readable in the guest's memory");
			*empty = false;
			return;
		}
		if (hole)
			put_text(f, e, fid, at, &n, false);
		n += hole ? 0 : step;
		holes += hole ? step : 0;
		*empty &= hole;
		at += step;
	}
	put_text(f, e, fid, at, &n, false);
	if (*empty)
		holes = to - from;
	else if (to > end)
		outbox_lost(&f->out, e->channel, 1, "the file grew by more than is read at once");
	if (holes && e->channel != RECORD_LASTLOG)
		files_tell(f, e, fid, "extend", (struct span){text, (size_t)snprintf(text, sizeof(text),
			fid == RECORD_LATE ? "made longer by %" PRIu64 " bytes that the page cache does not have: none, or written past it" :
			"made longer by %" PRIu64 " bytes without contents", holes)}, (struct span){NULL, 0});
}
