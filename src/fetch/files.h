/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * files.h - the fetcher for sites at which a program has done something to a file: its argument is a struct
 * files_geometry, its output a struct files_copy (files_rec.h).
 */
#ifndef LOGVISOR_FETCH_FILES_H
#define LOGVISOR_FETCH_FILES_H

#include "fetch/files_rec.h"

extern const struct fetch fetch_files;

#endif
