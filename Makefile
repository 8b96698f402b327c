# SPDX-License-Identifier: MIT
#
# Every task of dory; `make help` lists them. New source files are found by
# themselves; each build ("variant") has a folder of its own below build/.

# ---- What may be chosen: make NAME=VALUE ------------------------------------

PREFIX       ?= /usr/local#  where `install` puts the programs
DESTDIR      ?=#             a folder to put in front of that, for packagers
JSMN_DIR     ?=#             the folder of jsmn.h, when the compiler doesn't find it by itself
LWIP_DIR     ?= build/lwip#  lwIP's source
BEARSSL_DIR  ?= build/bearssl# BearSSL's source, for boards; another folder is taken for Linux, too
JOBS         ?= 2#           what `check` does at once
WAITING_JOBS ?= 4#           the same of system tests, which wait more than they compute
FUZZ_SECONDS ?= 15#          for each fuzz target
PYTEST_ARGS  ?=#             further words for pytest, such as -k NAME
V            ?=#             1: print whole command lines

# ---- Sources ----------------------------------------------------------------

CORE  := $(wildcard core/*.c)
LIB   := $(CORE) $(wildcard port/*.c port/posix/*.c port/flash/*.c port/bearssl/*.c)
APPS  := $(patsubst apps/%/,%,$(sort $(dir $(wildcard apps/*/*.c))))
UNIT  := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
BARE  := $(patsubst tests/unit/%.c,%,$(shell grep -L '"../../port/' $(wildcard tests/unit/test_*.c)))# need core only
FUZZ  := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
BOARDS := mps2-an385 lm3s6965evb emcraft-sf2
EMBED := $(patsubst tests/embed/%.c,%,$(wildcard tests/embed/*.c))
BOARD_C := $(wildcard port/lwip/*.c port/example/*.c boards/*/*.c boards/*/boot/*.c tests/embed/lwip/*.c tests/firmware/*.c)
C     := $(LIB) $(BOARD_C) $(wildcard apps/*/*.c tests/*/*.c)
H     := $(wildcard core/*.h port/*.h port/*/*.h apps/*/*.h boards/*/*.h tests/*/*.h)

# ---- Flags ------------------------------------------------------------------

# The system's BearSSL, unless its source is elsewhere and has been made there.
own_bearssl := $(filter-out build/bearssl,$(strip $(BEARSSL_DIR)))

# What dory is on Linux; devices have the defaults of core/dory_config.h.
CONFIG   := -DDORY_MAX_NAME=255 -DDORY_MAX_TOKENS=128 -DDORY_MAX_COMMITS=32 -DDORY_SLICE=262144
CPPFLAGS := -D_FILE_OFFSET_BITS=64 $(if $(JSMN_DIR),-isystem $(JSMN_DIR)) $(own_bearssl:%=-isystem %/inc)
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Werror
CFLAGS   := -std=c11 $(WARNINGS) -g -pthread
# BearSSL into the program itself: few of its parts are wanted.
LDLIBS   := -ldeflate $(own_bearssl:%=-L%/build) -l:libbearssl.a -pthread
libs.dory := -ledit# beside those, for one program
HARDEN   := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -pie -Wl,-z,relro,-z,now
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# ---- Variants: a compiler, and flags for compiling and linking ----------------

VARIANTS    := gcc clang asan poll small cov fuzz

cc.gcc      := gcc
flags.gcc   := $(HARDEN)
cc.clang    := clang
flags.clang := $(HARDEN) -Qunused-arguments
# Instrumented shifts make GCC warn of conversions that are none; the other variants look for them.
cc.asan     := gcc
flags.asan  := -O1 $(SANITIZE) -Wno-conversion -Wno-sign-conversion
cc.poll     := gcc
flags.poll  := $(HARDEN) -DNET_POLL=1
# Core alone, as on a device.
cc.small    := gcc
flags.small := $(HARDEN)
cc.cov      := gcc
flags.cov   := -O0 --coverage
cc.fuzz     := clang
flags.fuzz  := -O1 $(SANITIZE) -fsanitize=fuzzer-no-link

# `gcc` is what users build: it must not ask for the tools of the tests.
deps    = $(if $(filter gcc,$1),deps,deps-check)
config  = $(if $(filter small,$1),,$(CONFIG))
library = $(if $(filter small,$1),$(CORE),$(LIB))
compile = $(cc.$1) $(call config,$1) $(CPPFLAGS) $(CFLAGS) $(flags.$1) -MMD -MP -c

# ---- Building ---------------------------------------------------------------

.PHONY: all help deps deps-boards deps-check deps-bench install uninstall demo check unit system system-quick fuzz lint cov size \
        bench format clean gcc clang asan poll
.SECONDARY:
.SHELLFLAGS := -ec
.DELETE_ON_ERROR:

## Build dory, doryd, dorysign and sticky, in build/gcc/
all: gcc

say = @$(if $V,,echo "  $1	$@";)$(if $V,set -x;)

# $1: variant
define variant
build/$1/obj/%.o: %.c Makefile | $(call deps,$1)
	$$(call say,CC) mkdir -p $$(@D); $(call compile,$1) -o $$@ $$<

build/$1/obj/tests/%.o: tests/%.c Makefile | deps-check
	$$(call say,CC) mkdir -p $$(@D); $(call compile,$1) -o $$@ $$<

build/$1/libdory.a: $(patsubst %.c,build/$1/obj/%.o,$(call library,$1))
	$$(call say,AR) rm -f $$@; ar rcs $$@ $$^

build/$1/unit/%: build/$1/obj/tests/unit/%.o build/$1/libdory.a
	$$(call say,LINK) mkdir -p $$(@D); $(cc.$1) $(CFLAGS) $(flags.$1) -o $$@ $$^ $(LDLIBS) -lcmocka

build/$1/embed/%: build/$1/obj/tests/embed/%.o build/$1/libdory.a
	$$(call say,LINK) mkdir -p $$(@D); $(cc.$1) $(CFLAGS) $(flags.$1) -o $$@ $$^ $(LDLIBS)
endef
$(foreach v,$(VARIANTS),$(eval $(call variant,$v)))

$(foreach v,gcc clang asan poll,$(eval $v: $(APPS:%=build/$v/%)))

# $1: variant, $2: program
define program
build/$1/$2: $(patsubst %.c,build/$1/obj/%.o,$(wildcard apps/$2/*.c)) build/$1/libdory.a
	$$(call say,LINK) $(cc.$1) $(CFLAGS) $(flags.$1) -o $$@ $$^ $(LDLIBS) $(libs.$2)
endef
$(foreach v,$(VARIANTS),$(foreach app,$(APPS),$(eval $(call program,$v,$(app)))))

build/fuzz/fuzz_%: build/fuzz/obj/tests/fuzz/fuzz_%.o build/fuzz/libdory.a
	$(call say,LINK) $(cc.fuzz) $(CFLAGS) $(flags.fuzz) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

-include $(foreach v,$(VARIANTS),$(C:%.c=build/$v/obj/%.d))

MAKEFILES_HERE := Makefile boards/boards.mk port/lib.mk tests/lwip/lwip.mk
include boards/boards.mk boards/hosted/hosted.mk port/lib.mk tests/lwip/lwip.mk

# On a new machine lwIP and BearSSL are not there when this file is read.
$(HOSTED_LWIP) $(lwip_source)/apps/lwiperf/lwiperf.c $(bearssl:%=$(bearssl_source)/src/%.c): | deps-boards
	@:

# ---- Using ------------------------------------------------------------------

## Print what can be made
help:
	@awk '/^## / { text = substr($$0, 4) } \
	    /^[a-z-]+:/ && text { sub(/:.*/, ""); printf "make %-14s %s\n", $$0, text; text = "" }' $(MAKEFILES_HERE)
	@echo 'Settings, as in `make install PREFIX=/usr`:'
	@awk '/^[A-Z_]+ +\?=/ { name = $$1; sub(/[^#]*# */, ""); printf "  %-17s %s\n", name, $$0 }' $(MAKEFILES_HERE)

