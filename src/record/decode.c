/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * decode.c - leaf to struct record. Leaves come from disk and from the network: every byte is checked,
 * and what record_encode would have written otherwise is refused, so that a leaf has one meaning and a
 * meaning has one leaf.
 */
#include <endian.h>
#include <errno.h>

#include "record/leaf.h"
#include "record/record.h"

struct in {
	const char *start, *p, *end;
	char *s, *send; /* scratch left */
	struct err *e;
};

static int bad(const struct in *in, const char *what)
{
	err_set(in->e, EBADMSG, "leaf: %s at byte %zu", what, (size_t)(in->p - in->start));
	return -EBADMSG;
}

static inline bool take(struct in *in, const char *s, size_t n)
{
	if ((size_t)(in->end - in->p) < n || memcmp(in->p, s, n) != 0)
		return false;
	in->p += n;
	return true;
}

#define take_literal(in, s) take(in, s, sizeof(s) - 1)

/* Is the literal or name @b what stands at @p, of which @n bytes are there? Names are short: without a call. */
static inline bool stands(const char *p, size_t n, struct span b)
{
	size_t i = 0;

	if (n < b.n)
		return false;
	while (i < b.n && p[i] == b.p[i])
		i++;
	return i == b.n;
}

/* What a PARAM-NAME consists of (RFC 5424 section 6.3.3, SD-NAME). */
static const bool name_byte[256] = {
	['!'] = true, ['#' ... '<'] = true, ['>' ... '\\'] = true, ['^' ... '~'] = true,
};

/* A decimal number as put_u64 writes it, no more than @max. */
static bool number(struct span s, uint64_t max, uint64_t *out)
{
	return span_decimal(s, out) && *out <= max;
}

/* "<PRI>1 TIMESTAMP " */
static int get_start(struct in *in, unsigned int *pri, int64_t *time_us)
{
	const char *p = in->p;
	uint64_t v;
	size_t n = 0;

	if (!take_literal(in, "<"))
		return bad(in, "no PRI");
	while (n < 3 && in->p + n < in->end && in->p[n] != '>')
		n++;
	if (!number((struct span){in->p, n}, LEAF_FACILITY_MAX * 8 + 7, &v)) {
		in->p = p;
		return bad(in, "bad PRI");
	}
	*pri = (unsigned int)v;
	in->p += n;
	if (!take_literal(in, ">1 "))
		return bad(in, "no RFC 5424 version");
	if (in->end - in->p < LEAF_TIME_LEN + 1 || !leaf_time_get(in->p, time_us) ||
	    in->p[LEAF_TIME_LEN] != ' ')
		return bad(in, "bad TIMESTAMP");
	in->p += LEAF_TIME_LEN + 1;
	return 0;
}

int record_peek(const char *leaf, size_t n, int64_t *time_us, uint8_t *severity)
{
	struct in in = {leaf, leaf, leaf + n, NULL, NULL, NULL};
	unsigned int pri;
	int r = get_start(&in, &pri, time_us);

	if (r == 0)
		*severity = pri & 7;
	return r;
}

/* A header field up to the next space, 1 to @max bytes, printable (what it may hold is checked later). */
static bool get_header(struct in *in, size_t max, struct span *out)
{
	const char *p = in->p;

	while (p < in->end && *p > ' ' && *p < 0x7f)
		p++;
	*out = (struct span){in->p, (size_t)(p - in->p)};
	if (p == in->end || *p != ' ' || out->n == 0 || out->n > max)
		return false;
	in->p = p + 1;
	return true;
}

/* The byte that one escaped character at @s stands for, or -1 if that is no escape. */
static int unescape(const char *s, size_t n, size_t *taken)
{
	uint32_t cp;

	if (*s == '\\') {
		*taken = 2;
		return n >= 2 && (s[1] == '"' || s[1] == '\\' || s[1] == ']') ? s[1] : -1;
	}
	*taken = utf8_sequence(s, n, &cp);
	return *taken == 4 && (cp & ~0xffu) == LEAF_ESCAPE_BASE ? (int)(cp & 0xff) : -1;
}

/* Would the encoder write @raw as @coded? */
static bool value_canonical(struct span raw, struct span coded)
{
	size_t i = 0, at = 0, n;
	char piece[4];

	while (i < raw.n) {
		i += leaf_value_step(raw.p + i, raw.n - i, piece, &n);
		if (coded.n - at < n || memcmp(coded.p + at, piece, n) != 0)
			return false;
		at += n;
	}
	return at == coded.n;
}

