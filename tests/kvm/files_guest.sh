# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# Log files through the kvm backend, in a nested host: what befalls their names, and a file system on a disk.
. tests/lab/e2e.sh
suite=${LOGVISOR_LAB_SUITES:-bookworm}
suite=${suite# }
suite=${suite%% *}
count=60

begin() { # begin [vm start's options]
	ok 'a guest boots' start_vm vm --kernel "$suite" --smp 2 "$@" || return 1
	ok 'it panics at the first warning from here on' panicky vm
	boot=$(boot_id vm)
	guest vm 'mkdir -p /var/log/app /var/log/emit /srv' >/dev/null
}
sound() {
	[ "$(boot_id vm)" = "$boot" ]
}
follow() { # follow [CHANNELS]
	attach vm --max-hold=10m --channels "kernel,files=/var/log/**${1+,$1}"
	ok 'a worker attaches' within 60 grep -q following "$dir/vm.log" || { sed 's/^/# /' "$dir/vm.log"; return 1; }
}
# told FILTER...: text, and what was done, of the records of files that match.
told() {
	./logvisor show --no-pager -o json --channel files vm "$@" |
		sed 's/.*"MESSAGE":"\([^"]*\)".*/\1/'
}
# op FILE OP COMM TEXT: is there a record, a warning, of that?
op() {
	./logvisor show --no-pager -o json --channel files vm "_LOGVISOR_FILE=$1" "_LOGVISOR_OP=$2" "_COMM=$3" |
		grep '"PRIORITY":"4"' | grep -q "$4"
}
# Where the code in the guest is, of each site.
ways() {
	sed -n 's/.*log files, \(.*: .* led through .* bytes at .*\), which.*/\1/p' "$dir/vm.log" | sort
}

scene_names() {
	begin || return
	guest vm 'echo old >/srv/in; echo old >/var/log/app/victim; echo old >/var/log/app/cut' >/dev/null
	follow || return
	is 'seven functions are led through a filter in the guest' "$(ways | wc -l)" 7
	guest vm 'cd /var/log/app; mv /srv/in in; echo after >>in; echo new >x; mv x victim; echo more >>victim' >/dev/null
	guest vm 'cd /var/log/app; mv in /srv/out; echo outside >>/srv/out; : >cut; touch -d 2001-01-01 cut; chmod 600 cut' >/dev/null
	guest vm 'cd /var/log; ln app/victim second; rm second; mkdir new; echo deep >new/file; echo nothing >/srv/no; rm /srv/no' >/dev/null
	guest vm 'cd /var/log/app; i=0; while [ $i -lt 100 ]; do echo "short-lived $i" >f; rm f; i=$((i + 1)); done' >/dev/null
	guest vm 'cd /var/log/app; sh -c "exec >g; rm g; echo into-the-deleted"; echo a >sparse; dd if=/dev/zero of=sparse bs=1 count=1 seek=9000 conv=notrunc' >/dev/null 2>&1
	ok 'all of it is stored' settled vm
	ok 'who moved a file in' op /var/log/app/in moved-in mv 'a file of another name'
	is 'what was written to it since' "$(told _LOGVISOR_FILE=/var/log/app/in | grep after)" after
	ok 'who replaced one' op /var/log/app/victim unlink mv 'deleted, with 4 bytes'
	ok 'by which' op /var/log/app/x rename mv '"_LOGVISOR_TO":"/var/log/app/victim"'
	is 'what was written to it then' "$(told _LOGVISOR_FILE=/var/log/app/victim | grep more)" more
	ok 'who moved one out' op /var/log/app/in rename mv '"_LOGVISOR_TO":"/srv/out"'
	ok 'who cut one' op /var/log/app/cut truncate init 'cut from 4 to 0'
	ok 'who set its time' op /var/log/app/cut overwrite touch 'its time was set'
	is 'a changed mode is nothing' "$(told _COMM=chmod)" ''
	ok 'who deleted one of two names' op /var/log/app/victim unlink rm 'one of its names was removed, 1 are left'
	is 'a file in a new directory' "$(told _LOGVISOR_FILE=/var/log/new/file)" deep
	is 'nothing of other files' "$(told | grep -c nothing)" 0
	is 'a hundred files that were there for a moment, in order' "$(told _LOGVISOR_FILE=/var/log/app/f | grep -c '^short-lived')" 100
	is 'and that each was deleted' "$(told _LOGVISOR_FILE=/var/log/app/f _LOGVISOR_OP=unlink | wc -l)" 100
	is 'what is written to a deleted one' "$(told -g into-the-deleted | wc -l)" 1
	is 'a hole is told' "$(told _LOGVISOR_FILE=/var/log/app/sparse _LOGVISOR_OP=extend | wc -l)" 1
	guest vm 'mkdir -p /var/log/mnt && mount -t tmpfs tmpfs /var/log/mnt' >/dev/null
	ok 'a file system mounted below is followed soon' within 60 mounted
	ok 'no gap, no alert' eventless vm
	detach_worker "$worker"
	ok 'taken out' grep -q following "$dir/vm.log"
	guest vm 'echo unseen >>/var/log/app/cut' >/dev/null
	ok 'the guest is sound' sound
	forget vm
}
mounted() {
	mounted_n=$((${mounted_n-0} + 1))
	guest vm "echo mounted-$mounted_n- >>/var/log/mnt/file" >/dev/null
	settled vm && ./logvisor show --no-pager -o json --channel files vm _LOGVISOR_FILE=/var/log/mnt/file |
		grep -v '"_LOGVISOR_FID":"late"' | grep -q "mounted-$mounted_n-"
}

# With what tests/kvm/files_test put into the guest: modules, and a file system.
scene_disk() {
	begin --initrd initramfs-files --mem 384 || return
	ok 'ext4 is mounted' guest vm 'modprobe loop && losetup /dev/loop0 /ext4 && mount -t ext4 /dev/loop0 /var/log'
	guest vm 'mkdir -p /var/log/emit /var/log/app' >/dev/null
	follow 'files=/srv/up/*' || return
	ok 'four processes append, two threads each' guest vm "lab emit files 4 $count 2 300"
	ok 'all of it is stored' settled vm
	ok 'each line once, in order, byte for byte, with its sender' emitted vm 4 2 "$count" 300
	guest vm 'cd /var/log/app; echo one >x; sync; echo 3 >/proc/sys/vm/drop_caches; echo two >>x; : >x; mv x y; rm y' >/dev/null
	ok 'all of it is stored' settled vm
	is 'lines behind what is not in memory any more' "$(told _LOGVISOR_FILE=/var/log/app/x | grep -E '^(one|two)$' | tr '\n' ' ')" 'one two '
	ok 'who cut it' op /var/log/app/x truncate init 'cut from 8 to 0'
	ok 'who deleted it' op /var/log/app/y unlink rm 'deleted, with 0 bytes'
	ok 'no gap, no alert' eventless vm
	detach_worker "$worker"
	ok 'the guest is sound' sound
	forget vm
}

scenes "$@"
