# shellcheck shell=sh
# SPDX-License-Identifier: BSD-3-Clause
# table.sh - the benchmarks' figures beside their peers' and the goals, as one table; to be sourced.
#
# A line of the file $BENCH_TABLE: what, "high" or "low" (which is better), our figure, the peer's, its name,
# the goal for the figure, the goal for the ratio. Separated by tabs; "-" where there is none.

# figure WHAT high|low OURS PEER PEERNAME GOAL RATIO-GOAL
figure() {
	[ -z "${BENCH_TABLE-}" ] || printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$BENCH_TABLE"
}

# The table, and how many goals were missed as exit status 1.
print_table() {
	awk -F '\t' '
		function number(v, s, i, n) { # with a comma after each three digits
			if (v == "-")
				return v
			s = sprintf(v < 100 && v != int(v) ? "%.1f" : "%.0f", v)
			n = index(s, ".") ? index(s, ".") - 1 : length(s)
			for (i = n - 3; i > 0; i -= 3)
				s = substr(s, 1, i) "," substr(s, i + 1)
			return s
		}
		BEGIN { printf "%-42s %12s %12s %-24s %9s  %s\n", "", "logvisor", "peer", "", "ratio", "goal" }
		{
			ratio = $4 == "-" ? "-" : $2 == "high" ? $3 / $4 : $4 / $3
			goal = ""
			bad = 0
			if ($6 != "-") {
				goal = ($2 == "high" ? ">= " : "<= ") number($6)
				bad = $2 == "high" ? $3 < $6 : $3 > $6
			}
			if ($7 != "-") {
				goal = goal (goal == "" ? "" : ", ") ">= " $7 " x"
				bad = bad || ratio < $7
			}
			missed += bad
			printf "%-42s %12s %12s %-24s %9s  %s\n", $1, number($3), number($4), $5 == "-" ? "" : $5,
				ratio == "-" ? "-" : sprintf(ratio < 1 ? "%.2f x" : "%.1f x", ratio),
				goal == "" ? "" : goal (bad ? ": MISSED" : ": met")
		}
		END { exit missed > 0 }' "$BENCH_TABLE"
}
