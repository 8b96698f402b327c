# SPDX-License-Identifier: MIT
#
# The hosted board, included by the Makefile at the top, behind boards.mk: build/hosted-gcc/hosted and
# build/hosted-asan/hosted (-cov: coverage), with everything in a device's configuration.

HOSTED_VARIANTS := gcc asan cov

HOSTED_LWIP := $(lwip:%=$(lwip_source)/%.c)
HOSTED_C := $(CORE) $(wildcard port/*.c port/lwip/*.c port/flash/*.c) \
    $(addprefix boards/common/,crash_log.c device.c device_commands.c device_discovery.c device_plain.c device_restart.c log.c timers.c) \
    $(wildcard boards/hosted/*.c)
HOSTED_CPPFLAGS := $(CPPFLAGS) -Iboards/hosted -Iboards/common -isystem $(LWIP_DIR)/src/include \
    -DBOARD_COMMANDS=1 -DBOARD_DISCOVERY=1 -DBOARD_SIZED_PORT=9003 -DBOARD_HEADED_PORT=9004 $(name_flag)

# $1: variant
define hosted
build/hosted-$1/obj/%.o: %.c Makefile boards/hosted/hosted.mk | deps-boards
	$$(call say,CC) mkdir -p $$(@D); $(cc.$1) $(HOSTED_CPPFLAGS) $(CFLAGS) $(flags.$1) -MD -MP -c -o $$@ $$<

build/hosted-$1/lwip/%.o: $(LWIP_DIR)/src/%.c boards/hosted/hosted.mk | deps-boards
	$$(call say,CC) mkdir -p $$(@D); $(cc.$1) $(HOSTED_CPPFLAGS) -std=c11 -g $(flags.$1) -MD -MP -c -o $$@ $$<

build/hosted-$1/hosted: $(HOSTED_C:%.c=build/hosted-$1/obj/%.o) $(HOSTED_LWIP:$(LWIP_DIR)/src/%.c=build/hosted-$1/lwip/%.o)
	$$(call say,LINK) $(cc.$1) $(CFLAGS) $(flags.$1) -o $$@ $$^ -lslirp
endef
$(foreach v,$(HOSTED_VARIANTS),$(eval $(call hosted,$v)))

-include $(foreach v,$(HOSTED_VARIANTS),$(HOSTED_C:%.c=build/hosted-$v/obj/%.d))
