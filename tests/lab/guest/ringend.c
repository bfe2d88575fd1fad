/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ringend.c - records that end exactly at the end of the kernel's text ring.
 *
 * The ring's head comes from /proc/kcore: its PT_NOTE carries VMCOREINFO with the address of the
 * pointer `prb` and the offsets of struct printk_ringbuffer (kernel/printk/printk.c,
 * log_buf_vmcoreinfo_setup, 5.10 to 7.2); head_lpos follows data in struct prb_data_ring
 * (kernel/printk/printk_ringbuffer.h). A block is an 8-byte id and the text with its NUL, rounded
 * up to 8 bytes (to_blk_size, and reserve_size in vprintk_store).
 */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"

enum { BLOCK_MIN = 16, BLOCK_USUAL = 512 };

static int core = -1;
static Elf64_Phdr *phdr;
static int phnum;

static void fatal(const char *what)
{
	fprintf(stderr, "lab: ringend: %s\n", what);
	exit(2);
}

static uint64_t kernel_u64(uint64_t address)
{
	uint64_t value;

	for (int i = 0; i < phnum; i++) {
		uint64_t off = address - phdr[i].p_vaddr;

		if (phdr[i].p_type == PT_LOAD && off < phdr[i].p_memsz &&
		    pread(core, &value, 8, phdr[i].p_offset + off) == 8)
			return value;
	}
	fatal("/proc/kcore: cannot read kernel memory");
	return 0;
}

static uint64_t info(const char *notes, const char *key, int base)
{
	const char *p = strstr(notes, key);

	if (!p)
		fatal(key);
	return strtoull(p + strlen(key), NULL, base);
}

/* Addresses of the text ring's head_lpos and its size in bytes. */
static uint64_t find_ring(uint64_t *size)
{
	static char notes[65536];
	Elf64_Ehdr ehdr;
	uint64_t ring;
	ssize_t n = -1;

	core = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	if (core < 0 || pread(core, &ehdr, sizeof(ehdr), 0) != sizeof(ehdr))
		fatal("/proc/kcore: not readable");
	phnum = ehdr.e_phnum;
	phdr = calloc(phnum, sizeof(*phdr));
	if (!phdr || pread(core, phdr, phnum * sizeof(*phdr), ehdr.e_phoff) < 0)
		fatal("/proc/kcore: no program headers");
	for (int i = 0; i < phnum && n < 0; i++)
		if (phdr[i].p_type == PT_NOTE)
			n = pread(core, notes, sizeof(notes) - 1, phdr[i].p_offset);
	if (n <= 0)
		fatal("/proc/kcore: no notes");
	for (ssize_t i = 0; i < n; i++)
		if (!notes[i])
			notes[i] = '\n';
	ring = kernel_u64(info(notes, "SYMBOL(prb)=", 16)) +
		info(notes, "OFFSET(printk_ringbuffer.text_data_ring)=", 10);
	*size = 1ull << (kernel_u64(ring + info(notes, "OFFSET(prb_data_ring.size_bits)=", 10)) & 63);
	return ring + info(notes, "OFFSET(prb_data_ring.data)=", 10) + 8;
}

int ringend_main(int argc, char **argv)
{
	char text[1024];
	uint64_t head_at, size, head, left;
	long wanted, hits = 0;
	int fd = kmsg_open();

	wanted = argc == 2 ? number(argv[1], 1, INT_MAX, "COUNT") : 1;
	head_at = find_ring(&size);
	for (long turn = 0; hits < wanted; turn++) {
		uint64_t block;
		int len;

		if (turn > 100000)
			fatal("never reached the ring's end");
		head = kernel_u64(head_at);
		left = size - head % size;
		block = left <= BLOCK_USUAL ? left : BLOCK_USUAL;
		if (left > BLOCK_USUAL && left < BLOCK_USUAL + BLOCK_MIN)
			block = BLOCK_USUAL / 2;
		len = snprintf(text, sizeof(text), "ring end %ld %ld ", turn, (long)left);
		if ((int)block - 9 < len)
			len = (int)block - 9;
		memset(text + len, 'e', block - 9 - len);
		/* A block of 8 bytes is an id without text: only an empty record could fill it. */
		if (left < BLOCK_MIN)
			block = BLOCK_USUAL;
		if (kmsg_put(fd, text, block - 9))
			fatal("/dev/kmsg: write failed");
		if (block == left) {
			uint64_t after = kernel_u64(head_at);

			/* Exactly at the end (7.x), or wrapped to the beginning as a whole. */
			if (after == head + left || after == head + left + block)
				hits++;
		}
	}
	printf("%ld records ended at the end of the ring of %lld bytes\n", hits, (long long)size);
	return 0;
}
