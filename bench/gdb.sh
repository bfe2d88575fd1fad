#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Capture through a GDB stub: how long attaching takes, records per second, what that costs the guest and
# the host: bench/gdb.sh [RECORDS]
#
# The guest (stock Debian 6.1 under QEMU's emulation, 2 GiB) writes RECORDS lines to /dev/kmsg as fast as
# it can, without a worker and with one; each line then stops the VM once. Time is the host's, from the
# command to the guest until its answer; the guest's own clock stands still while it is stopped.
set -u
cd "$(dirname "$0")/.." || exit 2
records=${1:-${BENCH_GDB_RECORDS:-20000}}
make -s all lab || exit 2
. tests/lab/e2e.sh

us() {
	echo $((${EPOCHREALTIME/./}))
}

# flood: microseconds that RECORDS lines take in the guest.
flood() {
	local t
	t=$(us)
	guest vm "lab flood 1 $records" >"$dir/flood.out" || { cat "$dir/flood.out" >&2; return 2; }
	echo $(($(us) - t))
}

cpu_us() { # of process $1, all threads
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000000 / hz) }' "/proc/$1/stat"
}

gaps() {
	./logvisor show --no-pager -o json vm | grep -c '"gap"'
}

start_vm vm --mem 2048 --smp 1 || exit 2
flood >/dev/null || exit 2 # the translator warms up
plain=$(flood) || exit 2
t=$(us)
attach vm
within 30 stored vm 'flood 0' || { cat "$dir/vm.log" >&2; exit 2; }
attached=$(($(us) - t))
settled vm || exit 2
gaps=$(gaps) # what the ring had lost before
cpu=$(cpu_us "$worker")
trapped=$(flood) || exit 2
cpu=$(($(cpu_us "$worker") - cpu))
settled vm || exit 2
rss=$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$worker/status")
peak=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$worker/status")
detach_worker "$worker" || exit 2
after=$(flood) || exit 2
build/lab/kmsgcmp "$LOGVISOR_STORE/vm" >"$dir/cmp" 2>&1 || { cat "$dir/cmp" >&2; exit 2; }
lost=$(($(gaps) - gaps))

. bench/table.sh
per_second() {
	awk -v n="$records" -v us="$1" 'BEGIN { print n * 1e6 / us }'
}
figure "captured through the GDB stub, records/s" high "$(per_second "$trapped")" "$(per_second "$plain")" \
	"nobody attached" 1500 -
figure "attach until the first record, ms" low "$((attached / 1000))" - - - -
figure "memory of the worker, MiB" low "$(awk -v k="$rss" 'BEGIN { print k / 1024 }')" - - 8 -

awk -v n="$records" -v plain="$plain" -v trapped="$trapped" -v after="$after" -v attached="$attached" \
	-v cpu="$cpu" -v rss="$rss" -v peak="$peak" -v lost="$lost" '
	function row(text, us) { printf "%-44s %10.0f/s %8.1f us %6.2f x\n", text, n * 1e6 / us, us / n, us / plain }
	END {
		printf "%d records, 1 vCPU, 2 GiB\n", n
		row("written to /dev/kmsg, nobody attached", plain)
		row("captured, one stop each", trapped)
		row("after detach", after)
		printf "%-44s %10.1f us\n", "processor time of the worker, a record", cpu / n
		printf "%-44s %10.0f ms\n", "attach until the first record is stored", attached / 1000
		printf "%-44s %10.1f MiB, %.1f at most\n", "memory of the worker (RSS)", rss / 1024, peak / 1024
		printf "%-44s %10d\n", "gaps since attached", lost
	}' </dev/null
