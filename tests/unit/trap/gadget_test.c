/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gadget_test.c - a gadget's code, executed: in user mode INVD faults, and who handles the signal steps over it as KVM
 * does. So what counts, what does not, and what a call gets and gives back is not read off but tried.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmocka.h>

#include "trap/kvm/gadget.h"

#define PAGES 4096
#define CALLEE 0x800 /* in the page, which is read, written and executed */
#define SITE 0xc00

static uint8_t *page;
static volatile unsigned invds;
static volatile uint64_t invd_rip, invd_rdi, invd_rsi, invd_rdx, invd_rcx;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	const uint8_t *at = (const uint8_t *)c->uc_mcontext.gregs[REG_RIP];

	(void)sig;
	(void)info;
	if (at[0] != 0x0f || at[1] != 0x08) {
		signal(SIGSEGV, SIG_DFL);
		return;
	}
	invds++;
	invd_rip = (uint64_t)(uintptr_t)(at + 2);
	invd_rdi = (uint64_t)c->uc_mcontext.gregs[REG_RDI];
	invd_rsi = (uint64_t)c->uc_mcontext.gregs[REG_RSI];
	invd_rdx = (uint64_t)c->uc_mcontext.gregs[REG_RDX];
	invd_rcx = (uint64_t)c->uc_mcontext.gregs[REG_RCX];
	c->uc_mcontext.gregs[REG_RIP] += 2;
}

static int set_up(void **state)
{
	(void)state;
	page = mmap(NULL, PAGES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(page != MAP_FAILED);
	memset(page, 0xcc, PAGES);
	/* mov %esi,%eax; xor %edi,%edi; ret: what it gives back, and RDI is not what it was */
	memcpy(page + CALLEE, (const uint8_t[]){0x89, 0xf0, 0x31, 0xff, 0xc3}, 5);
	invds = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return munmap(page, PAGES);
}

typedef int (*function)(void *rdi, int rsi, void *rdx);

/* Put @g into the page, and a function that begins with it. */
static function load(struct gadget *g, const struct gadget_want *w)
{
	struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	sigaction(SIGSEGV, &a, NULL); /* here: cmocka has its own at the begin of a test */
	assert_int_equal(gadget_make(g, w, (uint64_t)(uintptr_t)page), 0);
	assert_true(g->len <= GADGET_MAX);
	memcpy(page, g->bytes, g->len);
	return (function)(uintptr_t)(page + GADGET_HEAD);
}

struct name {
	uint64_t pad[3];
	char text[16];
};

struct sock {
	uint64_t pad;
	struct name *name;
	struct sock *peer;
};

#define NAMES 3
static struct trap_filter filter_of(enum trap_reg reg)
{
	struct trap_filter f = {.reg = reg, .hops = 1, .off = {offsetof(struct sock, name)},
		.at = offsetof(struct name, text), .words = NAMES,
		.word = {{'l', 'o', 'g', 0}, {'d', 'e', 'v', '-'}, {'s', 'o', 'c', 'k'}}};

	return f;
}

static const struct {
	const char *text;
	bool wanted;
} cases[] = {{"log", true}, {"dev-log", true}, {"socket", true}, {"logs", false}, {"lo", false}, {"stdout", false},
	{"", false}, {NULL, false}};

static struct gadget_want want_of(enum trap_place place, const struct trap_filter *f)
{
	return (struct gadget_want){.place = place, .filter = f, .site = (uint64_t)(uintptr_t)page + SITE,
		.on = (uint64_t)(uintptr_t)page + CALLEE, .original = {0x0f, 0x1f, 0x44, 0, 0}};
}

static void forward(void **state)
{
	struct gadget g;

	(void)state;
	for (enum trap_reg reg = TRAP_RDI; reg <= TRAP_RDX; reg++) {
		const struct trap_filter f = filter_of(reg);
		const struct gadget_want w = want_of(TRAP_CALL, &f);
		function call = load(&g, &w);

		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct name name = {.pad = {0}};
			struct sock s = {.name = cases[i].text ? &name : NULL};

			if (cases[i].text)
				strncpy(name.text, cases[i].text, sizeof(name.text) - 1);
			invds = 0;
			if (reg == TRAP_RSI) /* which is a number here */
				continue;
			assert_int_equal(call(reg == TRAP_RDI ? &s : NULL, 77, reg == TRAP_RDX ? &s : NULL), 77);
			assert_int_equal(invds, cases[i].wanted);
			if (invds)
				assert_true(invd_rip == g.gva + g.invd);
		}
	}
}

