/* SPDX-License-Identifier: BSD-3-Clause */
/* setup.c - what `mirror init`, `mirror add` and `mirror revoke` do. */
#include "mirror/server/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/file.h"
#include "mirror/server/config.h"
#include "util/cleanup.h"
#include "util/dirs.h"
#include "util/sandbox.h"

#define FILE_MAX 65536

static int trouble(const char *what, int r, struct err *e)
{
	return err_set(e, -r, "%.200s: %s", what, file_strerror(r));
}

/* A file that stays its maker's: the server has no business with it. */
static int put_away(int dir, const char *name, const char *text, mode_t mode, struct err *e)
{
	mode_t old = umask(0077);
	int r = file_replace(dir, name, text, strlen(text), mode);

	umask(old);
	if (!r && fchmodat(dir, name, mode, 0))
		r = -errno;
	return r ? trouble(name, r, e) : 0;
}

/* One of root's making becomes the server's, who has to read it when root is given up. */
static int give(int dir, const char *name, struct err *e)
{
	uid_t uid;
	gid_t gid;

	sandbox_user(&uid, &gid);
	if (!geteuid() && uid != SANDBOX_UID && fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW))
		return trouble(name, -errno, e);
	return 0;
}

static int put(int dir, const char *name, const char *text, mode_t mode, struct err *e)
{
	int r = put_away(dir, name, text, mode, e);

	return r ? r : give(dir, name, e);
}

/* What was there before is closed to others again. */
static int close_to_others(int dir, const char *name, mode_t mode, struct err *e)
{
	return fchmodat(dir, name, mode, 0) ? trouble(name, -errno, e) : 0;
}

/* And it is its maker's again, for the server has no business with it. */
static int take_back(int dir, const char *name, mode_t mode, struct err *e)
{
	if (fchownat(dir, name, geteuid(), getegid(), AT_SYMLINK_NOFOLLOW))
		return trouble(name, -errno, e);
	return close_to_others(dir, name, mode, e);
}

/* 1 with *text; 0: there is none; -errno. */
static int get(int dir, const char *name, char **text, struct err *e)
{
	size_t n;
	int r = file_load(dir, name, FILE_MAX, text, &n);

	return !r ? 1 : r == -ENOENT ? 0 : trouble(name, r, e);
}

static int make_dir(int dir, const char *name, mode_t mode, struct err *e)
{
	if (mkdirat(dir, name, mode) && errno != EEXIST)
		return trouble(name, -errno, e);
	return close_to_others(dir, name, mode, e);
}

static int open_dir(const char *dir, bool make, struct err *e)
{
	int fd, r = make ? dirs_above(AT_FDCWD, dir, 0755) : 0;

	if (r || (make && mkdir(dir, 0755) && errno != EEXIST))
		return err_set(e, r ? -r : errno, "%.300s: %s", dir, strerror(r ? -r : errno));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "%.300s: %s%s", dir, strerror(errno),
		make ? "" : " ('logvisor mirror init' makes a configuration)") : fd;
}

/* The mirror's key name: @want, or the one there, or the host's. */
static int settle_name(int dir, const char *want, char name[NOTE_NAME_MAX + 1], struct err *e)
{
	_cleanup_free_ char *is = NULL;
	char host[NOTE_NAME_MAX + 1] = "", line[NOTE_NAME_MAX + 2];
	int r = get(dir, "name", &is, e);

	if (r < 0)
		return r;
	if (is)
		is[strcspn(is, "\n")] = '\0';
	if (is && want && strcmp(is, want) != 0)
		return err_set(e, EEXIST, "this mirror has the name '%.100s' already; another one is another mirror, in "
			"another directory", is);
	gethostname(host, sizeof(host) - 1);
	want = is ? is : want ? want : host;
	if (!note_name_ok(want) || strlen(want) + strlen(CONFIG_WITNESS) > NOTE_NAME_MAX)
		return err_set(e, EINVAL, "'%.80s' cannot be a mirror's name: printable characters, no space, no plus, not "
			"too long", want);
	snprintf(name, NOTE_NAME_MAX + 1, "%s", want);
	snprintf(line, sizeof(line), "%s\n", want);
	return is ? 0 : put(dir, "name", line, 0644, e);
}

