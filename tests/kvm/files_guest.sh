# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# Log files through the kvm backend, in a nested host: what befalls their names, and a file system on a disk.
. tests/lab/e2e.sh
suite=${LOGVISOR_LAB_SUITES:-bookworm}
suite=${suite# }
suite=${suite%% *}
count=20 # of each thread, on each file system

begin() { # begin [vm start's options]
	ok 'a guest boots' start_vm vm --kernel "$suite" --smp 2 "$@" || return 1
	ok 'it panics at the first warning from here on' panicky vm
	boot=$(boot_id vm)
	guest vm 'mkdir -p /var/log/app /var/log/emit /srv' >/dev/null
}
sound() {
	[ "$(boot_id vm)" = "$boot" ]
}
follow() {
	attach vm --max-hold=10m --channels "kernel,files=/var/log/**"
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
	is 'nine functions are led through a filter in the guest' "$(ways | wc -l)" 9
	guest vm 'cd /var/log/app; mv /srv/in in; echo after >>in; echo new >x; mv x victim; echo more >>victim' >/dev/null
	guest vm 'cd /var/log/app; mv in /srv/out; echo outside >>/srv/out; : >cut; touch -d 2001-01-01 cut; chmod 600 cut' >/dev/null
	guest vm 'cd /var/log; ln app/victim second; rm second; mkdir new; echo deep >new/file; mv new newer; echo deeper >>newer/file; echo nothing >/srv/no; rm /srv/no' >/dev/null
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
	ok 'who renamed that' op /var/log/new rename mv '"_LOGVISOR_TO":"/var/log/newer"'
	is 'what was written there then' "$(told _LOGVISOR_FILE=/var/log/newer/file)" deeper
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

# Workers and guardians killed while two vCPUs append; then root in the guest writes over the code, and the jump there.
# Lines that were caught as they were written: more than the last time?
more() {
	lines=$(./logvisor show --no-pager -o json --channel files vm | grep -vc '"_LOGVISOR_FID":"late"')
	[ "$lines" -gt "$1" ]
}
# All that the guest says to have emitted.
whole() {
	settled vm && emitted vm $((2 * rounds)) 2 10 300
}
alerted() {
	./logvisor show --no-pager -o raw vm | grep -a ' logvisor - alert ' | grep -q "$1"
}
# Is a file that is deleted, deep below, told with who did it?
deleted() {
	deleted_n=$((${deleted_n-0} + 1))
	guest vm "cd /var/log/app; mkdir -p a/b; echo x >a/b/f$deleted_n; rm a/b/f$deleted_n" >/dev/null
	settled vm && op "/var/log/app/a/b/f$deleted_n" unlink rm 'deleted, with 2 bytes'
}
# The jump at the entry of FUNCTION, as the code it leads to was put into the guest: its bytes.
jump() {
	site=0x$(guest vm "grep ' $1\$' /proc/kallsyms" | cut -d' ' -f1)
	code=$(ways | sed -n "s/^$1: .* at //p" | head -n 1)
	printf 'e9%08x\n' $((code - site - 5 & 0xffffffff)) | sed 's/e9\(..\)\(..\)\(..\)\(..\)/e9\4\3\2\1/'
}
scene_death() {
	begin || return
	pid=$(cat "$dir/vm/pid")
	follow || return
	first=$(ways)
	ways=fwrite,fwritev,furing,fworker,fsqpoll # all to one file
	guest vm "(while [ ! -e /srv/stop ]; do lab emit $ways 2 10 2 300; echo >>/srv/n; done; wc -l </srv/n >/srv/rounds) >/dev/null 2>&1 &" >/dev/null
	lines=0
	for round in worker both guardian; do
		within 60 more "$lines"
		guardian=$(guardian_of "$worker")
		case $round in
		worker) kill -9 "$worker" ;;
		both) kill -9 "$guardian" "$worker" ;;
		guardian) kill -9 "$guardian" ;;
		esac
		wait "$worker" 2>/dev/null
		ok "killed: $round; the guest runs on" guest vm true
		more 0
		follow || return
	done
	is 'with the same code in the guest' "$(ways)" "$first"
	ok 'lines are caught as they are written again' within 60 more "$lines"
	guest vm 'touch /srv/stop' >/dev/null
	ok 'the guest ends' within 60 guest vm 'test -s /srv/rounds'
	rounds=$(guest vm 'cat /srv/rounds')
	ok 'all that was written is there, once, in order, byte for byte' within 60 whole
	ok 'no gap, no alert' eventless vm
	ok 'a deleted file is told' deleted
	was=$(jump d_delete)
	site=$(build/lab/poke "$pid" "$was")
	is 'the jump is found' "$(echo "$site" | wc -w)" 1
	build/lab/poke "$pid" eb03909090 "$site"
	ok 'overwritten: an alert says so' within 20 alerted 'was overwritten with eb 03 90 90 90'
	build/lab/poke "$pid" 0f1f440000 "$site"
	ok 'free again: it is planted' within 60 deleted
	codes=$(build/lab/poke "$pid" 9cfa4c8b87180000004d85c074)
	ok 'the code is found' [ "$(echo "$codes" | wc -w)" -ge 5 ]
	for code in $codes; do
		build/lab/poke "$pid" 01 "$(printf '%x' $((0x$code + 16)))"
	done
	ok 'made to look at nothing that is deep: an alert says so' within 20 alerted 'the code at .* was overwritten'
	ok 'there is other code now' within 60 deleted
	ok 'the guest is sound' sound
	detach_worker "$worker"
	is 'and all is taken out' "$(grep -c 'could not be taken out' "$dir/vm.log")" 0
	forget vm
}

