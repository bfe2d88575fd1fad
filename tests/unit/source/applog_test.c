/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * applog_test.c - what becomes of messages to log sockets: a record each, byte for byte, in parts where they are
 * long, with the sender beside them; and none twice that waited in a queue while no worker was there.
 */
#include "unit/source/app_rig.h"

#include "record/said.h"
#include "source/unix/kind.h"
#include "source/unix/unix.h"
#include "util/hash.h"

static struct applog l;
static struct app_copy copy;

static int recall(void *ctx, enum record_channel channel, source_known known, void *known_ctx, struct err *e)
{
	static struct record r;
	static char scratch[RECORD_LEAF_MAX];

	(void)ctx;
	(void)e;
	for (unsigned i = rig.n; i-- > 0;) {
		struct source_stored s = {.boot = "0123456789abcdef", .r = &r};

		assert_int_equal(record_decode(rig.leaf[i], rig.len[i], &r, scratch, sizeof(scratch), NULL), 0);
		s.text_hash = hash64(r.msg.p, r.msg.n);
		if (r.channel == channel && known(known_ctx, &s))
			break;
	}
	return 0;
}

static const struct source_sink with_recall = {.emit = rig_emit, .recall = recall};

static void begin(void)
{
	memset(&l, 0, sizeof(l));
	outbox_init(&l.out, &with_recall);
	l.out.boot = "0123456789ab0001"; /* after a snapshot was restored */
	streams_init(&l.streams, &l.out);
	copy = (struct app_copy){.sock = 1, .pid = 7, .tid = 8, .uid = 1000, .gid = 100, .euid = 0, .ppid = 1,
		.comm = "prog", .tcomm = "worker", .pcomm = "systemd", .loginuid = 1000, .sessionid = 3, .scm_pid = 1};
}

static void flush(void)
{
	struct err e;

	assert_int_equal(outbox_flush(&l.out, UINT32_MAX, 1, &e), 0);
}

static void finish(void)
{
	outbox_free(&l.out);
	rig_clear();
}

static void send(enum record_channel channel, enum record_fidelity fid, const char *path, const void *text, size_t n)
{
	const struct applog_message m = {.channel = channel, .fidelity = fid, .time_us = 5, .copy = &copy,
		.text = {text, n},
		.paths = {.exe = span_of("/usr/bin/prog"), .cgroup = span_of("/system.slice/my.service"),
			.sock = span_of(path)}};

	unix_take(&l, &m);
}

#define DEV_LOG "/run/systemd/journal/dev-log"
#define SOCKET "/run/systemd/journal/socket"
#define syslog_is(s) send(RECORD_SYSLOG, RECORD_LIVE, DEV_LOG, s, sizeof(s) - 1)

static void the_sender(void **state)
{
	const struct record *r;

	(void)state;
	begin();
	syslog_is("<35>Nov 29 10:00:00 sshd[411]: Accepted");
	flush();
	r = rig_get(0);
	rig_is(r->msg, "<35>Nov 29 10:00:00 sshd[411]: Accepted");
	rig_is(r->app, "prog");
	rig_is(r->procid, "7");
	assert_int_equal(r->facility, 4);
	assert_int_equal(r->severity, 3);
	rig_is(rig_observed(r, "tid"), "8");
	rig_is(rig_observed(r, "tcomm"), "worker");
	rig_is(rig_observed(r, "uid"), "1000");
	rig_is(rig_observed(r, "euid"), "0");
	rig_is(rig_observed(r, "exe"), "/usr/bin/prog");
	rig_is(rig_observed(r, "cgroup"), "/system.slice/my.service");
	rig_is(rig_observed(r, "loginuid"), "1000");
	rig_is(rig_observed(r, "session"), "3");
	rig_is(rig_observed(r, "ppid"), "1");
	rig_is(rig_observed(r, "pcomm"), "systemd");
	rig_is(rig_observed(r, "sock"), DEV_LOG);
	rig_is(rig_observed(r, "scm"), "1");
	assert_int_equal(r->n_claimed, 0);
	assert_string_equal(said_mismatch(r), "credentials");
	copy.scm_pid = 7;
	syslog_is("<35>sshd[7]: x");
	syslog_is("<35>PROG[8]: x");
	syslog_is("<35>postfix/prog[9]: x");
	flush();
	assert_string_equal(said_mismatch(rig_get(1)), "identifier");
	assert_null(said_mismatch(rig_get(2)));
	assert_string_equal(said_mismatch(rig_get(3)), "pid");
	/* Of whom nothing could be read nothing is said. */
	copy.flags = APP_COPY_NOTASK | APP_COPY_NOCREDS | APP_COPY_NOPARENT;
	copy.loginuid = copy.sessionid = APP_ABSENT;
	syslog_is("x");
	flush();
	r = rig_get(4);
	assert_int_equal(r->app.n + r->procid.n, 0);
	assert_int_equal(r->n_observed, 4); /* exe, cgroup, sock, and the pid of its credentials */
	finish();
}

