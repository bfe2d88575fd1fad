/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/record.h"

#define NAME(s) {s, sizeof(s) - 1}

const struct span record_channel_names[RECORD_CHANNELS] = {
	[RECORD_META] = NAME("meta"),
	[RECORD_KMSG] = NAME("kmsg"),
	[RECORD_SYSLOG] = NAME("syslog"),
	[RECORD_JOURNAL] = NAME("journal"),
	[RECORD_AUDIT] = NAME("audit"),
	[RECORD_STREAM] = NAME("stream"),
	[RECORD_FILE] = NAME("file"),
	[RECORD_WTMP] = NAME("wtmp"),
	[RECORD_BTMP] = NAME("btmp"),
	[RECORD_LASTLOG] = NAME("lastlog"),
};

const struct span record_fidelity_names[RECORD_FIDELITIES] = {
	[RECORD_LIVE] = NAME("live"),
	[RECORD_BACKFILL] = NAME("backfill"),
	[RECORD_LATE] = NAME("late"),
	[RECORD_PARTIAL] = NAME("partial"),
	[RECORD_DIFFERS] = NAME("differs"),
};

const char *record_channel_name(enum record_channel c)
{
	return (unsigned int)c < RECORD_CHANNELS ? record_channel_names[c].p : "?";
}

const char *record_fidelity_name(enum record_fidelity f)
{
	return (unsigned int)f < RECORD_FIDELITIES ? record_fidelity_names[f].p : "?";
}

static bool alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool record_name_span_ok(struct span name)
{
	if (name.n < 1 || name.n > RECORD_NAME_MAX || !alnum(name.p[0]))
		return false;
	for (size_t i = 1; i < name.n; i++)
		if (!alnum(name.p[i]) && name.p[i] != '.' && name.p[i] != '_' && name.p[i] != '-')
			return false;
	return true;
}

bool record_name_ok(const char *name)
{
	return name && record_name_span_ok((struct span){name, strnlen(name, RECORD_NAME_MAX + 1)});
}
