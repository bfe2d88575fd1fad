# Logvisor. `make` builds ./logvisor; `make demo` and `make check` install what they need first.
CC      ?= cc
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.1

CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wpointer-arith -Wvla
ALL_CFLAGS = -std=gnu17 $(WARN) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DVERSION='"$(VERSION)"' -Isrc \
	-fno-strict-aliasing -fstack-protector-strong $(CFLAGS)
LIBS    := -lcrypto -lbpf -lelf -lz -lpcre2-8 -lseccomp -lpthread

SRC  := $(sort $(wildcard src/*/*.c src/*/*/*.c))
SRC  := $(filter-out %.bpf.c,$(SRC))
OBJ  := $(SRC:src/%.c=$(BUILD)/%.o)
MAIN := $(BUILD)/cli/main.o
LIB  := $(BUILD)/liblogvisor.a

.PHONY: all demo check check-long bench install uninstall clean deps-build deps-guest deps-check
all: logvisor

logvisor: $(MAIN) $(LIB)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# cli/main.c holds the command table that cli.c uses, so it stays out of the library that tests link.
$(LIB): $(filter-out $(MAIN),$(OBJ))
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# One program per tests/unit/ROOM/NAME_test.c (cmocka, TAP output).
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*/*_test.c))
$(BUILD)/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Itests -MMD -MP $(LDFLAGS) -o $@ $< $(LIB) -lcmocka $(LIBS)

# libFuzzer targets, tests/fuzz/NAME_fuzz.c, each #includes the file under test or links the library.
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_CC ?= clang
FUZZ_FLAGS := -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
FUZZ_LIB := $(BUILD)/fuzz/liblogvisor.a
FUZZ_OBJ := $(patsubst $(BUILD)/%.o,$(BUILD)/fuzz/obj/%.o,$(filter-out $(MAIN),$(OBJ)))
$(BUILD)/fuzz/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(ALL_CFLAGS) -O1 -fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize-recover=undefined -MMD -MP -c -o $@ $<
$(FUZZ_LIB): $(FUZZ_OBJ)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/fuzz/%: tests/fuzz/%.c $(FUZZ_LIB)
	$(FUZZ_CC) $(ALL_CFLAGS) $(FUZZ_FLAGS) -MMD -MP -o $@ $< $(FUZZ_LIB) $(LIBS)

# The lab: guest programs (static, run inside the virtual machines), the command channel, initramfs.
LAB_GUEST := $(wildcard tests/lab/guest/*.c)
$(BUILD)/lab/guest/lab: $(LAB_GUEST) tests/lab/guest/lab.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 $(WARN) -D_GNU_SOURCE -O2 -static -o $@ $(LAB_GUEST) -lpthread
$(BUILD)/lab/guest/special: tests/lab/guest/special
	@mkdir -p $(@D)
	cp $< $@
$(BUILD)/lab/say: tests/lab/say.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 $(WARN) -D_GNU_SOURCE -O2 -o $@ $<
$(BUILD)/lab/initramfs: tests/lab/initramfs tests/lab/init $(BUILD)/lab/guest/lab $(BUILD)/lab/guest/special
	tests/lab/initramfs $@
lab: $(BUILD)/lab/say $(BUILD)/lab/initramfs
.PHONY: lab

unit: $(UNIT)
fuzz: $(FUZZ)
.PHONY: unit fuzz

deps-build:
	@packaging/deps.sh build
deps-guest:
	@packaging/deps.sh build guest
deps-check:
	@packaging/deps.sh build guest check

clean:
	rm -rf $(BUILD) logvisor

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