static void any_datagram(void **state)
{
	static const char nul[] = "a\0b\n\0";

	(void)state;
	begin();
	send(RECORD_SYSLOG, RECORD_LIVE, "/dev/log", "", 0);
	syslog_is("");
	syslog_is("<999>beyond");
	syslog_is("<1024>none");
	send(RECORD_SYSLOG, RECORD_LIVE, DEV_LOG, nul, sizeof(nul));
	send(RECORD_JOURNAL, RECORD_LIVE, SOCKET, "PRIORITY=2\nSYSLOG_FACILITY=10\nMESSAGE=x\n", 40);
	send(RECORD_JOURNAL, RECORD_LIVE, SOCKET, "PRIORITY=9\nSYSLOG_FACILITY=x", 28);
	flush();
	assert_int_equal(rig_get(0)->severity, 5); /* rsyslogd's */
	assert_int_equal(rig_get(1)->severity, 6); /* journald's */
	assert_int_equal(rig_get(2)->facility, 124);
	assert_int_equal(rig_get(3)->facility, 1);
	assert_int_equal(rig_get(4)->msg.n, sizeof(nul));
	assert_memory_equal(rig_get(4)->msg.p, nul, sizeof(nul));
	assert_int_equal(rig_get(5)->severity, 2);
	assert_int_equal(rig_get(5)->facility, 10);
	assert_int_equal(rig_get(6)->severity, 6);
	assert_int_equal(rig_get(6)->facility, 1);
	assert_int_equal(rig.n, 7);
	finish();
}

/* Several entries in one datagram: a record each, and no byte of it is left out. */
static void entries(void **state)
{
	static const char *const in[] = {"MESSAGE=a\nPRIORITY=1\n\nMESSAGE=b\nPRIORITY=2\n\n\n", "\n\nMESSAGE=c\n",
		"\n\n", "MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\x7fxyz\n\nMESSAGE=d\n"};
	static const unsigned n[] = {2, 1, 1, 1};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		char all[200];
		size_t len = 0;

		begin();
		send(RECORD_JOURNAL, RECORD_LIVE, SOCKET, in[i], strlen(in[i]));
		flush();
		for (unsigned k = 0; k < rig.n; k++) {
			struct span s = rig_get(k)->msg;

			memcpy(all + len, s.p, s.n);
			len += s.n;
		}
		assert_int_equal(len, strlen(in[i]));
		assert_memory_equal(all, in[i], len);
		if (rig.n < n[i] || rig.n > n[i] + 1)
			fail_msg("%u records of %u", rig.n, i);
		finish();
	}
}

