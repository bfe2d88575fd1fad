# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# shellcheck disable=SC2317
# Domain 0's half of tests/xen/life_test: a domain that is followed by polling, through all that its toolstack does,
# and every refusal. Each scene with a domain of its own, of one name.
set -u
# shellcheck source=tests/lab/e2e.sh
. tests/lab/e2e.sh

# shellcheck source=tests/xen/words.sh
. tests/xen/words.sh

# Identical to what the guest itself reads; and a flood: each record once, what was overwritten is an exact gap.
scene_exact() {
	begin exact --smp "${LOGVISOR_XEN_SMP:-2}"
	ok 'exact: doctor finds all that is needed' commented ./logvisor doctor
	./logvisor list --host >"$dir/list"
	sed 's/^/# /' "$dir/list"
	ok 'exact: list --host tells kernel and worker' grep -q 'web01 .*-cloud-amd64.* web01$' "$dir/list"
	ok 'exact: inspect finds the ring' commented ./logvisor inspect "xen:$domid"
	ok 'exact: trapped, as it says' grep -q ', trapped' "$dir/web01.log" || told
	ok 'exact: its site is found' find_site
	is 'exact: an SLDT stands there' "$(bytes)" 2e410f00c3
	ok 'exact: the domain is monitored' monitored
	ok 'exact: a record is caught at its birth' within 120 awake || told
	guest web01 'special; lab hello 0 500'
	ok 'exact: read in the guest' dump web01
	ok 'exact: equal' exact web01 "$dir/web01.kmsg"
	ok "exact: from the kernel's first record on" grep -q ' first 0 ' "$dir/exact"
	guest web01 "lab flood 2 ${LOGVISOR_LONG:+10}2000"
	ok 'exact: a flood is over' settled web01
	ok 'exact: read in the guest again' dump web01 || tail -c 600 "$dir/web01/console.log" | sed 's/^/# /'
	build/lab/kmsgcmp "$LOGVISOR_STORE/web01" "$dir/web01.kmsg" >"$dir/exact" 2>&1
	sed 's/^/# /' "$dir/exact"
	ok 'exact: nothing is there twice, nothing missing without a gap' grep -q ' twice 0 missing 0 ' "$dir/exact"
	./logvisor show --no-pager -o raw web01 | grep -aE ' logvisor - (gap|alert) ' | sed 's/^/# /'
	./logvisor show --no-pager -o raw web01 |
		sed -n 's/.* logvisor - gap .* count="\([0-9]*\)".*/\1/p' >"$dir/gaps"
	stored_n=$(./logvisor show --no-pager -o cat -g '^flood [01] [0-9]* ' web01 | wc -l)
	is 'exact: records and gaps are all of the flood' \
		$((stored_n + $(awk '{ n += $1 } END { print n + 0 }' "$dir/gaps"))) "$((2 * ${LOGVISOR_LONG:+10}2000))"
	ok 'exact: after the flood records are caught at their birth again' within 120 awake || told
	is 'exact: no alert but that of messages' "$(alerts)" 0
	finish
}

# What xl says of its progress has no line's end, and is told only when it fails.
quietly() {
	"$@" >"$dir/out" 2>&1 || { tr '\r' '\n' <"$dir/out" | sed 's/^/# /'; return 1; }
}

# Paused, renamed, rebooted, saved and restored, migrated, powered off: one worker, one ledger.
scene_life() {
	begin life --smp 1
	xl pause web01
	guest_s=$(date +%s)
	ok 'paused: two heartbeats come' within 30 sh -c "./logvisor show --no-pager -o raw -S '@$guest_s' web01 |
		grep -c ' logvisor - heartbeat ' | grep -qv '^[01]\$'"
	xl unpause web01
	ok 'unpaused: goes on' settled web01
	xl rename web01 other && xl rename other web01
	ok 'renamed and named again: goes on' settled web01
	guest web01 '(usleep 300000; echo last-words-one >/dev/kmsg; reboot -f) >/dev/null 2>&1 &'
	ok 'reboot: the guest is back' tests/lab/vm wait "$dir/web01" 2
	ok 'reboot: followed' within 60 following 2 || told
	ok 'reboot: its last words are stored' stored web01 '^last-words-one'
	ok "reboot: and its kernel's" stored web01 '^reboot: Restarting system'
	ok 'reboot: the new boot is stored' settled web01
	ok 'reboot: the old domain is gone' within 20 no_zombie || xl list | sed 's/^/# /'
	ok 'save: the domain is saved' quietly xl save web01 "$dir/saved"
	ok 'save: nothing of it stays' within 20 no_zombie || xl list | sed 's/^/# /'
	ok 'save: and restored' quietly xl restore "$dir/saved"
	rm -f "$dir/saved"
	ok 'restore: goes on in the same boot' within 60 settled web01 || told
	is 'restore: two boots so far' "$(./logvisor show --no-pager -o raw web01 | grep -c ' logvisor - boot ')" 2
	ok 'restore: nothing lost, nothing twice' build/lab/kmsgcmp "$LOGVISOR_STORE/web01"
	guest web01 'lab hello 0 50'
	ok 'migrate: the domain is migrated to this host' quietly xl migrate -s '' web01 'xl migrate-receive'
	ok 'migrate: nothing of it stays' within 20 no_zombie || xl list | sed 's/^/# /'
	ok 'migrate: goes on in the same boot' within 60 settled web01 || told
	is 'migrate: two boots so far' "$(./logvisor show --no-pager -o raw web01 | grep -c ' logvisor - boot ')" 2
	ok 'migrate: nothing lost, nothing twice' build/lab/kmsgcmp "$LOGVISOR_STORE/web01"
	guest web01 '(usleep 300000; echo last-words-two >/dev/kmsg; poweroff -f) >/dev/null 2>&1 &'
	ok 'shutdown: the worker ends by itself' within 60 ended "$worker" || told
	wait "$worker"
	is 'shutdown: exit status' $? 0
	ok 'shutdown: the last words are stored' stored web01 '^last-words-two'
	ok 'no gaps, no alerts but that of application logs' [ "$(./logvisor show --no-pager -o raw web01 |
		grep -aE ' logvisor - (gap|alert) ' | grep -vc 'no-source')" -eq 0 ]
	ok 'verify' ./logvisor verify web01
	told
	forget web01
	ok 'no zombie stays' within 20 no_zombie || xl list | sed 's/^/# /'
}

