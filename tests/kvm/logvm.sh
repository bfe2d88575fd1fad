# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# shellcheck disable=SC2154
# The host's half of tests/kvm/logvm_test: a monitored VM and the log VM beside each other on one KVM, and vsock between
# host and log VM, which has no other way in or out. Then a mirror at the host itself, by vsock too.
set -u
# shellcheck source=tests/lab/e2e.sh
. tests/lab/e2e.sh
# shellcheck source=tests/lab/logvm.sh
. tests/lab/logvm.sh
chmod 755 "$dir"
trap 'logvm_cleanup; e2e_cleanup' EXIT

prepare() {
	for m in vhost_iotlb vhost vsock vmw_vsock_virtio_transport_common vhost_vsock vsock_loopback; do
		[ ! -e $m.ko ] || [ -d "/sys/module/$m" ] || insmod $m.ko || return
	done
	logvm_unpack
}

scene_vsock() {
	ok 'a host with vhost-vsock' prepare || return
	ok 'there is the device' test -c /dev/vhost-vsock || return
	ok 'a VM boots' start_vm web01 --smp 2 || return
	attach web01
	ok 'a ledger begins' settled web01
	ok 'the worker ends' detach_worker "$worker"
	logvm_config vm
	./logvisor mirror add web01 --config "$dir/vm/config" --vkey "$LOGVISOR_STORE/web01/vkey" >"$dir/said"
	ok 'the log VM runs on the same KVM' logvm_start vm || return
	is 'by KVM and vsock' "$(grep -c 'reached by vsock$' "$dir/vm/err") $url" '1 vsock://3:7007' ||
		sed 's/^/# /' "$dir/vm/err"
	attach web01 --mirror "$url" --mirror-client "$dir/vm/config/clients/web01"
	ok 'a worker follows again' settled web01
	guest web01 'lab hello 0 1000'
	ok 'the guest floods, all is captured' settled web01
	ok 'all of it is cosigned by the log VM' within 60 logvm_caught_up || ./logvisor list | sed 's/^/# /'
	ok 'the worker ends' detach_worker "$worker" || sed 's/^/# /' "$dir/web01.log"
	ok 'the log VM has what the host has' logvm_same
	logvm_as_client verify web01 --mirror "$url" >"$dir/verify"
	is 'and says so' $? 0
	sed 's/^/# /' "$dir/verify"
	kill -TERM "$logvm"
	wait "$logvm"
	is 'the log VM stops when told' $? 0
	./logvisor mirror run --config "$dir/vm/config" --store "$dir/kept" --listen vsock://:7008 >"$dir/out" 2>&1 &
	logvms="$logvms $!"
	ok 'a mirror runs at the host' within 120 grep -q '^ready' "$dir/out" || sed 's/^/# /' "$dir/out"
	url=vsock://1:7008
	logvm_as_client push web01 --mirror "$url" >"$dir/push" 2>&1
	is 'by vsock it cosigns' $? 0 || sed 's/^/# /' "$dir/push"
	ok 'and has what the host has' logvm_same
	forget web01
}
scenes "$@"
