# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# A bit of everything that loads a nested host, for tests/lab/soak: the interrupts of two busy vCPUs, a
# worker, a guest that boots and reboots beside it.
. tests/lab/e2e.sh
suite=${LOGVISOR_LAB_SUITES%% *}

ok 'a guest boots' start_vm vm --kernel "$suite" --smp 2 || exit 1
attach vm
ok 'a worker attaches' within 120 grep -q following "$dir/vm.log"
guest vm 'lab flood 2 3000 >/dev/null 2>&1 &' >/dev/null
ok 'another boots' start_vm other --kernel "$suite" --smp 1
guest other '(usleep 100000; reboot -f) >/dev/null 2>&1 &'
ok 'and reboots' tests/lab/vm wait "$dir/other" 2
ok 'the flood is stored' within 120 stored vm '^flood 0 2999 '
ok 'nothing missing, nothing twice' build/lab/kmsgcmp "$LOGVISOR_STORE/vm"
done_testing
