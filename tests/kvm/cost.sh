# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# What things cost on this host, one "NAME VALUE" a line; run in the nested host by bench/kvm.sh, where
# the clock counts instructions. The worker is stopped while the guest is timed, so that on a single
# CPU the guest's time is the guest's: the rings are larger than what is written meanwhile.
. tests/lab/e2e.sh
n=100
for kind in cpuid invd out; do
	echo "exit_$kind $(build/lab/tinyvmm $kind 2000)"
done
start_vm vm --kernel bookworm --smp 1 --mem 2048 || exit 2
echo "guest_cpuid $(guest vm "lab clock cpuid 2000")"
for kind in msr outq; do
	echo "guest_$kind $(guest vm "lab clock $kind 500")"
done
# The guest's log has begun to overwrite its oldest records before anything is compared: from then on a record costs the
# guest more by itself (prb_reserve() has a descriptor and a block to free), trapped or not.
guest vm "lab clock kmsg 500" >/dev/null
echo "kmsg_plain $(guest vm "lab clock kmsg $n")"
attach vm
within 60 grep -q following "$dir/vm.log" || { cat "$dir/vm.log" >&2; exit 2; }
within 10 grep -q "stood still" "$dir/vm.log"
sed -n 's/.*the VM stood still for \([0-9]*\) us.*/stopped_us \1/p' "$dir/vm.log"
guest vm "lab clock kmsg 10" >/dev/null
within 10 settled vm
sleep 3 # the ledger is signed
start=$(on_cpu "$worker" "$(guardian_of "$worker")")
sleep 10
echo "idle_second $((($(on_cpu "$worker" "$(guardian_of "$worker")") - start) / 10))"
kill -STOP "$worker"
echo "kmsg_trapped $(guest vm "lab clock kmsg $n")"
kill -CONT "$worker"
within 10 settled vm
kill -STOP "$worker"
echo "exit_foreign $(build/lab/tinyvmm cpuid 2000)"
kill -CONT "$worker"
detach_worker "$worker"
echo "kmsg_after $(guest vm "lab clock kmsg $n")"
./logvisor show --no-pager -n 3 -o raw vm >&2

# Messages between programs in the guest, to a log socket and to another, sent and taken by one process.
messages() { # messages NAME
	echo "log_$1 $(guest vm 'lab sock dgram /dev/log 0')"
	echo "other_$1 $(guest vm 'lab sock dgram /tmp/other 0')"
	echo "stdout_$1 $(guest vm 'lab sock stream /run/systemd/journal/stdout 0')"
	echo "stream_$1 $(guest vm 'lab sock stream /run/other 0')"
}
messages plain
for way in gadget entry; do
	: >"$dir/app" # here: the last one had its words in it
	build/lab/applog "$(target vm)" $way >"$dir/app" 2>&1 &
	app=$!
	workers="$workers $app"
	within 120 grep -q '^following' "$dir/app" || { cat "$dir/app" >&2; exit 2; }
	guest vm 'lab sock dgram /dev/log 5; lab sock stream /run/systemd/journal/stdout 5' >/dev/null
	within 60 sh -c "[ \$(grep -c ^copy '$dir/app') -ge 10 ]" || { cat "$dir/app" >&2; exit 2; }
	kill -STOP $app
	messages $way
	kill -CONT $app
	kill -TERM $app
	wait $app
	grep '^planted' "$dir/app" >&2
done
messages after

# Lines appended to a log file, and to another file.
appends() { # appends NAME
	echo "append_$1 $(guest vm "lab clock log $n")"
	echo "write_$1 $(guest vm "lab clock file $n")"
}
guest vm 'mkdir -p /var/log /srv/a/b'
appends plain
attach vm --channels 'kernel,files=/var/log/**'
within 60 grep -q following "$dir/vm.log" || { cat "$dir/vm.log" >&2; exit 2; }
guest vm "lab clock log 5" >/dev/null
within 10 settled vm
kill -STOP "$worker"
appends trapped
kill -CONT "$worker"
within 10 settled vm
detach_worker "$worker"
appends after