/* A PARAM-VALUE with something in it that does not stand for itself; @in is at its beginning. */
static int get_value_escaped(struct in *in, struct span *out)
{
	const char *p = in->p;
	char *s = in->s;
	struct span coded;
	uint32_t cp;
	size_t n;

	while (p < in->end && *p != '"') {
		int c = unescape(p, (size_t)(in->end - p), &n);

		if (c < 0) {
			n = utf8_sequence(p, (size_t)(in->end - p), &cp);
			if (n == 0 || (n == 1 && !leaf_plain[cp])) {
				in->p = p;
				return bad(in, "byte that has to be escaped in a parameter");
			}
		}
		if ((size_t)(in->send - s) < (c < 0 ? n : 1)) {
			err_set(in->e, ENOBUFS, "leaf: scratch space too small");
			return -ENOBUFS;
		}
		if (c < 0) {
			memcpy(s, p, n);
			s += n;
		} else {
			*s++ = (char)c;
		}
		p += n;
	}
	if (p == in->end)
		return bad(in, "parameter without end");
	*out = (struct span){in->s, (size_t)(s - in->s)};
	coded = (struct span){in->p, (size_t)(p - in->p)};
	if (!value_canonical(*out, coded))
		return bad(in, "needless escape");
	in->s = s;
	in->p = p + 1;
	return 0;
}

static inline int get_value(struct in *in, struct span *out)
{
	const char *p = leaf_plain_end(in->p, in->end);

	if (p == in->end)
		return bad(in, "parameter without end");
	if (*p != '"')
		return get_value_escaped(in, out);
	*out = (struct span){in->p, (size_t)(p - in->p)};
	in->p = p + 1;
	return 0;
}

/* 1: a parameter; 0: the element's end; -errno. */
static inline int get_param(struct in *in, struct span *name, struct span *value)
{
	const char *p;
	int r;

	if (take_literal(in, "]"))
		return 0;
	if (!take_literal(in, " "))
		return bad(in, "no parameter and no end of element");
	for (p = in->p; p < in->end && name_byte[(unsigned char)*p];)
		p++;
	*name = (struct span){in->p, (size_t)(p - in->p)};
	if (name->n == 0 || name->n > LEAF_NAME_MAX || in->end - p < 2 || p[0] != '=' || p[1] != '"')
		return bad(in, "bad parameter name");
	in->p = p + 2;
	r = get_value(in, value);
	return r ? r : 1;
}

static int name_index(struct span v, const struct span *names, int n)
{
	for (int i = 0; i < n; i++)
		if (v.n == names[i].n && stands(v.p, v.n, names[i]))
			return i;
	return -1;
}

/* A header field whose exact value stands in SD because the header could not show it. */
static bool set_exact(struct span *field, struct span exact, size_t max)
{
	char shown[LEAF_PROCID_MAX];
	size_t n;

	if (exact.n == 0 || leaf_header_exact(exact, max))
		return false;
	n = leaf_header_shown(exact, max, shown);
	if (!span_eq((struct span){shown, n}, *field))
		return false;
	*field = exact;
	return true;
}

struct extra {
	bool fac, app, procid, msgid, bom;
};

static bool set_known(struct record *r, enum leaf_param which, struct span v, struct extra *x)
{
	uint64_t u;
	int i;

	switch (which) {
	case LEAF_CH:
		i = name_index(v, record_channel_names, RECORD_CHANNELS);
		r->channel = (enum record_channel)i;
		return i >= 0;
	case LEAF_FID:
		i = name_index(v, record_fidelity_names, RECORD_FIDELITIES);
		r->fidelity = (enum record_fidelity)i;
		return i >= 0;
	case LEAF_SEQ:
		return r->has_seq = number(v, UINT64_MAX, &r->seq);
	case LEAF_GT:
		return r->has_guest_ns = number(v, UINT64_MAX, &r->guest_ns);
	case LEAF_CALLER:
		r->has_caller = number(v, UINT32_MAX, &u);
		r->caller = r->has_caller ? (uint32_t)u : 0;
		return r->has_caller;
	case LEAF_CONT:
		return r->cont = span_is(v, "1");
	case LEAF_TRUNC:
		return r->truncated = span_is(v, "1");
	case LEAF_BOOT:
		r->boot = v;
		return leaf_boot_ok(v);
	case LEAF_SUB:
		r->subsystem = v;
		return v.n > 0;
	case LEAF_DEV:
		r->device = v;
		return v.n > 0;
	case LEAF_FAC:
		x->fac = number(v, UINT8_MAX, &u) && u > LEAF_FACILITY_MAX &&
			r->facility == LEAF_FACILITY_OTHER;
		if (x->fac)
			r->facility = (uint8_t)u;
		return x->fac;
	case LEAF_APP:
		return x->app = set_exact(&r->app, v, LEAF_APP_MAX);
	case LEAF_PROCID:
		return x->procid = set_exact(&r->procid, v, LEAF_PROCID_MAX);
	case LEAF_MSGID:
		return x->msgid = set_exact(&r->msgid, v, LEAF_MSGID_MAX);
	case LEAF_BOM_GUARD:
		return x->bom = span_is(v, "1");
	case LEAF_PARAMS:
		break;
	}
	return false;
}

