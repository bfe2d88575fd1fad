# shellcheck shell=sh
# shellcheck disable=SC2154
# SPDX-License-Identifier: BSD-3-Clause
# host.sh - the machine of a nested host: what is in it, the emulator and its arguments, a snapshot of it
# booted. Sourced by tests/lab/nested, which sets $top, $work, $host, $guests, $boot, $debian, $cpus, $mem,
# $icount.
#
# A snapshot is taken where tests/lab/nested-init waits for a scene: KVM is loaded, the guests of $boot are at
# their prompts. Two files: state, and ram, which a scene's machine maps for itself, so that it runs in about
# a second and nothing is copied but what it writes to. Snapshots lie beside the kernels in the lab's cache, one
# for each different machine, half a GB each; those that nobody has used for a day are removed.

# Put an executable into directory $2 of the root $root, and its libraries where the loader looks.
add() {
	mkdir -p "$root/$2"
	cp -L "$1" "$root/$2/"
	ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r lib; do
		[ -e "$root$lib" ] || { mkdir -p "$root$(dirname "$lib")" && cp -L "$lib" "$root$lib"; }
	done
}

# module NAME [optional]: into the nested host, with a fixed name and uncompressed.
module() {
	f=$(find "$kernel_dir/" -name "$1.ko*" | head -n 1)
	case $f in
	*.ko) cp "$f" "$root/lib/modules/" ;;
	*.ko.xz) xz -dc "$f" >"$root/lib/modules/$1.ko" ;;
	*) [ -n "${2-}" ] || die "$host has no module $1" ;;
	esac
}

# Sets $emulator, $accel, $cpu for what was asked, $kernel_dir, and $guest_dirs.
host_machine() {
	vmm=$(command -v qemu-system-x86_64) || die "qemu-system-x86_64 is missing"
	busybox=$(command -v busybox) || die "busybox is missing"
	accel="tcg,thread=multi" cpu=max emulator=$vmm
	if [ -n "$icount" ]; then
		accel="tcg,thread=single"
		cpus=1 cpu=max,-erms
	elif [ "$cpus" -gt 1 ]; then
		emulator=$top/tests/lab/emulator
		"$emulator" || exit 2 # fetched before the time runs
	fi
	kernel_dir=$("$top/tests/lab/kernel" "$host") || die "no kernel of $host"
	boot_kernel=$kernel_dir/vmlinuz boot_module='' host_init=tests/lab/nested-init
	boot_args="console=ttyS0 quiet loglevel=5 panic=-1 mitigations=off random.trust_cpu=on no_timer_check"
	guest_dirs=''
	for g in $guests; do
		case $g in
		*:*) gdir=$("$top/tests/lab/kernel" --flavour "${g#*:}" "${g%:*}") ;;
		*) gdir=$("$top/tests/lab/kernel" "$g") ;;
		esac || die "no kernel of $g"
		guest_dirs="$guest_dirs $gdir"
	done
	programs=''
	for program in flock stat tail socat setpriv; do programs="$programs $(command -v $program)"; done
	# what of this tree is in the host before a scene arrives
	parts="tests/lab/vm tests/lab/packed.sh tests/lab/kernel tests/lab/apt.sh build/lab/say build/lab/initramfs"
	[ -z "$debian" ] || parts="$parts tests/lab/debian"
	[ -z "$debian" ] || debian_dir=$("$top/tests/lab/debian" image "$debian") || die "no machine of Debian $debian"
}

# What runs guests: QEMU and KVM.
host_vmm() {
	mkdir -p "$root/usr/share/qemu"
	add "$vmm" usr/bin
	cp -L /usr/share/seabios/bios-256k.bin /usr/share/qemu/kvmvapic.bin /usr/share/qemu/linuxboot_dma.bin \
		"$root/usr/share/qemu/"
	module kvm
	module kvm-amd
	module brd
	module irqbypass optional
	module ccp optional
}

