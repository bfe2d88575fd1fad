/* SPDX-License-Identifier: BSD-3-Clause */
/* state.c - what the files of this room share. */
#include "guest/state.h"

#include <errno.h>
#include <string.h>

int state_unreadable(int r, struct err *e)
{
	if (r == -ESRCH)
		return err_set(e, ESRCH, "the VM is gone");
	return err_set(e, -r, "the guest's memory cannot be read: %s", strerror(-r));
}
