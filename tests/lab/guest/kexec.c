/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab kexec KERNEL INITRD COMMANDLINE - load a kernel and jump into it at once, without a reset and
 * without shutting anything down: kexec_file_load(2), then reboot(2).
 */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int kexec_main(int argc, char **argv)
{
	int kernel, initrd;

	if (argc != 4)
		return 2;
	kernel = open(argv[1], O_RDONLY | O_CLOEXEC);
	initrd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (kernel < 0 || initrd < 0) {
		fprintf(stderr, "lab: %s: %s\n", kernel < 0 ? argv[1] : argv[2], strerror(errno));
		return 2;
	}
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1, argv[3], 0UL)) {
		perror("lab: kexec_file_load");
		return 2;
	}
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	perror("lab: reboot");
	return 2;
}
