# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# What programs send to log sockets, through the kvm backend alone (build/lab/applog), in a nested host: caught where
# the kernel accepts it, by code that is put into the guest; and what becomes of that code, whoever dies.
. tests/lab/e2e.sh
suite=${LOGVISOR_LAB_SUITES:-bookworm}
suite=${suite# }
suite=${suite%% *}
cycles=25
[ -z "${LOGVISOR_LONG-}" ] || cycles=1000
log=/dev/log journal=/run/systemd/journal/socket stdout=/run/systemd/journal/stdout

# shellcheck disable=SC2120
# start_app [applog's arguments]: its output in $dir/app, emptied here.
start_app() {
	: >"$dir/app"
	build/lab/applog "kvm:$pid" "$@" >"$dir/app" 2>&1 &
	app=$!
	workers="$workers $app"
	within 120 grep -Eq '^(following|applog:)' "$dir/app"
	grep -E '^(planted|without|applog)' "$dir/app" | sed 's/^/# /'
	grep -q '^following' "$dir/app"
}
end_app() {
	kill -TERM "$app"
	wait "$app"
}
begin() {
	ok 'a guest boots' start_vm vm --kernel "$suite" --smp 2 --append audit=1 || return 1
	pid=$(cat "$dir/vm/pid")
	ok 'it panics at the first warning from here on' panicky vm
	boot=$(boot_id vm)
}
sound() {
	[ "$(boot_id vm)" = "$boot" ]
}
# copies TAG: of how many messages is there a copy?
copies() {
	grep -c "^copy tag=$1 " "$dir/app"
}
has() { # has TAG COUNT
	[ "$(copies "$1")" -ge "$2" ]
}
# Is each message of each sender there once, and in its order? By their texts; prints what is not.
order() {
	awk '$1 == "copy" && / sock [0-9]+ end/ {
		pid = $4
		for (i = 1; i <= NF; i++)
			if ($i == "sock")
				n = $(i + 1)
		sub(/^0+/, "", n) # which would make it octal for busybox
		n += 0
		if (n != due[pid] + 0)
			print pid ": " n " instead of " due[pid] + 0
		due[pid] = n + 1
	}' "$dir/app"
}

scene_caught() {
	begin || return
	ok 'all of it is planted' start_app
	ways=$(grep -c '^planted' "$dir/app")
	is 'datagrams and audit are led through a filter or code in the guest' \
		"$(grep -cE '^planted (unix_dgram_sendmsg|audit_log_end).*: a call led through' "$dir/app")" 2
	ok 'and streams' grep -Eq '^planted (maybe_add_creds: a jump|unix_stream_sendmsg.*: a call and its return) led' "$dir/app"
	guest vm "lab sock dgram $log 200; lab sock dgram $journal 50; lab sock stream $stdout 100" >/dev/null
	guest vm "lab sock dgram /tmp/other 100; lab sock stream /run/db/socket 100" >/dev/null
	guest vm "lab sock dgram $log 3 70000; lab sock dgram $log 1 1; lab sock dgram $log 2 1024; lab sock stream $stdout 2 9000" >/dev/null
	ok 'every datagram is caught' within 60 has 0 256
	ok 'every write to the stream' within 60 has 1 102
	is 'nothing of other sockets, but where the name begins alike' "$(copies 0) $(copies 1)" '256 102'
	is 'each once, and in order' "$(order)" ''
	is 'long ones whole, the sender held meanwhile' \
		"$(grep -c 'held=1 len=70000 n=70000 ' "$dir/app")" 3
	is 'the sender is known' "$(grep -cvE '^copy .* pid=([0-9]+) tid=\1 ppid=[0-9]+ uid=0 euid=0 .* comm=lab pcomm=(init|sh) .* exe=1' \
		"$dir/app")" "$(grep -cv '^copy' "$dir/app")"
	guest vm 'sh -c "kill -SEGV \$\$"' >/dev/null
	ok 'a record of audit' within 60 grep -q '^copy tag=3 .*: audit(.*): auid=' "$dir/app"
	tag=2
	[ "$suite" != trixie ] || tag=1
	before=$(copies $tag)
	guest vm "lab sock splice $stdout 3 900" >/dev/null
	ok 'what is spliced into the stream is caught' within 60 has $tag $((before + 3))
	is 'whole, and once' "$(copies $tag) $(grep -c "^copy tag=$tag .* len=900 n=900 .*: sock" "$dir/app")" "$((before + 3)) 3"
	is 'in order too' "$(order)" ''
	cp "$dir/app" "$dir/first"
	ok 'it is taken out' end_app
	ok 'wholly' grep -q '^detached, 0 left' "$dir/app"
	guest vm "lab sock dgram $log 20; lab sock stream $stdout 20" >/dev/null
	ok 'the guest goes on' sound
	ok 'it is planted again' start_app
	is 'with the same code in the guest' "$(grep '^planted' "$dir/app")" "$(grep '^planted' "$dir/first")"
	guest vm "lab sock dgram $log 20; lab sock stream $stdout 20" >/dev/null
	ok 'and catches' within 60 has 1 20
	is 'each once, and in order' "$(order)" ''
	ok 'taken out' end_app
	ok 'the guest is sound' sound
	forget vm
}