/* Is one of leaf_param_name from @from on the next parameter's? LEAF_PARAMS if not; else to its value. */
static inline unsigned int known_name(struct in *in, unsigned int from)
{
	size_t left = (size_t)(in->end - in->p), n;
	uint64_t next = 0, start;

	if (left == 0 || in->p[0] != ' ')
		return LEAF_PARAMS;
	if (left > sizeof(next))
		memcpy(&next, in->p + 1, sizeof(next));
	else
		memcpy(&next, in->p + 1, left - 1);
	for (unsigned int i = from; i < LEAF_PARAMS; i++) {
		n = leaf_param_name[i].name.n + 2;
		memcpy(&start, leaf_param_name[i].start, sizeof(start));
		if (htole64(next ^ start) << (64 - 8 * n)) /* the first n bytes differ */
			continue;
		in->p += n + 1;
		return i;
	}
	return LEAF_PARAMS;
}

/* The parameters of leaf_param_name; *@next is the first that may still come. */
static int get_known(struct in *in, struct record *r, struct extra *x, unsigned int *next)
{
	struct span value;
	unsigned int i;
	int ret;

	while ((i = known_name(in, *next)) < LEAF_PARAMS) {
		if (*next <= LEAF_FID && i != *next)
			return bad(in, "ch and fid do not come first");
		ret = get_value(in, &value);
		if (ret)
			return ret;
		if (!set_known(r, (enum leaf_param)i, value, x))
			return bad(in, "bad value of an observed parameter");
		*next = i + 1;
	}
	return *next <= LEAF_FID ? bad(in, "ch and fid do not come first") : 0;
}

static int get_observed(struct in *in, struct record *r, struct extra *x)
{
	unsigned int next = LEAF_CH;
	struct span name, value;
	int got;

	if (!take_literal(in, "[" RECORD_SD_OBSERVED))
		return bad(in, "no [" RECORD_SD_OBSERVED);
	got = get_known(in, r, x, &next);
	if (got)
		return got;
	while ((got = get_param(in, &name, &value)) > 0) {
		if (leaf_name_reserved(name))
			return bad(in, "observed parameter out of order");
		if (r->n_observed == RECORD_PARAMS_MAX)
			return bad(in, "too many observed parameters");
		r->observed[r->n_observed++] = (struct record_param){name, value};
	}
	return got;
}

static int get_claimed(struct in *in, struct record *r)
{
	struct span name, value;
	int got;

	if (!take_literal(in, "[" RECORD_SD_CLAIMED))
		return 0;
	while ((got = get_param(in, &name, &value)) > 0) {
		if (r->n_claimed == RECORD_PARAMS_MAX)
			return bad(in, "too many claimed parameters");
		r->claimed[r->n_claimed++] = (struct record_param){name, value};
	}
	if (got == 0 && r->n_claimed == 0)
		return bad(in, "empty element");
	return got;
}

/* The nil value, where SD did not say that the field really is "-". */
static void nil(struct span *field, bool exact)
{
	if (!exact && field->n == 1 && field->p[0] == '-')
		*field = (struct span){NULL, 0};
}

static void reset(struct record *r)
{
	/* Not all of it: the parameter arrays are most of the size, and counted. */
	r->has_seq = r->has_guest_ns = r->has_caller = r->cont = r->truncated = false;
	r->seq = r->guest_ns = r->caller = 0;
	r->boot = r->subsystem = r->device = (struct span){NULL, 0};
	r->n_observed = r->n_claimed = 0;
}

int record_decode(const char *leaf, size_t n, struct record *r, char *scratch, size_t scap,
	struct err *e)
{
	struct in in = {leaf, leaf, leaf + n, scratch, scap ? scratch + scap : scratch, e};
	struct extra x = {0};
	unsigned int pri;
	int ret;

	if (n > RECORD_LEAF_MAX)
		return err_set(e, EBADMSG, "leaf: %zu bytes, more than %d", n, RECORD_LEAF_MAX);
	reset(r);
	ret = get_start(&in, &pri, &r->time_us);
	if (ret)
		return ret;
	r->facility = (uint8_t)(pri >> 3);
	r->severity = pri & 7;
	if (!get_header(&in, RECORD_NAME_MAX, &r->host) || !record_name_span_ok(r->host))
		return bad(&in, "bad HOSTNAME");
	if (!get_header(&in, LEAF_APP_MAX, &r->app))
		return bad(&in, "bad APP-NAME");
	if (!get_header(&in, LEAF_PROCID_MAX, &r->procid))
		return bad(&in, "bad PROCID");
	if (!get_header(&in, LEAF_MSGID_MAX, &r->msgid))
		return bad(&in, "bad MSGID");
	ret = get_observed(&in, r, &x);
	if (ret)
		return ret;
	nil(&r->app, x.app);
	nil(&r->procid, x.procid);
	nil(&r->msgid, x.msgid);
	ret = get_claimed(&in, r);
	if (ret)
		return ret;
	if (!take_literal(&in, " "))
		return bad(&in, "no MSG");
	if (x.bom && !take_literal(&in, " "))
		return bad(&in, "unguarded byte order mark");
	if (x.bom != (in.end - in.p >= 3 && !memcmp(in.p, LEAF_BOM, 3)))
		return bad(&in, x.bom ? "guard without a byte order mark"
				      : "unguarded byte order mark");
	r->msg = (struct span){in.p, (size_t)(in.end - in.p)};
	return 0;
}
