/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest/kallsyms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"
#include "util/load.h"

/* How far the markers can be before the tokens: seqs_of_names has 3 bytes for each symbol. */
#define SEQS_MAX (3u << 20)
#define SYMBOLS_MAX (1u << 20)
#define TOKENS_MAX 0x10000 /* token_index is u16 */

/*
 * Steps (a name walked, a word looked at) after which the search gives up: a kernel takes less
 * than one million, memory made to look like a thousand tables would take for ever.
 */
#define BUDGET (8u << 20)

/* Where the parts are in the copy; offsets from its start. */
struct tables {
	const uint8_t *buf;
	size_t len;
	uint64_t gva, lo, hi;
	size_t tokens, index, markers, names, names_len;
	uint32_t n;
	bool seqs;
	unsigned word; /* alignment of each table: 8 until 6.x, 4 in 7.x */
	uint32_t budget;
};

static bool spend(struct tables *t, uint32_t steps)
{
	if (t->budget < steps) {
		t->budget = 0;
		return false;
	}
	t->budget -= steps;
	return true;
}

/* Up to the next multiple of @a, a power of two. */
static size_t align(size_t n, unsigned a)
{
	return (n + a - 1) & ~(size_t)(a - 1);
}

static uint16_t token_at(const struct tables *t, unsigned i)
{
	return load_u16(t->buf + t->index + 2 * i);
}

/* Is token_index at t->index, for a table that starts at t->tokens? Each token checked. */
static bool index_fits(const struct tables *t)
{
	for (unsigned i = 0; i < 256; i++) {
		size_t at = t->tokens + token_at(t, i);
		size_t end = i < 255 ? t->tokens + token_at(t, i + 1) : t->index;

		if (at >= end || end > t->index)
			return false;
		while (at < end && t->buf[at] > ' ' && t->buf[at] < 0x7f)
			at++;
		if (at >= end || t->buf[at] != 0 || (i < 255 && at + 1 != end))
			return false;
	}
	return true;
}

/* From token '0' at @hit find the ends of token_table and token_index. */
static bool find_tokens(struct tables *t, size_t hit)
{
	size_t p = hit;

	for (unsigned i = '0'; i < 256; i++) {
		const uint8_t *nul = memchr(t->buf + p, 0, t->len - p);

		if (!nul)
			return false;
		p = (size_t)(nul - t->buf) + 1;
		if (p - hit > TOKENS_MAX)
			return false;
	}
	t->index = align(p, t->word);
	if (t->index > t->len || t->len - t->index < 512 || token_at(t, 0) != 0 ||
		token_at(t, '0') > hit)
		return false;
	t->tokens = hit - token_at(t, '0');
	return t->tokens % t->word == 0 && index_fits(t);
}

/* Length of the entry at names[o], length bytes included; 0 if it does not fit before @end. */
static size_t entry_len(const uint8_t *names, size_t o, size_t end)
{
	size_t n, head = 1;

	if (o >= end)
		return 0;
	n = names[o];
	if (n & 0x80) { /* 6.1+: two-byte length, kernel/kallsyms.c kallsyms_expand_symbol() */
		if (end - o < 2)
			return 0;
		n = (n & 0x7f) | (size_t)names[o + 1] << 7;
		head = 2;
	}
	return n && end - o - head >= n ? head + n : 0;
}

/* Do @n names start at @s, meet each marker, and end right before the markers? */
static bool names_fit(struct tables *t, size_t s, uint32_t n)
{
	const uint8_t *names = t->buf + s;
	size_t end = t->markers - s, o = 0;

	for (uint32_t i = 0; i < n; i++) {
		size_t l;

		if (i % 256 == 0 && (!spend(t, 256) ||
			load_u32(t->buf + t->markers + i / 256 * 4) != o))
			return false;
		l = entry_len(names, o, end);
		if (!l)
			return false;
		o += l;
	}
	return align(o, t->word) == end;
}

/*
 * The names end where the markers begin; the last marker says where the last 256 of them start, so
 * their beginning is at most so much further back as 256 names can be long.
 */
static bool find_names(struct tables *t, uint32_t count)
{
	uint32_t last = load_u32(t->buf + t->markers + 4 * (count - 1));
	size_t tail_max = (size_t)256 * (KALLSYMS_NAME_MAX + 2);

	if (t->markers < last)
		return false;
	for (size_t s = (t->markers - last) & ~(size_t)(t->word - 1), tried = 0;
		s >= t->word && tried < tail_max; s -= t->word, tried += t->word) {
		uint32_t n = load_u32(t->buf + s - t->word);

		if (!spend(t, 1))
			return false;
		if (n == 0 || n > SYMBOLS_MAX || (n + 255) / 256 != count)
			continue;
		if (!names_fit(t, s, n))
			continue;
		t->names = s;
		t->names_len = t->markers - s;
		t->n = n;
		return true;
	}
	return false;
}

