# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# The kvm backend's own promises, in a nested host: what user space in the guest can do, what happens
# when the worker dies, when sites come and go, when somebody else writes to them, when the rings fill.
. tests/lab/e2e.sh
rounds=6 cycles=6 # kill -9; attach and detach
[ -z "${LOGVISOR_LONG-}" ] || rounds=100 cycles=100
suite=${LOGVISOR_LAB_SUITES:-bookworm}
suite=${suite%% *}

following() {
	grep -q 'following' "$dir/vm.log" 2>/dev/null
}

start_worker() {
	attach vm "$@"
	within 60 following
}

# Complaints of the guest's kernel, in the ledger: those of its boot stay the only ones. (A VM whose memory is
# swapped out stands still for seconds, on this emulated host, and takes that for a soft lockup.)
complaints() {
	./logvisor show --no-pager -o cat vm | grep -v 'soft lockup' |
		grep -cE 'WARNING:|BUG:|Oops|general protection|invalid opcode|ftrace bug'
}
sound() {
	[ "$(complaints)" -eq "$at_boot" ] && return
	./logvisor show --no-pager vm | grep -E 'WARNING:|BUG:|Oops|protection|opcode|ftrace bug' | tail -n 5
	return 1
}

# The guest $pid, and a worker that has stored all that it logged at its boot.
trap=0f1f000f08
begin() {
	ok 'a guest boots' start_vm vm --kernel "$suite" --smp 2 || return 1
	pid=$(cat "$dir/vm/pid")
	{ build/lab/poke "$pid" $trap; echo none; } >"$dir/before" # the same bytes elsewhere in the guest
	ok 'a worker attaches' start_worker
	ok 'what the guest logged before is stored' settled vm
	at_boot=$(complaints)
}
planted() { # the addresses of the sites
	build/lab/poke "$pid" $trap | grep -vxFf "$dir/before"
}

scene_discovery() {
	ok 'a guest boots' start_vm vm --kernel "$suite" --smp 2 || return
	# with a second VMM
	build/lab/tinyvmm idle >"$dir/tiny" &
	tiny=$!
	workers="$workers $tiny"
	within 20 grep -q idle "$dir/tiny"
	./logvisor list --host >"$dir/list"
	sed 's/^/# /' "$dir/list"
	ok 'list --host shows QEMU, its vCPUs, memory and guest kernel' \
		grep -Eq "^ *$(cat "$dir/vm/pid") +qemu-system-x86 +2 +256MiB +$(guest vm uname -r) +no" "$dir/list"
	ok 'and a VM of another VMM' grep -Eq "^ *$tiny +tinyvmm +1 +16MiB" "$dir/list"
	kill "$tiny"
	wait "$tiny" 2>/dev/null
	forget vm
}

refused() { # refused TEXT PATTERN TARGET
	timeout 600 ./logvisor attach other="$3" >"$dir/out" 2>&1
	is "$1: exit status" $? 2
	ok "$1: is said" grep -Eq "$2" "$dir/out"
	is "$1: in one line" "$(wc -l <"$dir/out")" 1
}
scene_refusals() {
	refused 'a process without a VM' 'process 1 has no KVM VM' kvm:1
	refused 'a process that does not exist' 'has no KVM VM' kvm:999999
	refused 'no process id' 'process id' kvm:web01
}

# The trap's instruction in the guest's user space.
field() { # field KEY: of the worker's /proc status
	awk -v k="$1:" '$1 == k { print $2 }' "/proc/$worker/status"
}
scene_forgery() {
	begin || return
	ok 'and traps, not only polls' sh -c "! grep polling $dir/vm.log"
	is 'the worker is nobody, with no capability, confined' \
		"$(field Uid) $(field CapPrm) $(field CapBnd) $(field NoNewPrivs) $(field Seccomp)" \
		"64000 0000000000000000 0000000000000000 1 2"
	ok 'list --host says by whom it is protected' sh -c './logvisor list --host | grep -q " vm$"'
	guest vm 'lab forge 20000 & lab hello 0 500; wait' >"$dir/forge"
	sed 's/^/# /' "$dir/forge"
	ok 'user space cannot even execute it' grep -q 'invd: 20000 faults of 20000' "$dir/forge"
	ok 'records of a guest that tries are stored' settled vm
	ok 'and are as the guest wrote them' build/lab/kmsgcmp "$LOGVISOR_STORE/vm"
	is 'all of them' "$(./logvisor show --no-pager -o cat -g '^Hello [0-9]* *[a-z]* world' vm | wc -l)" 500
	ok "nothing is forged" test -z "$(./logvisor show --no-pager -o cat -g forged vm)"
	forget vm
}

