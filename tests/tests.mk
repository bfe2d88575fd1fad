# What is built for the tests, and `make check`; included by the Makefile. tests/run says what is run.

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
	$(call QUIET,FUZZ)$(FUZZ_CC) $(ALL_CFLAGS) -Itests $(FUZZ_FLAGS) -MMD -MP -o $@ $< $(FUZZ_LIB) $(LIBS)

# The lab: guest programs (static, run inside the virtual machines), the command channel, initramfs.
LAB_GUEST := $(wildcard tests/lab/guest/*.c)
$(BUILD)/lab/guest/lab: $(LAB_GUEST) $(wildcard tests/lab/guest/*.h)
	@mkdir -p $(@D)
	$(call QUIET,LAB)$(CC) -std=gnu17 $(WARN) -D_GNU_SOURCE -O2 -static -o $@ $(LAB_GUEST) -lpthread
$(BUILD)/lab/guest/special: tests/lab/guest/special
	@mkdir -p $(@D)
	@cp $< $@
$(BUILD)/lab/guest/musl: tests/lab/musl.c
	@mkdir -p $(@D)
	$(call QUIET,LAB)musl-gcc -std=gnu17 $(WARN) -O2 -static -o $@ $<
$(BUILD)/lab/say: tests/lab/say.c
	@mkdir -p $(@D)
	$(call QUIET,LAB)$(CC) -std=gnu17 $(WARN) -D_GNU_SOURCE -O2 -o $@ $<
$(BUILD)/lab/initramfs: tests/lab/initramfs tests/lab/init $(BUILD)/lab/guest/lab $(BUILD)/lab/guest/musl $(BUILD)/lab/guest/special
	$(call QUIET,LAB)tests/lab/initramfs --file "$$(command -v dmesg)=usr/bin/dmesg" $@
# Is the ledger what the guest read? Linked with the library, run on the host.
$(BUILD)/lab/kmsgcmp: tests/lab/kmsgcmp.c $(LIB)
	@mkdir -p $(@D)
	$(call QUIET,LAB)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)
# Is in the ledger what the guest's programs sent?
$(BUILD)/lab/emitcmp: tests/lab/emitcmp.c tests/lab/guest/emitted.h $(LIB)
	@mkdir -p $(@D)
	$(call QUIET,LAB)$(CC) $(ALL_CFLAGS) -Itests $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)
$(BUILD)/lab/preload.so: tests/lab/preload.c
	@mkdir -p $(@D)
	$(call QUIET,LAB)$(CC) -std=gnu17 $(WARN) -D_GNU_SOURCE -O2 -fPIC -shared -o $@ $<
# For the nested lab: a VMM that is not QEMU, an attacker who writes to guest memory, a host without BPF.
KVM_LAB := $(BUILD)/lab/tinyvmm $(BUILD)/lab/poke $(BUILD)/lab/nobpf
$(KVM_LAB): $(BUILD)/lab/%: tests/kvm/%.c
	@mkdir -p $(@D)
	$(call QUIET,LAB)$(CC) -std=gnu17 $(WARN) -D_GNU_SOURCE -O2 -o $@ $<
# How long an alert takes, and traps that come and go: linked with the library too.
$(BUILD)/lab/latency $(BUILD)/lab/replant $(BUILD)/lab/applog: $(BUILD)/lab/%: tests/kvm/%.c $(LIB)
	@mkdir -p $(@D)
	$(call QUIET,LAB)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)
# For the nested Xen: another program that monitors a domain, and what stands in its memory.
$(BUILD)/lab/xenmon: tests/xen/xenmon.c $(LIB)
	@mkdir -p $(@D)
	$(call QUIET,LAB)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)
lab: $(BUILD)/lab/xenmon $(BUILD)/lab/say $(BUILD)/lab/latency $(BUILD)/lab/replant $(BUILD)/lab/applog $(BUILD)/lab/kmsgcmp $(BUILD)/lab/emitcmp $(BUILD)/lab/preload.so $(KVM_LAB) $(BUILD)/lab/initramfs
# The kernels the tests boot: Debian 11, 12, 13 and unstable; and Xen. Downloaded once.
SUITES := bullseye bookworm trixie sid
lab-kernels:
	@tests/lab/kernel $(SUITES) >/dev/null
	@tests/lab/kernel --flavour 686 bookworm >/dev/null
	@tests/lab/kernel --flavour amd64 bookworm >/dev/null
	@tests/lab/xenroot bookworm >/dev/null
	@tests/lab/emulator
	@tests/lab/torchwood >/dev/null
	@tests/lab/debian image bookworm >/dev/null
	@tests/lab/debian image trixie >/dev/null
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
SAN_FLAGS := -O2 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
san:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/san CFLAGS='$(SAN_FLAGS)' unit
.PHONY: unit fuzz san

# make check KVM=native: the kvm tests on this machine's own KVM instead of a nested host.
# make check FAST=1: nothing that uses virtual machines, for between two commits.
export KVM
FAST ?=
check-build: deps-check
	@$(MAKE) --no-print-directory $(JOBS) all unit tools fuzz san lab
	@$(if $(FAST),:,$(MAKE) --no-print-directory lab-kernels && $(MAKE) --no-print-directory $(BUILD)/logvm/measure)
check: check-build
	@tests/run $(if $(FAST),--fast)
check-long: check-build
	@tests/run --long
.PHONY: check-build check check-long
