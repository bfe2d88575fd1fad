#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What it costs a whole Debian 12 (tests/lab/debian: its kernel, systemd, journald, rsyslog, auditd, sshd, nginx, under
# QEMU's emulation, two vCPUs) that what its programs log is captured through the GDB stub; and what of a flood of messages
# the ledger keeps, and what journald and rsyslog do: bench/apps.sh [ROUNDS [MESSAGES]]
#
#   a request    to nginx, which logs each to /dev/log; REQUESTS of them by one client, one after the other
#   a login      by ssh with a key, and out again: sshd, PAM, systemd-logind, audit
#   a flood      MESSAGES to /dev/log, from four processes as fast as they are taken. First with journald and rsyslog as Debian
#                has them, nobody attached, then attached; then with a journald that keeps few of a service: its own limit
#                (10,000 messages of a service in 30 s, and two or three times as many with room on the disk) is not reached
#                by an emulated processor, nor is any by what fits into the socket's queue (512): of a process that has ended
#                journald knows no service
#
# Requests and logins alternate, nobody attached and attached, in one run on one VM; of the ratios of each two it is the
# median. Time is the host's, for the guest's clock stands still while it is stopped. Each message stops the VM: none is held
# back any longer than that.
# shellcheck disable=SC2154,SC2016
set -u
cd "$(dirname "$0")/.." || exit 2
rounds=${1:-3} messages=${2:-1000} requests=100
make -s all lab || exit 2
. tests/lab/apps.sh
. bench/table.sh

us() {
	echo $((${EPOCHREALTIME/./}))
}
# took COMMAND...: microseconds.
took() {
	local t
	t=$(us)
	"$@" >"$dir/took" 2>&1 || { cat "$dir/took" >&2; return 2; }
	echo $(($(us) - t))
}
# in_ledger: how many records of programs there are.
in_ledger() {
	./logvisor list -o json | jq '.channels | .syslog + .journal + .stdout + .audit'
}
requests() {
	inside a "busybox wget -q -O /dev/null http://127.0.0.1/?n={1..$requests}"
}
login() {
	inside a 'ssh -i /root/key -o StrictHostKeyChecking=no alice@127.0.0.1 true'
}
flood() {
	guest a "lab emit sendto,write 4 $((messages / 4))"
}
median() { # median FILE DIVISOR
	sort -n "$1" | awk -v by="$2" '{ v[NR] = $1 } END { printf "%.2f\n", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 / by }'
}
attached() {
	{ follow a && arrived a; } || { cat "$dir/a.log" >&2; return 2; }
}
detached() {
	arrived a && detach_worker "$worker"
}

start_debian a bookworm || exit 2
inside a 'ssh-keygen -q -t ed25519 -N "" -f /root/key &&
	install -d -o alice -m 700 /home/alice/.ssh && install -o alice -m 600 /root/key.pub /home/alice/.ssh/authorized_keys &&
	echo "access_log syslog:server=unix:/dev/log,nohostname;" >/etc/nginx/conf.d/lab.conf && systemctl reload nginx' || exit 2
for what in requests login; do
	took $what >/dev/null || exit 2 # the translator warms up
done

printf '%d rounds; milliseconds, nobody attached and attached, and the ratio\n\n' "$rounds"
for round in $(seq "$rounds"); do
	for what in requests login; do
		took $what >"$dir/alone.$what" || exit 2
	done
	attached || exit 2
	for what in requests login; do
		n=$(in_ledger)
		took $what >"$dir/captured.$what" || exit 2
		arrived a || exit 2
		echo $(($(in_ledger) - n - 1)) >>"$dir/messages.$what" # less that which says that all arrived
		paste "$dir/captured.$what" "$dir/alone.$what" | awk '{ print $1 / $2 }' >>"$dir/ratio.$what"
		for kind in alone captured; do cat "$dir/$kind.$what" >>"$dir/all.$kind.$what"; done
	done
	detached || exit 2
	printf 'round %d: %d requests %6d %6d %6.2f; a login %6d %6d %6.2f\n' "$round" $requests \
		$(($(cat "$dir/alone.requests") / 1000)) $(($(cat "$dir/captured.requests") / 1000)) "$(tail -n 1 "$dir/ratio.requests")" \
		$(($(cat "$dir/alone.login") / 1000)) $(($(cat "$dir/captured.login") / 1000)) "$(tail -n 1 "$dir/ratio.login")"
