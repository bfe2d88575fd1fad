/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/vkey.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "ledger/file.h"
#include "util/cleanup.h"

int cli_vkey(const char *arg, struct vkey *out, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r;

	if (vkey_read(arg, strlen(arg), out, e) == 0)
		return 0;
	r = file_load(AT_FDCWD, arg, 4096, &text, &n);
	if (r == -ENOENT && strchr(arg, '+'))
		return err_prefix(e, "--vkey"), -EINVAL;
	if (r)
		return err_set(e, -r, "--vkey %.200s: %s", arg, file_strerror(r));
	r = vkey_read(text, n, out, e);
	if (r)
		err_prefix(e, "--vkey %.200s", arg);
	return r;
}
