/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest/members.h"

#include <errno.h>

int members_find(const struct guest *g, const struct member_want *want, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t size;

		if (!guest_member(g, want[i].type, want[i].member, want[i].at, &size))
			continue;
		if (want[i].need == MEMBER_MUST)
			return err_set(e, ENOENT, "the guest's types (BTF) have no %s.%s", want[i].type,
				want[i].member);
		*want[i].at = MEMBER_ABSENT;
	}
	return 0;
}
