#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What one captured record costs the guest, in VM exits: bench/kvm.sh
# BENCH_HOST=trixie, sid: on a host with that kernel.
#
# In a nested host (tests/lab/nested) whose clock counts instructions (QEMU -icount: 1 ns = 1
# instruction), so the figures are the same whatever else this machine does. They count instructions
# of host kernel and guest; what a world switch costs the hardware itself is not in them.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=bench/counted.sh
. bench/counted.sh
counted --host "${BENCH_HOST:-bookworm}" tests/kvm/cost.sh
awk '
	{ v[$1] = $2 }
	function row(text, value) { printf "%-52s %8d %8.2f\n", text, value, value / v["guest_cpuid"] }
	END {
		printf "%-52s %8s %8s\n", "", "instr.", "exits"
		row("a bare exit (CPUID in the guest)", v["guest_cpuid"])
		row("a bare exit (CPUID, 16-bit guest of tinyvmm)", v["exit_cpuid"])
		row("the same while another VM is protected", v["exit_foreign"])
		row("an INVD that nobody wants, the same guest", v["exit_invd"])
		row("an exit to user space and back (OUT, tinyvmm)", v["exit_out"])
		qemu = v["guest_msr"] - v["guest_outq"]
		row("an exit to user space and back (IN, guest of QEMU)", qemu)
		row("a record written to /dev/kmsg, no trap", v["kmsg_plain"])
		row("the same, trapped and copied", v["kmsg_trapped"])
		row("the same after detach", v["kmsg_after"])
		capture = v["kmsg_trapped"] - v["kmsg_plain"]
		row("=> capture of one record", capture)
		row("an idle protected VM, worker and guardian, a second", v["idle_second"])
		print ""
		row("a datagram to /dev/log, no trap", v["log_plain"])
		row("=> capture of one, with its sender", v["log_gadget"] - v["log_plain"])
		row("=> of a write to journald" sprintf("%c", 39) "s stream", v["stdout_gadget"] - v["stdout_plain"])
		row("=> a datagram to another socket costs more", v["other_gadget"] - v["other_plain"])
		row("=> a write to another stream costs more", v["stream_gadget"] - v["stream_plain"])
		row("without code in the guest: capture of a datagram", v["log_entry"] - v["log_plain"])
		row("=> a datagram to another socket costs more", v["other_entry"] - v["other_plain"])
		row("=> a write to another stream costs more", v["stream_entry"] - v["stream_plain"])
		row("after detach: a datagram to /dev/log", v["log_after"])
		row("a line appended to a file, no trap", v["append_plain"])
		row("=> capture of one to a log file, with its writer", v["append_trapped"] - v["append_plain"])
		row("=> a line to another file costs more", v["write_trapped"] - v["write_plain"])
		row("after detach: a line to a log file", v["append_after"])
		printf "trapped / untrapped: %.2f\n", v["kmsg_trapped"] / v["kmsg_plain"]
		printf "capture / exit to user space: %.2f (QEMU), %.2f (tinyvmm, the least possible)\n",
			capture / qemu, capture / v["exit_out"]
		printf "VM stopped at attach (2 GiB guest, instructions as ns): %d us\n", v["stopped_us"]
		printf "100 idle VMs, of a core of 10^9 instructions a second: %.2f %%\n",
			v["idle_second"] * 100 / 1e9 * 100
	}' "$out/raw"
