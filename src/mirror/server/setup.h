/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * setup.h - a mirror's configuration made and changed: what config.h reads. Each may be done again: what is there
 * stays, what is missing is made, secrets are closed to others. A key is never made a second time, neither when its
 * public half is there and it is not.
 */
#ifndef LOGVISOR_MIRROR_SERVER_SETUP_H
#define LOGVISOR_MIRROR_SERVER_SETUP_H

#include <stdbool.h>

#include "ledger/note.h"
#include "mirror/server/x509.h"
#include "util/err.h"

#define SETUP_DAYS 3650 /* that a certificate is valid, unless said otherwise */

struct setup_init {
	const char *dir;
	const char *name;               /* key name; NULL: the host's, or that which is there */
	const char *host[X509_HOSTS - 3]; /* of the server's certificate, besides the usual ones */
	unsigned n_hosts;
	int days;
	bool renew;                     /* a new certificate for the server */
};

/* 0, -EEXIST (another name than is there) or another -errno with @e. */
int setup_init(const struct setup_init *q, struct err *e);

struct setup_add {
	const char *dir, *name;         /* name: of the VM */
	const char *origin;             /* NULL: that of the key, or of what is there */
	const struct vkey *vkey;        /* the log's; NULL: those that are there. */
	int days;
	bool renew;                     /* a new certificate for the client, besides what is there */
};

/* What it came to. */
struct setup_added {
	char clients[4096];             /* the directory to give to the client */
	unsigned keys;                  /* of the log that are known */
	bool made;                      /* the certificate is new */
};

int setup_add(const struct setup_add *q, struct setup_added *out, struct err *e);

struct setup_revoke {
	const char *dir, *name;         /* name: of the VM */
	const char *fingerprint;        /* of one; NULL: all that the VM's log has, or */
	bool others;                    /* all but the one in clients/NAME */
};

/*
 * Take the rights of certificates away. The log stays. *@n: how many went. 0; -ENOENT: no such log, or no certificate in
 * clients/NAME; -EINVAL: not a fingerprint; or another -errno with @e.
 */
int setup_revoke(const struct setup_revoke *q, unsigned *n, struct err *e);

#endif