# The initramfs of the nested host, $1: everything that a guest needs to boot in it.
host_root() {
	root=$work/root
	mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/out" "$root/etc" \
		"$root/usr/lib/modules" "$root/usr/lib64" "$root/lab/build/lab/kernels"
	ln -s usr/lib "$root/lib"
	ln -s usr/lib64 "$root/lib64"
	cp "$busybox" "$root/bin/busybox"
	ln -s busybox "$root/bin/sh"
	for program in $programs; do add "$program" bin; done
	"${xen:+xen}host_vmm"
	module virtio_blk
	for m in virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci; do
		module $m optional
	done
	for gdir in $guest_dirs; do
		to=$root/lab/build/lab/kernels/$(basename "$gdir")
		mkdir -p "$to"
		cp "$gdir/vmlinuz" "$gdir/release" "$to/"
	done
	if [ -n "$debian" ]; then
		to=$root/lab/build/lab/kernels/debian-$debian
		mkdir "$to"
		cp "$debian_dir/initrd" "$to/"
		qemu-img convert -f raw -O qcow2 "$debian_dir/disk" "$to/disk.qcow2"
	fi
	for f in $parts; do install -D "$top/$f" "$root/lab/$f"; done
	echo "$guests" >"$root/lab/suites"
	printf '%s\n' "$boot" >"$root/lab/booted"
	printf 'root:x:0:0:root:/:/bin/sh\nlogvisor:x:64000:64000::/:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\nlogvisor:x:64000:\n' >"$root/etc/group"
	cp "$top/$host_init" "$root/init"
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$1"
	rm -rf "$root"
}

# A name for all that a snapshot depends on.
host_key() {
	{
		echo "$host $guests / $boot / $cpus $mem $accel $cpu"
		"$emulator" --version
		{ for program in "$vmm" $programs; do ldd "$program"; done; } | grep -o '/[^ ]*' | sort -u |
			xargs stat -L -c '%n %s %Y'
		cd "$top" && cat "$vmm" $parts "$host_init" tests/lab/host.sh tests/lab/xenhost.sh
		for d in "$kernel_dir" $guest_dirs $xen_dir; do cat "$d/package"; done
		[ -z "$debian" ] || cat "$debian_dir/key"
	} 2>&1 | sha256sum | cut -c1-16
}

# host_start INITRD [QEMU'S ARGUMENT...]: the machine, with its channels in $work/run; sets $qemu. $payload is
# the disk that it finds a scene on.
host_start() {
	run=$work/run initrd=$1
	shift
	rm -rf "$run"
	mkdir "$run"
	mkfifo "$run/go.in" "$run/go.out"
	exec 7<>"$run/go.in"
	: >"$run/report"
	: >"$run/console"
	[ -z "$icount" ] || set -- -icount shift=0,sleep=off "$@"
	"$emulator" -nodefaults -no-user-config -display none -no-reboot -accel "$accel" -cpu "$cpu" \
		-smp "$cpus" -m "$mem" -kernel "$boot_kernel" -initrd "$boot_module$initrd" -append "$boot_args" \
		-serial "file:$run/console" -serial "file:$run/report" -serial "file:$run/out.tar" \
		-chardev "pipe,id=go,path=$run/go" -serial chardev:go \
		-drive "if=virtio,format=raw,readonly=on,file=$payload" \
		-monitor "unix:$run/monitor,server=on,wait=off" "$@" </dev/null >"$run/qemu.log" 2>&1 7>&- 8>&- &
	qemu=$!
}
# host_restore: the same from $snapshot.
host_restore() {
	host_start "$snapshot/initrd" \
		-object "memory-backend-file,id=ram,size=${mem}M,mem-path=$snapshot/ram,share=off" \
		-machine memory-backend=ram -incoming defer
	monitor 'migrate_set_capability x-ignore-shared on' "migrate_incoming \"exec:cat $snapshot/state\""
}
host_stop() {
	[ -n "$qemu" ] || return 0
	kill -9 "$qemu" 2>/dev/null || :
	wait "$qemu" 2>/dev/null || :
	qemu=''
}
host_ended() {
	! kill -0 "$qemu" 2>/dev/null
}

# Nothing runs in the host any more, not even the loop that says so every two seconds; or one of its CPUs stays in
# a guest for ever: its watchdog says so, and nothing is reported for a minute. A test that hangs in a host that
# lives is none of both. Nor does one hang that is not let run: what it waited for a processor does not count.
host_hangs() {
	size=$(stat -c %s "$run/report") beats=$(grep -ac '^nested: alive' "$run/console" || :)
	ran=$((now - $(host_waited)))
	[ "$size" = "$was_size" ] || told=$ran
	[ "$beats" = "$was_beats" ] || beat=$ran
	was_size=$size was_beats=$beats
	silence=90 # longer while it boots, and where its clock counts instructions
	if [ "$beats" -eq 0 ] || [ -n "$icount" ]; then silence=300; fi
	[ $((ran - beat)) -ge $silence ] ||
		{ [ $((ran - told)) -ge 60 ] && grep -aq 'soft lockup - CPU#.*qemu-system' "$run/console"; }
}

