/* SPDX-License-Identifier: BSD-3-Clause */
/* among.h - is a value one of the first few of an array? */
#ifndef LOGVISOR_UTIL_AMONG_H
#define LOGVISOR_UTIL_AMONG_H

#define among(x, v, n)                                       \
	({                                                   \
		__typeof__((v)[0]) among_x = (x);            \
		__typeof__((n) + 0u) among_n = (n);          \
                                                             \
		while (among_n && (v)[among_n - 1] != among_x) \
			among_n--;                           \
		among_n != 0;                                \
	})

#endif
