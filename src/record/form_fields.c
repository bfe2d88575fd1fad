/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * form_fields.c - a record as journal fields. journald marks what it observed itself, and a client
 * cannot forge, by a leading underscore; the same is done here with what the hypervisor observed
 * (_LOGVISOR_*), while what the guest claims becomes GUEST_*, or has the journal's name for it, none of
 * which begins with an underscore.
 */
#include "record/cgroup.h"
#include "record/form.h"
#include "record/leaf.h"
#include "record/meta.h"
#include "record/native.h"
#include "record/said.h"

#define BOOT_NONE "0000000000000000"

#define DIGITS 20 /* of 2^64 - 1 */

#define SPAN(s) {s, sizeof(s) - 1}
#define LITERAL(s) ((struct span)SPAN(s))
#define KEY_TEXT(s) ",\"" s "\":\"" /* struct form_field, json_key */
#define KEY(s) LITERAL(KEY_TEXT(s))

static struct span keep(struct form_fields *o, struct span s)
{
	char *to = o->text + o->used;

	if (s.n > sizeof(o->text) - o->used)
		s.n = sizeof(o->text) - o->used;
	span_copy(to, s);
	o->used += s.n;
	return (struct span){to, s.n};
}

static inline void add(struct form_fields *o, struct span key, struct span value)
{
	if (o->n < FORM_FIELDS_MAX)
		o->field[o->n++] = (struct form_field){key, value, false};
}

/* A value of digits, one of our words, or what the rules of struct record make as harmless. */
static inline void add_plain(struct form_fields *o, struct span key, struct span value)
{
	if (o->n < FORM_FIELDS_MAX)
		o->field[o->n++] = (struct form_field){key, value, true};
}

static inline struct span decimal(struct form_fields *o, uint64_t v)
{
	char *end = o->text + o->used + DIGITS, *p;

	if (sizeof(o->text) - o->used < DIGITS)
		return (struct span){o->text, 0};
	p = leaf_decimal(end, v);
	o->used += DIGITS;
	return (struct span){p, (size_t)(end - p)};
}

static void add_u64(struct form_fields *o, struct span key, uint64_t v)
{
	add_plain(o, key, decimal(o, v));
}

static void add_if(struct form_fields *o, struct span key, struct span value)
{
	if (value.n)
		add(o, key, value);
}

/*
 * What the hypervisor saw of the sender and the journal has a name for (systemd.journal-fields(7)): the
 * observed parameter, and its field. A source that observes more of a sender adds its lines here, and
 * every form, match and list of values knows it.
 */
static const struct {
	struct span param, key;
} senders[] = {
	{SPAN("uid"), SPAN(KEY_TEXT("_UID"))},
	{SPAN("gid"), SPAN(KEY_TEXT("_GID"))},
	{SPAN("exe"), SPAN(KEY_TEXT("_EXE"))},
	{SPAN("cmdline"), SPAN(KEY_TEXT("_CMDLINE"))},
	{SPAN("cgroup"), SPAN(KEY_TEXT("_SYSTEMD_CGROUP"))},
	{SPAN("unit"), SPAN(KEY_TEXT("_SYSTEMD_UNIT"))},
	{SPAN("loginuid"), SPAN(KEY_TEXT("_AUDIT_LOGINUID"))},
	{SPAN("session"), SPAN(KEY_TEXT("_AUDIT_SESSION"))},
	{SPAN("type"), SPAN(KEY_TEXT("_AUDIT_TYPE"))},
};

static bool add_sender(struct form_fields *o, const struct record_param *p)
{
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		if (!span_eq(p->name, senders[i].param))
			continue;
		add(o, senders[i].key, p->value);
		return true;
	}
	return false;
}

/* Parameter names to field names: A-Z 0-9 _, no more than FORM_KEY_MAX. */
static void add_params(struct form_fields *o, const struct record_param *p, size_t n, bool observed)
{
	struct span prefix = observed ? LITERAL("_LOGVISOR_") : LITERAL("GUEST_");
	char key[FORM_KEY_MAX + 5];

	for (size_t i = 0; i < n; i++) {
		size_t len = 2 + prefix.n;

		if (observed && add_sender(o, &p[i]))
			continue;
		memcpy(key, ",\"", 2);
		memcpy(key + 2, prefix.p, prefix.n);
		for (size_t k = 0; k < p[i].name.n && len < FORM_KEY_MAX + 2; k++) {
			char c = p[i].name.p[k];

			if (c >= 'a' && c <= 'z')
				c = (char)(c - 'a' + 'A');
			else if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
				c = '_';
			key[len++] = c;
		}
		memcpy(key + len, "\":\"", 3);
		add(o, keep(o, (struct span){key, len + 3}), p[i].value);
	}
}