# With what tests/kvm/files_test put into the guest: modules, and file systems, each a directory below /var/log.
mount_disk() { # mount_disk TYPE
	guest vm "mkdir -p /var/log/$1; modprobe $1; d=\$(losetup -f); losetup \$d /$1; mount -t $1 \$d /var/log/$1"
}
mount_overlay() {
	guest vm 'cd /var/log/ext4; mkdir up work /srv/low /srv/merged; modprobe overlay' &&
		guest vm 'cd /; mount -t overlay overlay -o lowerdir=/srv/low,upperdir=/var/log/ext4/up,workdir=/var/log/ext4/work /srv/merged'
}
found() { # found FILE TEXT
	[ "$(told "_LOGVISOR_FILE=$1" | tr '\n' ' ')" = "$2" ]
}
scene_disk() {
	begin --initrd initramfs-files --mem 512 || return
	guest vm 'modprobe loop; rmdir /var/log/emit' >/dev/null
	for fs in ext4 xfs btrfs; do
		ok "$fs is mounted" mount_disk $fs
	done
	ok 'and an overlayfs' mount_overlay
	follow || return
	for where in /var/log/ext4 /var/log/xfs /srv/merged; do
		ok "$where: four processes append, two threads each" \
			guest vm "ln -sfn $where /var/log/emit; lab emit files 4 $count 2 300"
	done
	ok 'all of it is stored' settled vm
	ok 'each line once, in order, byte for byte, with its sender' emitted vm 12 2 "$count" 300
	is 'nothing else' "$(told | wc -l)" $((24 * count))
	guest vm 'cd /var/log/ext4; echo one >x; sync; echo 3 >/proc/sys/vm/drop_caches; echo two >>x; : >x; mv x y; rm y' >/dev/null
	ok 'all of it is stored' settled vm
	is 'lines behind what is not in memory any more' "$(told _LOGVISOR_FILE=/var/log/ext4/x | grep -E '^(one|two)$' | tr '\n' ' ')" 'one two '
	ok 'who cut it' op /var/log/ext4/x truncate init 'cut from 8 to 0'
	ok 'who deleted it' op /var/log/ext4/y unlink rm 'deleted, with 0 bytes'
	guest vm 'echo first >/var/log/btrfs/new; echo second >>/var/log/btrfs/new' >/dev/null
	ok 'what no trap tells of is found soon, from its first byte on' within 60 found /var/log/btrfs/new 'first second '
	ok 'no gap, no alert' eventless vm
	detach_worker "$worker"
	ok 'the guest is sound' sound
	forget vm
}

scenes "$@"
