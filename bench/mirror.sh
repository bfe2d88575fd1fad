#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# How fast a mirror takes in a ledger over TLS on the loopback device, each record proven, stored, synced and cosigned;
# beside rsyslog (RELP over TLS to a file) and systemd-journal-upload to systemd-journal-remote (TLS), which move the
# same records in the same run, and prove and sync nothing of them: bench/mirror.sh [RECORDS]
#
# Then: catch-up after an outage, memory at ten logs, and how long after a record is appended it is cosigned at 10,000
# records/s. Times are wall time from the start of the sender until all is at the receiver; on a machine with other
# work only the ratios say something.
cd "$(dirname "$0")/.." || exit 2
. bench/table.sh
records=${1:-${BENCH_RECORDS:-1000000}}
make -s all tools || exit 2
dir=$(mktemp -d) || exit 2
pids=''
# shellcheck disable=SC2317
cleanup() {
	local p
	for p in $pids; do kill "$p" && wait "$p"; done 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
export LOGVISOR_STORE=$dir/store LC_ALL=C.UTF-8
chmod 755 "$dir"
mkdir "$dir/store"
port=$((20000 + $$ % 20000))

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { print b - a }'; }
rate() { awk -v n="$records" -v s="$1" 'BEGIN { printf "%.0f", n / s }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { print a / b }'; }
# wait_for SECONDS COMMAND...
wait_for() {
	local left=$(($1 * 20))
	shift
	until "$@"; do
		left=$((left - 1))
		[ $left -gt 0 ] || { echo "bench/mirror: $* did not come" >&2; return 1; }
		sleep 0.05
	done
}
cpu() { awk '{ print ($14 + $15) / 100 }' "/proc/$1/stat"; }

# ---- ours ----
build/tool/fill "$dir/store/web01" "$records" || exit 2
./logvisor mirror init --config "$dir/config" --host 127.0.0.1 >"$dir/log" || exit 2
client=$(./logvisor mirror add web01 --config "$dir/config" --vkey "$dir/store/web01/vkey")
for i in 1 2 3 4 5 6 7 8 9; do
	build/tool/fill "$dir/store/more$i" 10000
	./logvisor mirror add more$i --config "$dir/config" --vkey "$dir/store/more$i/vkey" >"$dir/log"
done
url=https://127.0.0.1:$port
./logvisor mirror run --config "$dir/config" --store "$dir/kept" --listen "$url" >"$dir/out" 2>&1 &
mirror=$!
pids="$pids $mirror"
wait_for 60 grep -q '^ready' "$dir/out" || exit 2
t=$(now)
./logvisor push web01 --mirror "$url" --mirror-client "$client" 2>"$dir/log" || { cat "$dir/log"; exit 2; }
ours=$(rate "$(since "$t")")
ours_cpu=$(awk -v c="$(cpu $mirror)" -v n="$records" 'BEGIN { printf "%.0f", c * 1e9 / n }')
catch=''
for i in 1 2 3 4 5 6 7 8 9; do
	./logvisor push more$i --mirror "$url" --mirror-client "$dir/config/clients/more$i" 2>"$dir/log" &
	catch="$catch $!"
done
for p in $catch; do wait "$p"; done
rss=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$mirror/status")

# Each 100 ms 1,000 records, appended and signed, then pushed: the longest until the cosignature is here.
longest=0
for i in 1 2 3 4 5 6 7 8 9 10; do
	t=$(now)
	build/tool/fill "$dir/store/web01" 1000
	./logvisor push web01 --mirror "$url" --mirror-client "$client" 2>"$dir/log" || exit 2
	longest=$(awk -v a="$(since "$t")" -v b="$longest" 'BEGIN { print (a > b ? a : b) }')
done

# ---- the peers ----
./logvisor show -o export web01 --no-pager -n "$records" >"$dir/export"
./logvisor show -o cat web01 --no-pager -n "$records" >"$dir/text"
cert=$dir/config/server.pem key=$dir/config/server-key.pem ca=$dir/config/ca.pem
sed '/-----BEGIN PRIVATE KEY-----/,$d' "$client/client.pem" >"$dir/client.pem"
sed -n '/-----BEGIN PRIVATE KEY-----/,$p' "$client/client.pem" >"$dir/client-key.pem"
relp() { # rsyslog: a file read, RELP over TLS, a file written
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
	pids="$pids $!"
	wait_for 60 bash -c "exec 3<>/dev/tcp/127.0.0.1/$((port + 1))" 2>"$dir/log" || return 1
	: >"$dir/received"
	t=$(now)
	rsyslogd -n -f "$dir/send.conf" -i "$dir/rc/pid" >"$dir/rc/out" 2>&1 &
	pids="$pids $!"
	wait_for 600 all_received || return 1
	relp=$(rate "$(since "$t")")
}
all_received() {
	[ "$(wc -l <"$dir/received")" -ge "$(wc -l <"$dir/text")" ]
}
journal() { # systemd-journal-upload to systemd-journal-remote
	local remote=/usr/lib/systemd/systemd-journal-remote upload=/usr/lib/systemd/systemd-journal-upload
	[ -x $remote ] && [ -x $upload ] || return 1
	mkdir -p "$dir/from" "$dir/to"
	$remote -o "$dir/from/all.journal" "$dir/export" 2>"$dir/log" || return 1
	$remote --listen-https="127.0.0.1:$((port + 2))" --split-mode=none -o "$dir/to/all.journal" --key "$key" --cert "$cert" \
		>"$dir/to/out" 2>&1 &
	pids="$pids $!"
	wait_for 60 bash -c "exec 3<>/dev/tcp/127.0.0.1/$((port + 2))" 2>"$dir/log" || return 1
	t=$(now)
	$upload --url "https://127.0.0.1:$((port + 2))" --key "$dir/client-key.pem" --cert "$dir/client.pem" --trust "$ca" \
		-D "$dir/from" --follow=no --save-state="$dir/to/state" >"$dir/to/up" 2>&1 || { tail -n 3 "$dir/to/up"; return 1; }
	journal=$(rate "$(since "$t")")
}

printf '%s records over TLS 1.3 on the loopback device\n\n' "$records"
printf 'logvisor push to logvisor mirror: %s records/s; the mirror, ns of processor time for a record: %s\n' "$ours" "$ours_cpu"
relp='' journal=''
relp && printf 'rsyslog, RELP over TLS, records/s: %s\n' "$relp"
journal && printf 'systemd-journal-upload, records/s: %s\n' "$journal"
fastest=$(printf '%s\n' ${relp:-0} ${journal:-0} | sort -n | tail -n 1) name=rsyslog
[ "$fastest" = "${relp:-0}" ] || name=systemd-journal-upload
printf 'the mirror, at ten logs, MiB: %s; 1,000 records appended, signed, pushed and cosigned: at most %s s\n' \
	"$(ratio "$rss" 1024)" "$longest"
[ "$fastest" -gt 0 ] && figure "mirrored, records/s" high "$ours" "$fastest" "$name" 300000 3
figure "mirror's memory at ten logs, MiB" low "$(ratio "$rss" 1024)" - - 32 -
figure "until cosigned, s, 1,000 records at a time" low "$longest" - - 1 -
