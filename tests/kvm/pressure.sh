# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# More records than can be taken away, in a nested host: two vCPUs flood while the worker is stopped most
# of the time and its rings are the smallest there are. Holding the VM nothing is lost; never holding
# it what is missing is counted exactly. A second VM notices nothing of it.
. tests/lab/e2e.sh
count=4000 # records of each of the two vCPUs
[ -z "${LOGVISOR_LONG-}" ] || count=100000
kvm_options=',ring=64'

# Until the file $dir/enough exists the worker runs 0.1 s of each 0.4.
slow_down() {
	while [ ! -e "$dir/enough" ]; do
		kill -STOP "$1" 2>/dev/null || break
		sleep 0.3
		kill -CONT "$1" 2>/dev/null || break
		sleep 0.1
	done
	kill -CONT "$1" 2>/dev/null
}

flood() { # flood NAME: with the worker slowed down
	rm -f "$dir/enough"
	slow_down "$worker" &
	slow=$!
	guest "$1" "lab flood 2 $count"
	touch "$dir/enough"
	wait "$slow"
}

# The VM, and another with its worker.
begin() {
	ok 'a guest boots' start_vm vm --smp 2 || return 1
	ok 'and another' start_vm other --smp 1 || return 1
	attach other
	quiet=$worker
	within 60 grep -q following "$dir/other.log"
}
end() {
	ok 'the other VM was followed all the while' settled other
	ok 'and has lost nothing' build/lab/kmsgcmp "$LOGVISOR_STORE/other"
	detach_worker "$quiet"
	forget other
	forget vm
}

scene_hold() {
	begin || return
	attach vm --max-hold=10m # whatever slows the worker down beside this
	ok 'a worker attaches' within 60 grep -q following "$dir/vm.log"
	ok 'two vCPUs flood' flood vm
	ok 'all of it is stored' settled vm
	ok 'nothing missing, nothing twice, no gap' build/lab/kmsgcmp "$LOGVISOR_STORE/vm"
	./logvisor show --no-pager -o cat -g '^flood ' vm >"$dir/flood"
	for thread in 0 1; do
		is "thread $thread's records, each once, in order" \
			"$(awk -v t=$thread '$2 == t && $3 == n { n++ } $2 == t { all++ } END { print n, all }' \
				"$dir/flood")" "$count $count"
	done
	detach_worker "$worker"
	# ---- a worker that stands still: the hold is bounded ----
	attach vm
	ok 'a worker that holds for a while attaches' within 60 grep -q following "$dir/vm.log"
	kill -STOP "$worker"
	ok 'with the worker stopped for good, the guest is held for a while only' \
		guest vm 'lab flood 2 500'
	kill -CONT "$worker"
	ok 'it takes up the log' settled vm
	ok 'what the guest still held is there' build/lab/kmsgcmp "$LOGVISOR_STORE/vm"
	detach_worker "$worker"
	end
}

scene_gap() {
	begin || return
	attach vm --on-full=gap
	ok 'a worker that never holds the VM attaches' within 60 grep -q following "$dir/vm.log"
	ok 'two vCPUs flood' flood vm
	ok 'the end of it is stored' settled vm
	detach_worker "$worker"
	./logvisor verify vm >"$dir/verify"
	sed 's/^/# /' "$dir/verify"
	# "ledger N first A last B twice T missing M gap G ...": G must be what lacks between A and B.
	build/lab/kmsgcmp "$LOGVISOR_STORE/vm" >"$dir/exact" 2>&1
	sed 's/^/# /' "$dir/exact"
	is 'what is missing is exactly what gap records count' \
		"$(awk '/^ledger/ { print $6 - $4 + 1 - $2 - $12 - $14 }' "$dir/exact")" 0
	ok 'nothing is there twice' grep -q ' twice 0 ' "$dir/exact"
	end
}

scenes "$@"
