# shellcheck shell=sh
# shellcheck disable=SC2154
# SPDX-License-Identifier: BSD-3-Clause
# words.sh - what scenes on Xen share: source it after tests/lab/e2e.sh. A scene's domain is web01.

following() { # following N: N boots so far
	[ "$(grep -c 'following' "$dir/web01.log")" -ge "$1" ]
}
# shellcheck disable=SC2120
told() { # told [NAME]: what the worker said
	sed 's/^/# /' "$dir/${1-web01}.log"
}
# refused WHAT MESSAGE TARGET [PREFIX...]
refused() {
	what=$1 message=$2 target=$3
	shift 3
	"$@" ./logvisor attach "other=$target" >"$dir/out" 2>&1 </dev/null &
	pid=$!
	ok "$what: ends" within 60 ended $pid || kill -9 $pid
	wait $pid
	is "$what: exit status" $? 2
	ok "$what: is said" grep -Eq "^logvisor: other: .*$message" "$dir/out" || sed 's/^/# /' "$dir/out"
	is "$what: in one line" "$(wc -l <"$dir/out")" 1
}
# Domains that are dead and that somebody keeps.
no_zombie() {
	xl list | awk 'NR > 1 && ($1 == "(null)" || $5 ~ /d/) { exit 1 }'
}
begin() { # begin SCENE [vm start's options]
	scene=$1
	shift
	ok "$scene: a domain boots" start_vm web01 "$@" || return
	domid=$(xl domid web01)
	attach web01 --heartbeat 2s
	ok "$scene: attaches" within 60 stored web01 'Linux version' || told
}
finish() {
	detach_worker "$worker"
	is "$scene: detached" $? 0 || told
	ok "$scene: verify" ./logvisor verify web01
	finish_vm
}
finish_vm() {
	forget web01
	ok "$scene: no zombie stays" within 20 no_zombie || xl list | sed 's/^/# /'
}

# Where prb_final_commit() is in the guest's physical memory, as the guest's own kernel says: sets $site
# and $nop. ENDBR64, or
# what it is sealed with, is stepped over.
find_site() {
	code=$(guest web01 'sed -n "s/^ *\([0-9a-f]*\)-.*Kernel code/\1/p" /proc/iomem')
	text=$(guest web01 'sed -n "s/^\([0-9a-f]*\) T _text$/\1/p" /proc/kallsyms')
	fn=$(guest web01 'sed -n "s/^\([0-9a-f]*\) [tT] prb_final_commit$/\1/p" /proc/kallsyms')
	[ -n "$code" ] && [ -n "$text" ] && [ -n "$fn" ] || return
	site=$((0x$code + 0x$fn - 0x$text))
	case $(build/lab/xenmon text "$domid" "$(printf %x $site)") in
	f30f1efa* | 660f1f00* | 0f1f40d6*) site=$((site + 4)) ;;
	esac
	# shellcheck disable=SC2034
	nop=0f1f440000
}
bytes() {
	build/lab/xenmon text "$domid" "$(printf %x "$site")"
}
monitored() {
	! build/lab/xenmon free "$domid" >/dev/null
}
planted() {
	[ "$(bytes)" = 2e410f00c3 ]
}
# live PATTERN: how many such records were caught at their birth (they carry no word of how).
live() {
	./logvisor show --no-pager -o json -g "$1" web01 | grep -c "_LOGVISOR_FIDELITY\":\"live"
}
# A record is caught at its birth (again): nothing rests.
awake_n=0
awake() {
	awake_n=$((awake_n + 1))
	settled web01 && guest web01 "echo awake-$awake_n- >/dev/kmsg" &&
		within 10 stored web01 "^awake-$awake_n-" && [ "$(live "^awake-$awake_n-")" = 1 ]
}
alerts() {
	./logvisor show --no-pager -o raw web01 | grep -aE ' logvisor - alert ' | grep -vc 'no-source'
}
