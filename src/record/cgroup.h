/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cgroup.h - what a control group's path says of the processes in it, where systemd or a container runtime made
 * it. The path is the kernel's; its names were chosen by whoever may make control groups, which is root.
 */
#ifndef LOGVISOR_RECORD_CGROUP_H
#define LOGVISOR_RECORD_CGROUP_H

#include "util/span.h"

/* Parts of the path; what it does not say is empty. */
struct cgroup_said {
	/*
	 * As journald derives them (cg_path_get_unit(), cg_path_get_user_unit(), cg_path_get_slice(),
	 * cg_path_get_session(), cg_path_get_owner_uid(), systemd 252, src/basic/cgroup-util.c).
	 */
	struct span unit, user_unit, slice, session, owner_uid;
	/*
	 * A container's id (docker, podman, containerd, CRI-O: 64 hexadecimal digits, in a component of its own or
	 * between a prefix with a dash and ".scope"), or its machine's name (systemd-nspawn).
	 */
	struct span container;
};

void cgroup_parse(struct span path, struct cgroup_said *out);

#endif
