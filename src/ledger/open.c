/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * open.c - make, open, lock and close a ledger for its one writer.
 *
 * Creation: directory, lock, an empty log/ and `size`, key, vkey, then the checkpoint of the empty tree;
 * from the key on each is durable, with all before it, before the next begins, so that what a crash
 * leaves is finished by the next open. A ledger without a checkpoint therefore has no records, or is
 * damaged.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/file.h"
#include "ledger/ledger.h"
#include "ledger/plan.h"
#include "ledger/seal.h"
#include "ledger/writer.h"
#include "util/cleanup.h"
#include "util/io.h"

/*
 * The lock is a POSIX record lock: a forked child does not hold it, and the kernel names its owner.
 * It does not exclude the same process, hence this list (which a forked child inherits; its entries
 * are not the child's).
 */
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ledger *open_list;

static bool find(uint64_t dev, uint64_t ino)
{
	for (const struct ledger *o = open_list; o; o = o->next)
		if (o->dev == dev && o->ino == ino && o->owner == getpid())
			return true;
	return false;
}

static bool list_add(struct ledger *l)
{
	bool ok;

	pthread_mutex_lock(&open_lock);
	ok = !find(l->dev, l->ino);
	if (ok) {
		l->owner = getpid();
		l->next = open_list;
		open_list = l;
	}
	pthread_mutex_unlock(&open_lock);
	return ok;
}

static void list_remove(struct ledger *l)
{
	pthread_mutex_lock(&open_lock);
	for (struct ledger **o = &open_list; *o; o = &(*o)->next) {
		if (*o == l) {
			*o = l->next;
			break;
		}
	}
	pthread_mutex_unlock(&open_lock);
}

static bool list_holds(uint64_t dev, uint64_t ino)
{
	bool found;

	pthread_mutex_lock(&open_lock);
	found = find(dev, ino);
	pthread_mutex_unlock(&open_lock);
	return found;
}

