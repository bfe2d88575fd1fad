# SPDX-License-Identifier: BSD-3-Clause
# Fish completion for logvisor(1).

# The names of the store's ledgers: that of --store, or the same default as the program's.
function __logvisor_names
    set -l words (commandline -opc)
    set -l store $LOGVISOR_STORE
    if set -l i (contains -i -- --store $words)
        set store $words[(math $i + 1)]
    end
    if test -z "$store"
        if test (id -u) -eq 0
            set store /var/lib/logvisor
        else if test -n "$XDG_STATE_HOME"
            set store $XDG_STATE_HOME/logvisor
        else
            set store $HOME/.local/state/logvisor
        end
    end
    for checkpoint in $store/*/checkpoint
        string replace -r '.*/([^/]*)/checkpoint$' '$1' -- $checkpoint
    end
end

function __logvisor_needs_command
    test (count (commandline -opc)) -eq 1
end

function __logvisor_in
    set -l words (commandline -opc)
    test (count $words) -ge 2; and contains -- $words[2] $argv
end

complete -c logvisor -f
complete -c logvisor -n __logvisor_needs_command -a attach -d 'protect a running VM\'s logs'
complete -c logvisor -n __logvisor_needs_command -a detach -d 'end the protection; the VM runs on'
complete -c logvisor -n __logvisor_needs_command -a list -d 'the ledgers of the store, or this host\'s KVM VMs'
complete -c logvisor -n __logvisor_needs_command -a doctor -d 'can this host\'s VMs be protected, by the kvm or the xen backend?'
complete -c logvisor -n __logvisor_needs_command -a inspect -d 'what is found in a guest\'s memory'
complete -c logvisor -n __logvisor_needs_command -a show -d 'print the records'
complete -c logvisor -n __logvisor_needs_command -a verify -d 'prove that nothing was altered or removed'
complete -c logvisor -n __logvisor_needs_command -a prove -d 'write a proof for one record'
complete -c logvisor -n __logvisor_needs_command -a check-proof -d 'check a proof without the ledger'
complete -c logvisor -n __logvisor_needs_command -a export -d 'write the standard tlog tile tree'
complete -c logvisor -n __logvisor_needs_command -a push -d 'store a ledger at mirrors, and have witnesses cosign it'
complete -c logvisor -n __logvisor_needs_command -a mirror -d 'keep the ledgers of other hosts'
complete -c logvisor -n __logvisor_needs_command -a restore -d 'bring a lost host\'s ledger back from a mirror'
complete -c logvisor -n __logvisor_needs_command -a logvm -d 'run the log VM'
complete -c logvisor -n __logvisor_needs_command -a help -d 'this text, or a command\'s options'
complete -c logvisor -n __logvisor_needs_command -a version -d 'version and backends'
complete -c logvisor -n '__logvisor_in detach show verify prove export push' -a '(__logvisor_names)'
complete -c logvisor -n '__logvisor_in help' -a 'attach detach list doctor inspect show verify prove check-proof export push mirror restore logvm help version'
complete -c logvisor -n '__logvisor_in check-proof' -F
complete -c logvisor -n '__logvisor_in attach' -l channels -x -a 'kernel syslog journal stdout audit files=' -d 'keep these only: kernel,syslog,journal,stdout,audit (default: these)'
complete -c logvisor -n '__logvisor_in attach' -l keep -x -d 'remove the oldest records beyond so much: 500M, 20G'
complete -c logvisor -n '__logvisor_in attach' -l keep-time -x -d 'remove records older than: 12h, 30d, 52w'
complete -c logvisor -n '__logvisor_in attach' -l heartbeat -x -d 'write counters into the ledger so often (60s)'
complete -c logvisor -n '__logvisor_in attach' -l max-hold -x -d 'hold the VM so long when records cannot be stored'
complete -c logvisor -n '__logvisor_in attach' -l on-full -x -a 'hold gap' -d 'when records come faster than they can be taken away, hold the VM'
complete -c logvisor -n '__logvisor_in attach' -l strict -d 'stop the VM for each record in a flood too (gdb)'
complete -c logvisor -n '__logvisor_in attach' -l poll -d 'plant nothing in the VM, look at its log every few milliseconds (xen)'
complete -c logvisor -n '__logvisor_in attach' -l store -r -a '(__fish_complete_directories)' -d 'where the ledgers are'
complete -c logvisor -n '__logvisor_in detach' -l store -r -a '(__fish_complete_directories)' -d 'where the ledgers are'
complete -c logvisor -n '__logvisor_in list' -l host -d 'the KVM VMs of this host instead, whatever their VMM'
complete -c logvisor -n '__logvisor_in list' -s o -l output -x -a 'text json' -d 'json: one object a line'
complete -c logvisor -n '__logvisor_in list' -l store -r -a '(__fish_complete_directories)' -d 'where the ledgers are'
complete -c logvisor -n '__logvisor_in list' -l from -x -d 'what this mirror has, not what the store has'
complete -c logvisor -n '__logvisor_in list' -l mirror-client -r -a '(__fish_complete_directories)' -d 'our certificate for it'
complete -c logvisor -n '__logvisor_in doctor' -s o -l output -x -a 'text json' -d 'json: one object a line'
complete -c logvisor -n '__logvisor_in inspect' -s o -l output -x -a 'text json' -d 'json: for programs'
complete -c logvisor -n '__logvisor_in inspect' -l symbols -d 'the kernel\'s symbols instead, as in /proc/kallsyms'
complete -c logvisor -n '__logvisor_in show' -s S -l since -x -a 'now today yesterday -5min -1h' -d 'not older'
complete -c logvisor -n '__logvisor_in show' -s U -l until -x -a 'now today yesterday -5min -1h' -d 'not newer'
complete -c logvisor -n '__logvisor_in show' -s b -l boot -d '0 the guest\'s latest, -1 the one before; ID[+-N]; all'
complete -c logvisor -n '__logvisor_in show' -s k -l dmesg -d 'the kernel\'s log, of the latest boot if no other is given'
complete -c logvisor -n '__logvisor_in show' -s p -l priority -x -a 'emerg alert crit err warning notice info debug' -d 'err: that and graver; warning..crit: a range; or 0-7'
complete -c logvisor -n '__logvisor_in show' -l facility -x -a 'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp local0 local1 local2 local3 local4 local5 local6 local7' -d 'kern,daemon,...; help lists them'
complete -c logvisor -n '__logvisor_in show' -s t -l identifier -x -d 'of this program, by its own word or its process\'s name'
complete -c logvisor -n '__logvisor_in show' -s u -l unit -x -d 'of this unit\'s processes, and what systemd says of it'
complete -c logvisor -n '__logvisor_in show' -l channel -x -a 'kernel syslog journal stdout audit files wtmp btmp lastlog' -d 'kernel,syslog,journal,stdout,audit,files,wtmp,btmp,lastlog'
complete -c logvisor -n '__logvisor_in show' -l pid -x -d 'of this process'
complete -c logvisor -n '__logvisor_in show' -l uid -x -d 'of this user\'s processes'
complete -c logvisor -n '__logvisor_in show' -l exe -r -d 'of processes that run this file'
complete -c logvisor -n '__logvisor_in show' -l container -x -d 'of this container: its id, 12 digits or more, or its machine\'s name'
complete -c logvisor -n '__logvisor_in show' -l mismatch -d 'only those that claim to be of another sender than was seen'
complete -c logvisor -n '__logvisor_in show' -s g -l grep -x -d 'Perl-compatible; case counts if it has an upper case letter'
complete -c logvisor -n '__logvisor_in show' -l case-sensitive -d 'decides whether case counts'
complete -c logvisor -n '__logvisor_in show' -s c -l cursor -x -d 'from that place on'
complete -c logvisor -n '__logvisor_in show' -l after-cursor -x -d 'from behind that place on'
complete -c logvisor -n '__logvisor_in show' -l cursor-file -r -F -d 'behind the place in FILE, and then keep the new one there'
complete -c logvisor -n '__logvisor_in show' -s m -l merge -d 'all ledgers of the store, merged by time'
complete -c logvisor -n '__logvisor_in show' -s f -l follow -d 'go on printing as records arrive'
complete -c logvisor -n '__logvisor_in show' -s n -l lines -d 'the last N (10); +N: the first N; all: every one'
complete -c logvisor -n '__logvisor_in show' -l no-tail -d 'every one, also with -f'
complete -c logvisor -n '__logvisor_in show' -s r -l reverse -d 'newest first'
complete -c logvisor -n '__logvisor_in show' -s e -l pager-end -d 'begin at the end in the pager: -n 1000 of the latest boot'
complete -c logvisor -n '__logvisor_in show' -s a -l all -d 'heartbeats too'
complete -c logvisor -n '__logvisor_in show' -s o -l output -x -a 'short short-full short-iso short-iso-precise short-precise short-monotonic short-unix verbose export json json-pretty json-sse json-seq cat with-unit raw framed' -d 'short, json, verbose, ...; help lists them'
complete -c logvisor -n '__logvisor_in show' -l output-fields -x -a 'MESSAGE PRIORITY SYSLOG_FACILITY SYSLOG_IDENTIFIER _BOOT_ID _HOSTNAME _TRANSPORT _COMM _PID _KERNEL_SUBSYSTEM _KERNEL_DEVICE _LOGVISOR_CHANNEL _LOGVISOR_FIDELITY _LOGVISOR_KIND' -d 'these only, in verbose, json, export and cat'
complete -c logvisor -n '__logvisor_in show' -l show-cursor -d 'the place of the last record, at the end'
complete -c logvisor -n '__logvisor_in show' -l no-hostname -d 'short forms without the VM\'s name'
complete -c logvisor -n '__logvisor_in show' -l utc -d 'times in UTC'
complete -c logvisor -n '__logvisor_in show' -s q -l quiet -d 'nothing but records on standard output'
complete -c logvisor -n '__logvisor_in show' -l no-pager -d 'do not page on a terminal'
complete -c logvisor -n '__logvisor_in show' -l list-boots -d 'the guest\'s boots instead'
complete -c logvisor -n '__logvisor_in show' -s F -l field -x -a 'MESSAGE PRIORITY SYSLOG_FACILITY SYSLOG_IDENTIFIER _BOOT_ID _HOSTNAME _TRANSPORT _COMM _PID _KERNEL_SUBSYSTEM _KERNEL_DEVICE _LOGVISOR_CHANNEL _LOGVISOR_FIDELITY _LOGVISOR_KIND' -d 'the values that FIELD has instead'
complete -c logvisor -n '__logvisor_in show' -s N -l fields -d 'the names of all fields instead'
complete -c logvisor -n '__logvisor_in show' -l disk-usage -d 'the room that the ledgers take instead'
complete -c logvisor -n '__logvisor_in show' -l header -d 'what the ledger\'s files say of it instead'
complete -c logvisor -n '__logvisor_in show' -l store -r -a '(__fish_complete_directories)' -d 'where the ledgers are'
complete -c logvisor -n '__logvisor_in show' -l from -x -d 'what this mirror has, not what the store has'
complete -c logvisor -n '__logvisor_in show' -l mirror-client -r -a '(__fish_complete_directories)' -d 'our certificate for it'
complete -c logvisor -n '__logvisor_in verify' -l since-checkpoint -r -F -d 'and that it contains all of that earlier checkpoint'
complete -c logvisor -n '__logvisor_in verify' -l vkey -r -F -d 'signed by this key, not by the one beside the ledger'
complete -c logvisor -n '__logvisor_in verify' -s o -l output -x -a 'text json' -d 'json: for programs'
complete -c logvisor -n '__logvisor_in verify' -l threads -x -d 'how many at once'
complete -c logvisor -n '__logvisor_in verify' -l store -r -a '(__fish_complete_directories)' -d 'where the ledgers are'
complete -c logvisor -n '__logvisor_in verify' -l from -x -d 'what this mirror has, not what the store has'
complete -c logvisor -n '__logvisor_in verify' -l mirror-client -r -a '(__fish_complete_directories)' -d 'our certificate for it'
complete -c logvisor -n '__logvisor_in verify' -l mirror -x -d 'and that this mirror has stored the same; names the first difference'
complete -c logvisor -n '__logvisor_in prove' -s o -l output -r -F -d 'there, not to standard output'
complete -c logvisor -n '__logvisor_in prove' -l store -r -a '(__fish_complete_directories)' -d 'where the ledgers are'
complete -c logvisor -n '__logvisor_in prove' -l from -x -d 'what this mirror has, not what the store has'
complete -c logvisor -n '__logvisor_in prove' -l mirror-client -r -a '(__fish_complete_directories)' -d 'our certificate for it'
complete -c logvisor -n '__logvisor_in check-proof' -l vkey -r -F -d 'the ledger\'s verifier key'
complete -c logvisor -n '__logvisor_in export' -l tiles -r -a '(__fish_complete_directories)' -d 'where to'
complete -c logvisor -n '__logvisor_in export' -l store -r -a '(__fish_complete_directories)' -d 'where the ledgers are'
complete -c logvisor -n '__logvisor_in mirror' -a 'init add revoke list run'
complete -c logvisor -n '__logvisor_in mirror' -l config -r -a '(__fish_complete_directories)' -d 'keys, certificates and rights'
complete -c logvisor -n '__logvisor_in mirror' -l store -r -a '(__fish_complete_directories)' -d 'where the ledgers are'
complete -c logvisor -n '__logvisor_in mirror' -l listen -x -d 'where clients reach it'
complete -c logvisor -n '__logvisor_in mirror' -l name -x -d 'of the mirror\'s key'
complete -c logvisor -n '__logvisor_in mirror' -l host -x -d 'a name or address that clients use'
complete -c logvisor -n '__logvisor_in mirror' -l vkey -r -F -d 'the log\'s verifier key'
complete -c logvisor -n '__logvisor_in mirror' -l origin -x -d 'the log\'s name'
complete -c logvisor -n '__logvisor_in mirror' -l days -x -d 'how long a certificate is valid'
complete -c logvisor -n '__logvisor_in mirror' -l renew -d 'make a new certificate'
complete -c logvisor -n '__logvisor_in mirror' -l fingerprint -x -d 'of this certificate only'
complete -c logvisor -n '__logvisor_in mirror' -l others -d 'of all but the newest'
complete -c logvisor -n '__logvisor_in export' -l from -x -d 'what this mirror has, not what the store has'
complete -c logvisor -n '__logvisor_in export' -l mirror-client -r -a '(__fish_complete_directories)' -d 'our certificate for it'
complete -c logvisor -n '__logvisor_in restore' -l vkey -r -F -d 'what it was signed with'
complete -c logvisor -n '__logvisor_in restore' -l store -r -a '(__fish_complete_directories)' -d 'where the ledgers are'
complete -c logvisor -n '__logvisor_in restore' -l from -x -d 'what this mirror has, not what the store has'
complete -c logvisor -n '__logvisor_in restore' -l mirror-client -r -a '(__fish_complete_directories)' -d 'our certificate for it'
complete -c logvisor -n '__logvisor_in attach' -l mirror -x -d 'keep a copy at this mirror'
complete -c logvisor -n '__logvisor_in attach' -l witness -x -d 'have this C2SP witness cosign the checkpoints'
complete -c logvisor -n '__logvisor_in attach' -l mirror-client -r -a '(__fish_complete_directories)' -d 'certificate, key and mirror.vkey for the URL before it'
complete -c logvisor -n '__logvisor_in attach' -l policy -r -F -d 'C2SP tlog-policy: the cosigners\' keys, and which are enough'
complete -c logvisor -n '__logvisor_in push' -l mirror -x -d 'keep a copy at this mirror'
complete -c logvisor -n '__logvisor_in push' -l witness -x -d 'have this C2SP witness cosign the checkpoints'
complete -c logvisor -n '__logvisor_in push' -l mirror-client -r -a '(__fish_complete_directories)' -d 'certificate, key and mirror.vkey for the URL before it'
complete -c logvisor -n '__logvisor_in push' -l policy -r -F -d 'C2SP tlog-policy: the cosigners\' keys, and which are enough'
complete -c logvisor -n '__logvisor_in push' -l store -r -a '(__fish_complete_directories)' -d 'where the ledgers are'
complete -c logvisor -n '__logvisor_in verify' -l policy -r -F -d 'C2SP tlog-policy: which cosignatures are enough'
complete -c logvisor -n '__logvisor_in logvm' -a run
complete -c logvisor -n '__logvisor_in logvm' -l image -r -a '(__fish_complete_directories)' -d 'what make logvm built'
complete -c logvisor -n '__logvisor_in logvm' -l disk -x -d 'size of the data disk, when it is made'
complete -c logvisor -n '__logvisor_in logvm' -l mem -x -d 'memory'
complete -c logvisor -n '__logvisor_in logvm' -l cid -x -d 'vsock address'
complete -c logvisor -n '__logvisor_in logvm' -l port -x -d 'without vhost-vsock: TCP port on 127.0.0.1'
complete -c logvisor -n '__logvisor_in logvm' -l accel -x -a 'kvm tcg xen' -d 'kvm, or tcg where there is none; xen in Domain 0'
