/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state.h - what is known of a mirror or witness beside its cosignature, for people and for retention: the file
 * cosigned/ID.state, lines of a word, a space and a value. Its uploader writes it. It proves nothing.
 */
#ifndef LOGVISOR_MIRROR_PUSH_STATE_H
#define LOGVISOR_MIRROR_PUSH_STATE_H

#include <stdint.h>

#include "ledger/cosigned.h"
#include "mirror/http.h"
#include "mirror/push/upload.h"

struct push_state {
	char url[HTTP_URL_MAX], name[NOTE_NAME_MAX + 1];
	char kind[16];    /* "mirror", "witness" */
	char trouble[16]; /* upload_trouble_name(), "" if there is none */
	char text[400];   /* the same as a sentence */
	uint64_t has;     /* what the peer says it has left after it forgot; UINT64_MAX */
};

/* What is to be said of @u after a round that ended with @why. */
void push_state_of(const struct upload *u, const struct err *why, struct push_state *out);

/* Write it for @cosigner of the ledger in @dir. 0 or -errno. */
int push_state_put(int dir, const struct vkey *cosigner, const struct push_state *s);

/* Read the one of ID @id. 0; -ENOENT: there is none; or another -errno. Lines that are none are left out. */
int push_state_get(int dir, const char *id, struct push_state *out);

#endif
