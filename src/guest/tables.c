/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where VMCOREINFO and BTF are: by their symbols, else by what they begin with.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "guest/state.h"

#define PAGE 4096u
#define CHUNK (1u << 20)

/* By the pointer vmcoreinfo_data and the counter vmcoreinfo_size (kernel/vmcore_info.c). */
static int note_by_symbol(struct guest *g)
{
	char buf[VMCOREINFO_MAX];
	uint64_t data, size, gva;
	int r;

	if (guest_symbol(g, "vmcoreinfo_data", &data) || guest_symbol(g, "vmcoreinfo_size", &size))
		return -ENOENT;
	r = guest_read(g, data, &gva, sizeof(gva));
	r = r ? r : guest_read(g, size, &size, sizeof(size));
	if (r)
		return r == -EFAULT ? -EBADMSG : r;
	if (!gva || !size)
		return -EAGAIN;
	if (size > sizeof(buf))
		return -EBADMSG;
	r = guest_read(g, gva, buf, size);
	r = r ? r : vmcoreinfo_set(&g->note, buf, size);
	if (r)
		return r == -EFAULT ? -EBADMSG : r;
	g->note_gva = gva;
	return 0;
}

/* Is the note among the pages that @buf is a copy of? It says of _stext what kallsyms says. */
static bool note_in(struct guest *g, const char *buf, size_t n, uint64_t stext)
{
	uint64_t have;

	for (size_t o = 0; o + PAGE <= n; o += PAGE)
		if (buf[o] == 'O' && !vmcoreinfo_set(&g->note, buf + o, PAGE) &&
			!guest_vmcoreinfo(g, "SYMBOL(_stext)", &have) && have == stext)
			return true;
	return false;
}

/* Look for a page of RAM that begins like the note. */
static int note_by_scan(struct guest *g)
{
	uint64_t start, end, stext;
	bool found = false;
	char *buf;

	if (guest_symbol(g, "_stext", &stext))
		return -ENOENT;
	buf = malloc(CHUNK);
	if (!buf)
		return -ENOMEM;
	for (uint64_t at = 0; !found && g->mem.next(g->mem.ctx, at, &start, &end) == 0 && end > at;
		at = end)
		for (uint64_t p = (start + PAGE - 1) & ~(uint64_t)(PAGE - 1); !found && p < end;
			p += CHUNK) {
			size_t n = end - p < CHUNK ? end - p : CHUNK;

			found = !gmem_read(&g->mem, p, buf, n) && note_in(g, buf, n, stext);
		}
	free(buf);
	if (!found)
		vmcoreinfo_set(&g->note, "", 0);
	return found ? 0 : -ENOENT;
}

int state_load_note(struct guest *g, struct err *e)
{
	int r = note_by_symbol(g);

	switch (r) {
	case -ENOENT:
		r = note_by_scan(g);
		return r == -ENOMEM ? state_unreadable(r, e) : r;
	case -EAGAIN:
		return err_set(e, EINPROGRESS, "the guest's kernel is still starting (VMCOREINFO is not "
			"written yet)");
	case -EBADMSG:
		return err_set(e, EBADMSG, "vmcoreinfo_data does not point to a VMCOREINFO note");
	case 0:
		return 0;
	}
	return state_unreadable(r, e);
}

struct blob {
	uint64_t gva, len;
};

static int find_blob(void *ctx, const uint8_t *buf, size_t len, uint64_t gva)
{
	/* magic, version, flags, hdr_len, type_off: the same in every kernel to 7.2 */
	static const uint8_t head[] = {0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0};
	struct blob *blob = ctx;

	for (size_t o = 0; o < len;) {
		const uint8_t *hit = memmem(buf + o, len - o, head, sizeof(head));
		size_t n;

		if (!hit)
			return 0;
		o = (size_t)(hit - buf);
		n = btf_blob_len(hit, len - o);
		if (n > blob->len && n <= len - o) { /* a module's is smaller than the kernel's */
			blob->gva = gva + o;
			blob->len = n;
		}
		o += sizeof(head);
	}
	return 0;
}

int state_load_btf(struct guest *g, struct err *e)
{
	struct blob at = {0};
	const char *why = NULL;
	uint64_t stop;
	uint8_t *buf;
	int r;

	if (!guest_symbol(g, "__start_BTF", &at.gva) && !guest_symbol(g, "__stop_BTF", &stop) &&
		stop > at.gva)
		at.len = stop - at.gva;
	else
		image_each_run(g->image, &g->mem, find_blob, &at);
	if (!at.len)
		return -ENOENT;
	if (at.len > BTF_BLOB_MAX)
		return err_set(e, EBADMSG, "it claims %" PRIu64 " bytes", at.len);
	buf = malloc(at.len);
	if (!buf)
		return err_set(e, ENOMEM, "out of memory");
	r = guest_read(g, at.gva, buf, at.len);
	if (r) {
		free(buf);
		return r != -EFAULT ? state_unreadable(r, e) : err_set(e, EBADMSG,
			"it is said to be at 0x%" PRIx64 ", which is not mapped", at.gva);
	}
	r = btf_load(&g->btf, buf, at.len, &why);
	if (r)
		return err_set(e, -r, "at 0x%" PRIx64 ": %s", at.gva,
			why ? why : "out of memory");
	g->info.btf_bytes = at.len;
	return 0;
}
