#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Capture through a GDB stub: records per second for each kernel of the matrix, with one vCPU and with two
# that flood, beside what bounds it; then what attaching and a record cost: bench/gdb.sh [RECORDS [SUITE...]]
#
# The guest (stock Debian kernels under QEMU's emulation) writes to /dev/kmsg as fast as it can:
#   alone      RECORDS lines, nobody attached
#   stops      a quarter as many, the VM being stopped at the doorbell and let go on, nothing else
#   strict     as many again, attached with --strict: each record is copied while the VM is held
#   captured   RECORDS lines, attached as usual: as --strict until it counts as a flood
# Time is the host's, from the command to the guest until its answer; the guest's own clock stands still
# while it is stopped. Stops per second move with whatever else the machine does, and so does "strict",
# whose own part is therefore its ratio to them.
set -u
cd "$(dirname "$0")/.." || exit 2
records=${1:-${BENCH_GDB_RECORDS:-20000}}
shift
suites=${*:-${LOGVISOR_LAB_SUITES:-bullseye bookworm trixie sid}}
make -s all lab tools || exit 2
. tests/lab/e2e.sh

us() {
	echo $((${EPOCHREALTIME/./}))
}

# flood VM THREADS COUNT: records a second, COUNT in all.
flood() {
	local t
	t=$(us)
	guest "$1" "lab flood $2 $(($3 / $2))" >"$dir/flood.out" || { cat "$dir/flood.out" >&2; return 2; }
	echo $(($3 * 1000000 / ($(us) - t)))
}

cpu_us() { # of process $1, all threads
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000000 / hz) }' "/proc/$1/stat"
}

total_lost() { # less what followed late
	./logvisor list -o json | sed -n "s/^{\"name\":\"$1\",.*\"lost\":\([0-9]*\),.*/\1/p"
}

# RssAnon + RssFile + RssShmem in KiB: what the kernel counts exactly, unlike VmRSS.
rss() {
	awk '/^Rss(Anon|File|Shmem):/ { n += $2 } END { print n }' "/proc/$1/status"
}

# stops VM THREADS COUNT: stops a second during a flood.
stops() {
	local t n
	: >"$dir/stops"
	build/tool/stops "$(target "$1")" >"$dir/stops" &
	local tool=$!
	workers="$workers $tool"
	within 30 grep -q ready "$dir/stops" || return 2
	t=$(us)
	flood "$1" "$2" "$3" >/dev/null || return 2
	t=$(($(us) - t))
	kill "$tool"
	wait "$tool" || return 2
	n=$(tail -n 1 "$dir/stops")
	echo $((n * 1000000 / t))
}

attached() { # VM [OPTION...]: until it captures
	attach "$@"
	within 30 stored "$1" flood && settled "$1" || { cat "$dir/$1.log" >&2; return 2; }
}

one() { # SUITE VCPUS
	local vm=$1-$2 alone bare strict captured lost cpu
	start_vm "$vm" --kernel "$1" --mem 2048 --smp "$2" || return 2
	flood "$vm" "$2" "$records" >/dev/null || return 2 # the translator warms up
	alone=$(flood "$vm" "$2" "$records") || return 2
	bare=$(stops "$vm" "$2" $((records / 4))) || return 2
	attach_us=$(us)
	attach "$vm" --strict
	within 30 stored "$vm" flood || return 2
	attach_us=$(($(us) - attach_us))
	settled "$vm" || return 2
	lost=$(total_lost "$vm") # what the ring had lost before
	strict=$(flood "$vm" "$2" $((records / 4))) || return 2
	settled "$vm" && detach_worker "$worker" || return 2
	attached "$vm" || return 2
	cpu=$(cpu_us "$worker")
	captured=$(flood "$vm" "$2" "$records") || return 2
	settled "$vm" || return 2
	cpu=$((($(cpu_us "$worker") - cpu) * 10 / records))
	resident=$(rss "$worker")
	detach_worker "$worker" || return 2
	lost=$(($(total_lost "$vm") - lost))
	build/lab/kmsgcmp "$LOGVISOR_STORE/$vm" >"$dir/cmp" 2>&1 || { cat "$dir/cmp" >&2; return 2; }
	tests/lab/vm stop "$dir/$vm"
	figure "captured through the GDB stub, $1, $2 vCPU, records/s" high "$captured" "$alone" \
		"nobody attached" 1500 -
	figure "attach until the first record, $1, $2 vCPU, ms" low "$((attach_us / 1000))" - - - -
	figure "memory of the worker after a flood, $1, $2 vCPU, MiB" low \
		"$(awk -v k="$resident" 'BEGIN { print k / 1024 }')" - - 8 -
	printf '%-10s %5d %9d %9d %9d %6s %10d %6d %8s %8s %7d\n' "$1" "$2" "$alone" "$bare" "$strict" \
		"$((strict * 100 / bare)) %" "$captured" "$lost" "$((cpu / 10)).$((cpu % 10))" \
		"$((attach_us / 1000))" "$resident"
}

. bench/table.sh
printf '%d records; rates in a second\n\n' "$records"
printf '%-10s %5s %9s %9s %9s %6s %10s %6s %8s %8s %7s\n' kernel vCPUs alone stops strict ratio captured \
	lost 'us CPU' 'attach' 'RSS'
printf '%-10s %5s %9s %9s %9s %6s %10s %6s %8s %8s %7s\n' '' '' '' '' '' '' '' '' 'a record' ms KiB
for suite in $suites; do
	for vcpus in 1 2; do
		one "$suite" "$vcpus" || exit 2
	done
done
