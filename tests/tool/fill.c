/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fill.c - make a ledger without a virtual machine: fill DIR COUNT [nasty|mixed|odd|rude|parts|prune]
 *
 * COUNT kernel records of the VM that DIR is named after, a millisecond apart from 2026-11-23T10:00:00Z on,
 * always the same ones. One in ten thousand speaks of a "Needle". To a ledger that exists they are added.
 * With "nasty", records as a hostile guest may write them come first, and Logvisor's own of every kind. With
 * "mixed", the COUNT records are 97 s apart, of five boots, the kernel and several programs. With "odd",
 * records of times that are no good ones come first, and a text on which a pattern can take for ever.
 * With "rude", an attach record comes first whose target would drive a terminal. With "parts", COUNT messages
 * "part 1 of I, part 2 of I, part 3 of I, " of a program, each in three leaves, with a kernel record between two of them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/ledger.h"
#include "record/meta.h"
#include "record/record.h"

#define START INT64_C(1795428000000000)
#define BOOT "0123456789abcdef"
#define SPAN_INIT(s) {s, sizeof(s) - 1}
#define SPAN(s) ((struct span)SPAN_INIT(s))

static struct ledger *ledger;
static struct err e;
static char leaf[RECORD_LEAF_MAX];
static int64_t now = START;
static const char *vm; /* DIR's last part */

static void append(const struct record *r)
{
	long n = record_encode(r, leaf, sizeof(leaf));

	if (n < 0) {
		fprintf(stderr, "fill: record refused: %s\n", strerror((int)-n));
		exit(2);
	}
	if (ledger_append(ledger, leaf, (size_t)n, r->time_us, &e)) {
		fprintf(stderr, "fill: %s\n", e.text);
		exit(2);
	}
}

static struct record kmsg(uint64_t seq, struct span text)
{
	now += 1000;
	return (struct record){
		.time_us = now, .severity = 6, .host = span_of(vm), .app = SPAN("kernel"),
		.msgid = SPAN("kmsg"), .channel = RECORD_KMSG, .has_seq = true, .seq = seq,
		.has_guest_ns = true, .guest_ns = (uint64_t)(now - START) * 1000, .has_caller = true,
		.caller = (uint32_t)(1 + seq % 300), .boot = SPAN(BOOT), .msg = text,
	};
}

static void nasty(void)
{
	static char big[32768], binary[512];
	static const struct span texts[] = {
		SPAN("plain"), SPAN(""), SPAN("two\nlines"), SPAN("ends in newlines\n\n"),
		SPAN("nul\0inside"), SPAN("\033[2J\033]0;owned\007cleared"), SPAN("\xff\xfe invalid"),
		SPAN("C1 \xc2\x9b" "31m"), SPAN("bidi \xe2\x80\xae" "desrever"), SPAN("\xef\xbb\xbf" "bom"),
		SPAN("\xef\xbb\xbf\xff bom, invalid"), SPAN("quotes \" ] \\ [x@1 y=\"z\"] end"),
		SPAN("gr\xc3\xbc\xc3\x9f" "e \xe6\x97\xa5\xe6\x9c\xac"), SPAN(" leading space"),
		SPAN("line\nNov 23 10:00:00 web01 kernel: forged line"), SPAN("tab\there, cr\rthere"),
		SPAN("\xe2\x84\xaa" "elvin di\xc5\xbf" "k"), SPAN("a=b\n\n__CURSOR=forged\n"),
	};
	const struct meta_counters c = {.records = 100, .live = 90, .backfill = 10};
	struct record r;
	struct meta m;
	uint64_t seq = 0;

	meta_begin(&m, vm, META_ATTACH, now, BOOT);
	meta_attach(&m, "gdb:/run/web01.gdb", "gdb", "6.1.0-18-cloud-amd64");
	append(&m.r);
	meta_begin(&m, vm, META_BOOT, now, BOOT);
	meta_boot(&m, "6.1.0-18-cloud-amd64", "00ff");
	append(&m.r);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		r = kmsg(seq++, texts[i]);
		append(&r);
	}
	memset(big, 'B', sizeof(big));
	r = kmsg(seq++, (struct span){big, sizeof(big)});
	append(&r);
	for (size_t i = 0; i < sizeof(binary); i++)
		binary[i] = (char)i;
	r = kmsg(seq++, (struct span){binary, sizeof(binary)});
	r.facility = 200;
	r.severity = 3;
	r.subsystem = SPAN("pci");
	r.device = SPAN("+pci:0000:00:01.0");
	append(&r);
	r = kmsg(seq++, SPAN("a program's words"));
	r.channel = RECORD_SYSLOG;
	r.msgid = SPAN("syslog");
	r.app = SPAN("my prog");
	r.procid = SPAN("4711");
	r.facility = 3;
	r.n_observed = 3;
	r.observed[0] = (struct record_param){SPAN("uid"), SPAN("1000")};
	r.observed[1] = (struct record_param){SPAN("group"), SPAN("4")};
	r.observed[2] = (struct record_param){SPAN("group"), SPAN("27")};
	r.n_claimed = 1;
	r.claimed[0] = (struct record_param){SPAN("tag"), SPAN("sshd\n[1]")};
	append(&r);
	meta_begin(&m, vm, META_GAP, now, BOOT);
	meta_gap(&m, RECORD_KMSG, seq, 17, "overwritten");
	append(&m.r);
	meta_begin(&m, vm, META_HEARTBEAT, now, BOOT);
	meta_heartbeat(&m, &c);
	append(&m.r);
	meta_begin(&m, vm, META_ALERT, now, BOOT);
	meta_alert(&m, "test", "something was altered");
	append(&m.r);
	meta_begin(&m, vm, META_CLOCK, now, NULL);
	meta_clock(&m, -5000000);
	append(&m.r);
}