no_guardians() {
	! cat /proc/[0-9]*/stat 2>/dev/null | grep -q '(logvisor-\(guard\|second\))'
}
# Nothing is left in the domain, and it runs.
as_it_was() {
	[ "$(bytes)" = "$nop" ] && build/lab/xenmon free "$domid" >/dev/null
}

# Worker and guardians killed in a flood, the domain destroyed under them.
scene_death() {
	begin death --smp 2
	ok 'death: its site is found' find_site
	guest web01 'lab flood 1 100000000 >/dev/null 2>&1 &' >/dev/null
	round=0 healed=0
	while [ $((round += 1)) -le "${LOGVISOR_LONG:+10}5" ]; do
		within 60 planted || break
		# shellcheck disable=SC3028
		usleep $((${RANDOM:-0} * 20)) # at any moment within 655 ms
		build/lab/xenmon kill "$domid" "$(printf %x "$site")" "$worker" >>"$dir/healing"
		wait "$worker" 2>/dev/null
		within 30 no_guardians || break
		as_it_was || break
		healed=$((healed + 1))
		attach web01
		within 60 grep -q following "$dir/web01.log" || break
	done
	is 'death: healed each time, and attached again' "$healed" "${LOGVISOR_LONG:+10}5" || told
	sort -n "$dir/healing" | awk '{ us[NR] = $1 } END {
		printf "# death: healed after %d us (median of %d), %d at most\n", us[int((NR + 1) / 2)], NR, us[NR] }'
	within 60 planted
	kill -9 "$(guardian_of "$worker")"
	ok 'guardian killed: the worker ends' within 30 ended "$worker"
	wait "$worker"
	is 'guardian killed: and says so' "$?.$(grep -c 'guardian process' "$dir/web01.log")" 2.1 || told
	ok 'guardian killed: the second ends too' within 30 no_guardians
	ok 'guardian killed: nothing is left' as_it_was || { bytes; build/lab/xenmon free "$domid"; }
	attach web01
	ok 'all killed: attached before' within 60 planted
	kill -9 "$(child_of logvisor-second "$worker")" "$(guardian_of "$worker")" "$worker"
	wait "$worker" 2>/dev/null
	ok 'all killed: the trap stands there still' planted
	ok 'all killed: and the domain is monitored' monitored
	attach web01
	ok 'all killed: the next one heals and goes on' within 60 grep -q following "$dir/web01.log" || told
	guest web01 'kill %1; killall lab' >/dev/null 2>&1
	ok 'all killed: the guest runs on' settled web01
	build/lab/kmsgcmp "$LOGVISOR_STORE/web01" >"$dir/exact" 2>&1
	sed 's/^/# /' "$dir/exact"
	ok 'death: nothing is there twice, nothing missing without a gap' grep -q ' twice 0 missing 0 ' "$dir/exact"
	guest web01 'lab flood 1 100000000 >/dev/null 2>&1 &' >/dev/null
	xl destroy web01
	ok 'destroyed: the worker ends' within 30 ended "$worker"
	wait "$worker"
	ok 'destroyed: with 0, or 1 since records were lost' [ $? -le 1 ] || told
	ok 'destroyed: no zombie stays' within 20 no_zombie || xl list | sed 's/^/# /'
	ok 'destroyed: verify' ./logvisor verify web01
	forget web01
}

