/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/cosigned.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/cosign.h"
#include "ledger/file.h"
#include "util/cleanup.h"

#define COSIGNERS_MAX 256 /* files looked at; a checkpoint has 100 signatures at most */

void cosigned_id(const struct vkey *cosigner, char out[COSIGNED_ID + 1])
{
	char text[NOTE_VKEY_MAX + 1];
	struct hash h;

	cosign_vkey_format(cosigner, text);
	tree_sha256(text, strlen(text), &h);
	for (int i = 0; i < COSIGNED_ID / 2; i++)
		sprintf(out + 2 * i, "%02x", h.b[i]);
}

int cosigned_put(int dir, const struct vkey *cosigner, const char *note, size_t n)
{
	_cleanup_fd_ int d = openat(dir, COSIGNED_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char id[COSIGNED_ID + 1];

	cosigned_id(cosigner, id);
	return d < 0 ? -errno : file_replace(d, id, note, n, 0644);
}

int cosigned_get(int dir, const struct vkey *cosigner, const struct vkey *log, struct cosigned *out, struct err *e)
{
	_cleanup_fd_ int d = openat(dir, COSIGNED_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *note = NULL;
	char id[COSIGNED_ID + 1];
	struct checkpoint c;
	struct err why;
	bool own;
	size_t n = 0;
	int r;

	cosigned_id(cosigner, id);
	r = d < 0 ? -errno : file_load(d, id, NOTE_MAX, &note, &n);
	own = r == -ENOENT;
	if (own) /* a copy of a mirror has it there */
		r = file_load(dir, "checkpoint", NOTE_MAX, &note, &n);
	if (r)
		return err_set(e, -r, "what %s cosigned (" COSIGNED_DIR "/%s) cannot be read: %s", cosigner->name, id,
			file_strerror(r));
	r = checkpoint_parse(note, n, &c, &why);
	if (!r)
		r = cosign_verify(&c, cosigner, &out->time, &why);
	if (own && r == -ENOENT)
		return err_set(e, ENOENT, "%s has cosigned nothing yet", cosigner->name);
	if (r || checkpoint_verify(&c, log, &why))
		return err_set(e, EBADMSG, "what %s cosigned (%s%s) proves nothing: %s", cosigner->name,
			own ? "checkpoint" : COSIGNED_DIR "/", own ? "" : id, why.text);
	out->size = c.size;
	out->root = c.root;
	return 0;
}

int cosigned_check(struct hashes *h, const struct cosigned *c, struct err *e)
{
	struct hash root;
	struct tree t;
	int r = hashes_tree(h, c->size, &t);

	if (r == -ENODATA)
		return err_set(e, ENODATA, "whether it has the %" PRIu64 " records that were cosigned cannot be told: too "
			"many were pruned, or there are fewer", c->size);
	if (r)
		return err_set(e, -r, "cannot read the hashes: %s", file_strerror(r));
	tree_root(&t, &root);
	if (memcmp(&root, &c->root, sizeof(root)))
		return err_set(e, EBADMSG, "it is another history than the one of %" PRIu64 " records that was cosigned",
			c->size);
	return 0;
}

/* Those lines of note @note that are not by the log itself (its name is the origin), if it is of @text. */
static void others_lines(const char *note, size_t n, struct span text, FILE *to)
{
	struct span rest, line;
	struct checkpoint c;

	if (checkpoint_parse(note, n, &c, NULL) || !span_eq(c.text, text))
		return;
	rest = c.sigs;
	while (span_line(&rest, &line)) {
		struct span one = {line.p, line.n + 1};
		struct note_signature s;

		if (note_signature_next(&one, &s) && !span_eq(s.name, c.origin))
			fprintf(to, "%.*s\n", (int)line.n, line.p);
	}
}

static bool is_id(const char *name)
{
	return strlen(name) == COSIGNED_ID && strspn(name, "0123456789abcdef") == COSIGNED_ID;
}

int cosigned_lines(int dir, struct span text, char **lines, size_t *n)
{
	int fd = openat(dir, COSIGNED_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	FILE *to = open_memstream(lines, n);
	const struct dirent *f;

	if (!list && fd >= 0)
		close(fd);
	for (int looked = 0; list && to && looked < COSIGNERS_MAX && (f = readdir(list)); looked++) {
		_cleanup_free_ char *note = NULL;
		size_t len;

		if (is_id(f->d_name) && !file_load(fd, f->d_name, NOTE_MAX, &note, &len))
			others_lines(note, len, text, to);
	}
	if (list)
		closedir(list);
	if (!to || fclose(to))
		return -ENOMEM;
	if (!*n) {
		free(*lines);
		*lines = NULL;
	}
	return 0;
}
