/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/xen/lib.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/library.h"

#define PRIVCMD "/dev/xen/privcmd"

static const struct library_symbol control[] = {
	{"xc_interface_open", offsetof(struct xen_lib, interface_open)},
	{"xc_interface_close", offsetof(struct xen_lib, interface_close)},
	{"xc_domain_getinfolist", offsetof(struct xen_lib, getinfolist)},
	{"xc_domain_hvm_getcontext_partial", offsetof(struct xen_lib, hvm_getcontext_partial)},
	{"xc_domain_pause", offsetof(struct xen_lib, pause)},
	{"xc_domain_unpause", offsetof(struct xen_lib, unpause)},
	{"xc_domain_maximum_gpfn", offsetof(struct xen_lib, maximum_gpfn)},
	{"xc_monitor_enable", offsetof(struct xen_lib, monitor_enable)},
	{"xc_monitor_disable", offsetof(struct xen_lib, monitor_disable)},
	{"xc_monitor_resume", offsetof(struct xen_lib, monitor_resume)},
	{"xc_monitor_descriptor_access", offsetof(struct xen_lib, monitor_descriptor_access)},
	{"xc_monitor_get_capabilities", offsetof(struct xen_lib, monitor_capabilities)},
	{"xc_evtchn_status", offsetof(struct xen_lib, evtchn_status)},
	{"xc_readconsolering", offsetof(struct xen_lib, readconsolering)},
};

static const struct library_symbol store[] = {
	{"xs_open", offsetof(struct xen_lib, xs_open)},
	{"xs_close", offsetof(struct xen_lib, xs_close)},
	{"xs_read", offsetof(struct xen_lib, xs_read)},
};

static bool number_in(const char *path, unsigned *n)
{
	_cleanup_file_ FILE *f = fopen(path, "re");

	return f && fscanf(f, "%u", n) == 1;
}

bool xen_version(unsigned *major, unsigned *minor)
{
	return number_in("/sys/hypervisor/version/major", major) &&
		number_in("/sys/hypervisor/version/minor", minor);
}

const struct xen_lib *xen_lib(struct err *e)
{
	static struct xen_lib table;
	static bool loaded;
	char file[40], package[40];
	unsigned major, minor;
	struct library l = {.file = file, .package = package, .purpose = "this host's Xen needs",
		.symbols = control, .n = sizeof(control) / sizeof(control[0])};
	static const struct library xs = {"libxenstore.so.4", "libxenstore4", "this host's Xen needs", store,
		sizeof(store) / sizeof(store[0])};

	if (loaded)
		return &table;
	if (!xen_version(&major, &minor)) {
		err_set(e, ENODEV, "this host does not run Xen (there is no /sys/hypervisor/version)");
		return NULL;
	}
	snprintf(file, sizeof(file), "libxenctrl.so.%u.%u", major, minor);
	snprintf(package, sizeof(package), "libxenmisc%u.%u", major, minor);
	if (library_load(&l, &table, e) || library_load(&xs, &table, e))
		return NULL;
	loaded = true;
	return &table;
}

/* What libxenctrl has to say goes into no output of ours: xentoollog.h, struct xentoollog_logger. */
struct logger {
	void (*vmessage)(struct logger *l, int level, int code, const char *context, const char *format, va_list ap);
	void (*progress)(struct logger *l, const char *context, const char *doing, int percent, unsigned long done,
		unsigned long total);
	void (*destroy)(struct logger *l);
};

static void no_message(struct logger *l, int level, int code, const char *context, const char *format, va_list ap)
{
	(void)l, (void)level, (void)code, (void)context, (void)format, (void)ap;
}

static void no_progress(struct logger *l, const char *context, const char *doing, int percent, unsigned long done,
	unsigned long total)
{
	(void)l, (void)context, (void)doing, (void)percent, (void)done, (void)total;
}

static void no_destroy(struct logger *l)
{
	(void)l;
}

void *xen_control(const struct xen_lib *l, struct err *e)
{
	static struct logger quiet = {no_message, no_progress, no_destroy};
	void *xch;

	if (access(PRIVCMD, F_OK)) {
		err_set(e, ENODEV, "there is no " PRIVCMD ": load the module xen-privcmd; only Domain 0 can look at "
			"other domains");
		return NULL;
	}
	if (access(PRIVCMD, R_OK | W_OK)) {
		err_set(e, EACCES, "cannot use " PRIVCMD ": %s; attach as root", strerror(errno));
		return NULL;
	}
	xch = l->interface_open(&quiet, &quiet, 0);
	if (!xch)
		err_set(e, errno, "cannot speak to Xen by " PRIVCMD ": %s", strerror(errno));
	return xch;
}
