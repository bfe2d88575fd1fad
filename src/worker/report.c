/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/clock.h"

void report_attached(const struct report *r, const struct trap *t, const struct ledger_recovery *rec)
{
	struct meta *m;

	if (rec->needed && !rec->created) {
		m = store_meta(r->store, META_RECOVERY);
		meta_recovery(m, rec->torn_bytes, rec->unsigned_kept, rec->hashes_rebuilt);
		store_put_meta(r->store, NULL);
		status_log(r->status,
			"the ledger was recovered after a crash: %" PRIu64 " bytes of an "
			"incomplete record cut, %" PRIu64 " records not yet signed kept",
			rec->torn_bytes, rec->unsigned_kept);
	}
	m = store_meta(r->store, META_ATTACH);
	meta_attach(m, r->target, t->ops->name, t->host ? t->host->release : NULL);
	if (r->heartbeat_s)
		meta_u64(m, META_HEARTBEAT_S, r->heartbeat_s);
	if (t->unprotected)
		meta_str(m, "protected", "no");
	store_put_meta(r->store, NULL);
	status_log(r->status, "attached: %s", t->desc);
}

void report_boot(const struct report *r, const struct guest_info *info)
{
	meta_boot(store_meta(r->store, META_BOOT), info->release, info->build_id);
	store_put_meta(r->store, NULL);
}

/* May an alert @what be written? *@left_out: so many of its kind were not. */
static bool in_time(struct report_pace *pace, const char *what, uint64_t *left_out)
{
	const int64_t now = clock_due_ms();
	unsigned i = 0;

	while (i < REPORT_KINDS - 1 && pace->kind[i].what && strcmp(pace->kind[i].what, what) != 0)
		i++;
	pace->kind[i].what = what;
	for (; pace->kind[i].told && now - pace->kind[i].since_ms >= REPORT_AGAIN_MS; pace->kind[i].told--)
		pace->kind[i].since_ms += REPORT_AGAIN_MS;
	if (!pace->kind[i].told)
		pace->kind[i].since_ms = now;
	if (pace->kind[i].told == REPORT_BURST) {
		pace->kind[i].left_out++;
		return false;
	}
	pace->kind[i].told++;
	*left_out = pace->kind[i].left_out;
	pace->kind[i].left_out = 0;
	return true;
}

void report_alert(const struct report *r, const char *what, const char *text)
{
	char more[META_VALUE_MAX];
	uint64_t left_out = 0;

	if (r->pace && !in_time(r->pace, what, &left_out))
		return;
	if (left_out) {
		snprintf(more, sizeof(more), "%.400s (and %" PRIu64 " more such alerts since the last)", text, left_out);
		text = more;
	}
	status_log(r->status, "alert: %s", text);
	meta_alert(store_meta(r->store, META_ALERT), what, text);
	store_put_meta(r->store, NULL);
}

struct meta *report_heartbeat(const struct report *r, const struct trap *t, const struct meta_counters *c)
{
	struct meta *m = store_meta(r->store, META_HEARTBEAT);

	meta_heartbeat(m, c);
	meta_str(m, "target", r->target);
	if (t->stopped_ns)
		meta_u64(m, "stopped_us", t->stopped_ns / 1000);
	return m;
}

void report_ended(const struct report *rep, int r, const char *why, const struct meta_counters *c)
{
	struct meta *m = store_meta(rep->store, r == 1 ? META_END : META_DETACH);

	if (r == 1)
		meta_end(m, "the VMM ended", c);
	else
		meta_detach(m, why, c);
	store_put_meta(rep->store, NULL);
}

void report_left(const struct report *rep, int r, const struct meta_counters *c, unsigned left,
	uint64_t unsaved)
{
	status_log(rep->status, "%s: %" PRIu64 " records (%" PRIu64 " live), %" PRIu64 " lost",
		r == 1	? "the VM ended"
		: r < 0 ? "the attachment broke"
			: rep->host ? "detached" : "detached, the VM runs on",
		c->records, c->live, c->lost);
	if (unsaved)
		status_log(rep->status, "the last %" PRIu64 " record%s could not be written, and %s lost unless the log's "
			"ring still has %s when you attach again", unsaved, unsaved == 1 ? "" : "s",
			unsaved == 1 ? "is" : "are", unsaved == 1 ? "it" : "them");
	if (left)
		status_log(rep->status, "%u trap%s could not be taken out of the guest's kernel: without effect "
			"there, and gone once you attach again and detach", left, left == 1 ? "" : "s");
}
