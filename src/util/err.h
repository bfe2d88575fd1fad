/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * err.h - one error message on its way to the user.
 *
 * A function that can fail for a reason worth telling takes a `struct err *` (may be NULL), fills it
 * with one line that says what, where and what to do next, and returns a negative errno. Only cli/
 * prints, as "logvisor: <text>".
 */
#ifndef LOGVISOR_UTIL_ERR_H
#define LOGVISOR_UTIL_ERR_H

struct err {
	char text[512];
};

/*
 * Fill @e (may be NULL; text is cut to fit) and return -@code, so that `return err_set(e, EINVAL, ...)`
 * reads naturally. @code is a positive errno; it is not added to the text.
 */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "<prefix>: " in front of what @e holds already (printf-like). */
void err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
