#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# How fast a large ledger is proven, by one thread and by two: bench/verify.sh [RECORDS]
#
# Runs in turn, the shortest wall time of each: two threads are as fast as two processors that nothing else
# wants. Files are in the page cache as far as it reaches. BENCH_DATA=DIR keeps the ledger there, for
# bench/show.sh too.
cd "$(dirname "$0")/.." || exit 2
. bench/table.sh
records=${1:-${BENCH_SHOW_RECORDS:-${BENCH_RECORDS:-1000000}}}
make -s all tools || exit 2
if [ -n "${BENCH_DATA-}" ]; then
	dir=$BENCH_DATA
	mkdir -p "$dir" || exit 2
else
	dir=$(mktemp -d) || exit 2
	trap 'rm -rf "$dir"' EXIT
fi
export LOGVISOR_STORE=$dir LC_ALL=C.UTF-8 TIMEFORMAT='%R %U %S'
if ! ./logvisor list -o json 2>&1 | grep -q "^{\"name\":\"vm\".*\"records\":$records,"; then
	rm -rf "${dir:?}/vm" "$dir/complete"
	build/tool/fill "$dir/vm" "$records" || exit 2
fi

# The shortest of some runs of 1 and 2 threads each, in seconds, and the processor time of that run.
declare -A wall=([1]=1e9 [2]=1e9) cpu
for run in 1 2 3 4 5; do
	for threads in 1 2; do
		read -r t u s < <({ time ./logvisor verify --threads $threads vm >"$dir/verdict"; } 2>&1) || exit 2
		grep -q "^vm: checked $records signed records" "$dir/verdict" || {
			cat "$dir/verdict" >&2
			exit 2
		}
		if awk -v a="$t" -v b="${wall[$threads]}" 'BEGIN { exit !(a < b) }'; then
			wall[$threads]=$t cpu[$threads]=$(awk -v u="$u" -v s="$s" 'BEGIN { print u + s }')
		fi
	done
	# Of ten million twice is enough, if they took about what their processor time is.
	[ "$run" -ge 2 ] && awk -v w="${wall[2]}" -v c="${cpu[2]}" -v n="$records" \
		'BEGIN { exit !(n > 5e6 && w < 0.6 * c) }' && break
done
rate() {
	awk -v n="$records" -v s="${wall[$1]}" 'BEGIN { printf "%.0f", n / s }'
}
printf '%s records\n\n%-12s %14s %12s %22s\n' "$records" "" records/s seconds "processor ns/record"
for threads in 1 2; do
	awk -v t=$threads -v n="$records" -v w="${wall[$threads]}" -v c="${cpu[$threads]}" 'BEGIN {
		printf "%-12s %14.0f %12.2f %22.0f\n", t " thread" (t > 1 ? "s" : ""), n / w, w, c * 1e9 / n }'
done
figure "verify $records with 1 thread, records/s" high "$(rate 1)" - - 1450000 -
figure "  with 2 threads" high "$(rate 2)" "$(rate 1)" "one thread" - 1.7
