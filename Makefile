# Logvisor. `make` builds ./logvisor; `make demo` and `make check` install what they need first.
CC      ?= cc
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.1

CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wpointer-arith -Wvla
ALL_CFLAGS = -std=gnu17 $(WARN) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DVERSION='"$(VERSION)"' -DPREFIX='"$(PREFIX)"' -Isrc \
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

.PHONY: all bench bench-kvm bench-xen install install-logvm uninstall clean deps-build deps-demo deps-check
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
	$(call QUIET,BPF)$(BPF_CC) -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -O2 -g -Wall -Werror -Isrc \
		$(addprefix -idirafter /usr/include/,$(BPF_INC)) -MMD -MP -c -o $@ $<
	@llvm-strip -g $@
$(BUILD)/skel/%.skel.h: $(BUILD)/skel/%.bpf.o
	$(call QUIET,SKEL)bpftool gen skeleton $< name $(notdir $*)_bpf >$@.new && mv $@.new $@
.SECONDARY: $(SKEL:.skel.h=.bpf.o)

# JOBS: of what builds at once for `make check`, `make bench` and `make lint`.
JOBS := -j$(shell nproc)
include tests/tests.mk

# What a captured record costs the guest, in VM exits and instructions, in a nested host.
bench-kvm: deps-check
	@$(MAKE) --no-print-directory all lab
	@bench/kvm.sh
	@echo && bench/alert.sh
bench-xen: deps-check
	@$(MAKE) --no-print-directory all lab
	@bench/xen.sh
# Measurements, beside what others do in the same time, and at the end one table of them with the goals.
# BENCH_RECORDS=N: with so many records. BENCH_SHOW_RECORDS, BENCH_DATA: see bench/show.sh.
bench: deps-check
	@$(MAKE) --no-print-directory $(JOBS) all tools lab
	@bench/all.sh

# Static analysis, and the whole tree through the other compiler.
lint: deps-check
	@$(MAKE) --no-print-directory $(JOBS) BUILD=$(BUILD)/clang CC=clang $(BUILD)/clang/liblogvisor.a unit
	tests/lint $(filter-out %.bpf.c,$(SRC))
.PHONY: lint

# The log VM's image (packaging/logvm/build). Its logvisor has one command, and what that needs.
logvm: deps-demo
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/logvm/measure
$(BUILD)/logvm/mirror: packaging/logvm/main.c $(LIB)
	@mkdir -p $(@D)
	$(call QUIET,LINK)$(CC) $(ALL_CFLAGS) -Wl,--as-needed,--build-id=none $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)
LOGVM_INIT := packaging/logvm/init.c src/mirror/port/port.c src/mirror/port/vchan.c
$(BUILD)/logvm/init: $(LOGVM_INIT) src/mirror/port/port.h src/mirror/port/vchan.h
	@mkdir -p $(@D)
	$(call QUIET,LINK)$(CC) -std=gnu17 $(WARN) -D_GNU_SOURCE -O2 -static -Wl,--build-id=none -Isrc -o $@ $(LOGVM_INIT) \
		-lxenvchan -lxenstore -lxengnttab -lxenevtchn -lxentoollog -lxentoolcore -lpthread
$(BUILD)/logvm/measure: packaging/logvm/build $(BUILD)/logvm/mirror $(BUILD)/logvm/init
	@packaging/logvm/build $(BUILD)/logvm/mirror $(BUILD)/logvm/init $(@D)
.PHONY: logvm

demo: deps-demo
	@$(MAKE) --no-print-directory $(JOBS) all $(BUILD)/lab/say $(BUILD)/lab/initramfs $(BUILD)/tool/rewrite
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
unitdir = $(DESTDIR)$(PREFIX)/lib/systemd/system
install: logvisor
	install -D -m 755 logvisor '$(bindir)/logvisor'
	install -D -m 644 doc/man/logvisor.1 '$(man1dir)/logvisor.1'
	install -D -m 644 packaging/completion/logvisor.bash '$(compdir)/logvisor'
	install -D -m 644 packaging/completion/_logvisor '$(zshdir)/_logvisor'
	install -D -m 644 packaging/completion/logvisor.fish '$(fishdir)/logvisor.fish'
	install -D -m 644 packaging/systemd/logvisor-mirror.service '$(unitdir)/logvisor-mirror.service'
	sed -i 's,/usr/local/,$(PREFIX)/,' '$(unitdir)/logvisor-mirror.service'
# The log VM's image, where `logvisor logvm run` looks for it.
logvmdir = $(DESTDIR)$(PREFIX)/share/logvisor/logvm
install-logvm: $(BUILD)/logvm/measure
	install -D -m 644 -t '$(logvmdir)' $(addprefix $(BUILD)/logvm/,vmlinuz initramfs measure manifest)
uninstall:
	rm -f '$(bindir)/logvisor' '$(man1dir)/logvisor.1' '$(compdir)/logvisor' \
		'$(zshdir)/_logvisor' '$(fishdir)/logvisor.fish' '$(unitdir)/logvisor-mirror.service'
	rm -rf '$(logvmdir)'

clean:
	rm -rf $(BUILD) logvisor

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