static struct span sentence(uint64_t i, char *buf, size_t cap);

static void mixed(uint64_t count)
{
	static const struct {
		struct span app, procid, uid;
		uint8_t facility;
	} programs[] = {
		{SPAN_INIT("sshd"), SPAN_INIT("811"), SPAN_INIT("0"), 10},
		{SPAN_INIT("cron"), SPAN_INIT("4242"), SPAN_INIT("0"), 9},
		{SPAN_INIT("my app"), SPAN_INIT("31000"), SPAN_INIT("1000"), 16},
		{SPAN_INIT("logger"), SPAN_INIT(""), SPAN_INIT("1001"), 1},
	};
	char text[256], boot[17];
	uint64_t begin = 0;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t n = i * 5 / count, kind = i * 2654435761u >> 9 & 7;
		struct record r = kmsg(i, sentence(i, text, sizeof(text)));

		if (i == 0 || n != (i - 1) * 5 / count)
			begin = i;
		snprintf(boot, sizeof(boot), "%016x", (unsigned int)((n + 1) * 2654435761u));
		r.time_us = START + (int64_t)i * 97000123;
		r.boot = (struct span){boot, 16};
		r.guest_ns = (i - begin) * 97000123000;
		r.severity = i % 8;
		if (i % 50 == 7)
			r.msg = SPAN("of two\nlines");
		if (kind < 4) {
			r.channel = RECORD_SYSLOG;
			r.msgid = SPAN("syslog");
			r.app = programs[kind].app;
			r.procid = programs[kind].procid;
			r.facility = programs[kind].facility;
			r.has_caller = false;
			r.n_observed = 1;
			r.observed[0] = (struct record_param){SPAN("uid"), programs[kind].uid};
		} else if (kind == 4) {
			r.subsystem = SPAN("pci");
			r.device = SPAN("+pci:0000:00:01.0");
		}
		append(&r);
	}
}

/* Times: the epoch itself, a microsecond later, the last that a journal takes, the first that it does not, the
 * last of all. */
static void odd(void)
{
	static const int64_t times[] = {0, 1, (INT64_C(1) << 55) - 1, INT64_C(1) << 55, INT64_C(253402300799999999)};
	struct record r;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		r = kmsg(i, SPAN("of an odd time"));
		r.time_us = times[i];
		r.guest_ns = i * 1000;
		append(&r);
	}
	r = kmsg(9, SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"));
	append(&r);
}

static void rude(void)
{
	struct meta m;

	meta_begin(&m, vm, META_ATTACH, now, BOOT);
	meta_attach(&m, "gdb:/\033]0;owned\007 \xc2\x9b" "31m \xe2\x80\xae" "desrever", "gdb", "6.1.0-18-cloud-amd64");
	append(&m.r);
}

