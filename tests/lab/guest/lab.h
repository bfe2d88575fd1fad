/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab.h - the lab guest's workload program: one static binary, `lab VERB ...`, verbs in the table
 * of lab.c. It needs /dev/kmsg and, for what it sends to the host, port LAB_PORT.
 */
#ifndef TESTS_LAB_GUEST_LAB_H
#define TESTS_LAB_GUEST_LAB_H

#include <stddef.h>

/* QEMU's isa-debugcon at its usual port: every byte written appears in the host's file at once. */
enum { LAB_PORT = 0xe9 };

/* Each returns the exit status. argv[0] is the verb. */
int hello_main(int argc, char **argv);
int flood_main(int argc, char **argv);
int kexec_main(int argc, char **argv);
int kmsg_main(int argc, char **argv);
int sock_main(int argc, char **argv);
int emit_main(int argc, char **argv);
int send_main(int argc, char **argv);
int sockets_main(int argc, char **argv);
int logd_main(int argc, char **argv);
int out_main(int argc, char **argv);
int forge_main(int argc, char **argv);
int clock_main(int argc, char **argv);
int desc_main(int argc, char **argv);
int records_main(int argc, char **argv);
int ringend_main(int argc, char **argv);

/* An open /dev/kmsg for writing; exits with a message if that fails. */
int kmsg_open(void);

/* One write, one record. Returns 0, or the errno. */
int kmsg_put(int fd, const void *text, size_t len);

/* Send bytes to the host through LAB_PORT. Exits with a message without the privilege. */
void host_put(const void *data, size_t len);

/* A number argument in [min, max], or exits with a usage message naming @what. */
long number(const char *s, long min, long max, const char *what);

#endif
