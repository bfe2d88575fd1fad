# shellcheck shell=sh
# shellcheck disable=SC2154
# SPDX-License-Identifier: BSD-3-Clause
# apps.sh - for tests of what programs log, with the daemons of a whole Debian (tests/lab/debian); source it from the
# tree's top.
. tests/lab/e2e.sh

# start_debian NAME SUITE [FILE...]
start_debian() {
	mkdir -p "$dir/$1"
	vms="$vms $1"
	apps_vm=$dir/$1
	shift
	tests/lab/debian start "$apps_vm" "$@"
}

# in_trixie SCENE: with Debian 13, when there is time for it.
in_trixie() {
	if [ -z "${LOGVISOR_LONG-}" ]; then
		skip "$1 of Debian 13" 'LOGVISOR_LONG is not set'
		return
	fi
	# shellcheck disable=SC2034
	suite=trixie
	"scene_$1"
}

# inside NAME SCRIPT: run a script of several lines in the guest. (In a nested host, on a busy machine, a login takes minutes.)
inside() {
	tests/lab/vm run -t 1200 "$dir/$1" "eval \"\$(echo $(printf '%s' "$2" | base64 -w 0) | base64 -d)\""
}

# follow NAME [attach's options]: attach, until what programs log arrives; from there on all is to be in the ledger.
# $begin is a message that stands where that is.
begin='' apps_begins=0
follow() {
	attach "$@" --max-hold=10m # whatever slows the worker down on KVM
	within 120 apps_begun "$1" && return
	sed 's/^/# /' "$dir/$1.log"
	return 1
}
# One more such message; stored in 2 s?
apps_begun() {
	apps_begins=$((apps_begins + 1))
	begin="begin-$$-$apps_begins-"
	apps_since=$(guest "$1" "date +%s && logger -t lab $begin") || return
	apps_left=20
	until stored "$1" "$begin"; do
		apps_left=$((apps_left - 1))
		[ $apps_left -gt 0 ] || return
		sleep 0.1
	done
}

# arrived NAME: all that was logged up to now is stored, whichever way it goes (waits 120 s).
apps_n=0
arrived() {
	apps_n=$((apps_n + 1))
	guest "$1" "logger -t lab arrived-$$-$apps_n-" && within 120 stored "$1" "arrived-$$-$apps_n-"
}

# json NAME FILTER: the ledger's records as jq's FILTER shows them.
json() {
	./logvisor show --no-pager -o json "$1" | jq -r "$2"
}
# sent NAME REGEX FILTER: is there a record whose message matches, and for which jq's FILTER holds? One is shown if not.
sent() {
	./logvisor show --no-pager -o json "$1" | jq -c "select(.MESSAGE | tostring | test(\"$2\"))" >"$dir/sent"
	[ -n "$(jq -c "select($3)" "$dir/sent" | head -n 1)" ] && return
	echo "# of $(wc -l <"$dir/sent") records with $2 none has $3; the first:"
	head -n 1 "$dir/sent" | sed 's/^/# /'
	return 1
}
# count NAME REGEX: how many records have a message that matches.
count() {
	./logvisor show --no-pager -o cat -g "$2" "$1" | wc -l
}

# Lines in $1 that are not in $2, each as often as it stands there: none. Shows the first of them.
apps_within() {
	sort "$1" >"$1.sorted"
	sort "$2" >"$2.sorted"
	comm -23 "$1.sorted" "$2.sorted" >"$dir/missing"
	[ -s "$1" ] && [ ! -s "$dir/missing" ] && return
	echo "# $(wc -l <"$dir/missing") of $(wc -l <"$1") lines are not in the ledger, as:"
	head -n 5 "$dir/missing" | cut -c1-300 | sed 's/^/#   /'
	return 1
}

# (journald takes white space off both ends of a message.)
# journal_kept NAME: whatever journald stored that came from a program since $begin is in the ledger, with the same
# bytes and the same sender, as often. (What journald says itself never was in a socket.)
journal_kept() {
	apps_fields='[._TRANSPORT, ._PID, ._UID, ._GID,
		(.MESSAGE | if type == "string" then sub("^\\s+"; "") | sub("\\s+$"; "") else . end)]'
	apps_journal="journalctl -aq -S @$apps_since -o json --output-fields=_TRANSPORT,_PID,_UID,_GID,MESSAGE"
	tests/lab/vm take -t 1200 "$dir/$1" "$dir/journal" "journalctl --sync; $apps_journal | sed -n '/$begin/,\$p' | /lab/lab out"
	arrived "$1"
	jq -c "select(._TRANSPORT | IN(\"syslog\", \"journal\", \"stdout\")) | $apps_fields" "$dir/journal" >"$dir/journal.kept"
	json "$1" "select(._TRANSPORT | IN(\"syslog\", \"journal\", \"stdout\")) | $apps_fields | @json" >"$dir/ledger"
	apps_within "$dir/journal.kept" "$dir/ledger"
}

# rsyslog_kept NAME: the same for what rsyslog wrote to /var/log/syslog and auth.log since $begin, by tag and text.
rsyslog_kept() {
	tests/lab/vm take -t 1200 "$dir/$1" "$dir/syslog" 'cat /var/log/syslog /var/log/auth.log | /lab/lab out'
	arrived "$1"
	apps_at=$(sed -n "/$begin/{s/ .*//p;q;}" "$dir/syslog")
	# TIME HOST TAG[PID]: TEXT
	awk -v at="$apps_at" '$1 >= at && $3 !~ /^(rsyslogd|kernel|systemd-journald\[[0-9]*\]):/' "$dir/syslog" |
		sed 's/^[^ ]* [^ ]* //; s/\[[0-9]*\]: /: /' >"$dir/syslog.kept"
	json "$1" 'select(._TRANSPORT | IN("syslog", "journal", "stdout")) | "\(.SYSLOG_IDENTIFIER): \(.MESSAGE)"' |
		sed 's/\[[0-9]*\]: /: /' >"$dir/ledger"
	apps_within "$dir/syslog.kept" "$dir/ledger"
}

# audit_kept NAME: the same for auditd's log, but for what auditd itself says (types DAEMON_...) and adds (names). Nor is a
# record that only ends an event (1320, EOE) in the ledger.
audit_kept() {
	tests/lab/vm take -t 1200 "$dir/$1" "$dir/audit" 'cat /var/log/audit/audit.log | /lab/lab out'
	arrived "$1"
	./logvisor show --no-pager -o raw "$1" | grep -a ' audit \[logvisor@32473 ch="audit"' >"$dir/audit.raw"
	! grep -aq ' type="1320"' "$dir/audit.raw" || return 1
	sed 's/^[^]]*\] //' "$dir/audit.raw" >"$dir/ledger"
	apps_first=$(sed -n '1s/^audit(\([0-9.]*\):.*/\1/p' "$dir/ledger")
	grep -av '^type=DAEMON_' "$dir/audit" | sed "s/^type=[^ ]* msg=//; s/$(printf '\035').*//" |
		awk -F '[(:]' -v at="$apps_first" '$2 > at' >"$dir/audit.kept"
	apps_within "$dir/audit.kept" "$dir/ledger"
}
