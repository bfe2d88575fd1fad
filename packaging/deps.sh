#!/bin/sh
# Install the packages of packaging/packages whose kind is among the arguments (build guest check),
# those that are missing only. Without root: print the apt command and exit 2.
set -eu
cd "$(dirname "$0")"
want=
for kind in "$@"; do
	want="$want $(awk -v k="$kind" '$1 == k { print $2 }' packages)"
done
missing=
for p in $want; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q ' installed$' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	echo "Packages are missing. As root, run:" >&2
	echo "  apt-get update && apt-get install -y --no-install-recommends$missing" >&2
	exit 2
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null
# shellcheck disable=SC2086
apt-get install -y -q --no-install-recommends $missing >/dev/null
