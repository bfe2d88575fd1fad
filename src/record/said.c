/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/said.h"

#include <strings.h>

#include "record/audit_type.h"
#include "record/cgroup.h"
#include "record/meta.h"
#include "record/native.h"
#include "record/syslog.h"

#define COMM_LEN 15 /* TASK_COMM_LEN less its NUL */

static struct span param(const struct record_param *p, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (span_is(p[i].name, name))
			return p[i].value;
	return (struct span){NULL, 0};
}

static void of_syslog(const struct record *r, struct said *o)
{
	struct syslog_said s;

	syslog_parse(r->msg, &s);
	if (!s.has_pri) { /* no message as syslog(3) makes them: a word before a colon is just a word */
		o->text = r->msg;
		return;
	}
	o->identifier = s.tag;
	o->pid = s.pid;
	o->time = s.time;
	o->text = s.text;
}

static void of_journal(const struct record *r, struct said *o)
{
	native_find(r->msg, "SYSLOG_IDENTIFIER", &o->identifier);
	native_find(r->msg, "SYSLOG_PID", &o->pid);
	native_find(r->msg, "SYSLOG_TIMESTAMP", &o->time);
	if (!native_find(r->msg, "MESSAGE", &o->text))
		o->text = (struct span){NULL, 0};
}

static void of_stream(const struct record *r, struct said *o)
{
	struct span prefix = param(r->claimed, r->n_claimed, "prefix"), text = r->msg;
	unsigned pri;

	o->identifier = param(r->claimed, r->n_claimed, "identifier");
	o->unit = param(r->claimed, r->n_claimed, "unit");
	if ((!prefix.n || strchr("1yYtT", *prefix.p)) && syslog_pri(&text, &pri) && pri < 8)
		o->text = text;
}

bool said_audit_begin(struct span *text, struct span *time, struct span *serial)
{
	const struct span begin = span_of("audit(");
	const char *colon, *end;
	struct span s = *text;

	if (s.n < begin.n || memcmp(s.p, begin.p, begin.n) != 0 || !(end = memchr(s.p, ')', s.n)) ||
		!(colon = memchr(s.p, ':', (size_t)(end - s.p))))
		return false;
	*time = (struct span){s.p + begin.n, (size_t)(colon - s.p) - begin.n};
	*serial = (struct span){colon + 1, (size_t)(end - colon) - 1};
	s.n -= (size_t)(end + 1 - s.p);
	s.p = end + 1;
	while (s.n && (*s.p == ':' || *s.p == ' ')) {
		s.p++;
		s.n--;
	}
	*text = s;
	return true;
}

static void of_audit(const struct record *r, struct said *o)
{
	struct span serial;

	o->has_audit_type = span_decimal(param(r->observed, r->n_observed, "type"), &o->audit_type);
	if (o->has_audit_type)
		o->audit_name = audit_type_name(o->audit_type);
	if (said_audit_begin(&o->text, &o->time, &serial))
		o->has_audit_id = span_digits(serial, &o->audit_id);
}

void said_of(const struct record *r, struct said *o)
{
	enum meta_kind kind;
	uint64_t part;

	*o = (struct said){.text = r->msg, .audit_name = ""};
	if (meta_is(r, &kind))
		return;
	/* Of a message in parts only the first has what is at its beginning. */
	if (meta_get_u64(r, "part", &part) && part > 1)
		return;
	if (r->channel == RECORD_SYSLOG)
		of_syslog(r, o);
	else if (r->channel == RECORD_JOURNAL)
		of_journal(r, o);
	else if (r->channel == RECORD_STREAM)
		of_stream(r, o);
	else if (r->channel == RECORD_AUDIT)
		of_audit(r, o);
}

/* ---- claimed against observed ---- */

static struct span last_component(struct span path)
{
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;

	if (!slash)
		return path;
	return (struct span){slash + 1, path.n - (size_t)(slash + 1 - path.p)};
}

/* The same, in any case; of @name, a process's, the end may be missing. */
static bool alike(struct span id, struct span name)
{
	return name.n && (id.n == name.n || (name.n == COMM_LEN && id.n > COMM_LEN)) &&
		!strncasecmp(id.p, name.p, name.n);
}

static bool identifier_fits(struct span id, const struct record *r)
{
	struct span exe = last_component(param(r->observed, r->n_observed, "exe"));
	struct span tcomm = param(r->observed, r->n_observed, "tcomm"), name = last_component(id);

	if (!id.n || (!r->app.n && !exe.n))
		return true;
	return alike(name, r->app) || alike(name, exe) || alike(name, tcomm) || alike(id, r->app);
}

static bool pid_fits(struct span pid, const struct record *r)
{
	uint64_t v;

	return !span_digits(pid, &v) || !r->procid.n || span_eq(pid, r->procid) ||
		span_eq(pid, param(r->observed, r->n_observed, "tid"));
}

static bool unit_fits(struct span unit, const struct record *r)
{
	struct cgroup_said cg;

	cgroup_parse(param(r->observed, r->n_observed, "cgroup"), &cg);
	return !unit.n || !cg.unit.n || span_eq(unit, cg.unit) || span_eq(unit, cg.user_unit);
}

const char *said_mismatch(const struct record *r)
{
	enum meta_kind kind;
	struct said s;

	if (meta_is(r, &kind) || r->channel == RECORD_KMSG || r->channel == RECORD_AUDIT)
		return NULL;
	said_of(r, &s);
	if (param(r->observed, r->n_observed, "scm").n && r->procid.n)
		return "credentials";
	if (!unit_fits(s.unit, r))
		return "unit";
	/* A service's processes inherit its stdout, and with it the name it was opened under. */
	if (r->channel == RECORD_STREAM)
		return NULL;
	if (!identifier_fits(s.identifier, r))
		return "identifier";
	return pid_fits(s.pid, r) ? NULL : "pid";
}