/* Where what is public is, and its secret is not, that was put away or lost: it is not made anew without a word. */
static int lost(const char *secret, const char *of, const char *what, struct err *e)
{
	return err_set(e, ENOENT, "%s is missing, but %s is there: put it back, or remove %s too and it becomes %s", secret,
		of, of, what);
}

/* A cosigner's key in @file, if there is none, and its vkey beside it. */
static int make_cosigner(int dir, const char *file, const char *vkey_file, const char *name, struct err *e)
{
	char vkey[NOTE_VKEY_MAX + 2];
	struct cosign_key *key = NULL;
	_cleanup_free_ char *pem = NULL;
	size_t n;
	int r = get(dir, file, &pem, e);

	if (r == 0 && !faccessat(dir, vkey_file, F_OK, 0))
		return lost(file, vkey_file, "another mirror", e);
	if (r == 0) {
		r = note_key_generate(&pem, &n, e);
		if (!r) {
			char *text = strndup(pem, n);

			free(pem);
			pem = text;
			r = text ? put(dir, file, text, 0600, e) : err_set(e, ENOMEM, "out of memory");
		}
	}
	if (r >= 0)
		r = cosign_key_load(pem, strlen(pem), name, &key, e);
	if (pem)
		explicit_bzero(pem, strlen(pem));
	if (r)
		return r;
	cosign_vkey_format(cosign_key_vkey(key), vkey);
	cosign_key_free(key);
	strcat(vkey, "\n");
	return put(dir, vkey_file, vkey, 0644, e);
}

/* A certificate in @cert with its key, if one of the two is missing or @again. */
static int make_pair(int dir, const char *cert, const char *key, const struct x509_request *q, bool again, struct err *e)
{
	_cleanup_free_ char *is = NULL, *is_key = NULL;
	struct x509_pair p = {0};
	int r = get(dir, cert, &is, e);

	if (r >= 0)
		r = get(dir, key, &is_key, e);
	if (r < 0 || (is && is_key && !again))
		return r < 0 ? r : 0;
	if (is && q->kind == X509_AUTHORITY)
		return lost(key, cert, "another authority, which knows none of the clients", e);
	r = x509_make(q, &p, e);
	if (!r)
		r = (q->kind == X509_AUTHORITY ? put_away : put)(dir, key, p.key, 0600, e);
	if (!r)
		r = put(dir, cert, p.cert, 0644, e);
	x509_pair_free(&p);
	return r;
}

static int load_ca(int dir, char **cert, char **key, struct err *e)
{
	int r = get(dir, "ca.pem", cert, e);

	if (r == 1)
		r = get(dir, "ca-key.pem", key, e);
	if (r == 0)
		return err_set(e, ENOENT, "ca.pem or ca-key.pem is missing; 'logvisor mirror init' makes them");
	return r < 0 ? r : 0;
}

static int make_server(int dir, const struct setup_init *q, const char *name, struct err *e)
{
	_cleanup_free_ char *ca = NULL, *ca_key = NULL;
	struct x509_request x = {.kind = X509_SERVER, .name = name, .days = q->days,
		.host = {"logvisor-mirror", "localhost", "127.0.0.1"}, .n_hosts = 3};
	int r = load_ca(dir, &ca, &ca_key, e);

	for (unsigned i = 0; i < q->n_hosts; i++)
		x.host[x.n_hosts++] = q->host[i];
	x.ca_cert = ca;
	x.ca_key = ca_key;
	if (!r)
		r = make_pair(dir, "server.pem", "server-key.pem", &x, q->renew || q->n_hosts, e);
	if (ca_key)
		explicit_bzero(ca_key, strlen(ca_key));
	return r;
}

