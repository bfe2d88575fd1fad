/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app_source_fuzz.c - a small world with a log socket, its queue, a message and its sender, in which the input
 * writes words wherever it likes: two bytes of where, eight of what, again and again. The source of log sockets looks
 * into the queues and takes the message out of it; the last words are the registers. All of it ends, and each record
 * is one that can be stored.
 */
#include <stdint.h>

#include "fuzz/bounded.h"
#include "unit/source/app_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct source_sink sink = {.emit = bounded_emit};
	const struct fetch_mem guest = {.read = bounded_read, .ctx = &world_ram};
	struct fetch_regs regs = {.rdi = B + WORLD_SOCK + 56, .rsi = B + WORLD_SKB, .gs = B + WORLD_GS};
	const uint8_t *end = data + size;
	uint8_t kind;

	if (!size)
		return 0;
	kind = *data++;
	world_make();
	if (kind & 1) { /* it waits in the queue */
		world_link(B + WORLD_SOCK + 56, B + WORLD_SKB, B + WORLD_SKB);
		world_link(B + WORLD_SKB, B + WORLD_SOCK + 56, B + WORLD_SOCK + 56);
	}
	if (kind & 2)
		regs.rdi = regs.rsi;
	for (; end - data >= 10; data += 10) {
		uint16_t at;
		uint64_t value;

		memcpy(&at, data, 2);
		memcpy(&value, data + 2, 8);
		if (at == 0xffff)
			regs.rdi = value;
		else if (at == 0xfffe)
			regs.rsi = value;
		else if (at == 0xfffd)
			regs.rdx = value;
		else
			arena_u64(&world_ram, B + at, value >> 16 == 0xffff ? B + (uint16_t)value : value);
	}
	world_open(&guest, B, (kind >> 2) % (APP_AT_PAGE + 1), &sink);
	world_planted();
	world_trap((kind >> 4) % TRAPS_AUDIT, &regs);
	world_trap(TRAPS_DGRAM, &regs);
	world_end();
	world_close();
	return 0;
}
