/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * upload.h - bring one mirror, or one witness, to the ledger's present checkpoint: offer the checkpoint, send the
 * entries that are missing, take the cosignature, keep it (ledger/cosigned.h). It reads the ledger's files and
 * knows no network: requests go through a function. What the peer answers is hostile.
 *
 * The peer alone knows what it has; nothing is kept here but the last cosigned checkpoint, so that an upload goes
 * on where it was whoever was stopped meanwhile.
 */
#ifndef LOGVISOR_MIRROR_PUSH_UPLOAD_H
#define LOGVISOR_MIRROR_PUSH_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/cosigned.h"
#include "mirror/http.h"
#include "mirror/push/body.h"
#include "util/err.h"

enum upload_kind { UPLOAD_MIRROR, UPLOAD_WITNESS };

struct upload_target {
	enum upload_kind kind;
	const char *url;
	const char *identity;  /* http_open()'s, or NULL */
	struct vkey key;       /* the cosigner's */
};

/* What stands in the way; each has one cause and one remedy. */
enum upload_trouble {
	UPLOAD_FINE,
	UPLOAD_AWAY,     /* not reached, or it cannot now: tried again */
	UPLOAD_REFUSED,  /* it does not know this log, its key, or us */
	UPLOAD_FORK,     /* it holds another history of this log */
	UPLOAD_AHEAD,    /* it has more than this ledger: that was rolled back, or another host pushes it too */
	UPLOAD_BEHIND,   /* it has forgotten what is pruned here */
	UPLOAD_LIES,     /* its answers are none that an honest peer gives */
	UPLOAD_HERE,     /* this ledger's files */
};

/* One word for each, as in state files and JSON. */
const char *upload_trouble_name(enum upload_trouble t);

struct upload {
	const char *dir;             /* the ledger's */
	const struct upload_target *target;
	int (*send)(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e);
	void (*tell)(void *ctx, const char *text); /* what is odd and does not stop it */
	void *ctx;

	enum upload_trouble trouble; /* of the last round */
	long retry_after;            /* seconds the peer asked to wait; 0: it did not */
	struct cosigned done;        /* what it has cosigned last */
	uint64_t signed_size;        /* of the checkpoint of the last round */
	uint64_t peer_has;           /* less than done.size after it forgot, else UINT64_MAX */

	/* Inner state. */
	int fd;
	struct vkey log;
	struct ledger_reader *reader;
	struct hashes hashes;
	struct body body, ahead;     /* ahead: what is likely to be sent next; ahead.n is 0 if nothing is */
	char *note;                  /* the checkpoint of this round */
	size_t note_n;
	struct checkpoint c;
	bool asked;                  /* the peer itself has said that it has all */
	bool offered;                /* it has taken the checkpoint of this round */
	uint64_t pending, next;      /* as far as the peer's is known */
	bool unsure;                 /* it may have more than `next`: entries were sent, and no answer came */
	struct wire_info info;       /* with the last ticket */
	unsigned strays;             /* answers that did not lead on, since the last cosignature */
};

/*
 * Get ready: dir, target, send, tell and ctx are set, the rest is zero. 0, or -errno with @e. upload_free() in any
 * case.
 */
int upload_open(struct upload *u, struct err *e);
void upload_free(struct upload *u);

/*
 * To be called by send(), if it likes to, when the request is on its way and its answer not there: puts together what
 * is sent next if the peer takes all of this one.
 */
void upload_ahead(struct upload *u);

/*
 * One round. 0: all that is signed is cosigned; -EAGAIN: some more is there, and there is more to do at once; or
 * another -errno with @e, and u->trouble.
 */
int upload_round(struct upload *u, struct err *e);

#endif