# Another program that monitors the domain, a guest that does what the trap does, bytes that are altered.
scene_abuse() {
	# 514: UMIP, with which Linux itself answers programs, and nothing is trapped
	ok 'abuse: a domain boots' start_vm web01 --smp 2 --append clearcpuid=514
	domid=$(xl domid web01)
	ok 'abuse: its site is found' find_site
	native=$(guest web01 'lab desc 1')
	echo "# native: $native"
	mkfifo "$dir/hold"
	build/lab/xenmon hold "$domid" <"$dir/hold" >"$dir/held" &
	exec 8>"$dir/hold"
	ok 'another monitors: it does' within 20 grep -q held "$dir/held"
	attach web01 8>&- # which would hold on to it
	ok 'another monitors: attached all the same' within 60 settled web01 || told
	ok 'another monitors: it is named' stored web01 'another program monitors domain'
	is 'another monitors: nothing is planted' "$(bytes)" "$nop"
	exec 8>&-
	ok 'another monitors: trapped when it is gone' within 60 planted || told
	ok 'abuse: a record is caught at its birth' within 120 awake || told
	is 'abuse: values are as before' "$(guest web01 'lab desc 20')" "$native"
	is 'abuse: and a million times' "$(guest web01 'lab desc 250000')" "$native"
	ok 'abuse: an alert tells of it' within 60 stored web01 'execute SLDT, STR, SGDT or SIDT' || told
	ok 'abuse: the guest is alive and its log kept' settled web01
	ok 'abuse: trapped again later' within 180 awake || told
	build/lab/xenmon poke "$domid" "$(printf %x "$site")" "$nop"
	ok 'restored: planted again' within 60 planted || told
	ok 'restored: and told' within 60 stored web01 'was overwritten with .*planted again' || told
	build/lab/xenmon poke "$domid" "$(printf %x "$site")" 2e2e2e2e90
	ok 'altered: told' within 60 stored web01 'was overwritten with .*polled until it is free' || told
	ok 'altered: the log is kept' settled web01
	build/lab/xenmon poke "$domid" "$(printf %x "$site")" "$nop"
	ok 'altered: planted when it is free' within 60 planted || told
	./logvisor show --no-pager -o raw web01 | grep -aE ' logvisor - (gap|alert) ' | sed 's/^/# /'
	detach_worker "$worker"
	is 'abuse: detached' $? 0 || told
	is 'abuse: the NOP stands there again' "$(bytes)" "$nop"
	ok 'abuse: nobody monitors the domain' build/lab/xenmon free "$domid"
	attach web01 --poll
	ok 'polled: on demand' within 60 grep -q ', polled' "$dir/web01.log" || told
	ok 'polled: the log is kept' settled web01
	is 'polled: nothing is planted' "$(bytes)" "$nop"
	scene=abuse
	finish
}

scene_refuse() {
	refused 'no such name' "no domain 'nobody'; 'logvisor list --host'" xen:nobody
	refused 'no such number' "no domain 4711; 'logvisor list --host'" xen:4711
	refused 'no such uuid' 'no domain 01234567-89ab' xen:01234567-89ab-cdef-0123-456789abcdef
	refused 'a number too large' "no domain '99999999999999999999'" xen:99999999999999999999
	refused 'nothing' 'a domain is wanted' xen:
	refused 'Domain 0' 'cannot be protected from itself' xen:0
	refused 'as nobody' 'cannot use /dev/xen/privcmd: .*attach as root' xen:web01 \
		/bin/setpriv --reuid 65534 --regid 65534 --clear-groups
	mv /dev/xen/privcmd /dev/xen/away
	refused 'no privcmd' 'there is no /dev/xen/privcmd: load the module xen-privcmd' xen:web01
	./logvisor doctor >"$dir/out" 2>&1
	is 'no privcmd: doctor' "$?.$(grep -c '^NO .*xen-privcmd' "$dir/out")" 1.1 || sed 's/^/# /' "$dir/out"
	mv /dev/xen/away /dev/xen/privcmd
	lib=/usr/lib/x86_64-linux-gnu/libxenctrl.so.$(cat xen-version)
	mv "$lib" "$lib.away"
	refused 'no library' "needs libxenctrl.so.[0-9.]*, which cannot be loaded .*libxenmisc" xen:web01
	mv "$lib.away" "$lib"
	odd="web 01;\$(reboot)"
	ok 'odd: a domain boots' start_vm web01
	xl rename web01 "$odd"
	./logvisor attach "other=xen:$odd" >"$dir/out" 2>&1 &
	worker=$!
	workers="$workers $worker"
	ok 'odd: is followed by its name' within 60 stored other 'Linux version' || sed 's/^/# /' "$dir/out"
	detach_worker $worker
	xl rename "$odd" web01
	forget web01
}
scenes "$@"
