# SPDX-License-Identifier: MIT
#
# Firmware for the boards: lwIP, core, port and a board's folder, linked into
# one image. Included by the Makefile at the top, whose variables it uses.

# ---- What may be chosen: make NAME=VALUE ------------------------------------

BOARD    ?= mps2-an385#        mps2-an385, lm3s6965evb, emcraft-sf2 or hosted
PORT     ?= 9002#              on this machine, where `run` forwards to the board
COMMANDS ?= 1#                 0: an image without commands; it has a build folder of its own
DISCOVERY ?= 1#                0: an image that is not found by `dory discover`
NAME     ?=#                   what others see of the device, 32 bytes at most; unless given, by its kind
SIZED_PORT  ?=#                a port for plain clients of the commands, in the sized form; none unless given
HEADED_PORT ?=#                the same in the headed form
SD       ?=#                   the SD card's image for `run`; made when it is missing
NOR      ?=#                   the NOR flash's image for `run`, likewise
FIRMWARE_KEY ?= build/firmware-key.pem# signs firmware for boards with slots; that one is made when it is missing
VERSION  ?= 0.1.0#             of the image that `firmware` signs for such a board
TRIAL    ?= 180#               seconds in which a new image must be confirmed there
CROSS    ?= arm-none-eabi-#    what the names of the compiler's tools begin with

# ---- Each board's own -------------------------------------------------------

optimize.mps2-an385   := -O2 -fno-section-anchors -flto -flto-partition=none
config.mps2-an385     := -DDORY_CRC32_TABLE=1024
qemu.mps2-an385       := -M mps2-an385

# What makes this image larger, though -Os has it on, was found by trying; lwIP's sources and the others differ.
optimize.lm3s6965evb  := -Os -flto -flto-partition=none -fno-jump-tables -fno-move-loop-invariants -fno-tree-dominator-opts \
                         -fno-schedule-insns2 -fno-if-conversion
optimize_lwip.lm3s6965evb := -fira-algorithm=priority -fno-thread-jumps -fno-guess-branch-probability
optimize_own.lm3s6965evb  := -mbranch-cost=2
config.lm3s6965evb    := -DSLOT_STORE_PAGE=512 -DCOMMAND_LINE=64
qemu.lm3s6965evb      := -M lm3s6965evb
sd.lm3s6965evb        := 64M

optimize.emcraft-sf2  := -Os -flto -flto-partition=none
qemu.emcraft-sf2      := -M emcraft-sf2
nor.emcraft-sf2       := 16M

firmware.hosted       := 1
firmware.emcraft-sf2  := 1
load_addr.emcraft-sf2 := 0xA0000000# its boot stage copies images there

# ---- Sources and flags ------------------------------------------------------

