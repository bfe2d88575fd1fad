/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/record.h"

static const char *const channel_names[RECORD_CHANNELS] = {
	[RECORD_META] = "meta",
	[RECORD_KMSG] = "kmsg",
	[RECORD_SYSLOG] = "syslog",
	[RECORD_JOURNAL] = "journal",
	[RECORD_AUDIT] = "audit",
	[RECORD_STREAM] = "stream",
	[RECORD_FILE] = "file",
};

static const char *const fidelity_names[RECORD_FIDELITIES] = {
	[RECORD_LIVE] = "live",
	[RECORD_BACKFILL] = "backfill",
	[RECORD_LATE] = "late",
	[RECORD_PARTIAL] = "partial",
};

const char *record_channel_name(enum record_channel c)
{
	return (unsigned int)c < RECORD_CHANNELS ? channel_names[c] : "?";
}

const char *record_fidelity_name(enum record_fidelity f)
{
	return (unsigned int)f < RECORD_FIDELITIES ? fidelity_names[f] : "?";
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
