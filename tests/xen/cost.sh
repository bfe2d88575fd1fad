# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# shellcheck disable=SC2046
# What things cost on this Xen, one "NAME VALUE" a line; run in Domain 0 by bench/xen.sh, where the clock counts instructions
# and there is one processor: what is done in Domain 0 for the guest stands in the guest's time.
# shellcheck source=tests/lab/e2e.sh
. tests/lab/e2e.sh

# shellcheck source=tests/xen/words.sh
. tests/xen/words.sh

record() { # record NAME: one record, the least of ten, each after a pause
	echo "$1 $(guest web01 'lab clock kmsg 1 20')"
}
begun() { # begun [attach's options]
	attach web01 --channels kernel "$@"
	within 60 settled web01 || { cat "$dir/web01.log" >&2; exit 2; }
}
ours() { # the worker and its guardians
	echo "$worker $(guardian_of "$worker") $(child_of logvisor-second "$worker")"
}
memory() { # memory PID...: KiB of their own
	for memory_pid; do cat "/proc/$memory_pid/smaps_rollup"; done | awk '/^Private/ { n += $2 } END { print n }'
}

start_vm web01 --smp 1 || exit 2
domid=$(xl domid web01)
find_site || exit 2
guest web01 'lab clock cpuid 1000' >/dev/null
echo "cpuid $(guest web01 'lab clock cpuid 1000')"
guest web01 'lab clock kmsg 500' >/dev/null # from here on each record overwrites one
record plain

# ---- trapped ----
begun
within 120 awake || exit 2
sleep 3 # the ledger is signed
record trapped
start=$(on_cpu $(ours))
sleep 10
echo "idle_second $((($(on_cpu $(ours)) - start) / 10))"
echo "memory $(memory $(ours))"
./logvisor show --no-pager -o json web01 >"$dir/live"
echo "trapped_live $(grep -c '_LOGVISOR_FIDELITY":"live' "$dir/live")"
# A flood is polled.
start=$(on_cpu $(ours))
guest web01 'lab clock kmsg 200' >/dev/null
settled web01
echo "burst_host $((($(on_cpu $(ours)) - start) / 2000))"
detach_worker "$worker"
record after

# ---- polled ----
begun --poll
record polled
start=$(on_cpu $(ours))
guest web01 'lab clock kmsg 200' >/dev/null
settled web01
echo "polled_host $((($(on_cpu $(ours)) - start) / 2000))"
start=$(on_cpu $(ours))
sleep 10
echo "polled_second $((($(on_cpu $(ours)) - start) / 10))"
detach_worker "$worker"
./logvisor show --no-pager -o raw web01 | sed -n 's/.* logvisor - gap .* count="\([0-9]*\)".*/\1/p' |
	awk '{ n += $1 } END { printf "lost %d\n", n }'

# ---- what an image that was saved with it has: nobody monitors ----
build/lab/xenmon poke "$domid" "$(printf %x "$site")" 2e410f00c3
record orphan
build/lab/xenmon poke "$domid" "$(printf %x "$site")" "$nop"
record healed
