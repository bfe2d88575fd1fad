# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# What happens to a VM in its life, through the kvm backend in a nested host: it is paused, also in the
# middle of a flood; its snapshots are taken and restored, with and without traps in them; it moves to
# another QEMU; another kernel takes over without a reset; it panics. (Reboot, reset and power-off:
# tests/e2e/reboot_test.) Each time: no record twice, none lost without a word, no complaint of the
# guest's kernel, and the VM runs on.
. tests/lab/e2e.sh
# Holds the kernel as /boot/vmlinuz and an initramfs for it as /boot/initrd.
initrd=${LOGVISOR_LAB_KEXEC:-kexec.initrd}

trapped() { # trapped NAME: a record logged now comes by the trap
	guest "$1" 'echo is-it-trapped >/dev/kmsg' && settled "$1" &&
		./logvisor show --no-pager -o raw -g '^is-it-trapped' "$1" | tail -n 1 | grep -q 'fid="live"'
}
following() { # following NAME N: for the Nth time under this worker
	[ "$(grep -c following "$dir/$1.log" 2>/dev/null || :)" -ge "$2" ] 2>/dev/null
}
count() { # count NAME REGEX: records whose text matches
	./logvisor show --no-pager -o cat -g "$2" "$1" | wc -l
}
meta() { # meta NAME KIND: Logvisor's own records of that kind
	./logvisor show --no-pager -o raw "$1" | grep -c " logvisor - $2 "
}
sound() { # the guest's kernel complains of nothing
	./logvisor show --no-pager -o cat "$1" >"$dir/all"
	# On the emulated SVM each boot warns of the size of the CPU's extended state; a VM that stood still
	# for long takes that for a soft lockup.
	! grep -E 'WARNING:|BUG:|Oops|general protection|invalid opcode|ftrace bug' "$dir/all" |
		grep -Ev 'fpu__init_system_xstate|soft lockup'
}
whole() { # whole NAME: the ledger is what the guest's own reader sees, nothing missing, twice or lost
	dump "$1" "${2-$1}" && exact "${2-$1}" "$dir/$1.kmsg"
}
begin() { # a guest, and a worker that follows it
	ok 'a guest boots' start_vm a --smp 2 || return 1
	attach a
	ok 'a worker attaches' within 60 following a 1
}

scene_pause() {
	begin || return
	ok 'pause' qmp a stop
	ok 'the worker ends while the VM is paused' detach_worker "$worker"
	attach a
	ok 'the next attaches to the paused VM' within 60 following a 1
	ok 'resume' qmp a cont
	ok 'the guest logs' settled a
	ok 'nothing missing, nothing twice' build/lab/kmsgcmp "$LOGVISOR_STORE/a"

	guest a 'lab flood 2 5000 >/dev/null 2>&1 &' >/dev/null
	pauses=0
	for _ in 1 2 3 4 5; do
		within 60 stored a "^flood 0 $((pauses * 100)) " && qmp a stop >/dev/null && qmp a cont >/dev/null &&
			pauses=$((pauses + 1))
	done
	is 'paused and resumed during a flood' $pauses 5
	ok 'the flood goes on to its end' within 90 stored a '^flood 0 4999 '
	ok 'the other half too' within 90 stored a '^flood 1 4999 '
	is 'its records are there once' "$(count a '^flood ')" 10000
	ok 'nothing missing, nothing twice' build/lab/kmsgcmp "$LOGVISOR_STORE/a"
	forget a
}

job() { # job COMMAND ARGUMENTS: with the job-id "job", to its end
	qmp a "$1" "$2" >/dev/null && within 60 concluded && qmp a job-dismiss '{"id":"job"}' >/dev/null
}
concluded() {
	qmp a query-jobs | grep -q '"status": "concluded"'
}
scene_snapshots() {
	begin || return
	image=$dir/snapshots
	: >"$image"
	qmp a blockdev-add "{\"driver\":\"file\",\"filename\":\"$image\",\"node-name\":\"file\"}" >/dev/null
	job blockdev-create '{"job-id":"job","options":{"driver":"qcow2","file":"file","size":1048576}}'
	qmp a blockdev-add '{"driver":"qcow2","file":"file","node-name":"disk"}' >/dev/null

	guest a 'echo before-the-snapshot >/dev/kmsg'
	ok 'a snapshot is taken of a VM with traps' hmp a 'savevm trapped'
	guest a 'echo forgotten-by-the-guest >/dev/kmsg'
	ok 'the guest logs on' settled a
	alerts=$(meta a alert)
	ok 'it is restored' hmp a 'loadvm trapped'
	guest a 'echo after-the-snapshot >/dev/kmsg'
	ok 'the guest logs' settled a
	is 'what it logged before is there once' "$(count a '^before-the-snapshot')" 1
	is 'what it forgot is there' "$(count a '^forgotten-by-the-guest')" 1
	is 'what it logged since is there once' "$(count a '^after-the-snapshot')" 1
	ok 'an alert says that the log went back' [ "$(meta a alert)" -gt "$alerts" ]
	ok 'the worker ends' detach_worker "$worker"

	ok 'a snapshot is taken of a VM without' hmp a 'savevm plain'
	attach a
	ok 'a worker attaches' within 60 following a 1
	ok 'it is restored under the worker' hmp a 'loadvm plain'
	ok 'the guest logs' settled a
	guest a 'lab hello 0 200' >/dev/null
	ok 'and more' settled a
	is 'each once' "$(count a '^Hello [0-9]*')" 200
	ok 'by traps that are planted again' within 60 trapped a
	ok 'the worker ends' detach_worker "$worker"

	ok 'the one with traps is restored without a worker' hmp a 'loadvm trapped'
	ok 'the guest runs on over traps of nobody' guest a 'lab hello 1000 200'
	attach a
	ok 'a worker attaches' within 60 following a 1
	ok 'and finds the records' settled a
	is 'each once' "$(count a '^Hello 1[0-9][0-9][0-9]')" 200
	ok 'as the guest has them' whole a
	ok 'the guest is sound' sound a
	forget a
}

