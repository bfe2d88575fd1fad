# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# shellcheck disable=SC2317
# Domain 0's half of tests/xen/console_test: no domain is needed. Xen writes its console when a debug key is pressed.
set -u
# shellcheck source=tests/lab/e2e.sh
. tests/lab/e2e.sh

# shellcheck source=tests/xen/words.sh
. tests/xen/words.sh

# keep NAME TARGET: a worker for a log of this host.
keep() {
	: >"$dir/$1.log"
	./logvisor attach --heartbeat 2s "$1=$2" >>"$dir/$1.log" 2>&1 &
	worker=$!
	workers="$workers $worker"
	within 60 grep -q following "$dir/$1.log"
}
raw() {
	./logvisor show --no-pager -o raw "$1"
}

# Lines of Xen's are stored, up to the last one it wrote.
lines() {
	./logvisor show --no-pager -a -o cat -t xen xen
}
last() {
	xl dmesg >"$dir/ring" && [ "$(lines | tail -n 1)" = "$(tail -n 1 "$dir/ring")" ]
}
# All that was ever stored is just what the ring has, no line twice.
same() {
	last && lines >"$dir/lines" && cmp -s "$dir/lines" "$dir/ring" || { diff "$dir/lines" "$dir/ring" | head -n 20 | sed 's/^/# /'; false; }
}
# Between two lines nothing is missing but what the gaps say, of which there are N, and no line is there twice.
gapless() {
	raw xen | awk -v gaps="$1" '
		!match($0, / off="[0-9]*"/) { next }
		{ off = substr($0, RSTART + 6, RLENGTH - 7) + 0 }
		seen && off != next_off { print "# byte " off " after " next_off; bad = 1 }
		/ logvisor - gap / {
			match($0, / bytes="[0-9]*"/)
			bytes = substr($0, RSTART + 8, RLENGTH - 9) + 0
			print "# a gap of " bytes " bytes from " off " on"
			n++
			next_off = off + bytes
			next
		}
		{ seen = 1; next_off = off + length(substr($0, index($0, "\"] ") + 3)) + 1; lines++ }
		END { print "# " lines " lines, " next_off " bytes"; exit bad || !lines || n + 0 != gaps }'
}
# A few thousand bytes.
press() {
	xl debug-keys "$1"
}
# Go round the ring: until its first line is another, and then as far again.
flood() {
	first=$(xl dmesg | head -n 1) n=0
	while [ "$(xl dmesg | head -n 1)" = "$first" ] && [ $((n += 1)) -le 500 ]; do press h; done
	[ $n -le 500 ] || return
	n=$(xl dmesg | grep -c "'h' pressed")
	for _ in $(seq $((2 * n + 4))); do press h; done
}

scene_console() {
	ok 'console: attaches' keep xen xen-console || told xen
	ok 'console: stored up to its end' within 20 last
	ok 'console: just what Xen has' same
	press h
	ok 'console: a debug key is stored' within 20 stored xen "^\\(XEN\\) 'h' pressed"
	ok 'console: each line once' within 20 same
	./logvisor show --no-pager xen | tail -n 3 | sed 's/^/# /'
	is 'console: one boot' "$(raw xen | grep -c ' logvisor - boot .*Xen')" 1 || told xen
	kill -9 "$worker"
	wait "$worker" 2>/dev/null
	press h
	ok 'killed: attached again' keep xen xen-console || told xen
	ok 'killed: nothing twice, nothing missing' within 20 same
	ok 'killed: as it says' grep -q 'where the ledger stopped' "$dir/xen.log" || told xen
	is 'killed: one boot' "$(raw xen | grep -c ' logvisor - boot ')" 1
	ok 'killed: no gap' gapless 0
	kill -STOP "$worker"
	ok 'wrapped: Xen goes round its ring' flood
	kill -CONT "$worker"
	ok 'wrapped: goes on' within 30 last
	ok 'wrapped: one gap, of all that is missing' gapless 1
	is 'wrapped: in as many words' "$(raw xen | grep -c ' gap .* bytes of Xen.s console were overwritten')" 1
	kill -STOP "$worker"
	press h
	xl dmesg -c >"$dir/cleared"
	kill -CONT "$worker"
	press h
	ok 'cleared: goes on' within 30 last
	ok 'cleared: another gap' gapless 2
	kill -TERM "$worker"
	wait "$worker"
	is 'detached: 1, for bytes are missing' $? 1 || told xen
	ok 'detached: attached again' keep xen xen-console
	press h
	ok 'detached: goes on' within 30 last
	ok 'detached: no other gap' gapless 2
	reader=$(child_of logvisor-xencon "$worker")
	kill -9 "$reader"
	ok 'reader killed: the worker ends' within 20 ended "$worker"
	wait "$worker"
	is 'reader killed: exit status' $? 2 || told xen
	ok 'reader killed: and says so' grep -q 'the process that reads' "$dir/xen.log" || told xen
	ok 'verify' ./logvisor verify xen
}