/* Without a filter each time counts. */
static void always(void **state)
{
	struct gadget_want w = want_of(TRAP_CALL, NULL);
	struct gadget g;

	(void)state;
	assert_int_equal(load(&g, &w)(NULL, 5, NULL), 5);
	assert_int_equal(invds, 1);
	assert_true(invd_rip == g.gva + g.invd);
	w = want_of(TRAP_RETURN, NULL);
	assert_int_equal(load(&g, &w)(&g, 6, NULL), 6);
	assert_int_equal(invds, 2);
	assert_true(invd_rdi == (uint64_t)(uintptr_t)&g);
	assert_int_equal(load(&g, &w)(&g, -14, NULL), -14);
	assert_int_equal(invds, 2);
}

/* Around a call: its result stays, RDI is as it was, and errors do not count. */
static void around(void **state)
{
	struct trap_filter f = filter_of(TRAP_RDI);
	struct gadget_want w = want_of(TRAP_RETURN, &f);
	struct gadget g;
	function call;

	(void)state;
	f.hops = 3;
	f.off[0] = f.off[1] = offsetof(struct sock, peer);
	f.off[2] = offsetof(struct sock, name);
	call = load(&g, &w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct name name = {.pad = {0}};
		struct sock c = {.name = cases[i].text ? &name : NULL}, b = {.peer = &c}, a = {.peer = &b};

		if (cases[i].text)
			strncpy(name.text, cases[i].text, sizeof(name.text) - 1);
		for (int result = -1; result <= 1; result++) {
			invds = 0;
			assert_int_equal(call(&a, result, NULL), result);
			assert_int_equal(invds, cases[i].wanted && result >= 0);
			if (invds)
				assert_true(invd_rdi == (uint64_t)(uintptr_t)&a && invd_rip == g.gva + g.invd);
		}
		b.peer = NULL; /* not connected any more */
		assert_int_equal(call(&a, 0, NULL), 0);
	}
}

/* All four registers are as they were at the call. */
static void arguments(void **state)
{
	const struct gadget_want w = want_of(TRAP_RETURN_ARGS, NULL);
	struct gadget g;

	(void)state;
	/* mov %esi,%eax; xor %edi,%edi; xor %esi,%esi; xor %edx,%edx; xor %ecx,%ecx; ret */
	memcpy(page + CALLEE, (const uint8_t[]){0x89, 0xf0, 0x31, 0xff, 0x31, 0xf6, 0x31, 0xd2, 0x31, 0xc9, 0xc3}, 11);
	assert_int_equal(((int (*)(int, int, int, int))(uintptr_t)load(&g, &w))(11, 12, 13, 14), 12);
	assert_int_equal(invds, 1);
	assert_true(invd_rdi == 11 && invd_rsi == 12 && invd_rdx == 13 && invd_rcx == 14);
}

/* The most there may be, and one more. */
static void limits(void **state)
{
	struct trap_filter f = {.hops = TRAP_HOPS_MAX, .words = TRAP_WORDS_MAX};
	struct gadget_want w = want_of(TRAP_CALL, &f);
	struct gadget g;

	(void)state;
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), 0);
	w.place = TRAP_RETURN_ARGS;
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), 0);
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page + (1ull << 33)), -ERANGE);
	f.reg = TRAP_RSI; /* gone after a call */
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), -EINVAL);
	w.place = TRAP_CALL;
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), 0);
	f.hops++;
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), -EINVAL);
	f.hops = 0;
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), -EINVAL);
	f.hops = 1;
	f.words++;
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), -EINVAL);
	f.words = 1;
	f.wild = true;
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), -EINVAL);
}

static void head(void **state)
{
	const struct trap_filter f = filter_of(TRAP_RDX);
	const struct gadget_want w = want_of(TRAP_ENTRY, &f);
	struct gadget_head h;
	struct gadget g;

	(void)state;
	load(&g, &w);
	assert_true(gadget_read(g.bytes, &h));
	assert_true(h.site == w.site && h.on == w.on && h.len == g.len);
	assert_memory_equal(h.original, w.original, SITE_LEN);
	g.bytes[29] = GADGET_HEAD; /* its length: no code */
	assert_false(gadget_read(g.bytes, &h));
	g.bytes[29] = GADGET_MAX + 1;
	assert_false(gadget_read(g.bytes, &h));
	g.bytes[29] = 100;
	g.bytes[0] ^= 1;
	assert_false(gadget_read(g.bytes, &h));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(forward), TEST(always), TEST(around), TEST(arguments), TEST(limits), TEST(head)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