static void parts(void **state)
{
	static char big[200000], got[sizeof(big)];
	uint64_t id, first = 0, part, of;
	size_t len = 0;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 251);
	begin();
	send(RECORD_SYSLOG, RECORD_LIVE, DEV_LOG, big, sizeof(big));
	send(RECORD_SYSLOG, RECORD_LIVE, DEV_LOG, big, sizeof(big));
	/* The store takes nothing in the middle of it: it goes on there. */
	assert_int_equal(outbox_flush(&l.out, 2, 1, &e), SOURCE_MORE);
	rig.full = true;
	assert_int_equal(outbox_flush(&l.out, 1, 1, &e), -ENOSPC);
	rig.full = false;
	flush();
	assert_int_equal(rig.n, 10);
	for (unsigned i = 0; i < 5; i++) {
		const struct record *r = rig_get(i);

		assert_true(meta_get_u64(r, "part", &part) && meta_get_u64(r, "parts", &of) && meta_get_u64(r, "id", &id));
		assert_int_equal(part, i + 1);
		assert_int_equal(of, 5);
		assert_true(!i || id == first);
		first = id;
		assert_false(r->truncated);
		memcpy(got + len, r->msg.p, r->msg.n);
		len += r->msg.n;
	}
	assert_int_equal(len, sizeof(big));
	assert_memory_equal(got, big, len);
	assert_true(meta_get_u64(rig_get(5), "id", &id) && id != first);
	finish();
}

static void backlog_of(const char *path, unsigned from, unsigned to)
{
	char text[32];

	for (unsigned i = from; i < to; i++)
		send(RECORD_SYSLOG, RECORD_BACKFILL, path, text, (size_t)snprintf(text, sizeof(text), "message %u", i));
	flush();
}

static void waiting_messages(void **state)
{
	(void)state;
	begin();
	for (unsigned i = 0; i < 100; i++) {
		char text[32];
		int n = snprintf(text, sizeof(text), "message %u", i);

		send(RECORD_SYSLOG, RECORD_LIVE, DEV_LOG, text, (size_t)n);
		send(RECORD_SYSLOG, RECORD_LIVE, "/other" DEV_LOG, "same", 4);
	}
	flush();
	assert_int_equal(rig.n, 200);
	backlog_of(DEV_LOG, 90, 110); /* ten of them are stored */
	assert_int_equal(rig.n, 210);
	rig_is(rig_get(200)->msg, "message 100");
	assert_int_equal(rig_get(200)->fidelity, RECORD_BACKFILL);
	backlog_of(DEV_LOG, 100, 110); /* and now all */
	assert_int_equal(rig.n, 210);
	backlog_of(DEV_LOG, 50, 60); /* not the newest: these are others with the same words */
	assert_int_equal(rig.n, 220);
	/* Of another socket, as many as are stored and one more. */
	for (unsigned i = 0; i < 101; i++)
		send(RECORD_SYSLOG, RECORD_BACKFILL, "/other" DEV_LOG, "same", 4);
	flush();
	assert_int_equal(rig.n, 221);
	finish();
}

static void which_sockets(void **state)
{
	static const struct {
		const char *path;
		enum record_channel channel;
	} t[] = {
		{"/dev/log", RECORD_SYSLOG}, {"/run/systemd/journal/dev-log", RECORD_SYSLOG},
		{"/run/systemd/journal/socket", RECORD_JOURNAL}, {"/run/systemd/journal/stdout", RECORD_STREAM},
		{"/var/jail/dev/log", RECORD_SYSLOG}, {"/dev/log (deleted)", RECORD_SYSLOG},
		{"/run/systemd/journal/syslog", RECORD_META}, {"/run/systemd/notify", RECORD_META}, {"", RECORD_META},
		{"log", RECORD_META}, {"/dev/logx", RECORD_META}, {"/xdev/log", RECORD_META},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(unix_channel(span_of(t[i].path)), t[i].channel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sender), cmocka_unit_test(any_datagram), cmocka_unit_test(entries),
		cmocka_unit_test(parts), cmocka_unit_test(waiting_messages), cmocka_unit_test(which_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
