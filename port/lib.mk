# SPDX-License-Identifier: MIT
#
# dory as a static library for products: core, port/lwip, port/flash, and
# port/bearssl with what that takes of BearSSL. Included by the Makefile at the
# top, behind boards.mk; it uses the variables of both.

# ---- What may be chosen: make NAME=VALUE ------------------------------------

CPU          ?= cortex-m3#     of `lib`: cortex-m0plus, cortex-m3, cortex-m4, cortex-m7 or cortex-m33
LWIPOPTS_DIR ?= port/example#  of `lib`: the folder of the product's lwipopts.h and arch/cc.h
DORY_CFLAGS  ?=#               of `lib`: further words for the compiler, such as -DDORY_CRC32_TABLE=256

# ---- The library ------------------------------------------------------------

LIB_CPUS := cortex-m0plus cortex-m3 cortex-m4 cortex-m7 cortex-m33
LIB_C    := $(wildcard core/*.c port/*.c port/lwip/*.c port/flash/*.c port/bearssl/*.c)

# m3 will do.
lib_cpu    = $(patsubst m%,cortex-m%,$(strip $(CPU)))
lib_target = $(if $(filter $(lib_cpu),$(LIB_CPUS)),build/lib/$(lib_cpu)/libdory.a,lib-wrong-cpu)

# -MD, for -MMD doesn't see the headers of lwIP, and lwipopts.h among them. $1: CPU
lib_include = -isystem $(strip $(LWIPOPTS_DIR)) -isystem $(lwip_source)/include -isystem build/boards/include \
              -isystem $(bearssl_source)/inc
lib_flags   = -std=c11 -g -mcpu=$1 -mthumb -Os -ffunction-sections -fdata-sections $(lib_include) -MD -MP \
              $(strip $(DORY_CFLAGS))

.PHONY: lib lib-all lib-wrong-cpu always

## Build core, port/lwip, port/flash and port/bearssl for CPU as a library, in build/lib/CPU/
lib: $(lib_target)
	@echo '$<: bytes of all its members'; $(CROSS)size -t $< | sed -n '1p;$$p'

lib-wrong-cpu:
	@echo 'make lib: CPU=$(strip $(CPU)) is none of: $(LIB_CPUS)' >&2; exit 1

# Neither an allocator nor what it would stand on is asked for. $1: CPU
define lib
build/lib/$1/obj/%.o: %.c build/lib/$1/flags | build/boards/include/jsmn.h
	$$(call say,CC) mkdir -p $$(@D); $$(CROSS)gcc $$(call lib_flags,$1) $$(WARNINGS) -c -o $$@ $$<

build/lib/$1/bearssl/%.o: $(bearssl_source)/src/%.c build/lib/$1/flags | deps-boards
	$$(call say,CC) mkdir -p $$(@D); $$(CROSS)gcc $$(call lib_flags,$1) $(bearssl_flags) -Wall -Werror -c -o $$@ $$<

build/lib/$1/libdory.a: $(LIB_C:%.c=build/lib/$1/obj/%.o) $(bearssl:%=build/lib/$1/bearssl/%.o)
	$$(call say,AR) rm -f $$@; $$(CROSS)ar qcs $$@ $$^; \
	! $$(CROSS)nm -u $$@ | grep -Ew '(_?(malloc|calloc|realloc|free)(_r)?|_sbrk(_r)?)'

# Changes when the words for the compiler do: then everything is compiled anew.
build/lib/$1/flags: always
	@mkdir -p $$(@D); echo '$$(CROSS)gcc $$(call lib_flags,$1)' | cmp -s - $$@ || \
	    echo '$$(CROSS)gcc $$(call lib_flags,$1)' >$$@

-include $(LIB_C:%.c=build/lib/$1/obj/%.d)
endef
$(foreach cpu,$(LIB_CPUS),$(eval $(call lib,$(cpu))))

## Build the library for each CPU, and link the example of a product with it
lib-all: $(LIB_CPUS:%=build/lib/%/libdory.a) build/lib/product/product.elf
	@for cpu in $(LIB_CPUS); do \
	    printf '%-14s' $$cpu; $(CROSS)size -t build/lib/$$cpu/libdory.a | \
	        awk 'END { print $$1 " bytes of .text and .rodata, " $$2 + $$3 " of .data and .bss" }'; \
	done

# ---- The example of a product, on a board that QEMU has ------------------------

# What a product has before dory comes: start-up, drivers, lwIP. The driver wants ETH_PAD_SIZE 2.
PRODUCT_C      := $(wildcard port/example/*.c tests/embed/lwip/*.c boards/mps2-an385/*.c) \
                  $(addprefix boards/common/,cortex_m.c ethernet_fifo.c fault.c log.c stack.c startup.c)
product_objs   := $(PRODUCT_C:%.c=build/lib/product/obj/%.o) $(lwip:%=build/lib/product/lwip/%.o)
product_include = -isystem port/example -isystem $(lwip_source)/include -isystem build/boards/include
product_flags   = -std=c11 -g -mcpu=cortex-m3 -mthumb -Os -ffunction-sections -fdata-sections \
                  -fno-tree-loop-distribute-patterns -DETH_PAD_SIZE=2 $(product_include) -MD -MP

build/lib/product/obj/%.o: %.c port/lib.mk | build/boards/include/jsmn.h
	$(call say,CC) mkdir -p $(@D); $(CROSS)gcc $(product_flags) $(WARNINGS) -c -o $@ $<

build/lib/product/lwip/%.o: $(lwip_source)/%.c port/lib.mk | deps-boards
	$(call say,CC) mkdir -p $(@D); $(CROSS)gcc $(product_flags) -Wall -Werror -c -o $@ $<

build/lib/product/product.elf: $(product_objs) build/lib/cortex-m3/libdory.a boards/mps2-an385/mps2-an385.ld \
    boards/common/cortex_m.ld
	$(call say,LINK) $(CROSS)gcc -mcpu=cortex-m3 -mthumb -nostartfiles -Wl,--gc-sections -Wl,--fatal-warnings \
	    -Lboards/common -T boards/mps2-an385/mps2-an385.ld -Wl,-Map=$(@:.elf=.map) -o $@ $(product_objs) \
	    build/lib/cortex-m3/libdory.a; \
	! $(CROSS)nm $@ | grep -Ew '(_?(malloc|calloc|realloc|free)(_r)?|_sbrk(_r)?)'

-include $(product_objs:.o=.d)

# clang-tidy sees the example as the compiler does.
build/lint/port/example/%.tidy build/lint/tests/embed/lwip/%.tidy: \
    TIDY_FLAGS = --target=arm-none-eabi -mcpu=cortex-m3 -mthumb -DETH_PAD_SIZE=2 $(product_include) \
                 -isystem $(newlib_include)
