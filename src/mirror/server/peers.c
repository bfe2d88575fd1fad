/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peers.c - who is at the other end, and for how long. With TLS a client needs a certificate of our authority that
 * some log's rights name, or the handshake fails; which logs these are is asked for with every request, and every
 * package of one, so that a right taken away is gone at once, and so are all with the last second of the certificate.
 * Whose last one that was is cut off.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "mirror/server/impl.h"
#include "mirror/server/x509.h"
#include "util/clock.h"

#define PURPOSE_CLIENT "1.3.6.1.5.5.7.3.2" /* RFC 5280 section 4.2.1.12, id-kp-clientAuth */

static struct server *the_server;

void peers_server(struct server *s)
{
	the_server = s;
}

/* The client's certificate, or NULL. */
static const gnutls_datum_t *certificate(gnutls_session_t session)
{
	unsigned n = 0;
	const gnutls_datum_t *chain = tls.gnutls_certificate_get_peers(session, &n);

	return n ? chain : NULL;
}

/* GnuTLS asks in the handshake, when the client's certificate has come, or none. 0: go on. */
static int verify(gnutls_session_t session)
{
	gnutls_typed_vdata_st purpose = {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)PURPOSE_CLIENT, 0};
	const gnutls_datum_t *sent = certificate(session);
	struct peer who = {.known = true, .until = INT64_MAX}; /* GnuTLS looks at its time here */
	unsigned status = 1;

	if (sent)
		tree_sha256(sent->data, sent->size, &who.cert);
	if (sent && !tls.gnutls_certificate_verify_peers(session, &purpose, 1, &status) && !status &&
		table_knows(the_server, &who))
		return 0;
	atomic_fetch_add(&the_server->count[COUNT_HANDSHAKES_REFUSED], 1);
	/* So that the other side knows what it is about. */
	tls.gnutls_alert_send(session, GNUTLS_AL_FATAL,
		!sent ? GNUTLS_A_CERTIFICATE_REQUIRED : status & GNUTLS_CERT_EXPIRED ? GNUTLS_A_CERTIFICATE_EXPIRED :
		status ? GNUTLS_A_BAD_CERTIFICATE : GNUTLS_A_CERTIFICATE_REVOKED);
	return GNUTLS_E_CERTIFICATE_ERROR;
}

static gnutls_session_t session_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i = mhd.MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return i ? i->tls_session : NULL;
}

/* Under the lock. */
static void cut_off(struct server *s, struct peer *p)
{
	shutdown(p->fd, SHUT_RDWR);
	p->cut = true;
	p->since_ms = 0;
	atomic_fetch_add(&s->count[COUNT_CUT_OFF], 1);
}

/*
 * Whoever can reach us may connect, and has shown nothing by that. So that such connections never take the places of
 * those who may ask something, the oldest one goes when there are many. Under the lock.
 */
static void make_room(struct server *s)
{
	struct peer *oldest = NULL;
	unsigned n = 0;

	for (struct peer *p = s->peers; p; p = p->next) {
		if (p->all || p->known || p->cut)
			continue;
		oldest = p;
		n++;
	}
	if (n > SERVER_STRANGERS)
		cut_off(s, oldest);
}

static void begin(struct server *s, struct MHD_Connection *c, void **context)
{
	const union MHD_ConnectionInfo *fd = mhd.MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	gnutls_session_t session = session_of(c);
	struct peer *p = calloc(1, sizeof(*p));

	atomic_fetch_add(&s->connections, 1);
	*context = p;
	if (session) {
		tls.gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
		tls.gnutls_session_set_verify_function(session, verify);
	}
	if (!p)
		return;
	p->server = s;
	p->fd = fd ? fd->connect_fd : -1;
	p->all = !session;
	peer_busy(p, true);
	pthread_mutex_lock(&s->peers_lock);
	if (session) {
		p->known_by = credentials_hold(s->known_by);
		tls.gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, p->known_by->x509);
	}
	p->next = s->peers;
	p->prev = &s->peers;
	if (p->next)
		p->next->prev = &p->next;
	s->peers = p;
	make_room(s);
	pthread_mutex_unlock(&s->peers_lock);
}

static void end(struct server *s, struct peer *p)
{
	atomic_fetch_sub(&s->connections, 1);
	if (!p)
		return;
	pthread_mutex_lock(&s->peers_lock);
	*p->prev = p->next;
	if (p->next)
		p->next->prev = p->prev;
	pthread_mutex_unlock(&s->peers_lock);
	credentials_drop(p->known_by);
	free(p);
}

void peers_notify(void *server, struct MHD_Connection *c, void **context, enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		begin(server, c, context);
	else
		end(server, *context);
}

/* After the handshake. False: that cannot be. */
static bool identify(struct peer *p, const gnutls_datum_t *cert)
{
	if (!cert)
		return false;
	tree_sha256(cert->data, cert->size, &p->cert);
	return !x509_until(cert->data, cert->size, &p->until);
}

struct peer *peer_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i = mhd.MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct peer *p = i ? i->socket_context : NULL;

	if (p && !p->all && !p->known)
		p->known = identify(p, certificate(session_of(c)));
	return p && (p->all || (p->known && table_knows(p->server, p))) ? p : NULL;
}

void peers_review(struct server *s)
{
	pthread_mutex_lock(&s->peers_lock);
	for (struct peer *p = s->peers; p; p = p->next)
		if (p->known && !p->cut && !table_knows(s, p))
			cut_off(s, p);
	pthread_mutex_unlock(&s->peers_lock);
}

bool peer_late(const struct peer *p)
{
	return p->known && clock_wall_us() / 1000000 > p->until;
}

void peer_busy(struct peer *p, bool busy)
{
	p->since_ms = busy ? clock_mono_ms() + 1 : 0;
}

/*
 * What does not get on in its time is cut off, however it keeps the connection alive: a handshake, a request's
 * head, a package. Between two requests MHD counts the seconds. And whose certificate is past.
 */
void peers_tick(struct server *s)
{
	int64_t before = clock_mono_ms() - SERVER_REQUEST * 1000L;

	pthread_mutex_lock(&s->peers_lock);
	for (struct peer *p = s->peers; p; p = p->next) {
		int64_t since = p->since_ms;

		if (!p->cut && ((since && since <= before) || peer_late(p)))
			cut_off(s, p);
	}
	pthread_mutex_unlock(&s->peers_lock);
}
