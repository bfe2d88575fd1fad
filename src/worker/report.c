/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/report.h"

#include <inttypes.h>

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
	meta_attach(m, r->target, t->ops->name, NULL);
	store_put_meta(r->store, NULL);
	status_log(r->status, "attached: %s", t->desc);
}

void report_boot(const struct report *r, const struct guest_info *info)
{
	meta_boot(store_meta(r->store, META_BOOT), info->release, info->build_id);
	store_put_meta(r->store, NULL);
}

void report_alert(const struct report *r, const char *what, const char *text)
{
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

void report_left(const struct report *rep, int r, const struct meta_counters *c, unsigned left)
{
	status_log(rep->status, "%s: %" PRIu64 " records (%" PRIu64 " live), %" PRIu64 " lost",
		r == 1	? "the VM ended"
		: r < 0 ? "the attachment broke"
			: "detached, the VM runs on",
		c->records, c->live, c->lost);
	if (left)
		status_log(rep->status, "%u trap%s could not be taken out of the guest's kernel: without effect "
			"there, and gone once you attach again and detach", left, left == 1 ? "" : "s");
}
