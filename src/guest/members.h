/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * members.h - many offsets asked for at once, of a guest's types.
 */
#ifndef LOGVISOR_GUEST_MEMBERS_H
#define LOGVISOR_GUEST_MEMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "guest/guest.h"

/* Of a member that may lack and does. */
#define MEMBER_ABSENT UINT32_MAX

struct member_want {
	const char *type, *member; /* as guest_member() takes them */
	uint32_t *at;              /* where its offset in bytes goes */
	enum { MEMBER_MUST, MEMBER_MAY } need;
};

/* Ask @g for the @n members of @want. 0, or -ENOENT with @e naming the first that must be there and is not. */
int members_find(const struct guest *g, const struct member_want *want, size_t n, struct err *e);

#endif
