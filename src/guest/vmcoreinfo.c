/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest/vmcoreinfo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int vmcoreinfo_set(struct vmcoreinfo *v, const char *buf, size_t len)
{
	v->len = 0;
	if (len > VMCOREINFO_MAX)
		len = VMCOREINFO_MAX;
	while (v->len < len && (buf[v->len] == '\n' || (buf[v->len] >= ' ' && buf[v->len] < 0x7f))) {
		v->text[v->len] = buf[v->len];
		v->len++;
	}
	v->text[v->len] = 0;
	if (strncmp(v->text, VMCOREINFO_MAGIC, strlen(VMCOREINFO_MAGIC)) == 0)
		return 0;
	v->len = 0;
	v->text[0] = 0;
	return -EBADMSG;
}

/* The value of @key: where it begins, and its length; NULL if the key is not there. */
static const char *value_of(const struct vmcoreinfo *v, const char *key, size_t *len)
{
	size_t k = strlen(key);

	for (const char *line = v->text; v->len && *line;) {
		const char *end = strchrnul(line, '\n');

		if ((size_t)(end - line) > k && line[k] == '=' && memcmp(line, key, k) == 0) {
			*len = (size_t)(end - line) - k - 1;
			return line + k + 1;
		}
		line = *end ? end + 1 : end;
	}
	return NULL;
}

int vmcoreinfo_number(const struct vmcoreinfo *v, const char *key, uint64_t *value)
{
	int base = strncmp(key, "SYMBOL(", 7) && strcmp(key, "KERNELOFFSET") ? 10 : 16;
	char num[24], *end;

	switch (vmcoreinfo_text(v, key, num, sizeof(num))) {
	case 0:
		break;
	case -ENOENT:
		return -ENOENT;
	default:
		return -EBADMSG;
	}
	if (!strncmp(num, "0x", 2)) /* some NUMBER()s are printed so */
		base = 16;
	errno = 0;
	*value = strtoull(num, &end, base);
	return errno || end == num || *end ? -EBADMSG : 0;
}

int vmcoreinfo_text(const struct vmcoreinfo *v, const char *key, char *buf, size_t cap)
{
	size_t len;
	const char *p = value_of(v, key, &len);

	if (!p)
		return -ENOENT;
	if (len >= cap)
		return -ENOSPC;
	memcpy(buf, p, len);
	buf[len] = 0;
	return 0;
}
