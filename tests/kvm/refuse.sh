# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# Every refusal of the kvm backend, in a nested host: one message that says what is wrong and what to do,
# exit status 2, and `logvisor doctor` says it beforehand where it is the host's fault.
. tests/lab/e2e.sh

setpriv=/bin/setpriv # not busybox's
kernels=build/lab/kernels
[ -e /lab/suites ] || kernels=${LOGVISOR_LAB_CACHE:-$kernels}

# refused WHAT MESSAGE PID [PREFIX...]: attaching to the VM of process PID, run through PREFIX
refused() {
	what=$1 message=$2 target=$3
	shift 3
	"$@" timeout 600 ./logvisor attach "other=kvm:$target" >"$dir/out" 2>&1
	is "$what: exit status" $? 2
	ok "$what: is said, with what to do" grep -Eq "$message" "$dir/out" || sed 's/^/# /' "$dir/out"
	is "$what: in one line" "$(grep -Ec "$message" "$dir/out")" 1
}
# doctor WHAT LINE [PREFIX...]
doctor() {
	what=$1 line=$2
	shift 2
	"$@" ./logvisor doctor >"$dir/out" 2>&1
	is "$what: doctor's exit status" $? 1
	ok "$what: doctor has a line" grep -Eq "^NO   $line" "$dir/out" || sed 's/^/# /' "$dir/out"
}
without_btf() {
	unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' sh "$@"
}

ok 'a guest boots' start_vm vm || exit 1
pid=$(cat "$dir/vm/pid")
ok 'doctor finds nothing' commented ./logvisor doctor

# ---- the host ----
refused 'no BTF' 'has no BTF .*CONFIG_DEBUG_INFO_BTF, or the gdb backend' "$pid" without_btf
doctor 'no BTF' 'BTF .*CONFIG_DEBUG_INFO_BTF' without_btf
refused 'no BPF' 'does not permit this BPF program.*use the gdb backend' "$pid" build/lab/nobpf
doctor 'no BPF' 'VM discovery .*does not permit' build/lab/nobpf
for cap in kill sys_ptrace sys_admin perfmon bpf setuid setgid setpcap chown; do
	name=CAP_$(echo $cap | tr a-z A-Z)
	set -- $setpriv --bounding-set "-$cap" --inh-caps "-$cap"
	refused "without $name" "capabilities are missing: $name \\([^)]*\\); run as root" "$pid" "$@"
	doctor "without $name" "privilege .*$name \\(" "$@"
done
refused 'as nobody' 'capabilities are missing: CAP_KILL.*run as root' "$pid" \
	$setpriv --reuid 65534 --regid 65534 --clear-groups

# ---- the VM ----
refused 'a process without a VM' "process 1 has no KVM VM; 'logvisor list --host'" 1
refused 'a process that does not exist' "has no KVM VM; 'logvisor list --host'" 999999
refused 'no process id' "a process id is wanted; 'logvisor list --host'" web01
# A VM with more memory slots than an iterator can tell in one step keeps no other from being listed.
build/lab/tinyvmm slots 600 >"$dir/crowded" &
crowded=$!
ok 'a VM with 600 memory slots' within 20 grep -q slots "$dir/crowded"
refused 'too many memory slots' 'the VM has more than 64 memory slots' "$crowded"
ok 'the VMs of the host are listed' sh -c "./logvisor list --host >'$dir/out' 2>&1"
ok 'that one, and why it cannot be followed' grep -q "^ *$crowded .*more than 64 memory slots" "$dir/out"
ok 'and the other' grep -q "^ *$pid  *qemu" "$dir/out" || sed 's/^/# /' "$dir/out"
kill "$crowded"
wait "$crowded"
# Not refused: its hypercalls are Hyper-V's, but the trap is none.
ok 'a VM with Hyper-V enlightenments boots' start_vm hyperv --cpu host,hv-relaxed,hv-vapic,hv-time
attach hyperv
ok 'Hyper-V: a worker attaches' within 60 grep -q following "$dir/hyperv.log"
guest hyperv 'lab hello 0 50' >/dev/null
ok 'Hyper-V: the guest logs' settled hyperv
ok 'Hyper-V: its records are copied in the trap' sh -c \
	'./logvisor show --no-pager -o raw -g "^Hello 49th" hyperv | grep -q "fid=\"live\""'
ok 'Hyper-V: nothing missing, nothing twice' build/lab/kmsgcmp "$LOGVISOR_STORE/hyperv"
detach_worker "$worker"
tests/lab/vm stop "$dir/hyperv"
mkdir -p "$dir/i386"
vms="$vms i386"
tests/lab/vm start "$dir/i386" --kernel "$kernels/bookworm-686" --no-wait --append panic=0
ok 'a VM with a 32-bit kernel starts' kill -0 "$(cat "$dir/i386/pid")"
ok 'its kernel runs' within 60 grep -q . "$dir/i386/console.log"
refused 'a 32-bit guest' '32-bit system, .*only x86-64 kernels' "$(cat "$dir/i386/pid")"
tests/lab/vm stop "$dir/i386"

# ---- the host again, for good: not on a machine that lives on ----
if [ ! -e /lab/suites ]; then
	skip 'lockdown, no kvm module' 'only in a nested host'
	done_testing
	exit
fi
echo confidentiality >/sys/kernel/security/lockdown
refused 'lockdown' 'locked down \(confidentiality\).*lockdown=integrity, or use the gdb backend' "$pid"
doctor 'lockdown' 'lockdown .*confidentiality'
tests/lab/vm stop "$dir/vm"
rmmod kvm_amd kvm
rm -f /dev/kvm
mknod /dev/kvm c 10 232
doctor 'a /dev/kvm without KVM' 'KVM .*/dev/kvm: .*load kvm_amd or kvm_intel'
doctor 'no kvm module' 'BTF .*kvm module is not loaded'
done_testing
