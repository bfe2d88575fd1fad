/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/unix/kind.h"

#include "record/native.h"
#include "record/syslog.h"

#define FACILITY_USER 1

#define SPAN(s) {s, sizeof(s) - 1}

static bool ends(struct span s, struct span with)
{
	return s.n >= with.n && !memcmp(s.p + s.n - with.n, with.p, with.n);
}

enum record_channel unix_channel(struct span path)
{
	static const struct {
		struct span end;
		enum record_channel channel;
	} logs[] = {
		{SPAN("/dev/log"), RECORD_SYSLOG},
		{SPAN("/run/systemd/journal/dev-log"), RECORD_SYSLOG},
		{SPAN("/run/systemd/journal/socket"), RECORD_JOURNAL},
		{SPAN("/run/systemd/journal/stdout"), RECORD_STREAM},
	};
	const struct span deleted = SPAN(" (deleted)"); /* its daemon may still listen */

	if (ends(path, deleted))
		path.n -= deleted.n;
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++)
		if (ends(path, logs[i].end))
			return logs[i].channel;
	return RECORD_META;
}

static void of_syslog(struct span path, struct span text, uint8_t *facility, uint8_t *severity)
{
	unsigned pri;

	if (!syslog_pri(&text, &pri) || pri > 1023) {
		*severity = ends(path, span_of("/dev/log")) ? 5 : 6;
		return;
	}
	*facility = (uint8_t)(pri >> 3);
	*severity = pri & 7;
}

static void of_journal(struct span text, uint8_t *facility, uint8_t *severity)
{
	struct span value;
	uint64_t v;

	if (native_find(text, "PRIORITY", &value) && value.n == 1 && *value.p >= '0' && *value.p <= '7')
		*severity = (uint8_t)(*value.p - '0');
	if (native_find(text, "SYSLOG_FACILITY", &value) && span_decimal(value, &v) && v < 128)
		*facility = (uint8_t)v;
}

void unix_importance(enum record_channel channel, struct span path, struct span text, uint8_t *facility,
	uint8_t *severity)
{
	*facility = FACILITY_USER;
	*severity = 6;
	if (channel == RECORD_SYSLOG)
		of_syslog(path, text, facility, severity);
	else
		of_journal(text, facility, severity);
}