alert() { # alert REGEX: is there such an alert?
	./logvisor show --no-pager -o cat vm | grep -E 'alert' | grep -Eq "$1"
}
scene_guard() {
	begin || return
	sites=$(planted | tr '\n' ' ')
	is 'two sites are planted' "$(echo "$sites" | wc -w)" 2
	# shellcheck disable=SC2086
	build/lab/poke "$pid" 0f1f440000 $sites
	guest vm 'lab hello 1000 50' >/dev/null
	ok 'an alert says so' within 5 alert 'overwritten with 0f 1f 44 00 00.*planted again'
	is 'both are planted again' "$(planted | tr '\n' ' ')" "$sites"
	ok 'records made meanwhile are stored' settled vm
	ok 'none is missing' build/lab/kmsgcmp "$LOGVISOR_STORE/vm"
	# A jump to the next instruction: harmless, but not ours.
	# shellcheck disable=SC2086
	build/lab/poke "$pid" eb03909090 $sites
	ok 'another tracer on the site is said' within 5 alert 'eb 03 90 90 90 .*jump.*polled'
	guest vm 'lab hello 2000 50' >/dev/null
	ok 'records are taken from the ring meanwhile' settled vm
	ok 'none is missing' build/lab/kmsgcmp "$LOGVISOR_STORE/vm"
	# shellcheck disable=SC2086
	build/lab/poke "$pid" 0f1f440000 $sites
	ok 'once it is gone the sites are planted again' within 5 sh -c \
		"[ \$(build/lab/poke $pid $trap | grep -cvxFf $dir/before) = 2 ]"
	ok 'the guest is sound' sound
	forget vm
}

# The host takes pages away from under the VM: it swaps them out, and write-protects them.
swapped() {
	awk '$1 == "pswpout" { print $2 }' /proc/vmstat
}
scene_swap() {
	begin || return
	if [ -e /lab/suites ]; then # not on a machine that lives on
		insmod /lib/modules/brd.ko rd_nr=1 rd_size=524288
		mkswap /dev/ram0 >/dev/null && swapon /dev/ram0
	fi
	out=$(swapped)
	touch "$dir/moving"
	(
		while [ -e "$dir/moving" ]; do
			echo 4 >"/proc/$pid/clear_refs" # write-protects them all, anew each time
			build/lab/poke "$pid" out
			usleep 300000 # more often, and the guest does nothing but fault
		done
	) 2>/dev/null &
	moving=$!
	guest vm 'lab flood 2 1500' >/dev/null
	ok 'records made while the host moves pages are stored' settled vm
	rm "$dir/moving"
	wait $moving
	[ ! -e /lab/suites ] || ok "pages were swapped out: $(($(swapped) - out))" [ $(($(swapped) - out)) -gt 1000 ]
	dump vm
	ok 'and are as the guest has them' exact vm "$dir/vm.kmsg"
	./logvisor show --no-pager -o raw -g '^flood ' vm | sed -n 's/.*fid="\([a-z]*\)".*/\1/p' | sort | uniq -c |
		sed 's/^/# /'
	ok 'the guest is sound' sound
	forget vm
}

# Death of the worker, adoption.
scene_death() {
	begin || return
	guest vm 'i=0; while :; do echo "tick $i end" >/dev/kmsg; i=$((i+1)); usleep 3000; done >/dev/null 2>&1 &' \
		>/dev/null
	died=0
	for round in $(seq "$rounds"); do
		[ "$round" -gt 1 ] && ! start_worker && break
		kill -9 "$worker" && died=$((died + 1))
		wait "$worker" 2>/dev/null
		guest vm true || break
	done
	is 'workers killed, the guest never stalled' "$died" "$rounds"
	ok 'the next worker adopts the sites' start_worker
	ok 'and takes up the log' settled vm
	# The ring holds some 13 s of ticks: where a new worker takes longer to attach, what is overwritten is an exact gap.
	build/lab/kmsgcmp "$LOGVISOR_STORE/vm" >"$dir/all"
	sed 's/^/# /' "$dir/all"
	ok 'nothing twice, nothing missing' grep -q ' twice 0 missing 0 gap' "$dir/all"
	ok 'no gap but of what was overwritten meanwhile' sh -c "! ./logvisor show --no-pager -o raw vm |
		grep -a ' logvisor - gap ' | grep -v 'overwritten while capture was off'"
	./logvisor show --no-pager -o cat -g '^tick [0-9]* end' vm >"$dir/ticks"
	is 'every tick, in order, but as many as the gaps say' "$(awk -v gap="$(sed 's/.* gap \([0-9]*\).*/\1/' "$dir/all")" '
		$2 < due { print NR; exit }
		{ absent += $2 - due; due = $2 + 1 }
		END { if (absent > gap) print absent " absent, gaps of " gap }' "$dir/ticks")" ''
	ok 'the guest is sound' sound
	forget vm
}

# Sites come and go under fire (without the search in between: tests/kvm/replant.sh).
scene_fire() {
	begin || return
	detach_worker "$worker"
	ok 'the guest panics at the first warning from here on' panicky vm
	boot=$(boot_id vm)
	guest vm 'lab flood 2 1000000000 >/dev/null 2>&1 &' >/dev/null # without end
	gone=0 cycle=0
	while [ $((cycle += 1)) -le "$cycles" ]; do
		start_worker --on-full=gap || break
		kill -TERM "$worker"
		wait "$worker"
		[ $? -le 1 ] && gone=$((gone + 1))
	done
	is 'attached and detached while two vCPUs log' "$gone" "$cycles"
	ok 'the guest answers, and has logged until now' answers vm 'killall lab' || { forget vm; return; }
	ok 'the guest is sound' sound
	is 'and has not rebooted' "$(boot_id vm)" "$boot"
	ok 'verify' ./logvisor verify vm
	forget vm
}

scenes "$@"
