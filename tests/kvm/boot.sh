# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# The nested lab itself: a guest of every kernel given boots under KVM and answers.
. tests/tap.sh
vm=tests/lab/vm
ok "the nested host $(uname -r) has /dev/kvm" [ -c /dev/kvm ]
for dir in build/lab/kernels/*/; do
	release=$(cat "$dir/release")
	mkdir -p /run/vm
	if ! ok "guest $release boots under KVM" $vm start /run/vm --kernel "$dir"; then
		tail -n 20 /run/vm/console.log
		continue
	fi
	is "guest $release answers" "$($vm run /run/vm uname -r)" "$release"
	ok "guest $release finds itself on KVM" \
		$vm run /run/vm 'dmesg | grep -q "Hypervisor detected: KVM"'
	$vm stop /run/vm
done
done_testing
