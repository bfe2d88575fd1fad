/* SPDX-License-Identifier: BSD-3-Clause */
/* audit_type.h - the names of the audit log's record types, as auditd and journald show them. */
#ifndef LOGVISOR_RECORD_AUDIT_TYPE_H
#define LOGVISOR_RECORD_AUDIT_TYPE_H

#include <stdint.h>

/* "SYSCALL" for 1300; "" if the number has no name here. */
const char *audit_type_name(uint64_t type);

#endif
