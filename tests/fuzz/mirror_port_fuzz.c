/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames from the other end of a virtio-serial port: the first byte says whose end is under test, the rest comes
 * out of the port. It may end the port; it may not leave a connection behind that nobody owns.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mirror/port/port.h"

static int far_end = -1;

static int dial(void *ctx)
{
	int s[2];

	(void)ctx;
	if (far_end >= 0)
		close(far_end);
	far_end = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s))
		return -1;
	far_end = s[1];
	return s[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char away[1 << 20];
	struct port p;
	int s[2];

	if (n < 1 || n > 60000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s))
		return 0;
	port_init(&p, s[0]);
	if (data[0] & 1)
		port_open(&p, dial(NULL));
	if (write(s[1], data + 1, n - 1) < 0)
		n = 1;
	for (int i = 0; i < 64 && !port_step(&p, data[0] & 1 ? NULL : dial, NULL); i++) {
		while (read(s[1], away, sizeof(away)) > 0)
			continue;
		while (far_end >= 0 && read(far_end, away, sizeof(away)) > 0)
			continue;
		if (data[0] & 2 && i == 7 && far_end >= 0) {
			close(far_end);
			far_end = -1;
		}
	}
	if (p.fd < 0 && (p.sock >= 0 || p.open))
		abort();
	port_close(&p);
	if (far_end >= 0)
		close(far_end);
	far_end = -1;
	close(s[0]);
	close(s[1]);
	return 0;
}
