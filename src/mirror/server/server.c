/* SPDX-License-Identifier: BSD-3-Clause */
/* server.c - from the configuration to a server, and to its end. */
#include "mirror/server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mirror/server/impl.h"
#include "util/clock.h"
#include "util/give.h"
#include "util/sandbox.h"

#define STOP_MS 5000 /* how long requests may go on when the server is to stop */

/* TLS 1.3 alone; what GnuTLS has in NORMAL otherwise. */
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3"

/* Connections, and the files of logs, are more than the 1,024 that is usual: what may be had of that. */
static void raise_files(void)
{
	const rlim_t enough = SERVER_LISTENERS * SERVER_CONNECTIONS + 4096;
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur >= enough)
		return;
	l.rlim_cur = l.rlim_max < enough ? l.rlim_max : enough;
	setrlimit(RLIMIT_NOFILE, &l);
}

static int load(struct server *s, bool with_tls, struct err *e)
{
	struct config_tls pem = {0};
	int r = config_load(s->config_dir, &s->config, e);

	if (!r && with_tls)
		r = config_load_tls(s->config_dir, NULL, &pem, e);
	if (!r && with_tls)
		r = credentials_make(&pem, &s->known_by, e);
	config_tls_free(&pem);
	if (r)
		err_prefix(e, "%.300s", s->options.config);
	return r;
}

int server_open(struct server **out, const struct server_options *options, struct err *e)
{
	struct server *s = calloc(1, sizeof(*s));
	bool with_tls = false;
	int r = 0;

	if (!s)
		return err_set(e, ENOMEM, "out of memory");
	s->options = *options;
	raise_files();
	pthread_rwlock_init(&s->lock, NULL);
	pthread_mutex_init(&s->peers_lock, NULL);
	for (unsigned i = 0; i < SERVER_LISTENERS; i++)
		s->listener[i].fd = -1;
	s->config_dir = open(options->config, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->config_dir < 0)
		r = err_set(e, errno, "%.300s: %s ('logvisor mirror init' makes a configuration)", options->config,
			strerror(errno));
	else if (options->n_listen > SERVER_LISTENERS)
		r = err_set(e, EINVAL, "no more than %d places to listen at", SERVER_LISTENERS);
	else
		r = mhd_load(e);
	for (unsigned i = 0; i < options->n_listen && !r; i++) {
		r = listen_open(options->listen[i], &s->listener[i], e);
		with_tls = with_tls || s->listener[i].tls;
	}
	if (!r)
		r = load(s, with_tls, e);
	if (r) {
		server_close(s, NULL);
		return r;
	}
	s->keys = (struct cosigners){s->config.mirror, s->config.witness};
	peers_server(s);
	*out = s;
	return 0;
}

/* A Unix socket was made as root, and is to be the user's whose couriers come by it. */
static int give_socket(const struct listener *l, uid_t uid, gid_t gid, struct err *e)
{
	if (strncmp(l->url, "unix://", 7) || !lchown(l->url + 7, uid, gid))
		return 0;
	return err_set(e, errno, "%.200s: %s", l->url, strerror(errno));
}

int server_confine(struct server *s, struct err *e)
{
	uid_t uid;
	gid_t gid;
	int r = 0, alone;

	sandbox_user(&uid, &gid);
	if (!geteuid())
		r = give_tree(s->options.store, uid, gid, e);
	for (unsigned i = 0; !geteuid() && !r && i < s->options.n_listen; i++)
		r = give_socket(&s->listener[i], uid, gid, e);
	if (r)
		return r;
	alone = sandbox_only_dirs(s->options.store, s->options.config, e);
	if (alone < 0)
		return alone;
	r = sandbox_enter(SANDBOX_SERVER, uid, gid, 0, e);
	return r ? r : alone > 0;
}

