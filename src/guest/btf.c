/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest/btf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

/* include/uapi/linux/btf.h */
#define BTF_MAGIC 0xeb9f
enum kind {
	KIND_INT = 1, KIND_PTR, KIND_ARRAY, KIND_STRUCT, KIND_UNION, KIND_ENUM, KIND_FWD,
	KIND_TYPEDEF, KIND_VOLATILE, KIND_CONST, KIND_RESTRICT, KIND_FUNC, KIND_FUNC_PROTO,
	KIND_VAR, KIND_DATASEC, KIND_FLOAT, KIND_DECL_TAG, KIND_TYPE_TAG, KIND_ENUM64,
};

#define DEPTH_MAX 32         /* of typedef and qualifier chains, of nested members */
#define NAME_MAX_HASHED 128 /* so that a string of megabytes named by every type costs nothing */
#define BUDGET    (4u << 20) /* members looked at for one question */

struct header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t hdr_len, type_off, type_len, str_off, str_len;
};

struct type {
	uint32_t name, info, size; /* size, or the type referred to */
};

struct member {
	uint32_t name, type, offset;
};

struct array {
	uint32_t type, index_type, count;
};

static unsigned kind_of(const struct type *t)
{
	return t->info >> 24 & 0x1f;
}

static unsigned vlen_of(const struct type *t)
{
	return t->info & 0xffff;
}

/* Bytes that follow a record's first twelve; SIZE_MAX for a kind that is not known. */
static size_t extra_len(const struct type *t)
{
	switch (kind_of(t)) {
	case KIND_INT:
	case KIND_VAR:
	case KIND_DECL_TAG:
		return 4;
	case KIND_ARRAY:
		return 12;
	case KIND_STRUCT:
	case KIND_UNION:
	case KIND_DATASEC:
	case KIND_ENUM64:
		return (size_t)12 * vlen_of(t);
	case KIND_ENUM:
	case KIND_FUNC_PROTO:
		return (size_t)8 * vlen_of(t);
	case KIND_PTR:
	case KIND_FWD:
	case KIND_TYPEDEF:
	case KIND_VOLATILE:
	case KIND_CONST:
	case KIND_RESTRICT:
	case KIND_FUNC:
	case KIND_FLOAT:
	case KIND_TYPE_TAG:
		return 0;
	}
	return SIZE_MAX;
}

static struct type type_at(const struct btf_index *b, uint32_t id)
{
	struct type t = {0};

	if (id && id <= b->n)
		memcpy(&t, b->types + b->type_at[id], sizeof(t));
	return t;
}

/* Record @i of @size bytes after type @id's head. */
static void extra_at(const struct btf_index *b, uint32_t id, unsigned i, void *out, size_t size)
{
	memcpy(out, b->types + b->type_at[id] + sizeof(struct type) + i * size, size);
}

static const char *string_at(const struct btf_index *b, uint32_t off)
{
	return off < b->strings_len ? b->strings + off : "";
}

size_t btf_blob_len(const uint8_t *p, size_t len)
{
	struct header h;
	uint64_t types_end, strings_end;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	types_end = (uint64_t)h.hdr_len + h.type_off + h.type_len;
	strings_end = (uint64_t)h.hdr_len + h.str_off + h.str_len;
	if (h.magic != BTF_MAGIC || h.version != 1 || h.hdr_len < sizeof(h) || h.hdr_len > 256 ||
		!h.type_len || !h.str_len || types_end > BTF_BLOB_MAX || strings_end > BTF_BLOB_MAX)
		return 0;
	return types_end > strings_end ? types_end : strings_end;
}

/* Walk all records once to see that they fit, and count them. -1 if they do not. */
static int64_t count_types(const uint8_t *p, size_t len)
{
	struct type t;
	int64_t n = 0;

	for (size_t o = 0; o < len; n++) {
		size_t extra;

		if (len - o < sizeof(t))
			return -1;
		memcpy(&t, p + o, sizeof(t));
		extra = extra_len(&t);
		o += sizeof(t);
		if (extra > len - o)
			return -1;
		o += extra;
	}
	return n;
}