board       := $(strip $(BOARD))
$(if $(filter $(board),hosted $(BOARDS)),,$(error BOARD=$(board) is unknown: hosted or one of $(BOARDS)))
$(if $(filter-out 0 1,$(COMMANDS) $(DISCOVERY)),$(error COMMANDS and DISCOVERY are 0 or 1))
# Not from the environment: there it is somebody else's.
name        := $(if $(filter environment,$(origin NAME)),,$(NAME))
$(if $(findstring ',$(name))$(findstring ",$(name))$(findstring \,$(name)),$(error NAME must do without quotes and backslashes))
name_flag   := $(if $(name),-DBOARD_NAME='"$(name)"')
plain_ports := $(strip $(SIZED_PORT) $(HEADED_PORT))
$(if $(plain_ports),$(if $(filter 0,$(COMMANDS)),$(error SIZED_PORT and HEADED_PORT need COMMANDS=1)))
$(if $(plain_ports),$(if $(filter lm3s6965evb emcraft-sf2,$(board)),$(error $(board) has too little RAM for SIZED_PORT and HEADED_PORT)))
features    := -DBOARD_COMMANDS=$(strip $(COMMANDS)) -DDORY_COMMANDS=$(strip $(COMMANDS)) -DBOARD_DISCOVERY=$(strip $(DISCOVERY)) \
               -DBOARD_SIZED_PORT=$(or $(strip $(SIZED_PORT)),0) -DBOARD_HEADED_PORT=$(or $(strip $(HEADED_PORT)),0) $(name_flag)
$(if $(shell [ '$(strip $(TRIAL))' -ge 1 ] 2>&1 || echo no),$(error TRIAL is a number of seconds))
# $1: board. One with slots for firmware says so: firmware.BOARD := 1.
slot_flags   = $(foreach name,BOARD_FIRMWARE DORY_FIRMWARE,-D$(name)=$(or $(firmware.$1),0)) -DBOARD_TRIAL_S=$(strip $(TRIAL))
board_build := build/boards/$(board)$(if $(filter 0,$(COMMANDS)),-no-commands)$(if $(filter 0,$(DISCOVERY)),-no-discovery)$(SIZED_PORT:%=-sized-%)$(HEADED_PORT:%=-headed-%)
board_elf   := $(board_build)/dory.elf
boot_elf    := $(if $(load_addr.$(board)),$(board_build)/boot-$(strip $(TRIAL)).elf)
version     := $(if $(filter environment,$(origin VERSION)),0.1.0,$(strip $(VERSION)))
board_image := $(if $(firmware.$(board)),$(board_build)/dory-$(version).img)
hosted_image := build/hosted-gcc/hosted-$(version).img
lwip_source := $(strip $(LWIP_DIR))/src
lwip_core   := def inet_chksum init ip mem memp netif pbuf stats tcp tcp_in tcp_out timeouts udp
lwip_ipv4   := dhcp etharp icmp ip4 ip4_addr
lwip        := $(lwip_core:%=core/%) $(lwip_ipv4:%=core/ipv4/%) netif/ethernet

# What the check of images takes of BearSSL, with either of the curves in port/bearssl/image_bearssl.h.
bearssl_source := $(strip $(BEARSSL_DIR))
bearssl_ecdsa  := atr i31_bits i31_vrfy_asn1 i31_vrfy_raw
bearssl_i31    := add bitlen decmod decode encode fmont iszero modpow montmul muladd ninv31 rshift sub tmont
bearssl        := codec/ccopy codec/dec32be codec/enc32be $(bearssl_ecdsa:%=ec/ecdsa_%) ec/ec_prime_i31 ec/ec_p256_m31 \
                  $(addprefix ec/ec_,secp256r1 secp384r1 secp521r1) hash/sha2small $(bearssl_i31:%=int/i31_%) int/i32_div32
bearssl_flags  := -I$(bearssl_source)/src -I$(bearssl_source)/inc

slots       := $(firmware.$(board))
firmware    := $(wildcard core/*.c port/*.c port/lwip/*.c port/flash/*.c boards/common/*.c boards/$(board)/*.c \
               $(if $(slots),port/bearssl/*.c)) $(if $(slots),build/firmware-key.c)
left_out    := $(if $(slots),,boards/common/device_firmware.c) \
               $(if $(filter 0,$(COMMANDS)),boards/common/crash_log.c boards/common/device_commands.c \
               $(if $(slots),,boards/common/device_restart.c))
firmware    := $(filter-out $(left_out),$(firmware))
board_objs  := $(firmware:%.c=$(board_build)/obj/%.o) $(lwip:%=$(board_build)/lwip/%.o) \
               $(if $(slots),$(bearssl:%=$(board_build)/bearssl/%.o))

# The code asks with `#if BOARD_COMMANDS`, `#if BOARD_DISCOVERY`, `#if BOARD_FIRMWARE`.
# -MD, for -MMD doesn't see what lwIP's headers include: lwipopts.h and board_config.h.
board_flags = -std=c11 -g -mcpu=cortex-m3 -mthumb $(optimize.$(board)) $(config.$(board)) $(features) $(call slot_flags,$(board)) -ffunction-sections -fdata-sections \
               -Iboards/$(board) -Iboards/common -isystem $(lwip_source)/include -isystem build/boards/include \
               -isystem $(bearssl_source)/inc -MD -MP
board_link  := -mcpu=cortex-m3 -mthumb $(optimize.$(board)) -nostartfiles -Wl,--gc-sections -Wl,--fatal-warnings \
               -Lboards/common -Lboards/$(board) -T boards/$(board)/$(board).ld

# ---- Building ---------------------------------------------------------------

.PHONY: firmware firmware-bench run bench-boards

## Build the firmware of BOARD, in build/boards/BOARD/
firmware: $(if $(filter hosted,$(board)),build/hosted-gcc/hosted $(hosted_image),$(board_elf) $(board_build)/dory.bin $(board_image) $(boot_elf))
	@$(if $(filter hosted,$(board)),,$(CROSS)size $<)

# In a folder of its own: the host's other headers must not be seen by the cross compiler.
build/boards/include/jsmn.h: | deps-boards
	@mkdir -p $(@D); cp $$(ls $(JSMN_DIR:%=%/jsmn.h) /usr/include/jsmn.h /usr/local/include/jsmn.h 2>/dev/null | head -n 1) $@

$(board_build)/lwip/%.o: $(lwip_source)/%.c boards/boards.mk | deps-boards
	$(call say,CC) mkdir -p $(@D); $(CROSS)gcc $(board_flags) $(optimize_lwip.$(board)) -Wall -Werror -c -o $@ $<

$(board_build)/bearssl/%.o: $(bearssl_source)/src/%.c boards/boards.mk | deps-boards
	$(call say,CC) mkdir -p $(@D); $(CROSS)gcc $(board_flags) $(bearssl_flags) -Wall -Werror -c -o $@ $<

$(board_build)/obj/%.o: %.c boards/boards.mk | build/boards/include/jsmn.h
	$(call say,CC) mkdir -p $(@D); $(CROSS)gcc $(board_flags) $(optimize_own.$(board)) $(WARNINGS) -c -o $@ $<

# Neither an allocator nor what it would stand on.
$(board_elf): $(board_objs) boards/$(board)/$(board).ld boards/common/cortex_m.ld
	$(call say,LINK) $(CROSS)gcc $(board_link) -Wl,-Map=$(@:.elf=.map) -o $@ $(board_objs); \
	! $(CROSS)nm $@ | grep -Ew '(_?(malloc|calloc|realloc|free)(_r)?|_sbrk(_r)?)'

# Not for the optimizer's eyes: main() knows memory only after the start-up has prepared it, and what stands for the
# library's memcpy() must not call it.
$(board_build)/obj/boards/common/startup.o $(board_build)/obj/boards/common/memory.o: \
    board_flags += -fno-tree-loop-distribute-patterns -fno-lto

$(board_build)/dory.bin: $(board_elf)
	$(call say,COPY) $(CROSS)objcopy -O binary $< $@

# A key that is asked for by name is never made: it may be a misspelt one. Of two makes at the same time one is first.
build/firmware-key.pem: | build/gcc/dorysign
	$(call say,KEY) build/gcc/dorysign keygen -o $@.$$$$; ln $@.$$$$ $@ || true; rm $@.$$$$

# Changes when the key does: then what has it is compiled anew.
build/firmware-key.c: $(FIRMWARE_KEY) always | build/gcc/dorysign
	@build/gcc/dorysign pubkey --format c $< >$@.$$$$; cmp -s $@.$$$$ $@ && rm $@.$$$$ || mv $@.$$$$ $@

# What a board with slots runs. $1: board
sign = $(call say,SIGN) build/gcc/dorysign sign --key $(FIRMWARE_KEY) --version $(version) --board $1 \
       $(load_addr.$1:%=--load-addr %) $< $@

$(board_build)/dory-$(version).img: $(board_build)/dory.bin $(FIRMWARE_KEY) | build/gcc/dorysign
	$(call sign,$(board))

# ---- The boot stage, of a board that has one: boards/BOARD/boot/ -----------------

boot_c    := core/image.c core/image_version.c port/format.c $(addprefix port/flash/,boot_choice.c boot_handoff.c flash_window.c spi_nor.c trailer.c) \
             $(wildcard port/bearssl/*.c) $(addprefix boards/common/,cortex_m.c fault.c log.c memory.c startup.c) \
             $(addprefix boards/$(board)/,slots.c spi.c trial.c uart.c) build/firmware-key.c
boot_objs := $(boot_c:%.c=$(board_build)/boot/%.o) $(bearssl:%=$(board_build)/boot/bearssl/%.o) \
             $(boot_elf:.elf=.o)
boot_flags = $(subst -DBOARD_COMMANDS=1,-DBOARD_COMMANDS=0,$(board_flags))

$(board_build)/boot/bearssl/%.o: $(bearssl_source)/src/%.c boards/boards.mk | deps-boards
	$(call say,CC) mkdir -p $(@D); $(CROSS)gcc $(boot_flags) $(bearssl_flags) -Wall -Werror -c -o $@ $<

$(board_build)/boot/%.o: %.c boards/boards.mk | build/boards/include/jsmn.h
	$(call say,CC) mkdir -p $(@D); $(CROSS)gcc $(boot_flags) $(WARNINGS) -c -o $@ $<

$(board_build)/boot/boards/common/startup.o $(board_build)/boot/boards/common/memory.o: \
    board_flags += -fno-tree-loop-distribute-patterns -fno-lto

# What knows how long a trial is has a name of its own for each.
$(boot_elf:.elf=.o): boards/$(board)/boot/boot.c boards/boards.mk | build/boards/include/jsmn.h
	$(call say,CC) mkdir -p $(@D); $(CROSS)gcc $(boot_flags) $(WARNINGS) -c -o $@ $<

boot_link = $(CROSS)gcc $(subst $(board)/$(board).ld,$(board)/boot/boot.ld,$(board_link)) -Wl,-Map=$(@:.elf=.map) -o $@

$(boot_elf): $(boot_objs) $(wildcard boards/$(board)/*.ld boards/$(board)/boot/*.ld) boards/common/cortex_m.ld
	$(call say,LINK) $(boot_link) $(boot_objs)

-include $(boot_objs:.o=.d)

# To try it with: the same firmware as other versions, and firmware that is no use (tests/firmware), all signed.
trial_versions := 2.0.0 3.0.0
trial_bad      := $(patsubst tests/firmware/%.c,%,$(wildcard tests/firmware/*.c))
trial_images   := $(trial_versions:%=$(board_build)/dory-%.img) $(trial_bad:%=$(board_build)/%.img)

.PHONY: firmware-trials
firmware-trials: $(trial_images)

$(filter-out $(board_image),$(trial_versions:%=$(board_build)/dory-%.img)): $(board_build)/dory-%.img: \
    $(board_build)/dory.bin $(FIRMWARE_KEY) | build/gcc/dorysign
	$(call sign,$(board))

$(trial_bad:%=$(board_build)/%.elf): $(board_build)/%.elf: $(board_build)/boot/tests/firmware/%.o \
    $(addprefix $(board_build)/boot/,$(addprefix boards/common/,cortex_m.o fault.o log.o memory.o startup.o) port/format.o \
    $(addprefix boards/$(board)/,trial.o uart.o)) boards/$(board)/$(board).ld boards/common/cortex_m.ld
	$(call say,LINK) $(CROSS)gcc $(board_link) -o $@ $(filter %.o,$^)

$(trial_bad:%=$(board_build)/%.bin): %.bin: %.elf
	$(call say,COPY) $(CROSS)objcopy -O binary $< $@

$(trial_bad:%=$(board_build)/%.img): %.img: %.bin $(FIRMWARE_KEY) | build/gcc/dorysign
	$(call sign,$(board))

$(trial_versions:%=$(board_build)/dory-%.img): version = $(patsubst dory-%.img,%,$(@F))
$(trial_bad:%=$(board_build)/%.img): version = 9.0.0

# Each changes when the setting does: then what has it is compiled anew.
build/boards/name: setting = $(name)
build/boards/trial: setting = $(strip $(TRIAL))
build/boards/name build/boards/trial: always
	@mkdir -p $(@D); printf '%s' '$(setting)' | cmp -s - $@ || printf '%s' '$(setting)' >$@

$(board_build)/obj/boards/common/device.o: build/boards/name

-include $(board_objs:.o=.d)

# ---- Measuring ----------------------------------------------------------------

# The firmware but for its main(), and what is measured beside it.
bench_elf   := $(board_build)/bench.elf
bench_crc32 := $(patsubst %,$(board_build)/bench/crc32_%.o,16 256 1024)
bench_objs  := $(filter-out %/main.o,$(board_objs)) $(bench_crc32) $(board_build)/obj/boards/bench/bench.o \
               $(board_build)/lwip/apps/lwiperf/lwiperf.o

$(bench_crc32): $(board_build)/bench/crc32_%.o: core/crc32.c boards/boards.mk
	$(call say,CC) mkdir -p $(@D); \
	$(CROSS)gcc $(board_flags) $(WARNINGS) -UDORY_CRC32_TABLE -DDORY_CRC32_TABLE=$* -Ddory_crc32=bench_crc32_$* -c -o $@ $<

$(bench_elf): $(bench_objs) boards/$(board)/$(board).ld boards/common/cortex_m.ld
	$(call say,LINK) $(CROSS)gcc $(board_link) -Wl,-Map=$(@:.elf=.map) -o $@ $(bench_objs)

firmware-bench: $(bench_elf)

-include $(bench_objs:.o=.d)

# The emcraft-sf2 has no room for files of 8 MB.
benched := $(filter-out emcraft-sf2,$(BOARDS))

## Measure the emulated boards, in instructions a byte, and hold them against their goals
bench-boards: | deps-check
	@for board in $(benched); do $(MAKE) --no-print-directory BOARD=$$board firmware-bench; done
	@tests/bench/boards.py --build build/boards --json build/bench-boards.json

# ---- Running ----------------------------------------------------------------

sd_image = $(or $(SD),$(board_build)/sd.img)
# A board with a boot stage comes from the factory, as it were, whenever its firmware was made anew; its files stay.
slots_size = 4M
nor_image = $(or $(NOR),$(board_build)/nor.img)

## Run the firmware of BOARD, in QEMU but for hosted, its port 9002 at 127.0.0.1:PORT; Ctrl-A X ends QEMU
run: firmware
	@$(if $(sd.$(board)),[ -e $(sd_image) ] || truncate -s $(sd.$(board)) $(sd_image))
	@$(if $(nor.$(board)),[ -e $(nor_image) ] || tr '\000' '\377' </dev/zero | \
	    { head -c $(nor.$(board)) >$(nor_image); touch -d @0 $(nor_image); })
	@$(if $(boot_elf),[ $(nor_image) -nt $(board_image) ] || { cat $(board_image); tr '\000' '\377' </dev/zero; } | \
	    head -c $(slots_size) | dd of=$(nor_image) conv=notrunc status=none)
	$(if $(filter hosted,$(board)),build/hosted-gcc/hosted --listen 127.0.0.1:$(strip $(PORT))$(SIZED_PORT:%= --sized-commands 127.0.0.1:%)$(HEADED_PORT:%= --headed-commands 127.0.0.1:%),qemu-system-arm $(qemu.$(board)) -kernel $(or $(boot_elf),$(board_elf)) -nographic \
	    -nic user$(comma)hostfwd=tcp:127.0.0.1:$(strip $(PORT))-:9002$(comma)hostfwd=udp:127.0.0.1:$(strip $(PORT))-:9002$(plain_ports:%=$(comma)hostfwd=tcp:127.0.0.1:%-:%) \
	    $(if $(sd.$(board)),-drive if=sd$(comma)format=raw$(comma)file=$(sd_image)) \
	    $(if $(nor.$(board)),-drive if=mtd$(comma)format=raw$(comma)file=$(nor_image)))

comma := ,
