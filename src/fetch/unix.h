/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unix.h - the fetcher for sites where a message is about to be queued at a log socket or for auditd: its
 * argument is a struct app_geometry, its output a struct app_copy (unix_rec.h). And what only user space does:
 * the whole of a message that is longer than what a trap copies.
 */
#ifndef LOGVISOR_FETCH_UNIX_H
#define LOGVISOR_FETCH_UNIX_H

#include <stdbool.h>

#include "fetch/unix_rec.h"

extern const struct fetch fetch_unix;

/* What GS.base is in the kernel on CPU @cpu, its __per_cpu_offset; 0 if it is not readable. */
uint64_t app_gs(const struct fetch_mem *mem, const struct app_geometry *g, unsigned cpu);

/* The APIC id of CPU @cpu, which is KVM's number of its vCPU. False: the guest's kernel does not tell. */
bool app_cpu_apicid(const struct fetch_mem *mem, const struct app_geometry *g, unsigned cpu, uint32_t *id);

#define APP_MESSAGE_MAX (1U << 20) /* longer ones are cut: net.core.wmem_max is 208 KiB if nobody changed it */

/*
 * The whole message of @c from its sk_buff, the VM being held, into @buf of @cap bytes: how many of its c->len bytes, from
 * the first on, or negative if the sk_buff is not what it was.
 */
long app_message(const struct fetch_mem *mem, const struct app_geometry *g, const struct app_copy *c,
	void *buf, size_t cap);

#endif