## Install what building needs and is missing (Debian)
deps:
	@JSMN_DIR=$(JSMN_DIR) BEARSSL_DIR=$(own_bearssl) tests/tools/deps.sh build

## Install what boards need and is missing, and unpack lwIP and BearSSL (Debian)
deps-boards: deps
	@LWIP_DIR=$(LWIP_DIR) BEARSSL_DIR=$(BEARSSL_DIR) tests/tools/deps.sh boards

## Install what the tests need and is missing (Debian)
deps-check: deps-boards
	@tests/tools/deps.sh check

## Install what `bench` compares with and is missing (Debian)
deps-bench:
	@tests/bench/deps.sh

## Install dory, doryd and dorysign in PREFIX/bin
install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 build/gcc/dory build/gcc/doryd build/gcc/dorysign $(DESTDIR)$(PREFIX)/bin

## Remove what `install` installed
uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,dory doryd dorysign)

## Show it: files to a server here and to an emulated board, new firmware to another one
demo: all
	@$(MAKE) --no-print-directory firmware BOARD=mps2-an385
	@$(MAKE) --no-print-directory firmware firmware-trials BOARD=emcraft-sf2
	@tests/tools/demo.sh build/gcc build/boards/mps2-an385/dory.elf build/boards/emcraft-sf2