# To another QEMU.
migrated() {
	qmp a query-migrate | grep -q '"status": "completed"'
}
running() {
	qmp b query-status | grep -q '"running": true'
}
scene_migration() {
	begin || return
	# Until it is told to stop: a reader of /dev/kmsg comes to no end while something writes as fast as it reads.
	tick='echo "tick $i end" >/dev/kmsg; i=$((i+1)); usleep 3000'
	guest a "(i=0; until [ -e /tmp/stop ]; do $tick; done; touch /tmp/stopped) >/dev/null 2>&1 &" >/dev/null
	within 30 stored a '^tick 20 '
	qmp a migrate "{\"uri\":\"exec:cat >$dir/state\"}" >/dev/null
	ok 'the VM is migrated away' within 120 migrated
	qmp a quit >/dev/null
	ok 'its worker ends with it' within 30 ended "$worker"
	wait "$worker"
	is 'and well' $? 0 || {
		sed 's/^/# /' "$dir/a.log"
		eventless a
	}
	ok 'it arrives' start_vm b --smp 2 --no-wait -- -incoming "exec:cat $dir/state"
	ok 'it runs' within 120 running
	ok 'the guest answers' answers b
	attach_as a b
	ok 'a worker attaches' within 60 following a 1
	ok 'and goes on where the ledger stopped' grep -q 'where the ledger stopped' "$dir/a.log"
	guest b 'touch /tmp/stop; until [ -e /tmp/stopped ]; do usleep 10000; done; echo settled-b >/dev/kmsg'
	ok 'what the guest logs is stored' within 60 stored a '^settled-b'
	./logvisor show --no-pager -o cat -g '^tick [0-9]* end' a >"$dir/ticks"
	is 'every tick, in order' "$(awk '$2 != NR - 1 { print NR; exit }' "$dir/ticks")" ''
	ok 'as the guest has them' whole b a
	ok 'the guest is sound' sound a
	ok 'the worker ends' detach_worker "$worker"
	ok 'verify' ./logvisor verify a
	tests/lab/vm stop "$dir/b"
	forget a
}

# Another kernel, without a reset; a panic.
scene_kexec() {
	ok 'a guest with a kernel to jump into boots' start_vm k --smp 2 --mem 512 --initrd "$initrd" \
		--append panic=1 || return
	attach k
	ok 'a worker attaches' within 60 following k 1
	jump="lab kexec /boot/vmlinuz /boot/initrd 'console=ttyS0 quiet panic=1'"
	guest k "(usleep 300000; echo last-words >/dev/kmsg; $jump) >/dev/null 2>&1 &"
	ok 'kexec: the guest is back' tests/lab/vm wait "$dir/k" 2
	ok 'kexec: followed' within 60 following k 2
	ok 'kexec: the new kernel logs' settled k
	ok 'kexec: the last words of the old one are stored' stored k '^last-words'
	ok "kexec: and its kernel's" stored k 'Starting new kernel'
	is 'kexec: the first line of each' "$(count k '^Linux version')" 2
	ok 'kexec: as the guest has it' whole k
	guest k '(usleep 300000; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &'
	ok 'panic: the guest is back' tests/lab/vm wait "$dir/k" 3
	ok 'panic: followed' within 60 following k 3
	ok 'panic: the new kernel logs' settled k
	ok 'panic: its first line is stored' stored k '^Kernel panic - not syncing: sysrq'
	ok 'panic: and its last' stored k '^Rebooting in 1 seconds'
	ok 'panic: as the guest has it now' whole k
	is 'three boots' "$(meta k boot)" 3
	ok 'no gaps, no alerts' eventless k
	ok 'the worker ends' detach_worker "$worker"
	ok 'verify' ./logvisor verify k
	forget k
}

scenes "$@"
