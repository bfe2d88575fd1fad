/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * traps.h - where a backend that runs code sites (TRAP_CODE) sees what programs send to log sockets, and the kernel to
 * auditd: which function of which Linux, and by what the receiver is known. The counterpart of watch.h.
 *
 *   datagrams (syslog, journal)  unix_dgram_sendmsg() calls skb_queue_tail(): accepted, and the payload is in the
 *                                kernel. The receiver's name has to begin as a log socket's.
 *   streams (stdout)             up to 6.12 maybe_add_creds(), before each enqueuing; in 7.2, which has no such
 *                                function for streams, unix_stream_sendmsg() has filled its sk_buff when
 *                                skb_copy_datagram_from_iter() or skb_splice_from_iter() comes back.
 *   up to 6.1, spliced           unix_stream_sendpage() has skb_append_pagefrags() add the page to an sk_buff that may
 *                                wait already.
 *   audit                        audit_log_end() calls skb_queue_tail() with audit_queue (7.2: in a part of its own).
 *
 * Where the backend cannot put code into the guest's text, traps_fewer() goes on to the entry of one function for datagrams and
 * streams: maybe_add_creds(), or, where there is none, skb_queue_tail(), which other things pass too.
 */
#ifndef LOGVISOR_SOURCE_UNIX_TRAPS_H
#define LOGVISOR_SOURCE_UNIX_TRAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/unix.h"
#include "guest/guest.h"
#include "trap/trap.h"

/* The tags of the sites, and what is wanted as 1 << tag. */
enum traps_tag { TRAPS_DGRAM, TRAPS_STREAM, TRAPS_SPLICE, TRAPS_AUDIT, TRAPS_TAGS };

#define TRAPS_SOCKETS (1u << TRAPS_DGRAM | 1u << TRAPS_STREAM | 1u << TRAPS_SPLICE)

struct traps {
	uint32_t wanted; /* of enum traps_tag */
	bool narrow; /* one site for all, at a function's entry */
	/* The functions in question: 0 if the guest has none. */
	struct traps_function {
		uint64_t gva;
		uint32_t len;
	} dgram, stream, creds, page, audit;
	struct traps_function queue_tail, lock, slow, pv_slow; /* what they call on the way into the queue */
	uint64_t copy, splice, append; /* and before */
	uint64_t text[2]; /* _stext, _etext */
	struct app_geometry geometry[TRAPS_TAGS];
	struct trap_filter filter[TRAPS_TAGS];
};

/*
 * What @g has of it; before guest_trim(). @wanted is of 1 << enum traps_tag. 0; -ENOENT with @e: it has nothing of
 * what is wanted.
 */
int traps_find(struct traps *t, const struct guest *g, const struct app_geometry *base, uint32_t wanted, struct err *e);

/* As struct source_ops has them. */
unsigned traps_sites(const struct traps *t, struct trap_site *sites, unsigned max);
bool traps_fewer(struct traps *t);

/*
 * May a vCPU at @rip have a message that no site planted now brings, and that is in no queue yet? Only of what runs with
 * interrupts on, and was interrupted there, this is not known.
 */
bool traps_amid(const struct traps *t, uint64_t rip);

#endif
