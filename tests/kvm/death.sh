# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# Worker and guardian killed while they hold the VM, in every order, in a nested host: the VM runs on. A
# second VM that floods all the while loses nothing.
. tests/lab/e2e.sh
count=${1:-3000} # records of the other VM's flood

state() { # state PID...: are all their threads in a state of these letters?
	awk -v s="$2" '/^State:/ && index(s, $2) == 0 { bad = 1 } END { exit bad }' "/proc/$1/status"
}
stopped() {
	state "$(cat "$dir/vm/pid")" T
}
runs() {
	state "$(cat "$dir/vm/pid")" RSD
}
# A worker that will hold the VM for long, and holds it.
hold() {
	kvm_options=',ring=64'
	attach vm --max-hold=120s --channels=kernel
	kvm_options=''
	within 60 grep -q following "$dir/vm.log" || return 1
	guardian=$(guardian_of "$worker")
	kill -STOP "$worker"
	guest vm 'lab flood 2 500 >/dev/null 2>&1 &' >/dev/null &
	within 60 stopped
}
goes_on() {
	within 20 runs && answers vm
}

ok 'a guest boots' start_vm vm --smp 2 || exit 1
ok 'and another' start_vm other --smp 1 || exit 1
attach other
quiet=$worker
within 60 grep -q following "$dir/other.log"
guest other "lab flood 1 $count" >"$dir/flood" &
flood=$!

ok 'the VM is held' hold
kill -9 "$guardian"
ok 'guardian killed: the VM runs on' goes_on
kill -CONT "$worker"
wait "$worker"
is 'and its worker ends' $? 2
ok 'saying that two traps stay' grep -q '2 traps could not be taken out' "$dir/vm.log"

ok 'the VM is held' hold
kill -9 "$worker"
ok 'worker killed: the VM runs on' goes_on

ok 'the VM is held' hold
kill -9 "$worker" "$guardian"
ok 'both killed: the VM runs on' goes_on

ok 'the VM is held' hold
kill -9 "$guardian" "$worker"
ok 'in the other order too' goes_on

attach vm
ok 'a worker takes up the log' settled vm
build/lab/kmsgcmp "$LOGVISOR_STORE/vm" >"$dir/exact" 2>&1
sed 's/^/# /' "$dir/exact"
ok 'nothing is there twice' grep -q ' twice 0 ' "$dir/exact"
detach_worker "$worker"
is 'and takes them out' "$(grep -c 'could not be taken out' "$dir/vm.log")" 0

wait "$flood"
ok 'the other VM was followed all the while' settled other
ok 'and has lost nothing' build/lab/kmsgcmp "$LOGVISOR_STORE/other"
detach_worker "$quiet"
done_testing