/* Whatever was done to them, or an older version did. */
static int settle_secrets(int dir, struct err *e)
{
	static const char *const servers[] = {"key", "witness-key", "server-key.pem"};
	int r = take_back(dir, "ca-key.pem", 0600, e);

	if (!r)
		r = take_back(dir, "clients", 0700, e);
	for (unsigned i = 0; i < sizeof(servers) / sizeof(servers[0]) && !r; i++) {
		r = give(dir, servers[i], e);
		if (!r)
			r = close_to_others(dir, servers[i], 0600, e);
	}
	return r;
}

int setup_init(const struct setup_init *q, struct err *e)
{
	char name[NOTE_NAME_MAX + 1], witness[NOTE_NAME_MAX + sizeof(CONFIG_WITNESS)], ca_name[NOTE_NAME_MAX + 16];
	struct x509_request ca = {.kind = X509_AUTHORITY, .name = ca_name, .days = SETUP_DAYS};
	_cleanup_fd_ int dir = open_dir(q->dir, true, e);
	int r = dir < 0 ? dir : settle_name(dir, q->name, name, e);

	if (r)
		return r;
	snprintf(witness, sizeof(witness), "%s" CONFIG_WITNESS, name);
	/* A common name has at most 64 characters: RFC 5280, appendix A, ub-common-name. */
	snprintf(ca_name, sizeof(ca_name), "%.50s authority", name);
	r = make_cosigner(dir, "key", "vkey", name, e);
	if (!r)
		r = make_cosigner(dir, "witness-key", "witness-vkey", witness, e);
	if (!r)
		r = make_pair(dir, "ca.pem", "ca-key.pem", &ca, false, e);
	name[50] = '\0';
	if (!r)
		r = make_server(dir, q, name, e);
	if (!r)
		r = make_dir(dir, "rights", 0755, e);
	if (!r)
		r = make_dir(dir, "clients", 0700, e);
	return r ? r : settle_secrets(dir, e);
}

/* ---- add ---- */

static int copy_file(int dir, const char *from, int to, const char *name, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	int r = get(dir, from, &text, e);

	if (r == 0)
		return err_set(e, ENOENT, "%s is missing; 'logvisor mirror init' makes it", from);
	return r < 0 ? r : put_away(to, name, text, 0644, e);
}

/* tlog-policy: this mirror has to have cosigned. */
static int put_policy(int dir, int to, const struct rights *rights, struct err *e)
{
	char text[2 * NOTE_VKEY_MAX + 128], log[NOTE_VKEY_MAX + 8] = "", key[NOTE_VKEY_MAX + 1];
	_cleanup_free_ char *vkey = NULL;
	int r = get(dir, "vkey", &vkey, e);

	if (r != 1)
		return r < 0 ? r : err_set(e, ENOENT, "vkey is missing");
	if (rights->conf.n_keys) {
		vkey_format(&rights->conf.key[rights->conf.n_keys - 1], key);
		snprintf(log, sizeof(log), "log %s\n", key);
	}
	snprintf(text, sizeof(text), "%switness mirror %squorum mirror\n", log, vkey);
	return put_away(to, "policy", text, 0644, e);
}

/* The client's certificate and key, in one file. *made: it is a new one, of *fingerprint. */
static int make_client(int dir, int to, const struct setup_add *q, bool *made, struct hash *fingerprint, struct err *e)
{
	_cleanup_free_ char *ca = NULL, *ca_key = NULL, *is = NULL, *both = NULL;
	struct x509_request x = {.kind = X509_CLIENT, .name = q->name, .days = q->days};
	struct x509_pair p = {0};
	int r = get(to, "client.pem", &is, e);

	if (r < 0)
		return r;
	*made = !is || q->renew;
	if (!*made && x509_fingerprint(is, fingerprint))
		return err_set(e, EINVAL, "clients/%s/client.pem is damaged", q->name);
	if (!*made)
		return close_to_others(to, "client.pem", 0600, e);
	r = load_ca(dir, &ca, &ca_key, e);
	x.ca_cert = ca;
	x.ca_key = ca_key;
	if (!r)
		r = x509_make(&x, &p, e);
	*fingerprint = p.fingerprint;
	if (!r && asprintf(&both, "%s%s", p.cert, p.key) < 0) {
		both = NULL;
		r = err_set(e, ENOMEM, "out of memory");
	}
	if (!r)
		r = put_away(to, "client.pem", both, 0600, e);
	if (both)
		explicit_bzero(both, strlen(both));
	if (ca_key)
		explicit_bzero(ca_key, strlen(ca_key));
	x509_pair_free(&p);
	return r;
}

