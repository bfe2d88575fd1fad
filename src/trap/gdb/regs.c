/* SPDX-License-Identifier: BSD-3-Clause */
/* regs.c - register numbers out of a target description. */
#include "trap/gdb/regs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void regs_init(struct gdb_regs *r)
{
	memset(r, 0, sizeof(*r));
	for (int i = 0; i < REG_COUNT; i++)
		r->num[i] = -1;
}

/* The value of attribute @name in the element at @tag, which ends at @end; NULL if there is none. */
static const char *attribute(const char *tag, const char *end, const char *name, size_t *len)
{
	const size_t n = strlen(name);

	for (const char *p = tag; p + n + 2 < end; p++) {
		const char *q;

		if ((p[-1] != ' ' && p[-1] != '\n' && p[-1] != '\t') || strncmp(p, name, n) != 0 ||
			p[n] != '=' || (p[n + 1] != '"' && p[n + 1] != '\''))
			continue;
		q = memchr(p + n + 2, p[n + 1], (size_t)(end - (p + n + 2)));
		if (!q)
			return NULL;
		*len = (size_t)(q - (p + n + 2));
		return p + n + 2;
	}
	return NULL;
}

static bool is(const char *v, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(v, word, n) == 0;
}

/* The next element @tag ("<reg ") at or after @p that is not in a comment, or NULL. */
static const char *element(const char *p, const char *tag)
{
	while ((p = strchr(p, '<'))) {
		if (strncmp(p, "<!--", 4) == 0) {
			p = strstr(p + 4, "-->");
			if (!p)
				return NULL;
		} else if (strncmp(p, tag, strlen(tag)) == 0) {
			return p;
		} else {
			p++;
		}
	}
	return NULL;
}

void regs_scan(struct gdb_regs *r, const char *xml)
{
	static const struct {
		const char *name;
		int reg; /* enum gdb_reg */
	} known[] = {{"rip", REG_PC}, {"eip", REG_PC}, {"pc", REG_PC}, {"cr0", REG_CR0},
		{"cr3", REG_CR3}, {"cr4", REG_CR4}, {"efer", REG_EFER}, {"gs_base", REG_GS_BASE},
		{"rax", REG_GPR}, {"rcx", REG_GPR + 1}, {"rdx", REG_GPR + 2}, {"rbx", REG_GPR + 3},
		{"rsp", REG_GPR + 4}, {"rbp", REG_GPR + 5}, {"rsi", REG_GPR + 6}, {"rdi", REG_GPR + 7},
		{"r8", REG_GPR + 8}, {"r9", REG_GPR + 9}, {"r10", REG_GPR + 10}, {"r11", REG_GPR + 11},
		{"r12", REG_GPR + 12}, {"r13", REG_GPR + 13}, {"r14", REG_GPR + 14}, {"r15", REG_GPR + 15}};

	for (const char *p = xml; (p = element(p, "<reg "));) {
		const char *end, *v;
		unsigned len = 0;
		size_t n;

		p += 5;
		end = strchr(p, '>');
		if (!end)
			return;
		v = attribute(p, end, "regnum", &n);
		if (v && n && n < 6)
			r->next = (unsigned)strtoul(v, NULL, 10);
		v = attribute(p, end, "bitsize", &n);
		if (v && n && n < 6)
			len = (unsigned)strtoul(v, NULL, 10) / 8;
		v = attribute(p, end, "name", &n);
		for (size_t i = 0; v && i < sizeof(known) / sizeof(known[0]); i++)
			if (is(v, n, known[i].name) && r->num[known[i].reg] < 0) {
				r->num[known[i].reg] = (int)r->next;
				r->in_g[known[i].reg].at = r->at;
				r->in_g[known[i].reg].len = len;
			}
		r->at += len;
		r->next++;
		p = end;
	}
}

int regs_include(const char *xml, unsigned i, char *name, size_t cap)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	for (const char *p = xml; (p = element(p, "<xi:include "));) {
		const char *end, *v;
		size_t n;

		p += 12;
		end = strchr(p, '>');
		if (!end)
			return -1;
		if (i--)
			continue;
		v = attribute(p, end, "href", &n);
		if (!v || n == 0 || n >= cap)
			return -1;
		memcpy(name, v, n);
		name[n] = '\0';
		return strspn(name, ok) == n ? 0 : -1;
	}
	return -1;
}
