#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# All benchmarks that need no nested host, then their figures in one table: bench/all.sh
# A goal that is missed is said, and is no failure: it may be the machine.
cd "$(dirname "$0")/.." || exit 2
. bench/table.sh
BENCH_TABLE=$(mktemp) || exit 2
export BENCH_TABLE
trap 'rm -f "$BENCH_TABLE"' EXIT
for b in ledger verify record show mirror mirror_guest gdb apps; do
	printf '\n== %s\n\n' $b
	bench/$b.sh || exit 2
done
printf '\n== all, on %s processors, load %s\n\n' "$(nproc)" "$(cut -d ' ' -f 1-3 /proc/loadavg)"
print_table || exit 0