static struct span transport(const struct record *r, bool meta)
{
	static const struct span names[RECORD_CHANNELS] = {
		[RECORD_META] = LITERAL("logvisor"),
		[RECORD_KMSG] = LITERAL("kernel"),
		[RECORD_SYSLOG] = LITERAL("syslog"),
		[RECORD_JOURNAL] = LITERAL("journal"),
		[RECORD_AUDIT] = LITERAL("audit"),
		[RECORD_STREAM] = LITERAL("stdout"),
		[RECORD_FILE] = LITERAL("file"),
		[RECORD_WTMP] = LITERAL("wtmp"),
		[RECORD_BTMP] = LITERAL("btmp"),
		[RECORD_LASTLOG] = LITERAL("lastlog"),
	};

	return names[meta ? RECORD_META : r->channel];
}

/*
 * The entry's monotonic time, where the record's is @us. journalctl --verify wants it not to fall within a
 * boot, while printk stamps a record before it reserves its place, and Logvisor's own records have no guest
 * time: so in the export form it never falls. The exact time is in _SOURCE_MONOTONIC_TIMESTAMP.
 */
static uint64_t monotonic(struct form *f, uint64_t us, const char boot[33])
{
	if (f->reverse || f->kind != FORM_EXPORT)
		return us;
	if (f->has_entry && !strcmp(f->boot, boot) && us < f->monotonic_us)
		us = f->monotonic_us;
	f->has_entry = true;
	memcpy(f->boot, boot, sizeof(f->boot));
	f->monotonic_us = us;
	return us;
}

/*
 * The time nearest to @us that a journal takes: systemd-journal-remote ends at the first entry that is of
 * the very epoch, or past the year 3111 (VALID_REALTIME, systemd 252). The true one is then in
 * _LOGVISOR_REALTIME.
 */
static uint64_t importable(uint64_t us)
{
	const uint64_t end = UINT64_C(1) << 55;

	return us == 0 ? 1 : us < end ? us : end - 1;
}

static struct span cursor(struct form_fields *o, const struct record *r, struct span index)
{
	struct span s = keep(o, LITERAL("vm="));

	s.n += keep(o, r->host).n;
	s.n += keep(o, LITERAL(";i=")).n;
	s.n += keep(o, index).n;
	return s;
}

/* What follows from the control group, as journald derives it, and what journald has no name for. */
static void add_cgroup(struct form_fields *o, const struct record *r)
{
	struct cgroup_said cg;

	cgroup_parse(meta_get(r, "cgroup"), &cg);
	add_if(o, KEY("_SYSTEMD_UNIT"), cg.unit);
	add_if(o, KEY("_SYSTEMD_USER_UNIT"), cg.user_unit);
	add_if(o, KEY("_SYSTEMD_SLICE"), cg.slice);
	add_if(o, KEY("_SYSTEMD_SESSION"), cg.session);
	add_if(o, KEY("_SYSTEMD_OWNER_UID"), cg.owner_uid);
	add_if(o, KEY("_LOGVISOR_CONTAINER"), cg.container);
}

/* The fields of an entry for journald, but those that have a place of their own. */
static void add_native(struct form_fields *o, const struct record *r)
{
	struct span s = r->msg;
	struct native_field f;
	bool message = false;
	unsigned n = 0;

	while (native_next(&s, &f)) {
		bool first = !message && span_is(f.key, "MESSAGE");
		struct span key;

		message |= first;
		if (first || span_is(f.key, "PRIORITY") || span_is(f.key, "SYSLOG_FACILITY") ||
			span_is(f.key, "SYSLOG_IDENTIFIER"))
			continue;
		if (n++ == FORM_NATIVE_MAX)
			break;
		key = keep(o, LITERAL(",\""));
		key.n += keep(o, f.key).n;
		key.n += keep(o, LITERAL("\":\"")).n;
		add(o, key, f.value);
	}
	o->may_repeat = true;
}

