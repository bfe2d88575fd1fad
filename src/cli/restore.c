/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * restore.c - logvisor restore NAME --from URL: a lost host's ledger comes back from a mirror, byte for byte, and
 * goes on under a new key, since the old one was lost with the host.
 *
 * All is done in STORE/.NAME.restore, which becomes STORE/NAME when it is whole. Until the new key is made there,
 * an attempt that was interrupted is gone on with; after that, which takes an instant, it begins again.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/from.h"
#include "cli/vkey.h"
#include "ledger/file.h"
#include "ledger/ledger.h"
#include "record/meta.h"
#include "util/base64.h"
#include "util/cleanup.h"
#include "util/clock.h"

enum { OPT_VKEY = OPTION_LONG };

static const struct cli_option options[] = {
	{OPT_VKEY, "vkey", "KEY|FILE", "what it was signed with; without it, the mirror is believed"},
	CLI_OPTION_STORE,
	CLI_OPTIONS_FROM,
	{0, NULL, NULL, NULL},
};

struct restore {
	const char *name;
	struct from from;
	struct vkey key, now; /* the one before, the one from here on */
	bool pinned;
	char store[4096], dir[4096 + 80], work[4096 + 80];
	uint64_t size;
	char root[BASE64_LEN(LEDGER_HASH) + 1];
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	(void)f;
	return remove(path);
}

/* Nothing is there yet, or what an attempt before has fetched. */
static int prepare(struct restore *r, struct err *e)
{
	char key[sizeof(r->work) + 8];

	if (mkdir(r->store, 0750) && errno != EEXIST)
		return err_set(e, errno, "%.300s: %s", r->store, strerror(errno));
	if (!access(r->dir, F_OK))
		return err_set(e, EEXIST, "%s: there is a ledger of that name in %.300s; restore puts none in its place: "
			"move it away, or compare it (verify --mirror)", r->name, r->store);
	snprintf(key, sizeof(key), "%s/key", r->work);
	if (!access(key, F_OK) && nftw(r->work, remove_one, 16, FTW_DEPTH | FTW_PHYS))
		return err_set(e, errno, "%.300s cannot be removed: %s", r->work, strerror(errno));
	return 0;
}

static int fetch(struct restore *r, struct err *e)
{
	struct far *f = calloc(1, sizeof(*f));
	struct from_mirror m;
	int ret;

	if (!f)
		return err_set(e, ENOMEM, "out of memory");
	ret = from_mirror_open(&m, &r->from, e);
	if (!ret)
		ret = from_mirror_log(&m, r->name, NULL, r->pinned ? &r->key : NULL, f, e);
	if (!ret && !vkey_is_of(&f->key, r->name))
		ret = err_set(e, EBADMSG, "what is served is the log of '%s', not of '%s'", f->key.name, r->name);
	if (!ret)
		ret = fetch_all(f, r->work, e);
	if (!ret) {
		r->key = f->key;
		r->size = f->checkpoint.size;
		base64_encode(f->checkpoint.root.b, LEDGER_HASH, r->root);
	}
	far_close(f);
	free(f);
	from_mirror_close(&m);
	if (ret)
		from_name(&r->from, e);
	return ret;
}

/* A new key, and the tree as it is under it: the state in which a writer finds its own ledger. */
static int put_key(struct restore *r, int dir, struct err *e)
{
	char note[NOTE_SIGNED_MAX], vkey[NOTE_VKEY_MAX + 2];
	_cleanup_free_ char *pem = NULL;
	struct note_key *key = NULL;
	struct hash root;
	size_t n = 0;
	long len = 0;
	int ret = note_key_generate(&pem, &n, e);

	if (!ret)
		ret = note_key_load(pem, n, r->key.name, &key, e);
	if (ret)
		goto out;
	r->now = *note_key_vkey(key);
	vkey_format(&r->now, vkey);
	strcat(vkey, "\n");
	base64_decode(r->root, strlen(r->root), root.b, LEDGER_HASH);
	len = note_sign_checkpoint(key, r->size, &root, note, e);
	ret = len < 0 ? (int)len : 0;
	if (ret)
		goto out;
	ret = file_replace(dir, "key", pem, n, 0600);
	if (!ret)
		ret = file_replace(dir, "vkey", vkey, strlen(vkey), 0644);
	if (!ret)
		ret = file_replace(dir, "checkpoint", note, (size_t)len, 0644);
	if (ret)
		err_set(e, -ret, "cannot write the new key: %s", file_strerror(ret));
out:
	note_key_free(key);
	if (pem)
		explicit_bzero(pem, n);
	return ret;
}

