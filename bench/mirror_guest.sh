#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a mirror costs the guest that is captured: the rate at which a VM (stock Debian kernel under QEMU's emulation,
# one vCPU) writes to /dev/kmsg as fast as it can, captured through its GDB stub without a mirror, with one, with one
# behind a line of 100 kB/s, and with one that is dead: bench/mirror_guest.sh [RECORDS [ROUNDS]]
#
# One after the other in each round, and of the rounds the median: so that a machine with other work disturbs all alike.
# shellcheck disable=SC2154,SC2119
cd "$(dirname "$0")/.." || exit 2
make -s all lab tools || exit 2
. tests/lab/e2e.sh
. tests/lab/mirror.sh
. bench/table.sh
records=${1:-5000} rounds=${2:-3}
mirror='' wire=''
trap '{ kill $mirror $wire && wait $mirror $wire; } 2>/dev/null; e2e_cleanup' EXIT
chmod 755 "$dir"

us() {
	echo $((${EPOCHREALTIME/./}))
}

# captured [attach's options]: records a second.
captured() {
	local t
	attach web01 "$@"
	settled web01 || { cat "$dir/web01.log" >&2; return 2; }
	t=$(us)
	guest web01 "lab flood 1 $records" >"$dir/flood" || { cat "$dir/flood" >&2; return 2; }
	t=$(($(us) - t))
	settled web01 || return 2
	rate=$((records * 1000000 / t))
	detach_worker "$worker"
}

start_vm web01 --mem 2048 || exit 2
captured || exit 2
./logvisor mirror init --config "$dir/config" --host 127.0.0.1 >"$dir/log" &&
	client=$(./logvisor mirror add web01 --config "$dir/config" --vkey "$LOGVISOR_STORE/web01/vkey") &&
	mirror_run || exit 2
build/tool/wire "$port" rate=100000 >"$dir/wire" &
wire=$!
within 60 test -s "$dir/wire" || exit 2

median() { sort -n "$dir/rates.$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
for round in $(seq "$rounds"); do
	for kind in none live slow dead; do
		case $kind in
		none) set -- ;;
		live) set -- --mirror "https://127.0.0.1:$port" --mirror-client "$client" ;;
		slow) set -- --mirror "https://127.0.0.1:$(cat "$dir/wire")" --mirror-client "$client" ;;
		dead) set -- --mirror https://127.0.0.1:1 --mirror-client "$client" ;;
		esac
		captured "$@" || exit 2
		echo "$rate" >>"$dir/rates.$kind"
		printf 'round %d, mirror %s: %d records/s\n' "$round" $kind "$rate"
	done
done
none=$(median none)
for kind in live slow dead; do
	figure "captured with a mirror: $kind, records/s" high "$(median $kind)" "$none" "no mirror" - -
done
printf 'the medians: %d records/s without a mirror, %d with one, %d with a slow one, %d with a dead one\n' "$none" \
	"$(median live)" "$(median slow)" "$(median dead)"
