/* SPDX-License-Identifier: BSD-3-Clause */
/* mtree.c - parse the memory map as QEMU's monitor prints it. */
#include "trap/gdb/mtree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line "  START-END (prio N, TYPE): NAME @OFFSET", as a segment; false if it is none. */
static bool parse_line(const char *text, struct ram_seg *s, int *prio, bool *ram)
{
	unsigned long long start, end, off = 0;
	char type[16], copy[256];
	const char *at, *line = copy;
	int n = 0;
	size_t len = strcspn(text, "\r\n");

	/* A copy, as sscanf() looks for the end of what it is given: all of the text, for each line. */
	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (sscanf(line, " %16llx-%16llx (prio %d, %15[a-z/-]): %n", &start, &end, prio, type, &n) != 4 ||
		n == 0 || end < start)
		return false;
	if (strcmp(type, "ram") != 0 && strcmp(type, "rom") != 0)
		return false;
	*ram = type[1] == 'a';
	line += n;
	len = strlen(line);
	at = memmem(line, len, " @", 2);
	if (at && sscanf(at, " @%16llx", &off) == 1)
		len = (size_t)(at - line);
	if (len == 0 || len >= sizeof(s->name))
		return false;
	memset(s, 0, sizeof(*s));
	memcpy(s->name, line, len);
	s->gpa = start;
	s->len = end - start + 1;
	s->off = off;
	return s->len != 0 && start + s->len > start;
}

/* Where the lines of the flat view begin that the address space "memory" uses, or NULL. */
static const char *system_view(const char *text)
{
	const char *as = strstr(text, " AS \"memory\",");

	return as ? strstr(as, " Root memory region:") : NULL;
}

unsigned mtree_parse(const char *text, struct ram_seg *out, unsigned max)
{
	const char *line = system_view(text);
	bool has_ram = false;
	unsigned n = 0;

	for (line = line ? strchr(line, '\n') : NULL; line; line = strchr(line, '\n')) {
		struct ram_seg s, *last = n ? &out[n - 1] : NULL;
		int prio;
		bool ram;

		line++;
		if (*line == '\r' || *line == '\n' || *line == '\0')
			break;
		/* The firmware of a microvm is listed as RAM. */
		if (!parse_line(line, &s, &prio, &ram) || prio != 0 || strstr(s.name, "bios"))
			continue;
		if (last && s.gpa < last->gpa + last->len)
			continue;
		if (last && s.gpa == last->gpa + last->len && s.off == last->off + last->len &&
			strcmp(s.name, last->name) == 0) {
			last->len += s.len;
			has_ram |= ram;
			continue;
		}
		/* A region that is nowhere writable is firmware, not RAM. */
		if (n && !has_ram)
			n--;
		if (n == max)
			break;
		out[n++] = s;
		has_ram = ram;
	}
	return n && !has_ram ? n - 1 : n;
}

bool mtree_parse_hva(const char *text, uint64_t *hva)
{
	const char *is = strstr(text, ") is 0x");
	char *end;

	if (strncmp(text, "Host virtual address for ", 25) != 0 || !is)
		return false;
	errno = 0;
	*hva = strtoull(is + 5, &end, 16);
	return errno == 0 && *hva != 0 && (*end == '\r' || *end == '\n' || *end == '\0');
}
