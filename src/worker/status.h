/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * status.h - what a worker tells people: on a terminal one line that is kept up to date, and log
 * lines; otherwise log lines only. Everything goes to stderr; bytes from outside are made harmless.
 */
#ifndef LOGVISOR_WORKER_STATUS_H
#define LOGVISOR_WORKER_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#define STATUS_EVERY_MS 250

struct status {
	const char *name;
	bool live;         /* stderr is a terminal */
	bool shown;        /* the line is on the screen */
	int64_t next_ms;   /* when to draw again */
	int64_t rate_ms;   /* when `rate_records` was counted */
	uint64_t rate_records;
	double rate;       /* records a second, smoothed */
};

struct status_figures {
	uint64_t records, lost;
	int64_t lag_ms;
	const char *state; /* "waiting for the guest to boot", or NULL when capturing */
};

void status_init(struct status *s, const char *name);

/* Draw the line if it is time to and there is a terminal. */
void status_show(struct status *s, int64_t now_ms, const struct status_figures *f);

/* A log line: "logvisor: NAME: text". */
void status_log(struct status *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Leave the last state of the line on the screen. */
void status_end(struct status *s);

#endif
