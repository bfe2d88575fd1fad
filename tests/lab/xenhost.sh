# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# SPDX-License-Identifier: BSD-3-Clause
# xenhost.sh - a nested host that is Xen: what differs from tests/lab/host.sh, which is sourced before. tests/lab/nested
# --xen SUITE has it.
#
# QEMU boots the hypervisor by multiboot, without a boot loader, and gives it Domain 0's kernel and initramfs as modules.
# Xen's console is the first serial port, and Domain 0's is Xen's. Domain 0 has the first processor for itself and
# guests the others: where they share one, the emulated SVM has Domain 0 wait for tens of milliseconds. Domain 0
# is a Debian kernel of the generic flavour, which has the drivers that the cloud flavour leaves out, with tests/lab/dom0-init.

host_machine() {
	vmm=$(command -v qemu-system-x86_64) || die "qemu-system-x86_64 is missing"
	busybox=$(command -v busybox) || die "busybox is missing"
	accel="tcg,thread=multi" cpu=max,-smap emulator=$vmm
	if [ -n "$icount" ]; then
		accel="tcg,thread=single" cpus=1
	elif [ "$cpus" -lt 2 ]; then
		cpus=2
	fi
	xen_dir=$("$top/tests/lab/xenroot" "$xen") || die "no Xen of $xen"
	kernel_dir=$("$top/tests/lab/kernel" --flavour amd64 "$host") || die "no kernel of $host"
	boot_kernel=$xen_dir/xen host_init=tests/lab/dom0-init
	boot_module="$kernel_dir/vmlinuz console=hvc0 quiet loglevel=5 panic=-1 random.trust_cpu=on,"
	boot_args="console=com1 com1=115200,8n1 dom0_mem=1G,max:1G dom0_max_vcpus=1 dom0_vcpus_pin noreboot"
	guest_dirs=''
	for g in $guests; do
		gdir=$("$top/tests/lab/kernel" "$g") || die "no kernel of $g"
		guest_dirs="$guest_dirs $gdir"
	done
	programs=''
	for program in flock stat tail setpriv; do programs="$programs $(command -v $program)"; done
	parts="tests/lab/vm tests/lab/xenvm tests/lab/packed.sh tests/lab/kernel tests/lab/apt.sh build/lab/say build/lab/initramfs"
}

# What runs guests: Xen's tools, with the libraries of their own suite before this system's.
xenhost_vmm() {
	cp -a "$xen_dir/root/." "$root/"
	mkdir -p "$root/var/lib/xenstored" "$root/var/lib/xen" "$root/var/log/xen" "$root/run/xen" "$root/etc/xen"
	ln -s ../run "$root/var/run"
	: >"$root/etc/xen/xl.conf"
	cp "$xen_dir/version" "$root/lab/xen-version"
	for m in xen-evtchn xen-privcmd xen-gntdev xen-gntalloc xenfs; do module $m; done
}

# The scene brings no library that Domain 0 has: its own may be newer.
xen_scene() {
	(cd "$xen_dir/root/usr" && find lib lib64 -name '*.so*') | while read -r lib; do rm -f "$root/$lib"; done
}
