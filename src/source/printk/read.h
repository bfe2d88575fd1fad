/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * read.h - one record out of a printk ring, by sequence number, while the guest may be
 * writing to it. Reading follows the kernel's own reader (prb_read(): state, contents, state
 * again), with one thing more: the text of a descriptor already marked reusable is still whole as
 * long as the head of the data ring has not come round to it, and is then recovered.
 */
#ifndef LOGVISOR_SOURCE_PRINTK_READ_H
#define LOGVISOR_SOURCE_PRINTK_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "record/record.h"
#include "source/printk/layout.h"

/* text_len is a u16, so this is the longest text there can be. */
#define PRINTK_TEXT_CAP 65536

/* A record as the guest's kernel stored it. */
struct printk_entry {
	uint64_t seq, ts_nsec;
	uint32_t caller_id;
	uint32_t text_len;
	uint8_t facility, flags,
		level; /* flags: enum printk_info_flags, kernel/printk/internal.h */
	uint8_t info[PRB_INFO_MAX];     /* raw, for dev_info and comm */
	char *text;                     /* PRINTK_TEXT_CAP bytes, the reader's */
};

/* enum printk_info_flags, kernel/printk/printk.c (5.10), internal.h (later) */
enum { PRINTK_LOG_CONT = 8 };

enum printk_found {
	PRINTK_WHOLE,      /* final: *entry is filled */
	PRINTK_COMMITTED,  /* *entry is filled as far as it goes; it may still be continued */
	PRINTK_RESERVED,   /* being written */
	PRINTK_FUTURE,     /* not reserved yet */
	PRINTK_PAST,       /* overwritten by a later record */
	PRINTK_NOTEXT,     /* there never was a text: no room in the guest's ring */
	PRINTK_TEXTGONE,   /* the text was overwritten, the descriptor not yet */
	PRINTK_LIE,        /* contradicts itself; *why says how */
	PRINTK_UNREADABLE, /* guest memory not readable */
};

/*
 * Look for record @seq. @e->text must have room for PRINTK_TEXT_CAP bytes. @held: the guest is
 * stopped, nothing needs to be read twice. *@why is a constant string for PRINTK_LIE.
 */
enum printk_found printk_read(const struct printk_layout *l, const struct fetch_mem *m,
	uint64_t seq, bool held, struct printk_entry *e, const char **why);

/*
 * The sequence numbers of the newest record reserved and the oldest descriptor, as the ring's
 * head_id and tail_id say, unwrapped around @near. 0, -EFAULT, or -EBADMSG if they are further
 * apart than the ring is long. An empty ring has head + 1 == tail == 0.
 */
int printk_bounds(const struct printk_layout *l, const struct fetch_mem *m, uint64_t near,
	uint64_t *head, uint64_t *tail);

/* Take the fields of a raw struct printk_info apart; text and text_len are not touched. */
void printk_decode_info(const struct printk_layout *l, struct printk_entry *e);

/* text_len of a raw struct printk_info. */
uint32_t printk_info_text_len(const struct printk_layout *l, const uint8_t *info);

/* @e as a record of channel kmsg; spans point into @e. All but time, host, fidelity and boot. */
void printk_to_record(
	const struct printk_layout *l, const struct printk_entry *e, struct record *r);

#endif