static struct MHD_Daemon *start(struct server *s, const struct listener *l)
{
	const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | (l->tls ? MHD_USE_TLS : 0);
	/* It wants them; each connection gets those of its time instead (peers.c). */
	struct MHD_OptionItem secure[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, l->tls ? s->known_by->pem.cert : NULL},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, l->tls ? s->known_by->pem.key : NULL},
		{MHD_OPTION_HTTPS_MEM_TRUST, 0, l->tls ? s->known_by->pem.ca : NULL},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)PRIORITIES},
		{MHD_OPTION_END, 0, NULL},
	};

	return mhd.MHD_start_daemon(flags, 0, NULL, NULL, request_handle, s,
		MHD_OPTION_LISTEN_SOCKET, l->fd,
		MHD_OPTION_NOTIFY_CONNECTION, peers_notify, s,
		MHD_OPTION_NOTIFY_COMPLETED, request_completed, s,
		MHD_OPTION_THREAD_POOL_SIZE, SERVER_THREADS,
		MHD_OPTION_CONNECTION_LIMIT, SERVER_CONNECTIONS,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, SERVER_PER_IP,
		MHD_OPTION_CONNECTION_TIMEOUT, SERVER_IDLE,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SERVER_MEMORY,
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_ARRAY, l->tls ? secure : &secure[4], MHD_OPTION_END);
}

int server_start(struct server *s, struct err *e)
{
	int r = table_update(s, s->config.rights, s->config.n_rights, e);

	for (unsigned i = 0; i < s->options.n_listen && !r; i++) {
		s->daemon[i] = start(s, &s->listener[i]);
		if (!s->daemon[i])
			r = err_set(e, EINVAL, "cannot serve at %s: libmicrohttpd refuses%s", s->listener[i].url,
				s->listener[i].tls ? " (are server.pem and server-key.pem whole?)" : "");
		else
			s->listener[i].fd = -1; /* its own now */
	}
	return r;
}

const char *server_url(const struct server *s, unsigned i)
{
	return i < s->options.n_listen ? s->listener[i].url : NULL;
}

int server_reload(struct server *s, struct err *e)
{
	struct rights *v;
	size_t n;
	int r = rights_load(s->config_dir, &v, &n, e);

	if (!r)
		r = table_update(s, v, n, e);
	if (!r)
		peers_review(s);
	free(v);
	return r;
}

int server_renew(struct server *s, struct err *e)
{
	struct credentials *is = s->known_by, *next = NULL; /* nobody else exchanges it */
	struct config_tls pem = {0};
	int r = is ? config_load_tls(s->config_dir, &is->pem, &pem, e) : 1;

	if (!r)
		r = credentials_make(&pem, &next, e);
	config_tls_free(&pem);
	if (r)
		return r < 0 ? r : 0;
	pthread_mutex_lock(&s->peers_lock);
	s->known_by = next;
	pthread_mutex_unlock(&s->peers_lock);
	credentials_drop(is);
	return 1;
}

void server_tick(struct server *s)
{
	peers_tick(s);
}

/* No new connections; those who have asked are answered, if that does not take too long. */
static void drain(struct server *s)
{
	int64_t until = clock_mono_ms() + STOP_MS;

	s->stopping = true;
	for (unsigned i = 0; i < s->options.n_listen; i++)
		if (s->daemon[i]) {
			int fd = mhd.MHD_quiesce_daemon(s->daemon[i]);

			if (fd >= 0)
				close(fd);
		}
	while (s->active && clock_mono_ms() < until)
		clock_sleep_ms(10);
	for (unsigned i = 0; i < s->options.n_listen; i++)
		if (s->daemon[i])
			mhd.MHD_stop_daemon(s->daemon[i]);
}

int server_close(struct server *s, struct err *e)
{
	int r = 0;

	drain(s);
	for (size_t i = 0; i < s->n_entries; i++) {
		struct entry *t = s->entry[i];
		int x = t->origin ? origin_close(t->origin, r ? NULL : e) : 0;

		r = r ? r : x;
		free(t);
	}
	free(s->entry);
	for (unsigned i = 0; i < SERVER_LISTENERS; i++)
		if (s->listener[i].fd >= 0)
			close(s->listener[i].fd);
	config_free(&s->config);
	credentials_drop(s->known_by);
	if (s->config_dir >= 0)
		close(s->config_dir);
	pthread_mutex_destroy(&s->peers_lock);
	pthread_rwlock_destroy(&s->lock);
	free(s);
	return r;
}
