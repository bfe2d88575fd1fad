# Logvisor. `make` builds ./logvisor; `make demo` and `make check` install what they need first.
CC      ?= cc
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.1

CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wpointer-arith -Wvla
ALL_CFLAGS = -std=gnu17 $(WARN) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DVERSION='"$(VERSION)"' -Isrc \
	-isystem $(BUILD)/skel -fno-strict-aliasing -fstack-protector-strong $(CFLAGS)
LIBS    := -lcrypto -lbpf -lelf -lz -lpcre2-8 -lseccomp -lpthread

SRC  := $(sort $(wildcard src/*/*.c src/*/*/*.c src/*/*/*/*.c))
BPF  := $(filter %.bpf.c,$(SRC))
SRC  := $(filter-out %.bpf.c,$(SRC))
OBJ  := $(SRC:src/%.c=$(BUILD)/%.o)
MAIN := $(BUILD)/cli/main.o
LIB  := $(BUILD)/liblogvisor.a

# One short line per command; V=1 shows the command itself.
ifndef V
QUIET = @printf '  %-8s %s\n' $(1) $(@:$(BUILD)/%=%);
endif

.PHONY: all bench bench-kvm install uninstall clean deps-build deps-demo deps-check
all: logvisor

logvisor: $(MAIN) $(LIB)
	$(call QUIET,LINK)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# cli/main.c holds the command table that cli.c uses, so it stays out of the library that tests link.
$(LIB): $(filter-out $(MAIN),$(OBJ))
	@rm -f $@
	$(call QUIET,AR)ar rcs $@ $^

$(BUILD)/%.o: src/%.c
	@mkdir -p $(@D)
	$(call QUIET,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# BPF programs: src/ROOM/NAME.bpf.c becomes an object, and a skeleton that carries it into C. The host's
# kernel types are declared by hand (src/trap/kvm/bpf/kernel.h), so no vmlinux.h and no BTF is needed here.
BPF_CC  ?= clang
BPF_INC := $(shell $(CC) -print-multiarch 2>/dev/null)
SKEL    := $(BPF:src/%.bpf.c=$(BUILD)/skel/%.skel.h)
$(BUILD)/skel/%.bpf.o: src/%.bpf.c
	@mkdir -p $(@D)
	$(call QUIET,BPF)$(BPF_CC) -target bpf -D__TARGET_ARCH_x86 -O2 -g -Wall -Werror -Isrc \
		$(addprefix -idirafter /usr/include/,$(BPF_INC)) -MMD -MP -c -o $@ $<
	@llvm-strip -g $@
$(BUILD)/skel/%.skel.h: $(BUILD)/skel/%.bpf.o
	$(call QUIET,SKEL)bpftool gen skeleton $< name $(notdir $*)_bpf >$@.new && mv $@.new $@
.SECONDARY: $(SKEL:.skel.h=.bpf.o)

# One program per tests/unit/ROOM/NAME_test.c (cmocka, TAP output).
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*/*_test.c))
$(BUILD)/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(call QUIET,TEST)$(CC) $(ALL_CFLAGS) -Itests -MMD -MP $(LDFLAGS) -o $@ $< $(LIB) -lcmocka $(LIBS)

# libFuzzer targets, tests/fuzz/NAME_fuzz.c, each #includes the file under test or links the library.
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_CC ?= clang
FUZZ_FLAGS := -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
FUZZ_LIB := $(BUILD)/fuzz/liblogvisor.a
FUZZ_OBJ := $(patsubst $(BUILD)/%.o,$(BUILD)/fuzz/obj/%.o,$(filter-out $(MAIN),$(OBJ)))
$(BUILD)/fuzz/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(call QUIET,FUZZ)$(FUZZ_CC) $(ALL_CFLAGS) -O1 -fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize-recover=undefined -MMD -MP -c -o $@ $<
$(filter $(BUILD)/trap/kvm/% $(BUILD)/fuzz/obj/trap/kvm/%,$(OBJ) $(FUZZ_OBJ)): $(SKEL)
$(FUZZ_LIB): $(FUZZ_OBJ)
	@rm -f $@
	$(call QUIET,AR)ar rcs $@ $^
$(BUILD)/fuzz/%: tests/fuzz/%.c $(FUZZ_LIB)
	$(call QUIET,FUZZ)$(FUZZ_CC) $(ALL_CFLAGS) $(FUZZ_FLAGS) -MMD -MP -o $@ $< $(FUZZ_LIB) $(LIBS)