static void parts(uint64_t count)
{
	char text[64], digits[3][24];

	for (uint64_t i = 0; i < 3 * count; i++) {
		struct record r = kmsg(i / 3, SPAN("between"));
		int n;

		if (i % 3 == 1)
			append(&r);
		r.has_seq = r.has_guest_ns = r.has_caller = false;
		r.channel = RECORD_SYSLOG;
		r.msgid = SPAN("syslog");
		r.app = SPAN("talker");
		r.n_observed = 3;
		snprintf(digits[0], sizeof(digits[0]), "%" PRIu64, i % 3 + 1);
		snprintf(digits[1], sizeof(digits[1]), "3");
		snprintf(digits[2], sizeof(digits[2]), "%" PRIu64, 1000 + i / 3);
		r.observed[0] = (struct record_param){SPAN("part"), span_of(digits[0])};
		r.observed[1] = (struct record_param){SPAN("parts"), span_of(digits[1])};
		r.observed[2] = (struct record_param){SPAN("id"), span_of(digits[2])};
		n = snprintf(text, sizeof(text), "part %" PRIu64 " of %" PRIu64 ", ", i % 3 + 1, i / 3);
		r.msg = (struct span){text, (size_t)n};
		append(&r);
	}
}

static struct span sentence(uint64_t i, char *buf, size_t cap)
{
	static const char *const words[] = {
		"usb 1-%u: new high-speed USB device number %u using xhci_hcd",
		"pci 0000:00:%02x.0: BAR %u: assigned [mem 0xfebc0000-0xfebdffff]",
		"TCP: request_sock_TCP: Possible SYN flooding on port %u. Sending cookies %u.",
		"EXT4-fs (vda%u): mounted filesystem with ordered data mode. Quota mode: none. %u",
		"audit: type=1400 audit(1795428000.%03u:%u): apparmor=\"DENIED\" operation=\"open\"",
		"device eth%u entered promiscuous mode %u",
		"nvme nvme%u: I/O %u QID 3 timeout, aborting",
		"systemd[1]: Started Session %u of user root, scope %u.",
	};
	const char *form = i % 10000 == 7777 ? "Needle %u in the haystack %u" : words[i * 2654435761u >> 7 & 7];
	int n;

	_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
	n = snprintf(buf, cap, form, (unsigned int)(i % 97), (unsigned int)i);
	_Pragma("GCC diagnostic pop")
	return (struct span){buf, (size_t)n};
}

/* All but the segment that grows. */
static int prune(void)
{
	const struct ledger_retention keep = {.keep_bytes = 1, .host = "web01", .now_us = now};
	uint64_t gone;

	return ledger_prune(ledger, &keep, &gone, &e);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	struct ledger_recovery rec;
	char text[256];
	uint64_t base;

	if (argc < 3) {
		fputs("usage: fill DIR COUNT [nasty|mixed|odd|rude|parts|prune]\n", stderr);
		return 2;
	}
	vm = strrchr(argv[1], '/') ? strrchr(argv[1], '/') + 1 : argv[1];
	snprintf(text, sizeof(text), "test.example/%s", vm);
	if (ledger_open(&ledger, argv[1], text, &rec, &e)) {
		fprintf(stderr, "fill: %s\n", e.text);
		return 2;
	}
	base = ledger_size(ledger);
	now += (int64_t)base * 1000;
	if (argc > 3 && !strcmp(argv[3], "mixed"))
		mixed(count), count = 0;
	else if (argc > 3 && !strcmp(argv[3], "parts"))
		parts(count), count = 0;
	else if (argc > 3 && !strcmp(argv[3], "odd"))
		odd();
	else if (argc > 3 && !strcmp(argv[3], "nasty"))
		nasty();
	else if (argc > 3 && !strcmp(argv[3], "rude"))
		rude();
	for (uint64_t i = base; i < base + count; i++) {
		struct record r = kmsg(100 + i, sentence(i, text, sizeof(text)));

		r.severity = i % 50 == 0 ? 3 : i % 10 == 0 ? 4 : 6;
		append(&r);
	}
	if (ledger_checkpoint(ledger, &e) || (argc > 3 && !strcmp(argv[3], "prune") && prune()) ||
		ledger_close(ledger, &e)) {
		fprintf(stderr, "fill: %s\n", e.text);
		return 2;
	}
	return 0;
}
