# shellcheck shell=sh
# SPDX-License-Identifier: BSD-3-Clause
# tap.sh - Test Anything Protocol for shell tests; source it, call done_testing last.
tap_n=0 tap_failed=0

# ok TEXT COMMAND...: passes when COMMAND succeeds.
ok() {
	tap_text=$1
	shift
	tap_n=$((tap_n + 1))
	if "$@"; then
		echo "ok $tap_n - $tap_text"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_n - $tap_text"
		return 1
	fi
}

# is TEXT GOT WANTED: passes when both strings are equal.
is() {
	if ! ok "$1" [ "$2" = "$3" ]; then
		printf '%s\n' "$2" | sed 's/^/# got:    /'
		printf '%s\n' "$3" | sed 's/^/# wanted: /'
		return 1
	fi
}

# skip TEXT REASON: counts as neither.
skip() {
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # skip $2"
}

# within SECONDS COMMAND...: wait until COMMAND succeeds; fails when it has not by then.
within() {
	tap_left=$(($1 * 20))
	shift
	until "$@"; do
		tap_left=$((tap_left - 1))
		[ $tap_left -gt 0 ] || return 1
		sleep 0.05
	done
}

# scenes [NAME...]: run the functions scene_NAME of this script, all of them when none is named; then done_testing.
# tests/run runs each alone, so that a scene brings along what it needs, and leaves nothing that another meets.
scenes() {
	[ $# -gt 0 ] || eval "set -- $(sed -n 's/^scene_\([a-z0-9_]*\)().*/\1/p' "$0" | tr '\n' ' ')"
	for tap_scene; do
		echo "# scene $tap_scene"
		"scene_$tap_scene"
	done
	done_testing
}

done_testing() {
	echo "1..$tap_n"
	[ $tap_failed -eq 0 ] && [ $tap_n -gt 0 ]
}

# mine PID: is it a child of this shell still? A while after one was waited for, its number is another process's.
mine() {
	[ "$(sed 's/.*) . \([0-9]*\) .*/\1/' "/proc/$1/stat" 2>/dev/null)" = $$ ]
}
