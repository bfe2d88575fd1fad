/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mhd.h - the functions of libmicrohttpd and of GnuTLS that the server uses, loaded when it starts. The HTTP and
 * the TLS that strangers speak to us are parsed by these two.
 */
#ifndef LOGVISOR_MIRROR_SERVER_MHD_H
#define LOGVISOR_MIRROR_SERVER_MHD_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>

#include "util/err.h"

#define MHD_FUNCTIONS(_)                                                                               \
	_(MHD_start_daemon) _(MHD_stop_daemon) _(MHD_quiesce_daemon) _(MHD_get_daemon_info)            \
	_(MHD_queue_response) _(MHD_create_response_from_buffer)                                       \
	_(MHD_create_response_from_fd_at_offset64) _(MHD_destroy_response) _(MHD_add_response_header)  \
	_(MHD_lookup_connection_value) _(MHD_get_connection_info)

#define GNUTLS_FUNCTIONS(_)                                                                            \
	_(gnutls_certificate_server_set_request) _(gnutls_session_set_verify_function)                 \
	_(gnutls_certificate_verify_peers) _(gnutls_certificate_get_peers) _(gnutls_alert_send)                \
	_(gnutls_certificate_allocate_credentials) _(gnutls_certificate_free_credentials)                      \
	_(gnutls_certificate_set_x509_key_mem) _(gnutls_certificate_set_x509_trust_mem)                        \
	_(gnutls_credentials_set) _(gnutls_strerror)

#define LIBRARY_MEMBER(f) __typeof__(f) *(f);

struct mhd_table {
	MHD_FUNCTIONS(LIBRARY_MEMBER)
};

struct gnutls_table {
	GNUTLS_FUNCTIONS(LIBRARY_MEMBER)
};

extern struct mhd_table mhd;
extern struct gnutls_table tls;

/* Fill both. 0, or -ENOENT with @e. */
int mhd_load(struct err *e);

#endif
