/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * syslog.h - what a datagram to /dev/log says: RFC 3164 as programs send it (with a date or without, with a host or
 * without), RFC 5424, or neither. All of it is the sender's word.
 *
 *	<13>Nov 23 23:19:04 sshd[4711]: text       glibc's syslog(3), logger
 *	<13>Nov 23 23:19:04 web01 sshd[4711]: text some libraries, and relays
 *	<13>2026-11-23T23:19:04.5+01:00 ...        rsyslog's, with RFC 3339's date
 *	<13>sshd[4711]: text                       no date
 *	<13>1 2026-11-23T23:19:04Z web01 sshd 4711 ID47 - text
 */
#ifndef LOGVISOR_RECORD_SYSLOG_H
#define LOGVISOR_RECORD_SYSLOG_H

#include <stdbool.h>

#include "util/span.h"

/* Spans point into the datagram; what is not there is empty. */
struct syslog_said {
	bool has_pri;
	unsigned pri; /* facility * 8 + severity, 0 to 1023 */
	struct span time, host, tag, pid, msgid, sd;
	struct span text;
};

/*
 * "<N>" at the beginning of *@s, 0 to 1023, as journald takes it (syslog_parse_priority(), systemd 252:
 * one to three digits): cut off, and its number in *@pri. False: there is none, *@s is as it was.
 */
bool syslog_pri(struct span *s, unsigned *pri);

/* Take @datagram apart. Whatever it is, it is something: `text` is what is left. */
void syslog_parse(struct span datagram, struct syslog_said *out);

#endif
