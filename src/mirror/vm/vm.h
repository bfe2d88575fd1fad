/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vm.h - the log VM as it runs: a directory with its data disk and its configuration, the image that was built
 * (packaging/logvm), and stock QEMU. Where the host has vhost-vsock the mirror in it is reached by vsock; where
 * not, through virtio-serial ports (mirror/port/port.h), which a loopback TCP port of the host leads to. In Domain 0
 * of a Xen it is a domain, and the ports are vchans (mirror/vm/xen.h). The mirror's TLS goes from end to end in any
 * case: what is between sees nothing and needs no trust.
 *
 *	DIR/config     `logvisor mirror init`, `mirror add`: given to the VM at its start, read only
 *	DIR/data.img   the data disk, ext4, made when it is not there
 *	DIR/initrd     configuration and image as QEMU gets them, made at each start
 *	DIR/console    what the VM's kernel and first process said since the start
 *	DIR/pid        QEMU's process
 *	DIR/url        where the mirror is reached, while it is
 */
#ifndef LOGVISOR_MIRROR_VM_VM_H
#define LOGVISOR_MIRROR_VM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mirror/port/port.h"
#include "util/err.h"

#define VM_PORT 7007     /* what the mirror listens on inside; packaging/logvm/init.c has it too */
#define VM_USER 64000    /* whose the data disk's root directory is; likewise */
#define VM_MEASURE 64    /* hexadecimal digits of an image's SHA-256 */

struct vm_options {
	const char *dir, *image;
	uint64_t disk_bytes;  /* of a disk that is made now */
	unsigned mem_mib;
	uint32_t cid;         /* vsock address; 0: the first free one from 3 on */
	uint16_t port;        /* without vsock, the host's TCP port; 0: any */
	const char *accel;    /* NULL: xen in Domain 0, else kvm, or tcg where there is none */
};

struct vm {
	int dir, lock;
	pid_t qemu;           /* on Xen, xl */
	bool xen, made;       /* made: a domain, by us */
	int disk;             /* on Xen, the data disk's loop device */
	int control;          /* the first process's control port */
	int listener;         /* of the ports; -1: vsock */
	uint32_t cid;
	struct port ports[PORTS];
	char measure[VM_MEASURE + 1];
	char url[64];
	const char *accel;    /* xen, kvm or tcg */
};

/*
 * Check the image against its measure, take the directory (-EBUSY: it runs already), make what is missing,
 * start QEMU. 0 or -errno with @e. vm_close() in any case.
 */
int vm_start(struct vm *v, const struct vm_options *o, struct err *e);

/* Whom to tell, once each: that the mirror takes connections; that it does not yet, after half a minute. */
struct vm_told {
	void (*ready)(void *ctx);
	void (*slow)(void *ctx);
	void *ctx;
};

/*
 * Carry connections until the VM ends. SIGTERM and SIGINT stop it in good order, in half a minute at most. 0: it was
 * told to stop and did; -errno with @e: it ended by itself, or had to be killed.
 */
int vm_run(struct vm *v, const struct vm_told *told, struct err *e);

void vm_close(struct vm *v);

/* ---- vm_start()'s parts ---- */

/* SHA-256 of kernel and initramfs in directory @image, held against its file 'measure'. */
int vm_measure(const char *image, char hex[VM_MEASURE + 1], struct err *e);

/*
 * Write DIR/initrd: directory DIR/config as /config in a cpio archive (the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst), then the image's. Regular files and directories
 * only, whatever else stands there is refused.
 */
int vm_write_initrd(int dir, const char *image, struct err *e);

#endif