scene_refuse() {
	refused 'as nobody' 'cannot use /dev/xen/privcmd: .*attach as root' xen-console \
		/bin/setpriv --reuid 65534 --regid 65534 --clear-groups
	mv /dev/xen/privcmd /dev/xen/away
	refused 'no privcmd' 'there is no /dev/xen/privcmd: load the module xen-privcmd' xen-console
	mv /dev/xen/away /dev/xen/privcmd
	lib=/usr/lib/x86_64-linux-gnu/libxenctrl.so.$(cat xen-version)
	mv "$lib" "$lib.away"
	refused 'no library' "needs libxenctrl.so.[0-9.]*, which cannot be loaded .*libxenmisc" xen-console
	mv "$lib.away" "$lib"
	refused 'another name' 'no such kind of target .*xen-console' xen-consoles
	refused 'syslog of it' 'xen-console has no such logs' xen-console sh -c 'shift 2; exec ./logvisor attach --channels syslog "$@"' sh
	mv /dev/kmsg /dev/away
	refused 'no kmsg' 'cannot read /dev/kmsg: ' host-kmsg
	mv /dev/away /dev/kmsg
	./logvisor inspect xen-console >"$dir/out" 2>&1
	is 'inspect: refused' "$?.$(grep -c 'is a log, and no VM' "$dir/out")" 2.1
}

scene_kmsg() {
	echo on >/proc/sys/kernel/printk_devkmsg
	ok 'kmsg: attaches' keep dom0 host-kmsg || told dom0
	ok "kmsg: Domain 0's boot is stored" within 20 stored dom0 '^Linux version'
	echo '<5>first-line' >/dev/kmsg
	ok 'kmsg: a line arrives' within 20 stored dom0 '^first-line$'
	ok 'kmsg: it says that nothing protects it' sh -c "./logvisor show --no-pager -o raw dom0 |
		grep -q ' kmsg .* protected=\"no\"\] first-line'"
	ok 'kmsg: so does the attachment' sh -c "./logvisor show --no-pager -o raw dom0 |
		grep -q ' logvisor - attach .* protected=\"no\"'"
	kill -9 "$worker"
	wait "$worker" 2>/dev/null
	echo '<5>second-line' >/dev/kmsg
	ok 'killed: attached again' keep dom0 host-kmsg || told dom0
	ok 'killed: what came meanwhile arrives' within 20 stored dom0 '^second-line$'
	ok 'killed: nothing twice, nothing missing' build/lab/kmsgcmp "$LOGVISOR_STORE/dom0"
	kill -STOP "$worker"
	pad=$(printf '%0200d' 0) i=0
	while [ $((i += 1)) -le 5000 ]; do echo "<7>flood $i $pad"; done >/dev/kmsg
	kill -CONT "$worker"
	ok 'wrapped: goes on' within 60 stored dom0 '^flood 5000 ' || told dom0
	build/lab/kmsgcmp "$LOGVISOR_STORE/dom0" >"$dir/exact" 2>&1
	sed 's/^/# /' "$dir/exact"
	ok 'wrapped: nothing twice, nothing missing without a gap' grep -q ' twice 0 missing 0 ' "$dir/exact"
	n=$(./logvisor show --no-pager -o cat -g '^flood ' dom0 | wc -l)
	gaps=$(raw dom0 | sed -n 's/.* logvisor - gap .* count="\([0-9]*\)".*/\1/p' | awk '{ n += $1 } END { print n + 0 }')
	echo "# $n lines of the flood stored, $gaps records in gaps"
	ok 'wrapped: some are in a gap' [ "$gaps" -gt 0 ]
	is 'wrapped: lines and gap are all of the flood' $((n + gaps)) 5000
	detach_worker "$worker"
	is 'detached: 1, for records are lost' $? 1 || told dom0
	ok 'verify' ./logvisor verify dom0
}
scenes "$@"
