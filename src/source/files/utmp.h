/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * utmp.h - records of logins, as text. Nothing in them is trusted: what is no visible character is escaped, a space
 * too, so that no name can go on like a sentence.
 *
 *   wtmp, btmp  struct utmp of 64-bit Linux, 384 bytes (glibc 2.31 to 2.41, sysdeps/gnu/bits/utmp.h, utmp(5))
 *   lastlog     struct lastlog, 292 bytes, one for each uid, at uid * 292
 */
#ifndef LOGVISOR_SOURCE_FILES_UTMP_H
#define LOGVISOR_SOURCE_FILES_UTMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/span.h"

#define UTMP_SIZE 384
#define LASTLOG_SIZE 292
#define UTMP_TEXT_MAX 2048

/* What a record says, its strings as they are in it. */
struct utmp_said {
	struct span user, line, host; /* host: as text, of the address if there is no name */
	int32_t pid, time;
	char address[48];
};

/*
 * The record of UTMP_SIZE bytes at @raw as a sentence into @text, which has room for UTMP_TEXT_MAX: its length.
 * @failed: of btmp.
 */
size_t utmp_text(const uint8_t *raw, bool failed, char *text, struct utmp_said *said);

/* The entry of LASTLOG_SIZE bytes of @uid; 0: nobody has logged in. */
size_t lastlog_text(const uint8_t *raw, uint32_t uid, char *text, struct utmp_said *said);

#endif
