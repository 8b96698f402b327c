/* SPDX-License-Identifier: MIT */
/* Text and numbers to the UART and the crash log, without printf(). */
#include "log.h"

#include "../../port/format.h"
#include "board.h"
#include "crash_log.h"

void log_text(const char *text)
{
    crash_log_add(text);
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            board_put_char('\r');
        }
        board_put_char(*text);
    }
}

void log_decimal(uint32_t value)
{
    char room[FORMAT_ROOM];

    log_text(format_number(room, value, 10, 1));
}

void log_hex(uint32_t value)
{
    char room[FORMAT_ROOM];

    log_text(format_number(room, value, 16, 8));
}

void log_ip4(uint32_t address)
{
    const uint8_t *bytes = (const uint8_t *)&address;
    for (int i = 0; i < 4; i++) {
        if (i > 0) {
            log_text(".");
        }
        log_decimal(bytes[i]);
    }
}