done
per=$requests name='a request to nginx'
for what in requests login; do
	[ $what = requests ] || per=1 name='an ssh login'
	printf '%s: %s ms alone, %s captured, ratio %s; %s messages\n' "$name" "$(median "$dir/all.alone.$what" $((per * 1000)))" \
		"$(median "$dir/all.captured.$what" $((per * 1000)))" "$(median "$dir/ratio.$what" 1)" "$(median "$dir/messages.$what" $per)"
	figure "$name, captured through the GDB stub, ms" low "$(median "$dir/all.captured.$what" $((per * 1000)))" \
		"$(median "$dir/all.alone.$what" $((per * 1000)))" "nobody attached" - -
done

# ---- a flood ----

# kept: how many messages of `lab emit` journald and rsyslog have in all.
kept() {
	inside a 'journalctl --sync; echo $(journalctl -aq -o cat | grep -ac "emit [a-z0-9]* [0-9]") \
		$(cat /var/log/syslog | grep -ac "emit [a-z0-9]* [0-9]")'
}
# one_flood: sets $rate, and $journald and $rsyslog to what these kept of it.
one_flood() {
	local t had now
	had=$(kept)
	t=$(took flood) || return 2
	rate=$((messages * 1000000 / t))
	within 60 caught_up || return 2
	now=$(kept)
	journald=$((${now% *} - ${had% *})) rsyslog=$((${now#* } - ${had#* }))
}
# What is logged now is in rsyslog's file: it has written all that it got before.
caught=0
caught_up() {
	caught=$((caught + 1))
	inside a "logger caught-up-$caught-; for i in {1..10}; do grep -q caught-up-$caught- /var/log/syslog && break; sleep 0.2; done
		grep -q caught-up-$caught- /var/log/syslog"
}
row() { # row TEXT LEDGER
	printf '%-44s %8d %8d %8s %8d %8d\n' "$1" "$rate" "$messages" "$2" "$journald" "$rsyslog"
}
printf '\n%-44s %8s %8s %8s %8s %8s\n' 'a flood of messages to /dev/log' 'a second' sent ledger journald rsyslog
one_flood || exit 2
row 'as Debian has it, nobody attached' -
alone=$rate
attached || exit 2
one_flood && arrived a || exit 2
in=$(count a 'emit (sendto|write) [0-9]')
row 'as Debian has it, captured' "$in"
figure 'messages in a flood to a Debian, captured through the GDB stub, /s' high "$rate" "$alone" 'nobody attached' - -
inside a 'mkdir -p /run/systemd/journald.conf.d && printf "[Journal]\nRateLimitIntervalSec=30s\nRateLimitBurst=100\n" \
	>/run/systemd/journald.conf.d/lab.conf && systemctl restart systemd-journald'
one_flood && arrived a || exit 2
in=$(($(count a 'emit (sendto|write) [0-9]') - in))
row 'journald limited, captured' "$in"
figure 'of a flood to a Debian, messages kept' high "$in" "$journald" 'journald, limited' "$messages" -
build/lab/emitcmp "$LOGVISOR_STORE/a" 8 1 $((messages / 4)) 0 >"$dir/emitted" 2>&1 || { cat "$dir/emitted" >&2; exit 2; }
eventless a || exit 2
detach_worker "$worker"
printf '\nthe ledger has each message of the captured floods once, in the order of its process; no gap, no alert\n'