# For how many seconds the machine's threads stood and waited for one of our processors: the one that waited longest
# (sched-stats.rst, /proc/PID/schedstat: time on the processor, time waiting for it).
host_waited() {
	cat "/proc/$qemu/task"/*/schedstat 2>/dev/null | awk '$2 > most { most = $2 } END { printf "%d\n", most / 1e9 }'
}

# host_wait SECONDS COMMAND: until COMMAND succeeds; what the machine waited for a processor on a busy one does not
# count, but no more than three times SECONDS go by. Fails with 1 when it has not by then, 2 when the host ended
# before, 3 when it hung; then $why says so.
#
# Meanwhile it holds out a life line. In QEMU (read in 7.2 and 10.0) VMRUN notes a virtual interrupt without the
# lock under which devices note theirs in the same word (helper_vmrun() in svm_helper.c: interrupt_request |=
# CPU_INTERRUPT_VIRQ, no atomic operation), so that now and then one of the two is lost. Nothing repeats a lost
# timer interrupt: Linux set the timer for once, and the CPU sleeps, or stays in its guest, for ever. But any other
# interrupt lets the local APIC look at all that wait. A byte at ttyS3, which tests/lab/nested-init throws away,
# brings one. With --icount timers run in the CPU's own thread, so nothing is lost, and nothing is to disturb it.
# shellcheck disable=SC2034
host_wait() {
	limit_s=$1
	shift
	started=$(date +%s)
	was_size='' was_beats=''
	until "$@"; do
		now=$(date +%s)
		if host_ended; then why='ended without a result' && return 2; fi
		if host_hangs; then why=hung && return 3; fi
		if [ $((now - started)) -ge "$limit_s" ]; then
			waited=$(host_waited)
			if [ $((now - started - waited)) -ge "$limit_s" ] || [ $((now - started)) -ge $((limit_s * 3)) ]; then
				why="did not come to an end in $limit_s s, and $waited s in which it waited for a processor"
				return 1
			fi
		fi
		[ -n "$icount" ] || [ "${LOGVISOR_LAB_LIFE_LINE-}" = no ] || echo >&7
		sleep 0.4
	done
}

# monitor LINE...: to the machine's monitor; returns when it has answered all of them, or ended. Fails after a minute.
monitor() {
	tries=0
	while [ $((tries += 1)) -le 20 ] && ! host_ended; do
		: >"$run/answer"
		{
			printf '%s\n' "$@"
			left=1200 # of them, when it listens; else socat has ended at once
			until [ "$(grep -o '(qemu)' "$run/answer" | wc -l)" -gt $# ] || host_ended; do
				sleep 0.05
				left=$((left - 1))
				[ $left -gt 0 ] && ! grep -q ' E connect' "$run/answer" || break
			done
		} | socat -t 0.1 - "UNIX-CONNECT:$run/monitor" >"$run/answer" 2>&1 || :
		# it makes its socket before it listens
		grep -q ' E connect' "$run/answer" || return 0
		sleep 0.3
	done
}

# The machine has booted up to where it waits for a scene.
host_booted() {
	grep -aq '^nested: booted' "$run/console"
}

# Sets $snapshot to a directory with initrd, ram and state of the machine booted; makes it when there is none.
# Fails as host_wait does when the host did not boot in $1 seconds. (QEMU 7.2 does not load the state of a machine
# one of whose CPUs is in a guest: cpu_post_load() in target/i386/machine.c. Hence guests are stopped meanwhile.)
host_snapshot() {
	hosts=${LOGVISOR_LAB_CACHE:-$top/build/lab/kernels}/hosts
	mkdir -p "$hosts"
	snapshot=$hosts/$(host_key)
	exec 8>"$snapshot.lock"
	flock 8
	if [ ! -e "$snapshot/state" ]; then
		find "$hosts" -mindepth 1 -maxdepth 1 -mtime +0 -exec rm -rf {} +
		rm -rf "$snapshot.new"
		mkdir "$snapshot.new"
		host_root "$snapshot.new/initrd"
		host_start "$snapshot.new/initrd" \
			-object "memory-backend-file,id=ram,size=${mem}M,mem-path=$snapshot.new/ram,share=on" \
			-machine memory-backend=ram
		host_wait "$1" host_booted || return
		monitor 'migrate_set_capability x-ignore-shared on' "migrate \"exec:cat >$snapshot.new/state.new\"" quit
		host_stop
		[ -s "$snapshot.new/state.new" ] || { cat "$run/answer" >&2; return 2; }
		mv "$snapshot.new/state.new" "$snapshot.new/state"
		rm -rf "$snapshot"
		mv "$snapshot.new" "$snapshot"
	fi
	touch "$snapshot"
	exec 8>&-
}
