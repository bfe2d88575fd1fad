/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/server/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/file.h"
#include "record/record.h"
#include "util/cleanup.h"

#define FILE_MAX 65536 /* of a key or certificate */

static bool parse_hash(struct span s, struct hash *out)
{
	if (s.n != 2 * LEDGER_HASH)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned c = (unsigned char)s.p[i], v;

		if (c >= '0' && c <= '9')
			v = c - '0';
		else if (c >= 'a' && c <= 'f')
			v = c - 'a' + 10;
		else
			return false;
		out->b[i / 2] = (uint8_t)(i % 2 ? out->b[i / 2] | v : v << 4);
	}
	return true;
}

/* One line, of which @word is cut off. NULL, or what is wrong. */
static const char *parse_line(struct span word, struct span value, struct rights *r)
{
	struct origin_conf *c = &r->conf;
	struct err e;

	if (span_is(word, "origin")) {
		if (*c->origin || value.n >= sizeof(c->origin))
			return "a second origin, or one that is too long";
		memcpy(c->origin, value.p, value.n);
		c->origin[value.n] = '\0';
		return note_name_ok(c->origin) && strlen(c->origin) == value.n ? NULL : "not an origin";
	}
	if (span_is(word, "vkey")) {
		if (c->n_keys == ORIGIN_KEYS)
			return "too many keys";
		return vkey_read(value.p, value.n, &c->key[c->n_keys++], &e) ? "not a verifier key" : NULL;
	}
	if (span_is(word, "client")) {
		if (r->n_clients == CONFIG_CLIENTS)
			return "too many clients";
		return parse_hash(value, &r->client[r->n_clients++]) ? NULL : "not a fingerprint (64 digits 0-9 a-f)";
	}
	return "neither 'origin', 'vkey' nor 'client'";
}

int rights_parse(const char *name, struct span text, struct rights *out, struct err *e)
{
	struct span line;
	unsigned at = 0;

	memset(out, 0, sizeof(*out));
	if (!record_name_ok(name))
		return err_set(e, EINVAL, "rights/%.80s: not a VM's name", name);
	snprintf(out->conf.name, sizeof(out->conf.name), "%s", name);
	while (span_line(&text, &line)) {
		const char *sp = memchr(line.p, ' ', line.n), *wrong;

		at++;
		if (line.n == 0 || *line.p == '#')
			continue;
		wrong = !sp ? "a word and a value are wanted" : parse_line((struct span){line.p, (size_t)(sp - line.p)},
			(struct span){sp + 1, line.n - (size_t)(sp - line.p) - 1}, out);
		if (wrong)
			return err_set(e, EINVAL, "rights/%s line %u: %s", name, at, wrong);
	}
	if (text.n)
		return err_set(e, EINVAL, "rights/%s: the last line does not end", name);
	if (!*out->conf.origin)
		return err_set(e, EINVAL, "rights/%s: no origin", name);
	for (size_t i = 0; i < out->conf.n_keys; i++)
		if (strcmp(out->conf.key[i].name, out->conf.origin) != 0)
			return err_set(e, EINVAL, "rights/%s: a key of another origin, %s", name, out->conf.key[i].name);
	return 0;
}

size_t rights_format(const struct rights *r, char *out)
{
	size_t n = (size_t)snprintf(out, CONFIG_RIGHTS_MAX, "origin %s\n", r->conf.origin);

	for (size_t i = 0; i < r->conf.n_keys; i++) {
		n += (size_t)sprintf(out + n, "vkey ");
		vkey_format(&r->conf.key[i], out + n);
		n += strlen(out + n);
		out[n++] = '\n';
	}
	for (size_t i = 0; i < r->n_clients; i++) {
		n += (size_t)sprintf(out + n, "client ");
		for (unsigned k = 0; k < LEDGER_HASH; k++)
			n += (size_t)sprintf(out + n, "%02x", r->client[i].b[k]);
		out[n++] = '\n';
	}
	out[n] = '\0';
	return n;
}

int rights_load_one(int dir, const char *name, struct rights *out, struct err *e)
{
	char path[RECORD_NAME_MAX + 16];
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r;

	snprintf(path, sizeof(path), "rights/%s", name);
	r = file_load(dir, path, CONFIG_RIGHTS_MAX, &text, &n);
	if (r == -ENOENT)
		return r;
	if (r)
		return err_set(e, -r, "%s: %s", path, file_strerror(r));
	return rights_parse(name, (struct span){text, n}, out, e);
}

