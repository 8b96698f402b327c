# SPDX-License-Identifier: MIT
#
# The unit tests of port/lwip, included by the Makefile at the top: lwIP with the configuration beside this file, in
# build/lwip-unit/, under the sanitizers.

UNIT_LWIP := $(patsubst tests/lwip/%.c,%,$(wildcard tests/lwip/test_*.c))

# No more of lwIP than TCP and UDP need: the netif is the test's own.
UNIT_LWIP_CORE := $(filter-out %/dhcp.c %/etharp.c %/icmp.c %/ethernet.c,$(lwip:%=$(lwip_source)/%.c))
UNIT_LWIP_C := $(wildcard port/lwip/*.c tests/lwip/*.c)
UNIT_LWIP_CPPFLAGS := $(CPPFLAGS) -Itests/lwip -Iboards/common -isystem $(LWIP_DIR)/src/include

build/lwip-unit/obj/%.o: %.c Makefile tests/lwip/lwip.mk | deps-check
	$(call say,CC) mkdir -p $(@D); $(cc.asan) $(UNIT_LWIP_CPPFLAGS) $(CFLAGS) $(flags.asan) -MD -MP -c -o $@ $<

build/lwip-unit/lwip/%.o: $(LWIP_DIR)/src/%.c tests/lwip/lwip.mk | deps-check
	$(call say,CC) mkdir -p $(@D); $(cc.asan) $(UNIT_LWIP_CPPFLAGS) -std=c11 -g $(flags.asan) -MD -MP -c -o $@ $<

build/lwip-unit/test_%: build/lwip-unit/obj/tests/lwip/test_%.o \
    $(patsubst %.c,build/lwip-unit/obj/%.o,$(wildcard port/lwip/*.c)) $(UNIT_LWIP_CORE:$(LWIP_DIR)/src/%.c=build/lwip-unit/lwip/%.o)
	$(call say,LINK) $(cc.asan) $(CFLAGS) $(flags.asan) -o $@ $^ -lcmocka

-include $(UNIT_LWIP_C:%.c=build/lwip-unit/obj/%.d)
-include $(UNIT_LWIP_CORE:$(LWIP_DIR)/src/%.c=build/lwip-unit/lwip/%.d)

.PHONY: unit-lwip
## Run the unit tests of port/lwip, over lwIP with itself
unit-lwip: $(UNIT_LWIP:%=build/lwip-unit/%)
	@tests/tools/run_unit.sh $^

# Lint knows these files as ones that need lwIP's headers.
BOARD_C += $(wildcard tests/lwip/*.c)
build/lint/tests/lwip/%.tidy: TIDY_FLAGS = $(UNIT_LWIP_CPPFLAGS)
