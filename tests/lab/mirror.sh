# shellcheck shell=bash
# shellcheck disable=SC2154
# SPDX-License-Identifier: BSD-3-Clause
# mirror.sh - a mirror on this machine, for tests; source it after tests/tap.sh or tests/lab/e2e.sh, with $dir set. Its
# configuration is $dir/config, what it keeps $dir/kept, what it says $dir/out.

# mirror_run [COMMAND...]: start it, by COMMAND if that is given, on a port that is free, or the one it had before; sets
# $mirror and $port. mirror_plain: the same without TLS.
mirror_scheme=https
mirror_plain() {
	mirror_scheme=http
	mirror_run "$@"
}
mirror_run() {
	local tried
	for tried in ${port-} $(shuf -i 20000-32000 -n 20); do
		: >"$dir/out" # what the one before said is not its word
		"$@" ./logvisor mirror run --config "$dir/config" --store "$dir/kept" --listen "$mirror_scheme://127.0.0.1:$tried" \
			>"$dir/out" 2>&1 &
		mirror=$! port=$tried
		within 60 mirror_settled
		grep -q '^ready' "$dir/out" && return
	done
	sed 's/^/# /' "$dir/out"
	return 1
}
mirror_settled() {
	grep -q '^ready' "$dir/out" || ! kill -0 "$mirror" 2>/dev/null
}