# Where no code can be put into the guest.
scene_entry() {
	begin || return
	ok 'one function is trapped each time' start_app entry
	ok 'and filtered in the exit' grep -q '^planted .*: trapped each time, filtered in the exit' "$dir/app"
	guest vm "lab sock dgram $log 50; lab sock dgram /tmp/other 50; lab sock stream /run/db/mysqld 50; lab sock dgram $log 2 70000" >/dev/null
	ok 'every datagram is caught' within 60 has 0 52
	is 'nothing of other sockets' "$(copies 0)" 52
	is 'each once, and in order' "$(order)" ''
	is 'long ones whole' "$(grep -c 'held=1 len=70000 n=70000 ' "$dir/app")" 2
	if grep -q '^planted maybe_add_creds' "$dir/app"; then
		guest vm "lab sock stream $stdout 50" >/dev/null
		ok 'the stream too' within 60 has 0 102
	fi
	ok 'it is taken out' end_app
	ok 'the guest is sound' sound
	ok 'code is put there by who may' start_app
	guest vm "lab sock dgram $log 20; lab sock stream $stdout 20" >/dev/null
	ok 'and catches' within 60 has 1 20
	ok 'taken out' end_app
	forget vm
}

# Who plants is killed, its guardian too, in every order, while two programs send.
scene_death() {
	begin || return
	guest vm "lab sock dgram $log 100000000 >/dev/null 2>&1 & lab sock stream $stdout 100000000 >/dev/null 2>&1 &" >/dev/null
	ways=''
	for round in worker guardian both worker; do
		start_app || break
		within 60 has 0 10
		guardian=$(guardian_of "$app")
		case $round in
		worker) kill -9 "$app" ;;
		guardian) kill -9 "$guardian" ;;
		both) kill -9 "$guardian" "$app" ;;
		esac
		wait "$app" 2>/dev/null
		ok "killed: $round; the guest runs on" guest vm true
		ways="$ways$(grep '^planted' "$dir/app" | sort | sha256sum)"
	done
	ok 'the last takes over what they left' start_app
	is 'and everyone used the same code in the guest' "$(grep '^planted' "$dir/app" | sort | sha256sum | cut -c1-64)" \
		"$(echo "$ways" | cut -c1-64)"
	ok 'it catches' within 60 has 0 100
	ok 'streams too' within 60 has 1 100
	ok 'it is taken out' end_app
	ok 'wholly' grep -q '^detached, 0 left' "$dir/app"
	guest vm 'killall lab' >/dev/null
	ok 'the guest is sound' sound
	forget vm
}

# Root in the guest writes over the code, and over the call that leads there.
scene_guard() {
	begin || return
	ok 'planted' start_app
	heads=$(build/lab/poke "$pid" 6c67766764677431 | tr '\n' ' ')
	ok 'the code is found in the guest' [ "$(echo "$heads" | wc -w)" -ge 3 ]
	first=$(grep '^planted unix_dgram' "$dir/app")
	# the first byte of the code: a call leads there, and back
	for head in $heads; do
		build/lab/poke "$pid" c3 "$(printf '%x' $((0x$head + 33)))"
	done
	ok 'an alert says so' within 20 grep -q '^alert the code at .* was overwritten' "$dir/app"
	ok 'the calls lead elsewhere now' within 20 sh -c "grep '^planted unix_dgram' $dir/app | tail -n 1 | grep -vqF '$first'"
	ok 'the guest is sound' sound
	ok 'taken out' end_app
	forget vm
}

# Planted and taken out while two vCPUs run over it.
scene_fire() {
	begin || return
	guest vm "lab sock dgram $log 100000000 >/dev/null 2>&1 & lab sock stream $stdout 100000000 >/dev/null 2>&1 &" >/dev/null
	: >"$dir/app"
	build/lab/applog "kvm:$pid" fire "$cycles" >"$dir/app" 2>&1
	is 'all is in order' $? 0
	ok "planted and removed $cycles times" grep -q "^fired $cycles times" "$dir/app"
	grep '^fired\|^applog' "$dir/app" | sed 's/^/# /'
	is 'always with the same code in the guest' "$(grep '^planted' "$dir/app" | sort -u | wc -l)" \
		"$(sed -n '1,/^following/p' "$dir/app" | grep -c '^planted')"
	ok 'wholly' grep -q '^detached, 0 left' "$dir/app"
	guest vm 'killall lab' >/dev/null
	ok 'the guest is sound' sound
	forget vm
}

scenes "$@"
