# shellcheck shell=sh
# SPDX-License-Identifier: BSD-3-Clause
# e2e.sh - for tests that run ./logvisor on lab virtual machines: source it from the tree's top.
# Everything lies in $dir, store included; VMs and workers end with the test.
. tests/tap.sh
dir=$(mktemp -d)
LOGVISOR_STORE=$dir/store
export LOGVISOR_STORE
workers='' vms=''

# shellcheck disable=SC2317
e2e_cleanup() {
	for e2e_pid in $workers; do
		! mine "$e2e_pid" || kill -9 "$e2e_pid" 2>/dev/null
	done
	for e2e_vm in $vms; do
		[ ! -d "$dir/$e2e_vm" ] || tests/lab/vm stop "$dir/$e2e_vm"
	done
	grep -q " $dir/[^ ]* tmpfs " /proc/mounts &&
		awk -v d="$dir/" 'index($2, d) == 1 { print $2 }' /proc/mounts | xargs -r umount -l
	rm -rf "$dir"
}
trap e2e_cleanup EXIT
trap 'exit 2' HUP INT TERM

# start_vm NAME [vm start's options]
start_vm() {
	e2e_vm=$1
	shift
	mkdir -p "$dir/$e2e_vm"
	vms="$vms $e2e_vm"
	tests/lab/vm start "$dir/$e2e_vm" "$@"
}

# forget NAME: the end of its worker, its VM, its ledger: the next scene may take the name.
forget() {
	[ -z "${worker-}" ] || ! mine "$worker" || { kill -9 "$worker" && wait "$worker"; } 2>/dev/null
	tests/lab/vm stop "$dir/$1"
	rm -rf "${LOGVISOR_STORE:?}/$1" "${dir:?}/$1" "$dir/$1".*
}

# guest NAME COMMAND: in the guest; its output and status.
guest() {
	e2e_vm=$1
	shift
	tests/lab/vm run "$dir/$e2e_vm" "$*"
}

# panicky NAME: no warning and no oops of the guest's kernel passes unseen, whatever is overwritten in its
# log: it panics and reboots, and has another boot_id.
panicky() {
	guest "$1" 'echo 1 >/proc/sys/kernel/panic_on_warn; echo 1 >/proc/sys/kernel/panic_on_oops'
}
boot_id() {
	guest "$1" cat /proc/sys/kernel/random/boot_id
}