# ---- Testing ----------------------------------------------------------------

# One after another, and each by a make of its own: the output stays readable,
# and what failed is named last.
CHECKS := lint unit system boards fuzz cov size lib-all

## Run every test that decides whether a change passes
check: deps-check
	@tests/tools/check.sh '$(MAKE) --no-print-directory -j$(JOBS)' $(CHECKS)

# One variant alone: `make unit-asan`, `make system-poll`.
TESTED := asan gcc clang poll

## Run the unit tests: GCC, clang, sanitizers, poll(), core with a device's settings
unit: $(TESTED:%=unit-%) unit-small unit-lwip

# That clang's program does the same is left to the unit tests; `make system-clang` tries it.
## Run the system tests, the programs over loopback: GCC and sanitizers; the quick ones: poll()
system: asan gcc poll build/lib/product/product.elf | deps-check
	@+$(MAKE) --no-print-directory -j$(WAITING_JOBS) system-asan system-gcc system-poll

.PHONY: $(TESTED:%=unit-%) unit-small $(TESTED:%=system-%)
$(foreach v,$(TESTED),$(eval unit-$v: $(UNIT:%=build/$v/unit/%) $(EMBED:%=build/$v/embed/%)))
unit-small: $(BARE:%=build/small/unit/%)
$(TESTED:%=unit-%) unit-small:
	@tests/tools/run_unit.sh $^

system-clang system-poll: PYTEST_ARGS += -m 'not slow'
$(TESTED:%=system-%): system-%: % build/lib/product/product.elf | deps-check
	@tests/tools/run_system.sh build/$* $(PYTEST_ARGS)

# Seconds of a trial that a test waits out.
SHORT_TRIAL := 10

## Run the system tests against the boards: the hosted one, and in QEMU the others
boards: build/hosted-asan/hosted all | deps-check
	@+$(MAKE) --no-print-directory -j$(WAITING_JOBS) system-hosted $(BOARDS:%=system-%)

.PHONY: boards system-hosted $(BOARDS:%=system-%)
system-hosted: build/hosted-asan/hosted all | deps-check
	@DORY_BOARD=hosted tests/tools/run_system.sh build/hosted-asan $(PYTEST_ARGS)

$(BOARDS:%=system-%): system-%: all | deps-check
	@$(MAKE) --no-print-directory firmware BOARD=$*
	@$(if $(filter mps2-an385,$*),$(MAKE) --no-print-directory firmware BOARD=$* SIZED_PORT=9003 HEADED_PORT=9004)
	@$(if $(filter emcraft-sf2,$*),$(MAKE) --no-print-directory firmware BOARD=$* TRIAL=$(SHORT_TRIAL))
	@$(if $(filter emcraft-sf2,$*),$(MAKE) --no-print-directory firmware firmware-trials BOARD=$*)
	@DORY_BOARD=$* tests/tools/run_system.sh build/boards/$* $(PYTEST_ARGS)

## Fuzz each target for FUZZ_SECONDS
fuzz: $(FUZZ:%=build/fuzz/%)
	@tests/tools/run_fuzz.sh $(FUZZ_SECONDS) $^

## Hold the coverage of core by its unit tests against its gate
cov: $(BARE:%=build/cov/unit/%)
	@find build/cov -name '*.gcda' -delete
	@tests/tools/run_unit.sh $^
	@tests/tools/coverage.py build/cov tests/tools/coverage_exceptions.txt

