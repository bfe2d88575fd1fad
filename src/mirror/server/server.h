/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server.h - the mirror: logs in its keeping (mirror/store), offered over HTTP to those who may. doc/log-vm.md has
 * the paths. One process, a few threads; what a client can make it hold is bounded.
 *
 *	server_open()      read the configuration, listen        with privilege, if any
 *	server_confine()   give that up
 *	server_start()     open the logs, serve
 *	server_reload()    read rights again; others go on       on SIGHUP
 *	server_renew()     and certificates
 *	server_close()     let requests end, make all durable
 */
#ifndef LOGVISOR_MIRROR_SERVER_SERVER_H
#define LOGVISOR_MIRROR_SERVER_SERVER_H

#include "util/err.h"

struct server;

struct server_options {
	const char *config, *store;
	const char *const *listen; /* as listen.h has them */
	unsigned n_listen;
	void (*say)(const char *text); /* one line for people, called by any thread */
};

/* @options is copied but for what it points to. 0 or -errno with @e; *out is freed by server_close(). */
int server_open(struct server **out, const struct server_options *options, struct err *e);

/*
 * Become the user `logvisor` if root, reach no file but those of configuration and store, and use no more system
 * calls than serving needs. Returns 1; 0: this kernel has no Landlock, all else is done; -errno with @e.
 */
int server_confine(struct server *s, struct err *e);

/* 0 or -errno with @e. A log that cannot be opened is told by say(), and answered with 503; others are served. */
int server_start(struct server *s, struct err *e);

/* Where listener @i really is; NULL: there is no such. */
const char *server_url(const struct server *s, unsigned i);

/* 0, or -errno with @e: all is as it was. */
int server_reload(struct server *s, struct err *e);

/*
 * Read the certificates and the key again: connections that come are made with them, those there are go on.
 * 1: with others than before; 0: they are the same; -errno with @e: what is there cannot be used, all is as it was.
 */
int server_renew(struct server *s, struct err *e);

/* To be called every second or so: cuts connections off that do not get on. */
void server_tick(struct server *s);

/* 0, or -errno with @e: something may not be durable that nobody was told is. */
int server_close(struct server *s, struct err *e);

#endif
