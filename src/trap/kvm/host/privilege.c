/* SPDX-License-Identifier: BSD-3-Clause */
/* privilege.c - which rights attaching needs, and what for. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "trap/kvm/kvm.h"
#include "util/cleanup.h"

/* linux/capability.h. The second part: to become the user that workers run as. */
static const struct {
	int bit;
	bool as_root;
	const char *name, *why;
} caps[] = {
	{5, false, "CAP_KILL", "stop the VM while a site is written"},
	{19, false, "CAP_SYS_PTRACE", "read and write the VM's memory"},
	{21, false, "CAP_SYS_ADMIN", "read the BTF of the kvm module"},
	{38, false, "CAP_PERFMON", "trace a kernel function"},
	{39, false, "CAP_BPF", "load BPF programs"},
	{0, true, "CAP_CHOWN", "hand the ledger to the worker's user"},
	{6, true, "CAP_SETGID", "become the worker's group"},
	{7, true, "CAP_SETUID", "become the worker's user"},
	{8, true, "CAP_SETPCAP", "give up capabilities for good"},
};

int kvm_privilege(struct err *e)
{
	_cleanup_file_ FILE *f = fopen("/proc/self/status", "re");
	unsigned long long have = 0;
	char line[128], missing[400] = "";
	size_t n = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &have) == 1)
			break;
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if (!(have >> caps[i].bit & 1) && (!caps[i].as_root || !geteuid()) && n < sizeof(missing))
			n += (size_t)snprintf(missing + n, sizeof(missing) - n, "%s%s (%s)", n ? ", " : "",
				caps[i].name, caps[i].why);
	return n ? err_set(e, EPERM, "capabilities are missing: %s; run as root with all of them", missing) : 0;
}