/* The origin and key that are asked for, into what is there. */
static int settle_rights(const struct setup_add *q, struct rights *r, struct err *e)
{
	struct origin_conf *c = &r->conf;
	const char *origin = q->origin ? q->origin : q->vkey ? q->vkey->name : *c->origin ? c->origin : q->name;

	if (*c->origin && strcmp(c->origin, origin) != 0)
		return err_set(e, EEXIST, "%s is the log '%s' already, and cannot become '%.100s'", q->name, c->origin, origin);
	if (!note_name_ok(origin))
		return err_set(e, EINVAL, "'%.80s' cannot be a log's origin: no spaces, no plus", origin);
	if (q->vkey && strcmp(q->vkey->name, origin) != 0)
		return err_set(e, EINVAL, "the key is that of '%.100s', not of '%.100s'", q->vkey->name, origin);
	memmove(c->origin, origin, strlen(origin) + 1);
	for (size_t i = 0; q->vkey && i < c->n_keys; i++)
		if (!memcmp(c->key[i].pub, q->vkey->pub, sizeof(q->vkey->pub)))
			return 0;
	if (q->vkey && c->n_keys == ORIGIN_KEYS)
		return err_set(e, E2BIG, "%s has %d keys already; take one out of its file in rights/", q->name, ORIGIN_KEYS);
	if (q->vkey)
		c->key[c->n_keys++] = *q->vkey;
	return 0;
}

static int add_client(struct rights *r, const struct hash *fingerprint, struct err *e)
{
	for (size_t i = 0; i < r->n_clients; i++)
		if (!memcmp(&r->client[i], fingerprint, sizeof(*fingerprint)))
			return 0;
	if (r->n_clients == CONFIG_CLIENTS)
		return err_set(e, E2BIG, "%s has %d clients already; 'logvisor mirror revoke' takes some away", r->conf.name,
			CONFIG_CLIENTS);
	r->client[r->n_clients++] = *fingerprint;
	return 0;
}

static int put_rights(int dir, const struct rights *r, struct err *e)
{
	char path[RECORD_NAME_MAX + 16];
	_cleanup_free_ char *text = malloc(CONFIG_RIGHTS_MAX);

	if (!text)
		return err_set(e, ENOMEM, "out of memory");
	rights_format(r, text);
	snprintf(path, sizeof(path), "rights/%s", r->conf.name);
	return put(dir, path, text, 0644, e);
}

static int load_rights(int dir, const char *name, struct rights *r, struct err *e)
{
	int x;

	if (!record_name_ok(name))
		return err_set(e, EINVAL, "'%.80s' is not a VM name: 1-64 of A-Z a-z 0-9 . _ -, beginning with a letter or "
			"digit", name);
	x = rights_load_one(dir, name, r, e);
	if (x == -ENOENT) {
		memset(r, 0, sizeof(*r));
		snprintf(r->conf.name, sizeof(r->conf.name), "%s", name);
	}
	return x;
}

static int check_twice(int dir, const struct rights *r, struct err *e)
{
	struct rights *all;
	size_t n;
	int x = rights_load(dir, &all, &n, e);

	for (size_t i = 0; i < n && !x; i++)
		if (!strcmp(all[i].conf.origin, r->conf.origin) && strcmp(all[i].conf.name, r->conf.name) != 0)
			x = err_set(e, EEXIST, "the log '%s' is kept as %s already", r->conf.origin, all[i].conf.name);
	free(all);
	return x;
}

