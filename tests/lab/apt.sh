# shellcheck shell=sh
# shellcheck disable=SC2016,SC2154
# SPDX-License-Identifier: BSD-3-Clause
# apt.sh - packages of other Debian suites for the lab; source it with $top, the tree's top, set.
#
# Nothing is installed: apt runs with its own sources, lists and cache. The mirror is the one this
# machine uses already (apt-get indextargets). apt checks each suite's Release signature with the
# keys of debian-archive-keyring and each package's hash with the index. An index past its Valid-Until
# date is taken too: a mirror of some day is good enough for what is only used in a test.
# Environment: LOGVISOR_LAB_CACHE, the cache directory (build/lab/kernels).
cache=${LOGVISOR_LAB_CACHE:-$top/build/lab/kernels}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
arch=amd64

die() {
	echo "${0##*/}: $*" >&2
	exit 2
}

# The main archive's address: the mirror that already serves this system's own suite; where no lists
# were fetched yet, the one its sources name.
mirror() {
	{
		apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(CREATED_BY) $(REPO_URI)'
		apt-get indextargets --no-release-info \
			--format 'Debian $(COMPONENT) $(CREATED_BY) $(REPO_URI)' | grep '/debian/*$'
	} | awk '$1 == "Debian" && $2 == "main" && $3 == "Packages" && !/-security/ { print $4; exit }'
}

# apt-get or apt-cache on the suite's private state. $1: suite, $2: program, rest: its arguments.
private_apt() {
	apt_state=$cache/apt/$1-$arch
	apt_program=$2
	shift 2
	"$apt_program" -q -o "Dir::State=$apt_state" -o "Dir::State::status=$apt_state/status" \
		-o "Dir::State::Lists=$apt_state/lists" -o "Dir::Cache=$apt_state/cache" \
		-o "Dir::Etc::SourceList=$apt_state/sources.list" -o Dir::Etc::SourceParts=- \
		-o "APT::Architecture=$arch" -o "APT::Architectures=$arch" \
		-o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User= "$@"
}

update() {
	state=$cache/apt/$1-$arch
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
	: >"$state/status"
	[ -r "$keyring" ] || die "$keyring is missing; install debian-archive-keyring"
	uri=$(mirror)
	[ -n "$uri" ] || die "no Debian mirror in this system's apt sources"
	echo "deb [signed-by=$keyring] $uri $1 main" >"$state/sources.list"
	private_apt "$1" apt-get -o APT::Update::Error-Mode=any update >"$state/log" 2>&1 || {
		cat "$state/log" >&2
		die "apt-get update of $1 failed (see above; no key is trusted but Debian's own)"
	}
}

# Download packages of suite $1 into directory $2: the rest of the arguments.
download() {
	suite=$1 to=$2
	shift 2
	(cd "$to" && private_apt "$suite" apt-get download "$@" >"$to/log" 2>&1) || {
		cat "$to/log" >&2
		die "download of $* from $suite failed"
	}
}

# One at a time in the cache; its path is absolute from here on.
lock_cache() {
	mkdir -p "$cache"
	cache=$(cd "$cache" && pwd)
	exec 9>"$cache/lock"
	flock 9
}

# A directory beside what is fetched, $work, until work_done; gone when the program ends before that.
work_begin() {
	work=$(mktemp -d "$cache/fetch.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 2' HUP INT TERM
}
work_done() {
	rm -rf "$work"
	trap - EXIT
}
