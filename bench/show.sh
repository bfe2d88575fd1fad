#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# How fast records are found and printed, beside journalctl on the same records (imported from our own
# export by systemd-journal-remote, into as many files as it takes) and grep on the same text:
# bench/show.sh [RECORDS]
#
# Files are in the page cache as far as it reaches, output goes to memory, each figure is the shortest of
# many runs (of one, where that takes more than five seconds). BENCH_DATA=DIR keeps ledger, journal and text
# there, and takes them from there the next time; 10 million records take 13 GB and ten minutes to make.
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
export LOGVISOR_STORE=$dir LC_ALL=C.UTF-8 TZ=UTC
best=build/tool/best
journal=(journalctl --no-pager --quiet --directory "$dir/journal")

if [ "$(cat "$dir/complete" 2>/dev/null)" != "$records" ]; then
	rm -rf "$dir/vm" "$dir/journal"
	mkdir "$dir/journal" || exit 2
	build/tool/fill "$dir/vm" "$records" || exit 2
	start=$EPOCHREALTIME
	./logvisor show -o export vm |
		/usr/lib/systemd/systemd-journal-remote -o "$dir/journal/j.journal" - 2>"$dir/err"
	awk -v a="$start" -v b="$EPOCHREALTIME" -v n="$records" 'BEGIN { printf "%.0f\n", n / (b - a) }' >"$dir/import"
	grep -q "Finishing after writing $records entries" "$dir/err" || {
		tail -n 3 "$dir/err" >&2
		echo "the journal does not hold all records" >&2
		exit 2
	}
	./logvisor show -o short vm >"$dir/text" || exit 2
	echo "$records" >"$dir/complete"
fi
import=$(cat "$dir/import")
size() {
	du -cb "$@" | tail -n 1 | cut -f1
}
printf '%s records; ledger %s MB, journal %s MB (imported at %s records/s), text %s MB\n\n' "$records" \
	$(($(size "$dir/vm") / 1000000)) $(($(size "$dir"/journal/*.journal) / 1000000)) "$import" \
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
	[ "${goal-}" ] && figure "show ${title% (*} of $records, ms" low "$a" "$b" journalctl - "$goal"
	[ "${goal-}" ] && [ $c != - ] && [ "$goal" = 5 ] && figure "  the same" low "$a" "$c" "grep on text" - -
	goal=
	awk -v t="$title" -v a="$a" -v b="$b" -v c="$c" -v r="$ra" 'BEGIN {
		printf "%-34s %10.1f %12.1f %9.1f x", t, a, b, b / a
		if (c == "-") printf " %10s %9s  ", "-", "-"; else printf " %10.1f %9.1f x", c, c / a
		printf " %8.1f\n", r / 1024 }'
}
printf '%-34s %10s %12s %11s %10s %11s %8s\n' "milliseconds, best of many" logvisor journalctl ratio grep ratio "RSS MiB"
goal=1
row "-n 20" ./logvisor show -n 20 vm -- "${journal[@]}" -n 20 -- tail -n 20 "$dir/text"
row "-r -n 20" ./logvisor show -r -n 20 vm -- "${journal[@]}" -r -n 20
first20() { # COMMAND...: until it has printed 20 lines; it follows on
	first20=(bash -c 'head -n 20 < <("$@")' sh "$@")
}
first20 ./logvisor show -f -n 20 vm && ours=("${first20[@]}")
first20 "${journal[@]}" -f -n 20 && theirs=("${first20[@]}")
goal=1
row "-f -n 20 (until they are there)" "${ours[@]}" -- "${theirs[@]}"
row "-S middle -n 20" ./logvisor show -S "@$middle" -n 20 vm -- "${journal[@]}" -S "@$middle" -n 20
goal=1
row "-S -U (one second in the middle)" \
	./logvisor show -S "@$middle" -U "@$((middle + 1))" vm -- \
	"${journal[@]}" -S "@$middle" -U "@$((middle + 1))"
row "-p err -n 20" ./logvisor show -p err -n 20 vm -- "${journal[@]}" -p err -n 20
goal=5
row "-g Needle (1 in 10,000)" ./logvisor show -g Needle vm -- "${journal[@]}" -g Needle -- grep Needle "$dir/text"
if [ "$records" -le 2000000 ]; then # of more, output does not fit into memory, and journalctl takes minutes
	row "-g needle, any case" ./logvisor show -g needle vm -- "${journal[@]}" -g needle -- grep -i needle "$dir/text"
	row "-g 'eth[0-9]+ entered.*77\$'" ./logvisor show -g 'eth[0-9]+ entered.*77$' vm -- \
		"${journal[@]}" -g 'eth[0-9]+ entered.*77$' -- grep -iP 'eth[0-9]+ entered.*77$' "$dir/text"
	row "-g '(usb|nvme).*7777' no literal" ./logvisor show -g '(usb|nvme).*777[7]' vm -- \
		"${journal[@]}" -g '(usb|nvme).*777[7]' -- grep -iP '(usb|nvme).*777[7]' "$dir/text"
	row "all, -o short" ./logvisor show vm -- "${journal[@]}"
	row "all, -o json" ./logvisor show -o json vm -- "${journal[@]}" -o json
fi
# What prints much, to /dev/null, which holds it whatever the number of records; the goals are by the record.
much() { # TITLE NANOSECONDS COMMAND...
	local title=$1 ns=$2 a ra
	shift 2
	read -r a _ ra < <($best -n "$@")
	figure "show $title of $records, ms" low "$a" - - "$(awk -v n="$records" -v ns="$ns" 'BEGIN { print n * ns / 1e6 }')" -
	awk -v t="$title" -v a="$a" -v r="$ra" 'BEGIN {
		printf "%-34s %10.1f %12s %11s %10s %11s %8.1f\n", t, a, "-", "-", "-", "-", r / 1024 }'
}
much "-p err" 135 ./logvisor show -p err vm
much "-o json" 590 ./logvisor show -o json vm
[ $wrong -eq 0 ] || { echo "the tools do not agree" >&2 && exit 1; }
