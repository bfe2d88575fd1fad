/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kmsg_text.h - one record as /dev/kmsg writes it (Linux, kernel/printk/printk.c, info_print_ext_header() and
 * msg_print_ext_body()):
 *
 *	PRI,SEQ,MICROSECONDS,FLAGS[,NAME=VALUE...];TEXT\n[ KEY=VALUE\n...]
 *
 * in which each byte that is not printable ASCII, and each backslash, is \xNN.
 */
#ifndef LOGVISOR_SOURCE_HOST_KMSG_TEXT_H
#define LOGVISOR_SOURCE_HOST_KMSG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "record/record.h"

/*
 * Into @r what the @n bytes at @buf say, which become what was escaped, and which @r points into: facility and severity,
 * number, time, caller, cont, subsystem and device, text. False: it is no such record.
 */
bool kmsg_parse(char *buf, size_t n, struct record *r);

#endif
