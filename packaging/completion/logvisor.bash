# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2207
# Bash completion for logvisor(1).

# The names of the store's ledgers: $1, or the same default as the program's.
_logvisor_names() {
	local store=$1 d
	if [ -z "$store" ]; then
		if [ -n "$LOGVISOR_STORE" ]; then
			store=$LOGVISOR_STORE
		elif [ "$EUID" -eq 0 ]; then
			store=/var/lib/logvisor
		else
			store=${XDG_STATE_HOME:-$HOME/.local/state}/logvisor
		fi
	fi
	for d in "$store"/*/checkpoint; do
		[ -e "$d" ] && d=${d%/checkpoint} && printf '%s\n' "${d##*/}"
	done
}

_logvisor() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
	local commands="attach detach list doctor inspect show verify prove check-proof export push mirror restore logvm help version"
	local options store='' i
	COMPREPLY=()

	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "$commands" -- "$cur"))
		return
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do
		[ "${COMP_WORDS[i]}" = --store ] && store=${COMP_WORDS[i + 1]}
	done
	case $prev in
	--store | --tiles | --config | --mirror-client | --image)
		COMPREPLY=($(compgen -d -- "$cur"))
		return
		;;
	--vkey | --since-checkpoint | --policy)
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	-o | --output)
		if [ "$command" = show ]; then
			COMPREPLY=($(compgen -W "short short-full short-iso short-iso-precise short-precise short-monotonic short-unix verbose
				export json json-pretty json-sse json-seq cat with-unit raw framed" -- "$cur"))
		elif [ "$command" = prove ]; then
			COMPREPLY=($(compgen -f -- "$cur"))
		else
			COMPREPLY=($(compgen -W "json" -- "$cur"))
		fi
		return
		;;
	-p | --priority)
		COMPREPLY=($(compgen -W "emerg alert crit err warning notice info debug" -- "$cur"))
		return
		;;
	-S | --since | -U | --until)
		COMPREPLY=($(compgen -W "now today yesterday -5min -1h" -- "$cur"))
		return
		;;
	--facility)
		COMPREPLY=($(compgen -W "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp
			local0 local1 local2 local3 local4 local5 local6 local7" -- "$cur"))
		return
		;;
	-b | --boot)
		COMPREPLY=($(compgen -W "0 -1 all" -- "$cur"))
		return
		;;
	-F | --field | --output-fields)
		COMPREPLY=($(compgen -W "MESSAGE PRIORITY SYSLOG_FACILITY SYSLOG_IDENTIFIER _BOOT_ID _HOSTNAME _TRANSPORT
			_COMM _PID _KERNEL_SUBSYSTEM _KERNEL_DEVICE _LOGVISOR_CHANNEL _LOGVISOR_FIDELITY
			_LOGVISOR_KIND" -- "$cur"))
		return
		;;
	--cursor-file)
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	-c | --cursor | --after-cursor | -t | --identifier | -n | --lines | -g | --grep | --keep | --keep-time | --heartbeat | --max-hold | --on-full | --threads | -u | --unit | --channel | --channels | --pid | --uid | --exe | --container | --from | --mirror | --witness)
		return
		;;
	esac
	case $command in
	attach) options="--store --keep --keep-time --heartbeat --max-hold --on-full --strict --poll --channels
			--mirror --witness --mirror-client --policy" ;;
	detach) options="--store" ;;
	prove) options="--store --output --from --mirror-client" ;;
	list) options="--store --output --host --from --mirror-client" ;;
	doctor) options="--output" ;;
	inspect) options="--output --symbols" ;;
	show)
		options="--after-cursor --all --boot --case-sensitive --cursor --cursor-file --disk-usage --dmesg
			--channel --container --exe --facility --field --fields --follow --grep --header --identifier --lines --list-boots --merge --mismatch
			--no-hostname --no-pager --no-tail --output --output-fields --pager-end --pid --priority --quiet
			--reverse --show-cursor --since --store --uid --unit --until --utc --from --mirror-client"
		;;
	verify) options="--store --since-checkpoint --vkey --policy --output --threads --mirror --from --mirror-client" ;;
	check-proof) options="--vkey" ;;
	export) options="--store --tiles --from --mirror-client" ;;
	push) options="--store --mirror --witness --mirror-client --policy" ;;
	mirror) options="--config --store --listen --name --host --vkey --origin --days --renew --fingerprint --others" ;;
	restore) options="--store --vkey --from --mirror-client" ;;
	logvm) options="--image --disk --mem --cid --port --accel" ;;
	esac
	case $command:$cur in
	help:*) COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
	*:-*) COMPREPLY=($(compgen -W "$options" -- "$cur")) ;;
	detach:* | show:* | verify:* | prove:* | export:* | push:*)
		COMPREPLY=($(compgen -W "$(_logvisor_names "$store")" -- "$cur"))
		;;
	mirror:*) COMPREPLY=($(compgen -W "init add revoke list run" -- "$cur")) ;;
	check-proof:*) COMPREPLY=($(compgen -f -- "$cur")) ;;
	esac
}

complete -F _logvisor logvisor
