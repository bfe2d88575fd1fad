# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# Many VMs on one host, in a nested host: more than the kernel lets programs hang on one function; what
# the death of one VM's processes is to the others; two versions of Logvisor side by side; and that
# nothing is left of any of it.
. tests/lab/e2e.sh
many=${1:-40}

kvm_users() { # of the kvm module: VMs, kvm_amd, and every BPF program for its functions
	awk '$1 == "kvm" { print $3 }' /proc/modules
}
gate_is() { # gate_is N: so many VMs are protected
	./logvisor doctor >"$dir/doctor"
	grep -q "^ok   trap .*; $1 VMs\{0,1\} protected" "$dir/doctor" && return
	sed -n 's/^/# /; /  trap/p' "$dir/doctor"
	return 1
}
attached() {
	grep -q ': attached:' "$dir/w$1.log" 2>/dev/null
}
dead() { # dead PID...
	for dead_pid; do ! grep -q '^State:.[^ZX]' "/proc/$dead_pid/status" 2>/dev/null || return 1; done
}
# tiny N: a VM without a kernel, pid in $tiny.
tiny() {
	build/lab/tinyvmm idle >"$dir/tiny$1.out" &
	tiny=$!
	workers="$workers $tiny"
	echo "$tiny" >"$dir/tiny$1.pid"
}
# watch N [PROGRAM]: a worker for it, pid in $dir/wN.pid.
watch() {
	rm -f "$dir/w$1.log"
	"${2:-./logvisor}" attach "w$1=kvm:$(cat "$dir/tiny$1.pid"),ring=64" >"$dir/w$1.log" 2>&1 &
	workers="$workers $!"
	echo $! >"$dir/w$1.pid"
}
listed() { # how many VMs are protected according to list --host
	./logvisor list --host | grep -c 'tinyvmm .* w[0-9]'
}
pid_of() {
	cat "$dir/w$1.pid"
}

# ---- many ----
before=$(kvm_users)
i=0
while [ $((i += 1)) -le "$many" ]; do tiny $i; done
i=0
while [ $((i += 1)) -le "$many" ]; do within 20 grep -q idle "$dir/tiny$i.out"; done
vms_only=$(kvm_users)
i=0 on=0
while [ $((i += 1)) -le "$many" ]; do
	watch $i
	# Some at a time, as at a host's boot; all at once would be a test of its memory.
	[ $((i % 4)) -ne 0 ] || within 60 attached $((i - 3))
done
i=0
while [ $((i += 1)) -le "$many" ]; do within 60 attached $i && on=$((on + 1)); done
is 'VMs protected at once, more than the 38 programs that one function can have' "$on" "$many"
ok 'doctor counts them' gate_is "$many"
is 'list --host says of each by whom' "$(listed)" "$many"

# ---- a second worker for the same VM ----
timeout 600 ./logvisor attach again="kvm:$(cat "$dir/tiny1.pid")" >"$dir/out" 2>&1
is 'a second worker for a VM: exit status' $? 2
ok 'is refused' grep -q 'protects this VM already' "$dir/out"

# ---- deaths ----
killed=''
for i in 1 2 3 4 5; do killed="$killed $(pid_of $i)"; done
guards=''
for i in 1 2 3 4 5 6; do guards="$guards $(guardian_of "$(pid_of $i)")"; done
# shellcheck disable=SC2086
set -- $guards
is 'each worker has a guardian' $# 6
kill -9 "$(pid_of 1)" "$(pid_of 2)" # the guardians clear up
within 10 dead "$1" "$2"
ok 'workers killed: their VMs are taken out' gate_is $((many - 2))
kill -9 "$(pid_of 3)" "$3" "$4" "$(pid_of 4)" # nobody does
within 10 dead "$(pid_of 3)" "$3" "$4" "$(pid_of 4)"
ok 'workers and guardians killed: they do not count' gate_is $((many - 4))
kill -9 "$6"
wait "$(pid_of 6)"
is 'guardian killed: its worker ends, and says so' "$? $(grep -c 'guardian process ended' "$dir/w6.log")" '2 1'
kill -9 "$5"; kill -9 "$(pid_of 5)"
within 10 dead "$5" "$(pid_of 5)"
ok 'the others are untouched' gate_is $((many - 6))
is 'list --host tells them from the rest' "$(listed)" $((many - 6))
back=0
for i in 1 2 3 4 5 6; do
	watch $i
	within 60 attached $i && back=$((back + 1))
done
is 'their VMs are protected again' "$back" 6
ok 'and counted' gate_is "$many"

# ---- another version ----
# Made by share_test; on this machine's own KVM here. (busybox's sed ends a line at a NUL.)
other=./logvisor-other
if [ ! -x $other ]; then
	other=$dir/other
	LC_ALL=C sed 's/_gate[0-9]/_gate9/g' logvisor >"$other"
	chmod +x "$other"
fi
kill -TERM "$(pid_of 7)"
wait "$(pid_of 7)"
watch 7 "$other"
within 60 attached 7
ok 'a VM of another version is protected beside them' gate_is $((many - 1))
is 'list --host names it too' "$(./logvisor list --host | grep -c "^ *$(cat "$dir/tiny7.pid") .* w7")" 1

# ---- nothing is left ----
i=0
all=$(guardian_of)
while [ $((i += 1)) -le "$many" ]; do all="$all $(pid_of $i)"; done
# shellcheck disable=SC2086
kill -9 $all
gone() {
	[ "$(kvm_users)" -eq "$vms_only" ]
}
ok 'all killed: no program is left' within 20 gone
ok 'doctor finds no VM protected' gate_is 0
i=0
while [ $((i += 1)) -le "$many" ]; do kill -9 "$(cat "$dir/tiny$i.pid")"; done
free() {
	[ "$(kvm_users)" -eq "$before" ]
}
ok 'nor any hold on the kvm module' within 20 free
done_testing