/* Everything of the client's directory. The fingerprint of its certificate becomes one of @r. */
static int make_clients(int dir, const struct setup_add *q, struct rights *r, struct setup_added *out, struct err *e)
{
	_cleanup_fd_ int clients = openat(dir, "clients", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int to = -1;
	struct hash fingerprint;
	int x = clients < 0 ? trouble("clients", -errno, e) : make_dir(clients, q->name, 0700, e);

	if (!x) {
		to = openat(clients, q->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		x = to < 0 ? trouble(q->name, -errno, e) : make_client(dir, to, q, &out->made, &fingerprint, e);
	}
	/* A certificate whose right was taken away stays without it. */
	if (!x && out->made)
		x = add_client(r, &fingerprint, e);
	if (!x)
		x = copy_file(dir, "ca.pem", to, "ca.pem", e);
	if (!x)
		x = copy_file(dir, "vkey", to, "mirror.vkey", e);
	if (!x)
		x = copy_file(dir, "witness-vkey", to, "witness.vkey", e);
	return x ? x : put_policy(dir, to, r, e);
}

int setup_add(const struct setup_add *q, struct setup_added *out, struct err *e)
{
	_cleanup_fd_ int dir = open_dir(q->dir, false, e);
	struct rights r = {0};
	int x = dir < 0 ? dir : load_rights(dir, q->name, &r, e);

	memset(out, 0, sizeof(*out));
	if (x == -ENOENT && dir >= 0)
		x = 0;
	if (!x)
		x = settle_rights(q, &r, e);
	if (!x)
		x = check_twice(dir, &r, e);
	if (!x)
		x = make_clients(dir, q, &r, out, e);
	if (!x)
		x = put_rights(dir, &r, e);
	if (x)
		return x;
	out->keys = (unsigned)r.conf.n_keys;
	snprintf(out->clients, sizeof(out->clients), "%s/clients/%s", q->dir, q->name);
	return 0;
}

/* The certificate that @q is about. 1 with *out; 0: it names none; -errno. */
static int which(int dir, const struct setup_revoke *q, struct hash *out, struct err *e)
{
	_cleanup_free_ char *is = NULL;
	char path[RECORD_NAME_MAX + 32];
	int x;

	if (q->fingerprint)
		return x509_fingerprint_read(q->fingerprint, out) ? err_set(e, EINVAL,
			"'%.100s' is not a certificate's fingerprint: 64 hexadecimal digits", q->fingerprint) : 1;
	if (!q->others)
		return 0;
	snprintf(path, sizeof(path), "clients/%s/client.pem", q->name);
	x = get(dir, path, &is, e);
	if (x == 0)
		return err_set(e, ENOENT, "%s is missing; 'logvisor mirror add %s' makes it", path, q->name);
	if (x > 0 && x509_fingerprint(is, out))
		return err_set(e, EINVAL, "%s is damaged", path);
	return x;
}

int setup_revoke(const struct setup_revoke *q, unsigned *n, struct err *e)
{
	_cleanup_fd_ int dir = open_dir(q->dir, false, e);
	struct hash one;
	struct rights r;
	size_t kept = 0;
	int some, x = dir < 0 ? dir : load_rights(dir, q->name, &r, e);

	*n = 0;
	if (dir >= 0 && x == -ENOENT)
		return err_set(e, ENOENT, "no log of the name %s is kept here", q->name);
	if (x)
		return x;
	some = which(dir, q, &one, e);
	if (some < 0)
		return some;
	for (size_t i = 0; i < r.n_clients; i++) {
		const bool is = some && !memcmp(&r.client[i], &one, sizeof(one));

		if (some && is == q->others)
			r.client[kept++] = r.client[i];
		else
			++*n;
	}
	r.n_clients = kept;
	return put_rights(dir, &r, e);
}
