# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# Another tracer on the site, in a nested host: the guest's own ftrace and kprobes, there before the
# worker, gone again, and started over the worker's trap.
. tests/lab/e2e.sh
t=/sys/kernel/tracing

said() { # said REGEX: by Logvisor itself, in the ledger
	./logvisor show --no-pager -o cat vm | grep -Eq "$1"
}
live() { # live REGEX: such a record was copied in the trap
	./logvisor show --no-pager -o raw -g "$1" vm | grep -q 'fid="live"'
}
# A record of its own each time, until one is live: which is proof that the trap works.
works() {
	n=$((n + 1))
	guest vm "echo works-$n- >/dev/kmsg" && within 2 stored vm "^works-$n-" && live "^works-$n-"
}
n=0
hello() { # hello FIRST: a hundred records, each there once
	hellos=$((hellos + 100))
	guest vm "lab hello $1 100" && settled vm &&
		[ "$(./logvisor show --no-pager -o cat -g '^Hello [0-9]*' vm | wc -l)" = $hellos ]
}

# owned NAME SET CLEAR: the tracer NAME has the site when the worker comes, and goes.
owned() {
	ok "$1: starts" guest vm "$2"
	attach vm
	ok "$1: the worker says which bytes it found" within 60 grep -Eq 'alert: .*(e8|cc) .*ftrace|kprobe' "$dir/vm.log"
	ok "$1: and that it polls" within 60 grep -q 'polling' "$dir/vm.log"
	ok "$1: an alert is in the ledger" within 10 said "guest's code at 0x[0-9a-f]* is .*(ftrace|kprobe)"
	ok "$1: a hundred records, each once" hello $4
	ok "$1: nothing missing, nothing twice" build/lab/kmsgcmp "$LOGVISOR_STORE/vm"
	ok "$1: goes" guest vm "$3"
	ok "$1: the worker says that it plants" within 20 grep -q 'can be trapped now' "$dir/vm.log"
	ok "$1: and traps" within 20 works
	ok "$1: nothing missing, nothing twice" build/lab/kmsgcmp "$LOGVISOR_STORE/vm"
	ok "$1: the worker ends" detach_worker "$worker"
	ok "$1: the guest complains of nothing" sound
}
sound() {
	./logvisor show --no-pager -o cat vm >"$dir/all"
	! grep -E 'WARNING:|BUG:|Oops|general protection|invalid opcode|ftrace bug' "$dir/all" |
		grep -v fpu__init_system_xstate
}

begin() {
	hellos=0
	ok 'a guest boots' start_vm vm --smp 2 && guest vm "mount -t tracefs tracefs $t"
}
scene_ftrace() {
	begin || return
	owned ftrace "echo prb_final_commit >$t/set_ftrace_filter && echo function >$t/current_tracer" \
		"echo nop >$t/current_tracer && echo >$t/set_ftrace_filter" 0
	forget vm
}
scene_kprobe() {
	begin || return
	owned kprobe "echo 'p:lv prb_final_commit' >$t/kprobe_events && echo 1 >$t/events/kprobes/lv/enable" \
		"echo 0 >$t/events/kprobes/lv/enable && echo >$t/kprobe_events" 0
	forget vm
}

# Started over the trap: the guest's ftrace finds bytes that it does not know.
scene_over() {
	begin || return
	attach vm
	ok 'a worker attaches' within 60 grep -q following "$dir/vm.log"
	ok 'and traps' within 20 works
	guest vm "echo prb_final_commit >$t/set_ftrace_filter && echo function >$t/current_tracer" >"$dir/out" 2>&1
	echo "# the guest says: $(tail -n 1 "$dir/out")"
	ok 'the guest answers' answers vm
	ok "the guest's ftrace complains, and that is stored" within 20 stored vm 'ftrace bug'
	ok 'a hundred records, each once' hello 0
	ok 'the trap still works' within 20 works
	ok 'nothing missing, nothing twice' build/lab/kmsgcmp "$LOGVISOR_STORE/vm"
	ok 'no oops' sh -c "./logvisor show --no-pager -o cat vm | grep -Ec 'BUG:|Oops|general protection' | grep -qx 0"
	./logvisor show --no-pager -o cat vm | grep -aA6 'ftrace bug' | head -n 8 | sed 's/^/# /'
	ok 'the worker ends' detach_worker "$worker"
	ok 'verify' ./logvisor verify vm
	forget vm
}

scenes "$@"
