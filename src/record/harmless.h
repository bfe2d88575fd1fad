/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * harmless.h - untrusted text on its way to people. What could drive a terminal or reorder what is
 * read is shown instead of sent: bytes that are not UTF-8, and C0 and C1 controls, as \xNN each;
 * characters that steer the text's direction, or cannot be seen, as \u{NNNN}. A tab stays a tab.
 */
#ifndef LOGVISOR_RECORD_HARMLESS_H
#define LOGVISOR_RECORD_HARMLESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/span.h"

enum { HARMLESS_ONE_LINE = -1 };

/*
 * Write @s to @out. A newline is followed by @indent spaces, or with HARMLESS_ONE_LINE shown as \x0a.
 * With @ascii everything outside US-ASCII is shown as bytes (for a terminal that is not UTF-8).
 */
void harmless_put(FILE *out, struct span s, bool ascii, int indent);

/* May this character, by itself, change how the text around it is shown? */
bool harmless_is_format(uint32_t cp);

#endif
