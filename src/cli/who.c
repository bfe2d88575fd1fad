/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/who.h"

#include <errno.h>

#include "record/cgroup.h"
#include "record/meta.h"
#include "record/native.h"
#include "record/said.h"

static const struct {
	const char *option;
	bool number;
} by_option[WHO_BY] = {
	[WHO_IDENTIFIER] = {"--identifier", false}, [WHO_UNIT] = {"--unit", false}, [WHO_PID] = {"--pid", true},
	[WHO_UID] = {"--uid", true}, [WHO_EXE] = {"--exe", false}, [WHO_CONTAINER] = {"--container", false},
};

int who_add(struct who *w, enum who_by by, const char *value, struct err *e)
{
	uint64_t v;

	if (w->n[by] == WHO_MAX)
		return err_set(e, EINVAL, "more than %d times %s", WHO_MAX, by_option[by].option);
	if (by_option[by].number && (!span_decimal(span_of(value), &v) || v > UINT32_MAX))
		return err_set(e, EINVAL, "%s: '%.80s' is not a number", by_option[by].option, value);
	if (by == WHO_EXE && *value != '/')
		return err_set(e, EINVAL, "--exe: '%.80s' is not a path from / on", value);
	w->value[by][w->n[by]++] = value;
	return 0;
}

const char *const who_channel_names[RECORD_CHANNELS] = {
	[RECORD_KMSG] = "kernel", [RECORD_SYSLOG] = "syslog", [RECORD_JOURNAL] = "journal", [RECORD_STREAM] = "stdout",
	[RECORD_AUDIT] = "audit", [RECORD_FILE] = "files",
	[RECORD_WTMP] = "wtmp", [RECORD_BTMP] = "btmp", [RECORD_LASTLOG] = "lastlog",
};

int who_channels(const char *list, unsigned int *channels, struct err *e)
{
	unsigned int all = 0;

	for (;;) {
		const size_t n = strcspn(list, ",");
		const struct span name = {list, n};
		int ch = RECORD_KMSG;

		while (ch < RECORD_CHANNELS && !span_is(name, who_channel_names[ch]) && !span_eq(name, record_channel_names[ch]))
			ch++;
		if (ch == RECORD_CHANNELS)
			return err_set(e, EINVAL, "'%.*s' is not a channel: kernel, syslog, journal, stdout, audit, files, "
				"wtmp, btmp, lastlog",
				(int)(n < 80 ? n : 80), list);
		all |= 1u << ch;
		if (!list[n]) {
			*channels = all;
			return 0;
		}
		list += n + 1;
	}
}

static bool is_one_of(const struct who *w, enum who_by by, struct span value)
{
	for (unsigned int i = 0; i < w->n[by]; i++)
		if (span_is(value, w->value[by][i]))
			return true;
	return false;
}

/* As journalctl -u: a name without a type is a service's. */
static bool unit_is(struct span unit, const char *wanted)
{
	struct span w = span_of(wanted);
	const struct span type = span_of(".service");

	if (span_eq(unit, w))
		return true;
	return unit.n && !memchr(w.p, '.', w.n) && unit.n == w.n + type.n && !memcmp(unit.p, w.p, w.n) &&
		!memcmp(unit.p + w.n, type.p, type.n);
}

/* What a unit's processes sent, and what systemd says of it: journalctl -u shows both. */
static bool of_unit(const struct who *w, const struct record *r, const struct cgroup_said *cg)
{
	struct span about = {NULL, 0};

	if (r->channel == RECORD_JOURNAL && span_is(cg->unit, "init.scope"))
		native_find(r->msg, "UNIT", &about);
	for (unsigned int i = 0; i < w->n[WHO_UNIT]; i++)
		if (unit_is(cg->unit, w->value[WHO_UNIT][i]) || unit_is(cg->user_unit, w->value[WHO_UNIT][i]) ||
			unit_is(about, w->value[WHO_UNIT][i]))
			return true;
	return false;
}

/* By the name, or the id's beginning as container runtimes show it: 12 digits or more. */
static bool of_container(const struct who *w, struct span id)
{
	for (unsigned int i = 0; i < w->n[WHO_CONTAINER]; i++) {
		struct span wanted = span_of(w->value[WHO_CONTAINER][i]);

		if (span_eq(id, wanted) || (wanted.n >= 12 && wanted.n < id.n && !memcmp(id.p, wanted.p, wanted.n)))
			return true;
	}
	return false;
}

static bool identifier_is(const struct who *w, const struct record *r)
{
	struct said s;

	if (is_one_of(w, WHO_IDENTIFIER, r->app))
		return true;
	said_of(r, &s);
	return s.identifier.n && is_one_of(w, WHO_IDENTIFIER, s.identifier);
}

bool who_record(const struct who *w, const struct record *r)
{
	struct cgroup_said cg;

	if ((w->channels && !(w->channels >> r->channel & 1)) || (w->n[WHO_IDENTIFIER] && !identifier_is(w, r)) ||
		(w->n[WHO_PID] && !is_one_of(w, WHO_PID, r->procid)) ||
		(w->n[WHO_UID] && !is_one_of(w, WHO_UID, meta_get(r, "uid"))) ||
		(w->n[WHO_EXE] && !is_one_of(w, WHO_EXE, meta_get(r, "exe"))) || (w->mismatch && !said_mismatch(r)))
		return false;
	if (!w->n[WHO_UNIT] && !w->n[WHO_CONTAINER])
		return true;
	cgroup_parse(meta_get(r, "cgroup"), &cg);
	return (!w->n[WHO_UNIT] || of_unit(w, r, &cg)) && (!w->n[WHO_CONTAINER] || of_container(w, cg.container));
}