/* What the mirror had signed and cosigned, as it stood there: for those who ask later by whose word. */
static int keep_seal(int dir, struct err *e)
{
	static const char *const files[] = {"checkpoint", "vkey"};
	_cleanup_fd_ int to = -1;
	int ret = mkdirat(dir, "restored", 0755) && errno != EEXIST ? -errno : 0;

	if (!ret)
		to = openat(dir, "restored", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (!ret && to < 0)
		ret = -errno;
	for (unsigned i = 0; i < 2 && !ret; i++) {
		_cleanup_free_ char *data = NULL;
		size_t n;

		ret = file_load(dir, files[i], NOTE_MAX, &data, &n);
		if (!ret)
			ret = file_replace(to, files[i], data, n, 0644);
	}
	return ret ? err_set(e, -ret, "cannot keep the mirror's checkpoint: %s", file_strerror(ret)) : 0;
}

/* The record that says so, signed by the new key. */
static int put_record(struct restore *r, struct err *e)
{
	_cleanup_free_ struct meta *m = malloc(sizeof(*m));
	_cleanup_free_ char *leaf = malloc(RECORD_LEAF_MAX);
	char old[NOTE_VKEY_MAX + 1], now[NOTE_VKEY_MAX + 1];
	struct ledger *l;
	long n;
	int ret;

	if (!m || !leaf)
		return err_set(e, ENOMEM, "out of memory");
	vkey_format(&r->key, old);
	vkey_format(&r->now, now);
	meta_begin(m, r->name, META_REKEY, clock_wall_us(), NULL);
	meta_rekey(m, old, now, r->size, r->root, r->from.url);
	n = record_encode(&m->r, leaf, RECORD_LEAF_MAX);
	if (n < 0)
		return err_set(e, (int)-n, "the record of the new key: %s", strerror((int)-n));
	ret = ledger_open(&l, r->work, NULL, NULL, e);
	if (ret)
		return ret;
	ret = ledger_append(l, leaf, (size_t)n, m->r.time_us, e);
	if (!ret)
		return ledger_close(l, e);
	ledger_abandon(l);
	return ret;
}

/* From here on it is the host's ledger. */
static int take_over(struct restore *r, struct err *e)
{
	_cleanup_fd_ int dir = open(r->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int store = open(r->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret;

	if (dir < 0 || store < 0)
		return err_set(e, errno, "%.300s: %s", r->work, strerror(errno));
	ret = keep_seal(dir, e);
	if (!ret)
		ret = put_key(r, dir, e);
	if (!ret)
		ret = put_record(r, e);
	if (ret)
		return ret;
	if (renameat2(AT_FDCWD, r->work, AT_FDCWD, r->dir, RENAME_NOREPLACE) || fsync(store))
		return err_set(e, errno, "%.300s: %s", r->dir, strerror(errno));
	return 0;
}

static void report(const struct restore *r)
{
	char now[NOTE_VKEY_MAX + 1];

	vkey_format(&r->now, now);
	printf("%s: %" PRIu64 " records brought back from %s, root %s\n", r->name, r->size, r->from.url, r->root);
	printf("%s: record %" PRIu64 " says that the key has changed; the log VM takes what follows once it knows the new "
		"one:\n    logvisor mirror add %s --config CONFIG --vkey '%s'\n", r->name, r->size, r->name, now);
}

static int restore_main(int argc, char **argv)
{
	struct restore *r = calloc(1, sizeof(*r));
	const char *store = NULL;
	struct err e;
	int c, ret;

	if (!r)
		return cli_failf("out of memory");
	option_begin();
	while ((c = option_next(argc, argv, &restore_command, &ret)) != OPTION_END) {
		if (c == OPTION_STORE) {
			store = optarg;
		} else if (c == OPT_VKEY) {
			r->pinned = true;
			if (cli_vkey(optarg, &r->key, &e)) {
				ret = cli_fail(&e);
				goto out;
			}
		} else if (!from_option(&r->from, c)) {
			goto out;
		}
	}
	ret = EXIT_TROUBLE;
	if (!cli_operands(&restore_command, argc, argv))
		goto out;
	if (!r->from.url) {
		cli_failf("restore: from where? give --from URL");
		goto out;
	}
	r->name = argv[optind];
	ret = cli_ledger_path(store, r->name, r->dir, sizeof(r->dir), &e);
	if (!ret) {
		snprintf(r->store, sizeof(r->store), "%.*s", (int)(strlen(r->dir) - strlen(r->name) - 1), r->dir);
		snprintf(r->work, sizeof(r->work), "%s/.%s.restore", r->store, r->name);
		ret = prepare(r, &e);
	}
	if (!ret)
		ret = fetch(r, &e);
	if (!ret)
		ret = take_over(r, &e);
	if (ret)
		ret = from_fail(ret, &e);
	else
		report(r);
out:
	free(r);
	return ret;
}

const struct command restore_command = {
	.name = "restore",
	.main = restore_main,
	.description = "bring a lost host's ledger back from a mirror",
	.options = options,
	.notes = "Fetches all that the mirror has of NAME, proves it, and makes it the store's ledger, with a new key:\n"
		 "'logvisor attach' goes on in it. A record says that the key has changed.\n",
	.operands = {"NAME"},
	.usage = "NAME --from URL",
};
