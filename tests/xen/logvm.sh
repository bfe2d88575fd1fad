# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# shellcheck disable=SC2154
# Domain 0's half of tests/xen/logvm_test: a monitored domain and the log domain beside each other. The log domain has a
# disk and a console, no network device, and is reached by vchans that it grants to Domain 0.
set -u
# shellcheck source=tests/lab/e2e.sh
. tests/lab/e2e.sh
# shellcheck source=tests/lab/logvm.sh
. tests/lab/logvm.sh
chmod 755 "$dir"
trap 'logvm_cleanup; e2e_cleanup' EXIT

prepare() {
	insmod ./loop.ko || return
	insmod ./xen-blkback.ko || return
	logvm_unpack && mkdir -p /etc/xen/scripts || return
	# What Debian's script of that name does for a block device.
	cat >/etc/xen/scripts/block <<-'S'
		#!/bin/sh
		[ "$1" = add ] || exit 0
		xenstore-write "$XENBUS_PATH/physical-device" \
			"$(stat -L -c %t:%T "$(xenstore-read "$XENBUS_PATH/params")")"
		xenstore-write "$XENBUS_PATH/hotplug-status" connected
	S
	chmod 755 /etc/xen/scripts/block
}
# The emulated SVM wants guests off Domain 0's processor (tests/lab/xenhost.sh).
more() {
	printf 'cpus = "all,^0"\ntsc_mode = "native"\n' >"$dir/vm/xl.more"
}
domain() {
	xl list | awk '$1 ~ /^logvm-/ { print $1 }'
}
tell() {
	./logvisor list | sed 's/^/# /'
	tail -n 5 "$dir/web01.log" "$dir/vm/err" | sed 's/^/# /'
	tail -n 20 "/var/log/xen/guest-$(domain).log" | sed 's/^/# /'
}

scene_vchan() {
	ok 'a Domain 0 with block devices' prepare || return
	ok 'a domain boots' start_vm web01 --smp 2 || return
	attach web01
	ok 'a ledger begins' settled web01
	ok 'the worker ends' detach_worker "$worker"
	logvm_config vm
	more
	./logvisor mirror add web01 --config "$dir/vm/config" --vkey "$LOGVISOR_STORE/web01/vkey" >"$dir/said"
	: >"$dir/vm/console"
	ok 'the log domain runs' logvm_start vm || { tell; xl dmesg | tail -n 5 | sed 's/^/# /'; return; }
	ok 'by vchan' grep -q 'reached by vchan$' "$dir/vm/err" || tell
	name=$(domain)
	is 'it has no network device' "$(xl network-list "$name" | wc -l)" 1
	out=$(./logvisor logvm run --image build/logvm "$dir/vm" 2>&1)
	is 'not twice' "$? $(echo "$out" | grep -c 'runs from it already')" '2 1'
	attach web01 --mirror "$url" --mirror-client "$dir/vm/config/clients/web01"
	ok 'a worker follows again' settled web01
	guest web01 'lab hello 0 1000'
	ok 'the guest logs, all is captured' settled web01
	ok 'all of it is cosigned by the log domain' within 60 logvm_caught_up || tell
	xl destroy "$name"
	ok 'the log domain dies, and that is told' within 60 ended "$logvm"
	guest web01 'lab hello 1000 100'
	ok 'capture goes on' settled web01
	detach_worker "$worker"
	ok 'the log domain starts again' logvm_start vm || tell
	logvm_as_client push web01 --mirror "$url" >"$dir/push" 2>&1
	is 'the rest is cosigned' $? 0 || sed 's/^/# /' "$dir/push"
	ok 'the log domain has what the host has' logvm_same
	logvm_as_client verify web01 --mirror "$url" >"$dir/verify"
	is 'and verify says so' $? 0
	sed 's/^/# /' "$dir/verify"
	kill -TERM "$logvm"
	wait "$logvm"
	is 'the log domain stops when told' $? 0 || tell
	is 'and is gone' "$(domain)" ''
	forget web01
}
scenes "$@"
