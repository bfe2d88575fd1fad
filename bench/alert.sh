#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# How long it takes until an alert tells of a trap tampered with: bench/alert.sh
#
# In a nested host (tests/lab/nested) whose clock counts instructions. The worst of five times each, at
# different moments of the guard's period; "bypassed" once.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=bench/counted.sh
. bench/counted.sh
counted tests/kvm/guard.sh
awk '
	BEGIN { printf "%-52s %8s %8s\n", "from the deed, in ms", "alert", "readable" }
	/^alert_/ { printf "%-52s %8.1f %8.1f\n", "a trap is " substr($1, 7), $2 / 1000, $3 / 1000 }' "$out/raw"
