/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * btf.h - the kernel's type information (BPF Type Format), read out of guest memory.
 *
 * A reader of its own instead of libbpf's btf__new(): libbpf 1.1 trusts a blob's type ids, name
 * offsets and vlen (its check of them came with 1.4), and a guest's blob is hostile. Here every
 * record is checked when the blob is loaded, every id when it is followed, chains of types are
 * followed to a fixed depth, and a search has a budget of steps.
 *
 * Format: Documentation/bpf/btf.rst and include/uapi/linux/btf.h, Linux 5.10 to 7.2.
 */
#ifndef LOGVISOR_GUEST_BTF_H
#define LOGVISOR_GUEST_BTF_H

#include <stddef.h>
#include <stdint.h>

#define BTF_BLOB_MAX (32u << 20) /* a Debian kernel's is 4 to 7 MiB */

struct btf_index {
	uint8_t *blob; /* owned; NULL: nothing loaded */
	size_t len;
	const uint8_t *types;
	size_t types_len;
	const char *strings; /* ends with NUL */
	size_t strings_len;
	uint32_t *type_at;   /* [n + 1] offset of each type's record; id 0 is void */
	uint32_t n;          /* highest type id */
	uint32_t *bucket;    /* by hash of the name: id of a named struct, union or typedef, 0 none */
	uint32_t *chain;     /* [n + 1] next id in the same bucket */
	unsigned bucket_bits;
};

/*
 * Check @blob (malloc'ed; owned by @b from here, also on error) and index it. 0, -ENOMEM, or -EBADMSG
 * with *why.
 */
int btf_load(struct btf_index *b, uint8_t *blob, size_t len, const char **why);
void btf_free(struct btf_index *b);

/* If a blob begins at @p (of which @len bytes are there), its whole length by its header, else 0. */
size_t btf_blob_len(const uint8_t *p, size_t len);

/* Where a member is: offsets and sizes in bits, from the start of the outermost type. */
struct btf_member_at {
	uint64_t bit_offset, bit_size;
};

/* As guest_member(), guest_sizeof() and guest_enum() in guest.h. */
int btf_find_member(const struct btf_index *b, const char *type, const char *path,
	struct btf_member_at *out);
int btf_find_size(const struct btf_index *b, const char *type, uint32_t *size);
int btf_find_enum(const struct btf_index *b, const char *enumerator, int64_t *value);

#endif
