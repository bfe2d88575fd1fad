/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay.h - a connection that libcurl can have whatever its kind. Given a socket of AF_VSOCK that is connected, libcurl
 * 7.88 calls connect() all the same, and gives up on an address family that it cannot print ("ssloc inet_ntop()
 * failed"). So it connects to an abstract Unix socket of this process (unix(7), autobind), where a thread takes it
 * and moves bytes between it and the connection.
 */
#ifndef LOGVISOR_MIRROR_RELAY_H
#define LOGVISOR_MIRROR_RELAY_H

#define RELAY_NAME 6 /* of the socket, terminated: five hexadecimal digits */

/* Where libcurl is met. A descriptor, with the socket's @name without its leading NUL; or -errno. */
int relay_listen(char name[RELAY_NAME]);

/*
 * Whoever comes next to @listener from this process gets @fd, a connected stream socket, which is the relay's from here
 * on, also when this fails. Nobody comes within some seconds: it ends. 0 or -errno.
 */
int relay_start(int listener, int fd);

#endif
