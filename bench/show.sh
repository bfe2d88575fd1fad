#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# How fast records are found and printed, beside journalctl on the same records (imported from our own
# export by systemd-journal-remote) and grep on the same text: bench/show.sh [RECORDS]
#
# Files are in the page cache, output goes to memory, each figure is the shortest of many runs.
cd "$(dirname "$0")/.." || exit 2
records=${1:-${BENCH_RECORDS:-1000000}}
make -s all tools || exit 2
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
export LOGVISOR_STORE=$dir LC_ALL=C.UTF-8 TZ=UTC
best=build/tool/best
journal=(journalctl --no-pager --quiet --file "$dir/j*.journal")

build/tool/fill "$dir/vm" "$records" || exit 2
start=$EPOCHREALTIME
./logvisor show -o export vm | /usr/lib/systemd/systemd-journal-remote -o "$dir/j.journal" - 2>"$dir/err" ||
	{ cat "$dir/err" >&2 && exit 2; }
import=$(awk -v a="$start" -v b="$EPOCHREALTIME" -v n="$records" 'BEGIN { printf "%.0f", n / (b - a) }')
./logvisor show -o short vm >"$dir/text"
size() {
	du -cb "$@" | tail -n 1 | cut -f1
}
printf '%s records; ledger %s MB, journal %s MB (imported at %s records/s), text %s MB\n\n' "$records" \
	$(($(size "$dir/vm") / 1000000)) $(($(size "$dir"/j*.journal) / 1000000)) "$import" \
	$(($(size "$dir/text") / 1000000))

# The fill is a millisecond a record from this second on; look in its middle.
middle=$((1795428000 + records / 2000))
wrong=0
# row TITLE OURS... -- JOURNALCTL... [-- GREP...]: same number of lines from all, then the times
row() {
	local title=$1 which=ours w ours=() theirs=() third=() a b c ra
	shift
	for w in "$@"; do
		case $which:$w in
		ours:--) which=theirs ;;
		theirs:--) which=third ;;
		ours:*) ours+=("$w") ;;
		theirs:*) theirs+=("$w") ;;
		third:*) third+=("$w") ;;
		esac
	done
	a=$("${ours[@]}" | wc -l) b=$("${theirs[@]}" | wc -l) c=$a
	[ ${#third[@]} -gt 0 ] && c=$("${third[@]}" | wc -l)
	if [ "$a $a" != "$b $c" ]; then
		wrong=1 title="$title (LINES DIFFER: $a $b $c)"
	fi
	read -r a _ ra < <($best "${ours[@]}")
	read -r b _ _ < <($best "${theirs[@]}")
	c=-
	[ ${#third[@]} -gt 0 ] && read -r c _ _ < <($best "${third[@]}")
	awk -v t="$title" -v a="$a" -v b="$b" -v c="$c" -v r="$ra" 'BEGIN {
		printf "%-34s %10.1f %12.1f %9.1f x", t, a, b, b / a
		if (c == "-") printf " %10s %9s  ", "-", "-"; else printf " %10.1f %9.1f x", c, c / a
		printf " %8.1f\n", r / 1024 }'
}
printf '%-34s %10s %12s %11s %10s %11s %8s\n' "milliseconds, best of many" logvisor journalctl ratio grep ratio "RSS MiB"
row "-n 20" ./logvisor show -n 20 vm -- "${journal[@]}" -n 20 -- tail -n 20 "$dir/text"
row "-r -n 20" ./logvisor show -r -n 20 vm -- "${journal[@]}" -r -n 20
row "-S middle -U one second later" \
	./logvisor show -S "@$middle" -U "@$((middle + 1))" vm -- \
	"${journal[@]}" -S "@$middle" -U "@$((middle + 1))"
row "-p err -n 20" ./logvisor show -p err -n 20 vm -- "${journal[@]}" -p err -n 20
row "-g Needle (1 in 10,000)" ./logvisor show -g Needle vm -- "${journal[@]}" -g Needle -- grep Needle "$dir/text"
row "-g needle, any case" ./logvisor show -g needle vm -- "${journal[@]}" -g needle -- grep -i needle "$dir/text"
row "-g 'eth[0-9]+ entered.*77\$'" ./logvisor show -g 'eth[0-9]+ entered.*77$' vm -- \
	"${journal[@]}" -g 'eth[0-9]+ entered.*77$' -- grep -iP 'eth[0-9]+ entered.*77$' "$dir/text"
row "-g '(usb|nvme).*7777' no literal" ./logvisor show -g '(usb|nvme).*777[7]' vm -- \
	"${journal[@]}" -g '(usb|nvme).*777[7]' -- grep -iP '(usb|nvme).*777[7]' "$dir/text"
row "all, -o short" ./logvisor show vm -- "${journal[@]}"
row "all, -o json" ./logvisor show -o json vm -- "${journal[@]}" -o json
[ $wrong -eq 0 ] || { echo "the tools do not agree" >&2 && exit 1; }