/* After @count markers come the tokens, or seqs_of_names and then the tokens. */
static bool markers_meet_tokens(struct tables *t)
{
	size_t end = align(t->markers + (size_t)(t->n + 255) / 256 * 4, t->word);

	t->seqs = align(end + (size_t)3 * t->n, t->word) == t->tokens;
	return t->seqs || end == t->tokens;
}

/*
 * Markers are u32, start with 0 and rise by the length of 256 names. Look for such a run backwards
 * from the tokens. What follows the markers may by chance look like one more, so a few shorter runs
 * are tried as well.
 */
static bool find_markers(struct tables *t)
{
	size_t stop = t->tokens > SEQS_MAX ? t->tokens - SEQS_MAX : 0;

	for (size_t q = t->tokens & ~(size_t)(t->word - 1); q >= stop + t->word;) {
		uint32_t count = 1, prev = 0;

		q -= t->word;
		if (!spend(t, 1))
			return false;
		if (load_u32(t->buf + q) != 0)
			continue;
		for (size_t p = q + 4; p + 4 <= t->tokens; p += 4, count++) {
			uint32_t v = load_u32(t->buf + p);

			if (v <= prev || v - prev < 256 * 2 ||
				v - prev > 256 * (KALLSYMS_NAME_MAX + 2))
				break;
			prev = v;
		}
		if (!spend(t, count))
			return false;
		t->markers = q;
		for (uint32_t c = count; c >= 2 && c + 3 > count; c--)
			if (find_names(t, c) && markers_meet_tokens(t))
				return true;
	}
	return false;
}

enum rule { ABSOLUTE_PERCPU, BASE_PLUS, PLACE_RELATIVE };

static uint64_t address(const struct tables *t, enum rule rule, size_t offsets, uint64_t base,
	uint32_t i)
{
	size_t at = offsets + (size_t)4 * i;
	uint32_t off = load_u32(t->buf + at);
	int32_t s = (int32_t)off;

	switch (rule) {
	case ABSOLUTE_PERCPU:
		return s >= 0 ? (uint64_t)s : base - 1 - (uint64_t)(int64_t)s;
	case BASE_PLUS:
		return base + off;
	case PLACE_RELATIVE:
		return t->gva + at + (uint64_t)(int64_t)s;
	}
	return 0;
}

/*
 * Fill k->address by @rule if that makes sense: symbols are sorted by address, and nearly all of them
 * are in the image.
 */
static bool addresses_fit(struct kallsyms *k, const struct tables *t, enum rule rule,
	size_t offsets, uint64_t base)
{
	uint32_t inside = 0, disorder = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		uint64_t a = address(t, rule, offsets, base, i);

		inside += a >= t->lo && a <= t->hi;
		disorder += i && a < k->address[i - 1];
		k->address[i] = a;
	}
	return inside >= t->n / 8 * 7 && disorder <= t->n / 1000;
}

static bool try_based(struct kallsyms *k, const struct tables *t, size_t offsets, size_t base_at)
{
	uint64_t base;

	if (base_at > t->len || t->len - base_at < 8 || offsets > t->len ||
		(t->len - offsets) / 4 < t->n)
		return false;
	base = load_u64(t->buf + base_at);
	if (base < t->lo || base >= t->hi)
		return false;
	return addresses_fit(k, t, ABSOLUTE_PERCPU, offsets, base) ||
		addresses_fit(k, t, BASE_PLUS, offsets, base);
}

static const char *find_addresses(struct kallsyms *k, const struct tables *t)
{
	size_t size = align((size_t)4 * t->n, 8), after = align(t->index + 512, t->word);

	if (t->names >= 16 + size && try_based(k, t, t->names - 16 - size, t->names - 16))
		return t->seqs ? "offsets-first+seqs" : "offsets-first";
	if (try_based(k, t, after, after + size))
		return "names-first";
	if (after <= t->len && (t->len - after) / 4 >= t->n &&
		addresses_fit(k, t, PLACE_RELATIVE, after, 0))
		return "place-relative";
	return NULL;
}

/*
 * Expand every name once: none may be too long or empty. Chained from the last to the first, so that
 * a search meets namesakes in table order, and a million symbols of one name cost no more than others.
 */
static bool build_index(struct kallsyms *k)
{
	char name[KALLSYMS_NAME_MAX], type;
	size_t o = 0;

	for (uint32_t i = 0; i < k->n; i++) {
		k->name_at[i] = (uint32_t)o;
		o += entry_len(k->names, o, k->names_len);
	}
	for (uint32_t i = k->n; i-- > 0;) {
		uint32_t *b;

		if (kallsyms_name(k, i, name, &type) == 0)
			return false;
		b = &k->bucket[hash_name(name, KALLSYMS_NAME_MAX) >> (32 - k->bucket_bits)];
		k->chain[i] = *b;
		*b = i + 1;
	}
	return true;
}

