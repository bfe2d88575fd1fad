# shellcheck shell=sh
# SPDX-License-Identifier: BSD-3-Clause
# counted.sh - for benchmarks in a nested host (tests/lab/nested) whose clock counts instructions; source it.

# counted ARGUMENTS...: of tests/lab/nested. What it printed is in $out/raw; BENCH_LIMIT seconds at most.
counted() {
	out=$(mktemp -d)
	trap 'rm -rf "$out"' EXIT
	tests/lab/nested --icount --limit "${BENCH_LIMIT:-900}" "$@" >"$out/raw" 2>"$out/err" || {
		cat "$out/raw" "$out/err" >&2
		exit 2
	}
}
