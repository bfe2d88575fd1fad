/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * geometry.h - where the kernel of one guest keeps messages to log sockets and their senders: what the fetcher
 * of fetch/unix.h has to know, from the guest's symbols and types.
 */
#ifndef LOGVISOR_SOURCE_SENDER_GEOMETRY_H
#define LOGVISOR_SOURCE_SENDER_GEOMETRY_H

#include "fetch/unix_rec.h"
#include "guest/guest.h"

/*
 * Before guest_trim(). `at` and `audit` are left 0. 0; -ENOENT with @e naming what the guest does not describe;
 * -EBADMSG: it describes it otherwise than any kernel the fetcher was written for; or as guest_read().
 */
int app_geometry_find(const struct guest *g, struct app_geometry *out, struct err *e);

#endif
