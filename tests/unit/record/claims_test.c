/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * claims_test.c - what senders say of themselves: datagrams to /dev/log, entries for journald, and names of
 * control groups.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "record/cgroup.h"
#include "record/native.h"
#include "record/syslog.h"

#define SPAN(s) ((struct span){s, sizeof(s) - 1})

static void is(struct span got, const char *want)
{
	if (!span_is(got, want))
		fail_msg("got '%.*s' and not '%s'", (int)got.n, got.p ? got.p : "", want);
}

/* As programs send it: glibc's syslog(3), logger, musl, busybox, Go's log/syslog, Python, util-linux's --rfc5424. */
static void syslog_forms(void **state)
{
	static const struct {
		const char *in;
		int pri; /* -1: none */
		const char *time, *host, *tag, *pid, *msgid, *sd, *text;
	} t[] = {
		{"<86>Nov 29 10:00:00 sshd[411]: Accepted", 86, "Nov 29 10:00:00", "", "sshd", "411", "", "", "Accepted"},
		{"<13>Nov  9 10:00:00 root: hi\n", 13, "Nov  9 10:00:00", "", "root", "", "", "", "hi"},
		{"<13>Nov 29 10:00:00 web01 sshd[411]: x: y", 13, "Nov 29 10:00:00", "web01", "sshd", "411", "", "",
			"x: y"},
		{"<13>Nov 29 10:00:00 2026 a: b", 13, "Nov 29 10:00:00 2026", "", "a", "", "", "", "b"},
		{"<30>2026-11-29T10:00:00+01:00 h prog[7]: z", 30, "2026-11-29T10:00:00+01:00", "h", "prog", "7", "", "",
			"z"},
		{"<14>myprog: no date", 14, "", "", "myprog", "", "", "", "no date"},
		{"<14>no tag here", 14, "", "", "", "", "", "", "no tag here"},
		{"no pri", -1, "", "", "", "", "", "", "no pri"},
		{"", -1, "", "", "", "", "", "", ""},
		{"<>x", -1, "", "", "", "", "", "", "<>x"},
		{"<1234>x y", -1, "", "", "", "", "", "", "<1234>x y"},
		{"<13", -1, "", "", "", "", "", "", "<13"},
		{"<999>x y", 999, "", "", "", "", "", "", "x y"},
		{"<13>1 2026-11-29T10:00:00Z h app 9 ID1 [a@1 k=\"v]\\\"\"][b@1] body", 13, "2026-11-29T10:00:00Z",
			"h", "app", "9", "ID1", "[a@1 k=\"v]\\\"\"][b@1]", "body"},
		{"<13>1 - - - - - -", 13, "", "", "", "", "", "", ""},
		{"<13>1 - - - - - - \xef\xbb\xbf" "bom", 13, "", "", "", "", "", "", "bom"},
		{"<13>1 - - - - - [unclosed x", 13, "", "", "", "", "", "", "1 - - - - - [unclosed x"},
		{"<13>Nov 29 10:00:00 sshd[411: open", 13, "Nov 29 10:00:00", "", "", "", "", "", "sshd[411: open"},
	};
	struct syslog_said s;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		syslog_parse(span_of(t[i].in), &s);
		assert_int_equal(s.has_pri ? (int)s.pri : -1, t[i].pri);
		is(s.time, t[i].time);
		is(s.host, t[i].host);
		is(s.tag, t[i].tag);
		is(s.pid, t[i].pid);
		is(s.msgid, t[i].msgid);
		is(s.sd, t[i].sd);
		is(s.text, t[i].text);
	}
	/* musl and some others end it with NUL; those within are text. */
	syslog_parse(SPAN("<13>a: b\0c\0"), &s);
	assert_true(span_eq(s.text, SPAN("b\0c")));
}

static void native_fields(void **state)
{
	static const char entry[] = "MESSAGE\n\x05\0\0\0\0\0\0\0a\nb=c\nPRIORITY=3\n_PID=1\nlower=x\n=y\n.c\n"
		"SYSLOG_IDENTIFIER=x=y\nMESSAGE=second\n\nMESSAGE=of another\n";
	static const char *const broken[] = {("MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff" "abc\nPRIORITY=1\n"),
		"MESSAGE\nabc", "MESSAGE\n"};
	struct span s = SPAN(entry), v;
	struct native_field f;

	(void)state;
	assert_true(native_next(&s, &f));
	is(f.key, "MESSAGE");
	is(f.value, "a\nb=c");
	assert_true(native_next(&s, &f));
	is(f.key, "PRIORITY");
	assert_true(native_next(&s, &f)); /* neither what only journald may say, nor what is no name */
	is(f.key, "SYSLOG_IDENTIFIER");
	is(f.value, "x=y");
	assert_true(native_next(&s, &f));
	is(f.value, "second");
	assert_false(native_next(&s, &f));
	assert_true(native_next(&s, &f));
	is(f.value, "of another");
	assert_false(native_next(&s, &f));
	assert_int_equal(s.n, 0);
	assert_true(native_find(SPAN(entry), "MESSAGE", &v));
	is(v, "a\nb=c");
	assert_false(native_find(SPAN(entry), "_PID", &v));
	for (size_t i = 0; i < 3; i++) {
		s = i ? span_of(broken[i]) : (struct span){broken[0], 32};
		assert_false(native_next(&s, &f));
		assert_true(s.n > 0);
	}
	/* A last line without its newline counts, as it does for journald. */
	assert_true(native_find(SPAN("A=1\nB=2"), "B", &v));
	is(v, "2");
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void control_groups(void **state)
{
	static const struct {
		const char *path, *unit, *user_unit, *slice, *session, *uid, *container;
	} t[] = {
		{"/system.slice/ssh.service", "ssh.service", "", "system.slice", "", "", ""},
		{"/init.scope", "init.scope", "", "", "", "", ""},
		{"/user.slice/user-1000.slice/session-3.scope", "session-3.scope", "", "user-1000.slice", "3", "1000", ""},
		{"/user.slice/user-1000.slice/user@1000.service/app.slice/a.service", "user@1000.service", "a.service",
			"user-1000.slice", "", "1000", ""},
		{"/system.slice/docker-" ID ".scope", "docker-" ID ".scope", "", "system.slice", "", "", ID},
		{"/docker/" ID, "", "", "", "", "", ID},
		{"/kubepods.slice/cri-containerd-" ID ".scope", "cri-containerd-" ID ".scope", "", "kubepods.slice", "", "",
			ID},
		{"/machine.slice/systemd-nspawn@web.service/payload", "systemd-nspawn@web.service", "", "machine.slice",
			"", "", "web"},
		{"/machine.slice/libpod-" ID ".scope/container", "libpod-" ID ".scope", "", "machine.slice", "", "", ID},
		{"/system.slice/_cgroup.procs.service", "cgroup.procs.service", "", "system.slice", "", "", ""},
		{"/", "", "", "", "", "", ""}, {"", "", "", "", "", "", ""}, {"//x//", "", "", "", "", "", ""},
		{"/.slice/.service", "", "", "", "", "", ""},
		{"/user-x.slice/session-.scope", "session-.scope", "", "user-x.slice", "", "", ""},
	};
	struct cgroup_said s;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		cgroup_parse(span_of(t[i].path), &s);
		is(s.unit, t[i].unit);
		is(s.user_unit, t[i].user_unit);
		is(s.slice, t[i].slice);
		is(s.session, t[i].session);
		is(s.owner_uid, t[i].uid);
		is(s.container, t[i].container);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syslog_forms), cmocka_unit_test(native_fields), cmocka_unit_test(control_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
