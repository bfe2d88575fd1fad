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
static volatile unsigned invds, clis;
static volatile uint64_t invd_rip, invd_rdi, invd_rsi, invd_rdx, invd_rcx;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	const uint8_t *at = (const uint8_t *)c->uc_mcontext.gregs[REG_RIP];

	(void)sig;
	(void)info;
	if (at[0] == 0xfa) { /* cli */
		clis++;
		c->uc_mcontext.gregs[REG_RIP]++;
		return;
	}
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
	invds = clis = 0;
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

struct node {
	uint64_t pad[2];
	struct node *above; /* itself: the root */
};
struct leaf {
	uint64_t pad;
	struct node *node;
};

static struct trap_filter climbing(const struct node *const *anchor, uint32_t n)
{
	struct trap_filter f = {.climb = true, .hops = 1, .off = {offsetof(struct leaf, node)}, .at = offsetof(struct node, above),
		.words = n};

	for (uint32_t i = 0; i < n; i++)
		memcpy(f.word[i], &anchor[i], 4);
	return f;
}

/* What is below one of a few counts, however deep; loops end. */
static void climb(void **state)
{
	struct node root = {.above = &root}, other = {.above = &other}, log = {.above = &root}, app = {.above = &log},
		deep[70], ring = {.above = &app};
	const struct node *const anchors[] = {&deep[69], &log, &ring, &other};
	struct trap_filter f = climbing(anchors, TRAP_CLIMB_WORDS);
	struct gadget_want w = want_of(TRAP_ENTRY, &f);
	const struct {
		struct node *in;
		bool wanted;
	} at[] = {{&root, false}, {&log, true}, {&app, true}, {&other, true}, {&deep[0], false}, {&deep[1], false}, {&deep[10], true},
		{NULL, false}};
	struct leaf a, none = {.node = &root};
	function call;
	struct gadget g;

	(void)state;
	for (unsigned i = 0; i < 70; i++)
		deep[i].above = i < 69 ? &deep[i + 1] : &root;
	deep[0].above = &deep[1];
	for (unsigned way = 0; way < 4; way++) {
		f.both = way == 1;
		w.place = way < 2 ? TRAP_ENTRY : TRAP_LEAVE;
		f.reg = way == 3 ? TRAP_RDX : TRAP_RDI;
		call = load(&g, &w);
		for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
			a.node = at[i].in;
			invds = clis = 0;
			if (way == 1) /* from RSI too: its low half is all that call() has */
				continue;
			assert_int_equal(call(way == 3 ? &none : &a, 7, way == 3 ? &a : &none), 7);
			assert_int_equal(clis, 1);
			assert_int_equal(invds, at[i].wanted);
			if (invds)
				assert_true(invd_rip == g.gva + g.invd);
		}
	}
	/* Two ways up. */
	w.place = TRAP_ENTRY;
	f.reg = TRAP_RDI;
	f.both = true;
	load(&g, &w);
	for (unsigned i = 0; i < 4; i++) {
		struct leaf from = {.node = i & 1 ? &app : &root}, to = {.node = i & 2 ? &other : NULL};

		invds = 0;
		((void (*)(void *, void *))(uintptr_t)(page + GADGET_HEAD))(&from, &to);
		assert_int_equal(invds, i != 0);
	}
	/* A loop. */
	f = climbing(anchors, 1);
	ring.above = &app;
	app.above = &ring;
	a.node = &ring;
	invds = 0;
	assert_int_equal(load(&g, &w)(&a, 3, NULL), 3);
	assert_int_equal(invds, 0);
}

/* Of a function that is left: its result, and what it was entered with; errors do not count. */
static void left(void **state)
{
	struct node log = {.above = &log};
	const struct node *const anchors[] = {&log};
	struct trap_filter f = climbing(anchors, 1);
	const struct gadget_want w = want_of(TRAP_LEAVE, &f);
	struct {
		struct leaf leaf;
		uint64_t pos;
	} a = {.leaf = {.pad = 99, .node = &log}, .pos = 4096};
	struct gadget g;

	(void)state;
	/* mov %esi,%eax; addq $1,pos(%rdi); xor %edi,%edi; xor %esi,%esi; xor %edx,%edx; xor %ecx,%ecx; ret */
	memcpy(page + CALLEE, (const uint8_t[]){0x89, 0xf0, 0x48, 0x83, 0x47, 16, 1, 0x31, 0xff, 0x31, 0xf6, 0x31, 0xd2, 0x31, 0xc9,
		0xc3}, 16);
	assert_int_equal(load(&g, &w)(&a, 12, &f), 12);
	assert_int_equal(invds, 1);
	assert_true(invd_rdi == (uint64_t)(uintptr_t)&a && invd_rsi == 12 && invd_rdx == (uint64_t)(uintptr_t)&f);
	assert_int_equal(load(&g, &w)(&a, -12, &f), -12);
	assert_int_equal(invds, 1);
	f.takes = true;
	f.rsi_at = 0;
	f.rdx_at = 16;
	assert_int_equal(load(&g, &w)(&a, 13, &f), 13);
	assert_int_equal(invds, 2);
	assert_true(invd_rdi == (uint64_t)(uintptr_t)&a && invd_rsi == 99 && invd_rdx == 4098 && a.pos == 4099);
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
	f = (struct trap_filter){.climb = true, .hops = TRAP_HOPS_MAX, .words = TRAP_CLIMB_WORDS};
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), -EINVAL); /* at a call */
	w.place = TRAP_LEAVE;
	f.takes = true;
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), 0);
	w.place = TRAP_ENTRY;
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), -EINVAL);
	f.takes = false;
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), 0);
	f.words++;
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), -EINVAL);
	f.words = TRAP_CLIMB_WORDS;
	f.both = true; /* farther than a short jump leads, and than there is room */
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), -ERANGE);
	f.hops = 1;
	assert_int_equal(gadget_make(&g, &w, (uint64_t)(uintptr_t)page), 0);
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
	const struct CMUnitTest tests[] = {TEST(forward), TEST(always), TEST(around), TEST(arguments), TEST(climb), TEST(left), TEST(limits), TEST(head)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