# qmp NAME COMMAND [ARGUMENTS]: by QEMU's monitor, arguments in JSON; prints the answer.
qmp() {
	: >"$dir/qmp"
	{
		printf '{"execute":"qmp_capabilities"}{"execute":"%s","arguments":%s,"id":"asked"}' \
			"$2" "${3:-{\}}"
		within 60 grep -q '"id": "asked"' "$dir/qmp"
	} | socat -t 0.1 - "UNIX-CONNECT:$dir/$1/qmp" >"$dir/qmp"
	grep '"id": "asked"' "$dir/qmp" | grep '"return"'
}
# answers NAME [COMMAND]: does the guest? If not, two comments, a second apart, say where its vCPUs are and whether they run.
answers() {
	guest "$1" "${2-true}" && return
	for _ in 1 2; do
		sleep 1
		qmp "$1" human-monitor-command '{"command-line":"info registers -a"}' | sed 's/\\r\\n/\n/g' |
			sed -n 's/.*\(RIP=[^ ]* RFL=[^ ]*\).*\(HLT=.\).*/\1 \2/p' | tr '\n' ' ' | sed 's/^/# /'
		sed 's/.*) //' /proc/"$(cat "$dir/$1/pid")"/task/*/stat | cut -d' ' -f1,12,13 | tr '\n' ' '
		echo
	done
	false
}
# hmp NAME LINE: a line of QEMU's monitor for people; fails when it says anything.
hmp() {
	qmp "$1" human-monitor-command "{\"command-line\":\"$2\"}" >"$dir/hmp"
	grep -q '"return": ""' "$dir/hmp" || { sed 's/^/# /' "$dir/hmp"; false; }
}

# target NAME: how the VM is attached to. On KVM and Xen by their backends, else through its GDB stub.
target() {
	case ${LOGVISOR_LAB_ACCEL:-tcg} in
	kvm) echo "kvm:$(cat "$dir/$1/pid")${kvm_options-}" ;;
	xen) echo "xen:$1" ;;
	*) echo "gdb:$dir/$1/gdb" ;;
	esac
}

# attach NAME [attach's options]: start a worker for the VM; sets $worker, log in $dir/NAME.log.
attach() {
	attach_as "$1" "$@"
}
# attach_as LEDGER NAME [attach's options]: the same into the ledger of another name; log in
# $dir/LEDGER.log, emptied here and not by the child, so that who looks next finds nothing of the last worker's.
attach_as() {
	e2e_ledger=$1 e2e_vm=$2
	shift 2
	: >"$dir/$e2e_ledger.log"
	./logvisor attach "$@" "$e2e_ledger=$(target "$e2e_vm")" >>"$dir/$e2e_ledger.log" 2>&1 &
	worker=$!
	workers="$workers $worker"
}

# stored NAME REGEX: is there such a record in NAME's ledger?
stored() {
	[ -n "$(./logvisor show --no-pager -o cat -g "$2" "$1" 2>/dev/null | head -n 1)" ]
}

# settled NAME [LEDGER]: everything the guest has logged up to now is stored (waits 60 s).
settled_n=0
settled() {
	settled_n=$((settled_n + 1))
	guest "$1" "echo settled-$$-$settled_n- >/dev/kmsg" &&
		within 60 stored "${2-$1}" "settled-$$-$settled_n-"
}

ended() {
	! kill -0 "$1" 2>/dev/null
}

# child_of NAME [PARENT]: processes of that name, of that parent's; not by ps, for busybox's does not know the name of prctl(2).
child_of() {
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v n="($1)" -v w="${2-}" '$2 == n && (!w || $4 == w) { print $1 }'
}
# guardian_of [WORKER]; without one: all guardians.
guardian_of() {
	child_of logvisor-guard "${1-}"
}
# on_cpu PID...: how long they were on the CPU, in ns (schedstat(5)).
on_cpu() {
	for on_pid; do cat "/proc/$on_pid/schedstat"; done | awk '{ n += $1 } END { print n }'
}

# detach_worker PID: SIGTERM, wait, return its status.
detach_worker() {
	kill -TERM "$1" 2>/dev/null
	wait "$1"
}

# dump NAME [LEDGER]: what the guest's own reader sees, to $dir/NAME.kmsg; then all of it is in the ledger.
dump() {
	tests/lab/vm take -t 600 "$dir/$1" "$dir/$1.kmsg" 'lab kmsg' && settled "$1" "${2-$1}"
}

# commented COMMAND...: what it prints as comments, for doctor's lines look like results.
commented() {
	"$@" >"$dir/out" 2>&1
	set -- $?
	sed 's/^/# /' "$dir/out"
	return "$1"
}

# eventless NAME: no gaps and no alerts are in the ledger; shows those that are.
eventless() {
	./logvisor show --no-pager -o raw "$1" | grep -aE ' logvisor - (gap|alert) ' >"$dir/events"
	sed 's/^/# /' "$dir/events"
	[ ! -s "$dir/events" ]
}

# exact NAME DUMP: the ledger of NAME equals the guest's own reading, nothing missing, twice or lost.
exact() {
	build/lab/kmsgcmp "$LOGVISOR_STORE/$1" "$2" >"$dir/exact" 2>"$dir/exact.err"
	e2e_status=$?
	sed 's/^/# /' "$dir/exact" "$dir/exact.err"
	return $e2e_status
}

# emitted NAME PROCESSES THREADS COUNT BYTES [WAY...]: what `lab emit` sent is in the ledger of NAME, each message once, in
# the order of its sender, byte for byte, with that sender (but for WAYs).
emitted() {
	e2e_ledger=$LOGVISOR_STORE/$1
	shift
	build/lab/emitcmp "$e2e_ledger" "$@" >"$dir/emitted" 2>&1
	e2e_status=$?
	sed 's/^/# /' "$dir/emitted"
	return $e2e_status
}

# unwritten NAME PATTERN WANTED: are there WANTED different records whose text matches, or as many fewer as the
# guest's own kernel wrote none of? A vCPU whose host thread waits in the middle of a record keeps its block, and
# once the others have gone round the ring there is no room: vprintk_store() (5.10 to 7.2) tries it again
# with a shorter text that ends in "<truncated>", and each try without room leaves a number without text, which
# is a gap record of that reason. So of what is in $dir/unwritten two are one record, or one is one that is there.
unwritten() {
	./logvisor show --no-pager -o cat -g "$2" "$1" | sort -u >"$dir/matched"
	./logvisor show --no-pager -o raw "$1" |
		sed -n 's/.* logvisor - gap .* count="\([0-9]*\)" reason="no room for the text.*/\1/p' >"$dir/unwritten"
	awk -v wanted="$3" -v have="$(wc -l <"$dir/matched")" -v cut="$(grep -c '<truncated>$' "$dir/matched")" '
		{ none += $1 }
		END {
			printf "# %d of %d, %d cut by the kernel; numbers it had no room for: %d\n", have, wanted, cut, none
			exit !(have <= wanted && 2 * (wanted - have) + cut <= none)
		}' "$dir/unwritten"
}
# unwritten_apart NAME: the gaps and alerts of NAME that are no such number, and that nothing followed late.
unwritten_apart() {
	./logvisor show --no-pager -o raw "$1" | grep -aE ' logvisor - (gap|alert) ' |
		grep -v -e 'reason="no room for the text' -e 'follows if it is'
}
