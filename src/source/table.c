/* SPDX-License-Identifier: BSD-3-Clause */
/* table.c - the sources there are. */
#include "source/source.h"

extern const struct source_ops source_printk, source_unix, source_audit, source_files;

const struct source_ops *const source_table[] = {&source_printk, &source_unix, &source_audit, &source_files, NULL};
