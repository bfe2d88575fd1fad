# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# The traps are planted and taken back again and again while two vCPUs, on two CPUs, run over them; what
# matters is that the guest neither notices nor suffers: it panics at the first warning.
. tests/lab/e2e.sh
plantings=${1:-20}
suite=${LOGVISOR_LAB_SUITES:-bookworm}

ok 'a guest boots' start_vm vm --kernel "${suite%% *}" --smp 2 || exit 1
attach vm
ok 'what it logged is stored' settled vm
# On this emulator user space can execute INVD (on a processor it faults): the hook refuses it by its place.
guest vm 'lab forge 20000 & lab hello 0 500; wait' >"$dir/forge"
sed 's/^/# /' "$dir/forge"
ok 'records of a guest that forges are stored' settled vm
is 'all of them' "$(./logvisor show --no-pager -o cat -g '^Hello [0-9]* *[a-z]* world' vm | wc -l)" 500
ok 'nothing is forged' test -z "$(./logvisor show --no-pager -o cat -g forged vm)"
ok 'the worker ends' detach_worker "$worker"

ok 'the guest panics at the first warning' panicky vm
boot=$(boot_id vm)
guest vm 'lab flood 2 1000000000 >/dev/null 2>&1 &' >/dev/null
ok "planted and removed $plantings times" build/lab/replant "$(cat "$dir/vm/pid")" "$plantings"
guest vm 'killall lab' >/dev/null
is 'the guest has not rebooted' "$(boot_id vm)" "$boot"

attach vm
guest vm 'lab hello 1000 500' >/dev/null
ok 'and is followed as before' settled vm
build/lab/kmsgcmp "$LOGVISOR_STORE/vm" >"$dir/all"
sed 's/^/# /' "$dir/all"
ok 'nothing twice, nothing missing but what was overwritten while no worker was there' \
	grep -q ' twice 0 missing 0 gap' "$dir/all"
detach_worker "$worker"
is 'the worker ends, and says that there is a gap' $? 1
ok 'verify' ./logvisor verify vm
done_testing
