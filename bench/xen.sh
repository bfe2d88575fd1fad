#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What one captured record costs on Xen, in instructions: bench/xen.sh
# LOGVISOR_XEN=trixie: on that Debian's Xen.
#
# In a nested Xen (tests/lab/nested --xen) whose clock counts instructions (QEMU -icount: 1 ns = 1 instruction), with
# one processor, so the figures are the same whatever else this machine does. They count instructions of
# Xen, Domain 0 and guest; what a world switch costs the hardware itself is not in them. INT3, by which other monitors catch a
# guest, can't be compared: QEMU's emulated SVM never tells the hypervisor of one.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=bench/counted.sh
. bench/counted.sh
: "${BENCH_LIMIT:=1500}"
counted --xen "${LOGVISOR_XEN:-bookworm}" tests/xen/cost.sh
awk '
	{ v[$1] = $2 }
	function row(text, value) { printf "%-62s %9d\n", text, value }
	END {
		printf "%-62s %9s\n", "", "instr."
		row("a bare exit (CPUID in the guest)", v["cpuid"])
		row("a record written to /dev/kmsg, no trap", v["plain"])
		row("=> caught at its birth: SLDT, an event, a copy", v["trapped"] - v["plain"])
		row("=> polled (--poll)", v["polled"] - v["plain"])
		row("=> orphaned: an SLDT stands there, nobody monitors", v["orphan"] - v["plain"])
		row("=> after detach", v["after"] - v["plain"])
		row("=> healed", v["healed"] - v["plain"])
		row("2,000 in a row: worker and guardian, for each, trapped", v["burst_host"])
		row("   polled", v["polled_host"])
		row("an idle trapped domain, worker and guardians, a second", v["idle_second"])
		row("an idle polled domain, the same", v["polled_second"])
		printf "\ncaught at their birth: %d; lost: %d\n", v["trapped_live"], v["lost"]
		printf "memory of worker and guardians, of their own: %d KiB\n", v["memory"]
	}' "$out/raw"
