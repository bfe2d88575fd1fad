/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ops.c - the source of the audit log: what the kernel queues for auditd, whether or not one runs. A message is a
 * struct nlmsghdr, then the text; kernel/audit.c, Linux 5.10 to 7.2.
 */
#include <linux/netlink.h>
#include <stdio.h>

#include "record/said.h"
#include "source/unix/impl.h"
#include "util/load.h"

#define AUDIT_EOE 1320   /* an event's end (include/uapi/linux/audit.h) */
#define FACILITY_AUTH 4  /* as journald has it (journald-audit.c, systemd 252) */
#define SEVERITY_NOTICE 5 /* as the kernel prints it: kauditd_printk_skb() */

extern const struct source_ops source_audit;

/* Without auditd the kernel prints the record as well: it is in channel kmsg too. */
static bool printed(const struct applog *l)
{
	uint64_t connection;

	return l->auditd_gva && !l->mem.read(l->mem.ctx, l->auditd_gva, &connection, sizeof(connection)) && !connection;
}

/* Nothing but what every text begins with. */
static bool is_empty(struct span s)
{
	struct span time, serial;

	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\0'))
		s.n--;
	said_audit_begin(&s, &time, &serial);
	return !s.n;
}

static void take(struct applog *l, const struct applog_message *m)
{
	struct outbox_message o = {.channel = RECORD_AUDIT, .fidelity = m->fidelity, .time_us = m->time_us,
		.truncated = m->truncated, .copy = m->copy, .paths = m->paths, .facility = FACILITY_AUTH,
		.severity = SEVERITY_NOTICE, .text = m->text};
	char type[8];
	int n;

	if (o.text.n >= NLMSG_HDRLEN) {
		uint16_t t = load_u16(o.text.p + offsetof(struct nlmsghdr, nlmsg_type));

		o.text.p += NLMSG_HDRLEN;
		o.text.n -= NLMSG_HDRLEN;
		if (t == AUDIT_EOE && is_empty(o.text))
			return;
		n = snprintf(type, sizeof(type), "%u", t);
		o.observed[o.n_observed++] = (struct record_param){span_of("type"), {type, (size_t)n}};
	}
	if (printed(l))
		o.observed[o.n_observed++] = (struct record_param){span_of("printk"), span_of("1")};
	outbox_put(&l->out, &o);
}

static const struct applog_kind kind = {&source_audit, "the audit log", 1u << TRAPS_AUDIT, take};

static int open_audit(struct source **out, const struct source_start *start, struct err *e)
{
	return applog_open(out, start, &kind, e);
}

const struct source_ops source_audit = {
	.name = "the audit log",
	.channels = 1 << RECORD_AUDIT,
	.open = open_audit,
	APPLOG_OPS,
};