int ledger_writer(const char *dir, pid_t *pid)
{
	struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	_cleanup_fd_ int d = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (d < 0 || fstatat(d, "lock", &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT && d >= 0 ? 0 : -errno;
	*pid = getpid();
	/* Closing any descriptor of the file would drop our own lock. */
	if (list_holds(st.st_dev, st.st_ino))
		return 1;
	/* Asking needs no right to write. */
	fd = file_open(d, "lock");
	if (fd < 0)
		return fd;
	if (fcntl(fd, F_GETLK, &f))
		return -errno;
	*pid = f.l_pid;
	return f.l_type != F_UNLCK;
}

int writer_lock(struct ledger *l, struct err *e)
{
	struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat st;
	char text[32];
	int n;

	if (fstatat(l->dir, "lock", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		list_holds(st.st_dev, st.st_ino))
		return err_set(e, EBUSY, "already open for writing in this process");
	l->lock = file_create(l->dir, "lock");
	if (l->lock < 0)
		return err_set(e, -l->lock, "cannot open its lock file: %s", file_strerror(l->lock));
	if (fstat(l->lock, &st))
		return err_set(e, errno, "cannot open its lock file: %s", strerror(errno));
	if (fcntl(l->lock, F_SETLK, &f)) {
		fcntl(l->lock, F_GETLK, &f);
		return err_set(e, EBUSY, "process %d is writing to it already", (int)f.l_pid);
	}
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	if (!list_add(l))
		return err_set(e, EBUSY, "already open for writing in this process");
	/* For people; the lock itself names its owner. Not a matter of durability. */
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(l->lock, 0) || pwrite(l->lock, text, (size_t)n, 0) != n)
		return err_set(e, errno, "cannot write its lock file: %s", strerror(errno));
	return 0;
}

int writer_lock_size(const struct ledger *l, struct err *e)
{
	struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return !fcntl(l->fd_size, F_SETLK, &f) || (errno != EAGAIN && errno != EACCES) ? 0 :
		err_set(e, EBUSY, "another process writes it, whose file 'lock' was removed");
}

static int make_dir(const char *dir, struct err *e)
{
	_cleanup_free_ char *copy = strdup(dir);
	_cleanup_fd_ int parent = -1;
	char *slash;
	size_t n;

	if (!copy)
		return err_set(e, ENOMEM, "out of memory");
	n = strlen(copy);
	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	parent = open(!slash ? "." : slash == copy ? "/" : copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return err_set(e, errno, "cannot open the store directory: %s", strerror(errno));
	if (io->mkdirat(parent, slash ? slash + 1 : copy, 0700) && errno != EEXIST)
		return err_set(e, errno, "cannot create the ledger's directory: %s", strerror(errno));
	return 0;
}

int writer_sync_parent(const struct ledger *l, struct err *e)
{
	_cleanup_fd_ int parent = openat(l->dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (parent < 0 || io->fsync(parent))
		return err_set(e, errno, "cannot sync the store directory: %s", strerror(errno));
	return 0;
}

/* The key and vkey of a ledger that is being created, if it got so far: l->key, or NULL. */
static int find_key(struct ledger *l, const char *origin, struct err *e)
{
	_cleanup_free_ char *pem = NULL, *text = NULL;
	struct vkey vkey;
	size_t n, len;
	int r;

	r = file_load(l->dir, "key", 4096, &pem, &n);
	if (r && r != -ENOENT)
		return err_set(e, -r, "cannot read its key: %s", file_strerror(r));
	if (!r) {
		r = note_key_load(pem, n, origin, &l->key, e);
		explicit_bzero(pem, n);
		if (r)
			return r;
	}
	r = file_load(l->dir, "vkey", 1024, &text, &len);
	if (r == -ENOENT)
		return 0;
	if (r)
		return err_set(e, -r, "cannot read its vkey: %s", file_strerror(r));
	if (vkey_parse(text, len, &vkey, NULL) || !l->key ||
		memcmp(note_key_vkey(l->key)->pub, vkey.pub, sizeof(vkey.pub)))
		return err_set(e, EBADMSG, "it has a 'vkey', no checkpoint, and no 'key' that belongs to it");
	return 0;
}

static int make_key(struct ledger *l, const char *origin, struct err *e)
{
	char vkey[NOTE_VKEY_MAX + 2];
	_cleanup_free_ char *pem = NULL;
	size_t n;
	int r;

	if (!l->key) {
		r = note_key_generate(&pem, &n, e);
		if (r)
			return r;
		r = file_replace(l->dir, "key", pem, n, 0600);
		if (r)
			err_set(e, -r, "cannot write its key: %s", file_strerror(r));
		else
			r = note_key_load(pem, n, origin, &l->key, e);
		explicit_bzero(pem, n);
		if (r)
			return r;
	}
	vkey_format(note_key_vkey(l->key), vkey);
	strcat(vkey, "\n");
	r = file_replace(l->dir, "vkey", vkey, strlen(vkey), 0644);
	return r ? err_set(e, -r, "cannot write its vkey: %s", file_strerror(r)) : 0;
}

/* Does a directory without a checkpoint hold nothing but what a crash in creation leaves? Reads only. */
static int check_creation(struct ledger *l, const char *origin, struct err *e)
{
	struct tree empty = {0};
	struct plan p = {0};
	int r;

	if (!origin || !note_name_ok(origin))
		return err_set(e, EINVAL, "'%.80s' cannot be a log's origin: 1-255 printable "
			"characters, no space, no plus", origin ? origin : "");
	tree_root(&empty, &p.root);
	r = plan_load_size(&p, l->dir, e);
	if (!r) {
		r = survey_load(l->dir, &p.survey);
		r = r == -ENOENT ? 0 : r ? err_set(e, -r, "cannot read its directory 'log': %s",
			file_strerror(r)) : 0;
	}
	if (!r && (p.survey.n || p.survey.n_stray || *p.survey.odd_name || p.must))
		r = err_set(e, EBADMSG, "it has records and no checkpoint: the checkpoint was "
			"removed ('logvisor verify' tells more)");
	plan_free(&p);
	return r ? r : find_key(l, origin, e);
}

static int create(struct ledger *l, const char *origin, struct err *e)
{
	struct tree empty = {0};
	struct hash root;
	char note[NOTE_SIGNED_MAX];
	long n;
	int r;

	r = check_creation(l, origin, e);
	if (r)
		return r;
	if (io->mkdirat(l->dir, "log", 0755) && errno != EEXIST)
		return err_set(e, errno, "cannot create 'log': %s", strerror(errno));
	l->fd_size = file_create(l->dir, "size");
	if (l->fd_size < 0)
		return err_set(e, -l->fd_size, "cannot create its file 'size': %s", file_strerror(l->fd_size));
	r = writer_lock_size(l, e);
	if (r)
		return r;
	r = writer_sync_parent(l, e);
	if (!r)
		r = make_key(l, origin, e);
	if (r)
		return r;
	tree_root(&empty, &root);
	n = note_sign_checkpoint(l->key, 0, &root, note, e);
	if (n < 0)
		return (int)n;
	r = file_replace(l->dir, "checkpoint", note, (size_t)n, 0644);
	return r ? err_set(e, -r, "cannot write its checkpoint: %s", strerror(-r)) : 0;
}

/* The private key, which must be that of @vkey. */
static int load_key(struct ledger *l, const struct vkey *vkey, struct err *e)
{
	_cleanup_free_ char *pem = NULL;
	size_t n;
	int r;

	r = file_load(l->dir, "key", 4096, &pem, &n);
	if (r)
		return err_set(e, -r, "cannot read its key: %s", file_strerror(r));
	r = note_key_load(pem, n, vkey->name, &l->key, e);
	explicit_bzero(pem, n);
	if (!r && memcmp(note_key_vkey(l->key)->pub, vkey->pub, sizeof(vkey->pub)))
		r = err_set(e, EBADMSG, "the files 'key' and 'vkey' are not of one pair");
	return r;
}

static int open_logdir(struct ledger *l, struct err *e)
{
	l->logdir = openat(l->dir, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return l->logdir < 0 ? err_set(e, EBADMSG, "its directory 'log' is missing") : 0;
}

int writer_mend(struct ledger *l, uint64_t size, const struct hash *root, struct ledger_recovery *rec,
	struct err *e)
{
	struct plan p = {.sealed = size, .root = *root};
	int r = open_logdir(l, e);

	if (!r)
		r = plan_decide(&p, l->dir, e);
	if (!r)
		r = plan_repair(&p, l, &rec->hashes_rebuilt, e);
	if (!r) {
		rec->torn_bytes = p.torn_bytes;
		rec->unsigned_kept = p.tree.size - p.sealed;
		rec->needed = rec->torn_bytes || rec->unsigned_kept || rec->hashes_rebuilt;
	}
	plan_free(&p);
	return r;
}

static void release(struct ledger *l)
{
	int *fds[] = {&l->dir, &l->logdir, &l->fd_size, &l->lock};

	writer_segment_close(l);
	for (unsigned i = 0; i < LAYOUT_LEVELS; i++)
		if (l->fd_up[i] >= 0)
			io->close(l->fd_up[i]);
	for (unsigned i = 0; i < 4; i++)
		if (*fds[i] >= 0)
			io->close(*fds[i]);
	list_remove(l);
	note_key_free(l->key);
	free(l->buf);
	free(l->hashes);
	free(l);
}

static struct ledger *alloc(void)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->dir = l->logdir = l->lock = l->fd_size = -1;
	l->fd_entries = l->fd_hashes = l->fd_index = -1;
	for (unsigned i = 0; i < LAYOUT_LEVELS; i++)
		l->fd_up[i] = -1;
	l->min_us = INT64_MAX;
	l->max_us = INT64_MIN;
	l->buf = malloc(WRITER_BYTES);
	l->hashes = malloc(WRITER_HASHES * sizeof(struct hash));
	if (l->buf && l->hashes)
		return l;
	release(l);
	return NULL;
}

/* A locked directory: an existing ledger, or one to be made. */
static int open_own(struct ledger *l, const void *origin, struct ledger_recovery *rec, struct err *e)
{
	struct seal seal;
	int r = seal_load(l->dir, NULL, &seal, e);

	rec->created = seal.on_checkpoint.error == -ENOENT;
	if (rec->created) {
		r = create(l, origin, e);
		if (!r)
			r = open_logdir(l, e);
		if (!r)
			r = writer_segment(l, 0, e);
	} else if (!r) {
		r = load_key(l, &seal.key, e);
		if (!r)
			r = writer_mend(l, seal.checkpoint.size, &seal.checkpoint.root, rec, e);
	}
	seal_free(&seal);
	return r;
}

int writer_open(struct ledger **out, const char *dir,
	int (*open_as)(struct ledger *l, const void *arg, struct ledger_recovery *rec, struct err *e),
	const void *arg, struct ledger_recovery *rec, struct err *e)
{
	struct ledger_recovery none = {0};
	struct ledger *l = alloc();
	int r = 0;

	rec = rec ? rec : &none;
	memset(rec, 0, sizeof(*rec));
	if (!l)
		return err_set(e, ENOMEM, "out of memory");
	l->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dir < 0 && errno == ENOENT) {
		r = make_dir(dir, e);
		if (!r)
			l->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (!r && l->dir < 0)
		r = err_set(e, errno, "cannot open the directory: %s", strerror(errno));
	if (!r)
		r = writer_lock(l, e);
	if (!r)
		r = open_as(l, arg, rec, e);
	if (!r) {
		*out = l;
		return 0;
	}
	err_prefix(e, "ledger %.200s", dir);
	release(l);
	return r;
}

int ledger_open(struct ledger **out, const char *dir, const char *origin,
	struct ledger_recovery *rec, struct err *e)
{
	return writer_open(out, dir, open_own, origin, rec, e);
}

int ledger_close(struct ledger *l, struct err *e)
{
	int r;

	if (!l)
		return 0;
	r = l->key ? ledger_checkpoint(l, e) : ledger_commit(l, e);
	release(l);
	return r;
}

void ledger_abandon(struct ledger *l)
{
	if (l)
		release(l);
}

const struct vkey *ledger_vkey(const struct ledger *l)
{
	return note_key_vkey(l->key);
}

const char *ledger_origin(const struct ledger *l)
{
	return note_key_vkey(l->key)->name;
}
