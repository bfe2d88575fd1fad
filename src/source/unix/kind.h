/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kind.h - which sockets are logs, by where they are bound; and what a message's own word for its importance is.
 */
#ifndef LOGVISOR_SOURCE_UNIX_KIND_H
#define LOGVISOR_SOURCE_UNIX_KIND_H

#include "record/record.h"

/*
 * The channel of a socket bound at @path, in any mount namespace or chroot; RECORD_META: it is no log. Not
 * /run/systemd/journal/syslog, where journald forwards what it got at /dev/log.
 */
enum record_channel unix_channel(struct span path);

/*
 * Facility and severity of @text, a message of channel syslog or journal to a socket at @path: its own, or what the
 * daemon takes where it says none (systemd 252: user.info; rsyslog 8: user.notice at /dev/log).
 */
void unix_importance(enum record_channel channel, struct span path, struct span text, uint8_t *facility,
	uint8_t *severity);

#endif