## Hold core's size on a Cortex-M3, and that of whole images, against their budgets
size: | deps-check
	@JSMN_DIR=$(JSMN_DIR) tests/tools/size.py build/size
	@JSMN_DIR=$(JSMN_DIR) tests/tools/check_size.py build/check_size $(bearssl:%=$(bearssl_source)/src/%.c)
	@$(call image_size,mps2-an385)
	@$(call image_size,lm3s6965evb,-no-commands-no-discovery,COMMANDS=0 DISCOVERY=0,32768 20480)
	@$(call image_size,lm3s6965evb,,,40960 20480)
	@$(call image_size,emcraft-sf2)
	@tests/tools/image_size.py build/boards/emcraft-sf2/boot-180.elf 16384 65536

# $1: board, $2: what its build folder's name ends with, $3: settings, $4: bytes of flash, bytes of RAM
image_size = $(MAKE) --no-print-directory firmware BOARD=$1 $3 && tests/tools/image_size.py build/boards/$1$2/dory.elf $4

## Measure dory against what else moves files (takes long)
bench: all deps-bench
	@tests/bench/bench.py --dory build/gcc/dory --doryd build/gcc/doryd --json build/bench.json

# ---- Style ------------------------------------------------------------------

## Check format, layers and common mistakes
lint: lint-format lint-layers lint-cppcheck $(C:%.c=build/lint/%.tidy)
	@echo 'lint: clang-format, layers, cppcheck, clang-tidy: nothing to complain about'

.PHONY: lint-format lint-layers lint-cppcheck
lint-format: | deps-check
	@bad=; for file in $(C) $(H); do \
	    clang-format $$file | cmp -s - $$file || { echo "$$file: \`make format\` would change it"; bad=1; }; \
	done; [ -z "$$bad" ]

lint-layers: | deps-check
	@tests/tools/layers.py

lint-cppcheck: | deps-check
	@mkdir -p build/lint/cppcheck
	@cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,performance,portability --std=c11 \
	    --suppress=missingIncludeSystem --cppcheck-build-dir=build/lint/cppcheck -j2 $(CONFIG) $(filter-out $(BOARD_C),$(C))
	@mkdir -p build/lint/cppcheck-boards
	@cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,performance,portability --std=c11 \
	    --suppress=missingIncludeSystem --suppress='*:$(LWIP_DIR)/*' --suppress='comparePointers:boards/common/*' \
	    --cppcheck-build-dir=build/lint/cppcheck-boards -j2 $(HOSTED_CPPFLAGS:-isystem=-I) $(BOARD_C)

# The analyzer takes long on tests, and these are run under sanitizers anyhow; their main() may be a long list.
build/lint/tests/%.tidy: TIDY := --checks=-clang-analyzer-*,-readability-function-size

# What only boards compile has their configuration, and newlib's headers.
newlib_include = $(dir $(shell arm-none-eabi-gcc -print-file-name=libc.a))../include
board_tidy = --target=arm-none-eabi -mcpu=cortex-m3 -mthumb $(features) $(call slot_flags,$1) -Iboards/$1 -Iboards/common \
    -isystem $(LWIP_DIR)/src/include -isystem build/boards/include -isystem $(newlib_include)
TIDY_FLAGS = $(CONFIG) $(CPPFLAGS) -pthread
$(foreach folder,port/lwip boards/hosted,$(eval build/lint/$(folder)/%.tidy: TIDY_FLAGS = $(HOSTED_CPPFLAGS)))
build/lint/boards/bench/%.tidy build/lint/boards/common/%.tidy: TIDY_FLAGS = $(call board_tidy,mps2-an385)
build/lint/boards/common/device_firmware.tidy: TIDY_FLAGS = $(HOSTED_CPPFLAGS)
build/lint/tests/firmware/%.tidy: TIDY_FLAGS = $(call board_tidy,emcraft-sf2)
$(foreach name,$(BOARDS),$(eval build/lint/boards/$(name)/%.tidy: TIDY_FLAGS = $$(call board_tidy,$(name))))

build/lint/%.tidy: %.c $(H) .clang-tidy | deps-check build/boards/include/jsmn.h
	$(call say,TIDY) mkdir -p $(@D); clang-tidy --quiet $(TIDY) $< -- $(TIDY_FLAGS) -std=c11 2>$@.log && touch $@ || \
	    { cat $@.log; exit 1; }

## Format every C file in place
format: | deps-check
	clang-format -i $(C) $(H)

## Remove everything that was made
clean:
	rm -rf build
