# shellcheck shell=sh
# shellcheck disable=SC2154
# SPDX-License-Identifier: BSD-3-Clause
# packed.sh - for tests/lab/vm and xenvm, which source it: what a guest sends by a slow way comes packed.

# take_packed FILE COMMAND: run by say() in the guest of $dir. What did not come whole is told, and asked for again, twice
# at most: the way is the lab's (a terminal of xenconsoled, which makes another one when it cannot write), not what is tested.
take_packed() {
	for _ in 1 2 3; do
		said=0
		say "( $2 ) | gzip -1 | base64" >"$1.packed" || said=$?
		[ $said -ne 124 ] || exit $said # no answer in time
		[ $said -ne 0 ] || ! base64 -d <"$1.packed" | gunzip >"$1" || return 0
		echo "$dir: of what the guest sent not all unpacks: $(wc -c <"$1.packed") bytes, the first and the last are:" >&2
		head -c 200 "$1.packed" | cat -v >&2
		tail -c 200 "$1.packed" | cat -v >&2
	done
	die "$dir: the guest's answer does not unpack"
}
