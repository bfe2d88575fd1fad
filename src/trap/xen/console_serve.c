/* SPDX-License-Identifier: BSD-3-Clause */
/* console_serve.c - the reader's life. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "trap/xen/console.h"
#include "trap/xen/talk.h"

/* From *@at on, which becomes where @buf begins. How many bytes, or -errno. */
static int from(const struct xen_lib *l, void *xch, uint32_t *at, char *buf, unsigned n)
{
	uint32_t end = *at;

	errno = 0;
	if (l->readconsolering(xch, buf, &n, 0, 1, &end))
		return errno ? -errno : -EIO;
	*at = end - n;
	return (int)n;
}

void xen_console_read(const struct xen_lib *l, void *xch, const struct xen_console_wanted *w, struct xen_console_said *said)
{
	char first;
	int n;

	said->at = w->at;
	n = from(l, xch, &said->at, said->data, w->n < XEN_CONSOLE_READ ? w->n : XEN_CONSOLE_READ);
	said->r = n < 0 ? n : 0;
	said->n = n < 0 ? 0 : (uint32_t)n;
	said->after = said->at;
	if (n > 0 && (n = from(l, xch, &said->after, &first, 1)) < 0)
		said->r = n;
}

void xen_console_serve(const struct xen_lib *l, int ctl)
{
	int *fds[] = {&ctl};
	void *xch = xen_child(l, "logvisor-xencon", fds, 1);
	static struct xen_console_said said;
	struct xen_console_wanted w;

	if (!xch)
		_exit(1); /* the worker finds the channel closed */
	while (recv(ctl, &w, sizeof(w), 0) == sizeof(w)) {
		xen_console_read(l, xch, &w, &said);
		if (send(ctl, &said, offsetof(struct xen_console_said, data) + said.n, MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}
