# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# SPDX-License-Identifier: BSD-3-Clause
# logvm.sh - log VMs for tests; source it after tests/lab/e2e.sh or with $dir set. Their directories are
# $dir/NAME, the client's certificates $dir/NAME/config/clients/VM.
logvms=''

# logvm_config NAME VM...: its configuration, with rights for these; the keys of their logs come later.
logvm_config() {
	local name=$1 vm
	shift
	mkdir -p "$dir/$name"
	./logvisor mirror init --config "$dir/$name/config" --name "$name" >"$dir/$name/said" || return
	for vm; do
		./logvisor mirror add "$vm" --config "$dir/$name/config" >>"$dir/$name/said" || return
	done
}

# logvm_start NAME [OPTION...]: run it; sets $logvm, its process, and $url when it answers (240 s). On KVM or Xen where
# that is asked for: not each /dev/kvm runs the kernel as it is.
logvm_start() {
	local name=$1
	shift
	rm -f "$dir/$name/url"
	./logvisor logvm run --image build/logvm --disk 1 --accel "${LOGVISOR_LAB_ACCEL:-tcg}" "$@" "$dir/$name" \
		>"$dir/$name/out" 2>"$dir/$name/err" &
	logvm=$!
	logvms="$logvms $logvm"
	within 240 logvm_settled "$name"
	url=$(cat "$dir/$name/url" 2>/dev/null)
	[ -n "$url" ] || { sed 's/^/# /' "$dir/$name/err" "$dir/$name/console"; false; }
}
logvm_settled() {
	[ -s "$dir/$1/url" ] || ! kill -0 "$logvm" 2>/dev/null
}

# logvm_kill NAME: a power cut: its VMM is gone at once.
logvm_kill() {
	kill -9 "$(cat "$dir/$1/pid")"
	wait "$logvm" 2>/dev/null
}

# logvm_unpack: in a nested host, what tests/kvm/logvm_test and tests/xen/logvm_test brought there: mke2fs, the image.
logvm_unpack() {
	mv lib*.so.* /usr/lib/x86_64-linux-gnu/
	mv mke2fs /bin/
	mkdir -p build /var/tmp && tar -xf image.tar -C build && mv build/image build/logvm
}

# logvm_as_client COMMAND [ARGUMENT...]: logvisor with web01's certificate for the log VM "vm".
logvm_as_client() {
	./logvisor "$@" --mirror-client "$dir/vm/config/clients/web01"
}
# Is all cosigned, by what list says? (There is no jq in a nested host.)
logvm_caught_up() {
	./logvisor list -o json | grep -Eq '"cosigned":[1-9][0-9]*,.*"behind":0,.*"trouble":""'
}
# Is web01's ledger at $url what it is here?
logvm_same() {
	./logvisor show web01 --no-pager -o export >"$dir/here"
	logvm_as_client show web01 --from "$url" --no-pager -o export >"$dir/there" && cmp "$dir/here" "$dir/there"
}

# logvm_cleanup: whatever still runs ends.
# shellcheck disable=SC2317
logvm_cleanup() {
	local p
	for p in $logvms; do
		! mine "$p" || kill -9 "$p" 2>/dev/null
		wait "$p" 2>/dev/null
	done
}