# The lab: guest programs (static, run inside the virtual machines), the command channel, initramfs.
LAB_GUEST := $(wildcard tests/lab/guest/*.c)
$(BUILD)/lab/guest/lab: $(LAB_GUEST) tests/lab/guest/lab.h
	@mkdir -p $(@D)
	$(call QUIET,LAB)$(CC) -std=gnu17 $(WARN) -D_GNU_SOURCE -O2 -static -o $@ $(LAB_GUEST) -lpthread
$(BUILD)/lab/guest/special: tests/lab/guest/special
	@mkdir -p $(@D)
	@cp $< $@
$(BUILD)/lab/say: tests/lab/say.c
	@mkdir -p $(@D)
	$(call QUIET,LAB)$(CC) -std=gnu17 $(WARN) -D_GNU_SOURCE -O2 -o $@ $<
$(BUILD)/lab/initramfs: tests/lab/initramfs tests/lab/init $(BUILD)/lab/guest/lab $(BUILD)/lab/guest/special
	$(call QUIET,LAB)tests/lab/initramfs --file "$$(command -v dmesg)=usr/bin/dmesg" $@
# Is the ledger what the guest read? Linked with the library, run on the host.
$(BUILD)/lab/kmsgcmp: tests/lab/kmsgcmp.c $(LIB)
	@mkdir -p $(@D)
	$(call QUIET,LAB)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)
# For the nested lab: a VMM that is not QEMU, an attacker who writes to guest memory, a host without BPF.
KVM_LAB := $(BUILD)/lab/tinyvmm $(BUILD)/lab/poke $(BUILD)/lab/nobpf
$(KVM_LAB): $(BUILD)/lab/%: tests/kvm/%.c
	@mkdir -p $(@D)
	$(call QUIET,LAB)$(CC) -std=gnu17 $(WARN) -D_GNU_SOURCE -O2 -o $@ $<
# How long an alert takes, and traps that come and go: linked with the library too.
$(BUILD)/lab/latency $(BUILD)/lab/replant: $(BUILD)/lab/%: tests/kvm/%.c $(LIB)
	@mkdir -p $(@D)
	$(call QUIET,LAB)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)
lab: $(BUILD)/lab/say $(BUILD)/lab/latency $(BUILD)/lab/replant $(BUILD)/lab/kmsgcmp $(KVM_LAB) $(BUILD)/lab/initramfs
# The kernels the tests boot: Debian 11, 12, 13 and unstable. Downloaded once.
SUITES := bullseye bookworm trixie sid
lab-kernels:
	@tests/lab/kernel $(SUITES) >/dev/null
	@tests/lab/kernel --flavour 686 bookworm >/dev/null
	@tests/lab/emulator
.PHONY: lab lab-kernels

# C programs under tests/crash (fault-injecting I/O) and tests/attack: TAP, like the unit tests.
CRASH := $(patsubst tests/%.c,$(BUILD)/%,$(wildcard tests/crash/*_test.c tests/attack/*_test.c))
$(CRASH): $(BUILD)/%: tests/%.c $(LIB)
	@mkdir -p $(@D)
	$(call QUIET,TEST)$(CC) $(ALL_CFLAGS) -Itests -MMD -MP $(LDFLAGS) -o $@ $< $(LIB) -lcmocka $(LIBS)

# Programs that tests and benchmarks use, tests/tool/NAME.c.
TOOL := $(patsubst tests/tool/%.c,$(BUILD)/tool/%,$(wildcard tests/tool/*.c))
$(BUILD)/tool/%: tests/tool/%.c $(LIB)
	@mkdir -p $(@D)
	$(call QUIET,TOOL)$(CC) $(ALL_CFLAGS) -Itests -MMD -MP $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)
tools: $(TOOL)
.PHONY: tools

unit: $(UNIT) $(CRASH)
fuzz: $(FUZZ)

# The unit tests again with AddressSanitizer and UndefinedBehaviorSanitizer.
SAN_FLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
san:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/san CFLAGS='$(SAN_FLAGS)' unit
.PHONY: unit fuzz san

# make check KVM=native: the kvm tests on this machine's own KVM instead of a nested host.
export KVM
JOBS := -j$(shell nproc)
check-build: deps-check
	@$(MAKE) --no-print-directory $(JOBS) all unit tools fuzz san lab
	@$(MAKE) --no-print-directory lab-kernels
check: check-build
	@tests/run
check-long: check-build
	@tests/run --long

# What a captured record costs the guest, in VM exits and instructions, in a nested host.
bench-kvm: deps-check
	@$(MAKE) --no-print-directory all lab
	@bench/kvm.sh
	@echo && bench/alert.sh
# Measurements, beside what others do in the same time, and at the end one table of them with the goals.
# BENCH_RECORDS=N: with so many records. BENCH_SHOW_RECORDS, BENCH_DATA: see bench/show.sh.
bench: deps-check
	@$(MAKE) --no-print-directory $(JOBS) all tools lab
	@bench/all.sh

# Static analysis, and the whole tree through the other compiler.
lint: deps-check
	@$(MAKE) --no-print-directory $(JOBS) BUILD=$(BUILD)/clang CC=clang $(BUILD)/clang/liblogvisor.a unit
	tests/lint $(filter-out %.bpf.c,$(SRC))
.PHONY: check-build check check-long lint

demo: deps-demo
	@$(MAKE) --no-print-directory $(JOBS) all $(BUILD)/lab/say $(BUILD)/lab/initramfs
	@tests/lab/kernel bookworm >/dev/null
	@tests/lab/demo
.PHONY: demo

deps-demo:
	@packaging/deps.sh build guest
deps-build:
	@packaging/deps.sh build
deps-check:
	@packaging/deps.sh build guest check

# Where things go, below DESTDIR.
bindir  = $(DESTDIR)$(PREFIX)/bin
man1dir = $(DESTDIR)$(PREFIX)/share/man/man1
compdir = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
zshdir  = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
fishdir = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
install: logvisor
	install -D -m 755 logvisor '$(bindir)/logvisor'
	install -D -m 644 doc/man/logvisor.1 '$(man1dir)/logvisor.1'
	install -D -m 644 packaging/completion/logvisor.bash '$(compdir)/logvisor'
	install -D -m 644 packaging/completion/_logvisor '$(zshdir)/_logvisor'
	install -D -m 644 packaging/completion/logvisor.fish '$(fishdir)/logvisor.fish'
uninstall:
	rm -f '$(bindir)/logvisor' '$(man1dir)/logvisor.1' '$(compdir)/logvisor' \
		'$(zshdir)/_logvisor' '$(fishdir)/logvisor.fish'

clean:
	rm -rf $(BUILD) logvisor

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
