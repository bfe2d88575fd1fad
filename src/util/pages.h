/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pages.h - memory that only beginning needed, given back.
 */
#ifndef LOGVISOR_UTIL_PAGES_H
#define LOGVISOR_UTIL_PAGES_H

/*
 * Unmap all pages of the program's and its libraries' code and constants and trim the heap. What is
 * still used comes back from the page cache at the next touch, what only start-up used (OpenSSL's
 * providers, name service modules, relocation) does not.
 */
void pages_release(void);

#endif