static int load_at(struct kallsyms *k, const struct tables *t, const char **why)
{
	*k = (struct kallsyms){.n = t->n, .names_len = t->names_len, .bucket_bits = 8};
	while ((1u << k->bucket_bits) < t->n)
		k->bucket_bits++;
	k->address = malloc(sizeof(*k->address) * t->n);
	k->name_at = malloc(sizeof(*k->name_at) * t->n);
	k->names = malloc(t->names_len);
	k->tokens = malloc(t->index - t->tokens);
	k->bucket = calloc(1u << k->bucket_bits, sizeof(*k->bucket));
	k->chain = malloc(sizeof(*k->chain) * t->n);
	if (!k->address || !k->name_at || !k->names || !k->tokens || !k->bucket || !k->chain) {
		kallsyms_free(k);
		return -ENOMEM;
	}
	memcpy(k->names, t->buf + t->names, t->names_len);
	memcpy(k->tokens, t->buf + t->tokens, t->index - t->tokens);
	memcpy(k->token_at, t->buf + t->index, sizeof(k->token_at));
	k->layout = find_addresses(k, t);
	if (!k->layout)
		*why = "its offsets table fits no known layout";
	else if (!build_index(k))
		*why = "a name in it is empty or too long";
	else
		return 0;
	kallsyms_free(k);
	return -EBADMSG;
}

size_t kallsyms_digits(const uint8_t *buf, size_t len, size_t from)
{
	static const char digits[] = "0\0" "1\0" "2\0" "3\0" "4\0" "5\0" "6\0" "7\0" "8\0" "9";
	const uint8_t *hit = memmem(buf + from, len - from, digits, sizeof(digits));

	return hit ? (size_t)(hit - buf) : len;
}

bool kallsyms_tokens(const uint8_t *buf, size_t len, size_t hit)
{
	struct tables t = {.buf = buf, .len = len, .word = 8};

	if (find_tokens(&t, hit))
		return true;
	t.word = 4;
	return find_tokens(&t, hit);
}

int kallsyms_load(struct kallsyms *k, const uint8_t *buf, size_t len, uint64_t gva, uint64_t lo,
	uint64_t hi, const char **why)
{
	struct tables t = {.buf = buf, .len = len, .gva = gva, .lo = lo, .hi = hi,
		.budget = BUDGET};
	int r = -ENOENT;

	for (size_t hit = kallsyms_digits(buf, len, 0); hit < len && spend(&t, 512);
		hit = kallsyms_digits(buf, len, hit + 1)) {
		for (t.word = 8; t.word >= 4; t.word /= 2) {
			if (!find_tokens(&t, hit))
				continue;
			r = -EBADMSG;
			*why = "no names and markers before its tokens";
			if (!find_markers(&t))
				continue;
			r = load_at(k, &t, why);
			if (r != -EBADMSG)
				return r;
		}
	}
	return r;
}

void kallsyms_free(struct kallsyms *k)
{
	free(k->address);
	free(k->name_at);
	free(k->names);
	free(k->tokens);
	free(k->bucket);
	free(k->chain);
	*k = (struct kallsyms){0};
}

size_t kallsyms_name(const struct kallsyms *k, uint32_t i, char name[KALLSYMS_NAME_MAX], char *type)
{
	size_t o = k->name_at[i], l = entry_len(k->names, o, k->names_len), n = 0;
	size_t head = l && (k->names[o] & 0x80) ? 2 : 1;

	*type = '?';
	for (size_t j = head; j < l; j++)
		for (const char *s = k->tokens + k->token_at[k->names[o + j]]; *s; s++, n++) {
			if (n == 0)
				*type = *s;
			else if (n >= KALLSYMS_NAME_MAX)
				return name[0] = 0;
			else
				name[n - 1] = *s;
		}
	n = n ? n - 1 : 0;
	name[n] = 0;
	return n;
}

int64_t kallsyms_find(const struct kallsyms *k, const char *name, int64_t after)
{
	char have[KALLSYMS_NAME_MAX], type;
	uint32_t next;

	if (!k->layout || after >= (int64_t)k->n)
		return -ENOENT;
	next = after < 0 ? k->bucket[hash_name(name, KALLSYMS_NAME_MAX) >> (32 - k->bucket_bits)] : k->chain[after];
	while (next) {
		uint32_t i = next - 1;

		kallsyms_name(k, i, have, &type);
		if (strcmp(have, name) == 0)
			return i;
		next = k->chain[i];
	}
	return -ENOENT;
}
