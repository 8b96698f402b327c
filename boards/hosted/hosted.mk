# SPDX-License-Identifier: MIT
#
# The hosted board, included by the Makefile at the top, behind boards.mk: build/hosted-gcc/hosted and
# build/hosted-asan/hosted (-cov: coverage), with everything in a device's configuration.

HOSTED_VARIANTS := gcc asan cov

HOSTED_LWIP := $(lwip:%=$(lwip_source)/%.c)
HOSTED_C := $(CORE) $(wildcard port/*.c port/lwip/*.c port/flash/*.c port/bearssl/*.c) \
    $(addprefix boards/common/,crash_log.c $(addprefix device,.c _commands.c _discovery.c _firmware.c _plain.c _restart.c) log.c \
    timers.c) $(wildcard boards/hosted/*.c) build/firmware-key.c
HOSTED_CPPFLAGS := $(CPPFLAGS) -Iboards/hosted -Iboards/common -isystem $(LWIP_DIR)/src/include \
    -DBOARD_COMMANDS=1 -DBOARD_DISCOVERY=1 -DBOARD_SIZED_PORT=9003 -DBOARD_HEADED_PORT=9004 \
    $(call slot_flags,hosted) $(name_flag)

# $1: variant
define hosted
build/hosted-$1/obj/%.o: %.c Makefile boards/hosted/hosted.mk | deps-boards
	$$(call say,CC) mkdir -p $$(@D); $(cc.$1) $(HOSTED_CPPFLAGS) $(CFLAGS) $(flags.$1) -MD -MP -c -o $$@ $$<

build/hosted-$1/lwip/%.o: $(LWIP_DIR)/src/%.c boards/hosted/hosted.mk | deps-boards
	$$(call say,CC) mkdir -p $$(@D); $(cc.$1) $(HOSTED_CPPFLAGS) -std=c11 -g $(flags.$1) -MD -MP -c -o $$@ $$<

build/hosted-$1/hosted: $(HOSTED_C:%.c=build/hosted-$1/obj/%.o) $(HOSTED_LWIP:$(LWIP_DIR)/src/%.c=build/hosted-$1/lwip/%.o)
	$$(call say,LINK) $(cc.$1) $(CFLAGS) $(flags.$1) -o $$@ $$^ -lslirp $(LDLIBS)
endef
$(foreach v,$(HOSTED_VARIANTS),$(eval $(call hosted,$v)))

$(HOSTED_VARIANTS:%=build/hosted-%/obj/boards/common/device.o): build/boards/name
$(HOSTED_VARIANTS:%=build/hosted-%/obj/boards/hosted/main.o): build/boards/trial

# What its firmware does is told by a text: see README.md in boards/.
build/hosted-gcc/hosted.txt: | deps-boards
	@mkdir -p $(@D); echo 'behaviour: serve' >$@

$(hosted_image): build/hosted-gcc/hosted.txt $(FIRMWARE_KEY) | build/gcc/dorysign
	$(call sign,hosted)

-include $(foreach v,$(HOSTED_VARIANTS),$(HOSTED_C:%.c=build/hosted-$v/obj/%.d))
