/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/server/mhd.h"

#include <stddef.h>

#include "util/library.h"

struct mhd_table mhd;
struct gnutls_table tls;

#define MHD_SYMBOL(f) {#f, offsetof(struct mhd_table, f)},
#define GNUTLS_SYMBOL(f) {#f, offsetof(struct gnutls_table, f)},

static const struct library_symbol mhd_symbols[] = {MHD_FUNCTIONS(MHD_SYMBOL)};
static const struct library_symbol gnutls_symbols[] = {GNUTLS_FUNCTIONS(GNUTLS_SYMBOL)};

#define LIST(x) (x), sizeof(x) / sizeof((x)[0])

int mhd_load(struct err *e)
{
	static const struct library http = {"libmicrohttpd.so.12", "libmicrohttpd12 or libmicrohttpd12t64",
		"a mirror needs", LIST(mhd_symbols)};
	static const struct library gnutls = {"libgnutls.so.30", "libgnutls30 or libgnutls30t64", "a mirror needs",
		LIST(gnutls_symbols)};
	int r = library_load(&http, &mhd, e);

	return r ? r : library_load(&gnutls, &tls, e);
}
