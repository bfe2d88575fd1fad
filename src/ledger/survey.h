/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * survey.h - what stands in a ledger's log/: its segments by their files' names. Names are as hostile as
 * contents: anyone who can write there can make "99999999.entries". So what belongs to the log is decided
 * by where it follows on, never by the highest number.
 */
#ifndef LOGVISOR_LEDGER_SURVEY_H
#define LOGVISOR_LEDGER_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/layout.h"

struct survey {
	uint64_t *segment;      /* those with a regular .entries file, rising */
	size_t n, cap;
	uint64_t *stray;        /* with an .index or .hashes and nothing named .entries, rising */
	size_t n_stray, cap_stray;
	uint64_t odd;           /* the highest segment with a file that is no regular one: */
	char odd_name[LAYOUT_NAME]; /* its name, or "" */
};

/* 0, or -errno: no directory log/ (-ENOENT, -ENOTDIR, -ELOOP), -ENOMEM. survey_free() in any case. */
int survey_load(int dir, struct survey *s);
void survey_free(struct survey *s);

bool survey_has(const struct survey *s, uint64_t segment);

/* Take note of @segment, which was found there later. 0 or -ENOMEM. */
int survey_add(struct survey *s, uint64_t segment);

/* How many segments there are of @from to @to - 1. */
uint64_t survey_count(const struct survey *s, uint64_t from, uint64_t to);

/* The lowest segment there that is @from or higher; the highest below @to. False if there is none. */
bool survey_next(const struct survey *s, uint64_t from, uint64_t *segment);
bool survey_before(const struct survey *s, uint64_t to, uint64_t *segment);

/*
 * Where to look for the log's end when @signed_size leaves are said to be signed and @first is the lowest
 * kept: the highest segment there that is not beyond leaf signed_size - 1. From there on segments follow
 * one on another. The segment of @first if none is there.
 */
uint64_t survey_start(const struct survey *s, uint64_t first, uint64_t signed_size);

/*
 * What stands where a log that ends in segment @last will grow, and is not of it: @name (LAYOUT_NAME bytes)
 * gets its name. 0 if there is nothing; -EEXIST: an .entries file of a later segment; or file_open()'s
 * -errno of what is no regular file.
 */
int survey_foreign(const struct survey *s, int dir, uint64_t last, char *name);

#endif