static void index_types(struct btf_index *b)
{
	size_t o = 0;

	for (uint32_t id = 1; id <= b->n; id++) {
		struct type t;

		b->type_at[id] = (uint32_t)o;
		memcpy(&t, b->types + o, sizeof(t));
		o += sizeof(t) + extra_len(&t);
	}
	for (uint32_t id = b->n; id >= 1; id--) {
		struct type t = type_at(b, id);
		unsigned kind = kind_of(&t);
		uint32_t *bucket;

		if (!t.name || (kind != KIND_STRUCT && kind != KIND_UNION && kind != KIND_TYPEDEF))
			continue;
		bucket = &b->bucket[hash_name(string_at(b, t.name), NAME_MAX_HASHED) >> (32 - b->bucket_bits)];
		b->chain[id] = *bucket;
		*bucket = id;
	}
}

int btf_load(struct btf_index *b, uint8_t *blob, size_t len, const char **why)
{
	struct header h;
	int64_t n;

	*b = (struct btf_index){.blob = blob, .len = len, .bucket_bits = 8};
	if (btf_blob_len(blob, len) == 0 || btf_blob_len(blob, len) > len) {
		*why = "its header does not fit";
		btf_free(b);
		return -EBADMSG;
	}
	memcpy(&h, blob, sizeof(h));
	b->types = blob + h.hdr_len + h.type_off;
	b->types_len = h.type_len;
	b->strings = (const char *)blob + h.hdr_len + h.str_off;
	b->strings_len = h.str_len;
	n = count_types(b->types, b->types_len);
	if (n < 0 || b->strings[0] || b->strings[b->strings_len - 1]) {
		*why = n < 0 ? "a type of an unknown kind or length" : "its strings are not terminated";
		btf_free(b);
		return -EBADMSG;
	}
	b->n = (uint32_t)n;
	while ((1u << b->bucket_bits) < b->n / 2)
		b->bucket_bits++;
	b->type_at = calloc(b->n + 1, sizeof(*b->type_at));
	b->chain = calloc(b->n + 1, sizeof(*b->chain));
	b->bucket = calloc(1u << b->bucket_bits, sizeof(*b->bucket));
	if (!b->type_at || !b->chain || !b->bucket) {
		btf_free(b);
		return -ENOMEM;
	}
	index_types(b);
	return 0;
}

void btf_free(struct btf_index *b)
{
	free(b->blob);
	free(b->type_at);
	free(b->bucket);
	free(b->chain);
	*b = (struct btf_index){0};
}

/* Follow typedefs and qualifiers; 0 if the chain is broken or too long. */
static uint32_t resolve(const struct btf_index *b, uint32_t id)
{
	for (int depth = 0; depth < DEPTH_MAX && id && id <= b->n; depth++) {
		struct type t = type_at(b, id);

		switch (kind_of(&t)) {
		case KIND_TYPEDEF:
		case KIND_VOLATILE:
		case KIND_CONST:
		case KIND_RESTRICT:
		case KIND_TYPE_TAG:
			id = t.size;
			continue;
		}
		return id;
	}
	return 0;
}

/* Size in bytes; -1 if it has none. */
static int64_t size_of(const struct btf_index *b, uint32_t id)
{
	uint64_t times = 1;

	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		struct array a;
		struct type t;

		id = resolve(b, id);
		t = type_at(b, id);
		switch (kind_of(&t)) {
		case KIND_INT:
		case KIND_STRUCT:
		case KIND_UNION:
		case KIND_ENUM:
		case KIND_ENUM64:
		case KIND_FLOAT:
		case KIND_DATASEC:
			times *= t.size;
			return times <= UINT32_MAX ? (int64_t)times : -1;
		case KIND_PTR:
			times *= 8;
			return times <= UINT32_MAX ? (int64_t)times : -1;
		case KIND_ARRAY:
			extra_at(b, id, 0, &a, sizeof(a));
			times *= a.count;
			if (times > UINT32_MAX)
				return -1;
			id = a.type;
			continue;
		}
		return -1;
	}
	return -1;
}

struct search {
	const struct btf_index *b;
	const char *name;
	size_t len;
	uint32_t budget;
	uint32_t type; /* found: the member's type */
	struct btf_member_at at;
};

