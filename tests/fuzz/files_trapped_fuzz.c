/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * files_trapped_fuzz.c - a small world with a log file, in which the input writes words wherever it likes: two bytes of where,
 * eight of what, again and again; the last words are registers. The fetcher of files follows them, and what it delivers,
 * or a copy of the input's bytes, becomes records, each of which can be stored. All of it ends.
 */
#include <stdint.h>

#include "fetch/files.h"
#include "fuzz/bounded.h"
#include "unit/source/files_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct source_sink sink = {.emit = bounded_emit};
	static struct files_copy c;
	const struct moment m = {.now_ms = 1, .emptied = true};
	struct fetch_regs regs = {.rdi = B + 0x6000, .rsi = B + DENTRY, .rdx = 1, .rax = 4, .gs = B + 0x7000};
	const uint8_t *end = data + size;
	struct err e;
	uint8_t kind;
	size_t n = 0;

	if (!size)
		return 0;
	kind = *data++;
	world_begin(kind & 1 ? "log" : "wtmp", &sink);
	f.mem.read = bounded_read;
	f.trapped = true;
	f.rescan_ms = INT64_MAX;
	f.dcache.i_ino = 0x60;
	f.dcache.i_generation = 0x7c;
	f.traps.geometry[FILES_TRAP_CHANGE].at = FILES_AT_SECOND;
	for (unsigned i = 0; i < FILES_TRAPS; i++) {
		const enum files_at at = f.traps.geometry[i].at;

		f.traps.geometry[i] = (struct files_geometry){.app = f.geo, .at = i < 3 ? i / 2 : at, .f_inode = 0x20,
			.f_path = 0x10, .i_mapping = 0x30, .i_size = 0x50, .i_ino = 0x60, .i_generation = 0x7c, .pages = 16, .node_slots = 40,
			.page_size = 64};
	}
	word(0x6010, B + MNT);
	word(0x6018, B + DENTRY);
	word(0x6020, B + INODE);
	for (; end - data >= 10; data += 10) {
		uint64_t *const reg[] = {&regs.rdi, &regs.rsi, &regs.rdx, &regs.rax};
		uint16_t at;
		uint64_t value;

		memcpy(&at, data, 2);
		memcpy(&value, data + 2, 8);
		if (value >> 16 == 0xffff)
			value = B + (uint16_t)value;
		if (at >= 0xfffc) {
			*reg[at - 0xfffc] = value;
		} else if (kind & 2 && n + 8 <= sizeof(c)) {
			memcpy((char *)&c + n, &value, 8);
			n += 8;
		} else {
			word(at, value);
		}
	}
	memset((char *)&c + n, 0, sizeof(c) - n);
	for (unsigned tag = 0; tag < FILES_TRAPS; tag++) {
		struct trap_event ev = {.type = TRAP_COPY, .tag = tag, .data = &c, .len = sizeof(c)};

		if (!(kind & 2)) {
			const int len = fetch_files.run(&f.mem, &regs, &f.traps.geometry[tag], &c, sizeof(c));

			if (len < 0)
				continue;
			ev.len = (size_t)len;
		}
		files_trapped(&f, &ev);
		files_trapped_poll(&f, &m);
		while (outbox_flush(&f.out, 1000, 1, &e) > 0)
			;
	}
	world_finish();
	return 0;
}
