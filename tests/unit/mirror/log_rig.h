/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * log_rig.h - a host's ledger and the requests it would make, and the mirror's two cosigners. Record i is
 * tamper_leaf()'s; the log is test.example/vm.
 */
#ifndef TESTS_UNIT_MIRROR_LOG_RIG_H
#define TESTS_UNIT_MIRROR_LOG_RIG_H

#include "mirror/store/origin.h"
#include "unit/ledger/tamper.h"

#define LOG_NOW 1700000000 /* of requests, unless a test says otherwise */

/* The key of RFC 8032 section 7.1, TEST 1, and TEST 2. */
#define LOG_PEM1 "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n" \
	"-----END PRIVATE KEY-----\n"
#define LOG_PEM2 "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5baKbFGw5p+Dxk5tvlcI1qnyKZTQ7b5pvT7\n" \
	"-----END PRIVATE KEY-----\n"

struct log_rig {
	char dir[256];          /* of the host's ledger */
	struct ledger *ledger;
	struct origin_conf conf;
	struct cosigners keys;
	struct cosign_key *mirror, *witness;
};

static inline void log_rig_cosigners(struct log_rig *g)
{
	struct err e = {""};

	if (cosign_key_load(LOG_PEM1, strlen(LOG_PEM1), "logvm.example", &g->mirror, &e) ||
		cosign_key_load(LOG_PEM2, strlen(LOG_PEM2), "logvm.example/witness", &g->witness, &e))
		fail_msg("%s", e.text);
	g->keys = (struct cosigners){g->mirror, g->witness};
}

/* The ledger in @base/@name, and its key, of VM "vm". */
static inline void log_rig_open(struct log_rig *g, const char *base, const char *name)
{
	struct tamper_file f;
	struct err e = {""};

	memset(g, 0, sizeof(*g));
	snprintf(g->dir, sizeof(g->dir), "%s/%s", base, name);
	g->ledger = fixture_open(g->dir, NULL);
	log_rig_cosigners(g);
	snprintf(g->conf.name, sizeof(g->conf.name), "vm");
	snprintf(g->conf.origin, sizeof(g->conf.origin), "test.example/vm");
	f = tamper_load(tamper_path(g->dir, "vkey"));
	if (vkey_parse(f.data, f.n, &g->conf.key[0], &e))
		fail_msg("%s", e.text);
	g->conf.n_keys = 1;
	free(f.data);
}

static inline void log_rig_close(struct log_rig *g)
{
	ledger_abandon(g->ledger);
	cosign_key_free(g->mirror);
	cosign_key_free(g->witness);
}

/* Let it grow to @size records, all signed. */
static inline void log_rig_grow(struct log_rig *g, uint64_t size)
{
	struct err e = {""};

	tamper_append(g->ledger, ledger_size(g->ledger), size);
	if (ledger_checkpoint(g->ledger, &e))
		fail_msg("%s", e.text);
}

static inline struct tamper_file log_rig_note(const struct log_rig *g)
{
	return tamper_load(tamper_path(g->dir, "checkpoint"));
}

/* add-checkpoint of @note after one of @old records. @w lives as long as @note does. */
static inline void log_rig_checkpoint(const struct log_rig *g, struct tamper_file note, uint64_t old,
	struct wire_checkpoint *w)
{
	struct hashes h;
	struct err e;
	int dir = open(g->dir, O_RDONLY | O_DIRECTORY);

	memset(w, 0, sizeof(*w));
	w->old = old;
	w->note = (struct span){note.data, note.n};
	assert_int_equal(checkpoint_parse(note.data, note.n, &w->checkpoint, &e), 0);
	hashes_open(&h, dir);
	if (old && old < w->checkpoint.size)
		assert_int_equal(consistency_make(&h, 0, old, w->checkpoint.size, w->proof, &w->n_proof), 0);
	hashes_close(&h);
	close(dir);
}

/* Package @i of an upload of [@start, @end). @buf is free()d by the caller. */
static inline void log_rig_package(const struct log_rig *g, uint64_t start, uint64_t end, uint64_t i,
	struct wire_package *p, char **buf)
{
	struct hashes h;
	size_t n = 0;
	int dir = open(g->dir, O_RDONLY | O_DIRECTORY);

	memset(p, 0, sizeof(*p));
	p->at = wire_package(start, end, i);
	*buf = malloc(LEDGER_BUNDLE * 512);
	for (uint64_t k = p->at.start; k < p->at.end; k++) {
		size_t len = tamper_leaf(*buf + n + 2, 510, k);

		(*buf)[n] = (char)(len >> 8);
		(*buf)[n + 1] = (char)len;
		tree_leaf_hash(*buf + n + 2, len, &p->leaf[k - p->at.start]);
		n += 2 + len;
	}
	p->entries = (struct span){*buf, n};
	hashes_open(&h, dir);
	assert_int_equal(consistency_make(&h, p->at.base, p->at.end, end, p->proof, &p->n_proof), 0);
	hashes_close(&h);
	close(dir);
}

/* Send add-checkpoint with the present checkpoint, after @old. The answer's status. */
static inline int log_rig_add(const struct log_rig *g, struct origin *o, uint64_t old, struct answer *a)
{
	struct tamper_file note = log_rig_note(g);
	struct wire_checkpoint w;

	log_rig_checkpoint(g, note, old, &w);
	origin_add_checkpoint(o, &w, LOG_NOW, a);
	free(note.data);
	return a->status;
}

/* Upload packages of [@start, @end), at most @max of them, which belongs to the checkpoint of @end. The status. */
static inline int log_rig_upload(const struct log_rig *g, struct origin *o, uint64_t start, uint64_t end,
	uint64_t max, struct answer *a)
{
	const struct wire_head head = {span_of("test.example/vm"), start, end, {NULL, 0}};
	struct upload *u = upload_begin(o, &head, a);
	struct wire_package p;
	char *buf;

	for (uint64_t i = 0; u && i < wire_packages(start, end) && i < max; i++) {
		bool ok;

		log_rig_package(g, start, end, i, &p, &buf);
		ok = upload_package(u, &p, a);
		free(buf);
		if (!ok) {
			upload_abort(u);
			return a->status;
		}
	}
	if (u)
		upload_end(u, LOG_NOW, a);
	return a->status;
}

#endif
