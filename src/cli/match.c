/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/match.h"

#include <errno.h>

#include "record/form.h"
#include "record/leaf.h"

/* A field's name by journald's rules (journal_field_valid, systemd 252): A-Z 0-9 _, no digit first. */
static bool key_ok(struct span key)
{
	if (key.n == 0 || key.n > FORM_KEY_MAX || (key.p[0] >= '0' && key.p[0] <= '9'))
		return false;
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
			return false;
	}
	return true;
}

int match_add(struct match *m, const char *word, struct err *e)
{
	size_t n = strcspn(word, "=");
	struct span key = {word, n};

	if (!strcmp(word, "+")) {
		if (!m->n || m->plus)
			return err_set(e, EINVAL, "a \"+\" stands between matches: FIELD=value + FIELD=value");
		m->groups++;
		m->plus = true;
		return 0;
	}
	if (!word[n] || !key_ok(key))
		return err_set(e, EINVAL, "'%.80s' is not FIELD=value; 'show NAME -N' lists the fields", word);
	if (form_field_is_address(key))
		return err_set(e, EINVAL,
			"%.64s cannot be matched: --cursor, --since and --until choose by place and time", word);
	if (m->n == MATCH_TERMS_MAX)
		return err_set(e, EINVAL, "more than %d matches", MATCH_TERMS_MAX);
	m->term[m->n++] = (struct match_term){key, span_of(word + n + 1), m->groups};
	m->plus = false;
	return 0;
}

int match_finish(const struct match *m, struct err *e)
{
	return m->plus ? err_set(e, EINVAL, "a \"+\" stands between matches: FIELD=value + FIELD=value") : 0;
}

/* Has the record, for the field of term @at, one of the values that its group allows? */
static bool field_holds(const struct match *m, unsigned int at, const struct record *r, uint64_t index)
{
	const struct match_term *t = &m->term[at];
	struct form_fields fields;

	form_fields_named(r, index, t->key, &fields);
	for (unsigned int i = at; i < m->n && m->term[i].group == t->group; i++)
		for (size_t k = 0; k < fields.n && span_eq(m->term[i].key, t->key); k++)
			if (span_eq(fields.field[k].value, m->term[i].value))
				return true;
	return false;
}

/* Is there a term of the same field before @at in its group? Then it was judged with that. */
static bool judged(const struct match *m, unsigned int at)
{
	for (unsigned int i = at; i-- > 0 && m->term[i].group == m->term[at].group;)
		if (span_eq(m->term[i].key, m->term[at].key))
			return true;
	return false;
}

bool match_record(const struct match *m, const struct record *r, uint64_t index)
{
	for (unsigned int i = 0; i < m->n;) {
		unsigned int group = m->term[i].group;
		bool all = true;

		for (; i < m->n && m->term[i].group == group; i++)
			all = all && (judged(m, i) || field_holds(m, i, r, index));
		if (all)
			return true;
	}
	return m->n == 0;
}

/* Fields whose value stands in the leaf as it is, if no byte of it has to be escaped. */
static bool verbatim(const struct match_term *t)
{
	static const char *const keys[] = {"SYSLOG_IDENTIFIER", "_COMM", "_PID", "_KERNEL_SUBSYSTEM",
		"_KERNEL_DEVICE", "_UID", "_EXE", "_SYSTEMD_UNIT", "_LOGVISOR_SEQ"};
	bool known = t->key.n > 6 && !memcmp(t->key.p, "GUEST_", 6);

	if (span_is(t->key, "MESSAGE"))
		return true;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		known |= span_is(t->key, keys[i]);
	for (size_t i = 0; known && i < t->value.n; i++)
		known = leaf_plain[(unsigned char)t->value.p[i]];
	return known;
}

struct span match_literal(const struct match *m)
{
	struct span best = {NULL, 0};

	for (unsigned int i = 0; i < m->n && m->groups == 0; i++) {
		unsigned int same = 0;

		for (unsigned int k = 0; k < m->n; k++)
			same += span_eq(m->term[k].key, m->term[i].key);
		if (same == 1 && verbatim(&m->term[i]) && m->term[i].value.n > best.n)
			best = m->term[i].value;
	}
	return best;
}
