/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kallsyms.h - the kernel's own symbol table, found and decoded in a copy of its read-only data.
 *
 * The tables (scripts/kallsyms.c of the kernel) have no header and no magic. They are found by the one
 * thing every layout shares: tokens 0x30 to 0x39 of the token table are the digits themselves. From
 * there each neighbour is derived and checked against the next: token_index against token_table, the
 * markers against every 256th name, the number of symbols against the markers and the end of the
 * names. A table is taken only if all of it fits.
 *
 *   layout                       order in memory                                           kernels
 *   "offsets-first"              offsets relative_base num_syms names markers tokens       4.6 - 6.1
 *   "offsets-first+seqs"         the same, seqs_of_names between markers and tokens        later 6.1.y, 6.2, 6.3
 *   "names-first"                num_syms names markers tokens offsets relative_base seqs  6.4 - 6.19
 *   "place-relative"             num_syms names markers tokens offsets seqs                7.0+
 *
 * Each table is aligned to 8 bytes, in 7.x to 4.
 *
 * In the first three layouts an offset is either base + offset, or with CONFIG_KALLSYMS_ABSOLUTE_PERCPU
 * (x86-64 to 6.14) the value itself if positive and base - 1 - offset if negative.
 */
#ifndef LOGVISOR_GUEST_KALLSYMS_H
#define LOGVISOR_GUEST_KALLSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KALLSYMS_NAME_MAX 512 /* KSYM_NAME_LEN, include/linux/kallsyms.h, 6.1+; 128 before */

struct kallsyms {
	const char *layout; /* static text; NULL: nothing loaded */
	uint32_t n;
	uint64_t *address;  /* [n] */
	uint8_t *names;     /* compressed, each a length (one or two bytes) and so many tokens */
	size_t names_len;
	uint32_t *name_at;  /* [n] offsets into names */
	char *tokens;       /* the 256 tokens, NUL-terminated */
	uint16_t token_at[256];
	uint32_t *bucket;   /* by hash of the name: index + 1 of the first symbol, 0 none */
	uint32_t *chain;    /* [n] index + 1 of the next symbol in the same bucket */
	unsigned bucket_bits;
};

/*
 * Look for the tables in @buf, a copy of kernel memory at virtual address @gva (page aligned), in a
 * kernel whose image lies in [lo, hi). 0 and *k filled (free with kallsyms_free), -ENOENT if there is
 * no token table, -EBADMSG if there is one and nothing fits around it; *why then says what did not.
 */
int kallsyms_load(struct kallsyms *k, const uint8_t *buf, size_t len, uint64_t gva, uint64_t lo,
	uint64_t hi, const char **why);
void kallsyms_free(struct kallsyms *k);

/* The offset in @buf, from @from on, of what looks like tokens "0" to "9"; @len if there is none. */
size_t kallsyms_digits(const uint8_t *buf, size_t len, size_t from);

/* Are token_table and token_index around the digits at @hit? @buf is page aligned in memory. */
bool kallsyms_tokens(const uint8_t *buf, size_t len, size_t hit);

/*
 * Symbol @i's name (NUL-terminated, without the type) and type letter; @i < k->n.
 * Returns the name's length.
 */
size_t kallsyms_name(const struct kallsyms *k, uint32_t i, char name[KALLSYMS_NAME_MAX], char *type);

/*
 * The index of the first symbol called @name, or with @after >= 0 (what the last call returned) of the
 * next one of that name. -ENOENT if there is none.
 */
int64_t kallsyms_find(const struct kallsyms *k, const char *name, int64_t after);

#endif