/* What a program's record claims, and what is derived of what was observed; the text is left for the end. */
static void add_program(struct form_fields *o, const struct record *r, const struct said *said)
{
	const char *mismatch = said_mismatch(r);

	add_if(o, KEY("SYSLOG_IDENTIFIER"), said->identifier.n ? said->identifier : r->app);
	add_if(o, KEY("_COMM"), r->app);
	add_if(o, KEY("_PID"), r->procid);
	add_cgroup(o, r);
	if (mismatch)
		add_plain(o, KEY("_LOGVISOR_MISMATCH"), span_of(mismatch));
	if (r->channel == RECORD_JOURNAL) {
		add_native(o, r);
	} else if (r->channel == RECORD_SYSLOG) {
		add_if(o, KEY("SYSLOG_PID"), said->pid);
		add_if(o, KEY("SYSLOG_TIMESTAMP"), said->time);
		add(o, KEY("SYSLOG_RAW"), r->msg);
	} else if (r->channel == RECORD_AUDIT) {
		add_if(o, KEY("_AUDIT_TYPE_NAME"), span_of(said->audit_name));
		if (said->has_audit_id)
			add_u64(o, KEY("_AUDIT_ID"), said->audit_id);
	}
}

void form_fields(struct form *f, const struct record *r, uint64_t index, struct form_fields *o)
{
	uint64_t us = r->has_guest_ns ? r->guest_ns / 1000 : 0, shown;
	char boot[33] = BOOT_NONE BOOT_PAD;
	struct span at, monotonic_us;
	enum meta_kind kind;
	bool meta = meta_is(r, &kind);
	struct said said = {.text = r->msg};
	uint64_t journal_time = f->kind == FORM_EXPORT ? importable((uint64_t)r->time_us) : (uint64_t)r->time_us;

	o->n = o->used = 0;
	o->may_repeat = r->n_observed + r->n_claimed > 0;
	if (r->boot.n == 16)
		memcpy(boot, r->boot.p, 16);
	at = decimal(o, index);
	add_plain(o, KEY("__CURSOR"), cursor(o, r, at));
	add_u64(o, KEY("__REALTIME_TIMESTAMP"), journal_time);
	shown = monotonic(f, us, boot);
	monotonic_us = decimal(o, shown);
	add_plain(o, KEY("__MONOTONIC_TIMESTAMP"), monotonic_us);
	add_plain(o, KEY("_BOOT_ID"), keep(o, (struct span){boot, 32}));
	add_plain(o, KEY("_HOSTNAME"), r->host);
	add_plain(o, KEY("_TRANSPORT"), transport(r, meta));
	add_u64(o, KEY("PRIORITY"), r->severity);
	add_u64(o, KEY("SYSLOG_FACILITY"), r->facility);
	if (meta || r->channel == RECORD_KMSG) {
		add_if(o, KEY("SYSLOG_IDENTIFIER"), r->app);
	} else {
		said_of(r, &said);
		add_program(o, r, &said);
	}
	if (r->has_guest_ns)
		add_plain(o, KEY("_SOURCE_MONOTONIC_TIMESTAMP"),
			us == shown ? monotonic_us : decimal(o, us));
	add_if(o, KEY("_KERNEL_SUBSYSTEM"), r->subsystem);
	add_if(o, KEY("_KERNEL_DEVICE"), r->device);
	add_plain(o, KEY("_LOGVISOR_INDEX"), at);
	add_plain(o, KEY("_LOGVISOR_CHANNEL"), record_channel_names[r->channel]);
	if (meta)
		add_plain(o, KEY("_LOGVISOR_KIND"), span_of(meta_kind_name(kind)));
	add_plain(o, KEY("_LOGVISOR_FIDELITY"), record_fidelity_names[r->fidelity]);
	if (r->has_seq)
		add_u64(o, KEY("_LOGVISOR_SEQ"), r->seq);
	if (r->has_guest_ns)
		add_u64(o, KEY("_LOGVISOR_GUEST_NS"), r->guest_ns);
	if (r->has_caller)
		add_u64(o, KEY("_LOGVISOR_CALLER"), r->caller);
	if (r->cont)
		add_u64(o, KEY("_LOGVISOR_CONT"), 1);
	if (r->truncated)
		add_u64(o, KEY("_LOGVISOR_TRUNCATED"), 1);
	if (journal_time != (uint64_t)r->time_us)
		add_u64(o, KEY("_LOGVISOR_REALTIME"), (uint64_t)r->time_us);
	add_params(o, r->observed, r->n_observed, true);
	add_params(o, r->claimed, r->n_claimed, false);
	add(o, KEY("MESSAGE"), said.text);
}

void form_fields_named(const struct record *r, uint64_t index, struct span key, struct form_fields *o)
{
	struct form f = {.kind = FORM_JSON};
	size_t n = 0;

	form_fields(&f, r, index, o);
	for (size_t i = 0; i < o->n; i++)
		if (span_eq(form_field_key(&o->field[i]), key) && !form_field_is_address(key))
			o->field[n++] = o->field[i];
	o->n = n;
}
