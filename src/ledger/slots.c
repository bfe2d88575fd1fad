/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/slots.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ledger/file.h"
#include "ledger/layout.h"

int slots_read(int fd, struct slots *out)
{
	char file[LAYOUT_SIZE_SLOT + LAYOUT_SIZE_TEXT] = {0};
	long n = file_pread(fd, file, sizeof(file), 0);

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < SLOTS && n > 0; i++)
		out->s[i].valid = layout_size_get(file + (size_t)i * LAYOUT_SIZE_SLOT, &out->s[i].size,
			&out->s[i].root);
	return n < 0 ? (int)n : 0;
}

uint64_t slots_most(const struct slots *s)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		if (s->s[i].valid && s->s[i].size > most)
			most = s->s[i].size;
	return most;
}

const struct slot *slots_differ(const struct slots *s, const struct tree *t)
{
	struct hash root;

	tree_root(t, &root);
	for (unsigned i = 0; i < SLOTS; i++)
		if (s->s[i].valid && s->s[i].size == t->size && memcmp(&root, &s->s[i].root, sizeof(root)))
			return &s->s[i];
	return NULL;
}

int slots_forked(const struct slot *s, struct err *e)
{
	return err_set(e, EBADMSG, "its first %" PRIu64 " records are not those of which its file 'size' has the "
		"root: it holds another history than was signed ('logvisor verify' tells more)", s->size);
}
