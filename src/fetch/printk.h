/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * printk.h - the fetcher for sites at prb_commit() and prb_final_commit(): its argument is a struct
 * prb_geometry, its output a struct prb_copy (printk_rec.h).
 */
#ifndef LOGVISOR_FETCH_PRINTK_H
#define LOGVISOR_FETCH_PRINTK_H

#include "fetch/fetch.h"

extern const struct fetch fetch_printk;

#endif