static int by_name(const void *a, const void *b)
{
	const struct rights *x = a, *y = b;

	return strcmp(x->conf.name, y->conf.name);
}

/* No two directories may be of one origin. */
static int check_origins(const struct rights *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(v[i].conf.origin, v[k].conf.origin))
				return err_set(e, EINVAL, "rights/%s and rights/%s are of one origin, %s", v[k].conf.name,
					v[i].conf.name, v[i].conf.origin);
	return 0;
}

int rights_load(int dir, struct rights **out, size_t *n, struct err *e)
{
	int fd = openat(dir, "rights", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *f;
	int r = 0;

	*out = NULL;
	*n = 0;
	if (!d)
		return err_set(e, errno, "rights: %s ('logvisor mirror init' makes a configuration)", strerror(errno));
	while (!r && (f = readdir(d))) {
		struct rights *v;

		if (!record_name_ok(f->d_name)) /* ".", "..", what an editor left */
			continue;
		if (strlen(f->d_name) > 4 && !strcmp(f->d_name + strlen(f->d_name) - 4, ".new"))
			continue;
		v = realloc(*out, (*n + 1) * sizeof(*v));
		r = v ? 0 : err_set(e, ENOMEM, "out of memory");
		if (r)
			break;
		*out = v;
		r = rights_load_one(dir, f->d_name, &v[*n], e);
		*n += !r;
		r = r == -ENOENT ? 0 : r;
	}
	closedir(d);
	if (!r && *n) {
		qsort(*out, *n, sizeof(**out), by_name);
		r = check_origins(*out, *n, e);
	}
	return r;
}

static int load_file(int dir, const char *name, char **out, struct err *e)
{
	size_t n;
	int r = file_load(dir, name, FILE_MAX, out, &n);

	return r ? err_set(e, -r, "%s: %s", name, file_strerror(r)) : 0;
}

static int load_key(int dir, const char *file, const char *name, struct cosign_key **out, struct err *e)
{
	_cleanup_free_ char *pem = NULL;
	int r = load_file(dir, file, &pem, e);

	if (r)
		return r;
	r = cosign_key_load(pem, strlen(pem), name, out, e);
	explicit_bzero(pem, strlen(pem));
	return r;
}

static int load_keys(int dir, struct config *c, struct err *e)
{
	char witness[NOTE_NAME_MAX + sizeof(CONFIG_WITNESS) + 1];
	_cleanup_free_ char *name = NULL;
	int r = load_file(dir, "name", &name, e);

	if (r)
		return r;
	name[strcspn(name, "\n")] = '\0';
	snprintf(witness, sizeof(witness), "%.*s" CONFIG_WITNESS, NOTE_NAME_MAX, name);
	r = load_key(dir, "key", name, &c->mirror, e);
	if (!r)
		r = load_key(dir, "witness-key", witness, &c->witness, e);
	return r;
}

int config_load(int dir, struct config *out, struct err *e)
{
	int r;

	memset(out, 0, sizeof(*out));
	r = load_keys(dir, out, e);
	return r ? r : rights_load(dir, &out->rights, &out->n_rights, e);
}

int config_load_tls(int dir, const struct config_tls *but, struct config_tls *out, struct err *e)
{
	int r;

	memset(out, 0, sizeof(*out));
	r = load_file(dir, "server.pem", &out->cert, e);
	if (!r)
		r = load_file(dir, "ca.pem", &out->ca, e);
	if (!r && but && !strcmp(out->cert, but->cert) && !strcmp(out->ca, but->ca)) {
		config_tls_free(out);
		return 1;
	}
	return r ? r : load_file(dir, "server-key.pem", &out->key, e);
}

void config_tls_free(struct config_tls *c)
{
	if (c->key)
		explicit_bzero(c->key, strlen(c->key));
	free(c->cert);
	free(c->key);
	free(c->ca);
	memset(c, 0, sizeof(*c));
}

void config_free(struct config *c)
{
	cosign_key_free(c->mirror);
	cosign_key_free(c->witness);
	free(c->rights);
	memset(c, 0, sizeof(*c));
}
