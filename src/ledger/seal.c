/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/file.h"
#include "util/cleanup.h"

#define VKEY_FILE_MAX 1024

static void load_vkey(int dir, struct seal *s)
{
	struct seal_part *p = &s->on_vkey;
	struct err why;

	p->error = file_load(dir, "vkey", VKEY_FILE_MAX, &s->vkey, &s->vkey_len);
	if (p->error == -ENOENT) {
		err_set(&p->why, ENOENT, "the ledger's vkey is missing");
	} else if (p->error) {
		err_set(&p->why, -p->error, "the ledger's vkey cannot be read: %s",
			file_strerror(p->error));
	} else if (vkey_read(s->vkey, s->vkey_len, &s->key, &why)) {
		p->error = err_set(&p->why, EBADMSG, "the ledger's vkey is damaged: %s", why.text);
	}
}

static void load_checkpoint(int dir, struct seal *s)
{
	struct seal_part *p = &s->on_checkpoint;
	struct err why;

	p->error = file_load(dir, "checkpoint", NOTE_MAX, &s->note, &s->note_len);
	if (p->error == -ENOENT) {
		err_set(&p->why, ENOENT, "the checkpoint is missing: nothing proves the records");
	} else if (p->error) {
		err_set(&p->why, -p->error, "the checkpoint cannot be read: %s", file_strerror(p->error));
	} else if (checkpoint_parse(s->note, s->note_len, &s->checkpoint, &why)) {
		p->error = err_set(&p->why, EBADMSG, "the checkpoint is damaged: %s", why.text);
	}
}

int seal_load(int dir, const struct vkey *pin, struct seal *s, struct err *e)
{
	const struct vkey *key;

	memset(s, 0, sizeof(*s));
	load_vkey(dir, s);
	load_checkpoint(dir, s);
	key = pin ? pin : s->on_vkey.error ? NULL : &s->key;
	if (!key || s->on_checkpoint.error)
		s->on_signature.error = err_set(&s->on_signature.why, EINVAL,
			"the signature cannot be checked");
	else if (checkpoint_verify(&s->checkpoint, key, &s->on_signature.why))
		s->on_signature.error = -EBADMSG;
	return seal_error(s, e);
}

int seal_error(const struct seal *s, struct err *e)
{
	const struct seal_part *first[] = {&s->on_vkey, &s->on_checkpoint, &s->on_signature};

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		if (!first[i]->error)
			continue;
		err_set(e, -first[i]->error, "%s", first[i]->why.text);
		return first[i]->error;
	}
	return 0;
}

int seal_size_at(int dir, uint64_t *size)
{
	struct seal s = {0};
	int r;

	load_checkpoint(dir, &s);
	r = s.on_checkpoint.error;
	*size = r ? 0 : s.checkpoint.size;
	seal_free(&s);
	return r;
}

int seal_size(const char *dir, uint64_t *size)
{
	_cleanup_fd_ int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return d < 0 ? -errno : seal_size_at(d, size);
}

void seal_free(struct seal *s)
{
	free(s->note);
	free(s->vkey);
	s->note = s->vkey = NULL;
}
