#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a mirror takes in over TLS on the loopback device, each record proven, stored, synced and cosigned; beside
# rsyslog (RELP over TLS to a file) and systemd-journal-upload to systemd-journal-remote (TLS), which move the same
# records in the same run, and prove and sync nothing of them: bench/mirror.sh [RECORDS]
#
# Then: memory at ten logs that are uploaded at once; how long after it was captured a record is cosigned at 10,000
# records/s; how soon the mirror has all again after an outage; and what the capturing thread spends on a record
# with a mirror that is there, slow, dead, or none.
#
# Rates are by the clock, from the start of the sender until all is at the receiver; a peer is stopped after 75 s, and
# its rate is then that of what has come. On a machine with other work only the ratios, and processor time (of sender
# and receiver, with all their processes), say something.
# shellcheck disable=SC2317,SC2119
cd "$(dirname "$0")/.." || exit 2
. bench/table.sh
. tests/tap.sh
. tests/lab/mirror.sh
records=${1:-${BENCH_RECORDS:-1000000}} seconds=8 per_second=10000 peer_seconds=75
make -s all tools || exit 2
dir=$(mktemp -d) || exit 2
pids='' mirror='' fastest=0 fastest_name=''
cleanup() {
	local p
	for p in $pids $mirror; do kill "$p" && wait "$p"; done 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
export LOGVISOR_STORE=$dir/store LC_ALL=C.UTF-8
chmod 755 "$dir"
mkdir "$dir/store"

now() { date +%s.%N; }
calc() { awk "BEGIN { printf \"%.${2:-0}f\", $1 }"; }
# per_million SECONDS RECORDS: of processor time, for a million records.
per_million() { calc "($1) * 1e6 / $2" 2; }
cpu() { # of processes $@ so far, all threads, seconds
	local p
	for p; do sed 's/.*) //' "/proc/$p/stat"; done |
		awk -v hz="$(getconf CLK_TCK)" '{ n += $12 + $13 } END { printf "%.2f", n / hz }'
}
within_or_say() { within "$@" || { shift; echo "bench/mirror: $* did not come" >&2; return 1; }; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# add VM: rights for it, which the mirror reads; sets $client.
add() {
	client=$(./logvisor mirror add "$1" --config "$dir/config" --vkey "$dir/store/$1/vkey") || return
	reread=$(grep -c '^rights read' "$dir/out")
	kill -HUP "$mirror" && within_or_say 60 has_reread
}
has_reread() { [ "$(grep -c '^rights read' "$dir/out")" -gt "$reread" ]; }

# ---- ours ----
bulk() {
	local t before
	build/tool/fill "$dir/store/web01" "$records" && add web01 || return 2
	before=$(cpu "$mirror") t=$(now)
	build/tool/cpu "$dir/cpu" ./logvisor push web01 --mirror "$url" --mirror-client "$client" 2>"$dir/log" ||
		{ cat "$dir/log" >&2; return 2; }
	ours=$(calc "$records / ($(now) - $t)")
	printf 'logvisor push to logvisor mirror, records/s: %s; processor time for a million: ' "$ours"
	printf '%s s at the host, %s s at the mirror\n' \
		"$(per_million "$(cat "$dir/cpu")" "$records")" "$(per_million "$(cpu "$mirror") - $before" "$records")"
}

# Nine more, of 60,000 records each, and the first one's growth, all at a time.
ten_logs() {
	local i waited='' rss
	for i in 1 2 3 4 5 6 7 8 9; do
		build/tool/fill "$dir/store/more$i" 60000 && add "more$i" || return 2
	done
	build/tool/fill "$dir/store/web01" 60000
	for i in web01 more1 more2 more3 more4 more5 more6 more7 more8 more9; do
		./logvisor push $i --mirror "$url" --mirror-client "$dir/config/clients/$i" 2>"$dir/log" &
		waited="$waited $!"
	done
	for i in $waited; do wait "$i" || return 2; done
	rss=$(calc "$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$mirror/status") / 1024" 1)
	printf 'memory of the mirror at ten logs that are uploaded at once, at most, MiB: %s\n' "$rss"
	figure "mirror's memory at ten logs, MiB" low "$rss" - - 32 -
}

# drip VM SECONDS [URL CLIENT]: a worker without a guest (tests/tool/drip.c), its output in $dir/VM.drip.
drip() {
	build/tool/drip "$dir/store/$1" $(($2 * per_second)) $per_second "${@:3}" >"$dir/$1.drip" 2>"$dir/$1.log"
}
begin_log() { build/tool/drip "$dir/store/$1" 0 1 >"$dir/log" && add "$1"; }
# done_of VM N: the Nth figure of the last line.
done_of() { awk -v n="$2" '$1 == "done" { print $(n + 1) }' "$dir/$1.drip"; }

delay() {
	begin_log live && drip live $seconds "$url" "$client" || return 2
	printf 'captured until cosigned, at %s records/s, ms: %s at most, %s on the average (%s records)\n' $per_second \
		"$(done_of live 2)" "$(done_of live 3)" "$(done_of live 4)"
	figure "captured until cosigned, 10,000/s, s" low "$(calc "$(done_of live 2) / 1000" 2)" - - 1 -
}

# The mirror is killed, and is back ten seconds later; capture goes on.
outage() {
	local worker back line
	begin_log away || return 2
	drip away 20 "$url" "$client" &
	worker=$!
	within_or_say 60 test -s "$dir/away.drip" || return 2
	kill -9 "$mirror" && wait "$mirror" 2>/dev/null
	sleep 10
	mirror_run || return 2
	back=$(now)
	wait $worker || return 2
	# All that had been put when the mirror was back is cosigned: when, and how much that was.
	line=$(awk -v back="$back" '$1 != "done" { if ($1 < back) had = $3; else if (!want) { want = $2; first = $1 }
		if (want && $3 >= want - 5000 && $1 >= back) { printf "%.1f %.1f %d", $1 - back, $1 - first, $3 - had; exit } }' \
		"$dir/away.drip")
	printf 'after an outage of 10 s at %s records/s all was cosigned again %s s after the mirror was back (%s records)\n' \
		$per_second "${line%% *}" "${line##* }"
	figure "up to date after an outage of 10 s, s" low "${line%% *}" - - - -
}

# What the thread that captures spends on a record, whatever the mirror does.
capture() {
	local slow none
	build/tool/wire "$port" rate=200000 >"$dir/wire" &
	pids="$pids $!"
	within_or_say 60 test -s "$dir/wire" || return 2
	slow=https://127.0.0.1:$(cat "$dir/wire")
	drip none $seconds && begin_log slow || return 2
	drip slow $seconds "$slow" "$client"
	begin_log dead && drip dead $seconds https://127.0.0.1:1 "$client"
	none=$(done_of none 1)
	printf 'processor time of the capturing thread for a record, ns: %s without a mirror, ' "$none"
	printf '%s with one, %s with a slow one\n' "$(done_of live 1)" "$(done_of slow 1)"
	printf '(200 kB/s; %s records were cosigned), %s with one that is dead\n' "$(done_of slow 4)" "$(done_of dead 1)"
	figure "capturing thread, ns a record, mirror dead" low "$(done_of dead 1)" "$none" "no mirror" - -
	figure "capturing thread, ns a record, mirror slow" low "$(done_of slow 1)" "$none" "no mirror" - -
}

# ---- the peers ----
# said NAME RECORDS SECONDS SENDER RECEIVER: RECORDS of them came in SECONDS, with so much processor time of the two.
said() {
	local rate
	rate=$(calc "$2 / $3")
	printf '%s, records/s: %s; processor time for a million: %s s at the host, %s s at the receiver%s\n' "$1" "$rate" \
		"$(per_million "$4" "$2")" "$(per_million "$5" "$2")" \
		"$([ "$2" -ge "$records" ] || echo " ($2 records were moved in $peer_seconds s)")"
	[ "$rate" -le "$fastest" ] || fastest=$rate fastest_name=$1
}
prepare_peers() {
	./logvisor show -o export web01 --no-pager -n "$records" >"$dir/export"
	./logvisor show -o cat web01 --no-pager -n "$records" >"$dir/text"
	lines=$(wc -l <"$dir/text")
	cert=$dir/config/server.pem key=$dir/config/server-key.pem ca=$dir/config/ca.pem
	client=$dir/config/clients/web01
	sed '/-----BEGIN PRIVATE KEY-----/,$d' "$client/client.pem" >"$dir/client.pem"
	sed -n '/-----BEGIN PRIVATE KEY-----/,$p' "$client/client.pem" >"$dir/client-key.pem"
}
all_received() { [ "$(wc -l <"$dir/received")" -ge "$lines" ]; }
relp() { # a file read, RELP over TLS, a file written
	local t receiver
	command -v rsyslogd >"$dir/log" || return 1
	mkdir -p "$dir/rs" "$dir/rc"
	cat >"$dir/receive.conf" <<-X
		global(workDirectory="$dir/rs" maxMessageSize="64k")
		module(load="imrelp" tls.tlslib="openssl")
		input(type="imrelp" port="$((port + 1))" tls="on" tls.cacert="$ca" tls.mycert="$cert" tls.myprivkey="$key"
			tls.authmode="certvalid" ruleset="keep")
		template(name="raw" type="string" string="%msg%\n")
		ruleset(name="keep") { action(type="omfile" file="$dir/received" template="raw") }
	X
	cat >"$dir/send.conf" <<-X
		global(workDirectory="$dir/rc" maxMessageSize="64k")
		module(load="omrelp" tls.tlslib="openssl")
		module(load="imfile" mode="inotify")
		input(type="imfile" file="$dir/text" tag="bench" ruleset="go")
		ruleset(name="go" queue.type="LinkedList" queue.size="200000" queue.dequeueBatchSize="4096") {
			action(type="omrelp" target="127.0.0.1" port="$((port + 1))" tls="on" tls.cacert="$ca" windowSize="4096"
				tls.mycert="$dir/client.pem" tls.myprivkey="$dir/client-key.pem" tls.authmode="certvalid")
		}
	X
	rsyslogd -n -f "$dir/receive.conf" -i "$dir/rs/pid" >"$dir/rs/out" 2>&1 &
	receiver=$!
	pids="$pids $receiver"
	within_or_say 60 listens $((port + 1)) || return 1
	: >"$dir/received"
	t=$(now)
	rsyslogd -n -f "$dir/send.conf" -i "$dir/rc/pid" >"$dir/rc/out" 2>&1 &
	pids="$pids $!"
	within $peer_seconds all_received
	t=$(calc "$(now) - $t" 3)
	said rsyslog "$(wc -l <"$dir/received")" "$t" "$(cpu $!)" "$(cpu "$receiver")"
	kill $! "$receiver"
}
journal() { # systemd-journal-upload to systemd-journal-remote
	local remote=/usr/lib/systemd/systemd-journal-remote upload=/usr/lib/systemd/systemd-journal-upload t receiver status n
	[ -x $remote ] && [ -x $upload ] || return 1
	mkdir -p "$dir/from" "$dir/to"
	timeout $peer_seconds $remote -o "$dir/from/all.journal" "$dir/export" 2>"$dir/log"
	$remote --listen-https="127.0.0.1:$((port + 2))" --split-mode=none -o "$dir/to/all.journal" --key "$key" \
		--cert "$cert" >"$dir/to/out" 2>&1 &
	receiver=$!
	pids="$pids $receiver"
	within_or_say 60 listens $((port + 2)) || return 1
	t=$(now)
	build/tool/cpu "$dir/cpu" timeout -k 1 $peer_seconds $upload --url "https://127.0.0.1:$((port + 2))" \
		--key "$dir/client-key.pem" --cert "$dir/client.pem" --trust "$ca" -D "$dir/from" --follow=no \
		--save-state="$dir/to/state" >"$dir/to/up" 2>&1
	status=$?
	[ $status -eq 0 ] || [ $status -eq 124 ] || [ $status -eq 137 ] || { tail -n 3 "$dir/to/up"; return 1; }
	t=$(calc "$(now) - $t" 3)
	# It begins a new file now and then.
	n=$(journalctl --header -D "$dir/to" | awk '/^Entry objects: / { n += $3 } END { print n }')
	said systemd-journal-upload "$n" "$t" "$(cat "$dir/cpu")" "$(cpu "$receiver")"
}

printf '%s records over TLS 1.3 on the loopback device; load %s\n\n' "$records" "$(cut -d ' ' -f 1-3 /proc/loadavg)"
./logvisor mirror init --config "$dir/config" --host 127.0.0.1 >"$dir/log" && mirror_run || exit 2
url=https://127.0.0.1:$port
bulk && prepare_peers || exit 2
relp || echo 'rsyslog: not measured'
journal || echo 'systemd-journal-upload: not measured'
rm -rf "$dir/from" "$dir/to" "$dir/export" "$dir/text" "$dir/received"
if [ "$fastest" -gt 0 ]; then
	printf 'ratio to the faster of the two (%s): %s\n' "$fastest_name" "$(calc "$ours / $fastest" 1)"
	figure "mirrored, records/s" high "$ours" "$fastest" "$fastest_name" 300000 3
fi
ten_logs && delay && outage && capture || exit 2