/* Look for the member in struct or union @id, which starts at bit @base. */
static bool search_members(struct search *s, uint32_t id, uint64_t base, int depth)
{
	struct type t = type_at(s->b, id);

	if (depth > DEPTH_MAX || (kind_of(&t) != KIND_STRUCT && kind_of(&t) != KIND_UNION))
		return false;
	for (unsigned i = 0; i < vlen_of(&t); i++) {
		const char *name;
		struct member m;
		uint64_t off;

		if (s->budget == 0)
			return false;
		s->budget--;
		extra_at(s->b, id, i, &m, sizeof(m));
		/* kind_flag: the low 24 bits are the offset, the high 8 a bit-field's size */
		off = base + (t.info >> 31 ? m.offset & 0xffffff : m.offset);
		name = string_at(s->b, m.name);
		if (!*name) {
			if (search_members(s, resolve(s->b, m.type), off, depth + 1))
				return true;
			continue;
		}
		if (strncmp(name, s->name, s->len) || name[s->len])
			continue;
		s->type = m.type;
		s->at.bit_offset = off;
		s->at.bit_size = t.info >> 31 ? m.offset >> 24 : 0;
		return true;
	}
	return false;
}

/* Find @path in type @id, one name after the other. */
static bool search_path(struct search *s, uint32_t id, const char *path)
{
	uint64_t base = 0;

	for (;;) {
		const char *end = strchrnul(path, '.');
		int64_t size;

		s->name = path;
		s->len = (size_t)(end - path);
		id = resolve(s->b, id);
		if (!s->len || !search_members(s, id, base, 0))
			return false;
		if (*end) {
			base = s->at.bit_offset;
			id = s->type;
			path = end + 1;
			continue;
		}
		if (s->at.bit_size)
			return true;
		size = size_of(s->b, s->type);
		s->at.bit_size = size < 0 ? 0 : (uint64_t)size * 8;
		return size >= 0;
	}
}

/* The next struct, union or typedef called @name after @id (0: the first); 0 if there is none. */
static uint32_t next_named(const struct btf_index *b, const char *name, uint32_t id)
{
	if (!b->blob)
		return 0;
	id = id ? b->chain[id] : b->bucket[hash_name(name, NAME_MAX_HASHED) >> (32 - b->bucket_bits)];
	while (id) {
		struct type t = type_at(b, id);

		if (strcmp(string_at(b, t.name), name) == 0)
			return id;
		id = b->chain[id];
	}
	return 0;
}

int btf_find_member(const struct btf_index *b, const char *type, const char *path,
	struct btf_member_at *out)
{
	struct search s = {.b = b, .budget = BUDGET};

	for (uint32_t id = next_named(b, type, 0); id; id = next_named(b, type, id))
		if (search_path(&s, id, path)) {
			*out = s.at;
			return 0;
		}
	return -ENOENT;
}

int btf_find_size(const struct btf_index *b, const char *type, uint32_t *size)
{
	for (uint32_t id = next_named(b, type, 0); id; id = next_named(b, type, id)) {
		int64_t n = size_of(b, id);

		if (n < 0)
			continue;
		*size = (uint32_t)n;
		return 0;
	}
	return -ENOENT;
}

int btf_find_enum(const struct btf_index *b, const char *enumerator, int64_t *value)
{
	for (uint32_t id = 1; b->blob && id <= b->n; id++) {
		struct type t = type_at(b, id);

		for (unsigned i = 0; kind_of(&t) == KIND_ENUM && i < vlen_of(&t); i++) {
			struct { uint32_t name; int32_t value; } e;

			extra_at(b, id, i, &e, sizeof(e));
			if (strcmp(string_at(b, e.name), enumerator) == 0) {
				*value = e.value;
				return 0;
			}
		}
		for (unsigned i = 0; kind_of(&t) == KIND_ENUM64 && i < vlen_of(&t); i++) {
			struct { uint32_t name, low, high; } e;

			extra_at(b, id, i, &e, sizeof(e));
			if (strcmp(string_at(b, e.name), enumerator) == 0) {
				*value = (int64_t)((uint64_t)e.high << 32 | e.low);
				return 0;
			}
		}
	}
	return -ENOENT;
}
